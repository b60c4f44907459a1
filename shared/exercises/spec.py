"""What an exercise is: plain data. `shared.lab` runs it, the weeks' modules fill it in."""

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

Implementation = Callable[..., Any]


def call(implementation: Implementation, *inputs: Any) -> Any:
    """The plainest way to run a function on a case: its output."""
    return implementation(*inputs)


def call_with_gradients(implementation: Implementation, *inputs: Any) -> dict[str, Any]:
    """The output, and the gradient of a fixed weighted sum of it with respect to each floating-point input."""
    leaves = [x.clone().requires_grad_() if _differentiable(x) else x for x in inputs]
    output = implementation(*leaves)
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    # Unequal weights: an error that only swaps two outputs must not cancel in the sum.
    weights = torch.linspace(1.0, 2.0, output.numel(), dtype=output.dtype).reshape(output.shape)
    (output * weights).sum().backward()
    gradients = {
        f"gradient of input {i}": x.grad for i, x in enumerate(leaves) if _differentiable(x)
    }
    return {"output": output.detach()} | gradients


def _differentiable(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_floating_point()


@dataclass(frozen=True)
class Case:
    """One thing that an exercise is tried on.

    proves:   what a pass shows, as it stands in the ✓ line: "values", "gradients", "±1000"
    inputs:   makes the inputs anew each time; it is called with torch's generator seeded
    run:      run(implementation, *inputs) → the outputs that are compared (numbers, tensors, strings, and tuples,
              lists or dicts of them)
    in_place: the exercise is meant to change its inputs (an optimizer step)
    says:     the sentence for a wrong answer that fails here first and matches no known mistake
    """

    proves: str
    inputs: Callable[[], Sequence[Any]]
    run: Callable[..., Any] = call
    in_place: bool = False
    rtol: float = 1e-5
    atol: float = 1e-6
    says: str = ""


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation that real learners write, the sentence that mends it, and the section that teaches it."""

    wrong: Implementation
    why: str
    section: str

    @property
    def name(self) -> str:
        return self.wrong.__name__


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    name:         "family.piece", e.g. "mlp.sigmoid"; the learner's function or class is called `piece`
    reference:    the piece in `shared`, which is also the solution
    alternatives: right answers written differently; tests prove that they pass
    hints:        a question, then the idea, then the line
    """

    name: str
    week: int
    notebook: str
    reference: Implementation
    cases: tuple[Case, ...]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    alternatives: tuple[Implementation, ...] = ()
    seconds: float = 5.0

    @property
    def family(self) -> str:
        return self.name.split(".")[0]

    @property
    def piece(self) -> str:
        return self.name.split(".")[1]


@cache
def for_week(week: int) -> tuple[Exercise, ...]:
    """The exercises of one week, in the order of its notebooks; empty where the week has none."""
    name = f"shared.exercises.week{week:02d}"
    if importlib.util.find_spec(name) is None:
        return ()
    return tuple(importlib.import_module(name).EXERCISES)


@cache
def _by_name() -> dict[str, Exercise]:
    package = importlib.import_module("shared.exercises")
    weeks = [
        int(m.name.removeprefix("week"))
        for m in pkgutil.iter_modules(package.__path__)
        if m.name[:4] == "week"
    ]
    return {exercise.name: exercise for week in sorted(weeks) for exercise in for_week(week)}


def names() -> list[str]:
    """The names of all exercises, in the order of the course."""
    return list(_by_name())


def find(name: str) -> Exercise:
    """The exercise of that name. Raises ValueError, with the nearest names, where there is none."""
    known = _by_name()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else " names() lists them all."
    raise ValueError(f"There is no exercise {name!r}.{meant}")
