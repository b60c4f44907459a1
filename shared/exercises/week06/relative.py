"""`positions.alibi`, `positions.relative_buckets` and `positions.interpolated`: cases, mistakes, hints."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.nn import positions, relative_positions

NOTEBOOK = "week06_attention/4_explore_positions.ipynb"
ALIBI_SECTION = "A price on distance"
BUCKETS = "Distances in buckets"
SQUEEZE = "Squeeze, and read further"


# --- alibi -----------------------------------------------------------------------------------------------------------


def _alibi(n_heads, q_len, k_len=None, slopes=None, sign=-1, distance=None):
    k_len = q_len if k_len is None else k_len
    slopes = 2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads) if slopes is None else slopes
    if distance is None:
        distance = (torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)).abs()
    return sign * slopes[:, None, None] * distance


def alibi_with_the_sign_turned(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len, sign=1)


def alibi_with_one_slope(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len, slopes=torch.full((n_heads,), 0.5))


def alibi_with_slopes_from_one(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len, slopes=2.0 ** (-8 * torch.arange(n_heads) / n_heads))


def alibi_with_even_slopes(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len, slopes=torch.arange(n_heads, 0, -1) / n_heads)


def alibi_with_slopes_by_halves(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len, slopes=0.5 ** torch.arange(1, n_heads + 1))


def alibi_with_signed_distance(n_heads, q_len, k_len=None):
    k_len = q_len if k_len is None else k_len
    distance = torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)
    return _alibi(n_heads, q_len, k_len, distance=distance)


def alibi_with_queries_at_the_start(n_heads, q_len, k_len=None):
    k_len = q_len if k_len is None else k_len
    distance = (torch.arange(q_len)[:, None] - torch.arange(k_len)).abs()
    return _alibi(n_heads, q_len, k_len, distance=distance)


def alibi_with_the_square(n_heads, q_len, k_len=None):
    k_len = q_len if k_len is None else k_len
    distance = (torch.arange(k_len - q_len, k_len)[:, None] - torch.arange(k_len)) ** 2
    return _alibi(n_heads, q_len, k_len, distance=distance)


def alibi_without_the_heads(n_heads, q_len, k_len=None):
    return _alibi(n_heads, q_len, k_len)[0]


def _alibi_by_loops(n_heads, q_len, k_len=None):
    k_len = q_len if k_len is None else k_len
    bias = torch.zeros(n_heads, q_len, k_len)
    for head in range(n_heads):
        slope = (2 ** (-8 / n_heads)) ** (head + 1)
        for i in range(q_len):
            for j in range(k_len):
                bias[head, i, j] = -slope * abs(k_len - q_len + i - j)
    return bias


ALIBI = Exercise(
    name="positions.alibi",
    week=6,
    notebook=NOTEBOOK,
    reference=positions.alibi,
    cases=(
        Case("values", lambda: [1, 3]),
        Case("two heads", lambda: [2, 2]),
        Case("eight heads", lambda: [8, 5]),
        Case("more keys than queries", lambda: [4, 2, 5]),
        Case("sixteen heads", lambda: [16, 3, 7]),
    ),
    mistakes=(
        Mistake(
            alibi_with_the_sign_turned,
            "the sign is turned, so that the furthest keys get the highest scores: distance is subtracted.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_one_slope,
            "all heads have the same slope, and so see equally far: each has its own, from steep to gentle.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_slopes_from_one,
            "the first slope is 1: count the heads from 1, so that slopes go from 2^(−8/n) down to 2^−8.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_even_slopes,
            "the slopes fall in equal steps; each is the same factor smaller than the one before: powers of 2^(−8/n).",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_slopes_by_halves,
            "each slope is half the one before, whatever the number of heads; the factor is 2^(−8/n), so that the last "
            "is always 2^−8.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_signed_distance,
            "the distance is signed, so keys ahead get a bonus: take its absolute value.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_queries_at_the_start,
            "with more keys than queries, the queries are the last ones: query i stands at k_len − q_len + i.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_with_the_square,
            "the distance is squared; the price is linear in it, hence the name.",
            ALIBI_SECTION,
        ),
        Mistake(
            alibi_without_the_heads,
            "it returns one table; there is one for each head: (n_heads, q_len, k_len).",
            ALIBI_SECTION,
        ),
    ),
    hints=(
        "How far is query i from key j, if the queries are the last of the k_len places?",
        "A table of distances (q_len, k_len), times a slope for each head (n_heads, 1, 1), with a minus sign. Slope "
        "number "
        "h, counted from 1, is 2^(−8h/n).",
        "slopes = 2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads); return -slopes[:, None, None] * distance",
    ),
    alternatives=(_alibi_by_loops,),
)


# --- relative_buckets ------------------------------------------------------------------------------------------------


def _buckets(distance, n_buckets, furthest, exact=None, log=True, cap=True):
    exact = n_buckets // 2 if exact is None else exact
    near = distance.clamp(min=0)
    if log:
        steps = torch.log(near.clamp(min=1).float() / exact) / math.log(furthest / exact)
    else:
        steps = (near - exact).clamp(min=0).float() / (furthest - exact)
    shared = exact + (steps * (n_buckets - exact)).long()
    shared = shared.clamp(max=n_buckets - 1) if cap else shared
    return torch.where(near < exact, near, shared)


def _causal_only(make):
    """A mistake about one side, with both sides as in the reference."""

    def wrong(distance, n_buckets=32, furthest=128, causal=True):
        if causal:
            return make(distance.clamp(min=0), n_buckets, furthest)
        half = n_buckets // 2
        return (distance < 0).long() * half + make(distance.abs(), half, furthest)

    wrong.__name__ = make.__name__.removeprefix("_")
    return wrong


def _buckets_of_equal_width(distance, n_buckets, furthest):
    return _buckets(distance, n_buckets, furthest, log=False)


def _buckets_without_a_last_one(distance, n_buckets, furthest):
    return _buckets(distance, n_buckets, furthest, cap=False)


def _buckets_cut_off(distance, n_buckets, furthest):
    return distance.clamp(max=n_buckets - 1)


def _buckets_all_logarithmic(distance, n_buckets, furthest):
    steps = torch.log(distance.clamp(min=1).float()) / math.log(furthest)
    return (steps * n_buckets).long().clamp(max=n_buckets - 1)


def _buckets_with_a_quarter_exact(distance, n_buckets, furthest):
    return _buckets(distance, n_buckets, furthest, exact=max(1, n_buckets // 4))


buckets_of_equal_width = _causal_only(_buckets_of_equal_width)
buckets_without_a_last_one = _causal_only(_buckets_without_a_last_one)
buckets_cut_off = _causal_only(_buckets_cut_off)
buckets_all_logarithmic = _causal_only(_buckets_all_logarithmic)
buckets_with_a_quarter_exact = _causal_only(_buckets_with_a_quarter_exact)


def buckets_always_causal(distance, n_buckets=32, furthest=128, causal=True):
    return relative_positions.relative_buckets(distance, n_buckets, furthest, True)


def buckets_never_causal(distance, n_buckets=32, furthest=128, causal=True):
    return relative_positions.relative_buckets(distance, n_buckets, furthest, False)


def buckets_with_the_sides_swapped(distance, n_buckets=32, furthest=128, causal=True):
    if causal:
        return relative_positions.relative_buckets(-distance, n_buckets, furthest, True)
    half = n_buckets // 2
    return (distance > 0).long() * half + relative_positions.relative_buckets(
        distance.abs(), half, furthest
    )


def buckets_with_both_sides_together(distance, n_buckets=32, furthest=128, causal=True):
    return relative_positions.relative_buckets(distance.abs(), n_buckets, furthest, True)


def _buckets_one_by_one(distance, n_buckets=32, furthest=128, causal=True):
    def bucket(d):
        d, first, width = int(d), 0, n_buckets
        if not causal:
            width = n_buckets // 2
            first, d = (width, -d) if d < 0 else (0, d)
        d, exact = max(d, 0), width // 2
        if d < exact:
            return first + d
        step = float(torch.log(torch.tensor(d / exact)) / math.log(furthest / exact))
        return first + min(exact + int(step * (width - exact)), width - 1)

    return torch.tensor([bucket(d) for d in distance.flatten()]).reshape(distance.shape)


RELATIVE_BUCKETS = Exercise(
    name="positions.relative_buckets",
    week=6,
    notebook=NOTEBOOK,
    reference=relative_positions.relative_buckets,
    cases=(
        Case("near ones", lambda: [torch.arange(4), 8, 20]),
        Case("far ones", lambda: [torch.tensor([3, 4, 5, 8, 12, 19, 20, 21, 500]), 8, 20]),
        Case("keys ahead", lambda: [torch.tensor([-1, -7]), 8, 20]),
        Case("both sides", lambda: [torch.arange(-25, 26), 16, 20, False]),
        Case("a table", lambda: [torch.arange(40)[:, None] - torch.arange(40)]),
    ),
    mistakes=(
        Mistake(
            buckets_of_equal_width,
            "beyond the exact ones the buckets are equally wide; they grow by a constant factor: use logarithms.",
            BUCKETS,
        ),
        Mistake(
            buckets_without_a_last_one,
            "distances beyond `furthest` get numbers of buckets that do not exist: the last bucket holds all of them.",
            BUCKETS,
        ),
        Mistake(
            buckets_cut_off,
            "every distance has its own bucket until they run out, so all far ones look alike: only the first half "
            "of the "
            "buckets is exact.",
            BUCKETS,
        ),
        Mistake(
            buckets_all_logarithmic,
            "near distances share buckets already: the first n_buckets/2 of them have one each.",
            BUCKETS,
        ),
        Mistake(
            buckets_with_a_quarter_exact,
            "a quarter of the buckets is exact; it is half of them.",
            BUCKETS,
        ),
        Mistake(
            buckets_always_causal,
            "causal=False is not obeyed: then keys ahead have half of the buckets for themselves.",
            BUCKETS,
        ),
        Mistake(
            buckets_never_causal,
            "causal=True is not obeyed: then all buckets are for keys behind, and keys ahead count as distance 0.",
            BUCKETS,
        ),
        Mistake(
            buckets_with_the_sides_swapped,
            "behind and ahead are swapped: a distance is the query's place less the key's, positive where the key is "
            "behind.",
            BUCKETS,
        ),
        Mistake(
            buckets_with_both_sides_together,
            "a key ahead gets the bucket of a key equally far behind: with causal=True it counts as distance 0, else "
            "it "
            "has a bucket in the upper half.",
            BUCKETS,
        ),
    ),
    hints=(
        "With 8 buckets up to 20: which distances have a bucket of their own, and how many buckets are left for 4 to "
        "20?",
        "exact = n_buckets // 2. Below it the distance is the bucket. From it on: exact + (n_buckets − exact) · "
        "log(distance / exact) / log(furthest / exact), rounded down, at most n_buckets − 1. With causal=False the "
        "same with n_buckets // 2 for |distance|, and n_buckets // 2 more where the key is ahead.",
        "steps = torch.log(distance.clamp(min=1).float() / exact) / math.log(furthest / exact); shared = (exact + "
        "(steps * "
        "(n_buckets - exact)).long()).clamp(max=n_buckets - 1); torch.where(distance < exact, distance, shared)",
    ),
    alternatives=(_buckets_one_by_one,),
)


# --- interpolated ----------------------------------------------------------------------------------------------------


def interpolated_not_at_all(length, trained_length):
    return torch.arange(length) * 1.0


def interpolated_always(length, trained_length):
    return torch.arange(length) * (trained_length / length)


def interpolated_the_other_way(length, trained_length):
    return torch.arange(length) * max(1.0, length / trained_length)


def interpolated_to_the_last(length, trained_length):
    if length <= trained_length:
        return torch.arange(length) * 1.0
    return torch.arange(length) * ((trained_length - 1) / (length - 1))


def interpolated_in_whole_steps(length, trained_length):
    return (torch.arange(length) * min(1.0, trained_length / length)).floor()


def interpolated_by_starting_again(length, trained_length):
    return (torch.arange(length) % trained_length) * 1.0


def interpolated_left_whole(length, trained_length):
    return torch.arange(length) * min(1, trained_length / length)


def interpolated_cut_off(length, trained_length):
    return torch.arange(length).clamp(max=trained_length - 1) * 1.0


def _interpolated_by_dividing(length, trained_length):
    return torch.arange(length) / max(1.0, length / trained_length)


INTERPOLATED = Exercise(
    name="positions.interpolated",
    week=6,
    notebook=NOTEBOOK,
    reference=relative_positions.interpolated,
    cases=(
        Case("a short text", lambda: [3, 8]),
        Case("twice as long", lambda: [8, 4]),
        Case("another length", lambda: [10, 4]),
        Case("just as long", lambda: [5, 5]),
    ),
    mistakes=(
        Mistake(
            interpolated_not_at_all,
            "positions go beyond what was trained: multiply them by trained_length / length where the text is longer.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_always,
            "a short text is stretched: positions of texts up to trained_length stay 0, 1, 2, ….",
            SQUEEZE,
        ),
        Mistake(
            interpolated_the_other_way,
            "it stretches where it should squeeze: the factor is trained_length / length, below 1.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_to_the_last,
            "the factor is (trained − 1) / (length − 1); the paper's is trained_length / length, so that twice the "
            "length "
            "means exactly half a step.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_in_whole_steps,
            "positions are rounded, so neighbours share one: fractions are fine, an angle need not be whole.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_by_starting_again,
            "counting starts again at 0, so a token cannot tell the near from the far: squeeze all of them into the "
            "range.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_left_whole,
            "where the text is no longer than what was trained, min gives the whole number 1 and positions stay "
            "integers: write 1.0, positions are floating point.",
            SQUEEZE,
        ),
        Mistake(
            interpolated_cut_off,
            "all tokens beyond the range stand at the same place: squeeze all of them into it.",
            SQUEEZE,
        ),
    ),
    hints=(
        "If a model knows positions 0 to 63, and the text has 128 tokens, where could token 1 stand?",
        "Multiply 0, 1, 2, … by trained_length / length, where that is below 1.",
        "return torch.arange(length) * min(1.0, trained_length / length)",
    ),
    alternatives=(_interpolated_by_dividing,),
)
