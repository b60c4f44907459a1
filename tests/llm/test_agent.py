"""The agent's loop with a scripted model; its tools; calls in text; models of ours and over HTTP."""

import datetime
import json

import pytest

from shared.llm.agents import tool_calls
from shared.llm.agents.agent import Agent
from shared.llm.agents.calculator import calculate, shown
from shared.llm.agents.chat_models import LocalChat, RemoteChat
from shared.llm.agents.tools import Tool, calculator, clock, search
from shared.llm.serve.sources import Source
from shared.llm.writing.generate import Sampling
from tests.llm.serving import Bytes, Saying, saying, served


def call(name, _text="", **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    made = {"id": "call_7", "type": "function", "function": function}
    return {"role": "assistant", "content": _text, "tool_calls": [made]}


def say(text, **more):
    return {"role": "assistant", "content": text, **more}


class Scripted:
    """A model that says one message after the other, and remembers what it was shown."""

    def __init__(self, *says):
        self.says, self.shown = list(says), []

    def chat(self, messages, tools, max_tokens):
        self.shown.append((json.loads(json.dumps(messages)), tools, max_tokens))
        return self.says.pop(0) if len(self.says) > 1 else self.says[0]


def test_thought_action_observation_answer():
    model = Scripted(call("calculator", "I multiply.", expression="6 * 7"), say("It is 42."))
    answer = Agent(model, [calculator()]).ask("What is 6 times 7?")
    assert (answer.text, answer.reason) == ("It is 42.", "answer")
    assert answer.trace() == (
        'Thought: I multiply.\nAction: calculator({"expression": "6 * 7"})\n'
        "Observation: 42\nAnswer: It is 42."
    )
    messages, tools, _ = model.shown[1]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool"]
    assert messages[3]["tool_call_id"] == "call_7" and messages[3]["content"] == "42"
    assert tools[0]["function"]["name"] == "calculator" and tools[0]["type"] == "function"
    assert tools[0]["function"]["parameters"]["required"] == ["expression"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (call("rm", path="/"), "there is no tool 'rm'; there are: calculator"),
        (call("calculator", expr="1"), "calculator takes no 'expr'; it takes expression."),
        (call("calculator"), "calculator needs 'expression'."),
        (call("calculator", expression=5), "expression is '5'; it must be a string."),
        (call("calculator", expression="1/0"), "'1/0' divides by zero."),
        (call("broken"), "broken failed with ZeroDivisionError."),
    ],
)
def test_the_model_is_told_what_is_wrong(wrong, says):
    broken = Tool("broken", "", {"type": "object"}, lambda: str(1 // 0))
    model = Scripted(wrong, say("Sorry."))
    answer = Agent(model, [calculator(), broken]).ask("?")
    assert answer.text == "Sorry."
    assert says in model.shown[1][0][-1]["content"]
    assert answer.steps[1].text.startswith("Error: ")


def test_arguments_that_are_no_json():
    wrong = call("calculator")
    wrong["tool_calls"][0]["function"]["arguments"] = "{expression: 1"
    model = Scripted(wrong, say("Sorry."))
    Agent(model, [calculator()]).ask("?")
    assert "the arguments are no JSON: '{expression: 1'." in model.shown[1][0][-1]["content"]


def test_what_is_not_allowed_is_not_done():
    done, asked = [], []
    send = Tool(
        "send",
        "Sends a letter.",
        {"type": "object", "properties": {"to": {"type": "string"}}},
        lambda to: done.append(to) or "sent",
        asks=True,
    )
    says = (call("send", to="Ann"), call("send", to="Bob"), say("Done."))

    def allow(name, arguments):
        asked.append((name, arguments))
        return arguments["to"] == "Bob"

    answer = Agent(Scripted(*says), [send], allow=allow).ask("Write to them.")
    assert done == ["Bob"] and len(asked) == 2
    assert [s.allowed for s in answer.steps if s.kind == "observation"] == [False, True]
    answer = Agent(Scripted(*says), [send]).ask("Write to them.")
    assert done == ["Bob"], "without anyone to ask, nothing is allowed"
    assert "send was not allowed. Go on without it." in answer.trace()


def test_steps_are_limited():
    model = Scripted(*(call("calculator", expression=f"{n} + 1") for n in range(20)))
    answer = Agent(model, [calculator()], max_steps=3).ask("Count.")
    assert answer.reason == "steps" and len(model.shown) == 3
    assert answer.text == "I found no answer within 3 steps."


def test_the_same_call_is_not_done_twice():
    counted = []
    tool = Tool("count", "", {"type": "object"}, lambda: counted.append(1) or "one")
    answer = Agent(Scripted(call("count")), [tool], max_steps=4).ask("?")
    assert counted == [1]
    assert "this was called before" in answer.steps[3].text


def test_tokens_are_limited():
    again = {**call("clock", "x" * 400), "usage": {"completion_tokens": 60}}
    model = Scripted(again)
    answer = Agent(model, [clock()], max_tokens=100).ask("?")
    assert answer.reason == "tokens" and answer.tokens == 120
    assert [shown[2] for shown in model.shown] == [100, 40]
    del again["usage"]
    assert Agent(Scripted(again), [clock()], max_tokens=100).ask("?").tokens > 100


def test_it_remembers_and_forgets():
    model = Scripted(say("Hello Ada."), say("You are Ada."), say("Who?"))
    agent = Agent(model)
    agent.ask("I am Ada.")
    agent.ask("Who am I?")
    assert [m["content"] for m in model.shown[1][0][1:]] == ["I am Ada.", "Hello Ada.", "Who am I?"]
    agent.forget()
    agent.ask("Who am I?")
    assert len(model.shown[2][0]) == 2


def test_memory_is_limited_and_turns_stay_whole():
    model = Scripted(call("calculator", expression="1+1"), say("2"), say("a"), say("b"))
    agent = Agent(model, [calculator()], max_memory=220)
    agent.ask("first " + "x" * 100)
    agent.ask("second")
    agent.ask("third")
    roles = [m["role"] for m in model.shown[-1][0]]
    assert roles == ["system", "user", "assistant", "user"], "no result without its call"
    agent.max_memory = 1
    agent.ask("the last one always stays")
    assert [m["role"] for m in model.shown[-1][0]] == ["system", "user"]


def test_long_observations_are_cut():
    tool = Tool("long", "", {"type": "object"}, lambda: "x" * 10_000)
    model = Scripted(call("long"), say("ok"))
    Agent(model, [tool], max_observation=50).ask("?")
    assert model.shown[1][0][-1]["content"] == "x" * 50 + " … (cut)"


def test_wrong_settings():
    with pytest.raises(ValueError, match="two of one name"):
        Agent(Scripted(say("")), [clock(), clock()])
    with pytest.raises(ValueError, match="max_steps is 0"):
        Agent(Scripted(say("")), max_steps=0)


# Tools


def test_search_and_clock():
    find = {"bees": [Source("Bee", "Bees dance. " * 99), Source("Hive", "A home.")]}.get
    tool = search(lambda query: find(query, []), characters=20)
    assert tool.function(query="bees") == "[1] Bee: Bees dance. Bees dan\n\n[2] Hive: A home."
    assert tool.function(query="x") == "Nothing relevant was found."
    noon = datetime.datetime(2024, 2, 29, 12, 0, tzinfo=datetime.timezone.utc)
    assert clock(lambda: noon).function() == "Thursday, 2024-02-29, 12:00 UTC"
    assert str(datetime.date.today().year) in clock().function()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", "14"),
        ("-(2 + 3) ** 2", "-25"),
        ("2^10", "1024"),
        ("7 // 2 + 7 % 4", "6"),
        ("0.1 + 0.2", "0.3"),
        ("sqrt(2) * sqrt(2)", "2"),
        ("max(1, 2, pi)", "3.14159265359"),
        ("round(2.675, 2)", "2.67"),
        (" 6 × 7 − 2 ÷ 4 ", "41.5"),
        ("10**40", "1" + "0" * 40),
        ("abs(floor(-2.5)) + ceil(1.2)", "5"),
    ],
)
def test_arithmetic(expression, value):
    assert shown(calculate(expression)) == value


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("__import__('os').system('ls')", "is not arithmetic"),
        ("().__class__", "is not arithmetic"),
        ("open('x')", "is not arithmetic"),
        ("lambda: 1", "is not arithmetic"),
        ("[1 for _ in range(9)]", "is not arithmetic"),
        ("'a' * 9", "is not arithmetic"),
        ("True + 1", "is not arithmetic"),
        ("1j", "is not arithmetic"),
        ("x := 5", "is no expression"),
        ("1; 2", "is no expression"),
        ("", "is no expression"),
        ("1,000 + 1", "is not arithmetic"),
        ("9**9**9**9", "is too large"),
        ("2**99999", "is too large"),
        ("(10**400) * (10**900)", "too large"),
        ("10.0**400", "too large"),
        ("1e999", "too large"),
        ("1 / 0", "divides by zero"),
        ("sqrt(-1)", "domain|no real|nonneg"),
        ("(-8) ** 0.5", "is no real number"),
        ("sqrt(1, 2)", "can't be worked out"),
        ("(" * 250 + "1" + ")" * 20, "no expression|characters"),
        ("1+" * 200 + "1", "401 characters; at most 300"),
        ("9" * 299 + "**9", "is too large|characters"),
        ("\0", "no expression"),
    ],
)
def test_what_is_no_arithmetic(expression, says):
    with pytest.raises(ValueError, match=says):
        calculate(expression)


