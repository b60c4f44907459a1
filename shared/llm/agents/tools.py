"""Tools for an agent: each is a function with a description in OpenAI's form, which a model reads. Met in week 9."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.llm.agents.calculator import calculate, shown

_TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True)
class Tool:
    """name, description: what the model reads   parameters: a JSON schema of the arguments, an object's

    function: called with the arguments by name, returns text; a ValueError of it is told to the model
    asks:     whether someone must allow each call, since it does something that can't be taken back
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    function: Callable[..., str] = field(repr=False)
    asks: bool = False

    def described(self) -> dict[str, Any]:
        """As OpenAI's API takes it in `tools`."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }
        return {"type": "function", "function": function}

    def check(self, arguments: Any) -> None:
        """Raises ValueError where arguments are not what `parameters` asks for: names, types, choices."""
        if not isinstance(arguments, Mapping):
            raise ValueError(f"the arguments of {self.name} must be an object with names.")
        known = self.parameters.get("properties", {})
        for name in arguments:
            if name not in known:
                raise ValueError(
                    f"{self.name} takes no {name!r}; it takes {', '.join(known) or 'nothing'}."
                )
        for name in self.parameters.get("required", ()):
            if name not in arguments:
                raise ValueError(f"{self.name} needs {name!r}.")
        for name, value in arguments.items():
            kind = known[name].get("type")
            right = isinstance(value, _TYPES.get(kind, object))
            if isinstance(value, bool) and kind in ("integer", "number"):
                right = False
            choices = known[name].get("enum")
            if not right or (choices is not None and value not in choices):
                must = (
                    f"one of {choices}"
                    if choices is not None
                    else f"a{'n' * (str(kind)[0] in 'aio')} {kind}"
                )
                raise ValueError(f"{name} is {str(value)[:60]!r}; it must be {must}.")


def calculator() -> Tool:
    return Tool(
        "calculator",
        "Works out an arithmetic expression, e.g. (12 + 3) * sqrt(2).",
        _object(expression="the expression"),
        lambda expression: shown(calculate(expression)),
    )


def clock(now: Callable[[], datetime.datetime] | None = None) -> Tool:
    """now: what tells the time; None: this machine, in its time zone."""
    now = now or (lambda: datetime.datetime.now().astimezone())
    return Tool(
        "clock",
        "Tells today's date and the time.",
        {"type": "object", "properties": {}},
        lambda: now().strftime("%A, %Y-%m-%d, %H:%M %Z").strip(),
    )


def search(find: Callable[[str], Sequence[Any]], characters: int = 600) -> Tool:
    """find: a query → passages with title and text, best first; of each the first so many characters are shown."""

    def look_up(query: str) -> str:
        found = find(query)
        if not found:
            return "Nothing relevant was found."
        return "\n\n".join(
            f"[{number}] {passage.title}: {passage.text[:characters]}"
            for number, passage in enumerate(found, 1)
        )

    return Tool(
        "search", "Looks for passages in an encyclopedia.", _object(query="a few words"), look_up
    )


def _object(**properties: str) -> dict[str, Any]:
    """The schema of arguments that are all strings, and all needed."""
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": says} for name, says in properties.items()
        },
        "required": list(properties),
    }
