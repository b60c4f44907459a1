"""`responsible.exposure`, `responsible.training_carbon`: what a model kept of its texts, and what it cost."""

import math

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.energy import training_carbon
from shared.llm.judging.memorization import exposure

NOTEBOOK = "week09_llm/4_explore_responsible_models.ipynb"
EXPOSED = "How exposed is a secret"
CARBON = "From operations to grams"


# --- exposure --------------------------------------------------------------------------------------------------------


def exposure_in_nats(secret, others):
    return exposure(secret, others) * math.log(2)


def exposure_without_logarithms(secret, others):
    rank = 1 + sum(other > secret for other in others)
    return (len(others) + 1) / rank


def exposure_by_the_rank_alone(secret, others):
    return math.log2(1 + sum(other > secret for other in others))


def exposure_with_the_sign_turned(secret, others):
    return -exposure(secret, others)


def exposure_of_the_least_probable(secret, others):
    rank = 1 + sum(other < secret for other in others)
    return math.log2(len(others) + 1) - math.log2(rank)


def exposure_without_itself(secret, others):
    rank = 1 + sum(other > secret for other in others)
    return math.log2(len(others)) - math.log2(rank)


def exposure_from_rank_0(secret, others):
    rank = sum(other > secret for other in others)
    return math.log2(len(others) + 1) - (math.log2(rank) if rank else 0.0)


def exposure_behind_equals(secret, others):
    rank = 1 + sum(other >= secret for other in others)
    return math.log2(len(others) + 1) - math.log2(rank)


def exposure_by_probability(secret, others):
    total = math.exp(secret) + sum(math.exp(other) for other in others)
    return math.log2(len(others) + 1) + math.log2(math.exp(secret) / total)


def _by_sorting(secret, others):
    from bisect import bisect_right

    ordered = sorted(others)
    above = len(ordered) - bisect_right(ordered, secret)
    return math.log2((len(ordered) + 1) / (above + 1))


EXPOSURE = Exercise(
    name="responsible.exposure",
    week=9,
    notebook=NOTEBOOK,
    reference=exposure,
    cases=(
        Case("the most probable of four", lambda: [-1.0, [-2.0, -3.0, -4.0]]),
        Case("the second of four", lambda: [-2.0, [-2.5, -3.0, -1.0]]),
        Case("the last of four", lambda: [-9.0, [-2.0, -3.0, -1.0]]),
        Case("an equal one", lambda: [-2.0, [-2.0, -1.0, -5.0]]),
        Case("the third of eight", lambda: [-3.0, [-4.0, -2.0, -7.0, -1.0, -5.0, -6.0, -8.0]]),
    ),
    mistakes=(
        Mistake(
            exposure_in_nats,
            "those are nats: the logarithms have base 2, so that the exposure is in bits.",
            EXPOSED,
        ),
        Mistake(
            exposure_without_logarithms,
            "that is candidates divided by rank; asked is the difference of their logarithms, in bits.",
            EXPOSED,
        ),
        Mistake(
            exposure_by_the_rank_alone,
            "that is log2 of the rank, what is left to guess; take it from log2 of the number of candidates.",
            EXPOSED,
        ),
        Mistake(
            exposure_with_the_sign_turned,
            "the sign is turned: a secret with rank 1 is exposed most.",
            EXPOSED,
        ),
        Mistake(
            exposure_of_the_least_probable,
            "the rank counts from the wrong end: it is 1 where no other candidate is more probable.",
            EXPOSED,
        ),
        Mistake(
            exposure_without_itself,
            "the secret is a candidate too: there are len(others) + 1 of them.",
            EXPOSED,
        ),
        Mistake(
            exposure_from_rank_0,
            "the rank begins with 0: it is 1 more than the number of candidates that are more probable.",
            EXPOSED,
        ),
        Mistake(
            exposure_behind_equals,
            "an equally probable candidate was put before the secret: only more probable ones count.",
            EXPOSED,
        ),
        Mistake(
            exposure_by_probability,
            "that is how much likelier the secret is than chance; exposure asks for its rank among the candidates.",
            EXPOSED,
        ),
    ),
    hints=(
        "How many candidates would a thief try before this one, if the most probable come first?",
        "rank = 1 + how many others are more probable. Before, log2(candidates) bits were to guess; now log2(rank).",
        "return math.log2(len(others) + 1) - math.log2(1 + sum(other > secret for other in others))",
    ),
    alternatives=(_by_sorting,),
)


