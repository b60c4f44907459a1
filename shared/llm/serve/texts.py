"""A text that is to be written for a request, and the pieces in which it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.llm.writing.generate import Sampling


@dataclass(eq=False)
class Piece:
    """What one step added to a text.

    text:   characters that are certain by now, perhaps none   tokens: those that were written
    log_probabilities: of each token, where asked for; likely: of each, the likeliest tokens with theirs
    reason: "stop", "length", "cancelled", "timeout" or "error" with the last piece, else None
    """

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    likely: list[list[tuple[int, float]]] = field(default_factory=list)
    reason: str | None = None


@dataclass(eq=False)
class Text:
    """One text to write.

    prompt:   its tokens, at least one   settings: of `Sampling`   copy: which of several texts after this prompt
    ends:     tokens that end it, themselves not written
    likely:   with `settings.log_probabilities`: also so many of the likeliest tokens at each place
    deadline: by `time.monotonic`, when it is given up
    deliver:  called with the texts and pieces of a step, once for all texts that share it
    owner:    whatever the one who submits wants to find again
    """

    prompt: list[int]
    settings: Sampling
    deliver: Callable[[list[tuple[Text, Piece]]], None]
    ends: frozenset[int] = frozenset()
    copy: int = 0
    likely: int = 0
    deadline: float = float("inf")
    owner: object = None

    cancelled: bool = False
    written: list[int] = field(default_factory=list)
    submitted: float = 0.0
    first: float | None = None  # when its first token was written

    @property
    def first_of_prompt(self) -> bool:
        """False where another text goes on from the same prompt, which then counts there."""
        return self.copy == 0

    @property
    def so_far(self) -> list[int]:
        return self.prompt + self.written

    @property
    def reserved(self) -> int:
        """The most tokens that it will ever hold."""
        return len(self.prompt) + self.settings.max_tokens
