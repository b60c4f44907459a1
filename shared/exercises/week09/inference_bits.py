"""`inference.quantize_int8` and `inference.dequantize_int4`: weights in 8 and 4 bits, there and back."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.adapting.quantize import dequantize_int4, quantize_int8

NOTEBOOK = "week09_llm/4_explore_inference.ipynb"
ROWS = "A scale for each row"
GROUPS = "Back to numbers"


# --- quantize_int8 ---------------------------------------------------------------------------------------------------


def _int8(implementation, weight):
    levels, scale = implementation(weight)
    return {"levels": levels, "scale": scale}


def _rounded(weight, scale, to=torch.round):
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return to(weight / scale[:, None]).to(torch.int8), scale


def int8_with_one_scale(weight):
    return _rounded(weight, (weight.abs().max() / 127).expand(len(weight)).clone())


def int8_with_a_scale_for_each_column(weight):
    levels, scale = quantize_int8(weight.T)
    return levels.T, scale


def int8_by_128(weight):
    return _rounded(weight, weight.abs().amax(dim=1) / 128)


def int8_by_255(weight):
    return _rounded(weight, weight.abs().amax(dim=1) / 255 * 2)


def int8_cut_off(weight):
    return _rounded(weight, weight.abs().amax(dim=1) / 127, to=torch.trunc)


def int8_rounded_down(weight):
    return _rounded(weight, weight.abs().amax(dim=1) / 127, to=torch.floor)


def int8_without_the_sign(weight):
    return _rounded(weight, weight.amax(dim=1) / 127)


def int8_of_the_span(weight):
    return _rounded(weight, (weight.amax(dim=1) - weight.amin(dim=1)) / 254)


def int8_divided_by_zero(weight):
    scale = weight.abs().amax(dim=1) / 127
    return (weight / scale[:, None]).nan_to_num(0).round().to(torch.int8), scale


def int8_kept_as_floats(weight):
    levels, scale = quantize_int8(weight)
    return levels.to(weight.dtype), scale


def int8_with_the_inverse(weight):
    levels, scale = quantize_int8(weight)
    return levels, 1 / scale


def int8_with_an_axis_left(weight):
    levels, scale = quantize_int8(weight)
    return levels, scale[:, None]


def _int8_row_by_row(weight):
    levels, scales = torch.zeros_like(weight, dtype=torch.int8), []
    for number, row in enumerate(weight):
        scale = max(row.max().item(), -row.min().item()) / 127 or 1.0
        levels[number] = (row / scale).round()
        scales.append(scale)
    return levels, torch.tensor(scales, dtype=weight.dtype)


QUANTIZE_INT8 = Exercise(
    name="inference.quantize_int8",
    week=9,
    notebook=NOTEBOOK,
    reference=quantize_int8,
    cases=(
        Case("one row", lambda: [torch.tensor([[0.5, -2.54, 1.0]])], run=_int8),
        Case("two rows", lambda: [torch.tensor([[1.27, 0.3, -0.7], [8.0, 1.0, 0.1]])], run=_int8),
        Case("more columns than rows", lambda: [torch.randn(5, 16)], run=_int8),
        Case("a row of zeros", lambda: [torch.tensor([[0.0, 0.0], [1.27, 0.5]])], run=_int8),
        Case("many rows", lambda: [torch.randn(40, 16) - 0.2], run=_int8),
    ),
    mistakes=(
        Mistake(
            int8_with_one_scale,
            "one scale serves the whole matrix: each row has its own, from the largest number of that row.",
            ROWS,
        ),
        Mistake(
            int8_with_a_scale_for_each_column,
            "each column has a scale: it is each row that shares one, so take the largest along dim=1.",
            ROWS,
        ),
        Mistake(
            int8_by_128,
            "the largest number becomes 128, which int8 does not have: divide by 127, so that both ends are there.",
            ROWS,
        ),
        Mistake(
            int8_by_255,
            "255 levels are laid over twice the largest number and a bit: divide the largest by 127, not by 127.5.",
            ROWS,
        ),
        Mistake(
            int8_cut_off,
            "the levels are cut off toward zero, as .to(torch.int8) does by itself: round to the nearest first.",
            ROWS,
        ),
        Mistake(
            int8_rounded_down,
            "the levels are rounded down, so that errors are up to a whole scale: take the nearest, torch.round.",
            ROWS,
        ),
        Mistake(
            int8_without_the_sign,
            "the largest number is taken with its sign: where the farthest from zero is negative, it does not fit. "
            "Take weight.abs().",
            ROWS,
        ),
        Mistake(
            int8_of_the_span,
            "the scale comes from the span between least and largest: zero stays in the middle here, so that it comes "
            "from the largest absolute number.",
            ROWS,
        ),
        Mistake(
            int8_divided_by_zero,
            "a row of zeros has the scale 0: give it the scale 1, so that nothing is divided by zero.",
            ROWS,
        ),
        Mistake(
            int8_kept_as_floats,
            "the levels are floats still: .to(torch.int8) is what saves three bytes of four.",
            ROWS,
        ),
        Mistake(
            int8_with_the_inverse,
            "the scale is turned round: a weight is scale · level, so the scale is the largest number / 127.",
            ROWS,
        ),
        Mistake(
            int8_with_an_axis_left,
            "the scale has the shape (d_out, 1): return one number for each row, (d_out,).",
            ROWS,
        ),
    ),
    hints=(
        "In a row whose numbers lie between −2.54 and 1: what must the scale be for −2.54 to become the level −127?",
        "scale = largest absolute number of each row / 127; where it is 0, 1. Divide each row by its scale, round.",
        "scale = weight.abs().amax(dim=1) / 127, then torch.round(weight / scale[:, None]).to(torch.int8)",
    ),
    alternatives=(_int8_row_by_row,),
)


# --- dequantize_int4 -------------------------------------------------------------------------------------------------


def _levels(*scale_shape, group):
    return torch.randint(0, 16, (scale_shape[0], scale_shape[1] * group), dtype=torch.uint8)


def int4_without_offset(levels, scale, offset):
    return dequantize_int4(levels, scale, torch.zeros_like(offset))


def int4_with_the_offset_taken_off(levels, scale, offset):
    return dequantize_int4(levels, scale, -offset)


def int4_with_the_offset_scaled(levels, scale, offset):
    return dequantize_int4(levels, scale, scale * offset)


def int4_around_level_8(levels, scale, offset):
    return dequantize_int4(levels, scale, offset - 8 * scale)


def int4_divided(levels, scale, offset):
    return dequantize_int4(levels, 1 / scale, offset)


def int4_with_groups_in_turn(levels, scale, offset):
    group = levels.shape[1] // scale.shape[1]
    return levels * scale.repeat(1, group) + offset.repeat(1, group)


def int4_of_the_first_group(levels, scale, offset):
    return levels * scale[:, :1] + offset[:, :1]


def int4_left_in_groups(levels, scale, offset):
    groups = levels.reshape(*scale.shape, -1).to(scale.dtype)
    return groups * scale[..., None] + offset[..., None]


def _by_repeating(levels, scale, offset):
    group = levels.shape[1] // scale.shape[1]
    spread = scale.repeat_interleave(group, dim=1)
    return levels.to(scale.dtype) * spread + offset.repeat_interleave(group, dim=1)


DEQUANTIZE_INT4 = Exercise(
    name="inference.dequantize_int4",
    week=9,
    notebook=NOTEBOOK,
    reference=dequantize_int4,
    cases=(
        Case(
            "one group",
            lambda: [
                torch.tensor([[0, 1, 6, 15]], dtype=torch.uint8),
                torch.tensor([[0.1]]),
                torch.tensor([[-0.5]]),
            ],
        ),
        Case(
            "two groups in a row",
            lambda: [
                torch.tensor([[0, 15, 2, 3]], dtype=torch.uint8),
                torch.tensor([[0.1, 1.0]]),
                torch.tensor([[0.0, -5.0]]),
            ],
        ),
        Case(
            "many rows and groups",
            lambda: [_levels(6, 4, group=8), torch.rand(6, 4) + 0.2, torch.randn(6, 4)],
        ),
        Case(
            "half precision",
            lambda: [
                _levels(2, 3, group=2),
                torch.rand(2, 3).half() + 0.25,
                torch.randn(2, 3).half(),
            ],
            rtol=1e-2,
            atol=1e-2,
        ),
    ),
    mistakes=(
        Mistake(
            int4_without_offset,
            "the offset is missing: level 0 is the group's least number, and not 0.",
            GROUPS,
        ),
        Mistake(
            int4_with_the_offset_taken_off,
            "the offset is taken off: it was taken off before the rounding, and is added here.",
            GROUPS,
        ),
        Mistake(
            int4_with_the_offset_scaled,
            "the offset is multiplied by the scale: scale · level + offset, the offset is in the weights' own units.",
            GROUPS,
        ),
        Mistake(
            int4_around_level_8,
            "the levels are taken as lying around 8: they begin at 0, which stands for the offset itself.",
            GROUPS,
        ),
        Mistake(
            int4_divided,
            "the levels are divided by the scale: that was the way there; back they are multiplied.",
            GROUPS,
        ),
        Mistake(
            int4_with_groups_in_turn,
            "the scales are laid out in turn, a b a b: neighbours share one, a a b b. Reshape to groups, or use "
            "repeat_interleave.",
            GROUPS,
        ),
        Mistake(
            int4_of_the_first_group,
            "the first group's scale and offset serve the whole row: each group has its own.",
            GROUPS,
        ),
        Mistake(
            int4_left_in_groups,
            "the result is still cut into groups: reshape it to (d_out, d_in), the shape of the levels.",
            GROUPS,
        ),
    ),
    hints=(
        "A row of 6 levels has 3 scales. Which levels belong to the second scale?",
        "Reshape the levels to (d_out, groups, group); scale and offset, with an axis added, fit beside it.",
        "groups = levels.reshape(*scale.shape, -1).to(scale.dtype); (groups * scale[..., None] + "
        "offset[..., None]).reshape(levels.shape)",
    ),
    alternatives=(_by_repeating,),
)
