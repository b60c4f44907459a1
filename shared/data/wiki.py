"""Encyclopedias (weeks 8 and 9): Wikipedia, read as a stream, and the course's pocket encyclopedia."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from shared.data import hub, pack, places, readers, records
from shared.data.errors import DataError, DownloadError, reading
from shared.data.lookup import Found, NotTried, Recipe, look_up, ours, real, substitute
from shared.data.rows import Article
from shared.data.source import Dataset
from shared.data.splits import Articles

REPOSITORY = "wikimedia/wikipedia"
CONFIGS = {"simple": "20231101.simple", "en": "20231101.en"}
FIELDS = ("id", "title", "text")


def wikipedia(edition: str = "simple", limit: int | None = None) -> Dataset:
    """Wikipedia's articles: one split, `articles`, an `Articles` that is read one at a time, however large it is.

    edition: "simple" (Simple English, 157 MB, about 242,000 articles), downloaded once into the cache; or "en" (all of
    English, about 20 GB, 6.4 million), which is streamed from the hub each time and not kept.
    limit: end after so many articles. Each is an `Article` with id, title, text and url.
    From the hub: `wikimedia/wikipedia`. Layout of the folder `wikipedia`: files *.jsonl.gz, *.jsonl or *.parquet with
    the columns id, title, text (and url), which serve for either edition, or the hub's folders `20231101.simple` and
    `20231101.en` of parquet files. Stand-in: `encyclopedia()`.
    A file that turns out to be cut off raises a DataError when the reading comes to it.
    """
    if edition not in CONFIGS:
        raise ValueError(f"edition must be one of {', '.join(CONFIGS)}; it was {edition!r}")
    found = look_up(_recipe(edition)) if edition == "simple" else _english()
    return found if limit is None else _limited(found, limit)


def encyclopedia(limit: int | None = None) -> Dataset:
    """The pocket encyclopedia written for this course: one split, `articles`, each with one of eight topics."""
    rows = tuple(pack.articles())
    found = ours(
        "encyclopedia", Found({"articles": Articles(lambda: rows, count=len(rows))}, pack.TOPICS)
    )
    return found if limit is None else _limited(found, limit)


def _limited(found: Dataset, limit: int) -> Dataset:
    from dataclasses import replace

    return replace(found, splits={"articles": found.articles.limit(limit)})


def _english() -> Dataset:
    """English Wikipedia: BUMBLEBEE_DATA, or the stream from the hub, or the stand-in."""
    recipe, root = _recipe("en"), places.data_root()
    if root is not None:
        found = recipe.read(root / records.find("wikipedia").folder)
        if found is not None:
            return real(
                "wikipedia",
                found,
                "BUMBLEBEE_DATA",
                "Read from the folder wikipedia in BUMBLEBEE_DATA.",
            )
    try:
        if places.offline():
            raise NotTried("BUMBLEBEE_OFFLINE forbids to stream it")
        articles = Articles(_from_hub)
        if next(iter(articles), None) is None:
            raise DownloadError(f"{REPOSITORY} {CONFIGS['en']} has no article")
        return real(
            "wikipedia",
            Found({"articles": articles}),
            "download",
            "Streamed from the hub, not kept.",
        )
    except DataError as error:
        return substitute(recipe, error)


def _from_hub() -> Iterator[Article]:
    for row in hub.stream(REPOSITORY, CONFIGS["en"]):
        yield _article(row)


def _recipe(edition: str) -> Recipe:
    return Recipe(
        "wikipedia",
        read=partial(_read, CONFIGS[edition]),
        fetch=_fetch_simple,
        stand_in=encyclopedia,
    )


def _read(config: str, folder: Path) -> Found | None:
    for place in (folder / config, folder):
        for pattern in ("*.jsonl.gz", "*.jsonl", "*.parquet"):
            files = places.listing(place, pattern)
            if files:
                return Found({"articles": _articles(files)})
    return None


def _articles(files: list[Path]) -> Articles:
    """A stream over all files, after a look at the first article of each, so that a wrong file is known at once."""
    for file in files:
        next(_of_file(file), None)
    count = None
    if files[0].suffix == ".parquet":
        import pyarrow.parquet

        count = sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)
    return Articles(
        lambda: (article for file in files for article in _of_file(file)),
        count=count,
        files=len(files),
    )


def _of_file(file: Path) -> Iterator[Article]:
    rows = _parquet_rows(file) if file.suffix == ".parquet" else readers.stream_jsonl(file, FIELDS)
    for row in rows:
        yield _article(row)


def _parquet_rows(file: Path) -> Iterator[dict[str, str]]:
    import pyarrow.parquet

    readers.check_parquet(file, FIELDS)
    with reading(file), pyarrow.parquet.ParquetFile(file) as opened:
        columns = [name for name in (*FIELDS, "url") if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(batch_size=256, columns=columns):
            yield from batch.to_pylist()


def _article(row: dict[str, str]) -> Article:
    return Article(str(row["id"]), row["title"], row["text"], None, row.get("url", ""))


def _fetch_simple(folder: Path) -> None:
    place = folder / CONFIGS["simple"]
    place.mkdir()
    hub.fetch(place, REPOSITORY, CONFIGS["simple"], ("train",))


WIKIPEDIA = _recipe("simple")
