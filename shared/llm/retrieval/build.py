"""`bumblebee index`: an index of a source that is named as for `bumblebee llm`, and what it took (week 9)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.llm.retrieval.chunks import SIZE
from shared.llm.retrieval.retrieve import Index
from shared.llm.workers import Progress


@dataclass(frozen=True)
class Built:
    """What `build_index` made. bytes: on disk."""

    folder: Path
    articles: int
    passages: int
    terms: int
    encoder: str | None
    bytes: int
    seconds: float
    data: str


def build_index(
    source: str | Path,
    folder: str | Path,
    limit: int | None = None,
    encoder: Any = "lsa",
    size: int = SIZE,
    overlap: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Built:
    """`bumblebee index`: an index of a source that is named as for `bumblebee llm`.

    source: "simple", "en", "encyclopedia"; the folder of a run (its cleaned articles, or else its collected ones); or a
    file or folder of articles. limit: so many articles of a named source. Raises ValueError for bad input.
    """
    started = time.perf_counter()
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be 1 or more, or None for all articles; it was {limit}.")
    articles, line = _source(source, limit)
    index = Index.build(articles, folder, encoder, size, overlap, None, workers, progress)
    used = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return Built(
        Path(folder),
        index.passages.n_articles,
        len(index),
        len(index.bm25.terms),
        None if index.encoder is None else type(index.encoder).__name__,
        used,
        time.perf_counter() - started,
        line,
    )


def _source(source: str | Path, limit: int | None) -> tuple[Any, str]:
    """What to index, and a line that says what it is."""
    if source in ("simple", "en", "encyclopedia"):
        from shared import data

        found = (
            data.encyclopedia(limit)
            if source == "encyclopedia"
            else data.wikipedia(str(source), limit)
        )
        return found.articles, repr(found)
    if limit is not None:
        raise ValueError("limit goes with simple, en and encyclopedia; a folder is indexed whole.")
    place = Path(source)
    for stage in ("clean", "collect"):
        if (place / stage).is_dir() and any((place / stage).glob("articles-*.jsonl")):
            return place / stage, f"the articles in {place / stage}"
    return place, f"the articles in {place}"
