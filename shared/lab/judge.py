"""The process that judges a notebook's exercises for `bumblebee grade`: an order on stdin, grades on stdout."""

import ast
import contextlib
import json
import linecache
import os
import socket
import sys
from pathlib import Path
from typing import Any

from shared.exercises import find
from shared.lab.cell import exercises_in, find_definition, is_stub, placeholders
from shared.lab.diagnosis import examine
from shared.lab.run import run_limited

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)


def main() -> None:
    """Judges the exercises of an order, one line for each as soon as it is known.

    The order: `cells` (texts), `memory_gb`, `mark` (begins each line), `done` (names judged before), `skip` (names
    whose cell must not run again: it ended the process before this one).
    """
    order = json.load(sys.stdin)
    report = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # What learners' code prints is no verdict, whichever way it prints.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    _close_network()
    _limit_memory(order["memory_gb"])
    namespace = _names_of_the_course(order["cells"])
    for text in order["cells"]:
        for name in exercises_in(text):
            if name in order["skip"]:
                _stand_in(name, namespace)
                continue
            facts = _judge(name, text, namespace)
            if name not in order["done"]:
                report.write(f"{order['mark']}{json.dumps({'exercise': name, **facts})}\n")
                report.flush()
    report.flush()
    os._exit(0)  # threads that could not be stopped do not hold the process up


def _judge(name: str, text: str, namespace: dict[str, Any]) -> dict[str, str]:
    """One exercise: built in a namespace with the notebook's imports and the pieces before it, then examined."""
    try:
        exercise = find(name)
    except ValueError as error:
        return {"outcome": "broken", "why": str(error)}
    _stand_in(name, namespace)
    try:
        compile(text, "<notebook>", "exec")
    except (SyntaxError, ValueError) as error:
        return {"outcome": "broken", "why": f"{type(error).__name__}: {error}"}
    source = find_definition(text, exercise.piece)
    if source is not None and is_stub(source):
        return {"outcome": "not attempted", "why": ""}
    scope = {k: v for k, v in namespace.items() if k != exercise.piece}
    built = run_limited(lambda: _run_definitions(text, scope), exercise.seconds)
    if built.raised:
        outcome = "too slow" if built.too_slow else "broken"
        return {"outcome": outcome, "why": f"{built.raised}"}
    answer = scope.get(exercise.piece)
    if answer is None:
        return {"outcome": "broken", "why": f"the cell defines no {exercise.piece}"}
    verdict = examine(exercise, answer)
    namespace |= {k: v for k, v in scope.items() if k not in namespace}
    if verdict.passed:
        namespace[exercise.piece] = answer
        return {"outcome": "passed", "why": ""}
    if verdict.too_slow:
        return {"outcome": "too slow", "why": verdict.why}
    if source is not None and placeholders(source):
        return {"outcome": "not attempted", "why": "begun: a line is still `...`"}
    return {"outcome": "wrong", "why": verdict.why}


def _stand_in(name: str, namespace: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        exercise = find(name)
        namespace[exercise.piece] = exercise.reference


def _run_definitions(text: str, scope: dict[str, Any]) -> None:
    """Runs the definitions, imports and assignments of a cell. @exercise does nothing here: it is not the judge."""
    kinds = (*_IMPORTS, *_DEFINITIONS, *_ASSIGNMENTS)
    for node in ast.parse(text).body:
        if isinstance(node, kinds):
            # Anew each time: an import may have brought the real one, which gives the reference for a wrong answer.
            scope["exercise"] = lambda name: lambda answer: answer
            _run(node, text, scope)


def _run(node: ast.stmt, text: str, scope: dict[str, Any]) -> None:
    """Runs one statement of a cell; what it raises later can show the line it comes from."""
    name = f"<cell {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(ast.Module([node], []), name, "exec"), scope)


def _names_of_the_course(cells: list[str]) -> dict[str, Any]:
    """What exercises may use from other cells: imports, helper functions and classes, constants, parts."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for text in cells:
        try:
            nodes = ast.parse(text).body
        except (SyntaxError, ValueError):
            continue
        kinds = _IMPORTS if exercises_in(text) else (*_IMPORTS, *_DEFINITIONS)
        for node in nodes:
            usable = isinstance(node, _ASSIGNMENTS) and (
                _is_literal(node.value) or _is_part(node.value)
            )
            if isinstance(node, kinds) or (usable and not exercises_in(text)):
                # One that fails here is missed only by the exercise that uses it.
                run_limited(lambda node=node, text=text: _run(node, text, scope), 20.0)
    return scope


def _is_literal(value: ast.expr | None) -> bool:
    try:
        return value is not None and ast.literal_eval(value) is not ...
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False


def _is_part(value: ast.expr | None) -> bool:
    """Whether a value is part("…"), a piece of an earlier exercise, or several of them."""
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(map(_is_part, value.elts))
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "part"
        and all(map(_is_literal, value.args))
    )


def _close_network() -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("there is no network while a notebook is graded")

    for method in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, method, refuse)
    socket.getaddrinfo = refuse  # type: ignore[assignment]


def _limit_memory(gigabytes: float) -> None:
    """No more memory than that beyond what is in use now, where the system can say so (Linux)."""
    try:
        import resource

        # torch's libraries, loaded by now, reserve address space of their own.
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = int(gigabytes * 2**30) + pages * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError, ValueError):
        return


if __name__ == "__main__":
    main()
