"""`scaling.training_flops` and `fit_loss`: what runs cost, and a law for those not yet done."""

import numpy as np

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.scaling_budget import COMPUTE_OPTIMAL, LEAVE_OUT_INTERVAL
from shared.llm.scaling import fit_loss, training_flops

NOTEBOOK = "week09_llm/4_explore_scaling_laws.ipynb"
FLOPS = "Count the FLOPs"
FIT = "How badly a law fits"


# --- training_flops --------------------------------------------------------------------------------------------------


def flops_of_6nd(n_params, n_layers, d_model, context, tokens):
    return 6 * n_params * tokens


def flops_of_the_forward_pass(n_params, n_layers, d_model, context, tokens):
    return (2 * n_params + 2 * n_layers * context * d_model) * tokens


def flops_with_a_backward_pass_as_cheap(n_params, n_layers, d_model, context, tokens):
    return 2 * (2 * n_params + 2 * n_layers * context * d_model) * tokens


def flops_without_additions(n_params, n_layers, d_model, context, tokens):
    return 3 * (n_params + n_layers * context * d_model) * tokens


def flops_of_one_per_parameter(n_params, n_layers, d_model, context, tokens):
    return 3 * (n_params + 2 * n_layers * context * d_model) * tokens


def flops_without_the_mask(n_params, n_layers, d_model, context, tokens):
    return 3 * (2 * n_params + 4 * n_layers * context * d_model) * tokens


def flops_of_the_scores_only(n_params, n_layers, d_model, context, tokens):
    return 3 * (2 * n_params + n_layers * context * d_model) * tokens


def flops_of_one_block(n_params, n_layers, d_model, context, tokens):
    return 3 * (2 * n_params + 2 * context * d_model) * tokens


def flops_of_one_token(n_params, n_layers, d_model, context, tokens):
    return 3 * (2 * n_params + 2 * n_layers * context * d_model)


def flops_with_attention_forward_only(n_params, n_layers, d_model, context, tokens):
    return (6 * n_params + 2 * n_layers * context * d_model) * tokens


def _by_pieces(n_params, n_layers, d_model, context, tokens):
    seen = context / 2
    score, mixture = 2 * d_model * seen, 2 * d_model * seen
    forward = 2 * n_params + n_layers * (score + mixture)
    backward = 2 * forward
    return (forward + backward) * tokens


TRAINING_FLOPS = Exercise(
    name="scaling.training_flops",
    week=9,
    notebook=NOTEBOOK,
    reference=training_flops,
    cases=(
        Case("on paper", lambda: [100, 2, 4, 8, 10]),
        Case("one block, one token", lambda: [50, 1, 2, 4, 1]),
        Case("this notebook's sizes", lambda: [33_568, 2, 32, 64, 1_048_576]),
        Case("a large model", lambda: [7_000_000_000, 32, 4_096, 2_048, 10**12]),
    ),
    mistakes=(
        Mistake(
            flops_of_6nd,
            "attention is missing: beside the parameters, each block computes scores and mixtures over the window.",
            FLOPS,
        ),
        Mistake(
            flops_of_the_forward_pass,
            "that is the forward pass; the backward pass takes twice as much again, so three times this in all.",
            FLOPS,
        ),
        Mistake(
            flops_with_a_backward_pass_as_cheap,
            "the backward pass takes twice as much as the forward pass, not as much: one gradient for what came in, "
            "and one for the weights.",
            FLOPS,
        ),
        Mistake(
            flops_without_additions,
            "a multiplication and an addition are two operations: everything here is half of what it should be.",
            FLOPS,
        ),
        Mistake(
            flops_of_one_per_parameter,
            "each parameter takes a multiplication and an addition, 2 · n_params.",
            FLOPS,
        ),
        Mistake(
            flops_without_the_mask,
            "a token looks at context / 2 others on average, since the future is masked.",
            FLOPS,
        ),
        Mistake(
            flops_of_the_scores_only,
            "scores and mixtures both take 2 · d_model for each token that is looked at; one of them is missing.",
            FLOPS,
        ),
        Mistake(
            flops_of_one_block,
            "every block has its attention: multiply that part by n_layers.",
            FLOPS,
        ),
        Mistake(
            flops_of_one_token,
            "that is one token: multiply by tokens.",
            FLOPS,
        ),
        Mistake(
            flops_with_attention_forward_only,
            "attention has a backward pass too: the 3 goes with both parts.",
            FLOPS,
        ),
    ),
    hints=(
        "What does one token cost in the forward pass? And how many times that is the whole step?",
        "forward = 2 · n_params + n_layers · (context / 2) · (2 · d_model for scores + 2 · d_model for mixtures); "
        "backward is twice as much.",
        "return 3 * (2 * n_params + 2 * n_layers * context * d_model) * tokens",
    ),
    alternatives=(_by_pieces,),
)


