"""Series in time (week 5): electricity transformer temperature, sunspots, and the load curve that stands in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.data import pack, places, readers, transfer
from shared.data.errors import broken
from shared.data.lookup import Found, Recipe, look_up, ours, real
from shared.data.source import Dataset
from shared.data.splits import Series

if TYPE_CHECKING:
    import pandas

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
    """A made-up load curve (`shared/data/generate/load_curve.py`, seed 0): one split, `hours`, a `Series` of two years.

    values: float32 (17520, 3): load in MW with daily and weekly rhythm, trend and holidays; temperature in °C;
    is_holiday, 0 or 1.
    """
    import torch

    from shared.data.generate.load_curve import load_curve as generate

    times, values, columns = generate(seed=0)
    series = Series(times, torch.from_numpy(values).float(), columns)
    return ours("load_curve", Found({"hours": series}), "Made by the course's generator.")


def sunspots() -> Dataset:
    """Sunspot numbers, a public table that ships with the course: splits `years` and `months` of `Series`.

    values: float32 (n, 1) and more columns where the table has them; times: the first day of each year or month.
    """
    splits = {
        split: _read_table(pack.path(f"sunspots_{period}.csv"))
        for split, period in (("years", "yearly"), ("months", "monthly"))
    }
    return real("sunspots", Found(splits), "embedded", "Shipped with the course.")


def _read_table(path: Path) -> Series:
    """A table with a column `year`, perhaps `month`, and numbers."""
    table = readers.read_csv(path, ("year",))
    months = table["month"] if "month" in table.columns else [1] * len(table)
    dates = [f"{int(year):04}-{int(month):02}-01" for year, month in zip(table["year"], months)]
    columns = tuple(name for name in table.columns if name not in ("year", "month"))
    return _series(path, dates, table, columns)


def _read(folder: Path) -> Found | None:
    path = folder / "ETTh1.csv"
    return Found({"hours": _read_csv(path, ETT_COLUMNS)}) if places.present(path) else None


def _read_csv(path: Path, columns: tuple[str, ...]) -> Series:
    table = readers.read_csv(path, ("date", *columns))
    return _series(path, table["date"], table, columns)


def _series(
    path: Path, dates: Sequence[str], table: pandas.DataFrame, columns: tuple[str, ...]
) -> Series:
    import pandas
    import torch

    try:
        times = pandas.to_datetime(dates).to_numpy()
        values = torch.tensor(table[list(columns)].to_numpy(dtype="float32"))
    except (ValueError, TypeError) as error:
        raise broken(path, f"has a cell that is no date or no number ({error})") from error
    return Series(times, values, columns)


def _fetch(folder: Path) -> None:
    transfer.download(ETT, folder, "ETTh1.csv", f"sha256:{ETT_SHA256}")


ETTH1 = Recipe("ett", read=_read, fetch=_fetch, stand_in=load_curve)
