"""`alignment.bradley_terry_loss` and `alignment.dpo_loss`: learning from comparisons of two answers."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.llm.adapting.preferences import bradley_terry_loss, dpo_loss

NOTEBOOK = "week09_llm/4_explore_alignment.ipynb"
JUDGE = "Learn the judge"
WITHOUT = "Without a judge"


# --- bradley_terry_loss ----------------------------------------------------------------------------------------------


def bt_the_wrong_way_round(chosen, rejected):
    return -nn.functional.logsigmoid(rejected - chosen).mean()


def bt_without_the_minus(chosen, rejected):
    return nn.functional.logsigmoid(chosen - rejected).mean()


def bt_without_the_logarithm(chosen, rejected):
    return -torch.sigmoid(chosen - rejected).mean()


def bt_share_in_the_wrong_order(chosen, rejected):
    return 1 - torch.sigmoid(chosen - rejected).mean()


def bt_log_of_the_sigmoid(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected)).mean()


def bt_logarithm_of_the_mean(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected).mean())


def bt_summed(chosen, rejected):
    return -nn.functional.logsigmoid(chosen - rejected).sum()


def bt_of_each_pair(chosen, rejected):
    return -nn.functional.logsigmoid(chosen - rejected)


def bt_each_by_itself(chosen, rejected):
    return -(nn.functional.logsigmoid(chosen) + nn.functional.logsigmoid(-rejected)).mean()


def bt_of_the_ratio(chosen, rejected):
    return -nn.functional.logsigmoid(chosen / rejected).mean()


def bt_as_a_hinge(chosen, rejected):
    return torch.relu(1 - (chosen - rejected)).mean()


def bt_of_the_means(chosen, rejected):
    return -nn.functional.logsigmoid(chosen.mean() - rejected.mean())


def _by_softplus(chosen, rejected):
    return nn.functional.softplus(rejected - chosen).mean()


def _by_cross_entropy(chosen, rejected):
    both = torch.stack(
        [chosen, rejected], dim=1
    )  # (n, 2): which of the two is the better one? number 0
    return nn.functional.cross_entropy(both, torch.zeros(len(both), dtype=torch.long))


def _some(n, count=2, scale=1.5):
    return list(scale * torch.randn(count, n))


BRADLEY_TERRY = Exercise(
    name="alignment.bradley_terry_loss",
    week=9,
    notebook=NOTEBOOK,
    reference=bradley_terry_loss,
    cases=(
        Case("two pairs", lambda: [torch.tensor([2.0, 0.5]), torch.tensor([1.0, 0.5])]),
        Case("many pairs", lambda: _some(20)),
        Case("gradients", lambda: _some(9), run=call_with_gradients),
        Case(
            "rewards 400 apart, either way",
            lambda: [torch.tensor([200.0, -200.0]), torch.tensor([-200.0, 200.0])],
            says="where the judge is very sure and wrong, σ is 0 in float32 and its logarithm −∞: use logsigmoid.",
        ),
    ),
    mistakes=(
        Mistake(
            bt_the_wrong_way_round,
            "rejected − chosen rewards the judge for preferring the worse answer: the difference is chosen − rejected.",
            JUDGE,
        ),
        Mistake(
            bt_without_the_minus,
            "the minus is missing: log σ is never above 0, and a loss must fall where the right order gets likelier.",
            JUDGE,
        ),
        Mistake(
            bt_without_the_logarithm,
            "that is the probability and not its logarithm: the loss is −log σ(chosen − rejected).",
            JUDGE,
        ),
        Mistake(
            bt_share_in_the_wrong_order,
            "1 − σ is the probability of the wrong order; the loss is the negative logarithm of the right one's.",
            JUDGE,
        ),
        Mistake(
            bt_log_of_the_sigmoid,
            "log(sigmoid(x)) is −∞ at x = −400, since sigmoid rounds to 0 there: logsigmoid does both in one step.",
            JUDGE,
        ),
        Mistake(
            bt_logarithm_of_the_mean,
            "the logarithm was taken of the mean probability: take it for each pair, and the mean afterwards.",
            JUDGE,
        ),
        Mistake(
            bt_summed,
            "that is the sum over the pairs, and the mean is wanted: otherwise a larger batch means larger steps.",
            JUDGE,
        ),
        Mistake(
            bt_of_each_pair,
            "that is a loss for each pair; one number is wanted, the mean.",
            JUDGE,
        ),
        Mistake(
            bt_each_by_itself,
            "each answer was judged by itself, good or bad: a comparison says only that one is better, so "
            "subtract first.",
            JUDGE,
        ),
        Mistake(
            bt_of_the_ratio,
            "rewards were divided: the model compares them by their difference, chosen − rejected.",
            JUDGE,
        ),
        Mistake(
            bt_as_a_hinge,
            "that is a hinge, max(0, 1 − difference), of which a margin of 1 is enough; wanted is −log σ(difference).",
            JUDGE,
        ),
        Mistake(
            bt_of_the_means,
            "the rewards were averaged before they were compared: compare within each pair, then take the mean.",
            JUDGE,
        ),
    ),
    hints=(
        "What is the probability, under the model, that the pair was put in the order in which it was put?",
        "σ of the difference of the two rewards. The loss is its negative logarithm, in the mean over the pairs; "
        "nn.functional.logsigmoid computes log σ without running into log 0.",
        "return -nn.functional.logsigmoid(chosen - rejected).mean()",
    ),
    alternatives=(_by_softplus, _by_cross_entropy),
)


# --- dpo_loss --------------------------------------------------------------------------------------------------------


def _dpo(difference):
    return -nn.functional.logsigmoid(difference).mean()


def dpo_without_the_reference(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(beta * (chosen - rejected))


def dpo_without_beta(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo((chosen - reference_chosen) - (rejected - reference_rejected))


def dpo_with_a_tenth_always(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(0.1 * ((chosen - reference_chosen) - (rejected - reference_rejected)))


def dpo_with_beta_outside(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return beta * _dpo((chosen - reference_chosen) - (rejected - reference_rejected))


def dpo_divided_by_beta(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(((chosen - reference_chosen) - (rejected - reference_rejected)) / beta)


def dpo_with_beta_on_the_model_only(
    chosen, rejected, reference_chosen, reference_rejected, beta=0.1
):
    return _dpo(beta * (chosen - rejected) - (reference_chosen - reference_rejected))


def dpo_the_wrong_way_round(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(beta * ((rejected - reference_rejected) - (chosen - reference_chosen)))


def dpo_without_the_minus(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return -_dpo(beta * ((chosen - reference_chosen) - (rejected - reference_rejected)))


def dpo_with_the_reference_added(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(beta * ((chosen + reference_chosen) - (rejected + reference_rejected)))


def dpo_of_ratios_of_logarithms(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    return _dpo(beta * (chosen / reference_chosen - rejected / reference_rejected))


def dpo_of_ratios_of_probabilities(
    chosen, rejected, reference_chosen, reference_rejected, beta=0.1
):
    ratio = torch.exp(chosen - reference_chosen) - torch.exp(rejected - reference_rejected)
    return _dpo(beta * ratio)


def dpo_of_each_pair(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    both = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -nn.functional.logsigmoid(beta * both)


def _by_margins(chosen, rejected, reference_chosen, reference_rejected, beta=0.1):
    """The model's own preference beyond the reference's, written as in trl; the reference gets no gradient."""
    preference = chosen - rejected - (reference_chosen - reference_rejected).detach()
    return nn.functional.softplus(-beta * preference).mean()


def _of_the_model(implementation, chosen, rejected, reference_chosen, reference_rejected, beta):
    """The loss, and its gradient for the model's own two inputs: the reference does not learn."""
    chosen, rejected = (x.clone().requires_grad_() for x in (chosen, rejected))
    loss = implementation(chosen, rejected, reference_chosen, reference_rejected, beta)
    if not isinstance(loss, torch.Tensor):
        return {"output": loss}
    loss.sum().backward()
    return {
        "output": loss.detach(),
        "gradient of chosen": chosen.grad,
        "gradient of rejected": rejected.grad,
    }


