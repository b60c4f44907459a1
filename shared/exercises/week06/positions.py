"""`positions.sinusoidal` and `positions.rotary`: cases, mistakes, hints."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week06.attention import NOTEBOOK, best_device
from shared.nn import positions
from shared.nn.positions import frequencies

CLOCKS = "Clocks"
TURN = "Turn, do not add"


# --- sinusoidal ------------------------------------------------------------------------------------------------------


def _angles(length, d, base, exponents=None, first=0):
    exponents = torch.arange(0, d, 2) / d if exponents is None else exponents
    return torch.arange(first, first + length)[:, None] * base**-exponents


def _beside(first, second):
    return torch.stack([first, second], dim=-1).flatten(-2)


def sinusoidal_with_halves(length, d, base=10_000.0):
    angles = _angles(length, d, base)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sinusoidal_with_half_the_exponent(length, d, base=10_000.0):
    angles = _angles(length, d, base, torch.arange(d // 2) / d)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_with_twice_the_exponent(length, d, base=10_000.0):
    angles = _angles(length, d, base, 2 * torch.arange(0, d, 2) / d)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_that_ends_at_the_base(length, d, base=10_000.0):
    angles = _angles(length, d, base, torch.arange(d // 2) / max(d // 2 - 1, 1))
    return _beside(angles.sin(), angles.cos())


def sinusoidal_with_a_clock_for_each_number(length, d, base=10_000.0):
    angles = _angles(length, d, base, torch.arange(d) / d)
    return _beside(angles[:, ::2].sin(), angles[:, 1::2].cos())


def sinusoidal_with_the_exponent_positive(length, d, base=10_000.0):
    angles = _angles(length, d, base, -torch.arange(0, d, 2) / d)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_counting_from_one(length, d, base=10_000.0):
    angles = _angles(length, d, base, first=1)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_with_cosine_first(length, d, base=10_000.0):
    angles = _angles(length, d, base)
    return _beside(angles.cos(), angles.sin())


def sinusoidal_of_sines_only(length, d, base=10_000.0):
    angles = _angles(length, d, base)
    return _beside(angles.sin(), angles.sin())


def sinusoidal_without_the_base(length, d, base=10_000.0):
    angles = _angles(length, d, 10_000.0)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_in_whole_turns(length, d, base=10_000.0):
    angles = 2 * math.pi * _angles(length, d, base)
    return _beside(angles.sin(), angles.cos())


def sinusoidal_lying_on_its_side(length, d, base=10_000.0):
    angles = _angles(length, d, base)
    return _beside(angles.sin(), angles.cos()).T


def sinusoidal_of_the_angles_only(length, d, base=10_000.0):
    angles = _angles(length, d, base)
    return _beside(angles, angles)


def _sinusoidal_by_a_loop(length, d, base=10_000.0):
    table = torch.zeros(length, d)
    for t in range(length):
        for i in range(d // 2):
            angle = t / base ** (2 * i / d)
            table[t, 2 * i], table[t, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


def _sinusoidal_by_slices(length, d, base=10_000.0):
    rates = torch.exp(-math.log(base) * torch.arange(0, d, 2) / d)
    angles = torch.outer(torch.arange(length).float(), rates)
    table = torch.empty(length, d)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


SINUSOIDAL = Exercise(
    name="positions.sinusoidal",
    week=6,
    notebook=NOTEBOOK,
    reference=positions.sinusoidal,
    cases=(
        Case("values", lambda: [3, 4]),
        Case("one clock", lambda: [5, 2]),
        Case("one position", lambda: [1, 6]),
        Case("another base", lambda: [4, 6, 100.0]),
        Case("many positions", lambda: [60, 16], rtol=1e-4, atol=1e-4),
    ),
    mistakes=(
        Mistake(
            sinusoidal_with_halves,
            "all sines come first and then all cosines; here the sine and the cosine of one clock stand beside each "
            "other, at 2i and 2i + 1.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_with_half_the_exponent,
            "the exponent of clock i is i/d, so the slowest clock is too fast: it is 2i/d.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_with_twice_the_exponent,
            "the exponent of clock i is 4i/d; torch.arange(0, d, 2) already holds 2i, so divide it by d.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_that_ends_at_the_base,
            "the exponents run from 0 to exactly 1; with 2i/d they stop one step before 1.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_with_a_clock_for_each_number,
            "each number has a frequency of its own; the two numbers 2i and 2i + 1 belong to one clock and share the "
            "exponent 2i/d.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_with_the_exponent_positive,
            "the clocks become faster and faster: base**(-2i/d), with a minus, makes them slower.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_counting_from_one,
            "the first position is 1; positions start at 0, where all sines are 0 and all cosines 1.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_with_cosine_first,
            "sine and cosine are swapped: the sine stands at 2i, the cosine at 2i + 1.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_of_sines_only,
            "both numbers of a clock are sines; the second is the cosine, or the hand's direction is not known.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_without_the_base,
            "base is not used: 10,000 is only its default.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_in_whole_turns,
            "the angles are multiplied by 2π: they are radians already, and the fastest clock turns by 1 for each "
            "position.",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_lying_on_its_side,
            "it is transposed: one row for each position, (length, d).",
            CLOCKS,
        ),
        Mistake(
            sinusoidal_of_the_angles_only,
            "those are the angles; their sine and cosine are still to be taken.",
            CLOCKS,
        ),
    ),
    hints=(
        "What are the four numbers of position 0, for d = 4? And of position 1?",
        "Angles first: positions as a column, torch.arange(length)[:, None], times the frequencies as a row, give "
        "(length, d/2). Then sine and cosine, stacked along a new last axis, and flattened.",
        "angles = torch.arange(length)[:, None] * frequencies(d, base); return torch.stack([angles.sin(), "
        "angles.cos()], dim=-1).flatten(-2)",
    ),
    alternatives=(_sinusoidal_by_a_loop, _sinusoidal_by_slices),
)


# --- rotary ----------------------------------------------------------------------------------------------------------


def _turned(x, positions, base, rates=None, wide=True):
    """cos and sin of the angles, and the two halves of x: what every answer below starts from."""
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    rates = frequencies(x.shape[-1], base, x.device) if rates is None else rates
    positions, rates = (positions.float(), rates) if wide else (positions.to(x.dtype), rates.to(x))
    angles = positions[..., None] * rates
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype), *x.chunk(2, dim=-1)


def _turn(x, positions, base, rates=None, wide=True):
    cos, sin, first, second = _turned(x, positions, base, rates, wide)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def rotary_of_neighbours(x, positions=None, base=10_000.0):
    cos, sin, *_ = _turned(x, positions, base)
    first, second = x[..., ::2], x[..., 1::2]
    return _beside(first * cos - second * sin, first * sin + second * cos)


def rotary_of_neighbours_in_two_halves(x, positions=None, base=10_000.0):
    cos, sin, *_ = _turned(x, positions, base)
    first, second = x[..., ::2], x[..., 1::2]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def rotary_the_other_way_round(x, positions=None, base=10_000.0):
    cos, sin, first, second = _turned(x, positions, base)
    return torch.cat([first * cos + second * sin, second * cos - first * sin], dim=-1)


def rotary_without_the_minus(x, positions=None, base=10_000.0):
    cos, sin, first, second = _turned(x, positions, base)
    return torch.cat([first * cos + second * sin, first * sin + second * cos], dim=-1)


def rotary_with_the_first_half_overwritten(x, positions=None, base=10_000.0):
    cos, sin, first, second = _turned(x, positions, base)
    first = first * cos - second * sin
    return torch.cat([first, first * sin + second * cos], dim=-1)


def rotary_with_sine_and_cosine_swapped(x, positions=None, base=10_000.0):
    cos, sin, first, second = _turned(x, positions, base)
    return torch.cat([first * sin - second * cos, first * cos + second * sin], dim=-1)


def rotary_counting_from_one(x, positions=None, base=10_000.0):
    if positions is None:
        positions = torch.arange(x.shape[-2])
    return _turn(x, positions + 1, base)


def rotary_with_half_the_exponent(x, positions=None, base=10_000.0):
    d = x.shape[-1]
    return _turn(x, positions, base, base ** -(torch.arange(d // 2) / d))


def rotary_with_the_exponent_positive(x, positions=None, base=10_000.0):
    d = x.shape[-1]
    return _turn(x, positions, base, base ** (torch.arange(0, d, 2) / d))


def rotary_with_one_clock(x, positions=None, base=10_000.0):
    return _turn(x, positions, base, torch.ones(x.shape[-1] // 2))


def rotary_without_positions(x, positions=None, base=10_000.0):
    return _turn(x, None, base)


def rotary_without_the_base(x, positions=None, base=10_000.0):
    return _turn(x, positions, 10_000.0)


def rotary_that_adds(x, positions=None, base=10_000.0):
    cos, sin, *_ = _turned(x, positions, base)
    return x + torch.cat([sin, cos], dim=-1)


def rotary_along_the_wrong_axis(x, positions=None, base=10_000.0):
    return _turn(x, torch.arange(x.shape[1]) if positions is None else positions, base)


def rotary_in_half_precision(x, positions=None, base=10_000.0):
    return _turn(x, positions, base, wide=False)


def rotary_that_becomes_float32(x, positions=None, base=10_000.0):
    return _turn(x.float() if x.dtype.itemsize < 4 else x, positions, base)


def rotary_in_place(x, positions=None, base=10_000.0):
    turned = _turn(x, positions, base)
    with torch.no_grad():
        x.copy_(turned)
    return turned


def _rotary_by_complex_numbers(x, positions=None, base=10_000.0):
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    angles = positions[..., None].float() * frequencies(x.shape[-1], base, x.device)
    first, second = x.to(torch.promote_types(x.dtype, torch.float32)).chunk(2, dim=-1)
    turned = torch.complex(first, second) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], dim=-1).to(x.dtype)


def _rotary_as_in_llama(x, positions=None, base=10_000.0):
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    rates = 1.0 / base ** (torch.arange(0, x.shape[-1], 2, device=x.device).float() / x.shape[-1])
    angles = (positions[..., None].float() * rates).repeat(*[1] * positions.ndim, 2)
    first, second = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    half_turned = torch.cat([-second, first], dim=-1)
    return x * angles.cos().to(x.dtype) + half_turned * angles.sin().to(x.dtype)


def _turned_unchanged(implementation, x):
    return implementation(x).detach()


def _turned_elsewhere(implementation, x):
    return implementation(x.to(best_device()))


ROTARY = Exercise(
    name="positions.rotary",
    week=6,
    notebook=NOTEBOOK,
    reference=positions.rotary,
    cases=(
        Case("values", lambda: [torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 2.0]])]),
        Case("several clocks", lambda: [torch.randn(3, 4)], run=call_with_gradients),
        Case("batches", lambda: [torch.randn(2, 3, 5, 8)], run=call_with_gradients),
        Case(
            "positions",
            lambda: [torch.randn(2, 6), torch.tensor([7, 4])],
            run=call_with_gradients,
        ),
        Case("positions", lambda: [torch.randn(2, 3, 4), torch.tensor([[0, 1, 2], [5, 6, 9]])]),
        Case("another base", lambda: [torch.randn(4, 6), None, 100.0]),
        Case("inputs unchanged", lambda: [torch.randn(3, 4)], run=_turned_unchanged),
        Case(
            "float64 and half precision kept",
            lambda: [torch.randn(3, 4, dtype=torch.float64)],
        ),
        Case(
            "float64 and half precision kept",
            lambda: [torch.randn(2, 4).to(torch.bfloat16), torch.tensor([301, 303])],
            rtol=0.02,
            atol=0.03,
        ),
        Case("device", lambda: [torch.randn(2, 3, 4)], run=_turned_elsewhere),
    ),
    mistakes=(
        Mistake(
            rotary_of_neighbours,
            "it pairs neighbours, as the paper does; here number i and number i + d/2 are one pair, so that weights of "
            "Llama and Qwen fit: x.chunk(2, dim=-1).",
            TURN,
        ),
        Mistake(
            rotary_of_neighbours_in_two_halves,
            "it takes neighbours as pairs and then writes them as two halves: number i and number i + d/2 are one "
            "pair, before and after, x.chunk(2, dim=-1).",
            TURN,
        ),
        Mistake(
            rotary_the_other_way_round,
            "it turns the other way: the new first number is first · cos − second · sin.",
            TURN,
        ),
        Mistake(
            rotary_without_the_minus,
            "the minus is missing, so it is no turn and lengths change: first · cos − second · sin.",
            TURN,
        ),
        Mistake(
            rotary_with_the_first_half_overwritten,
            "the new second half is made from the new first half: both must come from the old ones.",
            TURN,
        ),
        Mistake(
            rotary_with_sine_and_cosine_swapped,
            "sine and cosine are swapped, so position 0 is turned by a quarter circle already.",
            TURN,
        ),
        Mistake(
            rotary_counting_from_one,
            "positions are one too high: the first is 0, which turns nothing.",
            TURN,
        ),
        Mistake(
            rotary_with_half_the_exponent,
            "the exponent of clock i is i/d; it is 2i/d, where d counts all numbers of x.",
            TURN,
        ),
        Mistake(
            rotary_with_the_exponent_positive,
            "the clocks become faster and faster: base**(-2i/d), with a minus, makes them slower.",
            TURN,
        ),
        Mistake(
            rotary_with_one_clock,
            "all pairs turn by the same angle: pair i turns by position · base**(-2i/d).",
            TURN,
        ),
        Mistake(
            rotary_without_positions,
            "the positions passed in are not used: a token that is read later does not start at 0 again.",
            TURN,
        ),
        Mistake(
            rotary_without_the_base,
            "base is not used: 10,000 is only its default.",
            TURN,
        ),
        Mistake(
            rotary_that_adds,
            "sines and cosines are added, as sinusoidal positions are; a rotary position turns the pairs.",
            TURN,
        ),
        Mistake(
            rotary_along_the_wrong_axis,
            "positions are counted along dimension 1; the tokens stand along the last but one, x.shape[-2], whatever "
            "comes before.",
            TURN,
        ),
        Mistake(
            rotary_in_half_precision,
            "the angles are computed in half precision, which cannot tell position 301 from 302: compute them in "
            "float32, and only then make cos and sin of x's type.",
            TURN,
        ),
        Mistake(
            rotary_that_becomes_float32,
            "half precision comes out as float32: make cos and sin of x's type, .to(x.dtype).",
            TURN,
        ),
        Mistake(
            rotary_in_place,
            "it writes into the caller's tensor: make a new one, with torch.cat.",
            TURN,
        ),
    ),
    hints=(
        "A point (a, b) in the plane is turned by the angle φ. What are its new coordinates?",
        "Angles of shape (…, length, d/2): positions[..., None] times the frequencies. Cut x into two halves, turn: "
        "(a cos − b sin, a sin + b cos), and join the halves.",
        "angles = positions[..., None].float() * frequencies(d, base, x.device); a, b = x.chunk(2, dim=-1); return "
        "torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1), with cos and sin made .to(x.dtype)",
    ),
    alternatives=(_rotary_by_complex_numbers, _rotary_as_in_llama),
)
