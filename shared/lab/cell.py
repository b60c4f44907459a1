"""Reads the cell that an exercise stands in, and keeps a broken cell from breaking the notebook.

`inspect.getsource` fails for classes that a notebook cell defines, so the source comes from the cell's own text, which
IPython keeps in `linecache`. Two hooks let a cell that holds an exercise end well whatever is in it: one catches a
syntax error before the cell is compiled, the other an exception while the function or class is being defined.
"""

import ast
import inspect
import linecache
import re
import textwrap
import warnings
from dataclasses import dataclass
from types import FrameType
from typing import Any

# Above a definition, or as in `sigmoid = exercise("mlp.sigmoid")(…)`.
_EXERCISE = re.compile(r"^(?:@|\w+[ \t]*=[ \t]*)exercise\(\s*['\"]([\w.]+)['\"]\s*\)", re.MULTILINE)
# A cell may `await` without a function, as in every notebook.
_NOTEBOOK_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class CellSource:
    """The text of a cell and, in it, one definition: without `@exercise` and what stands above that."""

    cell: str
    definition: str
    node: Definition


def read(answer: Any, frame: FrameType) -> CellSource | None:
    """The source of a function or class just defined by the code that `frame` runs, or None where there is none."""
    name = answer.__name__
    text = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    found = find_definition(text, name)
    if found is None:
        try:
            found = find_definition(textwrap.dedent(inspect.getsource(answer)), name)
        except (OSError, TypeError):
            return None
    return found


def find_definition(text: str, name: str) -> CellSource | None:
    """The last top-level definition of `name` in a text of Python, or None."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    nodes = [n for n in tree.body if isinstance(n, Definition) and n.name == name]
    if not nodes:
        return None
    node = nodes[-1]
    # What stands above @exercise is put on only after the checks, so it is no part of what passed.
    checked = [i for i, d in enumerate(node.decorator_list) if _asked_exercise(d) is not None]
    own = node.decorator_list[checked[-1] + 1 if checked else 0 :]
    first = own[0].lineno if own else node.lineno
    lines = text.split("\n")[first - 1 : node.end_lineno]
    return CellSource(text, "\n".join(lines) + "\n", node)


def placeholders(source: CellSource) -> list[int]:
    """Lines of the cell where a `...` still stands for code: alone, assigned, or returned."""
    found = []
    for node in ast.walk(source.node):
        value = (
            node.value
            if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return))
            else None
        )
        if isinstance(value, ast.Constant) and value.value is ...:
            found.append(node.lineno)
    return sorted(found)


def is_stub(source: CellSource) -> bool:
    """True where nothing was written: docstrings, `...`, `pass`, `raise NotImplementedError`, super().__init__()."""
    functions = [
        n for n in ast.walk(source.node) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    if isinstance(source.node, ast.ClassDef) and not functions:
        return all(_says_nothing(n) for n in source.node.body)
    return all(_says_nothing(n) for function in functions for n in function.body)


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value is ... or isinstance(node.value.value, str)
    if isinstance(node, ast.Raise):
        return "NotImplemented" in ast.unparse(node)
    return isinstance(node, ast.Pass) or ast.unparse(node) == "super().__init__()"


def protect_exercise_cells(shell: Any) -> None:
    """Installs both hooks in an IPython shell, once."""
    if not any(getattr(hook, "_bumblebee", False) for hook in shell.input_transformers_post):
        _replace_unreadable._bumblebee = True  # type: ignore[attr-defined]
        shell.input_transformers_post.append(_replace_unreadable)
        shell.ast_transformers.append(_CatchDefinitionErrors())


def _replace_unreadable(lines: list[str]) -> list[str]:
    """A cell with an exercise that does not parse becomes one call that reports it, and the cell ends well."""
    text = "".join(lines)
    found = exercises_in(text)
    if not found:
        return lines
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come once more when the cell itself is compiled
            # Not only parsed: `return` outside a function, say, is found by the step after that.
            compile(text, "<cell>", "exec", flags=_NOTEBOOK_FLAGS)
        return lines
    except (SyntaxError, ValueError) as error:
        message = getattr(error, "msg", None) or str(error)
        line = getattr(error, "lineno", None)
        shown = (getattr(error, "text", None) or "").strip()
        facts = f"{type(error).__name__}({message!r}), {line!r}, {shown!r}"
        reports = [f"{name.split('.')[-1]} = {_REPORT}({name!r}, {facts})\n" for name in found]
        return [_IMPORT_REPORT, *reports]


# The cell that imports `exercise` may not have run, so the hooks bring their own way to report.
_REPORT = "__report_broken"
_IMPORT_REPORT = f"from shared.lab.exercise import report_broken as {_REPORT}\n"


class _CatchDefinitionErrors(ast.NodeTransformer):
    """Wraps each exercise in try … except, so that `class MLP(nn.Modul)` reports and the run goes on."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        module.body = [self._wrap(node) for node in module.body]
        return ast.fix_missing_locations(module)

    def _wrap(self, node: ast.stmt) -> ast.stmt:
        target, name = _exercise_and_name(node)
        if name is None:
            return node
        report = ast.parse(f"{_IMPORT_REPORT}{target} = {_REPORT}({name!r}, __error)").body
        caught = ast.parse("(Exception, SystemExit)", mode="eval").body
        handler = ast.ExceptHandler(type=caught, name="__error", body=report)
        wrapped = ast.Try(body=[node], handlers=[handler], orelse=[], finalbody=[])
        return ast.copy_location(wrapped, node)


def _exercise_and_name(node: ast.stmt) -> tuple[str, str | None]:
    """The name that a statement gives to an answer, and the exercise it answers, or None."""
    if isinstance(node, Definition):
        asked = [name for d in node.decorator_list if (name := _asked_exercise(d)) is not None]
        return node.name, asked[-1] if asked else None
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        return ast.unparse(node.targets[0]), _asked_exercise(node.value.func)
    return "", None


def _asked_exercise(node: ast.expr) -> str | None:
    """ "mlp.sigmoid" for the expression `exercise("mlp.sigmoid")`, else None."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "exercise" and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return argument.value
    return None


def exercises_in(text: str) -> list[str]:
    """Names of the exercises that a cell's text defines, also where the cell does not parse."""
    return _EXERCISE.findall(text)
