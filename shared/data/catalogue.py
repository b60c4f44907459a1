"""What `bumblebee data`, `bumblebee data fetch` and `bumblebee data check` do; the command itself only prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.data import (
    cifar,
    film_reviews,
    language,
    news,
    places,
    questions,
    records,
    sentences,
    series,
    store,
    talk,
    vision,
    vocabularies,
    wiki,
)
from shared.data.errors import DataError, DownloadError
from shared.data.lookup import Found, Recipe, bring
from shared.data.source import Dataset, size_of
from shared.data.splits import Articles

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        vision.MNIST,
        cifar.CIFAR10,
        language.TINY_SHAKESPEARE,
        sentences.SENTENCE_PAIRS,
        film_reviews.ROTTEN_TOMATOES,
        film_reviews.IMDB,
        series.ETTH1,
        news.AG_NEWS,
        wiki.WIKIPEDIA,
        language.WIKITEXT2,
        questions.SQUAD,
        talk.CONVERSATIONS,
        talk.INSTRUCTIONS,
        talk.PREFERENCES,
        vocabularies.GPT2,
        vocabularies.BERT_UNCASED,
    )
}


@dataclass(frozen=True)
class Row:
    """A line of the table: what there is, and where it is now."""

    name: str
    weeks: str
    rows: str
    licence: str
    size: str
    source: str
    where: str


@dataclass(frozen=True)
class Outcome:
    """What became of one data set in `fetch` or `check`: whether all is well, and one sentence."""

    name: str
    ok: bool
    text: str


def table() -> list[Row]:
    """One row for each data set, in the order of the weeks, those of the course last."""
    return [
        Row(
            name=record.name,
            weeks=" ".join(str(week) for week in record.weeks),
            rows=record.rows,
            licence=record.licence,
            size=record.size,
            source=record.identifier,
            where=_where(record),
        )
        for record in records.RECORDS
    ]


def render(rows: Sequence[Row]) -> str:
    """The table as aligned text."""
    head = ("name", "weeks", "rows", "licence", "size", "where it is now")
    lines = [
        head,
        *((row.name, row.weeks, row.rows, row.licence, row.size, row.where) for row in rows),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("─" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def report(outcomes: Iterable[Outcome]) -> int:
    """Print outcomes as they come; the exit status for the command: 0 where all is well, 1 otherwise."""
    failed = 0
    for outcome in outcomes:
        print(f"{'✓' if outcome.ok else '✗'} {outcome.name}: {outcome.text}", flush=True)
        failed += not outcome.ok
    return 1 if failed else 0


def fetch(names: Sequence[str] = ()) -> Iterator[Outcome]:
    """Bring the named data sets into the cache, all that can be downloaded if none is named; one outcome for each.

    For a classroom without internet: fetch, carry the cache folder over, and set BUMBLEBEE_DATA to it.
    A name that is not in the table is a ValueError, before anything is downloaded.
    """
    chosen = [records.find(name) for name in names] or [records.find(name) for name in RECIPES]
    return (_fetch(record) for record in chosen)


def check(names: Sequence[str] = ()) -> Iterator[Outcome]:
    """Read every byte of the named data sets (all, if none is named) wherever they lie; one outcome for each place."""
    chosen = [records.find(name) for name in names] or list(records.RECORDS)
    return (outcome for record in chosen for outcome in _check(record))


def _where(record: records.Record) -> str:
    if not record.folder:
        return record.size if record.size == "made when asked for" else "shipped"
    root = places.data_root()
    if root is not None and _holds(root / record.folder):
        return "BUMBLEBEE_DATA"
    place = places.cache_root() / record.folder
    if places.present(place / store.MANIFEST):
        return f"cache, {_megabytes(place)}"
    return f"not here: {record.stand_in} stands in"


def _holds(folder: Path) -> bool:
    return bool(places.listing(folder, "*"))


def _megabytes(folder: Path) -> str:
    return (
        f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:,.1f} MB"
    )


def _fetch(record: records.Record) -> Outcome:
    recipe = RECIPES.get(record.name)
    if recipe is None or recipe.fetch is None:
        return Outcome(record.name, True, f"ships with {record.source}, nothing to bring")
    try:
        if store.cached(record.folder) is not None:
            return Outcome(
                record.name, True, f"was in the cache already, {_megabytes(_place(record))}"
            )
    except DownloadError:
        pass  # a damaged copy: `obtain` replaces it
    if places.offline():
        return Outcome(
            record.name, False, "not brought, since BUMBLEBEE_OFFLINE is set; unset it to download"
        )
    try:
        place = bring(recipe)
    except DataError as error:
        return Outcome(record.name, False, str(error))
    return Outcome(record.name, True, f"brought into {place}, {_megabytes(place)}")


def _check(record: records.Record) -> Iterator[Outcome]:
    recipe = RECIPES.get(record.name)
    if recipe is None:
        yield _check_shipped(record)
        return
    root, found_any = places.data_root(), False
    if root is not None and _holds(root / record.folder):
        found_any = True
        yield _check_folder(recipe, root / record.folder, "BUMBLEBEE_DATA")
    if places.present(_place(record) / store.MANIFEST):
        found_any = True
        try:
            store.verify(_place(record))
        except DownloadError as error:
            yield Outcome(record.name, False, str(error))
        else:
            yield _check_folder(recipe, _place(record), "the cache")
    if not found_any:
        yield Outcome(record.name, True, f"not on this machine, {record.stand_in} stands in")


def _check_shipped(record: records.Record) -> Outcome:
    from shared import data

    try:
        loaded: Dataset = getattr(data, record.name)()
        return Outcome(record.name, True, f"{_sizes(loaded.splits)}, {loaded.source.line()}")
    except DataError as error:
        return Outcome(record.name, False, str(error))


def _check_folder(recipe: Recipe, folder: Path, where: str) -> Outcome:
    try:
        found: Found | None = recipe.read(folder)
        if found is None:
            return Outcome(
                recipe.name,
                False,
                f"{folder} holds none of its files. Copy them there, or remove the folder.",
            )
        return Outcome(recipe.name, True, f"{_sizes(found.splits)} in {where}")
    except DataError as error:
        return Outcome(recipe.name, False, str(error))


def _sizes(splits: dict) -> str:
    """The sizes of the splits; a stream is read to its end, which is the check."""
    parts = []
    for name, split in splits.items():
        if isinstance(split, Articles):
            parts.append(f"{sum(1 for _ in split):,} {name}")
        else:
            parts.append(size_of(name, split))
    return " / ".join(parts)


def _place(record: records.Record) -> Path:
    return places.cache_root() / record.folder
