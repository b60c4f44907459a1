"""Week 2's challenge: rates to try, the best of them, steps to a target, mean and band."""

import math
import statistics

import numpy as np

from shared.exercises.spec import Case, Exercise, Mistake
from shared.training import sweep

NOTEBOOK = "week02_optim/2_challenge_cifar10.ipynb"
GRID = "Which rates to try"
BEST = "Which rate is best"
TARGET = "How fast it got there"
BAND = "Mean and band"


# --- learning_rates --------------------------------------------------------------------------------------------------


def rates_evenly_spaced(low, high, count):
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def rates_without_the_last(low, high, count):
    return [low * (high / low) ** (i / count) for i in range(count)]


def rates_one_too_many(low, high, count):
    return [low * (high / low) ** (i / count) for i in range(count + 1)]


def rates_by_tens(low, high, count):
    return [low * 10**i for i in range(count)]


def rates_doubled(low, high, count):
    return [low * 2**i for i in range(count)]


def rates_from_the_top(low, high, count):
    return sweep.learning_rates(low, high, count)[::-1]


def rates_as_exponents(low, high, count):
    a, b = math.log10(low), math.log10(high)
    return [a + (b - a) * i / (count - 1) for i in range(count)]


def rates_with_natural_exponents(low, high, count):
    a, b = math.log10(low), math.log10(high)
    return [math.exp(a + (b - a) * i / (count - 1)) for i in range(count)]


def rates_without_the_root(low, high, count):
    return [low * (high / low) ** i for i in range(count)]


def _rates_by_numpy(low, high, count):
    return np.geomspace(low, high, count).tolist()


def _rates_by_logarithms(low, high, count):
    a, b = math.log(low), math.log(high)
    return [math.exp(a + (b - a) * i / (count - 1)) for i in range(count)]


LEARNING_RATES = Exercise(
    name="sweep.learning_rates",
    week=2,
    notebook=NOTEBOOK,
    reference=sweep.learning_rates,
    cases=(
        Case("by hand", lambda: [0.001, 0.1, 3]),
        Case("other factors", lambda: [0.5, 8.0, 5]),
        Case("two rates", lambda: [0.03, 0.3, 2]),
        Case("a fine grid", lambda: [1e-4, 3.0, 8]),
    ),
    mistakes=(
        Mistake(
            rates_evenly_spaced,
            "the steps are equal differences, which crowds the high end: make them equal factors.",
            GRID,
        ),
        Mistake(
            rates_without_the_last,
            "the last rate stays below high: count rates have count - 1 steps between them.",
            GRID,
        ),
        Mistake(
            rates_one_too_many,
            "there is one rate too many: count counts the rates, not the steps between them.",
            GRID,
        ),
        Mistake(
            rates_by_tens,
            "the factor is always 10: it must bring low to high in count - 1 steps.",
            GRID,
        ),
        Mistake(
            rates_doubled,
            "the factor is always 2: it must bring low to high in count - 1 steps.",
            GRID,
        ),
        Mistake(rates_from_the_top, "the rates fall: begin with low, end with high.", GRID),
        Mistake(
            rates_as_exponents,
            "those are the exponents: raise 10 to them.",
            GRID,
        ),
        Mistake(
            rates_with_natural_exponents,
            "the logarithm is to base 10 and the power to base e: use the same base both ways.",
            GRID,
        ),
        Mistake(
            rates_without_the_root,
            "the factor is high / low at every step: take its (count - 1)-th root.",
            GRID,
        ),
    ),
    hints=(
        "From 0.001 to 0.1 in three rates: by what is each multiplied to give the next? How many steps are there?",
        "The factor f solves low · f^(count - 1) = high. Rate number i, from 0, is low · f^i.",
        "factor = (high / low) ** (1 / (count - 1)); return [low * factor**i for i in range(count)]",
    ),
    alternatives=(_rates_by_numpy, _rates_by_logarithms),
)


# --- best_rate -------------------------------------------------------------------------------------------------------


def _means(scores):
    return {rate: sum(values) / len(values) for rate, values in scores.items()}


def best_by_the_luckiest_seed(scores):
    sound = {r: v for r, v in scores.items() if not any(map(math.isnan, v))}
    return min(sound, key=lambda rate: (-max(sound[rate]), rate))


def best_by_the_first_seed(scores):
    sound = {r: v for r, v in scores.items() if not any(map(math.isnan, v))}
    return min(sound, key=lambda rate: (-sound[rate][0], rate))


def best_that_is_worst(scores):
    sound = {r: m for r, m in _means(scores).items() if not math.isnan(m)}
    return min(sound, key=lambda rate: (sound[rate], rate))


