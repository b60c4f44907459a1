"""Collecting: every kind of source, sizes of shards, what is damaged, and a run that is killed and called again."""

import gzip
import json
import os
from pathlib import Path

import pytest

from shared import data
from shared.llm.corpus.collect import beginning, collect
from shared.llm.corpus.shards import read_articles, shard_path, shards_of
from tests.llm.killing import killed


def jsonl(path: Path, count: int, words: int = 50) -> Path:
    lines = [
        json.dumps({"id": f"a{n}", "title": f"T{n}", "text": f"word{n} é 🐝 " * words})
        for n in range(count)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def articles_in(folder: Path) -> list[dict]:
    return [article for shard in shards_of(folder) for article in read_articles(shard.path)]


def test_the_pocket_encyclopedia(tmp_path: Path) -> None:
    told = []
    record = collect("encyclopedia", tmp_path, progress=lambda *now: told.append(now))
    expected = list(data.encyclopedia().articles)
    found = articles_in(tmp_path)
    assert [(row["id"], row["title"], row["text"]) for row in found] == [
        (row.id, row.title, row.text) for row in expected
    ]
    assert record["data"] == repr(data.encyclopedia())
    assert record["articles"] == len(expected)
    assert record["characters"] == sum(len(row.text) for row in expected)
    assert not record["stand_in"]
    assert told[-1] == (880, 880)
    assert set(found[0]) == {"id", "title", "text", "url"}


def test_wikipedia_offline_is_said_to_be_a_stand_in(tmp_path: Path) -> None:
    record = collect("simple", tmp_path, limit=10)
    assert record["stand_in"]
    assert "stand-in for Wikipedia" in record["data"]
    assert record["articles"] == 10


def test_real_wikipedia(tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_data))
    record = collect("en", tmp_path, limit=30)
    assert not record["stand_in"]
    assert "real, from BUMBLEBEE_DATA" in record["data"]
    assert all("wikipedia.org" in article["url"] for article in articles_in(tmp_path))


