"""`machines.parallel_mlp`, `machines.pipeline_schedule`: a model that is split over machines."""

import torch
from torch.nn import functional as F

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.training.miniature import Meeting, parallel_mlp, pipeline_schedule

NOTEBOOK = "week09_llm/4_explore_many_machines.ipynb"
LAYER = "A layer in two machines"
PIPELINE = "A line of machines"


# --- parallel_mlp ----------------------------------------------------------------------------------------------------


def _met(implementation, *inputs):
    """The outputs of all ranks, and how often and with how much they met."""
    meeting = Meeting()
    outputs = implementation(*inputs, meeting)
    return {"outputs": list(outputs), "all-reduces": meeting.calls, "numbers": meeting.numbers}


def mlp_on_every_machine(x, up, down, bias, n_ranks, all_reduce):
    return [F.gelu(x @ up) @ down + bias for _ in range(n_ranks)]


def mlp_with_the_bias_on_each(x, up, down, bias, n_ranks, all_reduce):
    ups, downs = up.chunk(n_ranks, 1), down.chunk(n_ranks, 0)
    return all_reduce([F.gelu(x @ u) @ d + bias for u, d in zip(ups, downs)])


def mlp_without_bias(x, up, down, bias, n_ranks, all_reduce):
    ups, downs = up.chunk(n_ranks, 1), down.chunk(n_ranks, 0)
    return all_reduce([F.gelu(x @ u) @ d for u, d in zip(ups, downs)])


def mlp_without_a_meeting(x, up, down, bias, n_ranks, all_reduce):
    ups, downs = up.chunk(n_ranks, 1), down.chunk(n_ranks, 0)
    return [F.gelu(x @ u) @ d + bias for u, d in zip(ups, downs)]


def mlp_split_by_rows_first(x, up, down, bias, n_ranks, all_reduce):
    parts = [a @ u for a, u in zip(x.chunk(n_ranks, -1), up.chunk(n_ranks, 0))]
    hidden = all_reduce(parts)
    shares = [h.chunk(n_ranks, -1)[r] for r, h in enumerate(hidden)]
    outputs = all_reduce([F.gelu(h) @ d for h, d in zip(shares, down.chunk(n_ranks, 0))])
    return [o + bias for o in outputs]


def mlp_with_gelu_of_parts(x, up, down, bias, n_ranks, all_reduce):
    parts = [F.gelu(a @ u) for a, u in zip(x.chunk(n_ranks, -1), up.chunk(n_ranks, 0))]
    return [hidden @ down + bias for hidden in all_reduce(parts)]


def mlp_without_gelu(x, up, down, bias, n_ranks, all_reduce):
    ups, downs = up.chunk(n_ranks, 1), down.chunk(n_ranks, 0)
    return [t + bias for t in all_reduce([x @ u @ d for u, d in zip(ups, downs)])]


def mlp_with_gelu_at_the_end(x, up, down, bias, n_ranks, all_reduce):
    ups, downs = up.chunk(n_ranks, 1), down.chunk(n_ranks, 0)
    return [F.gelu(t) + bias for t in all_reduce([x @ u @ d for u, d in zip(ups, downs)])]


def mlp_of_means(x, up, down, bias, n_ranks, all_reduce):
    return [
        (total - bias) / n_ranks + bias
        for total in parallel_mlp(x, up, down, bias, n_ranks, all_reduce)
    ]


def mlp_that_gathers_hidden_numbers(x, up, down, bias, n_ranks, all_reduce):
    width = up.shape[1] // n_ranks
    parts = []
    for r, own in enumerate(up.chunk(n_ranks, 1)):
        part = torch.zeros(*x.shape[:-1], up.shape[1], dtype=x.dtype)
        part[..., r * width : (r + 1) * width] = F.gelu(x @ own)
        parts.append(part)
    return [hidden @ down + bias for hidden in all_reduce(parts)]


def _with_slices(x, up, down, bias, n_ranks, all_reduce):
    width = up.shape[1] // n_ranks
    parts = []
    for rank in range(n_ranks):
        own = slice(rank * width, (rank + 1) * width)
        parts.append(torch.einsum("...h,hd->...d", F.gelu(x @ up[:, own]), down[own]))
    totals = all_reduce(parts)
    return [bias + totals[rank] for rank in range(n_ranks)]


def _layer(d, hidden, n_ranks, rows=(2,), seed=0):
    def make():
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        return [draw(*rows, d), draw(d, hidden), draw(hidden, d), draw(d), n_ranks]

    return make