# --- fit_loss --------------------------------------------------------------------------------------------------------


def _predicted(theta, n, d):
    a, b, e, alpha, beta = theta
    return np.exp(e) + np.exp(a) / n**alpha + np.exp(b) / d**beta


def _huber(off, delta):
    off = np.abs(off)
    return np.where(off <= delta, off**2 / 2, delta * (off - delta / 2))


def fit_in_nats(theta, n, d, loss, delta=1e-3):
    return float(_huber(_predicted(theta, n, d) - loss, delta).sum())


def fit_of_squares(theta, n, d, loss, delta=1e-3):
    return float(((np.log(_predicted(theta, n, d)) - np.log(loss)) ** 2 / 2).sum())


def fit_with_a_jump(theta, n, d, loss, delta=1e-3):
    off = np.abs(np.log(_predicted(theta, n, d)) - np.log(loss))
    return float(np.where(off <= delta, off**2 / 2, delta * off).sum())


def fit_without_the_half(theta, n, d, loss, delta=1e-3):
    off = np.abs(np.log(_predicted(theta, n, d)) - np.log(loss))
    return float(np.where(off <= delta, off**2, delta * (off - delta / 2)).sum())


def fit_by_the_mean(theta, n, d, loss, delta=1e-3):
    return float(_huber(np.log(_predicted(theta, n, d)) - np.log(loss), delta).mean())


def fit_without_absolute_values(theta, n, d, loss, delta=1e-3):
    off = np.log(_predicted(theta, n, d)) - np.log(loss)
    return float(np.where(off <= delta, off**2 / 2, delta * (off - delta / 2)).sum())


def fit_without_exp(theta, n, d, loss, delta=1e-3):
    a, b, e, alpha, beta = theta
    predicted = np.abs(e + a / n**alpha + b / d**beta) + 1e-12
    return float(_huber(np.log(predicted) - np.log(loss), delta).sum())


def fit_with_exponents_swapped(theta, n, d, loss, delta=1e-3):
    a, b, e, alpha, beta = theta
    return fit_loss((a, b, e, beta, alpha), n, d, loss, delta)


def fit_with_n_and_d_swapped(theta, n, d, loss, delta=1e-3):
    return fit_loss(theta, d, n, loss, delta)


def fit_where_more_is_worse(theta, n, d, loss, delta=1e-3):
    a, b, e, alpha, beta = theta
    return fit_loss((a, b, e, -alpha, -beta), n, d, loss, delta)


def fit_of_a_product(theta, n, d, loss, delta=1e-3):
    a, b, e, alpha, beta = theta
    predicted = np.exp(e) + np.exp(a + b) / (n**alpha * d**beta)
    return float(_huber(np.log(predicted) - np.log(loss), delta).sum())


def fit_with_delta_as_it_is(theta, n, d, loss, delta=1e-3):
    return fit_loss(theta, n, d, loss)


def _with_logaddexp(theta, n, d, loss, delta=1e-3):
    """The same as the paper writes it, with a log-sum-exp; Huber by the part that is cut off."""
    a, b, e, alpha, beta = theta
    parts = np.stack([a - alpha * np.log(n), b - beta * np.log(d), np.full(len(n), e)])
    off = np.abs(np.logaddexp.reduce(parts) - np.log(loss))
    inside = np.minimum(off, delta)
    return np.sum(inside * (off - inside / 2))


