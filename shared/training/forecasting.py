"""Forecasting a series: windows, baselines, a GRU that gives quantiles, walk-forward tests, intervals. Met in week 5.

The row t of a series is known at the end of hour t, and an **origin** is the first row that is not known yet: whoever
forecasts from the origin t has seen `series[:t]` and nothing else. Step k ahead of it, from 1, is the row t + k − 1.
Shapes: n rows or windows, d columns, of which the first is to be forecast; everything is a torch tensor.
Sources: Hyndman & Athanasopoulos, *Forecasting: Principles and Practice*; Koenker & Bassett, "Regression Quantiles"
(1978); Romano, Patterson & Candès, "Conformalized Quantile Regression" (1905.03222); Zeng et al. (2205.13504);
Kim et al., "Reversible Instance Normalization" (2022).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from shared.nn.recurrent import GRUCell, unroll
from shared.training.linear_models import Model, ridge

# From windows (n, length, d) to (n, horizon), or to quantiles (n, horizon, levels).
Forecast = Callable[[Tensor], Tensor]


def standardize(series: Tensor, stop: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each column moved to mean 0 and scaled to spread 1, with the mean and the spread of the rows before `stop` alone.

    series: (n, d)   stop: where the training rows end   →  the scaled series (n, d), mean (d,), spread (d,)

    A column that is constant before `stop` is only moved.
    """
    past = series[:stop]
    mean, spread = past.mean(dim=0), past.std(dim=0, correction=0)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    return (series - mean) / spread, mean, spread


def calendar(times: np.ndarray) -> Tensor:
    """What the clock and the calendar say of each hour: columns that are known in advance.

    times: datetime64 (n,)   →   float32 (n, 5): sine and cosine of the hour in its day and of the hour in its week,
    and 1 on Saturdays and Sundays

    Sine and cosine make a circle: 23 o'clock lies beside 0 o'clock.
    """
    hours = times.astype("datetime64[h]").astype(np.int64)
    # 1 January 1970 was a Thursday: with 72 hours more, weeks start on Monday.
    of_day, of_week = hours % 24, (hours + 72) % 168
    angles = [2 * np.pi * of_day / 24, 2 * np.pi * of_week / 168]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return torch.from_numpy(np.stack([*columns, of_week >= 120], axis=1)).float()


def windows(
    series: Tensor, length: int, horizon: int, start: int, stop: int
) -> tuple[Tensor, Tensor]:
    """Every pair of a past and what came next, of those whose targets lie in the rows from `start` to before `stop`.

    series: (n, d)   →   inputs (w, length, d), targets (w, horizon): the first column, the rows right after

    One pair for each origin, in order. The inputs are the `length` rows before the origin; they may be older than
    `start`, since the past is known. Where there are not enough of them there is no pair.
    """
    origins = range(max(start, length), stop - horizon + 1)
    inputs = torch.stack([series[t - length : t] for t in origins])
    targets = torch.stack([series[t : t + horizon, 0] for t in origins])
    return inputs, targets


def seasonal_naive(inputs: Tensor, horizon: int, period: int) -> Tensor:
    """Says for each step what was measured one season earlier, at the latest time that is known.

    inputs: (n, length, d), length ≥ period   →   (n, horizon)

    The last season of the window, again and again. With period 1 that is the last value.
    """
    season = inputs[:, -period:, 0]  # (n, period)
    steps = torch.arange(horizon) % period
    return season[:, steps]


def fit_linear(
    series: Tensor,
    length: int,
    horizon: int,
    strength: float = 1e-4,
    solve: Callable[[Tensor, Tensor, float], Model] = ridge,
) -> Forecast:
    """For each step a linear model of its own, from the window's values to the change; all values relative to the last.

    series: (n, d), all of it training rows   solve: week 3's `ridge`   →   forecast(inputs) → (n, horizon)

    It looks at the first column alone. Zeng et al. call it NLinear and fit it by gradient descent.
    """
    inputs, targets = windows(series.double(), length, horizon, 0, len(series))
    last = inputs[:, -1, 0]
    changes = inputs[:, :-1, 0] - last.unsqueeze(1)  # (n, length - 1)
    models = [solve(changes, step - last, strength) for step in targets.unbind(dim=1)]
    weights = torch.stack([w for w, _ in models], dim=1)  # (length - 1, horizon)
    intercepts = torch.stack([b for _, b in models])

    def forecast(inputs: Tensor) -> Tensor:
        values = inputs[..., 0].double()
        last = values[:, -1:]
        return (last + (values[:, :-1] - last) @ weights + intercepts).to(inputs.dtype)

    return forecast


