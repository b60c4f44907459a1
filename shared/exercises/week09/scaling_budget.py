"""`scaling.compute_optimal` and `leave_out_interval`: what a law advises and promises."""

import numpy as np

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.scaling import Law, compute_optimal, leave_out_interval

NOTEBOOK = "week09_llm/4_explore_scaling_laws.ipynb"
SPLIT = "Split a budget"
INTERVAL = "How far off may it be?"


# --- compute_optimal -------------------------------------------------------------------------------------------------


def _split(law, flops, balance=None, power=None, product=None):
    """compute_optimal with something changed."""
    both = law.alpha + law.beta
    product = flops / 6 if product is None else product
    if balance is None:
        balance = (law.alpha * law.A / (law.beta * law.B)) ** (1 / both)
    n = balance * product ** (law.beta / both if power is None else power)
    return n, product / n


def split_evenly(law, flops):
    return (flops / 6) ** 0.5, (flops / 6) ** 0.5


def split_by_twenty(law, flops):
    n = (flops / 120) ** 0.5
    return n, 20 * n


def split_without_balance(law, flops):
    return _split(law, flops, balance=1.0)


def split_with_exponents_swapped(law, flops):
    return _split(law, flops, power=law.alpha / (law.alpha + law.beta))


def split_with_balance_inverted(law, flops):
    both = law.alpha + law.beta
    return _split(law, flops, balance=(law.beta * law.B / (law.alpha * law.A)) ** (1 / both))


def split_with_balance_without_its_root(law, flops):
    return _split(law, flops, balance=law.alpha * law.A / (law.beta * law.B))


def split_with_balance_of_a_and_b(law, flops):
    return _split(law, flops, balance=(law.A / law.B) ** (1 / (law.alpha + law.beta)))


def split_without_the_6(law, flops):
    return _split(law, flops, product=flops)


def split_with_d_of_all_flops(law, flops):
    n, _ = _split(law, flops)
    return n, flops / n


def split_with_d_first(law, flops):
    return compute_optimal(law, flops)[::-1]


def _d_first(law, flops):
    """From D, in logs."""
    a, b = law.alpha, law.beta
    budget = np.log(flops) - np.log(6)
    log_d = (a * budget + np.log(b * law.B) - np.log(a * law.A)) / (a + b)
    return np.exp(budget - log_d), np.exp(log_d)


COMPUTE_OPTIMAL = Exercise(
    name="scaling.compute_optimal",
    week=9,
    notebook=NOTEBOOK,
    reference=compute_optimal,
    cases=(
        Case("on paper", lambda: [Law(E=1.0, A=8.0, B=2.0, alpha=0.5, beta=0.5), 600.0]),
        Case("N and D are worth the same", lambda: [Law(1.0, 10.0, 10.0, 0.5, 0.5), 600.0]),
        Case("different exponents", lambda: [Law(1.0, 30.0, 50.0, 0.3, 0.6), 6e9]),
        Case("Hoffmann's law", lambda: [Law(1.69, 406.4, 410.7, 0.34, 0.28), 5.76e23]),
    ),
    mistakes=(
        Mistake(
            split_evenly,
            "that is N = D whatever the law says: the best split depends on A, B, α and β.",
            SPLIT,
        ),
        Mistake(
            split_by_twenty,
            "20 tokens for each parameter is what came out for Hoffmann's models; here the law given must decide.",
            SPLIT,
        ),
        Mistake(
            split_without_balance,
            "the factor G is missing: N = G · (C/6)^(β/(α+β)).",
            SPLIT,
        ),
        Mistake(
            split_with_exponents_swapped,
            "N grows with β/(α+β): the steeper D pays off, the sooner it is saturated, and the more is left for N.",
            SPLIT,
        ),
        Mistake(
            split_with_balance_inverted,
            "G is upside down: where A is large, parameters are what is missing, so α A stands above the line.",
            SPLIT,
        ),
        Mistake(
            split_with_balance_without_its_root,
            "the ratio α A / (β B) is not yet G: its power 1/(α+β) is.",
            SPLIT,
        ),
        Mistake(
            split_with_balance_of_a_and_b,
            "the slopes are missing in G: it is (α A / (β B)) to the power 1/(α+β).",
            SPLIT,
        ),
        Mistake(
            split_without_the_6,
            "6 · N · D is the budget, so that N · D is a sixth of it.",
            SPLIT,
        ),
        Mistake(
            split_with_d_of_all_flops,
            "D is (C/6) / N: as it is, 6 · N · D comes to six times the budget.",
            SPLIT,
        ),
        Mistake(
            split_with_d_first,
            "the two are right and stand in the wrong order: first N, then D.",
            SPLIT,
        ),
    ),
    hints=(
        "With C given, how much D is left for each N? Then L depends on N alone.",
        "N = G · (C/6)^(β/(α+β)) with G = (α A / (β B))^(1/(α+β)), and D is what is left of C/6.",
        "n = (law.alpha * law.A / (law.beta * law.B)) ** (1 / both) * (flops / 6) ** (law.beta / both); "
        "return n, flops / 6 / n",
    ),
    alternatives=(_d_first,),
)


# --- leave_out_interval ----------------------------------------------------------------------------------------------


def interval_of_the_laws_only(predictions, errors, level=0.9):
    return leave_out_interval(predictions, np.zeros(len(predictions)), level)


