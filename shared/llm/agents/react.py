"""The loop of thought, action and observation at its barest: `Agent` is the same with a memory, permission and a count
of tokens. Met in week 9 (explore).

    answer, messages = react(write, {"calculator": calculator()}, "What is 6 times 7?")

Source: Yao et al., "ReAct" (2210.03629), section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from shared.llm.agents.tool_calls import read_call
from shared.llm.agents.tools import Tool

Message = dict[str, str]


def react(
    write: Callable[[Sequence[Message]], str],
    tools: Mapping[str, Tool],
    question: str,
    max_steps: int = 6,
    max_seen: int = 600,
) -> tuple[str | None, list[Message]]:
    """The answer to a question, None where none was found in max_steps, and all messages.

    write: the model, from the messages so far to its next text; it is called at most max_steps times
    tools: name → tool   max_seen: characters of a tool's result that the model is shown
    """
    messages = [{"role": "user", "content": question}]
    for _ in range(max_steps):
        said, end, _ = write(messages).partition("</tool_call>")
        said += end  # what follows was written before there was a result
        messages.append({"role": "assistant", "content": said})
        try:
            call = read_call(said, tools)
            if call is None:
                return said, messages
            name, arguments = call
            seen = str(tools[name].function(**arguments))
        except ValueError as error:
            seen = f"Error: {error}"
        except Exception as error:  # a tool that fails must not end the conversation
            seen = f"Error: {name} failed with {type(error).__name__}."
        messages.append({"role": "tool", "content": seen[:max_seen]})
    return None, messages
