"""The embedded pack: files that were written for this course and lie beside the code, so they are always there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from shared.data import places, readers
from shared.data.errors import broken
from shared.data.rows import Article, Conversation, Message, Preference, Question

TOPICS = ("nature", "earth", "science", "body", "technology", "history", "arts", "society")
SPLITS = {"train": "train", "heldout": "test", "test": "test"}  # the pack's words → the course's

_REINSTALL = "It belongs to the course: get the course again."
Row = TypeVar("Row")


def path(name: str) -> Path:
    """The file of the pack with this name; a `DataError` where the course was not installed whole."""
    file = places.PACK / name
    if not places.present(file):
        raise broken(file, "is missing", _REINSTALL)
    return file


def articles() -> Iterator[Article]:
    """The pocket encyclopedia, topic by topic, as `Article`."""
    for topic in TOPICS:
        for row in readers.stream_jsonl(
            path(f"encyclopedia/{topic}.jsonl"), ("id", "title", "topic", "text")
        ):
            yield Article(row["id"], row["title"], row["text"], row["topic"])


def questions(places_of: Mapping[str, int]) -> dict[str, tuple[Question, ...]]:
    """Questions on the encyclopedia by split; places_of: article id → its place among the paragraphs."""
    by_split: dict[str, list[Question]] = {"train": [], "test": []}
    for topic in TOPICS:
        file = path(f"questions/{topic}.jsonl")
        for row in readers.stream_jsonl(file, ("id", "question", "answer", "article", "split")):
            if row["article"] not in places_of:
                raise broken(
                    file,
                    f"has question {row['id']} on an unknown article {row['article']}",
                    _REINSTALL,
                )
            question = Question(
                row["id"], row["question"], (row["answer"],), places_of[row["article"]]
            )
            by_split[_split(row, file)].append(question)
    return {name: tuple(rows) for name, rows in by_split.items()}


def conversations() -> dict[str, tuple[Conversation, ...]]:
    """The course's conversations by split."""

    def conversation(row: dict[str, Any]) -> Conversation:
        messages = tuple(
            Message(message["role"], message["content"]) for message in row["messages"]
        )
        return Conversation(row["id"], messages, row["kind"], row["check"])

    return by_split("conversations.jsonl", ("id", "kind", "messages", "check"), conversation)


def preferences() -> dict[str, tuple[Preference, ...]]:
    """The course's preference pairs by split."""
    fields = ("id", "prompt", "chosen", "rejected", "reason")
    return by_split(
        "preferences.jsonl", fields, lambda row: Preference(*(row[field] for field in fields))
    )


def by_split(
    name: str, fields: Sequence[str], make: Callable[[dict[str, Any]], Row]
) -> dict[str, tuple[Row, ...]]:
    """The rows of one JSONL file with a `split`, made into records: `train` and `test`."""
    file = path(name)
    rows: dict[str, list[Row]] = {"train": [], "test": []}
    for row in readers.stream_jsonl(file, (*fields, "split")):
        rows[_split(row, file)].append(make(row))
    return {split: tuple(made) for split, made in rows.items()}


def _split(row: dict[str, Any], file: Path) -> str:
    if row["split"] not in SPLITS:
        raise broken(file, f"has the unknown split {row['split']!r} at {row['id']}", _REINSTALL)
    return SPLITS[row["split"]]
