"""Week 5: windows, a seasonal baseline, the GRU forecaster, quantiles, conformal margins, walking forward."""

import math

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.nn.recurrent import unroll
from shared.training import forecasting

NOTEBOOK = "week05_lstm_gru/2_challenge_forecasting.ipynb"
WINDOWS_SECTION = "Windows"
BASELINES = "Two baselines that cost nothing"
NETWORK = "A GRU that forecasts"
QUANTILES = "A loss for quantiles"
MARGINS = "Intervals that keep their word"
WALKING = "Walking forward"


def _counted(n, columns=2, dtype=torch.float32):
    """Rows 0, 1, 2, … in the first column; the others count from 100, 200, …"""
    rows = torch.arange(n, dtype=dtype)
    return torch.stack([rows + 100 * j for j in range(columns)], dim=1)


# --- windows ---------------------------------------------------------------------------------------------------------


def _cut(series, origins, pasts, targets):
    """Windows from wrong slices: pasts(t) and targets(t) give what stands there for the origin t."""
    return (
        torch.stack([pasts(t) for t in origins]),
        torch.stack([targets(t) for t in origins]),
    )


def windows_that_see_the_first_target(series, length, horizon, start, stop):
    return _cut(
        series,
        range(max(start, length), stop - horizon + 1),
        lambda t: series[t - length + 1 : t + 1],
        lambda t: series[t : t + horizon, 0],
    )


def windows_with_a_gap(series, length, horizon, start, stop):
    return _cut(
        series,
        range(max(start, length + 1), stop - horizon + 1),
        lambda t: series[t - length - 1 : t - 1],
        lambda t: series[t : t + horizon, 0],
    )


