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
from dataclasses import dataclass
from types import FrameType
from typing import Any

_EXERCISE = re.compile(r"^@exercise\(\s*['\"]([\w.]+)['\"]\s*\)", re.MULTILINE)
_DEFINED = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class CellSource:
    """The text of a cell and, in it, the definition of one exercise (without its decorator)."""

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
    lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
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
    found = _EXERCISE.search(text)
    if not found:
        return lines
    try:
        ast.parse(text)
        return lines
    except SyntaxError as error:
        defined = _DEFINED.search(text, found.end())
        name = defined.group(1) if defined else found.group(1).split(".")[-1]
        shown = (error.text or "").strip()
        arguments = f"{found.group(1)!r}, SyntaxError({error.msg!r}), {error.lineno!r}, {shown!r}"
        return [f"{name} = exercise.broken({arguments})\n"]


class _CatchDefinitionErrors(ast.NodeTransformer):
    """Wraps each decorated exercise in try … except, so that `class MLP(nn.Modul)` reports and the run goes on."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        module.body = [self._wrap(node) for node in module.body]
        return ast.fix_missing_locations(module)

    def _wrap(self, node: ast.stmt) -> ast.stmt:
        name = _exercise_name(node) if isinstance(node, Definition) else None
        if name is None:
            return node
        report = ast.parse(
            f"{node.name} = exercise.broken({name!r}, __error, __error.__traceback__.tb_lineno)"
        ).body
        handler = ast.ExceptHandler(
            type=ast.Name("Exception", ast.Load()), name="__error", body=report
        )
        wrapped = ast.Try(body=[node], handlers=[handler], orelse=[], finalbody=[])
        return ast.copy_location(wrapped, node)


def _exercise_name(node: Definition) -> str | None:
    for decorator in node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and ast.unparse(decorator.func) == "exercise"
            and decorator.args
        ):
            argument = decorator.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                return argument.value
    return None


def exercises_in(text: str) -> list[str]:
    """Names of the exercises that a cell's text defines, also where the cell does not parse."""
    return _EXERCISE.findall(text)
