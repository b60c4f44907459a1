"""Makes a module of its own from a piece written in a notebook: with all it needs, and nothing else.

What it needs: the imports it used, other pieces by `part("…")`, helper functions and plain constants of the notebook.
"""

import builtins
import datetime
import inspect
import math
import symtable
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import shared
from shared.exercises import Exercise
from shared.lab.cell import CellSource, find_definition, read

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


class NotCarried(Exception):
    """The piece cannot stand alone; the message says what to change."""


@dataclass
class _Needs:
    """What has been found so far: import lines, and helpers in an order in which each finds those before it."""

    namespace: dict[str, Any]
    piece_of: Callable[[Any], str | None]
    seen: set[str]
    imports: set[str] = field(default_factory=set)
    helpers: list[str] = field(default_factory=list)


def standalone(
    exercise: Exercise,
    source: CellSource,
    namespace: dict[str, Any],
    piece_of: Callable[[Any], str | None],
) -> str:
    """The piece as a module: header, imports, what it needs from the notebook, the definition.

    namespace: the notebook's names   piece_of: the exercise that an object answers, or None
    Raises NotCarried, with the name to move, where it needs something that a module cannot hold.
    """
    today = datetime.date.today().isoformat()
    header = f"# {exercise.name}, written by you, passed {today}, course {shared.__version__}.\n"
    header += "from __future__ import annotations\n"  # so that names used only as annotations need no import
    needs = _Needs(namespace, piece_of, seen={exercise.piece, source.node.name})
    _collect(source, needs, source.node.name)
    blocks = ["\n".join(sorted(needs.imports))] if needs.imports else []
    blocks += [*needs.helpers, source.definition]
    if source.node.name != exercise.piece:  # exercise("mlp.sigmoid")(my_function)
        blocks.append(f"{exercise.piece} = {source.node.name}")
    return header + "\n" + "\n\n\n".join(block.strip("\n") for block in blocks) + "\n"


def _collect(source: CellSource, needs: _Needs, user: str) -> None:
    for name in _global_names(source.definition):
        if name in needs.seen or name not in needs.namespace or name.startswith("__"):
            continue
        value = needs.namespace[name]
        if _is_builtin(name, value):
            continue
        needs.seen.add(name)
        piece = needs.piece_of(value)
        if piece is not None:
            needs.imports.add("from shared.lab import part")
            needs.helpers.append(f'{name} = part("{piece}")')
        elif (line := _import_line(name, value)) is not None:
            needs.imports.add(line)
        elif (helper := _helper(name, value, source, needs.namespace)) is not None:
            _add_helper(helper, name, needs, user)
        elif _is_plain(value):
            needs.helpers.append(f"{name} = {_written(value)}")
        else:
            kind = type(value).__name__
            raise NotCarried(
                f"it uses `{name}` (a {kind}), which is defined outside it: move it inside `{user}`"
            )


def _add_helper(helper: CellSource, name: str, needs: _Needs, user: str) -> None:
    own_name = helper.node.name
    if own_name == name or own_name not in needs.seen:
        needs.seen.add(own_name)
        _collect(helper, needs, user)
        needs.helpers.append(helper.definition)
    if own_name != name:
        needs.helpers.append(f"{name} = {own_name}")


def _is_builtin(name: str, value: Any) -> bool:
    if not hasattr(builtins, name):
        return False
    # IPython puts its own `open` and `exit` among the notebook's names.
    home = getattr(value, "__module__", None) or type(value).__module__
    return value is getattr(builtins, name) or str(home).startswith("IPython")


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
        whole = value.__name__
        return f"import {whole}" if whole == name else f"import {whole} as {name}"
    if _is_plain(value):
        return None
    for module_name in (getattr(value, "__module__", None), *_USUAL_MODULES):
        module = sys.modules.get(module_name or "")
        if module is None or module_name == "__main__" or module_name.startswith("my_work"):
            continue
        for original in dict.fromkeys((getattr(value, "__name__", name), name)):
            if getattr(module, original, None) is value:
                return f"from {module_name} import {original}" + (
                    "" if original == name else f" as {name}"
                )
    return None


def _helper(
    name: str, value: Any, source: CellSource, namespace: dict[str, Any]
) -> CellSource | None:
    """A function or class of the notebook that the piece uses: from the same cell, or from the cell that defined it."""
    if getattr(value, "__module__", None) != "__main__" or not callable(value):
        return None
    found = find_definition(source.cell, name)
    code = _code_of(inspect.unwrap(value))
    if found is None and code is not None:
        frame_like = types.SimpleNamespace(f_code=code, f_globals={})
        found = read(inspect.unwrap(value), frame_like)  # type: ignore[arg-type]
    if found is None and isinstance(value, type):
        # A class without methods of its own (a dataclass) has no code that names its cell: look through all cells.
        cells = reversed(list(namespace.get("In", [])))
        found = next(filter(None, (find_definition(text, value.__name__) for text in cells)), None)
    return found


def _code_of(value: Any) -> types.CodeType | None:
    if isinstance(value, types.FunctionType):
        return value.__code__
    if not isinstance(value, type):
        return None
    methods = [m for m in vars(value).values() if isinstance(m, types.FunctionType)]
    return methods[0].__code__ if methods else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return type(value) is dict and all(_is_plain(v) for pair in value.items() for v in pair)
    if type(value) in (tuple, list, set, frozenset):
        return all(_is_plain(v) for v in value)
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def _written(value: Any) -> str:
    """A plain value as Python; its repr, but for inf and nan, which are no names in Python."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(k)}: {_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, tuple) and len(value) > 1:
        return "(" + ", ".join(map(_written, value)) + ")"
    return repr(value)
