"""Examines an answer to an exercise, and names the mistake behind a wrong one.

A wrong answer is run beside the exercise's known mistakes on the same inputs: the one that gives the same outputs is
its diagnosis. Where none does, the first property that fails is named (type, shape, dtype, a factor, a lost gradient).
"""

import copy
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from shared.exercises import Case, Exercise, Mistake, call, call_with_gradients
from shared.lab.compare import Difference, brief, difference, size
from shared.lab.run import Deadline, Outcome, Raised, run_limited, seed_generators, seeded


@dataclass
class Verdict:
    """What the examination of one answer found.

    proved: what its passing cases show
    why:    for a wrong answer, one sentence that says what to change
    beside: rows (label, text): the smallest input that shows it, the answer's output and the expected one
    """

    exercise: Exercise
    passed: bool
    proved: list[str] = field(default_factory=list)
    why: str = ""
    section: str = ""
    mistake: Mistake | None = None
    beside: list[tuple[str, str]] = field(default_factory=list)
    printed: str = ""
    seconds: float = 0.0
    too_slow: bool = False


@dataclass
class _Failure:
    case: Case
    inputs: Sequence[Any]
    mine: Outcome
    theirs: Outcome
    difference: Difference | None  # None where the answer raised


def examine(exercise: Exercise, implementation: Any) -> Verdict:
    """Runs an answer on every case of its exercise, within the exercise's seconds, and explains the first failure."""
    deadline = Deadline(exercise.seconds)
    verdict = Verdict(exercise, passed=False)
    mine: list[Outcome] = []
    failures: list[_Failure] = []
    for number, case in enumerate(exercise.cases):
        inputs = _inputs(case, number)
        outcome = _observe(case, number, implementation, deadline.left)
        verdict.printed = verdict.printed or outcome.printed
        verdict.seconds += outcome.seconds
        mine.append(outcome)
        if outcome.too_slow:
            return _too_slow(verdict, case, inputs, outcome)
        theirs = _observe(case, number, exercise.reference, exercise.seconds)
        if theirs.raised:
            raise RuntimeError(
                f"{exercise.name}: the reference itself fails on {case.proves!r}: {theirs.raised}"
            )
        failure = _compare(case, inputs, outcome, theirs)
        if failure:
            failures.append(failure)
        elif case.proves not in verdict.proved:
            verdict.proved.append(case.proves)
    failing = {f.case.proves for f in failures}
    verdict.proved = [p for p in verdict.proved if p not in failing]
    verdict.passed = not failures
    if failures:
        _explain(verdict, failures, mine)
    return verdict


def _inputs(case: Case, number: int) -> Sequence[Any]:
    return seeded(number, case.inputs)


def _observe(case: Case, number: int, implementation: Any, seconds: float) -> Outcome:
    """One run of one case: its outputs, and which inputs it changed though it should not."""

    def work() -> dict[str, Any]:
        inputs = _inputs(case, number)
        before = copy.deepcopy(inputs)
        seed_generators(number)
        output = case.run(implementation, *inputs)
        changed = [] if case.in_place else _changed(before, inputs)
        return {"output": output, "changed": changed}

    return run_limited(work, seconds)


def _changed(before: Sequence[Any], after: Sequence[Any]) -> list[int]:
    plain = (torch.Tensor, np.ndarray, list, dict, tuple)
    return [
        i
        for i, (old, new) in enumerate(zip(before, after, strict=True))
        if isinstance(old, plain) and difference(new, old, rtol=0, atol=0)
    ]


def _compare(case: Case, inputs: Sequence[Any], mine: Outcome, theirs: Outcome) -> _Failure | None:
    if mine.raised:
        return _Failure(case, inputs, mine, theirs, None)
    found = difference(mine.value, theirs.value, case.rtol, case.atol)
    return _Failure(case, inputs, mine, theirs, found) if found else None


def _explain(verdict: Verdict, failures: list[_Failure], mine: list[Outcome]) -> None:
    # Cases go from small to large: the first that a person can read, else the smallest.
    shown = next(
        (f for f in failures if size(f.inputs) <= 16), min(failures, key=lambda f: size(f.inputs))
    )
    verdict.mistake, most = _matching_mistake(verdict.exercise, failures, mine, shown.case)
    if verdict.mistake:
        verdict.why, verdict.section = verdict.mistake.why, verdict.mistake.section
    elif most:
        verdict.why, verdict.section = f"{most.why} {_NOT_ALL}", most.section
    else:
        verdict.why = _property(verdict.exercise, shown)
    verdict.beside = _side_by_side(verdict.exercise, shown)


_NOT_ALL = "(This explains most of what is wrong, and perhaps not all.)"


