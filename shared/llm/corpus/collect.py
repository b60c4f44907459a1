"""The first stage of the pipeline: articles of Wikipedia, the pocket encyclopedia or your own files (week 9).

    record = collect("simple", "run/collect")

The source is read as a stream and written shard by shard, so memory does not grow with it, and what was interrupted
goes on after the shards that are whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from shared.files import remove_leftovers
from shared.llm.corpus.local_articles import local_articles
from shared.llm.corpus.shards import (
    Shard,
    line_of,
    remove_from,
    shard_path,
    shards_digest,
    whole_shard,
    write_shard,
)
from shared.llm.workers import Cost, Progress

SHARD_BYTES = 16_000_000
SOURCES = ("simple", "en", "encyclopedia")


def collect(
    source: str | Path,
    folder: str | Path,
    limit: int | None = None,
    progress: Progress | None = None,
    max_bytes: int | None = None,
    shard_bytes: int = SHARD_BYTES,
    beginnings: int | None = None,
) -> dict[str, Any]:
    """Write the articles of a source to `folder` as `articles-00000.jsonl` …, closed at about `shard_bytes` each.

    source: "simple" or "en", Wikipedia by `shared.data.wikipedia` (what BUMBLEBEE_DATA has, else from the hub, else
    the stand-in); "encyclopedia", the pocket encyclopedia; or a file or folder of .jsonl, .jsonl.gz, .txt, .txt.gz and
    .parquet. limit, max_bytes: end after so many articles, or with the article whose text reaches so many bytes.
    progress(done, total): articles; total is None where nobody knows it.
    beginnings: of each article only about so many characters, see `beginning`; None: whole articles.
    An article is {"id", "title", "text", "url"}; those without text are left out and counted.
    Returns the record; its "data" is the source's line (real or stand-in). Raises ValueError where the source has no
    article, where a file is damaged (naming it and the line), and where it changed since this folder was begun.
    """
    for name, value in (("limit", limit), ("max_bytes", max_bytes), ("beginnings", beginnings)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be 1 or more, or None for all articles; it was {value}")
    folder, cost = Path(folder), Cost()
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    about, stream, counts = _open(source)
    if beginnings is not None:
        stream = ({**row, "text": beginning(row["text"], beginnings)} for row in stream)
    total = None if max_bytes is not None else about["total"]
    articles = _told(_ended(stream, limit, max_bytes), counts, total, limit, progress)
    shards = _kept(folder, articles, about["data"], limit, max_bytes, shard_bytes)
    kept = len(shards)
    counts["characters"] = counts["text_bytes"] = 0
    while (first := next(articles, None)) is not None:
        shard = write_shard(
            shard_path(folder, len(shards)),
            chain([first], articles),
            until=shard_bytes,
            data=about["data"],
            until_bytes=shard_bytes,
            characters=_reset(counts, "characters"),
            text_bytes=_reset(counts, "text_bytes"),
        )
        shards.append(shard)
    if not shards:
        raise ValueError(
            f"{source} has no article with text: name a source that has some, {', '.join(SOURCES)} or your own files."
        )
    remove_from(folder, len(shards))
    n_bytes = sum(shard.bytes for shard in shards)
    return {
        **{key: about[key] for key in ("source", "data", "stand_in", "licence")},
        "articles": sum(shard.articles for shard in shards),
        "characters": sum(shard.note["characters"] for shard in shards),
        "bytes": n_bytes,
        "without_text": counts["without_text"],
        "invalid_utf8": counts["invalid_utf8"],
        "shards": len(shards),
        "shards_kept": kept,
        **cost.record(n_bytes),
        "digest": shards_digest(shards),
    }


def _open(source: str | Path) -> tuple[dict[str, Any], Iterator[dict[str, Any]], dict[str, int]]:
    """What is known of a source, its articles, and counters that fill while these are read."""
    counts = {"without_text": 0, "invalid_utf8": 0, "characters": 0, "text_bytes": 0, "articles": 0}
    if source in SOURCES:
        from shared import data

        found = data.encyclopedia() if source == "encyclopedia" else data.wikipedia(str(source))
        about = {
            "source": source,
            "data": repr(found),
            "stand_in": found.stands_in_for is not None,
            "licence": found.licence,
            "total": found.articles.count,
        }
        rows = (
            {"id": row.id, "title": row.title, "text": row.text, "url": row.url}
            for row in found.articles
        )
    else:
        rows, line = local_articles(Path(source), counts)
        about = {
            "source": str(source),
            "data": line,
            "stand_in": False,
            "licence": "yours to know",
            "total": None,
        }
    return about, _with_text(rows, counts), counts


def beginning(text: str, most: int) -> str:
    """The first `most` characters of a text, up to the last end of a line or, where there is none, of a sentence.

    A small model that reads the beginnings of many articles meets more things than one that reads a few to their end.
    """
    if len(text) <= most:
        return text
    start = text[: most + 1]
    for end in ("\n", ". "):
        place = start.strip().rfind(end)
        if place > 0:
            return start.strip()[: place + 1].rstrip()
    return text[:most]


def _with_text(rows: Iterator[dict[str, Any]], counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if row["text"] and not row["text"].isspace():
            yield row
        else:
            counts["without_text"] += 1


def _ended(
    articles: Iterator[dict[str, Any]], limit: int | None, max_bytes: int | None
) -> Iterator[dict[str, Any]]:
    """The first articles: `limit` of them, or as many as it takes to reach `max_bytes` of text."""
    size = 0
    for article in islice(articles, limit):
        yield article
        size += _n_bytes(article)
        if max_bytes is not None and size >= max_bytes:
            return


def _n_bytes(article: dict[str, Any]) -> int:
    return len(article["text"].encode("utf-8", "replace"))


def _told(
    articles: Iterator[dict[str, Any]],
    counts: dict[str, int],
    total: int | None,
    limit: int | None,
    progress: Progress | None,
) -> Iterator[dict[str, Any]]:
    """The same articles; counts them, and tells how many there were after every hundredth and at the end."""
    if total is not None and limit is not None:
        total = min(total, limit)
    for article in articles:
        counts["articles"] += 1
        counts["characters"] += len(article["text"])
        counts["text_bytes"] += _n_bytes(article)
        if progress is not None and counts["articles"] % 100 == 0:
            progress(counts["articles"], total)
        yield article
    if progress is not None:
        progress(counts["articles"], counts["articles"])


def _reset(counts: dict[str, int], name: str) -> Any:
    """A function that gives what was counted since it was last called, for a shard's note."""

    def count() -> int:
        found, counts[name] = counts[name], 0
        return found

    return count


def _kept(
    folder: Path,
    articles: Iterator[dict[str, Any]],
    data: str,
    limit: int | None,
    max_bytes: int | None,
    shard_bytes: int,
) -> list[Shard]:
    """The shards from an earlier call that this one would write again, after reading past their articles."""
    shards: list[Shard] = []
    n_articles = n_bytes = 0
    while (shard := whole_shard(shard_path(folder, len(shards)))) is not None:
        note = shard.note
        if note.get("data") != data or note.get("until_bytes") != shard_bytes:
            break
        n_articles += shard.articles
        n_bytes += note["text_bytes"]
        # the last shard of an earlier call may have ended early, and the last of this call may have to
        if (
            shard.bytes < shard_bytes
            or (limit is not None and n_articles > limit)
            or (max_bytes is not None and n_bytes > max_bytes)
        ):
            break
        digest = hashlib.sha256()
        for article in islice(articles, shard.articles):
            digest.update(line_of(article))
        if digest.hexdigest() != shard.sha256:
            raise ValueError(
                f"{shard.path} is not what the source now gives: the source or the file changed since this folder was "
                f"begun. Remove {folder} and collect again."
            )
        shards.append(shard)
    return shards