class GRUForecaster(nn.Module):
    """Reads a window with a GRU, and from its last state says the quantiles of every step ahead at once.

    forward(inputs): (n, length, d_in) → (n, horizon, levels), quantiles of the first column

    The first column is read relative to its last value, in units of the window's own spread, and what the head says is
    turned back: the level and the size of the swings may drift, and the network sees the same as before.
    The head's rows are ordered by step, then by level.
    """

    def __init__(self, d_in: int, d: int, horizon: int, levels: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.cell = GRUCell(d_in, d)
        self.head = nn.Linear(d, horizon * levels)

    def forward(self, inputs: Tensor) -> Tensor:
        last = inputs[:, -1:, :1]  # (n, 1, 1)
        values = inputs[..., :1] - last  # (n, length, 1)
        # A window that stands still has no spread; a tenth keeps the quotient finite.
        spread = values.std(dim=1, keepdim=True, correction=0) + 0.1
        window = torch.cat([values / spread, inputs[..., 1:]], dim=-1)
        _, state = unroll(self.cell, window)  # (n, d)
        changes = self.head(state).reshape(len(inputs), self.horizon, -1)
        return last + spread * changes


def pinball_loss(forecasts: Tensor, targets: Tensor, levels: Tensor) -> Tensor:
    """The loss whose minimum is a quantile: too low costs `level` for each unit, too high costs 1 − `level`.

    forecasts: (…, q)   targets: (…)   levels: (q,), each between 0 and 1   →   a scalar, the mean over everything

    At level 1/2 it is half the absolute error.
    """
    missing = targets.unsqueeze(-1) - forecasts  # (…, q): above 0 where the forecast was too low
    return torch.maximum(levels * missing, (levels - 1) * missing).mean()


def walk_forward(
    series: Tensor,
    length: int,
    horizon: int,
    start: int,
    stop: int,
    step: int,
    fit: Callable[[Tensor], Forecast],
) -> tuple[Tensor, Tensor]:
    """Forecasts from every origin of a period, with a model that is made anew every `step` rows from all rows so far.

    series: (n, d)   fit(past) → forecast(inputs)   →   forecasts (w, horizon, …) and targets (w, horizon)

    The origins are start, start + 1, … as long as the targets end before `stop`. A model never sees a row that lies
    at or after the first origin that it forecasts from.
    """
    forecasts, targets = [], []
    for begin in range(start, stop - horizon + 1, step):
        forecast = fit(series[:begin])
        end = min(begin + step + horizon - 1, stop)  # the last origin needs its targets, too
        inputs, seen = windows(series, length, horizon, begin, end)
        forecasts.append(forecast(inputs))
        targets.append(seen)
    return torch.cat(forecasts), torch.cat(targets)


def conformal_margin(low: Tensor, high: Tensor, targets: Tensor, coverage: float) -> Tensor:
    """By how much an interval must be widened on both sides, step by step, to hold a share `coverage` of new targets.

    low, high, targets: (n, horizon), on data that the forecasts were not trained on   →   (horizon,)
    The interval is then low − margin to high + margin; a margin below 0 makes it narrower.

    A score says how far a target lay outside; below 0 is inside. The margin is the ⌈(n + 1) · coverage⌉-th smallest
    score, and infinite where there are fewer scores: one new score is as likely to fall on any of n + 1 places.
    That holds where old and new scores are exchangeable, which a series that drifts does not grant.
    """
    scores = torch.maximum(low - targets, targets - high)
    rank = math.ceil((len(scores) + 1) * coverage)
    if rank > len(scores):
        return torch.full_like(scores[0], math.inf)
    return scores.sort(dim=0).values[rank - 1]


def rolling_margins(
    low: Tensor, high: Tensor, targets: Tensor, coverage: float, memory: int
) -> Tensor:
    """The margin of every origin, from the latest `memory` scores that were known by then.

    low, high, targets: (n, horizon), from n origins one row apart   →   (n, horizon)

    The score of step k is known k rows after its origin: at the origin i the latest is that of the origin i − k.
    Where fewer than `memory` scores are known the margin is infinite.
    """
    scores = torch.maximum(low - targets, targets - high)
    rank = math.ceil((memory + 1) * coverage)
    margins = torch.full_like(scores, math.inf)
    for k in range(1, scores.shape[1] + 1 if rank <= memory else 1):
        # Row j holds the scores of the origins j … j + memory − 1.
        known = scores[:, k - 1].unfold(0, memory, 1)
        latest = known.kthvalue(rank, dim=1).values
        first = memory - 1 + k  # the first origin at which the first `memory` scores are known
        margins[first:, k - 1] = latest[: max(0, len(scores) - first)]
    return margins
