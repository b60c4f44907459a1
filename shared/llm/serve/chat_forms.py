"""How messages become a prompt: in ChatML for models that were trained on chats, else as a transcript to go on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.llm import chat
from shared.llm.tokenizer import Tokenizer

_SPEAKERS = {"system": "", "user": "User: ", "assistant": "Assistant: ", "tool": "Note: "}


@dataclass(frozen=True)
class ChatForm:
    """A way to chat. name: "chatml" or "transcript"   ends: tokens that end an answer   stop: strings that do"""

    name: str
    tokenizer: Tokenizer
    ends: frozenset[int]
    stop: tuple[str, ...] = ()

    def encode(self, messages: Sequence[chat.Message]) -> list[int]:
        """The prompt after which the model answers."""
        if self.name == "chatml":
            return chat.encode(messages, self.tokenizer, add_generation_prompt=True)
        return self.tokenizer.encode(transcript(messages), special=False)


def chatml(tokenizer: Tokenizer) -> ChatForm:
    """Turns between <|im_start|> and <|im_end|>. Raises ValueError where the tokenizer lacks them."""
    chat.check_marks(tokenizer)
    marks = (tokenizer.special[chat.START], tokenizer.special[chat.END])
    return ChatForm("chatml", tokenizer, frozenset([tokenizer.eos_id, *marks]))


def plain(tokenizer: Tokenizer) -> ChatForm:
    """For a model that was only trained to go on with texts: it never saw the marks, but it may have seen dialogues."""
    stop = ("\nUser:", "\nAssistant:")
    return ChatForm("transcript", tokenizer, frozenset([tokenizer.eos_id]), stop)


def transcript(messages: Sequence[chat.Message]) -> str:
    """User: … / Assistant: …, an empty line between them; the system's words stand without a name."""
    turns = [f"{_SPEAKERS[message['role']]}{message['content']}" for message in messages]
    return "\n\n".join([*turns, "Assistant:"])
