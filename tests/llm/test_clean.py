"""Cleaning: what goes and what must stay, and the stage over shards."""

import os
import time
from pathlib import Path

import pytest

from shared.llm.corpus.clean import clean, clean_text
from shared.llm.corpus.filters import RULES, Thresholds
from shared.llm.corpus.markup import plain_text
from shared.llm.corpus.sections import without_layout
from shared.llm.corpus.shards import read_articles, shard_path, shards_of, write_shard
from tests.llm.killing import killed


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('Ramadan (; Arabic: رمضان\u200e "Ramaḍān", ];[variations]) is', 'Ramadan (Arabic: رمضان "Ramaḍān") is'),
        ("The Soong Sisters () were", "The Soong Sisters were"),
        ("Andorra (; ], ]), officially", "Andorra, officially"),
        ('(Czech: "Václav" ]; c. 907)', '(Czech: "Václav"; c. 907)'),
        ("Nauru ( , , or ), formerly", "Nauru, formerly"),
        ("Kyiv ( or Russian: Киев (old); )", "Kyiv (Russian: Киев (old))"),
        ("Freyja (; Old Norse for (the) Lady)", "Freyja (Old Norse for (the) Lady)"),
        ("discus (\xa0) is", "discus is"),
        ("party (German:, abbreviated NSDAP)", "party (abbreviated NSDAP)"),
        ("his web site,. He", "his web site. He"),
        ("s of July 2014[ [update]], Spears", "As of July 2014, Spears"),
        ("a<br>b<ref>{{cite|x}}</ref>c<ref name='u'/>d", "a\nbcd"),
        ("<ref>one <ref>two</ref> three", "one three"),
        ("<onlyinclude>\nkept</onlyinclude></dl>", "\nkept"),
        ("[[File:x.jpg|thumb]][[a|b]] [[c]] [http://x.y label]", "b c label"),
        ("{{a {{b}} c}}d{| x |}e", "de"),
        ("{{never closed\nnext line", "\nnext line"),
        ("rest of one}} kept\nnext", " kept\nnext"),
        ("AT&amp;T, 5 &lt; 6", "AT&T, 5 < 6"),
        ("<!-- hidden -->shown", "shown"),
        ("5\xa0km\t and\u2009on", "5 km and on"),
    ],
)  # fmt: skip
def test_markup_goes(raw: str, expected: str) -> None:
    assert plain_text(raw) == expected


@pytest.mark.parametrize(
    "text",
    [
        "if a<b and c>d then (a, b] and [0, 1) and f(x) = x",
        "👩\u200d👩\u200d👧 हिन्\u200dदी 日本語 Ελλάδα العربية",
        "[ . . . ] she said (and he, too; or not).",
        "See 1 Kings 3:16 (5:00 pm)",
        "C&A; R&D; the interval (0, 1])",
        "a | b and {x, y}",
    ],
)
def test_what_is_no_markup_stays(text: str) -> None:
    assert plain_text(text) == text


def test_composed_characters() -> None:
    assert plain_text("e\u0301\u00ad") == "é"


def test_cleaning_twice_changes_nothing_more() -> None:
    raw = WIKI_ARTICLE
    once = clean_text(raw)
    assert plain_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200_000,
        "( " * 200_000,
        "{{" * 200_000,
        "[[" * 200_000,
        "<ref>" * 50_000 + "</b>",
        "<a " * 100_000,
        ", " * 200_000,
        "[http://" * 50_000,
        "<!--" * 100_000,
        " " * 500_000 + "x",
        "A." * 200_000,
        "A. " * 200_000,
        '"" ' * 100_000,
    ],
    ids=lambda text: text[:8],
)
def test_time_is_linear_in_the_length(text: str) -> None:
    started = time.perf_counter()
    clean_text(text)
    assert time.perf_counter() - started < 5