def interval_with_signs(predictions, errors, level=0.9):
    middle = np.log(predictions)
    low = np.quantile(middle - errors, 1 - level, method="lower")
    high = np.quantile(middle + errors, level, method="higher")
    return np.exp(low), np.exp(high)


def interval_in_nats(predictions, errors, level=0.9):
    off = np.abs(errors)
    low = np.quantile(predictions - off, 1 - level, method="lower")
    return low, np.quantile(predictions + off, level, method="higher")


def interval_left_in_logs(predictions, errors, level=0.9):
    low, high = leave_out_interval(predictions, errors, level)
    return np.log(low), np.log(high)


def interval_of_half_the_tails(predictions, errors, level=0.9):
    return leave_out_interval(predictions, errors, (1 + level) / 2)


def interval_of_extremes(predictions, errors, level=0.9):
    off = np.abs(errors)
    return (predictions * np.exp(-off)).min(), (predictions * np.exp(off)).max()


def interval_between_two_runs(predictions, errors, level=0.9):
    middle, off = np.log(predictions), np.abs(errors)
    low, high = np.quantile(middle - off, 1 - level), np.quantile(middle + off, level)
    return np.exp(low), np.exp(high)


def interval_by_the_mean_error(predictions, errors, level=0.9):
    same = np.full(len(errors), np.abs(errors).mean())
    return leave_out_interval(predictions, same, level)


def interval_of_a_normal(predictions, errors, level=0.9):
    middle, spread = np.log(predictions).mean(), 1.645 * np.std(errors)
    return np.exp(middle - spread), np.exp(middle + spread)


def interval_with_ends_swapped(predictions, errors, level=0.9):
    return leave_out_interval(predictions, errors, level)[::-1]


def interval_at_90_always(predictions, errors, level=0.9):
    return leave_out_interval(predictions, errors)


def _by_sorting(predictions, errors, level=0.9):
    """Ends as factors, sorted, and read off by their place."""
    factors = np.exp(np.abs(errors))
    lower, upper = np.sort(predictions / factors), np.sort(predictions * factors)
    place = int((1 - level) * (len(lower) - 1))
    return lower[place], upper[len(upper) - 1 - place]


_PREDICTIONS = (1.50, 1.52, 1.49, 1.55, 1.47, 1.51, 1.50, 1.53, 1.46, 1.54, 1.505, 1.525, 1.48)
_ERRORS = (
    0.004, -0.011, 0.02, -0.003, 0.0, 0.015, -0.03, 0.006, 0.012, -0.018, 0.009, -0.001, 0.024
)  # fmt: skip

LEAVE_OUT_INTERVAL = Exercise(
    name="scaling.leave_out_interval",
    week=9,
    notebook=NOTEBOOK,
    reference=leave_out_interval,
    cases=(
        Case("on paper", lambda: [np.full(4, 2.0), np.array([0.0, 0.01, -0.02, 0.05]), 0.75]),
        Case("errors of both signs", lambda: [np.array(_PREDICTIONS), np.array(_ERRORS)]),
        Case("another level", lambda: [np.array(_PREDICTIONS), np.array(_ERRORS), 0.7]),
        Case("large losses", lambda: [3 * np.array(_PREDICTIONS), 5 * np.array(_ERRORS), 0.55]),
    ),
    mistakes=(
        Mistake(
            interval_of_the_laws_only,
            "only the predictions differ here: add how far off each law was on what it had not seen, |error|.",
            INTERVAL,
        ),
        Mistake(
            interval_with_signs,
            "the new run may be off in either direction: use |error|, below and above.",
            INTERVAL,
        ),
        Mistake(
            interval_in_nats,
            "errors are logs of a ratio: subtract and add them in logs, and take exp at the end.",
            INTERVAL,
        ),
        Mistake(
            interval_left_in_logs,
            "those are logs of the ends: exp is missing.",
            INTERVAL,
        ),
        Mistake(
            interval_of_half_the_tails,
            "too little was left outside: with |error| on both sides, take the quantile 1 − level below, level above.",
            INTERVAL,
        ),
        Mistake(
            interval_of_extremes,
            "those are the smallest and largest ends: `level` says how many of them to leave outside.",
            INTERVAL,
        ),
        Mistake(
            interval_between_two_runs,
            'np.quantile mixes two neighbours by default: method="lower" below and method="higher" above.',
            INTERVAL,
        ),
        Mistake(
            interval_by_the_mean_error,
            "each run has its own error: subtract and add it to its own prediction, and then take quantiles.",
            INTERVAL,
        ),
        Mistake(
            interval_of_a_normal,
            "that supposes a bell curve, and forgets that the laws differ: take quantiles of log prediction ± |error|.",
            INTERVAL,
        ),
        Mistake(
            interval_with_ends_swapped,
            "the ends stand in the wrong order: first the low one.",
            INTERVAL,
        ),
        Mistake(
            interval_at_90_always,
            "level has no effect: use it, and not 0.9.",
            INTERVAL,
        ),
    ),
    hints=(
        "What does one old run alone say about the new one, as a lowest and a highest log of the loss?",
        "lower ends: log(predictions) − |errors|; upper ends: log(predictions) + |errors|. Then one quantile of each.",
        'np.exp(np.quantile(np.log(predictions) - np.abs(errors), 1 - level, method="lower")), and the same above',
    ),
    alternatives=(_by_sorting,),
)
