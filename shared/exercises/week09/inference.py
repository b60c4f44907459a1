"""`inference.pass_seconds`, how long a pass through a model takes; and all exercises of the notebook on inference."""

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.inference_ahead import ACCEPT
from shared.exercises.week09.inference_bits import DEQUANTIZE_INT4, QUANTIZE_INT8
from shared.llm.roofline import pass_seconds

NOTEBOOK = "week09_llm/4_explore_inference.ipynb"
CLOCKS = "The slower of two clocks"


# --- pass_seconds ----------------------------------------------------------------------------------------------------


def pass_of_both_clocks(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return (weights * bytes_each + kept) / bandwidth + 2 * weights * tokens / speed


def pass_of_the_faster_clock(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return min((weights * bytes_each + kept) / bandwidth, 2 * weights * tokens / speed)


def pass_that_reads_for_each_token(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return max((weights * bytes_each * tokens + kept) / bandwidth, 2 * weights * tokens / speed)


def pass_of_one_operation(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return max((weights * bytes_each + kept) / bandwidth, weights * tokens / speed)


def pass_without_caches(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return max(weights * bytes_each / bandwidth, 2 * weights * tokens / speed)


def pass_with_kept_numbers(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return max((weights + kept) * bytes_each / bandwidth, 2 * weights * tokens / speed)


def pass_in_four_bytes(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return pass_seconds(weights, tokens, kept, bandwidth, speed)


def pass_of_one_token(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return pass_seconds(weights, 1, kept, bandwidth, speed, bytes_each)


def pass_with_speeds_swapped(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return pass_seconds(weights, tokens, kept, speed, bandwidth, bytes_each)


def pass_with_bytes_computed(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    reading = (weights * bytes_each + kept) / bandwidth
    return max(reading, 2 * weights * bytes_each * tokens / speed)


def pass_in_passes_per_second(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    return 1 / pass_seconds(weights, tokens, kept, bandwidth, speed, bytes_each)


def _by_a_condition(weights, tokens, kept, bandwidth, speed, bytes_each=4):
    operations, read = 2 * weights * tokens, weights * bytes_each + kept
    if operations * bandwidth > read * speed:
        return operations / speed
    return read / bandwidth


def _pass(proves, *inputs):
    return Case(proves, lambda: list(inputs), rtol=1e-6, atol=0.0)


PASS_SECONDS = Exercise(
    name="inference.pass_seconds",
    week=9,
    notebook=NOTEBOOK,
    reference=pass_seconds,
    cases=(
        _pass("one token", 1_000_000, 1, 0, 10e9, 50e9),
        _pass("many tokens", 1_000_000, 100, 0, 10e9, 50e9),
        _pass("caches", 1_000_000, 1, 2_000_000, 10e9, 50e9),
        _pass("one byte for each weight", 1_000_000, 1, 500_000, 10e9, 50e9, 1),
        _pass("half a byte, many tokens", 8_000_000, 64, 1_000_000, 20e9, 300e9, 0.5),
        _pass("caches and many tokens", 2_000_000, 30, 40_000_000, 10e9, 50e9, 2),
    ),
    mistakes=(
        Mistake(
            pass_of_both_clocks,
            "the two times are added: reading and computing go on at the same time, so that the longer one counts.",
            CLOCKS,
        ),
        Mistake(
            pass_of_the_faster_clock,
            "the shorter of the two times is taken: a pass ends when both are done, which is the longer one, max.",
            CLOCKS,
        ),
        Mistake(
            pass_that_reads_for_each_token,
            "the weights are read anew for each token: one reading serves all tokens of the pass.",
            CLOCKS,
        ),
        Mistake(
            pass_of_one_operation,
            "each weight takes one operation: it is multiplied and added, which are two.",
            CLOCKS,
        ),
        Mistake(
            pass_without_caches,
            "the caches are not read: kept bytes come out of memory beside those of the weights.",
            CLOCKS,
        ),
        Mistake(
            pass_with_kept_numbers,
            "kept is multiplied by bytes_each: it is in bytes already, only the weights are a number of numbers.",
            CLOCKS,
        ),
        Mistake(
            pass_in_four_bytes,
            "bytes_each has no effect: the weights take weights · bytes_each bytes.",
            CLOCKS,
        ),
        Mistake(
            pass_of_one_token,
            "tokens has no effect: each of them takes 2 operations for each weight.",
            CLOCKS,
        ),
        Mistake(
            pass_with_speeds_swapped,
            "bandwidth and speed are swapped: bytes are divided by bandwidth, operations by speed.",
            CLOCKS,
        ),
        Mistake(
            pass_with_bytes_computed,
            "the operations are multiplied by bytes_each: a weight takes two operations, however many bytes it has.",
            CLOCKS,
        ),
        Mistake(
            pass_in_passes_per_second,
            "those are passes per second; asked are the seconds of one pass.",
            CLOCKS,
        ),
    ),
    hints=(
        "How many bytes does the pass read, and how many operations does it compute? Which of the two depends on how "
        "many tokens there are?",
        "reading = bytes / bandwidth, computing = operations / speed. Both run at the same time.",
        "return max((weights * bytes_each + kept) / bandwidth, 2 * weights * tokens / speed)",
    ),
    alternatives=(_by_a_condition,),
)

INFERENCE = (PASS_SECONDS, QUANTIZE_INT8, DEQUANTIZE_INT4, ACCEPT)
