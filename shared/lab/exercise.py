"""`@exercise("mlp.sigmoid")`: attempted? right? otherwise the reference steps in. Also `hint` and `solution`."""

import inspect
import sys
import textwrap
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from shared.exercises import Exercise, find
from shared.lab import cell, journal
from shared.lab.carry import NotCarried, hand_out, keep, part, remember, whose
from shared.lab.diagnosis import Verdict, examine
from shared.lab.files import shown
from shared.lab.lines import Line, in_notebook, say

_hints_given: dict[str, int] = {}


def exercise(name: str) -> Callable[[Any], Any]:
    """Checks the function or class below it as soon as the cell runs, and leaves a working one under its name.

    ○ not attempted, ✗ with the diagnosis, or ✓. Until an answer passes, the learner's last passing one stands in, or
    the reference. It never raises for what the answer does. Raises ValueError for a name that no exercise has.
    """
    spec = find(name)

    def decorate(answer: Any) -> Any:
        return _judge(spec, answer, sys._getframe(1))

    return decorate


def _judge(spec: Exercise, answer: Any, frame: FrameType) -> Any:
    source = cell.read(answer, frame) if hasattr(answer, "__name__") else None
    if source is not None and cell.is_stub(source):
        say(Line("○", spec.name, f"not attempted; {_stand_in(spec)}."))
        return part(spec.name)
    verdict = examine(spec, answer)
    if verdict.passed:
        journal.note("exercise", name=spec.name, outcome="passed")
        _say_passed(verdict, *_keep(spec, answer, source, frame))
        return hand_out(spec.name, answer)
    unfinished = cell.placeholders(source) if source is not None else []
    if unfinished:
        still = f"line {unfinished[0]} of the cell is" if len(unfinished) == 1 else "some lines are"
        say(Line("○", spec.name, f"not finished: {still} still `...`; {_stand_in(spec)}."))
    else:
        mistake = verdict.mistake.name if verdict.mistake else None
        journal.note("exercise", name=spec.name, outcome="wrong", mistake=mistake)
        _say_wrong(verdict)
    return part(spec.name)


def _keep(
    spec: Exercise, answer: Any, source: cell.CellSource | None, frame: FrameType
) -> tuple[str, str]:
    """Writes a passing answer to `my_work/`: how the ✓ line ends, and what to mend where it could not be kept."""
    if source is None:
        remember(spec.name, answer)
        return "", (
            "Its source could not be read, so it lives only until this kernel stops. "
            "Written as `def` or `class` below `@exercise(…)` it is carried to later weeks."
        )
    try:
        # An answer that was imported finds its names where it was written.
        home = sys.modules.get(getattr(answer, "__module__", None) or "__main__")
        own = home is not None and home.__name__ != "__main__"
        path = keep(spec, answer, source, vars(home) if own else frame.f_globals)
    except NotCarried as error:
        return "", f"It works here but cannot be carried to later weeks: {error}."
    except OSError as error:
        why = error.strerror or error
        return "", f"`my_work/` cannot be written ({why}): it lives until this kernel stops."
    return f"Kept in `{shown(path)}`.", ""


def _say_passed(verdict: Verdict, kept: str, trouble: str) -> None:
    sentence = f"right. Checked: {', '.join(verdict.proved)}. {kept}".strip()
    say(Line("✓", verdict.exercise.name, sentence, _printed(verdict), trouble))


def _say_wrong(verdict: Verdict) -> None:
    spec = verdict.exercise
    read = f"Read again: “{verdict.section}”. " if verdict.section else ""
    foot = f'{read}`hint("{spec.name}")` helps; until it passes, {_stand_in(spec)}.'
    say(Line("✗", spec.name, verdict.why, [*verdict.beside, *_printed(verdict)], foot))


def _printed(verdict: Verdict) -> list[tuple[str, str]]:
    if not verdict.printed.strip():
        return []
    return [("printed", textwrap.shorten(verdict.printed, 200, placeholder=" …"))]


def _stand_in(spec: Exercise) -> str:
    return (
        "your last passing version stands in"
        if whose(spec.name) == "yours"
        else "the reference stands in"
    )


def report_broken(name: str, error: BaseException, line: int | None = None, text: str = "") -> Any:
    """Reports an exercise cell that could not even be defined; what stands in is returned. Called by `cell`'s hooks.

    line, text: where in the cell; for an error that was raised, its traceback says so
    """
    try:
        spec = find(name)
    except ValueError as unknown:
        raise unknown from None  # it is what was caught: say it once
    journal.note("exercise", name=name, outcome="broken")
    if line is None:
        line, text = _last_line(error)
    where = f" in line {line} of the cell" if line else ""
    message = f": {str(error).rstrip('.')}" if str(error) else ""
    sentence = f"{type(error).__name__}{where}{message}."
    rows = [("line", text)] if text else []
    say(Line("✗", name, sentence, rows, f"Until it runs, {_stand_in(spec)}."))
    return part(name)


def _last_line(error: BaseException) -> tuple[int | None, str]:
    """The innermost line of the cell that an error went through."""
    steps = traceback.extract_tb(error.__traceback__)
    own = [step for step in steps if step.filename == steps[0].filename]
    return (own[-1].lineno, own[-1].line or "") if own else (None, "")


def hint(name: str) -> None:
    """Shows the next hint for an exercise: a question, then the idea, then the line; after the last, starts again."""
    spec = find(name)
    step = _hints_given.get(name, 0) % len(spec.hints)
    _hints_given[name] = step + 1
    journal.note("hint", name=name, step=step + 1)
    after = (
        "Run it again for the next."
        if step + 1 < len(spec.hints)
        else f'`solution("{name}")` shows the whole.'
    )
    say(Line("?", name, f"hint {step + 1} of {len(spec.hints)}. {spec.hints[step]}", foot=after))


def solution(name: str) -> None:
    """Shows the source of the reference: the very code that stands in."""
    spec = find(name)
    journal.note("solution", name=name)
    source = inspect.getsource(spec.reference)
    if in_notebook():
        from IPython.display import Code, display

        display(Code(source, language="python"))
    else:
        print(source)
