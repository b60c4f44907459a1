"""Keeps the learner's passing code as importable Python under `my_work/`, and hands it to later weeks.

`my_work/mlp/sigmoid.py` holds one piece with all it needs: the imports it used, other pieces by `part("…")`, helper
functions and plain constants from the notebook. A piece is examined again each time it is opened in a new process, so
that an edited file, or one from an older version of the course, never slips in unseen.
"""

import ast
import builtins
import datetime
import importlib
import re
import symtable
import sys
import types
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import shared
from shared.exercises import Exercise, find, names
from shared.lab import journal
from shared.lab.cell import CellSource, find_definition, read
from shared.lab.diagnosis import examine
from shared.lab.files import shown, work_folder, write_whole
from shared.lab.lines import Line, say

# Where a name is looked for when its object does not say which module it came from.
_USUAL_MODULES = (
    "torch",
    "torch.nn",
    "torch.nn.functional",
    "numpy",
    "math",
    "typing",
    "collections.abc",
    "functools",
)

_handed_out: dict[int, str] = {}  # id of a function or class → the exercise it answers
_kept_alive: list[Any] = []  # so that those ids stay theirs
_opened: dict[Path, tuple[int, Any]] = {}  # file → (its modification time, what it gave)
_in_memory: dict[str, Any] = {}  # passing work that could not be written


class NotCarried(Exception):
    """The piece cannot stand alone; the message says which name it needs."""


def hand_out(name: str, implementation: Any) -> Any:
    """Remembers that this object is the answer to an exercise, so that pieces built on it can say so."""
    _handed_out[id(implementation)] = name
    _kept_alive.append(implementation)
    return implementation


def file_of(name: str) -> Path:
    """Where the learner's piece of that name is kept."""
    exercise = find(name)
    return work_folder() / exercise.family / f"{exercise.piece}.py"


def keep(exercise: Exercise, answer: Any, source: CellSource, namespace: dict[str, Any]) -> Path:
    """Writes a passing answer to its file, after showing that the file passes alone.

    Raises NotCarried where it cannot stand alone, OSError where the folder cannot be written.
    """
    text = _standalone(exercise, source, namespace)
    path = file_of(exercise.name)
    try:
        alone = _load(text, exercise.piece, path)
    except Exception as error:
        raise NotCarried(f"on its own it fails: {type(error).__name__}: {error}") from None
    verdict = examine(exercise, alone)
    if not verdict.passed:
        raise NotCarried(f"on its own it fails: {verdict.why}")
    _in_memory[exercise.name] = answer
    write_whole(path, text)
    _opened[path] = (path.stat().st_mtime_ns, hand_out(exercise.name, alone))
    del _in_memory[exercise.name]
    return path


def part(name: str, quietly: bool = True) -> Any:
    """The learner's own piece where it passes its exercise's checks, else the reference. Never raises for bad work.

    quietly=False says which of the two it is. Raises ValueError for a name that no exercise has.
    """
    exercise = find(name)
    piece, sentence = _open(exercise)
    broken = piece is None and file_of(name).exists()
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
        stamp = path.stat().st_mtime_ns
    except OSError:
        return None, "the reference: you have not solved this exercise yet"
    if path not in _opened or _opened[path][0] != stamp:
        piece, sentence = _open_again(exercise, path)
        _opened[path] = (stamp, piece)
        return piece, sentence
    return _opened[path][1], "" if _opened[path][1] is None else f"yours, from {shown(path)}"


def _open_again(exercise: Exercise, path: Path) -> tuple[Any, str]:
    try:
        text = path.read_text(encoding="utf-8")
        piece = _load(text, exercise.piece, path)
        verdict = examine(exercise, piece)
        why = verdict.why if not verdict.passed else ""
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        text = ""
    if why:
        version = re.search(r"course ([\w.]+)", text)
        old = (
            f" (kept by course {version[1]})"
            if version and version[1] != shared.__version__
            else ""
        )
        return (
            None,
            f"your {shown(path)}{old} does not pass its checks: {why} The file stays; the reference steps in.",
        )
    return hand_out(exercise.name, piece), f"yours, from {shown(path)}"


def _load(text: str, piece: str, path: Path) -> Any:
    module = types.ModuleType(f"my_work.{path.parent.name}.{piece}")
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), module.__dict__)
    if not hasattr(module, piece):
        raise NotCarried(f"the file defines no {piece}")
    return getattr(module, piece)


def _standalone(exercise: Exercise, source: CellSource, namespace: dict[str, Any]) -> str:
    """The piece as a module: header, imports, what it needs from the notebook, the definition."""
    today = datetime.date.today().isoformat()
    header = f"# {exercise.name}, written by you, passed {today}, course {shared.__version__}.\n"
    header += "from __future__ import annotations\n"  # so that names used only as annotations need no import
    imports, helpers = _needs(source, namespace, seen={exercise.piece})
    blocks = ["\n".join(sorted(set(imports)))] if imports else []
    return (
        header
        + "\n"
        + "\n\n\n".join(b.strip("\n") for b in [*blocks, *helpers, source.definition])
        + "\n"
    )


