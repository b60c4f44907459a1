"""Calls of tools in the text of a chat, as Qwen and Hermes write them, and as OpenAI's API has them. Met in week 9.

    <tool_call>
    {"name": "calculator", "arguments": {"expression": "6 * 7"}}
    </tool_call>

A model only writes text. That it "calls a function" means: it was told in the system's words which there are and how a
call is spelled, it spells one, and the program finds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.llm.agents.tools import Tool

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)


def told(tools: Sequence[Mapping[str, Any]]) -> str:
    """What a model is told of the tools. tools: as OpenAI's API takes them"""
    described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return (
        "You may call these functions, described in JSON between the tags:\n"
        f"<tools>\n{described}\n</tools>\n\n"
        "To call one, write its name and arguments as JSON between tags, and wait for the result:\n"
        '<tool_call>\n{"name": "…", "arguments": {…}}\n</tool_call>'
    )


def as_text(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> list[dict[str, str]]:
    """Messages in OpenAI's form as plain ones: calls and results spelled out, the tools told to the model first."""
    plain = []
    for message in messages:
        content = message.get("content") or ""
        if message["role"] == "tool":
            content = f"<tool_response>\n{content}\n</tool_response>"
        for call in message.get("tool_calls") or ():
            function = call["function"]
            spelled = (
                f'{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}'
            )
            content += f"{chr(10) if content else ''}<tool_call>\n{spelled}\n</tool_call>"
        plain.append({"role": message["role"], "content": content})
    if tools:
        if plain and plain[0]["role"] == "system":
            plain[0]["content"] += "\n\n" + told(tools)
        else:
            plain.insert(0, {"role": "system", "content": told(tools)})
    return plain


def from_text(text: str) -> dict[str, Any]:
    """What a model wrote as a message in OpenAI's form: its words, and the calls that they hold.

    A call that is no JSON is kept, with its text as arguments: who runs it can tell the model so.
    """
    calls = []
    for number, found in enumerate(_CALL.findall(text)):
        name, arguments = "", found
        try:
            call = json.loads(found)
            name, arguments = call["name"], json.dumps(call.get("arguments", {}))
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        function = {"name": str(name), "arguments": arguments}
        calls.append({"id": f"call_{number}", "type": "function", "function": function})
    message: dict[str, Any] = {"role": "assistant", "content": _CALL.sub("", text).strip()}
    if calls:
        message["tool_calls"] = calls
    return message


def read_call(text: str, tools: Mapping[str, Tool]) -> tuple[str, dict[str, Any]] | None:
    """The first call in what a model wrote, as (name, arguments); None where there is none.

    tools: name → tool, the ones that may be called. What the text says after the call is not looked at.
    Raises ValueError, in words for the model, for a call that must not be run: one without its end, that is no JSON,
    no object or without a name; of a tool that there is not; or with arguments that the tool does not take.
    """
    _, begun, rest = text.partition("<tool_call>")
    if not begun:
        return None
    spelled, end, _ = rest.partition("</tool_call>")
    if not end:
        raise ValueError("the call has no </tool_call>.")
    try:
        call = json.loads(spelled)
    except (ValueError, RecursionError):
        raise ValueError(f"the call is no JSON: {spelled.strip()[:60]!r}.") from None
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise ValueError('the call must be an object: {"name": "…", "arguments": {…}}.')
    name, arguments = call["name"], call.get("arguments", {})
    if name not in tools:
        raise ValueError(f"there is no tool {name!r}; there are: {', '.join(tools) or 'none'}.")
    tools[name].check(arguments)
    return name, arguments