def best_without_the_broken_runs(scores):
    kept = {r: [x for x in v if not math.isnan(x)] for r, v in scores.items()}
    means = _means({r: v for r, v in kept.items() if v})
    return min(means, key=lambda rate: (-means[rate], rate))


def best_that_trusts_nan(scores):
    means = _means(scores)
    best = None
    for rate in sorted(means):
        if best is None or not means[rate] <= means[best]:
            best = rate
    return best


def best_score_instead_of_rate(scores):
    return max(m for m in _means(scores).values() if not math.isnan(m))


def best_of_the_sums(scores):
    sums = {r: sum(v) for r, v in scores.items() if not math.isnan(sum(v))}
    return min(sums, key=lambda rate: (-sums[rate], rate))


def best_that_takes_the_largest(scores):
    sound = {r: m for r, m in _means(scores).items() if not math.isnan(m)}
    return max(sound, key=lambda rate: (sound[rate], rate))


def best_that_takes_the_first(scores):
    sound = {r: m for r, m in _means(scores).items() if not math.isnan(m)}
    return max(sound, key=sound.get)


def _best_by_a_loop(scores):
    best, best_mean = None, -1.0
    for rate in sorted(scores):
        mean = float(np.mean(scores[rate]))
        if mean > best_mean + 1e-12:
            best, best_mean = rate, mean
    return best


_NAN = float("nan")

BEST_RATE = Exercise(
    name="sweep.best_rate",
    week=2,
    notebook=NOTEBOOK,
    reference=sweep.best_rate,
    cases=(
        Case("by hand", lambda: [{0.1: [0.5, 0.75], 0.2: [0.7, 0.65], 0.4: [0.1, 0.2]}]),
        Case("the first seed alone", lambda: [{0.1: [0.6, 0.2], 0.2: [0.5, 0.5]}]),
        Case(
            "a run that gave nan",
            lambda: [{0.1: [0.5, 0.5], 0.4: [0.9, _NAN], 0.8: [_NAN, _NAN]}],
            says="a rate with a run that gave nan must not win.",
        ),
        Case(
            "rates with different numbers of runs",
            lambda: [{0.1: [0.4, 0.4, 0.4], 0.2: [0.5, 0.5]}],
        ),
        Case(
            "equal means",
            lambda: [{0.2: [0.5, 0.5], 0.4: [0.5, 0.5], 0.1: [0.25, 0.75]}],
            says="of rates with equal means the smallest is wanted.",
        ),
    ),
    mistakes=(
        Mistake(
            best_by_the_luckiest_seed,
            "it takes the best single run, which rewards luck: compare means over the seeds.",
            BEST,
        ),
        Mistake(
            best_by_the_first_seed,
            "only the first seed counts: compare means over all seeds.",
            BEST,
        ),
        Mistake(
            best_that_is_worst, "it picks the lowest mean; accuracy is better when higher.", BEST
        ),
        Mistake(
            best_without_the_broken_runs,
            "runs that gave nan are left out of the mean, so a rate that breaks half of the time can win: rule such a "
            "rate out.",
            BEST,
        ),
        Mistake(
            best_that_trusts_nan,
            "comparisons with nan are always false, and here that lets a broken rate win: rule it out with math.isnan.",
            BEST,
        ),
        Mistake(
            best_score_instead_of_rate,
            "it returns the accuracy: return the rate that reached it.",
            BEST,
        ),
        Mistake(
            best_of_the_sums,
            "sums favour rates with more runs: divide by their number.",
            BEST,
        ),
        Mistake(
            best_that_takes_the_largest,
            "of equal means it takes the largest rate, the one nearest to where training breaks: take the smallest.",
            BEST,
        ),
        Mistake(
            best_that_takes_the_first,
            "of equal means it takes the one that stands first: take the smallest rate.",
            BEST,
        ),
    ),
    hints=(
        "Two seeds gave 0.9 and nan at one rate. Would you train with it? And what does Python say to nan > 0.5?",
        "A dictionary rate → mean; without those whose mean is nan (math.isnan); then the highest mean, and of equal "
        "ones the smallest rate.",
        "min(sound, key=lambda rate: (-sound[rate], rate)), where sound holds the means that are numbers.",
    ),
    alternatives=(_best_by_a_loop,),
)


# --- steps_to_target -------------------------------------------------------------------------------------------------


def steps_at_the_measurement(steps, accuracies, target):
    return next((s for s, a in zip(steps, accuracies) if a >= target), None)


def steps_before_the_measurement(steps, accuracies, target):
    for i, a in enumerate(accuracies):
        if a >= target:
            return steps[max(0, i - 1)]
    return None


