"""The conversations for fine-tuning: their form, their checks, and what a look-up without a model would score."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from shared.data import checks
from shared.data.checks import CHECKS, last_number, satisfies
from shared.data.generate import arithmetic_chat

FILE = Path(checks.__file__).parent / "pack" / "conversations.jsonl"
RECORDS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
AT_LEAST = {
    "encyclopedia": 200,
    "arithmetic": 70,
    "count": 30,
    "letters": 30,
    "rephrase": 70,
    "list": 60,
    "extract": 50,
    "define": 50,
    "choose": 40,
    "refuse": 50,
    "smalltalk": 50,
    "correct": 40,
}
GENERATED = ("arithmetic", "count", "letters")

Record = dict[str, Any]


def asked(record: Record) -> str:
    """All that the user says."""
    return " ".join(
        message["content"] for message in record["messages"] if message["role"] == "user"
    )


def answer(record: Record) -> str:
    """The last thing that the assistant says, to which the check belongs."""
    return record["messages"][-1]["content"]


def split(name: str) -> list[Record]:
    return [record for record in RECORDS if record["split"] == name]


def test_every_kind_is_there_in_number():
    counts = Counter(record["kind"] for record in RECORDS)
    assert set(counts) == set(AT_LEAST)
    assert {kind: counts[kind] for kind in AT_LEAST if counts[kind] < AT_LEAST[kind]} == {}
    assert len(RECORDS) >= 700


def test_each_record_has_the_form():
    assert [record["id"] for record in RECORDS] == [
        f"c{number:04d}" for number in range(1, len(RECORDS) + 1)
    ]
    for record in RECORDS:
        assert list(record) == ["id", "kind", "messages", "check", "split"], record["id"]
        roles = [message["role"] for message in record["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2), record["id"]
        assert 1 <= len(roles) // 2 <= 4, record["id"]
        for message in record["messages"]:
            assert set(message) == {"role", "content"}, record["id"]
            assert message["content"] == message["content"].strip() != "", record["id"]
            assert not set(message["content"]) & set("*#`“”‘’"), record["id"]
            if message["role"] == "assistant":
                assert 1 <= len(message["content"].split()) <= 60, record["id"]


def test_no_conversation_begins_like_another():
    first = Counter(checks.plain(record["messages"][0]["content"]) for record in RECORDS)
    assert [text for text, times in first.items() if times > 1] == []


def test_split_holds_out_two_ninths_of_every_kind():
    assert {record["split"] for record in RECORDS} == {"train", "heldout"}
    assert 0.20 <= len(split("heldout")) / len(RECORDS) <= 0.25
    total = Counter(record["kind"] for record in RECORDS)
    held = Counter(record["kind"] for record in split("heldout"))
    assert {
        kind: round(held[kind] / total[kind], 3)
        for kind in total
        if not 0.18 <= held[kind] / total[kind] <= 0.28
    } == {}


def test_held_out_questions_are_not_worded_like_trained_ones():
    def questions(record: Record) -> set[str]:
        return {checks.plain(message["content"]) for message in record["messages"][::2]}

    trained = set().union(*map(questions, split("train")))
    assert [record["id"] for record in split("heldout") if questions(record) & trained] == []


def test_most_records_have_a_check_that_their_own_answer_passes():
    checked = [record for record in RECORDS if record["check"]]
    assert len(checked) / len(RECORDS) >= 0.9
    assert [
        record["id"] for record in RECORDS if not satisfies(record["check"], answer(record))
    ] == []


def test_checks_reject_other_answers():
    """Another record's answer passes in about 1 % of all pairs, and no check lets more than 10 % through."""
    answers = [answer(record) for record in RECORDS]
    passed = {}
    for place, record in enumerate(RECORDS):
        if record["check"]:
            others = answers[:place] + answers[place + 1 :]
            passed[record["id"]] = sum(satisfies(record["check"], other) for other in others) / len(
                others
            )
    assert sum(passed.values()) / len(passed) < 0.02
    assert {name: share for name, share in passed.items() if share > 0.1} == {}


def test_checks_reject_the_echoed_question():
    checked = [record for record in RECORDS if record["check"]]
    echoed = [
        record["id"]
        for record in checked
        if satisfies(record["check"], record["messages"][-2]["content"])
    ]
    assert len(echoed) / len(checked) <= 0.01, echoed


