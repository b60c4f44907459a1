"""The rows of data sets that are more than a text and a label: articles, questions, conversations, instructions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple


class Article(NamedTuple):
    """One article. topic: None where the source names none; url: "" where it has none."""

    id: str
    title: str
    text: str
    topic: str | None = None
    url: str = ""


class Question(NamedTuple):
    """A question about a paragraph. paragraph: its place in the split's `paragraphs`; answers: () where it has none."""

    id: str
    question: str
    answers: tuple[str, ...]
    paragraph: int

    @property
    def answerable(self) -> bool:
        """Whether the paragraph holds the answer."""
        return bool(self.answers)


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Conversation(NamedTuple):
    """Turns in their order. kind: what sort of talk it is; check: how an answer can be judged by a program, or None."""

    id: str
    messages: tuple[Message, ...]
    kind: str = ""
    check: Mapping[str, Any] | None = None


class Instruction(NamedTuple):
    """A task and its answer. input: what the task is about, "" where the instruction says it all."""

    id: str
    instruction: str
    input: str
    output: str

    @property
    def prompt(self) -> str:
        """Instruction and input in one text."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


class Preference(NamedTuple):
    """Two answers to one prompt, the better and the worse. reason: "" where the source gives none."""

    id: str
    prompt: str
    chosen: str
    rejected: str
    reason: str = ""
