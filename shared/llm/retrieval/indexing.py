"""From articles to an index of passages: shards are read in processes, then joined (week 9).

Each worker cuts a shard's articles into passages and counts their terms; joining renumbers the terms and sorts.
What is joined is held in memory: for 122 MB of English about 1 GB at most; the workers hold one shard each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.llm.corpus.shards import read_articles, shard_path, shards_of, write_shard
from shared.llm.retrieval.bm25 import BM25
from shared.llm.retrieval.chunks import chunks
from shared.llm.retrieval.passages import FIELDS, Passages, headed
from shared.llm.retrieval.strings import Strings
from shared.llm.retrieval.terms import Terms
from shared.llm.workers import Progress, for_each

SHARD_BYTES = 8_000_000


class _Job(NamedTuple):
    path: Path
    size: int
    overlap: int
    terms: dict[str, Any]
    result: Path


def index_articles(
    articles: str | Path | Iterable[Any],
    terms: Terms,
    size: int,
    overlap: int = 0,
    k1: float = 1.2,
    b: float = 0.75,
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Passages, BM25]:
    """Passages and their BM25 index.

    articles: a folder that `collect` or `clean` wrote, another folder or file of articles (as `collect` takes them), or
    an iterable of mappings or `Article`s. workers: processes, None for all cores. progress(done, total): shards.
    Raises ValueError where there is no article with text.
    """
    with tempfile.TemporaryDirectory(prefix="bumblebee-index-") as scratch:
        paths = _shards(articles, Path(scratch))
        jobs = [
            _Job(path, size, overlap, terms.settings(), Path(scratch) / f"part-{number:05d}.npz")
            for number, path in enumerate(paths)
        ]
        vocabularies = for_each(_index_shard, jobs, workers, progress)
        parts = [np.load(job.result) for job in jobs]
        try:
            return _joined(parts, vocabularies, k1, b)
        finally:
            for part in parts:
                part.close()


def _shards(articles: str | Path | Iterable[Any], scratch: Path) -> list[Path]:
    """Files of articles: those that are there, or written to `scratch` for the workers to read."""
    if isinstance(articles, (str, Path)):
        place = Path(articles)
        if place.is_dir() and any(place.glob("articles-*.jsonl")):
            return [shard.path for shard in shards_of(place)]
        from shared.llm.corpus.local_articles import local_articles

        articles, _ = local_articles(place, {"invalid_utf8": 0})
    paths, stream = [], _with_text(articles)
    while (first := next(stream, None)) is not None:
        path = shard_path(scratch, len(paths))
        write_shard(path, chain([first], stream), until=SHARD_BYTES)
        paths.append(path)
    if not paths:
        raise ValueError("there is no article with text to index: give some.")
    return paths


def _with_text(articles: Iterable[Any]) -> Iterator[dict[str, str]]:
    for number, article in enumerate(articles):
        row = article if isinstance(article, Mapping) else getattr(article, "_asdict", dict)()
        text = row.get("text")
        if not isinstance(text, str):
            raise ValueError(
                f"article {number} is {str(article)[:60]!r}; it must be an Article or a mapping with a text."
            )
        if text and not text.isspace():
            named = {name: str(row.get(name) or "") for name in ("id", "title", "url")}
            yield {**named, "id": named["id"] or str(number), "text": text}


def _index_shard(job: _Job) -> list[str]:
    """Passages and counts of one shard, written as .npz; returns the shard's vocabulary in the order of its numbers."""
    terms, number_of, section_of = Terms(**job.terms), {}, {}
    rows, numbers, lengths = [], [], []
    articles = [row for row in read_articles(job.path) if row["text"] and not row["text"].isspace()]
    base = 0
    for place, article in enumerate(articles):
        text = article["text"]
        plain = text.isascii()  # then a character is a byte
        for chunk in chunks(article, job.size, job.overlap):
            first = chunk.start if plain else _size(text[: chunk.start])
            size = len(chunk.text) if plain else _size(chunk.text)
            section = section_of.setdefault(chunk.section, len(section_of))
            rows.append((place, section, chunk.start, chunk.end, base + first, base + first + size))
            found = terms(headed(chunk.title, chunk.section, chunk.text))
            numbers.extend([number_of.setdefault(term, len(number_of)) for term in found])
            lengths.append(len(found))
        base += _size(text)
    term, passage, count = _counted(
        np.array(numbers, dtype=np.int64), np.array(lengths, dtype=np.int64)
    )
    strings = {
        "texts": Strings.of(row["text"] for row in articles),
        "ids": Strings.of(str(row.get("id") or "") for row in articles),
        "titles": Strings.of(str(row.get("title") or "") for row in articles),
        "urls": Strings.of(str(row.get("url") or "") for row in articles),
        "sections": Strings.of(section_of),
    }
    arrays = {"table": np.array(rows, dtype=FIELDS), "lengths": np.array(lengths, dtype=np.int32)}
    arrays |= {"term": term, "passage": passage, "count": count}
    for name, value in strings.items():
        arrays |= {name: value.data, f"{name}_offsets": value.offsets}
    with job.result.open("wb") as file:
        np.savez(file, **arrays)
    return list(number_of)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _counted(numbers: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(term, passage, count) of each pair that occurs, from the terms of all passages end to end and their lengths."""
    passages = np.repeat(np.arange(len(lengths)), lengths)
    keys, counts = np.unique(numbers * max(len(lengths), 1) + passages, return_counts=True)
    term, passage = np.divmod(keys, max(len(lengths), 1))
    return term.astype(np.int32), passage.astype(np.int32), counts.astype(np.int32)


def _joined(
    parts: list[Any], vocabularies: list[list[str]], k1: float, b: float
) -> tuple[Passages, BM25]:
    vocabulary = sorted(set().union(*vocabularies))
    place_of = {term: place for place, term in enumerate(vocabulary)}
    tables, terms, passages, counts, lengths = [], [], [], [], []
    strings: dict[str, list[Strings]] = {}
    n_passages = n_articles = n_bytes = 0
    section_of: dict[str, int] = {}
    for part, words in zip(parts, vocabularies):
        texts = Strings(part["texts"], part["texts_offsets"])
        heads = [
            section_of.setdefault(head, len(section_of))
            for head in Strings(part["sections"], part["sections_offsets"])
        ]
        table = part["table"].copy()
        table["article"] += n_articles
        table["section"] = np.array(heads, dtype=np.int32)[table["section"]]
        table["first_byte"] += n_bytes
        table["last_byte"] += n_bytes
        tables.append(table)
        places = np.array([place_of[word] for word in words], dtype=np.int32)
        terms.append(places[part["term"]])
        passages.append(part["passage"] + np.int32(n_passages))
        counts.append(part["count"])
        lengths.append(part["lengths"])
        for name in ("texts", "ids", "titles", "urls"):
            strings.setdefault(name, []).append(Strings(part[name], part[f"{name}_offsets"]))
        n_passages, n_articles = n_passages + len(table), n_articles + len(texts)
        n_bytes += len(texts.data)
    bm25 = BM25.from_counts(
        vocabulary,
        np.concatenate(terms),
        np.concatenate(passages),
        np.concatenate(counts),
        np.concatenate(lengths).astype(np.int64),
        k1,
        b,
    )
    whole = [Strings.joined(strings[name]) for name in ("texts", "ids", "titles", "urls")]
    return Passages(np.concatenate(tables), *whole, Strings.of(section_of)), bm25