def test_generated_records_are_those_of_the_generator():
    kept = [
        {key: record[key] for key in record if key != "id"}
        for record in RECORDS
        if record["kind"] in GENERATED
    ]
    assert kept == arithmetic_chat.records()


def test_nearest_neighbour_baseline():
    """Answering with the answer to the most similar trained question passes one held-out check in seven.

    Measured: 0.144 of all checks (encyclopedia 0.30, where some held-out questions ask a trained fact in other words;
    arithmetic, count and letters 0).
    """
    train, held = split("train"), [record for record in split("heldout") if record["check"]]
    vectorizer = TfidfVectorizer()
    known = vectorizer.fit_transform(map(asked, train))
    nearest = (vectorizer.transform(map(asked, held)) @ known.T).toarray().argmax(axis=1)
    passed, total = Counter(), Counter()
    for record, place in zip(held, nearest, strict=True):
        passed[record["kind"]] += satisfies(record["check"], answer(train[place]))
        total[record["kind"]] += 1
    score = sum(passed.values()) / len(held)
    print(
        f"nearest neighbour: {score:.3f}", {kind: f"{passed[kind]}/{total[kind]}" for kind in total}
    )
    assert 0.10 <= score <= 0.18
    assert 0.20 <= passed["encyclopedia"] / total["encyclopedia"] <= 0.45
    assert sum(passed[kind] for kind in GENERATED) <= 2


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (None, ["", "anything"], []),
        (
            {"type": "starts_with", "value": "a horse"},
            ["The horse.", "Horse"],
            ["A horsefly", "A big horse"],
        ),
        ({"type": "equals", "value": "Apple"}, ["apple", "Apple.", ' "APPLE"! '], ["an apple", ""]),
        ({"type": "equals", "value": "It's here"}, ["it\u2019s here."], ["its here"]),
        (
            {"type": "contains", "value": "art"},
            ["The art of Rome", "It is ART.", "Rome's 'art'"],
            ["a part", "artist", ""],
        ),
        ({"type": "contains", "value": "m"}, ["The letter is m."], ["I'm here", "am"]),
        (
            {"type": "one_of", "value": ["eight", "8"]},
            ["It has 8 legs.", "Eight."],
            ["18", "eighty", ""],
        ),
        (
            {"type": "starts_with", "value": "No"},
            ["No, it is not.", "no"],
            ["Nobody", "Oh no", "Not so", ""],
        ),
        (
            {"type": "number", "value": 12},
            ["7 + 5 = 12", "It is twelve.", "12.0"],
            ["12 minus 5 is 7", "120", "", "x12"],
        ),
        ({"type": "number", "value": 1200}, ["It is 1,200."], ["1, 200"]),
        ({"type": "number", "value": -3}, ["It is -3.", "2 - 5 = -3"], ["5 - 3", "10-3", "3"]),
        (
            {"type": "lines", "value": 2},
            ["- a\n- b", "- a\n\n- b\n"],
            ["- a", "- a\n- a", "a\nb", "- a\n- ", "x\n- a\n- b", ""],
        ),
        (
            {"type": "max_words", "value": 3},
            ["one two three", "a"],
            ["one two three four", "", "  "],
        ),
        (
            {
                "type": "all",
                "value": [{"type": "contains", "value": "cat"}, {"type": "max_words", "value": 2}],
            },
            ["A cat."],
            ["a dog", "it is a cat"],
        ),
    ],
)
def test_each_type_of_check(check: dict[str, Any] | None, good: list[str], bad: list[str]):
    assert [text for text in good if not satisfies(check, text)] == []
    assert [text for text in bad if satisfies(check, text)] == []


def test_unknown_type_is_named():
    with pytest.raises(ValueError, match="'rhymes'"):
        satisfies({"type": "rhymes", "value": "cat"}, "hat")


def test_every_type_is_in_use():
    def types(check: dict[str, Any] | None) -> set[str]:
        if check is None:
            return set()
        inner = map(types, check["value"]) if check["type"] == "all" else ()
        return {check["type"]}.union(*inner)

    assert set().union(*(types(record["check"]) for record in RECORDS)) == set(CHECKS)


def test_last_number():
    assert last_number("no figure here") is None
    assert last_number("from 3 to 4.5 metres") == 4.5
    assert last_number("1,2,3") == 3
    assert last_number("five of them, then seven") == 7
    assert last_number("twenty-one") is None
