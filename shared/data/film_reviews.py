"""Film reviews, positive or negative (week 5): Rotten Tomatoes, IMDb, and the course's own that stand in for both."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from shared.data import hub, pack, places, readers
from shared.data.errors import broken, reading
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Texts
from shared.data.splitting import cut, cut_by_class

CLASS_NAMES = ("negative", "positive")
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def rotten_tomatoes() -> Dataset:
    """Sentences from film reviews (Pang & Lee 2005): `train` (8,530), `validation` (1,066), `test` (1,066) of `Texts`.

    labels: int64 (n,), 0 negative and 1 positive, in equal numbers; rows are shuffled, seed 0.
    From the hub, `cornell-movie-review-data/rotten_tomatoes`, with its splits. Layout of the folder `rt-polarity`: the
    authors' `rt-polarity.pos` and `.neg`, which have no split: 80/10/10 % of each class, seed 0. They are usually
    called latin-1, but their dashes and ellipses are Windows-1252, so they are read as that. Stand-in: `reviews()`.
    """
    return look_up(ROTTEN_TOMATOES)


def imdb() -> Dataset:
    """Long film reviews (Maas et al. 2011): `train` and `test` of `Texts`, 25,000 each on the hub (`stanfordnlp/imdb`).

    labels: int64 (n,), 0 negative and 1 positive; rows are shuffled, seed 0. Line ends are `<br />`.
    Layout of the folder `imdb`: one archive `aclImdb*.tar.gz` of the authors' folders, or a part of them, or the hub's
    parquet files. Stand-in: `reviews()`.
    """
    return look_up(IMDB)


def reviews() -> Dataset:
    """Short reviews written for this course: `train`, `validation`, `test` of `Texts`, held-out ones in `test`.

    labels: int64 (n,), 0 negative and 1 positive; kinds: what makes each hard ("plain", "negation", "irony", "mixed").
    `validation` is a tenth of those for training, seed 0.
    """
    rows = pack.by_split("reviews.jsonl", ("id", "text", "label", "kind"), lambda row: row)
    train, validation = cut(len(rows["train"]), (0.9, 0.1))
    chosen = {
        "train": [rows["train"][row] for row in train],
        "validation": [rows["train"][row] for row in validation],
        "test": rows["test"],
    }
    splits = {
        split: texts_of(
            [row["text"] for row in part],
            [row["label"] for row in part],
            kinds=[row["kind"] for row in part],
        )
        for split, part in chosen.items()
    }
    return ours("reviews", Found(splits, CLASS_NAMES))


def texts_of(texts: list[str], labels: Sequence[int], kinds: list[str] | None = None) -> Texts:
    """`Texts` with labels as int64 (n,)."""
    import torch

    return Texts(texts, torch.tensor(labels, dtype=torch.int64), kinds)


def read_labelled(folder: Path, splits: Sequence[str]) -> dict[str, Texts]:
    """Those of the splits that lie in `folder` in the hub's layout with the columns `text` and `label`."""
    found = {}
    for split in splits:
        table = hub.read_split(folder, split, ("text", "label"))
        if table is not None:
            found[split] = texts_of(table["text"].to_pylist(), table["label"].to_pylist())
    return found


def _shuffled(splits: dict[str, Texts]) -> dict[str, Texts]:
    """Published files list one class after the other, so that their first thousand rows would be one class."""
    shuffled = {}
    for name, split in splits.items():
        (order,) = cut(len(split), (1.0,))
        shuffled[name] = Texts([split.texts[row] for row in order], split.labels[order])
    return shuffled


def _read_rotten(folder: Path) -> Found | None:
    paths = [folder / "rt-polarity.neg", folder / "rt-polarity.pos"]
    here = [places.present(path) for path in paths]
    if not any(here):
        splits = _shuffled(read_labelled(folder, tuple(FRACTIONS)))
        return Found(splits, CLASS_NAMES) if splits else None
    if not all(here):
        raise broken(
            paths[here.index(False)],
            "is missing beside the other",
            "Copy both files, or remove the folder.",
        )
    texts, labels = [], []
    for label, path in enumerate(paths):
        # split at \n only: str.splitlines would also cut at characters inside a sentence
        lines = [
            line.strip() for line in readers.read_text(path, "cp1252").split("\n") if line.strip()
        ]
        texts += lines
        labels += [label] * len(lines)
    parts = cut_by_class(labels, list(FRACTIONS.values()))
    splits = {
        split: texts_of([texts[row] for row in rows], [labels[row] for row in rows])
        for split, rows in zip(FRACTIONS, parts, strict=True)
    }
    return Found(splits, CLASS_NAMES)


def _read_imdb(folder: Path) -> Found | None:
    archives = places.listing(folder, "aclImdb*.tar.gz")
    if archives:
        return Found(_shuffled(_read_archive(archives[0])), CLASS_NAMES)
    splits = _shuffled(read_labelled(folder, ("train", "test")))
    return Found(splits, CLASS_NAMES) if splits else None


def _read_archive(path: Path) -> dict[str, Texts]:
    texts: dict[str, list[str]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    classes = {"neg": 0, "pos": 1}
    try:
        with reading(path), tarfile.open(path, "r:gz") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                if (
                    len(parts) == 4
                    and parts[1] in texts
                    and parts[2] in classes
                    and member.isfile()
                ):
                    texts[parts[1]].append(archive.extractfile(member).read().decode("utf-8"))
                    labels[parts[1]].append(classes[parts[2]])
    except tarfile.TarError as error:
        raise broken(path, f"is no whole archive ({error})") from error
    for split, found in texts.items():
        if not found:
            raise broken(path, f"holds no review in aclImdb/{split}/pos or neg")
    return {split: texts_of(texts[split], labels[split]) for split in texts}


def _fetch_rotten(folder: Path) -> None:
    hub.fetch(folder, "cornell-movie-review-data/rotten_tomatoes", None, tuple(FRACTIONS))


def _fetch_imdb(folder: Path) -> None:
    hub.fetch(folder, "stanfordnlp/imdb", "plain_text", ("train", "test"))


ROTTEN_TOMATOES = Recipe(
    "rotten_tomatoes", read=_read_rotten, fetch=_fetch_rotten, stand_in=reviews
)
IMDB = Recipe("imdb", read=_read_imdb, fetch=_fetch_imdb, stand_in=reviews)