def steps_in_the_middle(steps, accuracies, target):
    for i, a in enumerate(accuracies):
        if a >= target:
            return (steps[i - 1] + steps[i]) / 2 if i else steps[0]
    return None


def steps_as_an_index(steps, accuracies, target):
    return next((i for i, a in enumerate(accuracies) if a >= target), None)


def steps_that_end_with_the_last(steps, accuracies, target):
    found = sweep.steps_to_target(steps, accuracies, target)
    return steps[-1] if found is None else found


def steps_that_end_with_zero(steps, accuracies, target):
    found = sweep.steps_to_target(steps, accuracies, target)
    return 0.0 if found is None else found


def steps_of_the_last_crossing(steps, accuracies, target):
    answer = None
    for i in range(len(steps)):
        reached = sweep.steps_to_target(
            steps[max(0, i - 1) : i + 1], accuracies[max(0, i - 1) : i + 1], target
        )
        if reached is not None and (i == 0 or accuracies[i - 1] < target):
            answer = reached
    return answer


def steps_strictly_above(steps, accuracies, target):
    for i, a in enumerate(accuracies):
        if a > target:
            if i == 0:
                return steps[0]
            if accuracies[i - 1] == target:
                return steps[i]
            share = (target - accuracies[i - 1]) / (a - accuracies[i - 1])
            return steps[i - 1] + share * (steps[i] - steps[i - 1])
    return None


def steps_with_the_share_turned(steps, accuracies, target):
    for i, a in enumerate(accuracies):
        if a >= target:
            if i == 0:
                return steps[0]
            share = (a - target) / (a - accuracies[i - 1])
            return steps[i - 1] + share * (steps[i] - steps[i - 1])
    return None


def steps_from_the_one_before_the_first(steps, accuracies, target):
    for i, a in enumerate(accuracies):
        if a >= target:
            share = (target - accuracies[i - 1]) / (a - accuracies[i - 1])
            return steps[i - 1] + share * (steps[i] - steps[i - 1])
    return None


def _steps_by_pairs(steps, accuracies, target):
    if accuracies[0] >= target:
        return steps[0]
    points = list(zip(steps, accuracies))
    for (s0, a0), (s1, a1) in zip(points, points[1:]):
        if a0 < target <= a1:
            return float(np.interp(target, [a0, a1], [s0, s1]))
    return None


STEPS_TO_TARGET = Exercise(
    name="sweep.steps_to_target",
    week=2,
    notebook=NOTEBOOK,
    reference=sweep.steps_to_target,
    cases=(
        Case("by hand", lambda: [[50, 100, 150], [0.2, 0.5, 0.6], 0.4]),
        Case("exactly there", lambda: [[50, 100, 150], [0.2, 0.6, 0.7], 0.6]),
        Case("there from the start", lambda: [[50, 100], [0.7, 0.8], 0.6]),
        Case(
            "never there",
            lambda: [[50, 100], [0.3, 0.4], 0.6],
            says="a curve that never gets there has no step: None.",
        ),
        Case("up, down and up", lambda: [[50, 100, 150, 200], [0.2, 0.7, 0.5, 0.8], 0.6]),
    ),
    mistakes=(
        Mistake(
            steps_at_the_measurement,
            "it gives the measurement after the crossing: read the step off the line between the two around it.",
            TARGET,
        ),
        Mistake(
            steps_before_the_measurement,
            "it gives the measurement before the crossing, where the target was not reached yet: read between the two.",
            TARGET,
        ),
        Mistake(
            steps_in_the_middle,
            "it gives the middle between two measurements: how far along it is follows from the accuracies.",
            TARGET,
        ),
        Mistake(
            steps_as_an_index, "that is the place in the list: return steps, not an index.", TARGET
        ),
        Mistake(
            steps_that_end_with_the_last,
            "a curve that never reaches the target gets its last step, as if it had: return None.",
            TARGET,
        ),
        Mistake(
            steps_that_end_with_zero,
            "a curve that never reaches the target gets 0, and so looks fastest: return None.",
            TARGET,
        ),
        Mistake(
            steps_of_the_last_crossing,
            "it gives the last crossing: the first one counts, so return as soon as it is found.",
            TARGET,
        ),
        Mistake(
            steps_strictly_above,
            "an accuracy equal to the target counts as reached: compare with >=.",
            TARGET,
        ),
        Mistake(
            steps_with_the_share_turned,
            "the share is measured from the wrong end: it is (target - before) / (after - before).",
            TARGET,
        ),
        Mistake(
            steps_from_the_one_before_the_first,
            "where the first measurement is above the target, index -1 takes the last one as the one before: return "
            "steps[0] there.",
            TARGET,
        ),
    ),
    hints=(
        "At step 50 the accuracy was 0.2, at step 100 it was 0.5. Where does the straight line between them pass 0.4?",
        "Go through the accuracies; at the first that is at least the target, the share of the way is "
        "(target - before) / (now - before). Mind the very first measurement, and the end of the list.",
        "return steps[i - 1] + share * (steps[i] - steps[i - 1])",
    ),
    alternatives=(_steps_by_pairs,),
)


