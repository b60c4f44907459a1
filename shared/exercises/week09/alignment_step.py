"""`alignment.policy_loss`: a step on each token, but not too far."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.alignment import NOTEBOOK
from shared.llm.adapting.grpo import policy_loss

STEP = "A step, but not too far"


def _clipped(ratio, a, clip):
    return -torch.minimum(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a)


def policy_without_the_minus(new, old, advantages, clip=0.2):
    return -_clipped(torch.exp(new - old), advantages[:, None], clip)


def policy_with_the_ratio_upside_down(new, old, advantages, clip=0.2):
    return _clipped(torch.exp(old - new), advantages[:, None], clip)


def policy_without_exp(new, old, advantages, clip=0.2):
    return _clipped(new - old, advantages[:, None], clip)


def policy_with_quotients_of_logarithms(new, old, advantages, clip=0.2):
    return _clipped(new / old, advantages[:, None], clip)


def policy_not_clipped(new, old, advantages, clip=0.2):
    return -torch.exp(new - old) * advantages[:, None]


def policy_clipped_only(new, old, advantages, clip=0.2):
    return -torch.exp(new - old).clamp(1 - clip, 1 + clip) * advantages[:, None]


def policy_with_the_larger(new, old, advantages, clip=0.2):
    ratio, a = torch.exp(new - old), advantages[:, None]
    return -torch.maximum(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a)


def policy_with_the_smaller_ratio(new, old, advantages, clip=0.2):
    ratio = torch.exp(new - old)
    return -torch.minimum(ratio, ratio.clamp(1 - clip, 1 + clip)) * advantages[:, None]


def policy_clipped_about_zero(new, old, advantages, clip=0.2):
    ratio, a = torch.exp(new - old), advantages[:, None]
    return -torch.minimum(ratio * a, ratio.clamp(-clip, clip) * a)


def policy_with_the_product_clipped(new, old, advantages, clip=0.2):
    gain = torch.exp(new - old) * advantages[:, None]
    return -torch.minimum(gain, gain.clamp(1 - clip, 1 + clip))


def policy_clipped_at_a_fifth_always(new, old, advantages, clip=0.2):
    return _clipped(torch.exp(new - old), advantages[:, None], 0.2)


def policy_with_advantages_along_the_text(new, old, advantages, clip=0.2):
    return _clipped(torch.exp(new - old), advantages, clip)


def policy_of_whole_answers(new, old, advantages, clip=0.2):
    ratio = torch.exp((new - old).sum(dim=1, keepdim=True)).expand_as(new)
    return _clipped(ratio, advantages[:, None], clip)


def policy_averaged(new, old, advantages, clip=0.2):
    return policy_loss(new, old, advantages, clip).mean()


def _by_the_larger_loss(new, old, advantages, clip=0.2):
    ratio, a = (new - old.detach()).exp(), advantages.unsqueeze(1)
    return torch.max(-a * ratio, -a * torch.clamp(ratio, 1 - clip, 1 + clip))


def _by_cases(new, old, advantages, clip=0.2):
    ratio = torch.exp(new) / torch.exp(old)
    a = advantages.reshape(-1, 1)
    return -torch.where(a > 0, ratio.clamp(max=1 + clip), ratio.clamp(min=1 - clip)) * a


def _of_the_new(implementation, new, old, advantages, clip):
    """The losses, and the gradient for the new log-probabilities: the old ones were drawn and stay."""
    new = new.clone().requires_grad_()
    losses = implementation(new, old, advantages, clip)
    if not isinstance(losses, torch.Tensor):
        return {"output": losses}
    losses.sum().backward()
    return {"output": losses.detach(), "gradient of new": new.grad}


def _answers(n, length):
    old = -2 * torch.rand(n, length) - 0.05
    new = (old + 0.4 * torch.randn(n, length)).clamp(max=-0.01)
    return new, old, torch.randn(n) * 1.2


_LOGS = torch.tensor([0.6, 0.9, 0.6, 0.3]).log(), torch.tensor([0.5, 0.6, 0.5, 0.5]).log()

POLICY_LOSS = Exercise(
    name="alignment.policy_loss",
    week=9,
    notebook=NOTEBOOK,
    reference=policy_loss,
    cases=(
        Case(
            "four tokens, one answer each",
            lambda: [
                *(x.clone()[:, None] for x in _LOGS),
                torch.tensor([1.0, 1.0, -1.0, -1.0]),
                0.25,
            ],
        ),
        Case("several tokens", lambda: [*_answers(5, 3), 0.2]),
        Case("as many answers as tokens", lambda: [*_answers(4, 4), 0.3]),
        Case("ε of its own", lambda: [*_answers(3, 2)]),
        Case("gradients", lambda: [*_answers(6, 4), 0.15], run=_of_the_new),
    ),
    mistakes=(
        Mistake(
            policy_without_the_minus,
            "the minus is missing: gradient descent would make the praised answers rarer.",
            STEP,
        ),
        Mistake(
            policy_with_the_ratio_upside_down,
            "the ratio is upside down: it is new over old, exp(new − old).",
            STEP,
        ),
        Mistake(
            policy_without_exp,
            "new − old is the logarithm of the ratio: take exp of it.",
            STEP,
        ),
        Mistake(
            policy_with_quotients_of_logarithms,
            "logarithms were divided: the ratio of the probabilities is exp(new − old).",
            STEP,
        ),
        Mistake(
            policy_not_clipped,
            "nothing is clipped: the smaller of ratio · A and clipped ratio · A is wanted.",
            STEP,
        ),
        Mistake(
            policy_clipped_only,
            "only the clipped ratio counts here, so that a token that went the wrong way is stuck: take the "
            "smaller of the two.",
            STEP,
        ),
        Mistake(
            policy_with_the_larger,
            "the larger gain was taken, which lets a token run away: take the minimum of the two, and then the minus.",
            STEP,
        ),
        Mistake(
            policy_with_the_smaller_ratio,
            "the minimum was taken of the ratios: take it of the products with A, since a negative A turns the "
            "order round.",
            STEP,
        ),
        Mistake(
            policy_clipped_about_zero,
            "the ratio was clipped to −ε … ε: unchanged means a ratio of 1, so the bounds are 1 − ε and 1 + ε.",
            STEP,
        ),
        Mistake(
            policy_with_the_product_clipped,
            "the product was clipped: clip the ratio, and multiply by A afterwards.",
            STEP,
        ),
        Mistake(
            policy_clipped_at_a_fifth_always,
            "ε is always 0.2: that is only its default, use the argument clip.",
            STEP,
        ),
        Mistake(
            policy_with_advantages_along_the_text,
            "the advantages ran along the tokens: each answer (row) has one, so they need the shape (n, 1).",
            STEP,
        ),
        Mistake(
            policy_of_whole_answers,
            "one ratio was made for the whole answer (GSPO does that); here each token has its own.",
            STEP,
        ),
        Mistake(
            policy_averaged,
            "that is the mean; a loss for each token is wanted, (n, length): padding is still among them.",
            STEP,
        ),
    ),
    hints=(
        "How many times as likely is each token now as when it was drawn? You have the logarithms of both.",
        "ratio = exp(new − old), and A as a column. Two gains: ratio · A, and the ratio between 1 − ε and 1 "
        "+ ε, times A. "
        "The loss is minus the smaller one.",
        "return -torch.minimum(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a), with a = advantages[:, None]",
    ),
    alternatives=(_by_the_larger_loss, _by_cases),
)