WIKI_ARTICLE = """The bee () is an insect. In 1837 it was described.:88–89 It has formula_1 legs. It flies.
History.
Early history.
Bees were kept in the U.S. Census records. His book "", of 1990, is lost. The film ' of 1995 is lost too.
The main kinds are:
The honey bee is the best known of them, as it has been kept for many thousands of years in all parts of the \
world, for its honey and its wax.
In this long line, which has well over sixty characters, a sentence goes on
and ends in the next.
There are two classes.
Their parts are:
– head
– thorax
1.
Gallery.
File:bee.jpg|A bee
See also.
Wasp
Geography.
{| style="width: 10em" |}
|style="padding"| cell
height:34em;
1992.
In that year a wing was found.
References.
28. Lutke, T. (2007) Bees.
External links.
 Media related to at Wikimedia Commons
"""


def test_a_wiki_article() -> None:
    assert clean_text(WIKI_ARTICLE).split("\n\n") == [
        "The bee is an insect. In 1837 it was described. It flies.",
        "Early history",
        "Bees were kept in the U.S. Census records.",
        "The honey bee is the best known of them, as it has been kept for many thousands of years in all parts of the "
        "world, for its honey and its wax.",
        "In this long line, which has well over sixty characters, a sentence goes on and ends in the next.",
        "There are two classes.",
        "Their parts are:",
        "– head",
        "– thorax",
        "1992",
        "In that year a wing was found.",
    ]


def test_bare_headings_and_empty_lines_as_newer_extracts_have_them() -> None:
    text = "A bee is an insect.\n\nLife\nIt lives.\n\nReferences\n\nOther websites \n\n"
    assert without_layout(text) == "A bee is an insect.\n\nLife\n\nIt lives."


def test_headings_with_abbreviations_and_first_sentences_stay() -> None:
    text = "The reef lies , north of . It is small.\nEinstein and U.S. citizenship.\nHe came to the reef of . Late."
    assert without_layout(text).split("\n\n") == [
        "The reef lies, north of. It is small.",
        "Einstein and U.S. citizenship",
        "Late.",
    ]


def test_text_from_elsewhere_keeps_its_lines() -> None:
    poem = "Roses are red.\n  Violets.\n\n\n\nShe smiled.  \nReferences."
    assert clean_text(poem, wiki=False) == "Roses are red.\n Violets.\n\nShe smiled.\nReferences."
    assert clean_text("", wiki=False) == clean_text("") == clean_text("\n \n") == ""


PROSE = (
    "The bee is an insect that lives in a hive with many others of its kind, and it makes honey from what it finds in "
    "the flowers of the fields around it. It has been kept by people for thousands of years. "
)


def article(number: int, text: str | None = None, title: str = "") -> dict[str, str]:
    text = f"{PROSE} Number {number}." if text is None else text
    return {
        "id": str(number),
        "title": title or f"Bee {number}",
        "text": text,
        "url": f"https://en.wikipedia.org/wiki?curid={number}",
    }


def corpus(folder: Path, n_shards: int = 3) -> Path:
    folder.mkdir()
    for number in range(n_shards):
        rows = [article(10 * number + place) for place in range(10)]
        rows[3] = article(10 * number + 3, "Bee may refer to:", "Bee (disambiguation)")
        rows[5] = article(10 * number + 5, "Too short.")
        rows[7] = article(10 * number + 7, "🐝" * 300)
        write_shard(shard_path(folder, number), rows)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_funnel_adds_up(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "collect")
    record = clean(articles, tmp_path / "clean", workers=1, n_examples=2)
    funnel = {step["rule"]: step for step in record["funnel"]}
    assert list(funnel) == ["collected", "cleaned", *RULES]
    assert funnel["collected"]["articles"] == 30
    assert funnel["no_article"]["dropped_articles"] == 3
    assert funnel["too_short"]["dropped_articles"] == 6
    assert record["articles"] == 21
    steps = record["funnel"]
    for before, after in zip(steps, steps[1:]):
        assert after["articles"] == before["articles"] - after["dropped_articles"]
        assert after["characters"] == before["characters"] - after["dropped_characters"]
    assert steps[-1]["articles"] == record["articles"]
    kept = [row for shard in shards_of(tmp_path / "clean") for row in read_articles(shard.path)]
    assert steps[-1]["characters"] == record["characters"] == sum(len(row["text"]) for row in kept)
    assert [shard.articles for shard in shards_of(tmp_path / "clean")] == [7, 7, 7]
    assert funnel["too_short"]["examples"] == [
        {"title": "Bee 5", "text": "Too short."},
        {"title": "Bee 7", "text": "🐝" * 200},
    ]