# --- band ------------------------------------------------------------------------------------------------------------


def band_across_the_runs(curves):
    return [sum(c) / len(c) for c in curves], [min(c) for c in curves], [max(c) for c in curves]


def band_of_single_numbers(curves):
    flat = [x for c in curves for x in c]
    return sum(flat) / len(flat), min(flat), max(flat)


def band_of_sums(curves):
    points = list(zip(*curves))
    return [sum(v) for v in points], [min(v) for v in points], [max(v) for v in points]


def band_of_medians(curves):
    points = list(zip(*curves))
    return (
        [statistics.median(v) for v in points],
        [min(v) for v in points],
        [max(v) for v in points],
    )


def band_of_the_middle(curves):
    points = list(zip(*curves))
    return (
        [(min(v) + max(v)) / 2 for v in points],
        [min(v) for v in points],
        [max(v) for v in points],
    )


def band_upside_down(curves):
    mean, low, high = sweep.band(curves)
    return mean, high, low


def band_of_whole_curves(curves):
    mean, _, _ = sweep.band(curves)
    ends = sorted(curves, key=lambda c: c[-1])
    return mean, list(ends[0]), list(ends[-1])


def band_divided_by_points(curves):
    points = list(zip(*curves))
    return (
        [sum(v) / len(points) for v in points],
        [min(v) for v in points],
        [max(v) for v in points],
    )


def band_of_deviations(curves):
    mean, _, _ = sweep.band(curves)
    spread = [statistics.pstdev(v) for v in zip(*curves)]
    return mean, [m - s for m, s in zip(mean, spread)], [m + s for m, s in zip(mean, spread)]


def _band_by_numpy(curves):
    table = np.array(curves)
    return table.mean(0).tolist(), table.min(0).tolist(), table.max(0).tolist()


BAND_OF_RUNS = Exercise(
    name="sweep.band",
    week=2,
    notebook=NOTEBOOK,
    reference=sweep.band,
    cases=(
        Case("by hand", lambda: [[[0.1, 0.5, 0.6], [0.3, 0.4, 0.9], [0.5, 0.3, 0.0]]]),
        Case("two runs", lambda: [[[0.2, 0.4, 0.5, 0.6], [0.3, 0.1, 0.7, 0.5]]]),
        Case("one run", lambda: [[[0.2, 0.4]]]),
        Case("four runs", lambda: [[[0.0, 1.0], [0.5, 0.5], [1.0, 0.75], [0.7, 0.1]]]),
    ),
    mistakes=(
        Mistake(
            band_across_the_runs,
            "each run is averaged over time: average over the runs, measurement by measurement.",
            BAND,
        ),
        Mistake(
            band_of_single_numbers,
            "everything is melted into three numbers: give three lists, with one number for each measurement.",
            BAND,
        ),
        Mistake(band_of_sums, "the sum is not divided by the number of runs.", BAND),
        Mistake(
            band_of_medians,
            "that is the median: the line of the plot is the mean.",
            BAND,
        ),
        Mistake(
            band_of_the_middle,
            "that is the middle between lowest and highest: the mean counts every run.",
            BAND,
        ),
        Mistake(band_upside_down, "lowest and highest are swapped.", BAND),
        Mistake(
            band_of_whole_curves,
            "the band follows the run that ended lowest and the one that ended highest: take lowest and highest "
            "at each measurement.",
            BAND,
        ),
        Mistake(
            band_divided_by_points,
            "it divides by the number of measurements: divide by the number of runs.",
            BAND,
        ),
        Mistake(
            band_of_deviations,
            "the band is a standard deviation wide: with three runs show what was measured, lowest and highest.",
            BAND,
        ),
    ),
    hints=(
        "Three runs with two measurements each: how many numbers does the line have, how many the band's lower edge?",
        "zip(*curves) turns runs into measurements: its first entry holds the first number of every run.",
        "points = list(zip(*curves)); means = [sum(v) / len(v) for v in points]; lows and highs likewise.",
    ),
    alternatives=(_band_by_numpy,),
)


EXERCISES = (LEARNING_RATES, BEST_RATE, STEPS_TO_TARGET, BAND_OF_RUNS)