def _matching_mistake(
    exercise: Exercise, failures: list[_Failure], mine: list[Outcome], shown: Case
) -> tuple[Mistake | None, Mistake | None]:
    """The known mistake that gives the answer's outputs on every case; else one that does wherever the answer is
    wrong without raising (the answer may have a second flaw, which shows when the first is mended).

    The second is for an answer that matches none: the mistake that gives its outputs on most of the failing cases, on
    at least two, and on the one that is shown.
    """
    failing = [i for i, case in enumerate(exercise.cases) if any(f.case is case for f in failures)]
    wrong_values = [i for i in failing if not mine[i].raised]
    second_choice, most, most_cases = None, None, max(1, len(failing) // 2)
    for mistake in exercise.mistakes:
        agrees = {
            i: _same(mine[i], _observe(case, i, mistake.wrong, exercise.seconds), case)
            for i, case in enumerate(exercise.cases)
        }
        if all(agrees.values()):
            return mistake, None
        if second_choice is None and wrong_values and all(agrees[i] for i in wrong_values):
            second_choice = mistake
        cases = sum(agrees[i] for i in wrong_values)
        shown_too = any(agrees[i] and exercise.cases[i] is shown for i in wrong_values)
        if shown_too and cases > most_cases:
            most, most_cases = mistake, cases
    return second_choice, most


def _same(mine: Outcome, other: Outcome, case: Case) -> bool:
    if mine.raised or other.raised:
        return mine.raised == other.raised
    return difference(mine.value, other.value, case.rtol, case.atol) is None


def _too_slow(verdict: Verdict, case: Case, inputs: Sequence[Any], outcome: Outcome) -> Verdict:
    verdict.too_slow = True
    stopped = (
        "could not be stopped (restart the kernel if the computer stays busy)"
        if outcome.left_behind
        else "was stopped"
    )
    verdict.why = (
        f"it was still running after {verdict.exercise.seconds:.3g} s and {stopped}: "
        "is there a loop whose condition never becomes false?"
    )
    verdict.beside = _input_rows(verdict.exercise, case, inputs)
    return verdict


def _property(exercise: Exercise, failure: _Failure) -> str:
    """The sentence for a wrong answer that matches no known mistake: the first property that fails."""
    if failure.mine.raised:
        return _raised_sentence(failure.mine.raised)
    found = failure.difference
    assert found is not None
    if found.path.startswith("['changed']"):
        names = [_input_name(exercise, failure.case, i) for i in failure.mine.value["changed"]]
        return f"it changes its input {' and '.join(names)} in place: work on a new tensor, the caller still needs it."
    what = _what(exercise, failure.case, found.path)
    if found.kind == "type" and found.mine is None:
        if "gradient" in found.path:
            return f"there is no {what.removeprefix('the ')}: {_CUT}"
        return f"{what} is None: is a return missing?"
    if found.kind == "type":
        return f"{what} is a {type(found.mine).__name__}, and a {type(found.theirs).__name__} is expected."
    if found.kind == "length":
        holds = "hold" if what.endswith("s") else "holds"
        return f"{what} {holds} {brief(found.mine)}, and {brief(found.theirs)} is expected."
    if found.kind == "shape":
        return f"{what} has the shape {tuple(found.mine.shape)}, and {tuple(found.theirs.shape)} is expected."
    if found.kind == "dtype":
        keep = ": keep the input's" if _has_dtype(failure.inputs, found.theirs.dtype) else ""
        return (
            f"{what} has the dtype {found.mine.dtype}, and {found.theirs.dtype} is expected{keep}."
        )
    if found.kind == "device":
        return f"{what} lies on the device {found.mine}, and {found.theirs} is expected: keep the input's."
    if found.kind == "layout":
        return f"{what} is stored as {found.mine}, and {found.theirs} is expected."
    if found.kind == "not finite":
        return failure.case.says or f"{what} holds nan or inf where it must be a finite number."
    if isinstance(found.theirs, bool):
        return f"{what}: {found.mine}, and {found.theirs} is expected ({failure.case.proves})."
    return (
        _relation(what, found)
        or failure.case.says
        or _last_digits(what, found)
        or f"{what} differs from what is expected ({failure.case.proves})."
    )


def _has_dtype(inputs: Sequence[Any], dtype: Any) -> bool:
    return any(isinstance(x, (torch.Tensor, np.ndarray)) and x.dtype == dtype for x in inputs)


_CUT = ".item(), .detach(), .data, .numpy() or torch.tensor(…) cut the graph."


def _raised_sentence(raised: Raised) -> str:
    if raised.type == "NameError":
        return (
            f"it uses a name that is not defined: {raised.message}. "
            "Run the cell that defines it first, or mend the name."
        )
    if raised.type == "NotImplementedError":
        return "a part of it still raises NotImplementedError."
    if raised.type in ("MemoryError", "OutOfMemoryError") or "allocate" in raised.message:
        return f"it asks for more memory than there is: look at the shapes of what it makes ({raised})."
    if raised.type == "RecursionError":
        return "it calls itself without end: is there a case in which it stops?"
    if "does not require grad" in raised.message:
        return f"no gradient can flow back from its output: {_CUT}"
    if raised.type == "SystemExit":
        return "it ends the program (exit, or sys.exit): use return."
    return f"it raises {raised}."


def _numbers(found: Difference) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Wrong and right numbers, (n,) or more, in float64; None where they are no floating-point numbers."""
    mine, theirs = found.mine, found.theirs
    if isinstance(theirs, (int, float)):
        mine, theirs = torch.tensor([float(mine)]), torch.tensor([float(theirs)])
    if not isinstance(theirs, torch.Tensor) or not theirs.is_floating_point():
        return None
    return mine.detach().double(), theirs.detach().double()


def _close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-7)


def _last_digits(what: str, found: Difference) -> str:
    """The sentence for numbers that are right but for their last digits."""
    numbers = _numbers(found)
    if numbers is None or not _close(*numbers):
        return ""
    return (
        f"{what} is nearly right and differs in the last digits: is a small constant (an ε) missing or in "
        "another place, or is a number made in float32 on the way, where the input has float64?"
    )


def _relation(what: str, found: Difference) -> str:
    """A simple relation between wrong and right numbers, where there is one."""
    numbers = _numbers(found)
    if numbers is None or _close(*numbers):
        return ""
    mine, theirs, close = *numbers, _close
    if close(mine, -theirs):
        return f"{what} has the wrong sign."
    if theirs.numel() < 2:  # any number is some factor times another
        return ""
    if theirs.ndim == 2 and close(mine, theirs.T):
        return f"{what} is transposed: rows and columns are swapped."
    if close(mine, theirs.flip(0)):
        return f"{what} comes out in reversed order."
    factor = (mine * theirs).sum() / (theirs * theirs).sum().clamp(min=1e-30)
    if factor.abs() > 1e-6 and close(mine, factor * theirs):
        return f"{what} is {factor.item():.4g} times what it should be, everywhere: a constant factor is off."
    offset = (mine - theirs).mean()
    if close(mine, theirs + offset):
        return f"{what} is off by the same {offset.item():.4g} everywhere."
    return ""


def _what(exercise: Exercise, case: Case, path: str) -> str:
    """A path inside an observation, in words: "['output']['gradient of input 0']" → "the gradient of x"."""
    path = path.removeprefix("['output']")
    for i in range(12):
        path = path.replace(f"input {i}'", f"{_input_name(exercise, case, i)}'")
    inside = path.replace("['output']", "").strip("[]").replace("'", "").replace("][", ", ")
    if not inside:
        return "the output"
    return f"output {inside}" if inside.replace(", ", "").isdigit() else f"the {inside}"


def _input_name(exercise: Exercise, case: Case, i: int) -> str:
    """What an input is called: the exercise's own argument, or that of the function that runs the case."""
    if case.run in (call, call_with_gradients):
        parameters = list(inspect.signature(exercise.reference).parameters)
    else:
        parameters = list(inspect.signature(case.run).parameters)[
            1:
        ]  # the first is the implementation
    return parameters[i] if i < len(parameters) else f"input {i}"


def _input_rows(exercise: Exercise, case: Case, inputs: Sequence[Any]) -> list[tuple[str, str]]:
    named = [(_input_name(exercise, case, i), brief(x)) for i, x in enumerate(inputs)]
    if not named:
        return [("tried", case.proves)]
    return [("input" if i == 0 else "", f"{name} = {text}") for i, (name, text) in enumerate(named)]


def _side_by_side(exercise: Exercise, failure: _Failure) -> list[tuple[str, str]]:
    rows = _input_rows(exercise, failure.case, failure.inputs)
    if failure.mine.raised:
        expected = brief(failure.theirs.value["output"])
        return [*rows, ("yours", str(failure.mine.raised)), ("expected", expected)]
    found = failure.difference
    assert found is not None
    if found.path.startswith("['changed']"):
        return rows
    what = _what(exercise, failure.case, found.path)
    label = "" if what == "the output" else f"{what.removeprefix('the ')}: "
    where, mine, theirs = _first_entry(found)
    return [*rows, ("yours", f"{label}{mine}{where}"), ("expected", f"{label}{theirs}{where}")]


def _first_entry(found: Difference) -> tuple[str, str, str]:
    """Both outputs in full where they are short; else the entry that differs most."""
    mine, theirs = found.mine, found.theirs
    tensors = isinstance(mine, torch.Tensor) and isinstance(theirs, torch.Tensor)
    if not tensors or found.kind in ("shape", "dtype") or size(theirs) <= 12:
        return "", brief(mine), brief(theirs)
    gap = (mine.detach().double() - theirs.detach().double()).abs().nan_to_num(nan=torch.inf)
    index = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape))
    return f"   at {list(index)}", f"{mine[index].item():.5g}", f"{theirs[index].item():.5g}"