PARALLEL_MLP = Exercise(
    name="machines.parallel_mlp",
    week=9,
    notebook=NOTEBOOK,
    reference=parallel_mlp,
    cases=(
        Case("two ranks", _layer(2, 4, 2, rows=(1,)), _met),
        Case("four ranks", _layer(4, 8, 4), _met),
        Case("texts of several tokens", _layer(6, 6, 3, rows=(2, 3)), _met),
        Case("one rank", _layer(2, 4, 1), _met),
    ),
    mistakes=(
        Mistake(
            mlp_on_every_machine,
            "every rank computed the whole layer: each may use its share of up's columns and of down's rows only.",
            LAYER,
        ),
        Mistake(
            mlp_with_the_bias_on_each,
            "the bias was added on every rank before the sum, so it counts n_ranks times: add it after the all-reduce.",
            LAYER,
        ),
        Mistake(
            mlp_without_bias,
            "the bias is missing: every rank adds it after the all-reduce.",
            LAYER,
        ),
        Mistake(
            mlp_without_a_meeting,
            "each rank has its own part of the output only: the parts must be added up by all_reduce.",
            LAYER,
        ),
        Mistake(
            mlp_split_by_rows_first,
            "up was split by rows, which needs an all-reduce before gelu and another after down: split up by columns.",
            LAYER,
        ),
        Mistake(
            mlp_with_gelu_of_parts,
            "gelu was taken of parts of a sum, and gelu(a) + gelu(b) is not gelu(a + b): split up by columns.",
            LAYER,
        ),
        Mistake(
            mlp_without_gelu,
            "gelu is missing between up and down.",
            LAYER,
        ),
        Mistake(
            mlp_with_gelu_at_the_end,
            "gelu stands after the sum; it belongs between up and down, on each rank's own hidden numbers.",
            LAYER,
        ),
        Mistake(
            mlp_of_means,
            "those are means of the parts: the output is their sum.",
            LAYER,
        ),
        Mistake(
            mlp_that_gathers_hidden_numbers,
            "the hidden numbers were brought together; they need not meet: multiply each share by its rows of down.",
            LAYER,
        ),
    ),
    hints=(
        "Which hidden numbers can a rank compute alone, gelu included? Which rows of down do they meet?",
        "Columns of up, the same rows of down. Each rank gets a part of every output number; the parts add up in one "
        "all_reduce, and then comes the bias.",
        "parts = [F.gelu(x @ u) @ d for u, d in zip(up.chunk(n_ranks, 1), down.chunk(n_ranks, 0))]; "
        "return [total + bias for total in all_reduce(parts)]",
    ),
    alternatives=(_with_slices,),
)


# --- pipeline_schedule -----------------------------------------------------------------------------------------------


def _rows(n_stages, length, entry):
    return [[entry(stage, time) for time in range(length)] for stage in range(n_stages)]


def _between(number, n_micro):
    return number if 0 <= number < n_micro else None


def schedule_without_filling(n_stages, n_micro):
    return _rows(n_stages, n_micro, lambda stage, time: time)


def schedule_turned_round(n_stages, n_micro):
    last = n_stages - 1
    return _rows(
        n_stages, last + n_micro, lambda stage, time: _between(time - last + stage, n_micro)
    )


def schedule_without_emptying(n_stages, n_micro):
    return _rows(n_stages, n_micro, lambda stage, time: _between(time - stage, n_micro))


def schedule_one_time_too_long(n_stages, n_micro):
    return _rows(n_stages, n_stages + n_micro, lambda stage, time: _between(time - stage, n_micro))


def schedule_one_micro_batch_at_a_time(n_stages, n_micro):
    return _rows(
        n_stages,
        n_stages * n_micro,
        lambda stage, time: time // n_stages if time % n_stages == stage else None,
    )


def schedule_from_1(n_stages, n_micro):
    return [
        [None if m is None else m + 1 for m in row] for row in pipeline_schedule(n_stages, n_micro)
    ]


def schedule_by_time(n_stages, n_micro):
    return [list(column) for column in zip(*pipeline_schedule(n_stages, n_micro))]


def schedule_of_stages(n_stages, n_micro):
    return _rows(
        n_stages,
        n_stages + n_micro - 1,
        lambda stage, time: stage if _between(time - stage, n_micro) is not None else None,
    )


def schedule_that_goes_on(n_stages, n_micro):
    return _rows(
        n_stages,
        n_stages + n_micro - 1,
        lambda stage, time: min(time - stage, n_micro - 1) if time >= stage else None,
    )


def _row_by_row(n_stages, n_micro):
    return [
        [None] * stage + list(range(n_micro)) + [None] * (n_stages - 1 - stage)
        for stage in range(n_stages)
    ]


PIPELINE_SCHEDULE = Exercise(
    name="machines.pipeline_schedule",
    week=9,
    notebook=NOTEBOOK,
    reference=pipeline_schedule,
    cases=(
        Case("two stages, three micro-batches", lambda: [2, 3]),
        Case("four stages, two micro-batches", lambda: [4, 2]),
        Case("three and three", lambda: [3, 3]),
        Case("one stage", lambda: [1, 4]),
    ),
    mistakes=(
        Mistake(
            schedule_without_filling,
            "all stages begin at once; stage s must wait s times, until the first micro-batch has come to it.",
            PIPELINE,
        ),
        Mistake(
            schedule_turned_round,
            "the last stage begins and the first one waits: micro-batches enter at stage 0.",
            PIPELINE,
        ),
        Mistake(
            schedule_without_emptying,
            "the rows end before the last stages are done: there are n_stages + n_micro − 1 times.",
            PIPELINE,
        ),
        Mistake(
            schedule_one_time_too_long,
            "the rows have an idle time too many at their end: there are n_stages + n_micro − 1 times.",
            PIPELINE,
        ),
        Mistake(
            schedule_one_micro_batch_at_a_time,
            "the next micro-batch enters when the last has left; it may enter as soon as stage 0 is free.",
            PIPELINE,
        ),
        Mistake(
            schedule_from_1,
            "micro-batches are counted from 1; they begin with 0.",
            PIPELINE,
        ),
        Mistake(
            schedule_by_time,
            "there is a row for each time; asked is a row for each stage.",
            PIPELINE,
        ),
        Mistake(
            schedule_of_stages,
            "the numbers of the stages stand in it; asked are those of the micro-batches.",
            PIPELINE,
        ),
        Mistake(
            schedule_that_goes_on,
            "a stage that is done repeats its last micro-batch; it waits, which is None.",
            PIPELINE,
        ),
    ),
    hints=(
        "At what time does micro-batch 0 come to stage 1? And micro-batch 1?",
        "Micro-batch m is at stage s at time s + m. So at a time t stage s has micro-batch t − s, where there is one.",
        "[[t - s if 0 <= t - s < n_micro else None for t in range(n_stages + n_micro - 1)] for s in range(n_stages)]",
    ),
    alternatives=(_row_by_row,),
)
