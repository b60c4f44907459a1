"""`mlp.sigmoid`, `mlp.relu`, `mlp.tanh`: cases, known mistakes, hints."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.nn import mlp

NOTEBOOK = "week01_mlp/1_guided_xor.ipynb"
SQUASHING = "Squashing a number"
HINGE = "A hinge"
AROUND_ZERO = "Squashing around zero"


def _cases(far_derivative: float) -> tuple[Case, ...]:
    """What all three are tried on; x = 0 is met by `values` and `derivative`."""
    return (
        Case("values", lambda: [torch.tensor([-1.0, 0.0, 2.0])]),
        Case("derivative", lambda: [torch.tensor([-1.0, 0.0, 2.0]), True]),
        Case("gradients", lambda: [torch.randn(3, 4)], run=call_with_gradients),
        Case(
            "±1000",
            lambda: [torch.tensor([-1000.0, 1000.0])],
            says="at x = ±1000 an exponential overflows to inf, and inf / inf is nan.",
        ),
        Case("derivative", lambda: [torch.tensor([-far_derivative, far_derivative]), True]),
        Case("any shape", lambda: [torch.randn(2, 3, 1)]),
        Case(
            "float64 kept",
            lambda: [torch.linspace(-3, 3, 5, dtype=torch.float64)],
            rtol=1e-12,
            atol=1e-12,
        ),
        Case(
            "float64 kept",
            lambda: [torch.linspace(-3, 3, 5, dtype=torch.float64), True],
            rtol=1e-12,
            atol=1e-12,
        ),
    )


# --- sigmoid ---------------------------------------------------------------------------------------------------------


def sigmoid_with_the_sign_flipped(x, derivative=False):
    value = 1 / (1 + torch.exp(x))
    return value * (1 - value) if derivative else value


def sigmoid_without_parentheses(x, derivative=False):
    value = 1 / 1 + torch.exp(-x)
    return value * (1 - value) if derivative else value


def sigmoid_derivative_of_its_own_value(x, derivative=False):
    return x * (1 - x) if derivative else 1 / (1 + torch.exp(-x))


def sigmoid_that_ignores_derivative(x, derivative=False):
    return 1 / (1 + torch.exp(-x))


def sigmoid_derivative_that_misses_a_factor(x, derivative=False):
    value = 1 / (1 + torch.exp(-x))
    return 1 - value if derivative else value


def sigmoid_that_overflows(x, derivative=False):
    value = torch.exp(x) / (1 + torch.exp(x))
    return value * (1 - value) if derivative else value


def sigmoid_with_math_exp(x, derivative=False):
    value = 1 / (1 + math.exp(-x))
    return value * (1 - value) if derivative else value


def sigmoid_that_cuts_the_graph(x, derivative=False):
    value = 1 / (1 + torch.exp(-x.detach()))
    return value * (1 - value) if derivative else value


def _sigmoid_by_torch(x, derivative=False):
    value = torch.sigmoid(x)
    return value - value.square() if derivative else value


SIGMOID = Exercise(
    name="mlp.sigmoid",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.sigmoid,
    cases=_cases(far_derivative=1000.0),
    mistakes=(
        Mistake(
            sigmoid_with_the_sign_flipped,
            "e^x stands where e^-x belongs, so the curve falls instead of rising: use torch.exp(-x).",
            SQUASHING,
        ),
        Mistake(
            sigmoid_without_parentheses,
            "1 / 1 + e^-x divides before it adds: put parentheses around the whole denominator.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_derivative_of_its_own_value,
            "the derivative is σ(x) · (1 - σ(x)), and x · (1 - x) takes x for a value that is already squashed: "
            "compute σ(x) first.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_that_ignores_derivative,
            "with derivative=True it still returns σ(x): return σ(x) · (1 - σ(x)) in that case.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_derivative_that_misses_a_factor,
            "the derivative lacks a factor: it is σ(x) times (1 - σ(x)), not 1 - σ(x) alone.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_that_overflows,
            "e^x / (1 + e^x) is the same curve on paper, but at x = 1000 it is inf / inf = nan: "
            "use 1 / (1 + e^-x), where the inf only makes a 0.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_with_math_exp,
            "math.exp takes one number, and x is a tensor of any shape: use torch.exp.",
            SQUASHING,
        ),
        Mistake(
            sigmoid_that_cuts_the_graph,
            ".detach() (like .numpy() and .item()) cuts x out of the graph, so no gradient can flow back: "
            "compute on x itself.",
            SQUASHING,
        ),
    ),
    hints=(
        "What should come out for x = 0, for a very large x, for a very negative x? Which of e^x and e^-x vanishes?",
        "torch.exp works on every element at once. Keep σ(x) in a variable: its derivative needs only that value.",
        "value = 1 / (1 + torch.exp(-x)); then return value * (1 - value) if derivative, else value.",
    ),
    alternatives=(_sigmoid_by_torch,),
)


# --- relu ------------------------------------------------------------------------------------------------------------


def relu_of_the_absolute_value(x, derivative=False):
    return torch.sign(x) if derivative else x.abs()


def relu_that_keeps_the_negative_side(x, derivative=False):
    return (x < 0).to(x.dtype) if derivative else torch.clamp(x, max=0)


def relu_with_a_leak(x, derivative=False):
    return (
        torch.where(x > 0, 1.0, 0.01).to(x.dtype) if derivative else torch.where(x > 0, x, 0.01 * x)
    )


def relu_that_ignores_derivative(x, derivative=False):
    return torch.clamp(x, min=0)


def relu_derivative_as_booleans(x, derivative=False):
    return x > 0 if derivative else torch.clamp(x, min=0)


def relu_derivative_one_at_zero(x, derivative=False):
    return (x >= 0).to(x.dtype) if derivative else torch.clamp(x, min=0)


def relu_in_place(x, derivative=False):
    if derivative:
        return (x > 0).to(x.dtype)
    x[x < 0] = 0
    return x


def relu_with_pythons_max(x, derivative=False):
    return (x > 0).to(x.dtype) if derivative else max(0, x)


def relu_of_the_largest_only(x, derivative=False):
    return (x > 0).to(x.dtype) if derivative else torch.clamp(x.max(), min=0)


def _relu_by_multiplication(x, derivative=False):
    mask = (x > 0).to(x.dtype)
    return mask if derivative else x * mask


RELU = Exercise(
    name="mlp.relu",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.relu,
    cases=_cases(far_derivative=1000.0),
    mistakes=(
        Mistake(
            relu_of_the_absolute_value,
            "negative inputs come out mirrored, as |x|: they must become 0.",
            HINGE,
        ),
        Mistake(
            relu_that_keeps_the_negative_side,
            "it keeps the negative side and cuts the positive: clamp from below (min=0), not from above.",
            HINGE,
        ),
        Mistake(
            relu_with_a_leak,
            "a small slope is left for negative inputs: that is the leaky ReLU; here they become exactly 0.",
            HINGE,
        ),
        Mistake(
            relu_that_ignores_derivative,
            "with derivative=True it still returns max(0, x): return 1 where x > 0 and 0 elsewhere.",
            HINGE,
        ),
        Mistake(
            relu_derivative_as_booleans,
            "the derivative comes out as True and False, with which no gradient can be computed: "
            "turn it into numbers of x's type, (x > 0).to(x.dtype).",
            HINGE,
        ),
        Mistake(
            relu_derivative_one_at_zero,
            "at the corner x = 0 either slope could be chosen; torch takes 0, and so do we: compare with >, not >=.",
            HINGE,
        ),
        Mistake(
            relu_in_place,
            "x[x < 0] = 0 writes into the caller's tensor, which other layers still need: make a new one.",
            HINGE,
        ),
        Mistake(
            relu_with_pythons_max,
            "Python's max asks for one true or false, and x holds many numbers: use torch.clamp or torch.where.",
            HINGE,
        ),
        Mistake(
            relu_of_the_largest_only,
            "x.max() takes the largest of all elements; ReLU compares each element with 0: torch.clamp(x, min=0).",
            HINGE,
        ),
    ),
    hints=(
        "Which numbers must come through unchanged, and which become 0? What is the slope on each side?",
        "torch.clamp(x, min=…) cuts from below, element by element. A comparison gives booleans; .to(x.dtype) makes "
        "numbers of them.",
        "return (x > 0).to(x.dtype) if derivative else torch.clamp(x, min=0)",
    ),
    alternatives=(_relu_by_multiplication,),
)


# --- tanh ------------------------------------------------------------------------------------------------------------


def tanh_that_is_a_sigmoid(x, derivative=False):
    value = 1 / (1 + torch.exp(-x))
    return value * (1 - value) if derivative else value


def tanh_that_overflows(x, derivative=False):
    value = (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))
    return 1 - value**2 if derivative else value


def tanh_that_forgets_the_two(x, derivative=False):
    value = 2 / (1 + torch.exp(-x)) - 1
    return 1 - value**2 if derivative else value


def tanh_derivative_like_the_sigmoids(x, derivative=False):
    value = torch.tanh(x)
    return value * (1 - value) if derivative else value


def tanh_derivative_not_squared(x, derivative=False):
    value = torch.tanh(x)
    return 1 - value if derivative else value


def tanh_derivative_of_its_own_value(x, derivative=False):
    return 1 - x**2 if derivative else torch.tanh(x)


def tanh_that_ignores_derivative(x, derivative=False):
    return torch.tanh(x)


def _tanh_by_torch(x, derivative=False):
    return 1 - torch.tanh(x).square() if derivative else torch.tanh(x)


def _tanh_by_our_sigmoid(x, derivative=False):
    value = 2 * torch.sigmoid(2 * x) - 1
    return (1 - value) * (1 + value) if derivative else value


TANH = Exercise(
    name="mlp.tanh",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.tanh,
    cases=_cases(far_derivative=1000.0),
    mistakes=(
        Mistake(
            tanh_that_is_a_sigmoid,
            "that is σ(x), between 0 and 1: tanh runs from -1 to 1, as 2 σ(2x) - 1.",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_that_overflows,
            "(e^x - e^-x) / (e^x + e^-x) is the definition, but at x = ±1000 it is inf / inf = nan: "
            "use 2 σ(2x) - 1, which cannot overflow into nan.",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_that_forgets_the_two,
            "2 σ(x) - 1 is half as steep as tanh: the 2 belongs inside as well, 2 σ(2x) - 1.",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_derivative_like_the_sigmoids,
            "t · (1 - t) is the sigmoid's derivative; for t = tanh(x) it is 1 - t².",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_derivative_not_squared,
            "the derivative is 1 - tanh²(x): the square is missing.",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_derivative_of_its_own_value,
            "1 - x² takes x for a value that is already squashed: compute t = tanh(x) first, then 1 - t².",
            AROUND_ZERO,
        ),
        Mistake(
            tanh_that_ignores_derivative,
            "with derivative=True it still returns tanh(x): return 1 - tanh²(x) in that case.",
            AROUND_ZERO,
        ),
    ),
    hints=(
        "tanh is the sigmoid stretched to the range from -1 to 1 and squeezed along x. By how much, each way?",
        "2 σ(2x) - 1. You have σ already: your `sigmoid` stands ready. The derivative needs only the value.",
        "value = 2 * sigmoid(2 * x) - 1; then return 1 - value**2 if derivative, else value.",
    ),
    alternatives=(_tanh_by_torch, _tanh_by_our_sigmoid),
)