# --- training_carbon -------------------------------------------------------------------------------------------------


def _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0, per=6, joules=3.6e6):
    kwh = pue * per * n_parameters * n_tokens / flops_per_joule / joules
    return kwh, kwh * grams_per_kwh


def carbon_of_reading_only(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue, per=2)


def carbon_of_one_operation_each(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue, per=1)


def carbon_in_watt_hours(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue, joules=3600)


def carbon_in_joules(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue, joules=1)


def carbon_without_the_building(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh)


def carbon_divided_by_the_building(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    return _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, 1 / pue)


def carbon_with_the_building_twice(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    kwh, grams = _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue)
    return kwh, grams * pue


def carbon_with_the_building_in_grams_only(
    n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0
):
    kwh, grams = _carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh)
    return kwh, grams * pue


def carbon_of_a_worse_machine(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    kwh = pue * 6 * n_parameters * n_tokens * flops_per_joule / 3.6e6
    return kwh, kwh * grams_per_kwh


def _in_steps(n_parameters, n_tokens, flops_per_joule, grams_per_kwh, pue=1.0):
    forward = 2 * n_parameters * n_tokens
    backward = 2 * forward
    watt_seconds = (forward + backward) / flops_per_joule
    kwh = watt_seconds / 3600 / 1000 * pue
    return (kwh, grams_per_kwh * kwh)


TRAINING_CARBON = Exercise(
    name="responsible.training_carbon",
    week=9,
    notebook=NOTEBOOK,
    reference=training_carbon,
    cases=(
        Case("one kilowatt hour", lambda: [1e6, 6e6, 1e7, 500.0]),
        Case("another machine and grid", lambda: [3e6, 8e6, 2e9, 57.0]),
        Case("a building around it", lambda: [7e9, 2e12, 3e11, 420.0, 1.1]),
    ),
    mistakes=(
        Mistake(
            carbon_of_reading_only,
            "that is the way forward alone, 2 · N · D: with the way back, which takes twice as much, it is 6 · N · D.",
            CARBON,
        ),
        Mistake(
            carbon_of_one_operation_each,
            "each weight costs 6 operations for each token of a training, not 1.",
            CARBON,
        ),
        Mistake(
            carbon_in_watt_hours,
            "3,600 joules are a watt hour; a kilowatt hour has 3.6 million.",
            CARBON,
        ),
        Mistake(
            carbon_in_joules,
            "the joules were not turned into kilowatt hours: divide by 3.6 million.",
            CARBON,
        ),
        Mistake(
            carbon_without_the_building,
            "pue has no effect: what the building draws for each kWh of the machine multiplies the energy.",
            CARBON,
        ),
        Mistake(
            carbon_divided_by_the_building,
            "pue divides; the building draws more than the machine, so it multiplies.",
            CARBON,
        ),
        Mistake(
            carbon_with_the_building_twice,
            "the grams hold pue twice: it is in the kilowatt hours already.",
            CARBON,
        ),
        Mistake(
            carbon_with_the_building_in_grams_only,
            "the kilowatt hours lack pue: both numbers are for the building.",
            CARBON,
        ),
        Mistake(
            carbon_of_a_worse_machine,
            "a machine that does more operations for a joule needs fewer joules: divide by flops_per_joule.",
            CARBON,
        ),
    ),
    hints=(
        "How many operations are there in all? How many joules does the machine take for them?",
        "6 · N · D operations, divided by those for a joule, are joules; divided by 3.6 million, kWh; times pue for "
        "the building; times grams_per_kwh, grams.",
        "kwh = pue * 6 * n_parameters * n_tokens / flops_per_joule / 3.6e6; return kwh, kwh * grams_per_kwh",
    ),
    alternatives=(_in_steps,),
)
