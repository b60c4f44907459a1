"""The journal: a line for each event, readable whatever happened to its writer."""

import json
from pathlib import Path

import pytest

from shared.lab import journal


def test_events_in_order_of_time(my_work: Path) -> None:
    journal.append({"time": "2026-02-01T10:00:00+00:00", "kind": "quiz", "n": 2})
    journal.append({"time": "2026-01-01T10:00:00+00:00", "kind": "quiz", "n": 1})  # merged in later
    journal.append(
        {"time": "2026-02-01T10:30:00+01:00", "kind": "quiz", "n": 1.5}
    )  # half an hour before the first
    assert [e["n"] for e in journal.events("quiz")] == [1, 1.5, 2]
    assert journal.events("hint") == []


def test_half_a_last_line_is_skipped_and_the_next_is_whole(my_work: Path) -> None:
    journal.note("hint", step=1)
    with open(journal.path(), "ab") as file:
        file.write(b'{"time": "2026-01-01T10:00:00", "kind": "hi')
    assert [e["step"] for e in journal.events()] == [1]
    assert journal.note("hint", step=2)
    assert [e["step"] for e in journal.events()] == [1, 2]


def test_bytes_that_are_no_text(my_work: Path) -> None:
    journal.note("hint", step=1)
    with open(journal.path(), "ab") as file:
        file.write(b"\xff\xfe\x00garbage\n[1, 2]\n7\n\n{}\n")
    journal.note("hint", step=2)
    assert [e.get("step") for e in journal.events()] == [None, 1, 2]


@pytest.mark.parametrize(
    "text", ["a\u2028b", "a\x85b", "é 日本 🐝", "half \ud83d pair", 'quote " and \\', "two\nlines"]
)
def test_any_text_survives(my_work: Path, text: str) -> None:
    assert journal.note("quiz", answer=text)
    journal.note("quiz", answer="next")
    assert [e["answer"] for e in journal.events("quiz")] == [text, "next"]


def test_facts_that_json_does_not_know(my_work: Path) -> None:
    assert journal.note("guess", guess=Path("a"), many={1, 2} - {2})
    assert journal.events()[0]["guess"] == "a"


def test_where_it_cannot_be_written(my_work: Path) -> None:
    assert journal.events() == []
    my_work.write_text("a file")
    assert journal.note("hint") is False
    assert journal.events() == []


def test_merge_adds_only_what_is_missing(my_work: Path) -> None:
    journal.note("hint", step=1)
    have = journal.events()[0]
    journal.merge(
        "\n".join([json.dumps(have), "half a li", json.dumps({"kind": "hint", "step": 2})])
    )
    assert [e["step"] for e in journal.events()] == [2, 1]


def test_times_that_make_no_sense_come_first(my_work: Path) -> None:
    journal.note("hint", step=3)
    for time in ("yesterday", None, 7, "9999-99-99"):
        journal.append({"time": time, "kind": "hint", "step": 0})
    assert [e["step"] for e in journal.events()] == [0, 0, 0, 0, 3]
