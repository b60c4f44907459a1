"""Articles from files of yours: .jsonl and .jsonl.gz, .txt and .txt.gz, .parquet, one file or a folder of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from shared.data.errors import reading
from shared.data.readers import check_parquet
from shared.llm.corpus.shards import FIELDS, article_of

SUFFIXES = (".jsonl", ".jsonl.gz", ".txt", ".txt.gz", ".parquet")


def local_articles(place: Path, counts: dict[str, int]) -> tuple[Iterator[dict[str, Any]], str]:
    """The articles of a file, or of all files in a folder and those below it, and a line that says what was found.

    .jsonl: an object with "text" and perhaps "title", "id", "url" a line. .parquet: the same as columns.
    .txt: one article a file, whose name is its title; bytes that are no UTF-8 become U+FFFD, and such files are
    counted in counts["invalid_utf8"]. Files come in the order of their names.
    Raises ValueError where there is no such file.
    """
    if not place.exists():
        raise ValueError(
            f'source must be "simple", "en", "encyclopedia", or a file or folder; {place} does not exist.'
        )
    found = [place] if place.is_file() else sorted(place.rglob("*"), key=Path.as_posix)
    files = [path for path in found if path.is_file() and _suffix(path)]
    if not files:
        raise ValueError(
            f"{place} has no file that ends in {', '.join(SUFFIXES)}: name one that has."
        )
    size = sum(path.stat().st_size for path in files)
    line = (
        f"{place.name} · {len(files):,} files, {size:,} bytes · from your folder {place.resolve()}"
    )
    return (row for path in files for row in _of_file(path, place, counts)), line


def _suffix(path: Path) -> str:
    """The one of SUFFIXES that a file's name ends in, or ""."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def _of_file(path: Path, place: Path, counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    suffix = _suffix(path)
    name = path.name if path == place else path.relative_to(place).as_posix()
    name = name[: -len(suffix)]
    if suffix == ".parquet":
        rows = _parquet(path)
    elif suffix.startswith(".txt"):
        rows = _text(path, counts)
    else:
        rows = _jsonl(path)
    for number, row in enumerate(rows):
        yield {
            "id": str(row.get("id") or (name if suffix.startswith(".txt") else f"{name}-{number}")),
            "title": str(row.get("title") or ""),
            "text": row["text"] or "",
            "url": str(row.get("url") or ""),
        }


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    with reading(path), _opened(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield article_of(line, path, number)


def _text(path: Path, counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    with reading(path), _opened(path) as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
        counts["invalid_utf8"] += 1
    title = path.name[: -len(_suffix(path))].replace("_", " ")
    yield {"title": title, "text": text.replace("\r\n", "\n")}


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet

    check_parquet(path, ("text",))
    with reading(path), pyarrow.parquet.ParquetFile(path) as opened:
        columns = [name for name in FIELDS if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()
