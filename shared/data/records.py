"""Every data set of the course in one table: its weeks, rows, licence, size, and who publishes it.

`bumblebee data` prints it; the loaders take their titles, folders and licences from it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One data set.

    name: what `bumblebee data fetch` calls it, and the loader in `shared.data`; folder: in BUMBLEBEE_DATA and the cache
    ("" for what ships with the course); rows, size: of the real thing as downloaded; identifier: for its usual loader.
    """

    name: str
    title: str
    weeks: tuple[int, ...]
    rows: str
    licence: str
    size: str
    source: str
    identifier: str
    folder: str = ""
    stand_in: str = ""


RECORDS: tuple[Record, ...] = (
    Record(
        name="mnist",
        title="MNIST",
        weeks=(1,),
        rows="60,000 train / 10,000 test",
        licence="CC BY-SA 3.0 (as usually given)",
        size="12 MB",
        source="torchvision",
        identifier="torchvision.datasets.MNIST",
        folder="mnist",
        stand_in="digits, from scikit-learn",
    ),
    Record(
        name="diabetes",
        title="diabetes",
        weeks=(3,),
        rows="353 train / 89 test",
        licence="none stated (Efron et al. 2004)",
        size="13 kB",
        source="scikit-learn ships it",
        identifier="sklearn.datasets.load_diabetes",
    ),
)


def find(name: str) -> Record:
    """The record of a data set; a ValueError lists the names there are."""
    for record in RECORDS:
        if record.name == name:
            return record
    raise ValueError(f"no data set is called {name!r}; there are {', '.join(record.name for record in RECORDS)}")
