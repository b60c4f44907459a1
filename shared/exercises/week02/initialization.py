"""`init.xavier_normal` and `init.kaiming_normal`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week02.walking import GUIDED
from shared.training import initialization
from shared.training.initialization import fans

ALIVE = "Weights that keep a signal alive"
HALF = "Weights for relu"


# --- what is looked at -----------------------------------------------------------------------------------------------


def _spread(implementation, shape):
    """What a large random weight looks like; its numbers themselves may be drawn in any right way."""
    weight = implementation(shape)
    spread = weight.std().item()
    return {
        "shape": tuple(weight.shape),
        "standard deviation": spread,
        "mean, in standard deviations": round(weight.mean().item() / spread, 1),
        "share beyond 2 standard deviations": round(
            (weight.abs() > 2 * spread).double().mean().item(), 2
        ),
        "trainable": weight.requires_grad,
    }


def _from_generator(implementation, shape, seed):
    """A weight drawn from a generator is drawn again from one in the same state, and from nothing else."""
    before = torch.get_rng_state()
    first, second = (implementation(shape, torch.Generator().manual_seed(seed)) for _ in range(2))
    other = implementation(shape, torch.Generator().manual_seed(seed + 1))
    return {
        "the same from the same generator": torch.equal(first, second),
        "other numbers from another generator": not torch.equal(first, other),
        "torch's own generator left alone": torch.equal(before, torch.get_rng_state()),
    }


def _cases(name):
    return (
        Case(name, lambda: [(400, 100)], run=_spread, rtol=0.02, atol=0.015),
        Case(name, lambda: [(100, 900)], run=_spread, rtol=0.02, atol=0.015),
        Case("a convolution", lambda: [(64, 32, 3, 5)], run=_spread, rtol=0.02, atol=0.015),
        Case(
            "the generator",
            lambda: [(20, 30), 5],
            run=_from_generator,
            says="numbers must come from the generator that is passed in: torch.randn(shape, generator=generator).",
        ),
    )


def _normal(shape, std, generator=None):
    return torch.randn(shape, generator=generator) * std


# --- xavier_normal ---------------------------------------------------------------------------------------------------


def xavier_without_the_root(shape, generator=None):
    fan_in, fan_out = fans(shape)
    return _normal(shape, 2 / (fan_in + fan_out), generator)


def xavier_with_fan_in_only(shape, generator=None):
    return _normal(shape, fans(shape)[0] ** -0.5, generator)


def xavier_with_fan_out_only(shape, generator=None):
    return _normal(shape, fans(shape)[1] ** -0.5, generator)


def xavier_without_the_two(shape, generator=None):
    return _normal(shape, sum(fans(shape)) ** -0.5, generator)


def xavier_for_the_uniform(shape, generator=None):
    return _normal(shape, (6 / sum(fans(shape))) ** 0.5, generator)


def xavier_that_is_uniform(shape, generator=None):
    bound = (6 / sum(fans(shape))) ** 0.5
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound


def xavier_that_is_not_centred(shape, generator=None):
    return torch.rand(shape, generator=generator) * (2 / sum(fans(shape))) ** 0.5


def xavier_without_the_window(shape, generator=None):
    return _normal(shape, (2 / (shape[0] + shape[1])) ** 0.5, generator)


def xavier_without_scale(shape, generator=None):
    return torch.randn(shape, generator=generator)


def xavier_without_its_generator(shape, generator=None):
    return _normal(shape, (2 / sum(fans(shape))) ** 0.5)


def xavier_transposed(shape, generator=None):
    return _normal(shape, (2 / sum(fans(shape))) ** 0.5, generator).transpose(0, 1)


def _xavier_by_torch(shape, generator=None):
    return torch.nn.init.xavier_normal_(torch.empty(shape), generator=generator)


XAVIER_NORMAL = Exercise(
    name="init.xavier_normal",
    week=2,
    notebook=GUIDED,
    reference=initialization.xavier_normal,
    cases=_cases("the spread"),
    mistakes=(
        Mistake(
            xavier_without_the_root,
            "2 / (fan_in + fan_out) is the variance; the numbers are multiplied by its root, the standard deviation.",
            ALIVE,
        ),
        Mistake(
            xavier_with_fan_in_only,
            "only fan_in counts: Xavier's rule is a compromise, 2 / (fan_in + fan_out).",
            ALIVE,
        ),
        Mistake(
            xavier_with_fan_out_only,
            "only fan_out counts: Xavier's rule is a compromise, 2 / (fan_in + fan_out).",
            ALIVE,
        ),
        Mistake(
            xavier_without_the_two,
            "1 / (fan_in + fan_out) is half the variance that is wanted: there is a 2 on top, so that equal fans give "
            "1 / fan_in.",
            ALIVE,
        ),
        Mistake(
            xavier_for_the_uniform,
            "√6 belongs to the uniform variant, where it is the bound; for normal numbers the standard deviation is "
            "√(2 / (fan_in + fan_out)).",
            ALIVE,
        ),
        Mistake(
            xavier_that_is_uniform,
            "the numbers are uniform (torch.rand), with the right spread but no tails: draw normal ones, torch.randn.",
            ALIVE,
        ),
        Mistake(
            xavier_that_is_not_centred,
            "torch.rand gives numbers from 0 to 1, all positive: torch.randn draws normal ones around 0.",
            ALIVE,
        ),
        Mistake(
            xavier_without_the_window,
            "for a convolution each input counts once for each place of the window: use fans(shape).",
            ALIVE,
        ),
        Mistake(
            xavier_without_scale,
            "the numbers have standard deviation 1: multiply by √(2 / (fan_in + fan_out)).",
            ALIVE,
        ),
        Mistake(
            xavier_without_its_generator,
            "the generator is not used, so the start cannot be repeated: torch.randn(shape, generator=generator).",
            ALIVE,
        ),
        Mistake(
            xavier_transposed,
            "the weight comes out transposed: it has the shape that was asked for, (d_out, d_in, …).",
            ALIVE,
        ),
    ),
    hints=(
        "For a layer with 100 inputs and 100 outputs: what variance keeps the outputs as large as the inputs?",
        "fans(shape) gives fan_in and fan_out. Normal numbers of standard deviation 1 times s have standard deviation "
        "s, and the rule gives the variance, s².",
        "return torch.randn(shape, generator=generator) * (2 / (fan_in + fan_out)) ** 0.5",
    ),
    alternatives=(_xavier_by_torch,),
)


# --- kaiming_normal --------------------------------------------------------------------------------------------------


def kaiming_without_the_two(shape, generator=None):
    return _normal(shape, fans(shape)[0] ** -0.5, generator)


def kaiming_with_fan_out(shape, generator=None):
    return _normal(shape, (2 / fans(shape)[1]) ** 0.5, generator)


def kaiming_that_is_xavier(shape, generator=None):
    return _normal(shape, (2 / sum(fans(shape))) ** 0.5, generator)


def kaiming_without_the_root(shape, generator=None):
    return _normal(shape, 2 / fans(shape)[0], generator)


def kaiming_with_the_two_outside(shape, generator=None):
    return _normal(shape, 2 / fans(shape)[0] ** 0.5, generator)


def kaiming_that_is_uniform(shape, generator=None):
    bound = (6 / fans(shape)[0]) ** 0.5
    return (torch.rand(shape, generator=generator) * 2 - 1) * bound


def kaiming_without_the_window(shape, generator=None):
    return _normal(shape, (2 / shape[1]) ** 0.5, generator)


def kaiming_of_absolute_values(shape, generator=None):
    return _normal(shape, (2 / fans(shape)[0]) ** 0.5, generator).abs()


def kaiming_without_its_generator(shape, generator=None):
    return _normal(shape, (2 / fans(shape)[0]) ** 0.5)


def _kaiming_by_torch(shape, generator=None):
    weight = torch.empty(shape)
    return torch.nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


KAIMING_NORMAL = Exercise(
    name="init.kaiming_normal",
    week=2,
    notebook=GUIDED,
    reference=initialization.kaiming_normal,
    cases=_cases("the spread"),
    mistakes=(
        Mistake(
            kaiming_without_the_two,
            "1 / fan_in keeps a signal that passes whole; relu lets half of it through, hence 2 / fan_in.",
            HALF,
        ),
        Mistake(
            kaiming_with_fan_out,
            "fan_out is used: an output adds up fan_in products, so fan_in decides how large it gets.",
            HALF,
        ),
        Mistake(
            kaiming_that_is_xavier,
            "that is Xavier's rule: for relu the variance is 2 / fan_in.",
            HALF,
        ),
        Mistake(
            kaiming_without_the_root,
            "2 / fan_in is the variance; the numbers are multiplied by its root, the standard deviation.",
            HALF,
        ),
        Mistake(
            kaiming_with_the_two_outside,
            "the 2 stands outside the root: the standard deviation is √(2 / fan_in), not 2 / √fan_in.",
            HALF,
        ),
        Mistake(
            kaiming_that_is_uniform,
            "the numbers are uniform (torch.rand), with the right spread but no tails: draw normal ones, torch.randn.",
            HALF,
        ),
        Mistake(
            kaiming_without_the_window,
            "for a convolution each input counts once for each place of the window: use fans(shape).",
            HALF,
        ),
        Mistake(
            kaiming_of_absolute_values,
            "all weights are positive: they must lie around 0, as torch.randn draws them.",
            HALF,
        ),
        Mistake(
            kaiming_without_its_generator,
            "the generator is not used, so the start cannot be repeated: torch.randn(shape, generator=generator).",
            HALF,
        ),
    ),
    hints=(
        "relu turns half of the numbers into 0. What happens to the mean square of a signal, and what makes up for it?",
        "As xavier_normal, with the variance 2 / fan_in.",
        "return torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5",
    ),
    alternatives=(_kaiming_by_torch,),
)
