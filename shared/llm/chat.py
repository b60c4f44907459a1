"""Chats as text: each turn between two marks that only the program can set, in ChatML's form. Met in week 9.

    <|im_start|>system
    You know bees.<|im_end|>
    <|im_start|>user
    Why do they dance?<|im_end|>
    <|im_start|>assistant
    To say where.<|im_end|>

A chat is a list of messages, {"role": "user", "content": "Why do they dance?"}, with roles system, user, assistant and
tool. A model that writes on after "<|im_start|>assistant\\n" answers; its answer ends with <|im_end|>.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.llm.tokenizer import Tokenizer

START, END = "<|im_start|>", "<|im_end|>"
ROLES = ("system", "user", "assistant", "tool")
Message = Mapping[str, Any]

# The same for transformers: `apply_chat_template` gives the text of `render`.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def render(messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
    """The text of a chat: <|im_start|>role, line break, content, <|im_end|>, line break for each message.

    add_generation_prompt: also opens the assistant's turn, so that a model goes on with its answer

    For reading. A model reads the tokens of `encode`, because here a mark that a user typed looks like a real one.
    """
    text = ""
    for message in messages:
        text += f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text


def encode(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool = False
) -> list[int]:
    """The tokens of a chat: `render`'s text, in which marks are only those that we set.

    What stands in a content is text, whatever it spells: nobody can end their turn and speak as another. Raises
    ValueError for messages that are none, and for a tokenizer that lacks the two marks.
    """
    check_messages(messages)
    check_marks(tokenizer)
    tokens, _ = assistant_mask(messages, tokenizer)
    if add_generation_prompt:
        tokens += [tokenizer.special[START], *tokenizer.encode("assistant\n", special=False)]
    return tokens


def assistant_mask(
    messages: Sequence[Message], tokenizer: Tokenizer
) -> tuple[list[int], list[bool]]:
    """(tokens of a chat, which of them the assistant wrote): those that it is trained to write.

    Its own are the tokens of its contents and the <|im_end|> after each, by which it learns to stop. All others are
    given to it: the questions, the marks that open a turn, the names of roles, the line break after <|im_end|>.

    A content is encoded by itself, as when it is written: its first token never swallows the line break before it.
    """
    start, end = tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]
    tokens, mask = [], []
    for message in messages:
        head = [start, *tokenizer.encode(message["role"] + "\n", special=False)]
        said = [*tokenizer.encode(message["content"], special=False), end]
        tail = tokenizer.encode("\n", special=False)
        own = message["role"] == "assistant"
        tokens += head + said + tail
        mask += [False] * len(head) + [own] * len(said) + [False] * len(tail)
    return tokens, mask


def check_messages(messages: Sequence[Message]) -> None:
    """Raises ValueError, with the number of the message, where a list of messages is none."""
    if isinstance(messages, (str, Mapping)) or not messages:
        raise ValueError(
            f"messages is {messages!r}; it must be a list of at least one "
            '{"role": "user", "content": "…"}.'
        )
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role not in ROLES:
            raise ValueError(
                f"message {number} has the role {role!r}; it must be one of {', '.join(ROLES)}."
            )
        if not isinstance(message.get("content"), str):
            raise ValueError(
                f"message {number} has the content {message.get('content')!r}; it must be a string."
            )


def check_marks(tokenizer: Tokenizer) -> None:
    """Raises ValueError for a tokenizer without <|im_start|> and <|im_end|>: its model knows no chats."""
    missing = [mark for mark in (START, END) if mark not in tokenizer.special]
    if missing:
        raise ValueError(
            f"the tokenizer has no {' and no '.join(missing)}, which stand around the turns of a chat: "
            "train one with SPECIAL_TOKENS, or let the model go on with plain text."
        )


def save_chat_template(folder: str | Path) -> None:
    """Adds the template to a tokenizer's folder: transformers, and what stands on it, then render like `render`."""
    Path(folder, "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8", newline="\n")