def _needs(
    source: CellSource, namespace: dict[str, Any], seen: set[str]
) -> tuple[list[str], list[str]]:
    """Import lines and helper definitions for every global name that a definition uses."""
    imports: list[str] = []
    helpers: list[str] = []
    for name in _global_names(source.definition):
        if name in seen or hasattr(builtins, name) or name not in namespace:
            continue
        seen.add(name)
        value = namespace[name]
        line = _import_line(name, value)
        if id(value) in _handed_out:
            imports.append("from shared.lab import part")
            helpers.append(f'{name} = part("{_handed_out[id(value)]}")\n')
        elif line is not None:
            imports.append(line)
        elif (helper := _helper(name, value, source)) is not None:
            more_imports, more_helpers = _needs(helper, namespace, seen)
            imports += more_imports
            helpers += [*more_helpers, helper.definition]
        elif _is_plain(value):
            helpers.append(f"{name} = {value!r}\n")
        else:
            raise NotCarried(
                f"it uses `{name}`, which another cell defines: move it inside `{source.node.name}`"
            )
    return imports, helpers


def _global_names(definition: str) -> list[str]:
    """Names that a definition takes from outside itself, in a stable order."""
    found: set[str] = set()

    def collect(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            outside = (
                symbol.is_global() if table.get_type() != "module" else not symbol.is_assigned()
            )
            if symbol.is_referenced() and outside:
                found.add(symbol.get_name())
        for child in table.get_children():
            collect(child)

    collect(symtable.symtable(definition, "<exercise>", "exec"))
    return sorted(found)


def _import_line(name: str, value: Any) -> str | None:
    """How a module of its own would get this object, or None where only the notebook has it."""
    if isinstance(value, types.ModuleType):
        return (
            f"import {value.__name__}"
            if value.__name__ == name
            else f"import {value.__name__} as {name}"
        )
    for module_name in (getattr(value, "__module__", None), *_USUAL_MODULES):
        module = sys.modules.get(module_name or "")
        if module is None or module_name == "__main__" or module_name.startswith("my_work"):
            continue
        for original in dict.fromkeys((getattr(value, "__name__", name), name)):
            if getattr(module, original, None) is value and not _is_plain(value):
                return f"from {module_name} import {original}" + (
                    "" if original == name else f" as {name}"
                )
    return None


def _helper(name: str, value: Any, source: CellSource) -> CellSource | None:
    """A function or class of the notebook that the piece uses: from the same cell, or from the cell that defined it."""
    found = find_definition(source.cell, name)
    if (
        found is None
        and isinstance(value, (types.FunctionType, type))
        and value.__module__ == "__main__"
    ):
        frame_like = types.SimpleNamespace(f_code=_code_of(value), f_globals={})
        found = read(value, frame_like) if frame_like.f_code else None  # type: ignore[arg-type]
    return found


def _code_of(value: Any) -> types.CodeType | None:
    if isinstance(value, types.FunctionType):
        return value.__code__
    methods = [m for m in vars(value).values() if isinstance(m, types.FunctionType)]
    return methods[0].__code__ if methods else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str))


def parts_table(only: Iterable[str] | None = None) -> list[tuple[str, str, str]]:
    """(name, "yours" or "reference", file or "") for the given exercises, or for all."""
    rows = []
    for name in only or names():
        owner = whose(name)
        rows.append((name, owner, shown(file_of(name)) if owner == "yours" else ""))
    return rows


def export_work(to: str | Path = "my_bumblebee_work.zip") -> Path:
    """Packs `my_work/` into one file, and offers it as a download in Colab. Raises ValueError where there is none."""
    folder = work_folder()
    files = (
        sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".jsonl"})
        if folder.is_dir()
        else []
    )
    if not files:
        raise ValueError(
            f"There is no work to export yet: {shown(folder)} is empty. Solve an exercise first."
        )
    target = Path(to)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder).as_posix())
    say(
        Line(
            "✓",
            "",
            f"{len(files)} files of your work are in `{target.name}`. `import_work(…)` brings them back.",
        )
    )
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.files").download(str(target))
    return target


def import_work(source: str | Path = "my_bumblebee_work.zip") -> list[str]:
    """Brings exported work back. A piece that is there already is replaced only by another that passes its checks.

    Returns the names of the pieces brought. Raises ValueError where the file is missing or no export.
    """
    path = Path(source)
    if not path.is_file():
        raise ValueError(
            f"There is no file {path.name!r} here. Upload it beside the notebook, or give its path."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            texts = {n: archive.read(n).decode() for n in archive.namelist() if _is_safe(n)}
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path.name!r} is not an export of my_work ({error}). export_work() makes one."
        ) from None
    by_file = {f"{e.family}/{e.piece}.py": e for e in map(find, names())}
    brought = []
    for name, text in texts.items():
        exercise = by_file.get(name)
        if exercise is None:
            continue
        try:
            ast.parse(text)
            passes = examine(exercise, _load(text, exercise.piece, file_of(exercise.name))).passed
        except Exception:
            passes = False
        if passes:
            write_whole(file_of(exercise.name), text)
            brought.append(exercise.name)
    _merge_journal(texts.get("journal.jsonl", ""))
    left = sorted(set(texts) - {"journal.jsonl"} - {f"{n.replace('.', '/')}.py" for n in brought})
    foot = (
        f"Left out, since they do not pass or have no exercise here: {', '.join(left)}."
        if left
        else ""
    )
    say(Line("✓", "", f"{len(brought)} pieces are yours again.", foot=foot))
    return brought


def _is_safe(name: str) -> bool:
    # Only what an export holds, at the places where it holds it: no absolute paths, no climbing out of the folder.
    return name == "journal.jsonl" or re.fullmatch(r"\w+/\w+\.py", name) is not None


def _merge_journal(text: str) -> None:
    have = journal.events()
    for event in journal.parse(text):
        if event not in have:
            journal.append(event)