# Calls in text


def test_calls_in_text_and_back():
    text = (
        'I look.\n<tool_call>\n{"name": "search", "arguments": {"query": "bees"}}\n</tool_call>\n'
        "<tool_call>{broken</tool_call>"
    )
    message = tool_calls.from_text(text)
    assert message["content"] == "I look."
    first, second = message["tool_calls"]
    assert first["function"] == {"name": "search", "arguments": '{"query": "bees"}'}
    assert second["function"] == {"name": "", "arguments": "{broken"}
    assert first["id"] != second["id"]
    assert "tool_calls" not in tool_calls.from_text("No call.")
    del message["tool_calls"][1]
    plain = tool_calls.as_text(
        [
            {"role": "user", "content": "Bees?"},
            message,
            {"role": "tool", "tool_call_id": "call_0", "content": "They dance."},
        ],
        [search(lambda query: []).described()],
    )
    assert [m["role"] for m in plain] == ["system", "user", "assistant", "tool"]
    assert '"name": "search"' in plain[0]["content"]
    assert tool_calls.from_text(plain[2]["content"]) == message
    assert plain[3]["content"] == "<tool_response>\nThey dance.\n</tool_response>"


CALLS = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "2+2"}}\n</tool_call>'


def test_a_model_of_ours_calls_a_tool():
    tokenizer = Bytes(CALLS)
    model = LocalChat(Saying(tokenizer), tokenizer, Sampling(temperature=0))
    answer = Agent(model, [calculator()], max_steps=2).ask("2 + 2?")
    assert answer.steps[1].text == "4" and answer.reason == "steps"
    assert answer.tokens == 2 * len(CALLS)


def test_a_model_over_http_calls_a_tool():
    with served(saying(CALLS)) as client:
        model = RemoteChat(f"{client.address}/v1", temperature=0)
        answer = Agent(model, [calculator()], max_steps=2).ask("2 + 2?")
        assert answer.steps[1].text == "4" and answer.tokens == 2 * len(CALLS)
        wrong = RemoteChat(f"{client.address}/v1", model="gpt-4")
        with pytest.raises(ValueError, match="There is no model 'gpt-4' here"):
            wrong.chat([{"role": "user", "content": "Hi"}])
    with pytest.raises(ValueError, match="gives no answer"):
        model.chat([{"role": "user", "content": "Hi"}])