def test_processes_and_interruptions_change_nothing(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "collect")
    one = clean(articles, tmp_path / "one", workers=1)
    told = []
    two = clean(articles, tmp_path / "two", workers=2, progress=lambda *now: told.append(now))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one["digest"] == two["digest"] and one["funnel"] == two["funnel"]
    assert told == [(1, 3), (2, 3), (3, 3)]
    # as a kill leaves it: one shard without its note, one cut off
    shard_path(tmp_path / "two", 0).with_suffix(".json").unlink()
    path = shard_path(tmp_path / "two", 2)
    path.write_bytes(path.read_bytes()[:100])
    (tmp_path / "two" / ".articles-00002.jsonl.ab12.part").write_bytes(b"half")
    again = clean(articles, tmp_path / "two", workers=1)
    assert again["shards_kept"] == 1
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


SLOW = """
import sys, time
import shared.llm.corpus.shards as shards
from shared.llm.corpus.clean import clean
line_of, write_json = shards.line_of, shards.write_json
def slow_line(article):
    time.sleep(0.03)
    return line_of(article)
def slow_note(path, content):
    time.sleep(0.03)
    write_json(path, content)
    time.sleep(0.03)
shards.line_of, shards.write_json = slow_line, slow_note
print("begun", flush=True)
clean(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]))
"""


def test_killed_at_many_moments_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "collect")
    whole = clean(articles, tmp_path / "whole", workers=1)
    waits = (0.0, 0.1, 0.22, 0.35, 0.25, 0.05, 0.3, 0.15)  # each of 3 shards takes 0.27 s
    assert killed(SLOW, (articles, tmp_path / "k", 1), waits) >= 4
    again = clean(articles, tmp_path / "k", workers=1)
    assert contents(tmp_path / "k") == contents(tmp_path / "whole")
    assert (again["digest"], again["funnel"]) == (whole["digest"], whole["funnel"])


def test_killed_with_its_workers_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "collect")
    clean(articles, tmp_path / "whole", workers=1)
    killed(SLOW, (articles, tmp_path / "k", 2), (0.3, 1.2))
    clean(articles, tmp_path / "k", workers=1)
    assert contents(tmp_path / "k") == contents(tmp_path / "whole")


def test_other_thresholds_and_other_articles_are_cleaned_anew(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "collect")
    clean(articles, tmp_path / "clean", workers=1)
    assert clean(articles, tmp_path / "clean", Thresholds(min_words=30))["shards_kept"] == 0
    write_shard(shard_path(articles, 1), [article(99)])
    assert clean(articles, tmp_path / "clean", Thresholds(min_words=30))["shards_kept"] == 2


def test_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "collect").mkdir()
    write_shard(shard_path(tmp_path / "collect", 0), [article(1, "🐝" * 1000)])
    with pytest.raises(ValueError, match=r"no article .* is left \(too_short dropped 1\)"):
        clean(tmp_path / "collect", tmp_path / "clean")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    articles = corpus(tmp_path / "collect")

    def fsync(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"The disk is full.*Free some space"):
        clean(articles, tmp_path / "clean", workers=1)
    assert list((tmp_path / "clean").iterdir()) == []


def test_real_wikipedia_comes_out_clean(
    tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.llm.corpus.collect import collect

    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_data))
    collect("simple", tmp_path / "collect", limit=400)
    record = clean(tmp_path / "collect", tmp_path / "clean")
    kept = [row for shard in shards_of(tmp_path / "clean") for row in read_articles(shard.path)]
    assert 0.6 < len(kept) / 400 < 0.95
    assert record["characters"] > 0.9 * record["funnel"][0]["characters"]
    for mark in (
        "<br>",
        "formula_",
        "{{",
        "</dl>",
        "[[",
        "()",
        "(;",
        "onlyinclude",
        "\nSee also\n",
    ):
        assert [row["title"] for row in kept if mark in row["text"]] == []
