"""A Python function as a tool: its schema is read from its signature, its description from its docstring. Week 9.

tool = tool_of(add)            # def add(a: int, b: int = 0) -> str: "Adds two numbers. a: the first"
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from shared.llm.agents.tools import Tool

_KINDS = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """A JSON schema of a function's arguments: their types from the annotations; needed are those without a default.

    `Literal["a", "b"]` becomes a choice of strings. Raises ValueError for an argument without an annotation, of a type
    that JSON does not have, or that has no name of its own (*args).
    """
    hints = typing.get_type_hints(function)
    properties, required = {}, []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(
                f"{function.__name__} takes {parameter}; a tool's arguments have names."
            )
        if name not in hints:
            raise ValueError(f"{name} of {function.__name__} has no annotation; it must have one.")
        properties[name] = _kind(name, hints[name])
        if parameter.default is parameter.empty:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def tool_of(function: Callable[..., Any], asks: bool = False) -> Tool:
    """A tool with the function's name, its docstring's first paragraph, and its schema. Raises as `schema_of` does."""
    says = inspect.getdoc(function)
    if not says:
        raise ValueError(f"{function.__name__} has no docstring; a model knows a tool only by it.")
    first = " ".join(says.split("\n\n")[0].split())
    return Tool(function.__name__, first, schema_of(function), function, asks)


def _kind(name: str, hint: Any) -> dict[str, Any]:
    if typing.get_origin(hint) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(hint))}
    hint = typing.get_origin(hint) or hint
    if hint not in _KINDS:
        raise ValueError(
            f"{name} is annotated {hint!r}; it must be one of "
            f"{', '.join(kind.__name__ for kind in _KINDS)} or a Literal."
        )
    return {"type": _KINDS[hint]}
