"""Grades notebooks: which exercises pass, judged away from the notebook. `bumblebee grade NOTEBOOK…`.

Each notebook's exercise cells are taken out and examined in a process of their own (`shared.lab.judge`): an empty
folder, no network, a limit on time (and on memory where the system has one). Nothing else of the notebook runs, and
what it prints or claims does not count. This guards against accidents and careless code; it is no sandbox against an
attacker.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.lab.cell import exercises_in
from shared.lab.publish import read_notebook
from shared.lab.run import Deadline

OUTCOMES = ("passed", "wrong", "not attempted", "broken", "too slow", "not judged")

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


@dataclass(frozen=True)
class Grade:
    """One exercise of one notebook; `why` is the diagnosis where it did not pass."""

    notebook: str
    exercise: str
    outcome: str
    why: str = ""


def grade(
    path: Path, seconds: float = 60.0, memory_gb: float = 4.0, label: str = ""
) -> list[Grade]:
    """Judges every exercise of a notebook, in at most that many seconds. `label` is its name in the grades.

    Raises ValueError where the file is no notebook or holds no exercise.
    """
    cells = [c.source for c in read_notebook(path).cells if c.cell_type == "code"]
    expected = list(dict.fromkeys(name for text in cells for name in exercises_in(text)))
    if not expected:
        raise ValueError(f"{path.name} holds no exercise (no cell with @exercise(…)).")
    deadline = Deadline(seconds)
    found: dict[str, dict[str, str]] = {}
    # A piece that ends the judging process takes nothing from those after it: they get a new one.
    while len(found) < len(expected) and deadline.left > 0:
        given_up = [name for name in found if found[name]["outcome"] in ("broken", "too slow")]
        order = {"cells": cells, "memory_gb": memory_gb, "done": list(found), "skip": given_up}
        ended, said = _judge_elsewhere(order, deadline.left, found)
        left = next((name for name in expected if name not in found), None)
        if left is None:
            break
        if ended is None:
            why = f"the notebook took longer than {seconds:.3g} s"
            found[left] = {"outcome": "too slow", "why": why}
            break
        why = f"it ended the judging process (exit status {ended}). {said}".strip()
        found[left] = {"outcome": "broken", "why": why}
    for name in expected:
        found.setdefault(name, {"outcome": "not judged", "why": "no time was left for it"})
    return [Grade(label or path.name, name, **found[name]) for name in expected]


def _judge_elsewhere(
    order: dict[str, Any], seconds: float, found: dict[str, dict[str, str]]
) -> tuple[int | None, str]:
    """One judging process; what it says goes into `found`. Returns its exit status, None where its time was up, and
    the last line that it wrote to stderr."""
    mark = f"bumblebee-grade {secrets.token_hex(16)} "  # so that no piece can say it
    kept = {k: v for k, v in os.environ.items() if k.upper() in _KEPT}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = kept | {
            "BUMBLEBEE_WORK": str(Path(folder) / "my_work"),
            "BUMBLEBEE_OFFLINE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "shared.lab.judge"],
                input=json.dumps(order | {"mark": mark}).encode(),
                capture_output=True,
                cwd=folder,
                env=environment,
                timeout=seconds,
            )
            output, errors, ended = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as error:
            output, errors, ended = error.stdout or b"", error.stderr or b"", None
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith(mark):
            facts = json.loads(line.removeprefix(mark))
            found[facts.pop("exercise")] = facts
    said = errors.decode("utf-8", "replace").strip().splitlines()
    return ended, said[-1] if said else ""


def labels(paths: Sequence[Path]) -> dict[Path, str]:
    """A short name for each notebook that no other has: its file name, or with as many folders as that takes."""
    distinct = list(dict.fromkeys(paths))
    found = {}
    for path in distinct:
        parts = path.resolve().parts
        for length in range(1, len(parts) + 1):
            label = "/".join(parts[-length:])
            if sum("/".join(p.resolve().parts[-length:]) == label for p in distinct) == 1:
                break
        found[path] = label
    return found


def as_rows(grades: list[Grade]) -> list[dict[str, str]]:
    """Grades as plain rows, for CSV or JSON."""
    return [asdict(grade) for grade in grades]