def test_a_folder_of_every_kind(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    place = tmp_path / "mine"
    jsonl(place / "a.jsonl", 2)
    jsonl(place / "sub" / "b.jsonl.gz", 2)
    (place / "c_poem.txt").write_bytes("\ufeffRoses\r\nare red".encode())
    (place / "d.txt.gz").write_bytes(gzip.compress(b"zipped"))
    table = {"text": ["from parquet", None], "id": [7, 8]}
    pyarrow.parquet.write_table(pyarrow.table(table), place / "e.parquet")
    (place / "notes.md").write_text("not a source")
    record = collect(place, tmp_path / "out")
    found = articles_in(tmp_path / "out")
    assert [(row["id"], row["title"]) for row in found] == [
        ("a0", "T0"),
        ("a1", "T1"),
        ("c_poem", "c poem"),
        ("d", "d"),
        ("7", ""),
        ("a0", "T0"),
        ("a1", "T1"),
    ]
    assert found[2]["text"] == "Roses\nare red"
    assert record["without_text"] == 1
    assert "5 files" in record["data"]


def test_shards_end_with_an_article_and_lose_none(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", 100)
    record = collect(source, tmp_path / "out", shard_bytes=10_000)
    shards = shards_of(tmp_path / "out")
    assert record["shards"] == len(shards) > 5
    assert all(10_000 <= shard.bytes < 12_000 for shard in shards[:-1])
    assert [row["id"] for row in articles_in(tmp_path / "out")] == [f"a{n}" for n in range(100)]


def test_one_enormous_document(tmp_path: Path) -> None:
    text = "An enormous document. " * 500_000
    (tmp_path / "enormous.txt").write_text(text)
    record = collect(tmp_path / "enormous.txt", tmp_path / "out")
    assert record["articles"] == record["shards"] == 1
    assert articles_in(tmp_path / "out")[0]["text"] == text


def test_invalid_utf8_in_a_text_is_replaced_and_counted(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9 \xff\xfe and half a bee \xf0\x9f")
    (tmp_path / "emoji.txt").write_text("🐝🐝🐝", encoding="utf-8")
    record = collect(tmp_path, tmp_path / "out")
    assert record["invalid_utf8"] == 1
    bad, emoji = articles_in(tmp_path / "out")
    assert bad["text"].startswith("caf\ufffd")
    assert emoji["text"] == "🐝🐝🐝"


def test_half_a_surrogate_pair_is_written_as_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "half \\ud83d of it"}\n')
    collect(tmp_path / "a.jsonl", tmp_path / "out")
    assert articles_in(tmp_path / "out")[0]["text"] == "half ? of it"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "cut o', r"a\.jsonl, line 3 is no JSON"),
        (b'{"text": "\xff"}', r"a\.jsonl, line 3 is no JSON"),
        (b'{"body": "x"}', r'a\.jsonl, line 3 must be an object with a "text"'),
        (b'["x"]', r"a\.jsonl, line 3 must be"),
        (b'{"text": 7}', r"a\.jsonl, line 3 must be"),
    ],
)
def test_a_corrupt_line_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    source = jsonl(tmp_path / "a.jsonl", 2)
    source.write_bytes(source.read_bytes() + line + b"\n")
    with pytest.raises(ValueError, match=message):
        collect(source, tmp_path / "out")


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl.gz", 50)
    source.write_bytes(source.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz is cut off"):
        collect(source, tmp_path / "out")


def test_nothing_to_collect(tmp_path: Path) -> None:
    (tmp_path / "blank.jsonl").write_text('{"text": " "}\n')
    with pytest.raises(ValueError, match="has no article with text: name a source that has some"):
        collect(tmp_path / "blank.jsonl", tmp_path / "out")
    with pytest.raises(ValueError, match="does not exist"):
        collect("nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no file that ends in"):
        collect(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        collect("simple", tmp_path / "out", limit=0)


def test_limits(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", 60)
    whole = collect(source, tmp_path / "whole", shard_bytes=5000)
    few = collect(source, tmp_path / "out", limit=9, shard_bytes=5000)
    assert few["articles"] == 9 and few["shards"] == 2
    # a larger limit goes on where the smaller ended, a smaller one takes away
    more = collect(source, tmp_path / "out", limit=23, shard_bytes=5000)
    assert more["articles"] == 23 and more["shards_kept"] == few["shards"] - 1
    size = len(articles_in(tmp_path / "out")[0]["text"].encode())
    less = collect(source, tmp_path / "out", max_bytes=int(2.5 * size), shard_bytes=5000)
    assert less["articles"] == 3 and less["shards"] == 1
    assert collect(source, tmp_path / "out", shard_bytes=5000)["digest"] == whole["digest"]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_called_again_it_keeps_what_is_whole_and_mends_what_is_not(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", 60)
    first = collect(source, tmp_path / "out", shard_bytes=5000)
    before = contents(tmp_path / "out")
    path = shard_path(tmp_path / "out", 3)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"articles-00003\.jsonl is not what its note .* says"):
        shards_of(tmp_path / "out")
    again = collect(source, tmp_path / "out", shard_bytes=5000)
    assert again["shards_kept"] == 3
    assert again["digest"] == first["digest"]
    assert contents(tmp_path / "out") == before
    path.unlink()
    with pytest.raises(ValueError, match=r"articles-00003\.jsonl is missing"):
        shards_of(tmp_path / "out")


def test_a_source_that_changed_is_noticed(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", 60)
    collect(source, tmp_path / "out", shard_bytes=5000)
    source.write_bytes(source.read_bytes().replace(b"word2 ", b"wort2 "))
    with pytest.raises(ValueError, match="changed since this folder was begun"):
        collect(source, tmp_path / "out", shard_bytes=5000)
    # another source of another size begins anew
    jsonl(tmp_path / "b.jsonl", 5)
    assert collect(tmp_path / "b.jsonl", tmp_path / "out", shard_bytes=5000)["articles"] == 5
    assert len(articles_in(tmp_path / "out")) == 5


@pytest.mark.parametrize("at", [1, 5, 7])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    source = jsonl(tmp_path / "a.jsonl", 60)
    calls = []
    real = os.fsync

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"The disk is full.*Free some space"):
        collect(source, tmp_path / "out", shard_bytes=5000)
    monkeypatch.undo()
    assert not list((tmp_path / "out").glob(".*"))
    collect(source, tmp_path / "out", shard_bytes=5000)
    collect(source, tmp_path / "whole", shard_bytes=5000)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


SLOW = """
import sys, time
from shared.llm.corpus import shards
from shared.llm.corpus.collect import beginning, collect
line_of = shards.line_of
def slow(article):
    time.sleep(0.002)
    return line_of(article)
shards.line_of = slow
print("begun", flush=True)
collect(sys.argv[1], sys.argv[2], shard_bytes=5000)
"""


def test_killed_at_random_moments_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", 200)
    assert killed(SLOW, (source, tmp_path / "k"), (0.02, 0.1, 0.15, 0.05, 0.2)) >= 3
    collect(source, tmp_path / "k", shard_bytes=5000)
    collect(source, tmp_path / "whole", shard_bytes=5000)
    assert contents(tmp_path / "k") == contents(tmp_path / "whole")


def test_beginnings_end_where_a_line_or_a_sentence_does(tmp_path):
    text = "Bees dance. They do.\nThe waggle dance is one. It tells where food is."
    assert beginning(text, 1000) == text
    assert beginning(text, 40) == "Bees dance. They do."
    assert beginning(text, 15) == "Bees dance."
    assert beginning(text, 4) == "Bees"
    assert beginning(text, len(text) - 1) == "Bees dance. They do."
    record = collect("encyclopedia", tmp_path, limit=30, beginnings=300)
    assert record["articles"] == 30
    assert record["characters"] <= 30 * 300
