"""Keeps the learner's passing code as importable Python under `my_work/`, and hands it to later weeks.

`my_work/mlp/sigmoid.py` holds one piece with all it needs. A piece is examined again each time it is opened in a new
process, so that an edited file, or one from an older version of the course, never slips in unseen.
"""

import os
import re
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import shared
from shared.exercises import Exercise, find, names
from shared.files import write_whole
from shared.lab.cell import CellSource
from shared.lab.diagnosis import examine
from shared.lab.files import shown, work_folder
from shared.lab.lines import Line, say
from shared.lab.run import run_limited
from shared.lab.standalone import NotCarried, standalone

_Stamp = tuple[int, int, int]

_handed_out: dict[int, str] = {}  # id of a function or class → the exercise it answers
_kept_alive: list[Any] = []  # so that those ids stay theirs
_opened: dict[Path, tuple[_Stamp, Any]] = {}  # file → (which version of it, what it gave)
_being_opened: set[str] = set()
_in_memory: dict[str, Any] = {}  # passing work that is in no file


def hand_out(name: str, implementation: Any) -> Any:
    """Remembers that this object is the answer to an exercise, so that pieces built on it can say so."""
    _handed_out[id(implementation)] = name
    _kept_alive.append(implementation)
    return implementation


def remember(name: str, answer: Any) -> None:
    """Keeps a passing answer for this session only: `part` gives it until one that is in a file takes its place."""
    _in_memory[name] = hand_out(name, answer)


def file_of(name: str) -> Path:
    """Where the learner's piece of that name is kept."""
    exercise = find(name)
    return work_folder() / exercise.family / f"{exercise.piece}.py"


def keep(exercise: Exercise, answer: Any, source: CellSource, namespace: dict[str, Any]) -> Path:
    """Writes a passing answer to its file, after showing that the file passes alone.

    Raises NotCarried where it cannot stand alone, OSError where the folder cannot be written; the answer then lives
    in this session.
    """
    remember(exercise.name, answer)
    text = standalone(exercise, source, namespace, lambda value: _handed_out.get(id(value)))
    path = file_of(exercise.name)
    alone, why = load_and_examine(exercise, text, path)
    if why:
        raise NotCarried(f"on its own it fails: {why.rstrip('.')}")
    write_whole(path, text)
    _opened[path] = (_stamp(path), hand_out(exercise.name, alone))
    del _in_memory[exercise.name]
    return path


def part(name: str, quietly: bool = True) -> Any:
    """The learner's own piece where it passes its exercise's checks, else the reference. Never raises for bad work.

    quietly=False says which of the two it is. Raises ValueError for a name that no exercise has.
    """
    exercise = find(name)
    piece, sentence = _open(exercise)
    broken = piece is None and os.path.exists(file_of(name))
    if sentence and (broken or not quietly):
        say(Line("○" if piece is None else "✓", name, sentence))
    return hand_out(name, exercise.reference) if piece is None else piece


def whose(name: str) -> str:
    """ "yours" where the learner's piece stands in `part(name)`, else "reference"."""
    return "reference" if _open(find(name))[0] is None else "yours"


def _open(exercise: Exercise) -> tuple[Any, str]:
    """The learner's piece, or None, and a sentence about it."""
    if exercise.name in _in_memory:
        return _in_memory[exercise.name], "yours, from this session only"
    path = file_of(exercise.name)
    try:
        stamp = _stamp(path)
    except OSError:
        return None, "the reference: you have not solved this exercise yet"
    if exercise.name in _being_opened:
        # Two pieces that use each other: one of them meets the reference.
        return None, ""
    if path not in _opened or _opened[path][0] != stamp:
        _being_opened.add(exercise.name)
        try:
            piece, sentence = _open_again(exercise, path)
        finally:
            _being_opened.discard(exercise.name)
        _opened[path] = (stamp, piece)
        return piece, sentence
    return _opened[path][1], "" if _opened[path][1] is None else f"yours, from {shown(path)}"


def _stamp(path: Path) -> _Stamp:
    # Each whole write makes a new file, so its number tells two apart that one tick of the clock does not.
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_ino, facts.st_size


def _open_again(exercise: Exercise, path: Path) -> tuple[Any, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        text, piece, why = "", None, f"it cannot be read ({error})."
    else:
        piece, why = load_and_examine(exercise, text, path)
    if not why:
        return hand_out(exercise.name, piece), f"yours, from {shown(path)}"
    version = re.search(r"course ([\w.]+\w)", text)
    old = f" (kept by course {version[1]})" if version and version[1] != shared.__version__ else ""
    return (
        None,
        f"your {shown(path)}{old} does not pass its checks: {why} The file stays; the reference steps in.",
    )


def load_and_examine(exercise: Exercise, text: str, path: Path) -> tuple[Any, str]:
    """A piece from the text of its file, and why it does not pass, in a sentence; that is empty where it passes."""
    outcome = run_limited(lambda: _load(text, exercise.piece, path), exercise.seconds)
    if outcome.raised:
        return None, f"{outcome.raised}."
    if not hasattr(outcome.value, exercise.piece):
        return None, f"it defines no `{exercise.piece}`."
    piece = getattr(outcome.value, exercise.piece)
    return piece, examine(exercise, piece).why


def _load(text: str, piece: str, path: Path) -> types.ModuleType:
    module = types.ModuleType(f"my_work.{path.parent.name}.{piece}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module


def parts_table(only: Iterable[str] | None = None) -> list[tuple[str, str, str]]:
    """(name, "yours" or "reference", file or "") for the given exercises, or for all."""
    rows = []
    for name in only or names():
        owner = whose(name)
        in_file = owner == "yours" and name not in _in_memory
        rows.append((name, owner, shown(file_of(name)) if in_file else ""))
    return rows
