"""A made-up electricity load curve, hour by hour: week 5's stand-in for the electricity transformer temperature.

    curve = load_curve()
    curve.load[:24]         # MW, float64, the first day

The load of a small region: the rhythm of the day differs on working days, Saturdays and Sundays; holidays are like
Sundays; it grows slowly; cold days need heating and hot ones cooling (so the answer to temperature is a bent line,
which a linear model can't follow); evenings need light in winter; what is left over fades within hours.
"""

from __future__ import annotations

from math import cos, pi
from typing import NamedTuple

import numpy as np

FIRST_DAY = np.datetime64("2021-01-01")
COLUMNS = ("load", "temperature", "is_holiday")
# Share of the mean load at each hour, from midnight.
_WORKING = (0.74, 0.70, 0.68, 0.67, 0.69, 0.77, 0.92, 1.08, 1.15, 1.14, 1.12, 1.12,
            1.11, 1.10, 1.08, 1.07, 1.09, 1.15, 1.21, 1.22, 1.15, 1.05, 0.94, 0.83)  # fmt: skip
_SATURDAY = (0.75, 0.71, 0.68, 0.67, 0.67, 0.69, 0.75, 0.85, 0.96, 1.03, 1.06, 1.07,
             1.06, 1.03, 0.99, 0.97, 0.98, 1.03, 1.09, 1.10, 1.04, 0.97, 0.89, 0.81)  # fmt: skip
_SUNDAY = (0.73, 0.69, 0.66, 0.64, 0.64, 0.65, 0.67, 0.73, 0.82, 0.91, 0.98, 1.03,
           1.03, 0.97, 0.91, 0.88, 0.89, 0.94, 1.02, 1.05, 1.00, 0.94, 0.86, 0.78)  # fmt: skip
_HOLIDAYS = (
    (1, 1),
    (5, 1),
    (8, 15),
    (11, 1),
    (12, 25),
    (12, 26),
)  # month, day; and the last Monday of May
_MEAN, _GROWTH = 1000.0, 0.03  # MW; share of it in a year
_HEATING, _COOLING = 16.0, 30.0  # MW for each °C below 15 and above 21
_LIGHT = 60.0  # MW in the darkest evening


class LoadCurve(NamedTuple):
    """times: datetime64[h] (n,); values: float64 (n, 3), columns load [MW], temperature [°C], is_holiday (0 or 1)."""

    times: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...] = COLUMNS

    @property
    def load(self) -> np.ndarray:
        """Load in MW, (n,)."""
        return self.values[:, 0]

    @property
    def temperature(self) -> np.ndarray:
        """Outdoor temperature in °C, (n,)."""
        return self.values[:, 1]

    @property
    def is_holiday(self) -> np.ndarray:
        """1 on public holidays, otherwise 0, (n,)."""
        return self.values[:, 2]


def load_curve(seed: int = 0, days: int = 730) -> LoadCurve:
    """`days` days from 1 January 2021, 24 rows each; load and temperature are rounded to a tenth.

    Raises ValueError if days is less than 1.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, it was {days}")
    hours = 24 * days
    times = FIRST_DAY.astype("datetime64[h]") + np.arange(hours)
    generator = np.random.Generator(np.random.PCG64(seed))
    weather, flicker, drift = (_bell(generator, hours) for _ in range(3))
    values = np.empty((hours, 3))
    air = rest = 0.0  # what the weather and the load deviate by, in °C and MW
    walls = None  # the temperature that houses feel, which lags behind
    for day in range(days):
        date = FIRST_DAY + day
        holiday = _is_holiday(date)
        shape = _shape_of(date, holiday)
        season = cos(2 * pi * (day - 20) / 365.25)  # 1 in mid-January, the coldest time
        for hour in range(24):
            row = 24 * day + hour
            air = 0.99 * air + 0.42 * weather[row]
            daily = (3.6 - 1.4 * season) * cos(2 * pi * (hour - 15) / 24)
            temperature = 11 - 9.5 * season + daily + air
            walls = temperature if walls is None else walls + (temperature - walls) / 8
            rest = 0.93 * rest + 4 * drift[row]
            load = _MEAN * (1 + _GROWTH * day / 365.25) * shape[hour]
            # Heaters are turned down at night, and in offices on free days.
            load += _HEATING * max(0.0, 15 - walls) * (1.6 * shape[hour] - 0.7)
            load += _COOLING * max(0.0, walls - 21) * shape[hour]
            if 17 <= hour <= 22:
                load += _LIGHT * max(0.0, season + 0.3) / 1.3
            values[row] = round(load + rest + 5 * flicker[row], 1), round(temperature, 1), holiday
    return LoadCurve(times, values)


def _bell(generator: np.random.Generator, n: int) -> np.ndarray:
    """Nearly normal numbers with variance 1: twelve uniform ones added up, in an order that is always the same."""
    total = np.full(n, -6.0)
    for _ in range(12):
        total += generator.random(n)
    return total


def _weekday(date: np.datetime64) -> int:
    """0 Monday … 6 Sunday; 1 January 1970 was a Thursday."""
    return int(date.astype(np.int64) + 3) % 7


def _is_holiday(date: np.datetime64) -> bool:
    month = int(date.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    day = int((date - date.astype("datetime64[M]")).astype(np.int64)) + 1
    return (month, day) in _HOLIDAYS or (month == 5 and day > 24 and _weekday(date) == 0)


def _shape_of(date: np.datetime64, holiday: bool) -> tuple[float, ...]:
    weekday = _weekday(date)
    if holiday or weekday == 6:
        return _SUNDAY
    return _SATURDAY if weekday == 5 else _WORKING
