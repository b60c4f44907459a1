"""`alignment.group_advantages` and `alignment.kl_estimate`: what GRPO praises, and what it pays for leaving home."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week09.alignment import NOTEBOOK
from shared.llm.adapting.grpo import group_advantages, kl_estimate

GROUP = "Better than its group"
LEASH = "The leash"


# --- group_advantages ------------------------------------------------------------------------------------------------


def advantages_not_divided(rewards):
    return rewards - rewards.mean(dim=1, keepdim=True)


def advantages_not_centred(rewards):
    return rewards / (rewards.std(dim=1, keepdim=True) + 1e-4)


def advantages_over_the_batch(rewards):
    return (rewards - rewards.mean()) / (rewards.std() + 1e-4)


def advantages_with_the_batch_s_spread(rewards):
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std() + 1e-4)


def advantages_over_the_prompts(rewards):
    return (rewards - rewards.mean(dim=0)) / (rewards.std(dim=0) + 1e-4)


def advantages_by_the_variance(rewards):
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.var(dim=1, keepdim=True) + 1e-4)


def advantages_without_the_small_number(rewards):
    return (rewards - rewards.mean(dim=1, keepdim=True)) / rewards.std(dim=1, keepdim=True)


def advantages_by_n(rewards):
    spread = rewards.std(dim=1, keepdim=True, correction=0)
    return (rewards - rewards.mean(dim=1, keepdim=True)) / (spread + 1e-4)


def advantages_over_the_others(rewards):
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (rewards.shape[1] - 1)
    return (rewards - others) / (rewards.std(dim=1, keepdim=True) + 1e-4)


def advantages_from_the_best(rewards):
    best = rewards.max(dim=1, keepdim=True).values
    return (rewards - best) / (rewards.std(dim=1, keepdim=True) + 1e-4)


def advantages_by_the_median(rewards):
    middle = rewards.median(dim=1, keepdim=True).values
    return (rewards - middle) / (rewards.std(dim=1, keepdim=True) + 1e-4)


def advantages_as_ranks(rewards):
    return torch.softmax(rewards, dim=1)


def _row_by_row(rewards):
    rows = []
    for row in rewards:
        spread = ((row - row.mean()) ** 2).sum().div(len(row) - 1).sqrt()
        rows.append((row - row.mean()) / (spread + 1e-6))
    return torch.stack(rows)


def _only_where_they_differ(rewards):
    centred = rewards - rewards.mean(1, keepdim=True)
    spread = rewards.std(1, keepdim=True)
    return torch.where(spread > 1e-8, centred / spread.clamp(min=1e-8), torch.zeros_like(rewards))


GROUP_ADVANTAGES = Exercise(
    name="alignment.group_advantages",
    week=9,
    notebook=NOTEBOOK,
    reference=group_advantages,
    cases=(
        Case("one group", lambda: [torch.tensor([[1.0, 0.0, 0.0, 1.0]])], rtol=2e-3),
        Case(
            "groups of their own",
            lambda: [torch.tensor([[1.0, 0.0, 0.0], [5.0, 7.0, 9.0]])],
            rtol=2e-3,
        ),
        Case("many groups", lambda: [torch.randn(6, 8) + torch.arange(6.0)[:, None]], rtol=2e-3),
        Case(
            "a group that earned the same",
            lambda: [torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])],
            rtol=2e-3,
            says="where all of a group earn the same, the spread is 0, and 0 / 0 is nan: add a small number to it.",
        ),
    ),
    mistakes=(
        Mistake(
            advantages_not_divided,
            "the division by the group's standard deviation is missing (Dr. GRPO leaves it out on purpose; here "
            "it is asked for).",
            GROUP,
        ),
        Mistake(
            advantages_not_centred,
            "the group's mean must be subtracted first: otherwise every answer that earned something is praised.",
            GROUP,
        ),
        Mistake(
            advantages_over_the_batch,
            "mean and spread were taken over all prompts: each row is a group, and is compared with itself (dim=1).",
            GROUP,
        ),
        Mistake(
            advantages_with_the_batch_s_spread,
            "the mean is the group's, and the standard deviation was taken over all prompts: it needs dim=1 too.",
            GROUP,
        ),
        Mistake(
            advantages_over_the_prompts,
            "answers to different prompts were compared (dim=0): a group is a row, so dim=1.",
            GROUP,
        ),
        Mistake(
            advantages_by_the_variance,
            "divided by the variance; asked for is the standard deviation, its root.",
            GROUP,
        ),
        Mistake(
            advantages_without_the_small_number,
            "where all of a group earn the same, 0 / 0 is nan, which spoils all weights: add a small number to "
            "the spread.",
            GROUP,
        ),
        Mistake(
            advantages_by_n,
            "the standard deviation was made with n; torch's own, with n − 1, is asked for.",
            GROUP,
        ),
        Mistake(
            advantages_over_the_others,
            "each answer was compared with the mean of the others (RLOO does that); here the mean is of the "
            "whole group.",
            GROUP,
        ),
        Mistake(
            advantages_from_the_best,
            "the group's best was subtracted, so that no answer is ever praised: subtract the mean.",
            GROUP,
        ),
        Mistake(
            advantages_by_the_median,
            "the median was subtracted; asked for is the mean, so that praise and blame of a group cancel.",
            GROUP,
        ),
        Mistake(
            advantages_as_ranks,
            "softmax makes shares that are all above 0: no answer would be blamed. Subtract the mean, divide by "
            "the spread.",
            GROUP,
        ),
    ),
    hints=(
        "What did the other answers to the same prompt earn? In which dimension do they stand?",
        "Subtract each row's mean, keepdim=True, and divide by each row's standard deviation plus a small number.",
        "return (rewards - rewards.mean(dim=1, keepdim=True)) / (rewards.std(dim=1, keepdim=True) + 1e-4)",
    ),
    alternatives=(_row_by_row, _only_where_they_differ),
)


# --- kl_estimate -----------------------------------------------------------------------------------------------------


def kl_by_the_logarithm(new, reference):
    return new - reference


def kl_with_the_sign_turned(new, reference):
    return reference - new


def kl_by_half_the_square(new, reference):
    return (new - reference) ** 2 / 2


def kl_upside_down(new, reference):
    return torch.exp(new - reference) - (new - reference) - 1


def kl_without_the_one(new, reference):
    return torch.exp(reference - new) - (reference - new)


def kl_without_the_difference(new, reference):
    return torch.exp(reference - new) - 1


def kl_with_the_difference_added(new, reference):
    return torch.exp(reference - new) + (reference - new) - 1


def kl_as_a_distance(new, reference):
    return (new - reference).abs()


def kl_weighted_again(new, reference):
    return torch.exp(new) * (new - reference)


def kl_averaged(new, reference):
    return kl_estimate(new, reference).mean()


def _by_expm1(new, reference):
    return torch.expm1(reference - new) - (reference - new)


def _by_the_ratio(new, reference):
    ratio = torch.exp(reference) / torch.exp(new)
    return (ratio - 1) - torch.log(ratio)


KL_ESTIMATE = Exercise(
    name="alignment.kl_estimate",
    week=9,
    notebook=NOTEBOOK,
    reference=kl_estimate,
    cases=(
        Case(
            "two tokens",
            lambda: [torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()],
        ),
        Case("several answers", lambda: [-3 * torch.rand(3, 4), -3 * torch.rand(3, 4)]),
        Case("no difference", lambda: [torch.tensor([-1.0, -2.0]), torch.tensor([-1.0, -2.0])]),
        Case(
            "gradients",
            lambda: [-3 * torch.rand(2, 3), -3 * torch.rand(2, 3)],
            run=call_with_gradients,
        ),
    ),
    mistakes=(
        Mistake(
            kl_by_the_logarithm,
            "log π − log π_reference is right in the mean, but negative for half of the tokens: subtract it from "
            "e^d − 1.",
            LEASH,
        ),
        Mistake(
            kl_with_the_sign_turned,
            "that is d alone: the estimate is e^d − d − 1.",
            LEASH,
        ),
        Mistake(
            kl_by_half_the_square,
            "d² / 2 is close for small d (it is Schulman's second estimator) and not right in the mean: e^d − d − 1.",
            LEASH,
        ),
        Mistake(
            kl_upside_down,
            "d has the wrong sign: it is the reference's logarithm minus the model's own, since the model drew "
            "the tokens.",
            LEASH,
        ),
        Mistake(
            kl_without_the_one,
            "the − 1 is missing: where model and reference agree the divergence is 0, and e^0 is 1.",
            LEASH,
        ),
        Mistake(
            kl_without_the_difference,
            "e^d − 1 is 0 in the mean, whatever the two models are: subtract d too.",
            LEASH,
        ),
        Mistake(
            kl_with_the_difference_added,
            "d was added: it is subtracted, e^d − d − 1.",
            LEASH,
        ),
        Mistake(
            kl_as_a_distance,
            "the absolute value is never negative, but not right in the mean: e^d − d − 1 is both.",
            LEASH,
        ),
        Mistake(
            kl_weighted_again,
            "the tokens were drawn from the model, so its probability is in the mean already: do not multiply by "
            "it again.",
            LEASH,
        ),
        Mistake(
            kl_averaged,
            "that is the mean; an estimate for each token is wanted, in the shape of the inputs.",
            LEASH,
        ),
    ),
    hints=(
        "What is d for a token that the model likes more than the reference does: positive, or negative?",
        "d = reference − new. Then e^d, minus d, minus 1, for each token.",
        "difference = reference - new; return torch.exp(difference) - difference - 1",
    ),
    alternatives=(_by_expm1, _by_the_ratio),
)
