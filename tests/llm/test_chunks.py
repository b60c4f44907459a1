"""Passages: all of an article is in them, none runs over a section, and sentences stay whole."""

import pytest

from shared import data
from shared.llm.retrieval.chunks import chunks, sections, sentences

ARTICLE = {
    "id": "7",
    "title": "Bee",
    "text": "A bee is an insect. It flies.\nEarly life.\nBees hatch in cells. Dr. von Frisch watched them.\n"
    "Dance.\nIt dances.\nThe end came soon.",
}


@pytest.mark.parametrize(
    "text",
    [
        "Above.\nMore above, said at length.\n\n== Early life ==\nBelow it.",
        "Above.\nMore above, said at length.\n\n## Early life\nBelow it.",
        "Above.\nMore above, said at length.\nEarly life.\nBelow it.",
        "Above.\nMore above, said at length.\n\nEarly life\n\nBelow it.",
        "Above.\nMore above, said at length.\n\nEarly life\nBelow it.",
    ],
)
def test_heads_in_the_forms_that_extractors_leave(text: str) -> None:
    found = sections(text)
    assert [head for head, _, _ in found] == ["", "Early life"]
    assert text[slice(*found[1][1:])].strip() == "Below it."
    assert "Early life" not in text[slice(*found[0][1:])]


@pytest.mark.parametrize(
    "line",
    [
        "He died in 1990.",
        "It was red.",
        "and so on.",
        "Bees, wasps, ants, flies, moths, beetles, bugs, mites, lice.",
    ],
)
def test_short_sentences_are_no_heads(line: str) -> None:
    assert [head for head, _, _ in sections(f"A first line.\n{line}\nAnd more text.")] == [""]


def test_a_head_without_text_below_is_none() -> None:
    text = "Text.\nReferences."
    assert sections(text) == [("", 0, len(text))]


def test_sections_and_offsets_of_passages() -> None:
    found = list(chunks(ARTICLE))
    assert [(c.section, c.text) for c in found] == [
        ("", "A bee is an insect. It flies."),
        ("Early life", "Bees hatch in cells. Dr. von Frisch watched them."),
        ("Dance", "It dances.\nThe end came soon."),
    ]
    assert all(c.article == "7" and c.title == "Bee" for c in found)
    assert all(ARTICLE["text"][c.start : c.end] == c.text for c in found)


def test_sentences() -> None:
    text = (
        'Dr. J. R. Smith came at 3.5 p.m. to St. Ives. He said "No." Then he left! Why? Because… '
        "it rained, e.g. hard.\nA new line"
    )
    assert [text[s:e] for s, e in sentences(text)] == [
        "Dr. J. R. Smith came at 3.5 p.m. to St. Ives.",
        'He said "No."',
        "Then he left!",
        "Why?",
        "Because… it rained, e.g. hard.",
        "A new line",
    ]
    assert sentences("") == [] and sentences(" \n ") == []


@pytest.mark.parametrize("size", [1, 7, 40, 300, 800])
@pytest.mark.parametrize("overlap", [0, 60])
def test_passages_hold_all_the_text_and_no_more_than_their_size(size: int, overlap: int) -> None:
    if overlap >= size:
        return
    for article in list(data.encyclopedia(limit=20).articles):
        row = article._asdict()
        found = list(chunks(row, size, overlap))
        assert all(0 < len(c.text) <= size for c in found)
        assert all(row["text"][c.start : c.end] == c.text for c in found)
        covered = bytearray(len(row["text"]))
        for c in found:
            covered[c.start : c.end] = b"\1" * (c.end - c.start)
        left = "".join(c for c, there in zip(row["text"], covered) if not there)
        assert not left.strip()
        if overlap == 0:
            assert all(a.end <= b.start for a, b in zip(found, found[1:]))


def test_overlap_repeats_last_sentences() -> None:
    text = "One is here. Two is here. Three is here. Four is here."
    found = [c.text for c in chunks({"text": text}, size=28, overlap=14)]
    assert found == [
        "One is here. Two is here.",
        "Two is here. Three is here.",
        "Three is here. Four is here.",
    ]


def test_size_in_tokens() -> None:
    words = " ".join(f"Sentence number {n} is here." for n in range(40))
    found = list(chunks({"text": words}, size=12, length=lambda text: len(text.split())))
    assert [len(c.text.split()) for c in found] == [10] * 20


def test_a_word_that_is_longer_than_a_passage_is_cut() -> None:
    found = [c.text for c in chunks({"text": "a" * 25}, size=10)]
    assert found == ["a" * 10, "a" * 10, "a" * 5]


@pytest.mark.parametrize(
    ("size", "overlap", "said"),
    [(0, 0, "size must be 1 or more; it was 0"), (5, 5, "overlap must be")],
)
def test_bad_sizes(size: int, overlap: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(chunks(ARTICLE, size, overlap))


@pytest.mark.slow
def test_real_articles(real_data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_data))
    articles = [row._asdict() for row in data.wikipedia(limit=300).articles]
    heads = 0
    for row in articles:
        for c in chunks(row):
            assert row["text"][c.start : c.end] == c.text and 0 < len(c.text) <= 800
            heads += c.section != ""
    assert heads > 1000
