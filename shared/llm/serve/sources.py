"""Answers from an index: passages are looked up for the last question, and put before the model with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Source:
    """A passage that an answer may stand on."""

    title: str
    text: str
    section: str = ""
    url: str = ""

    def shown(self) -> dict[str, Any]:
        return asdict(self)


# A question → the passages that fit it, best first; none where nothing relevant was found.
Finder = Callable[[str], Sequence[Source]]


def finder_of(folder: str | Path, k: int = 3) -> Finder:
    """Looks up the k best passages of an index, or none where even the best is likely not about the question.

    Raises ValueError where the folder holds no index.
    """
    from shared.llm.retrieval.answer import THRESHOLD, chances
    from shared.llm.retrieval.retrieve import Index

    index = Index.open(folder)

    def find(question: str) -> list[Source]:
        if not question or question.isspace():
            return []
        hits = index.search(question, k)
        if max(chances(index, question, hits), default=0.0) < THRESHOLD:
            return []
        return [Source(hit.title, hit.passage, hit.section, hit.url) for hit in hits]

    return find


def with_sources(
    messages: Sequence[dict[str, str]], sources: Sequence[Source]
) -> list[dict[str, str]]:
    """The messages, and before the last question what was found, numbered, to answer from."""
    if not sources:
        return list(messages)
    found = "\n\n".join(
        f"[{number}] {source.title}\n{source.text}" for number, source in enumerate(sources, 1)
    )
    told = f"Answer from these passages, and name their numbers.\n\n{found}"
    return [*messages[:-1], {"role": "system", "content": told}, messages[-1]]


def last_question(messages: Sequence[dict[str, str]]) -> str:
    """What the user asked last, or ""."""
    asked = [message["content"] for message in messages if message["role"] == "user"]
    return asked[-1] if asked else ""