def _log_probabilities(n):
    return [-8 * torch.rand(n) - 0.1 for _ in range(4)]


DPO = Exercise(
    name="alignment.dpo_loss",
    week=9,
    notebook=NOTEBOOK,
    reference=dpo_loss,
    cases=(
        Case(
            "one pair",
            lambda: [torch.tensor([x]) for x in (-1.0, -3.0, -2.0, -2.5)] + [0.5],
        ),
        Case("many pairs", lambda: [*_log_probabilities(12), 0.3]),
        Case("β of its own", lambda: _log_probabilities(3)),
        Case("gradients", lambda: [*_log_probabilities(5), 0.7], run=_of_the_model),
        Case(
            "logarithms 600 apart",
            lambda: [torch.tensor([x]) for x in (-600.0, -1.0, -1.0, -600.0)] + [0.5],
            says=(
                "where the model prefers the worse answer by far, σ is 0 in float32: bradley_terry_loss copes with "
                "it."
            ),
        ),
    ),
    mistakes=(
        Mistake(
            dpo_without_the_reference,
            "the reference is missing: the reward is how much likelier an answer became, log π − log π_reference.",
            WITHOUT,
        ),
        Mistake(
            dpo_without_beta,
            "β has no effect: each difference is multiplied by it before the two are compared.",
            WITHOUT,
        ),
        Mistake(
            dpo_with_a_tenth_always,
            "β is always 0.1: that is only its default, use the argument.",
            WITHOUT,
        ),
        Mistake(
            dpo_with_beta_outside,
            "β stands outside and only scales the loss: it belongs inside, the reward is β · (log π − log "
            "π_reference).",
            WITHOUT,
        ),
        Mistake(
            dpo_divided_by_beta,
            "the differences were divided by β: the reward is β times the difference.",
            WITHOUT,
        ),
        Mistake(
            dpo_with_beta_on_the_model_only,
            "β was applied to the model and not to the reference: subtract first, then multiply by β.",
            WITHOUT,
        ),
        Mistake(
            dpo_the_wrong_way_round,
            "the difference is the wrong way round: chosen before rejected, and the model before the reference.",
            WITHOUT,
        ),
        Mistake(
            dpo_without_the_minus,
            "the minus of −log σ is missing: this loss would fall where the worse answer gets likelier.",
            WITHOUT,
        ),
        Mistake(
            dpo_with_the_reference_added,
            "the reference was added, or those of the two answers were exchanged: subtract from each answer's "
            "log π its own log π_reference.",
            WITHOUT,
        ),
        Mistake(
            dpo_of_ratios_of_logarithms,
            "log-probabilities were divided: the logarithm of π / π_reference is the difference of the two logarithms.",
            WITHOUT,
        ),
        Mistake(
            dpo_of_ratios_of_probabilities,
            "the quotient of the probabilities was used without its logarithm: leave the difference as it is, "
            "without exp.",
            WITHOUT,
        ),
        Mistake(
            dpo_of_each_pair,
            "that is a loss for each pair; one number is wanted, the mean.",
            WITHOUT,
        ),
    ),
    hints=(
        "Which number takes the place of the judge's reward of an answer?",
        "β · (log π(answer) − log π_reference(answer)), once for the better and once for the worse answer. "
        "With those two "
        "rewards it is the loss that you have written already.",
        "return bradley_terry_loss(beta * (chosen - reference_chosen), beta * (rejected - reference_rejected))",
    ),
    alternatives=(_by_margins,),
)
