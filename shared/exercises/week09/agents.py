"""`agents.read_call` and `agents.react`: a call in a model's text, and the loop around it."""

import copy
import json

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.agents import react as loop
from shared.llm.agents.tool_calls import read_call
from shared.llm.agents.tools import Tool, calculator

NOTEBOOK = "week09_llm/4_explore_retrieval_and_agents.ipynb"
CALL = "Read a call"
LOOP = "Think, act, look"


class Named(dict):
    """Tools by name, shown by their names only."""

    def __repr__(self):
        return "tools: " + ", ".join(
            f"{name}({', '.join(tool.parameters.get('properties', {}))})"
            for name, tool in self.items()
        )


def _fails(**_):
    return str(1 // 0)


def _add(a, b=0):
    return str(a + b)


def _tools():
    numbers = {name: {"type": "integer"} for name in "ab"}
    nothing = {"type": "object", "properties": {}, "required": []}
    schema = {"type": "object", "properties": numbers, "required": ["a"]}
    return Named(
        {
            "calculator": calculator(),
            "add": Tool("add", "Adds two numbers.", schema, _add),
            "broken": Tool("broken", "Fails.", nothing, _fails),
            "long": Tool("long", "Says much.", nothing, lambda: "abcdefghij" * 100),
        }
    )


def _spelled(name, **arguments):
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


# --- read_call -------------------------------------------------------------------------------------------------------


def _read(implementation, text, tools):
    """What it gives, or that it refused, and whether its sentence names what was wrong."""
    try:
        found = implementation(text, tools)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            return "json's own error, which is not in words for the model"
        wrong = [word for word in ("rm", "path") if word in text]
        named = [word for word in wrong if word in str(error)]
        return {"refused": True, "says what was wrong": bool(named) or not wrong}
    return found if found is None else tuple(found)


def _between(text, tools, pick=0, need_end=True):
    """The object in the call number `pick`; None where there is none."""
    parts = text.split("<tool_call>")[1:]
    if not parts:
        return None
    spelled, end, _ = parts[pick].partition("</tool_call>")
    if need_end and not end:
        raise ValueError(f"the call is not closed: {text}.")
    try:
        call = json.loads(spelled)
    except ValueError:
        raise ValueError(f"no JSON: {text}.") from None
    if not isinstance(call, dict) or "name" not in call:
        raise ValueError(f"no call: {text}.")
    return call


def call_that_is_run_unchecked(text, tools):
    call = _between(text, tools)
    if call is None:
        return None
    if call["name"] not in tools:
        raise ValueError(f"there is no {call['name']}.")
    return call["name"], call.get("arguments", {})


def call_of_any_tool(text, tools):
    call = _between(text, tools)
    if call is None:
        return None
    if call["name"] in tools:
        tools[call["name"]].check(call.get("arguments", {}))
    return call["name"], call.get("arguments", {})


def call_that_is_the_last(text, tools):
    call = _between(text, tools, pick=-1)
    if call is None:
        return None
    return read_call(f"<tool_call>{json.dumps(call)}</tool_call>", tools)


def call_without_its_end(text, tools):
    call = _between(text, tools, need_end=False)
    if call is None:
        return None
    return read_call(f"<tool_call>{json.dumps(call)}</tool_call>", tools)


def call_that_is_the_whole_text(text, tools):
    if not text.startswith("<tool_call>"):
        return None
    return read_call(text, tools)


def call_that_is_none_where_wrong(text, tools):
    try:
        return read_call(text, tools)
    except ValueError:
        return None


def call_that_needs_arguments(text, tools):
    call = _between(text, tools)
    if call is None:
        return None
    if "arguments" not in call:
        raise ValueError("there are no arguments.")
    return read_call(text, tools)


def call_with_any_json(text, tools):
    _, begun, rest = text.partition("<tool_call>")
    if not begun:
        return None
    spelled, end, _ = rest.partition("</tool_call>")
    if not end:
        raise ValueError("the call has no end.")
    call = json.loads(spelled)
    if not isinstance(call, dict) or "name" not in call:
        raise ValueError("no call.")
    return read_call(text, tools)


def call_as_an_object(text, tools):
    found = read_call(text, tools)
    return found and {"name": found[0], "arguments": found[1]}


def _call_by_a_pattern(text, tools):
    import re

    if "<tool_call>" not in text:
        return None
    found = re.search(r"<tool_call>(.*?)</tool_call>", text, re.DOTALL)
    if not found:
        raise ValueError(f"a call was begun and not ended: {text}")
    try:
        call = json.loads(found[1])
        name, arguments = call["name"], call.get("arguments", {})
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(f"a call is an object with a name and arguments, not {found[1]}") from None
    if not isinstance(name, str) or name not in tools:
        raise ValueError(f"there is no tool {name}")
    tools[name].check(arguments)
    return name, arguments


_SUM = _spelled("calculator", expression="6 * 7")


def _text(text):
    return lambda: [text, _tools()]


READ_CALL = Exercise(
    name="agents.read_call",
    week=9,
    notebook=NOTEBOOK,
    reference=read_call,
    cases=(
        Case("no call", _text("It is 42."), run=_read),
        Case("a call", _text(_SUM), run=_read),
        Case("words before it", _text(f"I multiply.\n{_SUM}"), run=_read),
        Case(
            "words and another call after it",
            _text(f"{_SUM}\nIt is 42. {_spelled('add', a=1)}"),
            run=_read,
        ),
        Case("no arguments", _text('<tool_call>{"name": "broken"}</tool_call>'), run=_read),
        Case("a call that is not closed", _text(_SUM[:-12]), run=_read),
        Case("no JSON", _text("<tool_call>calculator(expression=6 * 7)</tool_call>"), run=_read),
        Case("a list", _text("<tool_call>[6, 7]</tool_call>"), run=_read),
        Case("no name", _text('<tool_call>{"expression": "6"}</tool_call>'), run=_read),
        Case("a tool that there is not", _text(_spelled("rm", a=1)), run=_read),
        Case("an argument that there is not", _text(_spelled("broken", path="/")), run=_read),
        Case("an argument that is missing", _text(_spelled("add", b=1)), run=_read),
        Case("a text where a number belongs", _text(_spelled("add", a="1")), run=_read),
        Case("true where a number belongs", _text(_spelled("add", a=True)), run=_read),
    ),
    mistakes=(
        Mistake(
            call_that_is_run_unchecked,
            "the arguments are not checked: tools[name].check(arguments) raises where they do not fit the schema.",
            CALL,
        ),
        Mistake(
            call_of_any_tool,
            "a tool that is not in `tools` is called all the same: what is not offered must be refused, by its name.",
            CALL,
        ),
        Mistake(
            call_that_is_the_last,
            "the last call was taken; it is the first that counts, since what follows was written before its result.",
            CALL,
        ),
        Mistake(
            call_without_its_end,
            "a call without </tool_call> was taken: the model was cut off, and nobody knows what it meant to write.",
            CALL,
        ),
        Mistake(
            call_that_is_the_whole_text,
            "words stand before the call, and it was not found: look for <tool_call> anywhere in the text.",
            CALL,
        ),
        Mistake(
            call_that_is_none_where_wrong,
            "a call that must be refused gives None, which means that there is no call: raise ValueError, so that the "
            "model learns why.",
            CALL,
        ),
        Mistake(
            call_that_needs_arguments,
            'a call without "arguments" is a call of a tool that needs none: take {} for them.',
            CALL,
        ),
        Mistake(
            call_with_any_json,
            "the error of json.loads reaches the model as it is: catch it, and raise a ValueError in words of yours.",
            CALL,
        ),
        Mistake(
            call_as_an_object,
            "asked is the pair (name, arguments), and not the object that the model wrote.",
            CALL,
        ),
    ),
    hints=(
        "What are the five things that can be wrong with a call? Which of them does tool.check see?",
        'text.partition("<tool_call>") gives what is before and after it; the middle is empty where it is not there. '
        "Once more for the end. Then json.loads, in a try.",
        "if name not in tools: raise ValueError(…); tools[name].check(arguments); return name, arguments",
    ),
    alternatives=(_call_by_a_pattern,),
)


# --- react -----------------------------------------------------------------------------------------------------------

_KNOWN = ("divides by zero", "ZeroDivisionError", "rm", "JSON")


def _plain(message):
    """Errors are told in words of one's own; that they are told, and what they name, is compared."""
    role, said = message["role"], message["content"]
    if role == "tool" and said.startswith("Error"):
        said = "Error: " + ", ".join(word for word in _KNOWN if word in said)
    return role, said


def _loop(implementation, says, tools, *limits):
    """Runs the loop with a model that says one text after the other, the last again and again."""
    shown = []

    def write(messages):
        shown.append([_plain(message) for message in copy.deepcopy(list(messages))])
        return says[min(len(shown), len(says)) - 1]

    answer, messages = implementation(write, tools, "How much?", *limits)
    return {
        "answer": answer,
        "messages": [_plain(message) for message in messages],
        "what the model was shown": shown,
    }


def _react(
    write,
    tools,
    question,
    max_steps=6,
    max_seen=600,
    cut=True,
    role="tool",
    told=True,
    catch=(ValueError, Exception),
    keep=True,
    ends=True,
    more=0,
):
    """react with something changed."""
    messages = [{"role": "user", "content": question}]
    for _ in range(max_steps + more):
        said = write(messages)
        if cut:
            head, end, _ = said.partition("</tool_call>")
            said = head + end
        if keep:
            messages.append({"role": "assistant", "content": said})
        name = ""
        try:
            call = read_call(said, tools)
            if call is None:
                return said, messages
            name, arguments = call
            seen = str(tools[name].function(**arguments))
        except catch as error:
            known = isinstance(error, ValueError)
            seen = f"Error: {error if known else f'{name} failed with {type(error).__name__}'}."
        if told:
            messages.append({"role": role, "content": seen[:max_seen]})
    return (None if ends else messages[-1]["content"]), messages


def react_with_its_own_observations(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, cut=False)


def react_as_if_the_user_said_it(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, role="user")


def react_that_is_never_told(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, told=False)


def react_that_ends_at_a_failure(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, catch=ValueError)


def react_that_ends_at_a_refusal(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, catch=ZeroDivisionError)


def react_that_forgets_what_it_wrote(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, keep=False)


def react_with_one_step_more(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, more=1)


def react_that_answers_at_any_price(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, max_seen, ends=False)


def react_with_all_of_a_result(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, max_steps, 10**9)


def react_once(write, tools, question, max_steps=6, max_seen=600):
    return _react(write, tools, question, 1, max_seen)


def _react_step_by_step(write, tools, question, max_steps=6, max_seen=600):
    history = [{"role": "user", "content": question}]
    steps = 0
    while steps < max_steps:
        steps += 1
        text = write(history)
        end = text.find("</tool_call>")
        text = text if end < 0 else text[: end + len("</tool_call>")]
        history = [*history, {"role": "assistant", "content": text}]
        observation = ""
        try:
            called = read_call(text, tools)
        except ValueError as error:
            called, observation = (), f"Error: {error}"
        if called is None:
            return text, history
        if called:
            try:
                observation = str(tools[called[0]].function(**called[1]))
            except Exception as error:
                observation = f"Error: {called[0]}: {type(error).__name__}: {error}"
        history = [*history, {"role": "tool", "content": observation[:max_seen]}]
    return None, history


def _says(*texts, limits=()):
    return lambda: [list(texts), _tools(), *limits]


REACT = Exercise(
    name="agents.react",
    week=9,
    notebook=NOTEBOOK,
    reference=loop.react,
    cases=(
        Case("an answer at once", _says("It is 42."), run=_loop),
        Case("a call, then an answer", _says(f"I multiply. {_SUM}", "It is 42."), run=_loop),
        Case(
            "a result of its own invention",
            _says(f"{_SUM}\nThe tool says 41. It is 41.", "It is 42."),
            run=_loop,
        ),
        Case(
            "a call that is refused",
            _says(_spelled("rm", a=1), "Then I do not know."),
            run=_loop,
        ),
        Case(
            "a tool that refuses",
            _says(_spelled("calculator", expression="1 / 0"), "Nothing."),
            run=_loop,
        ),
        Case("a tool that fails", _says(_spelled("broken"), "A pity."), run=_loop),
        Case("no end of calls", _says(_SUM, limits=(3,)), run=_loop),
        Case("a long result", _says(_spelled("long"), "Much.", limits=(6, 20)), run=_loop),
        Case(
            "three calls",
            _says(_spelled("add", a=1), _SUM, _spelled("add", a=1, b=2), "It is 3."),
            run=_loop,
        ),
    ),
    mistakes=(
        Mistake(
            react_with_its_own_observations,
            "what the model writes after its call is an invented result: cut its text after </tool_call>.",
            LOOP,
        ),
        Mistake(
            react_as_if_the_user_said_it,
            'the result was added as if the user had said it: its role is "tool", for it must not give orders.',
            LOOP,
        ),
        Mistake(
            react_that_is_never_told,
            "the result is not among the messages, so the model cannot know it: append it, and its errors too.",
            LOOP,
        ),
        Mistake(
            react_that_ends_at_a_failure,
            "a tool failed with an error other than ValueError, and the conversation ended with it: tell the model.",
            LOOP,
        ),
        Mistake(
            react_that_ends_at_a_refusal,
            "a refused call ended the conversation: catch ValueError, and tell the model what was wrong.",
            LOOP,
        ),
        Mistake(
            react_that_forgets_what_it_wrote,
            "the model's own text is not among the messages, so it does not know what it has called.",
            LOOP,
        ),
        Mistake(
            react_with_one_step_more,
            "the model was called once more than max_steps.",
            LOOP,
        ),
        Mistake(
            react_that_answers_at_any_price,
            "at the limit the last message was given as the answer; there is none: None.",
            LOOP,
        ),
        Mistake(
            react_with_all_of_a_result,
            "a long result is shown whole: cut it to max_seen characters.",
            LOOP,
        ),
        Mistake(
            react_once,
            "the loop ended after one step: go on until there is no call, at most max_steps times.",
            LOOP,
        ),
    ),
    hints=(
        "What does the model have to be shown the second time that it did not know the first time?",
        "for _ in range(max_steps): write, cut, append; read the call in a try; None ends it with the text; otherwise "
        "run the tool and append what it gave, or the error, as the role tool.",
        'except ValueError as error: seen = f"Error: {error}"; '
        'except Exception as error: seen = f"Error: {name} failed with {type(error).__name__}."',
    ),
    alternatives=(_react_step_by_step,),
)

AGENTS = (READ_CALL, REACT)