def windows_without_the_last(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs[:-1], targets[:-1]


def windows_that_cross_the_stop(series, length, horizon, start, stop):
    end = min(stop + horizon - 1, len(series))
    return forecasting.windows(series, length, horizon, start, end)


def windows_that_begin_at_the_start(series, length, horizon, start, stop):
    return forecasting.windows(series, length, horizon, start + length, stop)


def windows_side_by_side(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs[::horizon], targets[::horizon]


def windows_with_inputs_from_the_start_on(series, length, horizon, start, stop):
    """`start` read as the first row of the first inputs, and `stop` as the first origin that is too late."""
    return _cut(
        series,
        range(start + length, min(stop, len(series) - horizon + 1)),
        lambda t: series[t - length : t],
        lambda t: series[t : t + horizon, 0],
    )


def windows_with_targets_of_all_columns(series, length, horizon, start, stop):
    return _cut(
        series,
        range(max(start, length), stop - horizon + 1),
        lambda t: series[t - length : t],
        lambda t: series[t : t + horizon],
    )


def windows_with_the_last_column_as_target(series, length, horizon, start, stop):
    return _cut(
        series,
        range(max(start, length), stop - horizon + 1),
        lambda t: series[t - length : t],
        lambda t: series[t : t + horizon, -1],
    )


def windows_with_the_last_step_only(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs, targets[:, -1:]


def windows_of_the_first_column_only(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs[..., :1], targets


def windows_in_reverse(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs.flip(1), targets


def windows_without_any_past_check(series, length, horizon, start, stop):
    padded = torch.cat([series.new_zeros(length, series.shape[1]), series])
    return _cut(
        series,
        range(start, stop - horizon + 1),
        lambda t: padded[t : t + length],
        lambda t: series[t : t + horizon, 0],
    )


def windows_with_columns_first(series, length, horizon, start, stop):
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return inputs.transpose(1, 2), targets


def _windows_by_unfold(series, length, horizon, start, stop):
    first = max(start, length)
    both = series[first - length : stop].unfold(0, length + horizon, 1)  # (w, d, length + horizon)
    return both[..., :length].transpose(1, 2), both[:, 0, length:]


WINDOWS = Exercise(
    name="forecast.windows",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.windows,
    cases=(
        Case("values", lambda: [_counted(6), 2, 2, 0, 6]),
        Case("targets before stop", lambda: [_counted(12), 2, 3, 0, 8]),
        Case("pasts from before start", lambda: [_counted(14), 3, 2, 6, 11]),
        Case("not enough past", lambda: [_counted(12), 4, 1, 2, 9]),
        Case("one window", lambda: [_counted(8, 3), 3, 2, 3, 5]),
        Case("shapes", lambda: [torch.randn(60, 3, dtype=torch.float64), 12, 5, 20, 45]),
        Case("a far horizon", lambda: [torch.randn(40, 1), 3, 12, 10, 36]),
    ),
    mistakes=(
        Mistake(
            windows_that_see_the_first_target,
            "the inputs end with the first target, so the model reads what it is to forecast: they end one row before "
            "it, series[t - length : t].",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_a_gap,
            "a row is missing between inputs and targets: the last input is row t − 1, the first target row t.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_without_the_last,
            "the last window is missing: t = stop − horizon still has all its targets before stop, and range leaves "
            "out its end.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_that_cross_the_stop,
            "the last windows have targets at or after stop, which belong to the next part: the last origin is "
            "stop − horizon.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_that_begin_at_the_start,
            "the first windows of the part are missing: their inputs may be older than start, since the past is known.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_side_by_side,
            "the origins jump by the horizon: there is one window for each origin, one row apart.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_inputs_from_the_start_on,
            "start and stop bound the inputs here: they bound the targets, t ≥ start and t + horizon ≤ stop.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_targets_of_all_columns,
            "the targets hold every column: only the first is to be forecast, series[t : t + horizon, 0].",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_the_last_column_as_target,
            "the targets come from the last column: the first one is to be forecast.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_the_last_step_only,
            "only the last step is a target: all steps from 1 to the horizon are.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_of_the_first_column_only,
            "the inputs hold the first column alone: they keep all columns, (w, length, d).",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_in_reverse,
            "the inputs run from late to early: keep the order of time, the latest row last.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_without_any_past_check,
            "origins with fewer than `length` rows before them got made-up inputs: leave them out, t ≥ length.",
            WINDOWS_SECTION,
        ),
        Mistake(
            windows_with_columns_first,
            "the inputs are (w, d, length): rows come before columns, (w, length, d).",
            WINDOWS_SECTION,
        ),
    ),
    hints=(
        "Take one origin t. Which rows have been seen, and which are to be forecast? What is the smallest t that is "
        "allowed, and what the largest?",
        "The inputs are series[t - length : t], the targets series[t : t + horizon, 0]. t runs from start, or from "
        "length where that is later, to stop − horizon, both included.",
        "origins = range(max(start, length), stop - horizon + 1); inputs = torch.stack([series[t - length : t] for t "
        "in origins]); targets = torch.stack([series[t : t + horizon, 0] for t in origins])",
    ),
    alternatives=(_windows_by_unfold,),
)


# --- seasonal naive --------------------------------------------------------------------------------------------------


def _repeated(season, horizon):
    return season[:, torch.arange(horizon) % season.shape[1]]


def naive_of_the_last_value(inputs, horizon, period):
    return inputs[:, -1:, 0].repeat(1, horizon)


def naive_of_the_first_season(inputs, horizon, period):
    return _repeated(inputs[:, :period, 0], horizon)


def naive_of_an_older_season(inputs, horizon, period):
    """So many seasons back that even the last step is known: yesterday is left out where two days are asked for."""
    back = min(math.ceil(horizon / period) * period, inputs.shape[1] // period * period)
    return _repeated(inputs[:, inputs.shape[1] - back :, 0], horizon)


def naive_of_the_latest_rows(inputs, horizon, period):
    return _repeated(inputs[:, -horizon:, 0], horizon)


def naive_a_step_early(inputs, horizon, period):
    return inputs[:, -period:, 0].roll(-1, dims=1)[:, torch.arange(horizon) % period]


def naive_in_reverse(inputs, horizon, period):
    return _repeated(inputs[:, -period:, 0].flip(1), horizon)


def naive_of_the_mean_season(inputs, horizon, period):
    seasons = inputs.shape[1] // period
    whole = inputs[:, inputs.shape[1] - seasons * period :, 0].reshape(len(inputs), seasons, period)
    return _repeated(whole.mean(dim=1), horizon)


def naive_of_all_columns(inputs, horizon, period):
    return inputs[:, -period:][:, torch.arange(horizon) % period]


def naive_of_the_last_column(inputs, horizon, period):
    return _repeated(inputs[:, -period:, -1], horizon)


def naive_hour_by_hour(inputs, horizon, period):
    season = inputs[:, -period:, 0]
    return season.repeat_interleave(math.ceil(horizon / period), dim=1)[:, :horizon]


def naive_for_one_season(inputs, horizon, period):
    return inputs[:, -period:, 0].clone()


def _naive_by_index(inputs, horizon, period):
    length = inputs.shape[1]
    rows = [length + k - period * (k // period + 1) for k in range(horizon)]
    return torch.stack([inputs[:, row, 0] for row in rows], dim=1)


def _walk_window(n, length, columns=2):
    return torch.randn(n, length, columns).cumsum(1)


SEASONAL_NAIVE = Exercise(
    name="forecast.seasonal_naive",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.seasonal_naive,
    cases=(
        Case("values", lambda: [torch.tensor([[[1.0], [2.0], [3.0], [4.0]]]), 3, 2]),
        Case("less than a season ahead", lambda: [_walk_window(3, 12), 3, 6]),
        Case("two seasons ahead", lambda: [_walk_window(4, 96, 3), 48, 24]),
        Case("not whole seasons", lambda: [_walk_window(2, 17), 13, 5]),
        Case("the last value, period 1", lambda: [_walk_window(5, 9), 4, 1]),
        Case("a window of one season", lambda: [_walk_window(2, 7).double(), 10, 7]),
    ),
    mistakes=(
        Mistake(
            naive_of_the_last_value,
            "every step gets the last value: each step takes the value one season earlier, the last value only where "
            "period is 1.",
            BASELINES,
        ),
        Mistake(
            naive_of_the_first_season,
            "it takes the oldest season of the window: take the latest, inputs[:, -period:].",
            BASELINES,
        ),
        Mistake(
            naive_of_an_older_season,
            "it goes back so far that the last step is known too: each step has a later value, from the last season "
            "of the window.",
            BASELINES,
        ),
        Mistake(
            naive_of_the_latest_rows,
            "it takes the last `horizon` rows, which start at another hour of the day: take the last `period` rows and "
            "repeat them.",
            BASELINES,
        ),
        Mistake(
            naive_a_step_early,
            "the season is off by one: step 1 comes one season after the row inputs[:, -period], not after the next.",
            BASELINES,
        ),
        Mistake(
            naive_in_reverse,
            "the season runs backwards: keep the order of time.",
            BASELINES,
        ),
        Mistake(
            naive_of_the_mean_season,
            "that is the mean over all seasons of the window: the naive forecast repeats the latest one.",
            BASELINES,
        ),
        Mistake(
            naive_of_all_columns,
            "all columns come back: only the first is forecast, (n, horizon).",
            BASELINES,
        ),
        Mistake(
            naive_of_the_last_column,
            "it repeats the last column: the first one is to be forecast.",
            BASELINES,
        ),
        Mistake(
            naive_hour_by_hour,
            "each value is repeated before the next comes: repeat the season as a whole, step k takes row k % period.",
            BASELINES,
        ),
        Mistake(
            naive_for_one_season,
            "it returns one season whatever the horizon: repeat it and cut it at `horizon` steps.",
            BASELINES,
        ),
    ),
    hints=(
        "It is Monday midnight, and the period is a day. What do you say for Tuesday 15 o'clock, when Monday 15 "
        "o'clock is known? And for Wednesday 15 o'clock?",
        "Both take Monday's value. So the last `period` rows of the window are repeated: step k, from 0, takes row "
        "k % period of them.",
        "season = inputs[:, -period:, 0]; return season[:, torch.arange(horizon) % period]",
    ),
    alternatives=(_naive_by_index,),
)


# --- GRUForecaster ---------------------------------------------------------------------------------------------------


def _filled(implementation, d_in, d, horizon, levels):
    """A forecaster whose weights are known: filled in the order of their shapes, whatever their names."""
    network = implementation(d_in, d, horizon, levels).double()
    ordered = sorted(network.parameters(), key=lambda p: (-p.ndim, tuple(p.shape)))
    with torch.no_grad():
        for number, parameter in enumerate(ordered):
            generator = torch.Generator().manual_seed(number)
            filling = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.copy_(filling / 2)
    return network, ordered


def _forecasts(implementation, sizes, inputs):
    network, _ = _filled(implementation, *sizes)
    return network(inputs).detach()


def _gradients(implementation, sizes, inputs):
    network, ordered = _filled(implementation, *sizes)
    inputs = inputs.clone().requires_grad_()
    output = network(inputs)
    weights = torch.linspace(1.0, 2.0, output.numel(), dtype=output.dtype)
    (output * weights.reshape(output.shape)).sum().backward()
    found = {f"gradient of a weight {tuple(p.shape)}, {i}": p.grad for i, p in enumerate(ordered)}
    return {"gradient of the inputs": inputs.grad} | found


def _drifted(implementation, sizes, inputs, drift):
    """The forecasts for the same windows at another level of the first column, less that drift."""
    network, _ = _filled(implementation, *sizes)
    moved = inputs.clone()
    moved[..., 0] += drift
    return {
        "forecasts": network(inputs).detach(),
        "forecasts after a drift, less the drift": network(moved).detach() - drift,
    }


def _still(implementation, sizes, inputs):
    """Windows whose first column stands still."""
    network, _ = _filled(implementation, *sizes)
    still = inputs.clone()
    still[..., 0] = inputs[:, :1, 0]
    return network(still).detach()


def _twice(implementation, sizes, inputs):
    """A window's forecast depends on nothing that was forecast before."""
    network, _ = _filled(implementation, *sizes)
    first = network(inputs).detach()
    second = network(inputs).detach()
    return {"forecasts": first, "the same again": bool(torch.equal(first, second))}


def _parameters(implementation, sizes):
    return sorted(tuple(p.shape) for p in implementation(*sizes).parameters())


class _Varied(forecasting.GRUForecaster):
    """The reference in steps, so that a mistake changes one of them."""

    def level(self, inputs):
        return inputs[:, -1:, :1]

    def spread(self, values):
        return values.std(dim=1, keepdim=True, correction=0) + 0.1

    def window(self, inputs, level, spread):
        return torch.cat([(inputs[..., :1] - level) / spread, inputs[..., 1:]], dim=-1)

    def read(self, window):
        return unroll(self.cell, window)[1]

    def laid_out(self, flat):
        return flat.reshape(len(flat), self.horizon, -1)

    def turned_back(self, changes, level, spread):
        return level + spread * changes

    def forward(self, inputs):
        level = self.level(inputs)
        spread = self.spread(inputs[..., :1] - level)
        state = self.read(self.window(inputs, level, spread))
        return self.turned_back(self.laid_out(self.head(state)), level, spread)


class ForecasterWithoutTheLastValue(_Varied):
    def turned_back(self, changes, level, spread):
        return spread * changes


class ForecasterOfTheLevel(_Varied):
    def window(self, inputs, level, spread):
        return torch.cat([inputs[..., :1] / spread, inputs[..., 1:]], dim=-1)


class ForecasterWithoutTheSpread(_Varied):
    def spread(self, values):
        return torch.ones_like(values[:, :1])


class ForecasterThatNeverScalesBack(_Varied):
    def turned_back(self, changes, level, spread):
        return level + changes


class ForecasterThatReadsUnscaled(_Varied):
    def window(self, inputs, level, spread):
        return torch.cat([inputs[..., :1] - level, inputs[..., 1:]], dim=-1)


class ForecasterWithoutATenth(_Varied):
    def spread(self, values):
        return values.std(dim=1, keepdim=True, correction=0)


class ForecasterWithOneSpreadForAll(_Varied):
    def spread(self, values):
        return (values.std(correction=0) + 0.1).expand(len(values), 1, 1)


class ForecasterWithASampleSpread(_Varied):
    def spread(self, values):
        return values.std(dim=1, keepdim=True) + 0.1


class ForecasterRelativeInAllColumns(_Varied):
    def window(self, inputs, level, spread):
        return (inputs - inputs[:, -1:]) / spread


class ForecasterRelativeToTheFirst(_Varied):
    def level(self, inputs):
        return inputs[:, :1, :1]


class ForecasterRelativeToTheMean(_Varied):
    def level(self, inputs):
        return inputs[..., :1].mean(dim=1, keepdim=True)


class ForecasterThatAddsUpItsSteps(_Varied):
    def laid_out(self, flat):
        return super().laid_out(flat).cumsum(dim=1)


class ForecasterFromTheMeanState(_Varied):
    def read(self, window):
        return unroll(self.cell, window)[0].mean(dim=1)


class ForecasterFromTheFirstState(_Varied):
    def read(self, window):
        return unroll(self.cell, window)[0][:, 0]


class ForecasterThatReadsBackwards(_Varied):
    def read(self, window):
        return unroll(self.cell, window.flip(1))[1]


class ForecasterThatReadsAcrossWindows(_Varied):
    def read(self, window):
        return unroll(self.cell, window.transpose(0, 1))[0][-1]


class ForecasterWithLevelsFirst(_Varied):
    def laid_out(self, flat):
        return flat.reshape(len(flat), -1, self.horizon).transpose(1, 2)


class ForecasterThatRemembers(_Varied):
    state = None

    def read(self, window):
        self.state = unroll(self.cell, window, self.state)[1].detach()
        return self.state


class ForecasterWithATanh(_Varied):
    def laid_out(self, flat):
        return torch.tanh(super().laid_out(flat))


class _ForecasterByTorch(nn.Module):
    """torch's own GRU inside; the last value is added by a broadcast in another place."""

    def __init__(self, d_in, d, horizon, levels):
        super().__init__()
        self.gru = nn.GRU(d_in, d, batch_first=True)
        self.out = nn.Linear(d, horizon * levels)
        self.shape = (horizon, levels)

    def forward(self, inputs):
        last, moved = inputs[:, -1, 0], inputs.clone()
        relative = (inputs[:, :, 0].T - last).T
        spread = 0.1 + (relative - relative.mean(1, keepdim=True)).square().mean(1).sqrt()
        moved[:, :, 0] = relative / spread[:, None]
        outputs, _ = self.gru(moved)
        flat = self.out(outputs[:, -1]) * spread[:, None] + last[:, None]
        return flat.unflatten(1, self.shape)


_SIZES = (3, 5, 4, 2)


def _batch(n=3, length=6, columns=3):
    return torch.randn(n, length, columns, dtype=torch.float64).cumsum(1)


GRU_FORECASTER = Exercise(
    name="forecast.GRUForecaster",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.GRUForecaster,
    cases=(
        Case("parameters", lambda: [_SIZES], run=_parameters),
        Case("values", lambda: [(1, 2, 2, 1), _batch(1, 4, 1)], run=_forecasts),
        Case("values", lambda: [_SIZES, _batch()], run=_forecasts),
        Case("a drifting level", lambda: [_SIZES, _batch(), 50.0], run=_drifted),
        Case("a window that stands still", lambda: [_SIZES, _batch()], run=_still),
        Case("nothing kept between calls", lambda: [_SIZES, _batch()], run=_twice),
        Case("shapes", lambda: [(2, 4, 6, 3), _batch(4, 9, 2)], run=_forecasts),
        Case("gradients", lambda: [_SIZES, _batch(2, 5)], run=_gradients),
    ),
    mistakes=(
        Mistake(
            ForecasterWithoutTheLastValue,
            "the head says a change, and the last value is not added back: return last + spread * changes.",
            NETWORK,
        ),
        Mistake(
            ForecasterOfTheLevel,
            "the GRU reads the values as they are, so a level that it never saw leads it astray: subtract the last "
            "value from the first column before reading.",
            NETWORK,
        ),
        Mistake(
            ForecasterWithoutTheSpread,
            "the spread of the window is not used: divide the first column by it, and multiply the changes with it.",
            NETWORK,
        ),
        Mistake(
            ForecasterThatNeverScalesBack,
            "the changes come out in units of the window's spread: multiply them with it before the last value is "
            "added.",
            NETWORK,
        ),
        Mistake(
            ForecasterThatReadsUnscaled,
            "the changes are multiplied with the spread, but what the GRU reads was not divided by it.",
            NETWORK,
        ),
        Mistake(
            ForecasterWithoutATenth,
            "a window that stands still has the spread 0, and 0 / 0 is nan: add 0.1 to the spread.",
            NETWORK,
        ),
        Mistake(
            ForecasterWithOneSpreadForAll,
            "one spread is taken over the whole batch, so a forecast depends on its neighbours: take that of each "
            "window, std(dim=1, keepdim=True).",
            NETWORK,
        ),
        Mistake(
            ForecasterWithASampleSpread,
            "the spread is divided by length − 1: it is meant with length, std(…, correction=0).",
            NETWORK,
        ),
        Mistake(
            ForecasterRelativeInAllColumns,
            "the last row is subtracted from every column, and the clock is lost: only the first column becomes "
            "relative.",
            NETWORK,
        ),
        Mistake(
            ForecasterRelativeToTheFirst,
            "everything is relative to the first value of the window: take the last, inputs[:, -1:, :1].",
            NETWORK,
        ),
        Mistake(
            ForecasterRelativeToTheMean,
            "everything is relative to the window's mean: take the last value, inputs[:, -1:, :1].",
            NETWORK,
        ),
        Mistake(
            ForecasterThatAddsUpItsSteps,
            "the changes are added up from step to step: each is already the whole change from the last value.",
            NETWORK,
        ),
        Mistake(
            ForecasterFromTheMeanState,
            "the head reads the mean over all states: it reads the state after the last row.",
            NETWORK,
        ),
        Mistake(
            ForecasterFromTheFirstState,
            "the head reads the state after the first row: unroll returns the last state as its second part.",
            NETWORK,
        ),
        Mistake(
            ForecasterThatReadsBackwards,
            "the window is read from late to early: read it in the order of time.",
            NETWORK,
        ),
        Mistake(
            ForecasterThatReadsAcrossWindows,
            "batch and time are swapped: unroll takes (n, length, d_in), batches first.",
            NETWORK,
        ),
        Mistake(
            ForecasterWithLevelsFirst,
            "the head's outputs are laid out by level, then step: reshape to (n, horizon, levels) at once.",
            NETWORK,
        ),
        Mistake(
            ForecasterThatRemembers,
            "the state is kept from one call to the next, so a forecast depends on other windows: begin each at zero.",
            NETWORK,
        ),
        Mistake(
            ForecasterWithATanh,
            "a tanh holds the change within ±1: the head's output is the change as it is.",
            NETWORK,
        ),
    ),
    hints=(
        "What must the network never see, so that a level 20 °C away, or swings half as large, are nothing new to it? "
        "And what must it then do with what the head says?",
        "Subtract the last value from the first column and divide by the window's spread; unroll the cell, put the "
        "last state through the head, reshape to (n, horizon, levels); then multiply and add back.",
        "values = inputs[..., :1] - last; spread = values.std(dim=1, keepdim=True, correction=0) + 0.1; window = "
        "torch.cat([values / spread, inputs[..., 1:]], dim=-1); return last + spread * "
        "self.head(unroll(self.cell, window)[1]).reshape(len(inputs), self.horizon, -1)",
    ),
    alternatives=(_ForecasterByTorch,),
)


# --- pinball loss ----------------------------------------------------------------------------------------------------


def pinball_with_the_sides_swapped(forecasts, targets, levels):
    missing = forecasts - targets.unsqueeze(-1)
    return torch.maximum(levels * missing, (levels - 1) * missing).mean()


def pinball_by_minimum(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    return torch.minimum(levels * missing, (levels - 1) * missing).mean()


def pinball_summed(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    return torch.maximum(levels * missing, (levels - 1) * missing).sum()


def pinball_summed_over_levels(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    return torch.maximum(levels * missing, (levels - 1) * missing).sum(dim=-1).mean()


def pinball_as_absolute_error(forecasts, targets, levels):
    return (targets.unsqueeze(-1) - forecasts).abs().mean()


def pinball_of_one_side(forecasts, targets, levels):
    return (levels * (targets.unsqueeze(-1) - forecasts)).mean()


def pinball_without_the_upper_side(forecasts, targets, levels):
    return (levels * (targets.unsqueeze(-1) - forecasts).clamp(min=0)).mean()


def pinball_with_the_same_weight(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    return (levels * missing.abs()).mean()


def pinball_squared(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    weight = torch.where(missing > 0, levels, 1 - levels)
    return (weight * missing**2).mean()


def pinball_doubled(forecasts, targets, levels):
    return 2 * forecasting.pinball_loss(forecasts, targets, levels)


def pinball_without_unsqueeze(forecasts, targets, levels):
    missing = targets - forecasts
    return torch.maximum(levels * missing, (levels - 1) * missing).mean()


def pinball_not_averaged(forecasts, targets, levels):
    missing = targets.unsqueeze(-1) - forecasts
    return torch.maximum(levels * missing, (levels - 1) * missing)


def _pinball_by_where(forecasts, targets, levels):
    above = forecasts - targets[..., None]
    cost = torch.where(above >= 0, (1 - levels) * above, -levels * above)
    return cost.sum() / cost.numel()


PINBALL_LOSS = Exercise(
    name="forecast.pinball_loss",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.pinball_loss,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[10.0], [10.0]]),
                torch.tensor([14.0, 7.0]),
                torch.tensor([0.9]),
            ],
        ),
        Case(
            "three levels",
            lambda: [torch.randn(4, 3), torch.randn(4), torch.tensor([0.1, 0.5, 0.9])],
        ),
        Case(
            "steps and levels",
            lambda: [torch.randn(5, 4, 2), torch.randn(5, 4), torch.tensor([0.25, 0.6])],
        ),
        Case(
            "gradients",
            lambda: [
                torch.randn(3, 3, 3, dtype=torch.float64),
                torch.randn(3, 3, dtype=torch.float64),
                torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64),
            ],
            run=call_with_gradients,
        ),
        Case(
            "far off",
            lambda: [
                torch.tensor([[-1000.0, 1000.0]]),
                torch.tensor([1.0]),
                torch.tensor([0.05, 0.95]),
            ],
        ),
    ),
    mistakes=(
        Mistake(
            pinball_with_the_sides_swapped,
            "the sides are swapped: what is missing is target − forecast, above 0 where the forecast was too low.",
            QUANTILES,
        ),
        Mistake(
            pinball_by_minimum,
            "the smaller of the two lines is below 0: a loss takes the larger, torch.maximum.",
            QUANTILES,
        ),
        Mistake(
            pinball_summed,
            "it is summed: take the mean over windows, steps and levels.",
            QUANTILES,
        ),
        Mistake(
            pinball_summed_over_levels,
            "the levels are summed and the rest averaged: take the mean over the levels too.",
            QUANTILES,
        ),
        Mistake(
            pinball_as_absolute_error,
            "that is the absolute error, which is the same on both sides: too low costs level, too high 1 − level.",
            QUANTILES,
        ),
        Mistake(
            pinball_of_one_side,
            "levels * missing goes below 0 where the forecast is too high: take the larger of that and "
            "(levels - 1) * missing.",
            QUANTILES,
        ),
        Mistake(
            pinball_without_the_upper_side,
            "a forecast that is too high costs nothing here: it costs 1 − level for each unit.",
            QUANTILES,
        ),
        Mistake(
            pinball_with_the_same_weight,
            "both sides cost level for each unit: above the target it is 1 − level.",
            QUANTILES,
        ),
        Mistake(
            pinball_squared,
            "the error is squared, which gives expectiles: quantiles come from the error itself.",
            QUANTILES,
        ),
        Mistake(
            pinball_doubled,
            "it is twice the loss: at level 1/2 it is half the absolute error.",
            QUANTILES,
        ),
        Mistake(
            pinball_without_unsqueeze,
            "the targets lack the axis of the levels, so they are spread over the wrong one: targets.unsqueeze(-1).",
            QUANTILES,
        ),
        Mistake(
            pinball_not_averaged,
            "every entry comes back: a loss is one number, the mean.",
            QUANTILES,
        ),
    ),
    hints=(
        "At level 0.9, what does a forecast cost that is 4 too low? And one that is 3 too high? Which of the two lines "
        "level · missing and (level − 1) · missing is that?",
        "missing = target − forecast, with an axis for the levels. The loss is always the larger of the two lines; "
        "then the mean.",
        "missing = targets.unsqueeze(-1) - forecasts; return torch.maximum(levels * missing, (levels - 1) * "
        "missing).mean()",
    ),
    alternatives=(_pinball_by_where,),
)


# --- conformal margin ------------------------------------------------------------------------------------------------


def _scores(low, high, targets):
    return torch.maximum(low - targets, targets - high)


def _ranked(scores, rank):
    """The rank-th smallest, counted from 1, or infinity where there are not so many."""
    if rank > len(scores):
        return torch.full_like(scores[0], math.inf)
    return scores.sort(dim=0).values[rank - 1]


def margin_by_interpolation(low, high, targets, coverage):
    return torch.quantile(_scores(low, high, targets), coverage, dim=0)


def margin_without_the_new_one(low, high, targets, coverage):
    return _ranked(_scores(low, high, targets), math.ceil(len(low) * coverage))


def margin_rounded_down(low, high, targets, coverage):
    return _ranked(_scores(low, high, targets), math.floor((len(low) + 1) * coverage))


def margin_of_the_distance_to_an_edge(low, high, targets, coverage):
    scores = torch.minimum((low - targets).abs(), (high - targets).abs())
    return _ranked(scores, math.ceil((len(low) + 1) * coverage))


def margin_that_never_narrows(low, high, targets, coverage):
    return forecasting.conformal_margin(low, high, targets, coverage).clamp(min=0)


def margin_with_the_signs_swapped(low, high, targets, coverage):
    scores = torch.maximum(targets - low, high - targets)
    return _ranked(scores, math.ceil((len(low) + 1) * coverage))


def margin_by_the_smaller_side(low, high, targets, coverage):
    scores = torch.minimum(low - targets, targets - high)
    return _ranked(scores, math.ceil((len(low) + 1) * coverage))


def margin_of_the_upper_side(low, high, targets, coverage):
    return _ranked(targets - high, math.ceil((len(low) + 1) * coverage))


def margin_around_the_middle(low, high, targets, coverage):
    scores = (targets - (low + high) / 2).abs()
    return _ranked(scores, math.ceil((len(low) + 1) * coverage))


def margin_over_all_steps(low, high, targets, coverage):
    scores = _scores(low, high, targets)
    flat = scores.reshape(-1, 1)
    margin = _ranked(flat, math.ceil((len(flat) + 1) * coverage))
    return margin.expand(scores.shape[1]).clone()


def margin_over_the_steps_of_a_window(low, high, targets, coverage):
    return forecasting.conformal_margin(low.T, high.T, targets.T, coverage)


def margin_of_a_bell_curve(low, high, targets, coverage):
    scores = _scores(low, high, targets)
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(coverage)).item()
    return scores.mean(dim=0) + z * scores.std(dim=0)


def margin_of_the_misses(low, high, targets, coverage):
    return _ranked(_scores(low, high, targets), math.ceil((len(low) + 1) * (1 - coverage)))


def margin_one_rank_higher(low, high, targets, coverage):
    return _ranked(_scores(low, high, targets), math.ceil((len(low) + 1) * coverage) + 1)


def margin_of_too_few_scores(low, high, targets, coverage):
    rank = min(math.ceil((len(low) + 1) * coverage), len(low))
    return _ranked(_scores(low, high, targets), rank)


def _margin_by_counting(low, high, targets, coverage):
    """The smallest score that at least ⌈(n + 1) · coverage⌉ scores do not exceed."""
    outside = -torch.minimum(targets - low, high - targets)
    needed = math.ceil((len(outside) + 1) * coverage)
    counts = (outside.unsqueeze(0) <= outside.unsqueeze(1)).sum(dim=1)  # how many are at most this
    return outside.masked_fill(counts < needed, math.inf).amin(dim=0)


def _intervals(n, horizon, width=1.0):
    """Intervals of one width, and targets whose spread grows with the step."""
    middle = torch.randn(n, horizon, dtype=torch.float64) * 3
    spread = torch.linspace(0.4, 2.0, horizon, dtype=torch.float64)
    targets = middle + torch.randn(n, horizon, dtype=torch.float64) * spread + 0.2
    return [middle - width, middle + width, targets]


CONFORMAL_MARGIN = Exercise(
    name="forecast.conformal_margin",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.conformal_margin,
    cases=(
        Case(
            "values",
            lambda: [
                torch.zeros(4, 1),
                torch.full((4, 1), 2.0),
                torch.tensor([[3.0], [-4.0], [1.5], [0.2]]),
                0.6,
            ],
        ),
        Case("step by step", lambda: [*_intervals(37, 4), 0.8]),
        Case("wide intervals", lambda: [*_intervals(52, 3, width=6.0), 0.6]),
        Case("too few for it", lambda: [*_intervals(7, 2), 0.9]),
        Case("the last one that suffices", lambda: [*_intervals(9, 2), 0.9]),
        Case("shapes", lambda: [*_intervals(301, 48), 0.95]),
    ),
    mistakes=(
        Mistake(
            margin_by_interpolation,
            "torch.quantile interpolates between scores and forgets the new one: take the ⌈(n + 1) · coverage⌉-th "
            "smallest.",
            MARGINS,
        ),
        Mistake(
            margin_without_the_new_one,
            "the new target takes a place too: the rank is ⌈(n + 1) · coverage⌉, not ⌈n · coverage⌉.",
            MARGINS,
        ),
        Mistake(
            margin_rounded_down,
            "the rank is rounded down, so a little less than the coverage is held: round up, math.ceil.",
            MARGINS,
        ),
        Mistake(
            margin_of_the_distance_to_an_edge,
            "a target just inside scores as one just outside: outside counts above 0, inside below.",
            MARGINS,
        ),
        Mistake(
            margin_that_never_narrows,
            "margins below 0 are cut off: intervals that are too wide are to become narrower.",
            MARGINS,
        ),
        Mistake(
            margin_with_the_signs_swapped,
            "the scores are large inside the interval: how far outside is low − target or target − high.",
            MARGINS,
        ),
        Mistake(
            margin_by_the_smaller_side,
            "of low − target and target − high the smaller is always below 0 where the interval has a width: take "
            "the larger.",
            MARGINS,
        ),
        Mistake(
            margin_of_the_upper_side,
            "targets below the interval do not count here: the score is the larger of low − target and target − high.",
            MARGINS,
        ),
        Mistake(
            margin_around_the_middle,
            "the distance is from the middle of the interval: count it from the edge that the target is outside of.",
            MARGINS,
        ),
        Mistake(
            margin_over_all_steps,
            "one margin for all steps is too wide for the near ones and too narrow for the far ones: sort along the "
            "windows, dim=0.",
            MARGINS,
        ),
        Mistake(
            margin_over_the_steps_of_a_window,
            "the scores of each window are sorted along its steps: sort those of each step along the windows, dim=0.",
            MARGINS,
        ),
        Mistake(
            margin_of_a_bell_curve,
            "mean and spread give the margin of a bell curve, which scores need not follow: take the rank among the "
            "scores themselves.",
            MARGINS,
        ),
        Mistake(
            margin_of_the_misses,
            "the rank is that of 1 − coverage: the share that is to be held inside is coverage.",
            MARGINS,
        ),
        Mistake(
            margin_one_rank_higher,
            "the rank counts from 1 and an index from 0: the score is at rank − 1.",
            MARGINS,
        ),
        Mistake(
            margin_of_too_few_scores,
            "with fewer scores than the rank, no finite margin can promise the coverage: return infinity.",
            MARGINS,
        ),
    ),
    hints=(
        "How far outside its interval is each target, if inside counts below 0? How many of these scores must the "
        "margin reach, if the new one counts as well?",
        "scores = the larger of low − target and target − high. Sort them for each step; the margin is the "
        "⌈(n + 1) · coverage⌉-th, and infinite where there are not so many.",
        "scores = torch.maximum(low - targets, targets - high); rank = math.ceil((len(scores) + 1) * coverage); "
        "return scores.sort(dim=0).values[rank - 1] if rank <= len(scores) else torch.full_like(scores[0], math.inf)",
    ),
    alternatives=(_margin_by_counting,),
)


# --- walking forward -------------------------------------------------------------------------------------------------


def _walked(implementation, n, length, horizon, start, stop, step):
    """What each model was fitted on, and what came of it; the model is a line through the mean of its rows."""
    series = _counted(n, dtype=torch.float64)
    series[:, 0] = series[:, 0] ** 2
    fitted_on = []

    def fit(past):
        rows = (past[:, 1] - 100).long().tolist()
        fitted_on.append(f"rows {rows[0]} to {rows[-1]}" if rows else "no row")
        mark = past[:, 0].mean()

        def forecast(inputs):
            return inputs[:, -1, :1] + mark * torch.arange(1, horizon + 1)

        return forecast

    forecasts, targets = implementation(series, length, horizon, start, stop, step, fit)
    return {"models, fitted on": fitted_on, "forecasts": forecasts, "targets": targets}


def _walk(past_of, end_of, begins=None):
    """A wrong walk: past_of(series, begin, step, …) is fitted on, end_of(begin, …) bounds the block's targets."""

    def walk(series, length, horizon, start, stop, step, fit):
        forecasts, targets = [], []
        blocks = (
            range(start, stop - horizon + 1, step)
            if begins is None
            else begins(start, stop, step, horizon)
        )
        for begin in blocks:
            forecast = fit(past_of(series, begin, start, stop, step, horizon))
            end = end_of(begin, stop, step, horizon)
            inputs, seen = forecasting.windows(series, length, horizon, begin, end)
            forecasts.append(forecast(inputs))
            targets.append(seen)
        return torch.cat(forecasts), torch.cat(targets)

    return walk


def _so_far(series, begin, *rest):
    return series[:begin]


def _block(begin, stop, step, horizon):
    return min(begin + step + horizon - 1, stop)


def walk_with_one_model(series, length, horizon, start, stop, step, fit):
    forecast = fit(series[:start])
    inputs, targets = forecasting.windows(series, length, horizon, start, stop)
    return forecast(inputs), targets


def walk_fitted_on_everything(*args):
    return _walk(lambda series, *rest: series, _block)(*args)


def walk_fitted_on_the_whole_period(*args):
    return _walk(lambda series, b, start, stop, *rest: series[:stop], _block)(*args)


def walk_fitted_on_its_own_block(*args):
    return _walk(lambda series, b, start, stop, step, h: series[: b + step], _block)(*args)


def walk_that_holds_too_much_back(*args):
    return _walk(lambda series, b, start, stop, step, h: series[: b - h], _block)(*args)


def walk_that_forgets(*args):
    return _walk(lambda series, b, start, stop, step, h: series[max(0, b - step) : b], _block)(
        *args
    )


def walk_one_row_too_far(*args):
    return _walk(lambda series, b, *rest: series[: b + 1], _block)(*args)


def walk_that_loses_origins(*args):
    return _walk(_so_far, lambda b, stop, step, h: min(b + step, stop))(*args)


def walk_with_doubled_origins(*args):
    return _walk(_so_far, lambda b, stop, step, h: min(b + step + h, stop))(*args)


def walk_to_the_end_each_time(*args):
    return _walk(_so_far, lambda b, stop, step, h: stop)(*args)


def walk_past_the_stop(*args):
    return _walk(_so_far, lambda b, stop, step, h: b + step + h - 1)(*args)


def walk_in_whole_blocks_only(*args):
    return _walk(
        _so_far, _block, lambda start, stop, step, h: range(start, stop - h - step + 2, step)
    )(*args)


def walk_with_cut_pasts(series, length, horizon, start, stop, step, fit):
    forecasts, targets = [], []
    for begin in range(start, stop - horizon + 1, step):
        end = min(begin + step + horizon - 1, stop)
        block = series[begin:end]
        if len(block) < length + horizon:
            continue
        forecast = fit(series[:begin])
        inputs, seen = forecasting.windows(block, length, horizon, 0, len(block))
        forecasts.append(forecast(inputs))
        targets.append(seen)
    return torch.cat(forecasts), torch.cat(targets)


def walk_with_the_model_before(series, length, horizon, start, stop, step, fit):
    forecasts, targets, forecast = [], [], None
    for begin in range(start, stop - horizon + 1, step):
        newest = fit(series[:begin])
        forecast = forecast or newest
        inputs, seen = forecasting.windows(
            series, length, horizon, begin, min(begin + step + horizon - 1, stop)
        )
        forecasts.append(forecast(inputs))
        targets.append(seen)
        forecast = newest
    return torch.cat(forecasts), torch.cat(targets)


def walk_with_the_parts_swapped(*args):
    return forecasting.walk_forward(*args)[::-1]


def _walk_origin_by_origin(series, length, horizon, start, stop, step, fit):
    forecasts, targets = [], []
    for origin in range(start, stop - horizon + 1):
        if (origin - start) % step == 0:
            forecast = fit(series[:origin])
        forecasts.append(forecast(series[origin - length : origin].unsqueeze(0))[0])
        targets.append(series[origin : origin + horizon, 0])
    return torch.stack(forecasts), torch.stack(targets)


WALK_FORWARD = Exercise(
    name="forecast.walk_forward",
    week=5,
    notebook=NOTEBOOK,
    reference=forecasting.walk_forward,
    cases=(
        Case("one step ahead", lambda: [12, 2, 1, 6, 10, 2], run=_walked),
        Case("several steps ahead", lambda: [30, 4, 3, 10, 27, 5], run=_walked),
        Case("a last block that is short", lambda: [60, 5, 4, 20, 49, 10], run=_walked),
        Case("one block", lambda: [20, 3, 2, 9, 15, 30], run=_walked),
        Case("a new model each row", lambda: [16, 3, 2, 8, 14, 1], run=_walked),
    ),
    mistakes=(
        Mistake(
            walk_with_one_model,
            "one model forecasts the whole period: fit a new one at the beginning of each block of `step` origins.",
            WALKING,
        ),
        Mistake(
            walk_fitted_on_everything,
            "every model is fitted on the whole series, and knows what it is to forecast: fit(series[:begin]).",
            WALKING,
        ),
        Mistake(
            walk_fitted_on_the_whole_period,
            "every model is fitted on all rows before stop, the period that it is to forecast among them: "
            "fit(series[:begin]).",
            WALKING,
        ),
        Mistake(
            walk_fitted_on_its_own_block,
            "each model is fitted on the block that it then forecasts: its rows end where the block begins.",
            WALKING,
        ),
        Mistake(
            walk_that_holds_too_much_back,
            "the rows right before the block are left out of the fit, though they are known: fit(series[:begin]).",
            WALKING,
        ),
        Mistake(
            walk_that_forgets,
            "each model is fitted on the last block alone: it may use all rows so far, series[:begin].",
            WALKING,
        ),
        Mistake(
            walk_one_row_too_far,
            "each model has seen the first row that it is to forecast: series[:begin] ends before it.",
            WALKING,
        ),
        Mistake(
            walk_that_loses_origins,
            "the last origins of each block are missing: their targets reach into the next block, so the targets end "
            "at begin + step + horizon − 1.",
            WALKING,
        ),
        Mistake(
            walk_with_doubled_origins,
            "the first origin of each block is forecast twice, by the model before it as well: the targets end at "
            "begin + step + horizon − 1.",
            WALKING,
        ),
        Mistake(
            walk_to_the_end_each_time,
            "each model forecasts all that is left: it forecasts from `step` origins, then a newer one takes over.",
            WALKING,
        ),
        Mistake(
            walk_past_the_stop,
            "the last block has targets at or after stop: take the smaller of stop and begin + step + horizon − 1.",
            WALKING,
        ),
        Mistake(
            walk_in_whole_blocks_only,
            "the last block is left out where it is shorter than the others: begin goes up to stop − horizon.",
            WALKING,
        ),
        Mistake(
            walk_with_cut_pasts,
            "the windows are cut from the block alone, so its first origins lack their past: cut them from the whole "
            "series with start = begin.",
            WALKING,
        ),
        Mistake(
            walk_with_the_model_before,
            "each block is forecast by the model of the block before: the new model serves the block that begins.",
            WALKING,
        ),
        Mistake(
            walk_with_the_parts_swapped,
            "targets and forecasts are swapped: return forecasts, then targets.",
            WALKING,
        ),
    ),
    hints=(
        "Stand at the beginning of a block. What may the model be fitted on? From which origins does it forecast, "
        "before the next model takes over?",
        "begin runs from start in steps of `step`, up to stop − horizon. Each time: fit(series[:begin]), then windows "
        "with start = begin. The last origin is begin + step − 1; where do its targets end?",
        "end = min(begin + step + horizon - 1, stop); inputs, seen = windows(series, length, horizon, begin, end); "
        "forecasts.append(forecast(inputs)); targets.append(seen); after the loop torch.cat both",
    ),
    alternatives=(_walk_origin_by_origin,),
)


# In the order of the notebook.
EXERCISES = (
    *(WINDOWS, SEASONAL_NAIVE, GRU_FORECASTER),
    *(PINBALL_LOSS, CONFORMAL_MARGIN, WALK_FORWARD),
)
