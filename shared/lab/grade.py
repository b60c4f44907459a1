"""Grades notebooks: which exercises pass, judged away from the notebook. `bumblebee grade NOTEBOOK…`.

Each notebook's exercise cells are taken out and examined in a process of their own: an empty folder, no network, a
limit on time (and on memory where the system has one). Nothing else of the notebook runs, and what it prints or
claims does not count. This guards against accidents and careless code; it is no sandbox against an attacker.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.lab.publish import read_notebook

OUTCOMES = ("passed", "wrong", "not attempted", "broken", "too slow", "not judged")


@dataclass(frozen=True)
class Grade:
    """One exercise of one notebook; `why` is the diagnosis where it did not pass."""

    notebook: str
    exercise: str
    outcome: str
    why: str = ""


def grade(path: Path, seconds: float = 60.0, memory_gb: float = 4.0) -> list[Grade]:
    """Judges every exercise of a notebook. Raises ValueError where the file is no notebook or holds no exercise."""
    cells = [c.source for c in read_notebook(path).cells if c.cell_type == "code"]
    order = {"cells": cells, "memory_gb": memory_gb}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            k: v for k, v in os.environ.items() if k.upper() in _KEPT or k.startswith("PYTHON")
        } | {
            "BUMBLEBEE_WORK": str(Path(folder) / "my_work"),
            "BUMBLEBEE_OFFLINE": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "shared.lab.grade"],
                input=json.dumps(order),
                capture_output=True,
                text=True,
                encoding="utf-8",
                cwd=folder,
                env=environment | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
                timeout=seconds,
            )
            output, ended = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            raw = error.stdout or b""
            output, ended = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw, None
    grades = _read(path.name, output)
    from shared.lab.cell import exercises_in

    expected = list(dict.fromkeys(name for text in cells for name in exercises_in(text)))
    if not expected:
        raise ValueError(f"{path.name} holds no exercise (no cell with @exercise(…)).")
    why = (
        f"the notebook took longer than {seconds:.0f} s"
        if ended is None
        else "the judging process ended early"
    )
    missing = [Grade(path.name, name, "not judged", why) for name in expected if name not in grades]
    return [*grades.values(), *missing]


# What a Python process needs to start, on Linux, macOS and Windows; nothing that tells about the teacher's machine.
_KEPT = {
    "PATH",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "VIRTUAL_ENV",
    "WINDIR",
    "HOME",
    "USERPROFILE",
}


def _read(notebook: str, output: str) -> dict[str, Grade]:
    grades = {}
    for line in output.splitlines():
        if line.startswith(_MARK):
            facts = json.loads(line.removeprefix(_MARK))
            grades[facts["exercise"]] = Grade(notebook, **facts)
    return grades


_MARK = "bumblebee-grade "


# --- the process that judges ------------------------------------------------------------------------------------------


def _judge_all() -> None:
    """Reads the order from stdin, writes a line for each exercise to the real stdout."""
    order = json.load(sys.stdin)
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = open(
        os.devnull, "w", encoding="utf-8"
    )  # what learners' code prints is not a verdict
    _limit(order["memory_gb"])
    from shared.lab.cell import exercises_in

    namespace = _names_of_the_course(order["cells"])
    for text in order["cells"]:
        for name in exercises_in(text):
            facts = _judge(name, text, namespace)
            report.write(f"{_MARK}{json.dumps(facts)}\n")
            report.flush()


def _judge(name: str, text: str, namespace: dict[str, Any]) -> dict[str, str]:
    """One exercise: built in a namespace with the notebook's imports and the pieces before it, then examined."""
    from shared.exercises import find
    from shared.lab.cell import find_definition, is_stub, placeholders
    from shared.lab.diagnosis import examine

    try:
        exercise = find(name)
    except ValueError as error:
        return {"exercise": name, "outcome": "broken", "why": str(error)}
    namespace.setdefault(exercise.piece, exercise.reference)
    source = find_definition(text, exercise.piece)
    if source is None:
        return {
            "exercise": name,
            "outcome": "broken",
            "why": f"no readable definition of {exercise.piece}",
        }
    if is_stub(source):
        namespace[exercise.piece] = exercise.reference
        return {"exercise": name, "outcome": "not attempted", "why": ""}
    scope = dict(namespace)
    try:
        _run_without_decorators(text, scope)
        verdict = examine(exercise, scope[exercise.piece])
    except Exception as error:
        return {"exercise": name, "outcome": "broken", "why": f"{type(error).__name__}: {error}"}
    namespace |= {k: v for k, v in scope.items() if k not in namespace}
    namespace[exercise.piece] = scope[exercise.piece] if verdict.passed else exercise.reference
    if verdict.passed:
        outcome = "passed"
    elif placeholders(source):
        outcome = "not attempted"
    else:
        outcome = "too slow" if verdict.why.startswith("it was still running") else "wrong"
    return {"exercise": name, "outcome": outcome, "why": verdict.why}


def _run_without_decorators(text: str, scope: dict[str, Any]) -> None:
    """Runs the definitions, imports and plain assignments of a cell, with the exercise decorators taken off."""
    import ast

    tree = ast.parse(text)
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    tree.body = [node for node in tree.body if isinstance(node, kinds)]
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.decorator_list = [
                d for d in node.decorator_list if "exercise" not in ast.unparse(d)
            ]
    exec(compile(tree, "<notebook>", "exec"), scope)


def _names_of_the_course(cells: list[str]) -> dict[str, Any]:
    """The imports of all cells, and their helper functions, so that an exercise finds what it uses."""
    import ast
    import contextlib

    scope: dict[str, Any] = {"__name__": "__main__"}
    for text in cells:
        with contextlib.suppress(SyntaxError):
            for node in ast.parse(text).body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    # One that is missing here is missed only by the exercise that uses it.
                    with contextlib.suppress(Exception):
                        exec(compile(ast.Module([node], []), "<imports>", "exec"), scope)
    return scope


def _limit(memory_gb: float) -> None:
    """No network; and no more memory than that, where the system can say so (not on Windows)."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("there is no network while a notebook is graded")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse  # type: ignore[assignment]
    try:
        import resource

        import torch  # noqa: F401 - its libraries reserve address space of their own before the limit holds
    except ImportError:
        return
    reserved = _address_space()
    limit = int(memory_gb * 2**30) + reserved
    if reserved:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _address_space() -> int:
    """Bytes of address space in use, or 0 where that cannot be read (macOS)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def as_rows(grades: list[Grade]) -> list[dict[str, str]]:
    """Grades as plain rows, for CSV or JSON."""
    return [asdict(grade) for grade in grades]


if __name__ == "__main__":
    _judge_all()
