"""Series in time (week 5): electricity transformer temperature, sunspots, and the load curve that stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.data import pack, places, readers, transfer
from shared.data.errors import broken
from shared.data.lookup import Found, Recipe, look_up, ours, real
from shared.data.source import Dataset
from shared.data.splits import Series

ETT_COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
ETT_SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/ETTh1.csv"


def ett() -> Dataset:
    """Electricity transformer temperature, ETTh1 (Zhou et al. 2021, 2012.07436): one split, `hours`, a `Series`.

    values: float32 (17420, 7): high, middle and low useful and useless load (HUFL … LULL), and the oil temperature OT
    in °C; every hour from July 2016 to June 2018. Upstream has no split; the paper takes 12, 4 and 4 months of 30 days:
    `hours[:8640]`, `hours[8640:11520]`, `hours[11520:14400]`.
    Layout of the folder `ett`: `ETTh1.csv`. Stand-in: `load_curve()`, whose columns are its own.
    """
    return look_up(ETTH1)


def load_curve() -> Dataset:
    """A made-up load curve with daily and weekly rhythm, trend and holidays: one split, `hours`, a `Series`; seed 0."""
    from shared.data.generate.load_curve import load_curve as generate

    return ours(
        "load_curve",
        Found({"hours": _series_of(generate(seed=0))}),
        "Made by the course's generator.",
    )


def sunspots() -> Dataset:
    """Sunspot numbers, shipped with the course: splits `years` and `months`, each a `Series` of one column."""
    splits = {
        split: _read_csv(pack.path(f"sunspots_{name}.csv"))
        for split, name in (("years", "yearly"), ("months", "monthly"))
    }
    return real("sunspots", Found(splits), "embedded", "Shipped with the course.")


def _series_of(made: Any) -> Series:
    import numpy as np
    import torch

    times, values, columns = made
    return Series(
        np.asarray(times, dtype="datetime64[s]"), torch.as_tensor(values).float(), tuple(columns)
    )


def _read(folder: Path) -> Found | None:
    path = folder / "ETTh1.csv"
    return Found({"hours": _read_csv(path, ETT_COLUMNS)}) if places.present(path) else None


def _read_csv(path: Path, columns: tuple[str, ...]) -> Series:
    import pandas
    import torch

    table = readers.read_csv(path, ("date", *columns))
    try:
        times = pandas.to_datetime(table["date"]).to_numpy()
        values = torch.tensor(table[list(columns)].to_numpy(dtype="float32"))
    except (ValueError, TypeError) as error:
        raise broken(path, f"has a cell that is no date or no number ({error})") from error
    return Series(times, values, columns)


def _fetch(folder: Path) -> None:
    transfer.download(ETT, folder, "ETTh1.csv", f"sha256:{ETT_SHA256}")


ETTH1 = Recipe("ett", read=_read, fetch=_fetch, stand_in=load_curve)
