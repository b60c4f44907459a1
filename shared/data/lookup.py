"""The order of look-up: BUMBLEBEE_DATA, an earlier download, a download, the embedded stand-in.

Each loader gives a `Recipe` of three functions and leaves the rest to `look_up`: one that reads the real data from a
folder, one that downloads it into a folder, one that makes the stand-in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.data import places, records, store
from shared.data.errors import DataError, DownloadError
from shared.data.source import Dataset, Origin, Source

log = logging.getLogger("bumblebee.data")


@dataclass(frozen=True)
class Found:
    """What was found or made: splits by name, and the names of the classes where there are classes."""

    splits: Mapping[str, Any]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """How a data set is found.

    name: of its record; read(folder): the data in that folder, None where it is not there, a `DataError` where it is
    broken; fetch(folder): download into that empty folder, a `DownloadError` where that fails; stand_in(): a `Dataset`
    that is always to be had.
    """

    name: str
    read: Callable[[Path], Found | None]
    stand_in: Callable[[], Dataset]
    fetch: Callable[[Path], None] | None = None


class NotTried(DownloadError):
    """No download was tried: nothing to warn of."""


def look_up(recipe: Recipe) -> Dataset:
    """Load a data set from the first place that has it.

    What is broken in BUMBLEBEE_DATA is an error, since somebody put it there on purpose. A download that fails is not:
    it is said in a warning and in `source.detail` of the stand-in.
    """
    record = records.find(recipe.name)
    root = places.data_root()
    if root is not None:
        found = recipe.read(root / record.folder)
        if found is not None:
            detail = f"Read from the folder {record.folder} in BUMBLEBEE_DATA."
            return real(recipe.name, found, "BUMBLEBEE_DATA", detail)
    try:
        found = recipe.read(in_cache(recipe))
        if found is None:
            raise DownloadError(
                f"the cached copy lacks its files; `bumblebee data fetch {recipe.name}` brings them"
            )
        return real(
            recipe.name,
            found,
            "download",
            f"Downloaded from {record.source} and kept in the cache.",
        )
    except DataError as error:
        return substitute(recipe, error)


def in_cache(recipe: Recipe) -> Path:
    """The folder of the cached copy, downloaded now if need be and allowed; otherwise a `DownloadError`."""
    folder = records.find(recipe.name).folder
    try:
        place = store.cached(folder)
        if place is not None:
            return place
        problem: DownloadError = NotTried(
            "nothing was downloaded earlier, and BUMBLEBEE_OFFLINE forbids to do it now"
        )
    except DownloadError as damage:
        problem = damage
    if recipe.fetch is None or places.offline():
        raise problem
    return bring(recipe)


def bring(recipe: Recipe) -> Path:
    """The folder of the cached copy, downloaded if there is none; what cannot be read is not kept."""

    def fetch(folder: Path) -> None:
        recipe.fetch(folder)
        try:
            found = recipe.read(folder)
        except DataError as error:
            raise DownloadError(f"what was downloaded is of no use: {error}") from error
        if found is None:
            raise DownloadError("the download brought none of the files that were expected")

    return store.obtain(records.find(recipe.name).folder, fetch)


def real(
    name: str, found: Found, origin: Origin, detail: str, shipped_with: str = "this course"
) -> Dataset:
    """The real data set of a record."""
    record = records.find(name)
    source = Source(real=True, origin=origin, detail=detail, shipped_with=shipped_with)
    return Dataset(name, record.title, found.splits, source, record.licence, found.class_names)


def ours(name: str, found: Found, detail: str = "Written for this course.") -> Dataset:
    """A data set that was written or generated for this course, in its own right."""
    record = records.find(name)
    source = Source(real=False, origin="embedded", detail=detail)
    return Dataset(name, record.title, found.splits, source, record.licence, found.class_names)


def substitute(recipe: Recipe, why: DataError) -> Dataset:
    """The stand-in of a data set, with the reason for it in its source."""
    record = records.find(recipe.name)
    made = recipe.stand_in()
    where = (
        "BUMBLEBEE_DATA is not set"
        if places.data_root() is None
        else f"BUMBLEBEE_DATA has no {record.folder}"
    )
    reason = str(why).rstrip(".")
    if not isinstance(why, NotTried):
        log.warning("Stand-in for %s: %s. %s.", record.title, made.title, reason)
    source = Source(False, "embedded", f"{where}; {reason}.", made.source.shipped_with)
    return Dataset(
        recipe.name, made.title, made.splits, source, made.licence, made.class_names, record.title
    )
