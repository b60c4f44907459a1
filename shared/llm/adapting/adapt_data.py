"""What a model is adapted with: a data set of the course, or a file of JSON lines. Week 9.

    rows, held_out, source = conversations("chats.jsonl")
    rows, held_out, source = preferences("pairs.jsonl")

A line of conversations is {"messages": [{"role": "user", "content": "…"}, …]} or {"instruction": "…", "input": "…",
"output": "…"}; a line of preferences {"prompt": "…", "chosen": "…", "rejected": "…"}. Other keys are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.data.rows import Instruction, Preference
from shared.llm.adapting.sft import messages_of

CHATS = ("instructions", "chat_instructions", "conversations", "chats")
PREFERENCES = ("preferences", "preference_pairs")
Rows = tuple[list[Any], list[Any], str]


def conversations(data: str | Path) -> Rows:
    """(rows to learn from, held-out rows, where they are from). data: one of CHATS, or a file.

    Of a file every tenth row is held out, where it has ten. Raises ValueError, with the number of the line, for what
    is no conversation, and for one in which the assistant says nothing.
    """
    return _rows(data, CHATS, _chat)


def preferences(data: str | Path) -> Rows:
    """The same for pairs of answers. data: one of PREFERENCES, or a file. Raises ValueError as `conversations`."""
    return _rows(data, PREFERENCES, _preference)


def _rows(data: str | Path, names: tuple[str, ...], row_of: Callable[[Any], Any]) -> Rows:
    if str(data) in names:
        from shared import data as datasets

        found = getattr(datasets, str(data))()
        return list(found.splits["train"]), list(found.splits["test"]), repr(found)
    path = Path(data)
    if not path.is_file():
        raise ValueError(
            f"data is {str(data)!r}; it must be one of {', '.join(names)}, or a file of JSON lines."
        )
    rows = []
    with path.open("rb") as file:  # bytes: a line ends with \n, and not with what else Unicode has
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows.append(row_of(_parsed(line.removeprefix(b"\xef\xbb\xbf"))))
            except ValueError as error:
                raise ValueError(f"line {number} of {path}: {error}") from None
    if not rows:
        raise ValueError(f"{path} has no rows; nothing can be learned from it.")
    held_out = rows[9::10]
    return [row for place, row in enumerate(rows) if place % 10 != 9], held_out, str(path)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8; save the file as UTF-8.") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({error}); each line must be one JSON object.") from None
    if not isinstance(row, dict):
        raise ValueError(f"it is {_short(row)}; each line must be one JSON object.")
    return row


def _chat(row: dict[str, Any]) -> Any:
    if "instruction" in row:
        instruction, output = _strings(row, ("instruction", "output"))
        (more,) = _strings(row, ("input",)) if row.get("input") is not None else ("",)
        return Instruction("", instruction, more, output)
    if "messages" not in row:
        raise ValueError(
            'it has no "messages" and no "instruction"; a row is {"messages": [{"role": "user", '
            '"content": "…"}, …]} or {"instruction": "…", "output": "…"}.'
        )
    if not isinstance(row["messages"], list):
        raise ValueError(f'"messages" is {_short(row["messages"])}; it must be a list.')
    messages = messages_of(row["messages"])
    if all(message["role"] != "assistant" for message in messages):
        raise ValueError("no message is the assistant's; nothing can be learned from it.")
    return messages


def _preference(row: dict[str, Any]) -> Preference:
    return Preference("", *_strings(row, ("prompt", "chosen", "rejected")))


def _strings(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    for name in names:
        if name not in row:
            wanted = ", ".join(f'"{each}"' for each in names)
            raise ValueError(f'it has no "{name}"; a row has {wanted}.')
        if not isinstance(row[name], str):
            raise ValueError(f'"{name}" is {_short(row[name])}; it must be a string.')
    return [row[name] for name in names]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