_THETA = (3.0, 4.0, 0.0, 0.3, 0.4)


def _runs(*factors: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs whose losses are those of the law of _THETA, times a factor each."""
    n = np.array([1e3, 1e4, 1e5, 1e6])[: len(factors)]
    d = np.array([1e5, 1e5, 1e6, 1e7])[: len(factors)]
    return n, d, _predicted(_THETA, n, d) * np.array(factors)


def _fit_case(proves: str, *factors: float, delta: tuple[float, ...] = ()) -> Case:
    return Case(proves, lambda: [_THETA, *_runs(*factors), *delta], rtol=1e-5, atol=1e-13)


FIT_LOSS = Exercise(
    name="scaling.fit_loss",
    week=9,
    notebook=NOTEBOOK,
    reference=fit_loss,
    cases=(
        Case(
            "on paper",
            lambda: [(0.0, 0.0, 0.0, 1.0, 1.0), np.array([2.0]), np.array([4.0]), np.array([2.0])],
            atol=1e-13,
        ),
        _fit_case("a small error", 1.0005),
        _fit_case("measured above the law", 1.05),
        _fit_case("measured below the law", 0.95),
        _fit_case("several runs", 1.0003, 1.02, 0.97, 0.9995),
        _fit_case("another δ", 1.0003, 1.02, 0.97, 0.9995, delta=(0.025,)),
    ),
    mistakes=(
        Mistake(
            fit_in_nats,
            "compared are logarithms, log of the predicted and log of the measured loss, so that an error of 1 % "
            "weighs the same in every run.",
            FIT,
        ),
        Mistake(
            fit_of_squares,
            "errors beyond δ are squared too: there it is δ · (|r| − δ/2), so that one bad run cannot pull the law.",
            FIT,
        ),
        Mistake(
            fit_with_a_jump,
            "the two pieces do not meet at |r| = δ: beyond it is δ · (|r| − δ/2).",
            FIT,
        ),
        Mistake(
            fit_without_the_half,
            "inside δ it is r²/2; the half is missing, and the pieces do not meet.",
            FIT,
        ),
        Mistake(
            fit_by_the_mean,
            "that is the mean over runs; asked is the sum.",
            FIT,
        ),
        Mistake(
            fit_without_absolute_values,
            "where the law is too low, r is negative and every size of it passes for small: take |r|.",
            FIT,
        ),
        Mistake(
            fit_without_exp,
            "theta holds a, b and e; the law has A = exp(a), B = exp(b) and E = exp(e).",
            FIT,
        ),
        Mistake(
            fit_with_exponents_swapped,
            "α belongs to N and β to D; they are exchanged.",
            FIT,
        ),
        Mistake(
            fit_with_n_and_d_swapped,
            "N and D are exchanged: A / N^α and B / D^β.",
            FIT,
        ),
        Mistake(
            fit_where_more_is_worse,
            "the powers stand below the line, A / N^α: as it is, more parameters make the loss larger.",
            FIT,
        ),
        Mistake(
            fit_of_a_product,
            "A / N^α and B / D^β are added up, each what is lost for want of one thing; they were multiplied.",
            FIT,
        ),
        Mistake(
            fit_with_delta_as_it_is,
            "delta has no effect: compare with it, and not with 0.001.",
            FIT,
        ),
    ),
    hints=(
        "What does the law predict for each run, as an array? And what is r?",
        "predicted = exp(e) + exp(a) / n**alpha + exp(b) / d**beta; r = log(predicted) − log(loss); then Huber of |r| "
        "by np.where, and the sum.",
        "off = np.abs(np.log(predicted) - np.log(loss)); "
        "return np.where(off <= delta, off**2 / 2, delta * (off - delta / 2)).sum()",
    ),
    alternatives=(_with_logaddexp,),
)


SCALING = (TRAINING_FLOPS, FIT_LOSS, COMPUTE_OPTIMAL, LEAVE_OUT_INTERVAL)
