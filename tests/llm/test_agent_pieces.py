"""A function as a tool, a call in a text, and the loop: week 9's explore notebook on agents."""

from typing import Literal

import jsonschema
import pytest

from shared.llm.agents.agent import Agent
from shared.llm.agents.react import react
from shared.llm.agents.signatures import schema_of, tool_of
from shared.llm.agents.tool_calls import as_text, from_text, read_call
from shared.llm.agents.tools import calculator


def travel(to: str, days: int = 1, by: Literal["train", "ship"] = "train", paid: bool = False):
    """Plans a journey.

    Not for the model.
    """
    return f"{days} days to {to} by {by}{', paid' if paid else ''}"


def test_schema() -> None:
    tool = tool_of(travel)
    assert (tool.name, tool.description) == ("travel", "Plans a journey.")
    assert tool.parameters["required"] == ["to"]
    assert tool.parameters["properties"]["by"] == {"type": "string", "enum": ["train", "ship"]}
    jsonschema.Draft202012Validator.check_schema(tool.parameters)


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"to": "Lund"}, True),
        ({"to": "Lund", "days": 2, "by": "ship", "paid": True}, True),
        ({"to": "Lund", "days": True}, False),
        ({"to": "Lund", "by": "plane"}, False),
        ({"days": 2}, False),
        ({"to": 5}, False),
    ],
)
def test_check_agrees_with_jsonschema(arguments: dict, fits: bool) -> None:
    tool = tool_of(travel)
    assert jsonschema.Draft202012Validator(tool.parameters).is_valid(arguments) == fits
    if fits:
        tool.check(arguments)
    else:
        with pytest.raises(ValueError, match=r"must be|needs"):
            tool.check(arguments)


def test_what_is_no_tool() -> None:
    def without(a):
        """Says."""

    def of_sets(a: set):
        """Says."""

    def of_many(*a: int):
        """Says."""

    def silent(a: int): ...

    for function, says in (
        (without, "no annotation"),
        (of_sets, "must be one of"),
        (of_many, "arguments have names"),
        (silent, "no docstring"),
    ):
        with pytest.raises(ValueError, match=says):
            tool_of(function)
    assert schema_of(lambda: 1)["properties"] == {}


def test_read_call_and_from_text_agree() -> None:
    tools = {"calculator": calculator()}
    text = (
        'So.\n<tool_call>\n{"name": "calculator", "arguments": {"expression": "1"}}\n</tool_call>'
    )
    assert read_call(text, tools) == ("calculator", {"expression": "1"})
    message = from_text(text)
    assert message["tool_calls"][0]["function"]["name"] == "calculator"
    assert read_call(as_text([message], [])[0]["content"], tools)[1] == {"expression": "1"}


def test_the_loop_and_the_agent_see_the_same() -> None:
    says = ['<tool_call>{"name": "calculator", "arguments": {"expression": "6*7"}}</tool_call>']
    says += ["It is 42."]

    class Scripted:
        def __init__(self):
            self.left = list(says)

        def chat(self, messages, tools, max_tokens):
            return from_text(self.left.pop(0))

    given = Agent(Scripted(), [calculator()]).ask("?")
    left = list(says)
    answer, messages = react(lambda _: left.pop(0), {"calculator": calculator()}, "?")
    assert answer == given.text == "It is 42."
    assert [m["content"] for m in messages if m["role"] == "tool"] == ["42"]
    assert react(lambda _: says[0], {}, "?", max_steps=2)[0] is None
