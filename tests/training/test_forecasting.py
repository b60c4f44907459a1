"""`shared.training.forecasting` against torch, scikit-learn and NumPy; and that nothing knows its own future."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import StandardScaler
from torch import nn

from shared import data
from shared.training import forecasting as fc
from shared.training.fit import fit


def series_of(n=400, d=3, seed=0):
    """A daily rhythm, a drift and noise in the first column; noise in the others."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(n, dtype=torch.float64)
    values = torch.randn(n, d, generator=generator, dtype=torch.float64)
    values[:, 0] = 3 * (rows * 2 * torch.pi / 24).sin() + rows / 100 + values[:, 0] / 2
    return values


def garbled(series, start):
    """The same series with another future: everything from the row `start` on is noise."""
    other = series.clone()
    noise = torch.Generator().manual_seed(99)
    other[start:] = 50 * torch.randn(other[start:].shape, generator=noise, dtype=series.dtype)
    return other


# --- the pieces --------------------------------------------------------------------------------------------------


def test_standardize_is_scikit_learns():
    x = series_of()
    scaled, mean, spread = fc.standardize(x, 250)
    theirs = StandardScaler().fit(x[:250].numpy())
    np.testing.assert_allclose(scaled.numpy(), theirs.transform(x.numpy()), atol=1e-12)
    np.testing.assert_allclose(mean.numpy(), theirs.mean_, atol=1e-12)
    np.testing.assert_allclose(spread.numpy(), theirs.scale_, atol=1e-12)


def test_standardize_only_moves_a_constant_column():
    x = series_of()
    x[:250, 1] = 7.0
    scaled = fc.standardize(x, 250)[0]
    theirs = StandardScaler().fit(x[:250].numpy()).transform(x.numpy())
    np.testing.assert_allclose(scaled.numpy(), theirs, atol=1e-12)


def test_calendar_is_pandas():
    import pandas

    times = pandas.date_range("2017-12-28 21:00", periods=400, freq="h")
    found = fc.calendar(times.to_numpy())
    assert found.dtype == torch.float32
    hour = torch.atan2(found[:, 0], found[:, 1]) * 12 / torch.pi % 24
    week = torch.atan2(found[:, 2], found[:, 3]) * 84 / torch.pi % 168
    np.testing.assert_allclose(hour.numpy().round(3) % 24, times.hour, atol=1e-3)
    np.testing.assert_allclose(
        week.numpy().round(2) % 168, times.day_of_week * 24 + times.hour, atol=1e-2
    )
    np.testing.assert_array_equal(found[:, 4].numpy(), times.day_of_week >= 5)


@pytest.mark.parametrize(("start", "stop"), [(0, 300), (100, 220), (3, 40), (250, 400)])
def test_windows_are_numpys(start, stop):
    x, length, horizon = series_of(), 12, 5
    inputs, targets = fc.windows(x, length, horizon, start, stop)
    view = np.lib.stride_tricks.sliding_window_view(x.numpy(), length + horizon, axis=0)
    first = max(start, length) - length
    view = view[first : stop - length - horizon + 1].transpose(0, 2, 1)
    np.testing.assert_array_equal(inputs.numpy(), view[:, :length])
    np.testing.assert_array_equal(targets.numpy(), view[:, length:, 0])


def test_no_window_crosses_the_split():
    rows = torch.arange(400.0).unsqueeze(1)
    parts = {"train": (0, 250), "val": (250, 320), "test": (320, 400)}
    seen = {}
    for name, (start, stop) in parts.items():
        inputs, targets = fc.windows(rows, 24, 6, start, stop)
        assert (inputs[:, -1, 0] + 1 == targets[:, 0]).all(), "inputs end right before the targets"
        assert targets.min() >= start
        assert targets.max() < stop
        assert inputs.max() < stop
        seen[name] = set(targets.flatten().tolist())
    assert not seen["train"] & seen["val"]
    assert not seen["val"] & seen["test"]
    assert seen["test"] == set(range(320, 400)), "no target of the part is left out"


def test_seasonal_naive_says_the_latest_that_is_known():
    x = series_of(d=1)
    inputs, targets = fc.windows(x, 72, 48, 100, 400)
    values = x[:, 0].numpy()
    for period in (1, 7, 24):
        found = fc.seasonal_naive(inputs, 48, period).numpy()
        for i, origin in enumerate(range(100, 100 + len(targets))):
            steps = np.arange(1, 49)
            rows = origin + steps - 1 - period * np.ceil(steps / period).astype(int)
            assert rows.max() < origin
            np.testing.assert_array_equal(found[i], values[rows])


def test_both_baselines_agree_at_whole_seasons():
    inputs = fc.windows(series_of(), 48, 48, 100, 300)[0]
    last, day = (fc.seasonal_naive(inputs, 48, period) for period in (1, 24))
    same = (last == day).all(dim=0).nonzero().flatten() + 1
    assert same.tolist() == [24, 48]


def test_fit_linear_is_scikit_learns_ridge():
    x, length, horizon = series_of(), 30, 4
    forecast = fc.fit_linear(x[:300], length, horizon, strength=0.01)
    inputs, targets = fc.windows(x, length, horizon, 0, 300)
    last = inputs[:, -1:, 0].numpy()
    changes = inputs[:, :-1, 0].numpy() - last
    theirs = Ridge(alpha=0.01 * len(inputs)).fit(changes, targets.numpy() - last)
    new = fc.windows(x, length, horizon, 300, 400)[0]
    new_last = new[:, -1:, 0].numpy()
    expected = theirs.predict(new[:, :-1, 0].numpy() - new_last) + new_last
    np.testing.assert_allclose(forecast(new).numpy(), expected, atol=1e-9)
    assert forecast(new.float()).dtype == torch.float32


def test_forecaster_is_torchs_gru():
    torch.manual_seed(1)
    ours = fc.GRUForecaster(3, 8, 5, 2).double()
    theirs = nn.GRU(3, 8, batch_first=True).double()
    theirs.load_state_dict({f"{name}_l0": p for name, p in ours.cell.state_dict().items()})
    inputs = torch.randn(4, 20, 3, dtype=torch.float64).cumsum(1)
    a, b = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    found = ours(a)
    last = b[:, -1:, :1]
    spread = (b[..., :1] - last).var(dim=1, unbiased=False, keepdim=True).sqrt() + 0.1
    moved = torch.cat([(b[..., :1] - last) / spread, b[..., 1:]], -1)
    expected = ours.head(theirs(moved)[1][0]).reshape(4, 5, 2) * spread + last
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    weights = torch.randn(found.shape, dtype=torch.float64)
    (found * weights).sum().backward()
    head = ours.head.weight.grad.clone()
    (expected * weights).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.head.weight.grad, 2 * head, rtol=1e-10, atol=1e-10)
    for name, p in ours.cell.named_parameters():
        torch.testing.assert_close(
            p.grad, getattr(theirs, f"{name}_l0").grad, rtol=1e-10, atol=1e-10
        )


def test_a_drift_of_the_level_changes_nothing_else():
    network = fc.GRUForecaster(2, 6, 4, 3).double()
    inputs = torch.randn(3, 10, 2, dtype=torch.float64)
    moved = inputs + torch.tensor([100.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(network(moved) - 100, network(inputs), rtol=1e-9, atol=1e-9)


def test_pinball_loss_is_scikit_learns():
    torch.manual_seed(0)
    levels = torch.tensor([0.05, 0.3, 0.5, 0.9], dtype=torch.float64)
    forecasts, targets = torch.randn(40, 6, 4).double(), torch.randn(40, 6).double()
    theirs = [
        mean_pinball_loss(targets.flatten().numpy(), forecasts[..., i].flatten().numpy(), alpha=a)
        for i, a in enumerate(levels.tolist())
    ]
    found = fc.pinball_loss(forecasts, targets, levels).item()
    assert found == pytest.approx(np.mean(theirs), rel=1e-12)
    forecasts.requires_grad_()
    assert torch.autograd.gradcheck(lambda f: fc.pinball_loss(f, targets, levels), (forecasts,))


def test_pinball_loss_is_lowest_at_the_quantile():
    targets = torch.randn(999, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    grid = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    for level in (0.1, 0.5, 0.8):
        levels = torch.tensor([level], dtype=torch.float64)
        losses = [fc.pinball_loss(c.expand(999, 1), targets, levels) for c in grid[::10]]
        best = grid[::10][int(torch.stack(losses).argmin())].item()
        assert best == pytest.approx(np.quantile(targets.numpy(), level), abs=0.02)


# --- intervals ---------------------------------------------------------------------------------------------------


def intervals(n, horizon=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    middle = torch.randn(n, horizon, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, horizon, generator=generator, dtype=torch.float64)
    return middle - 1, middle + 1, middle + noise * torch.tensor([0.5, 1.0, 2.0])[:horizon]


@pytest.mark.parametrize(("n", "coverage"), [(19, 0.9), (100, 0.8), (333, 0.5), (50, 0.97)])
def test_conformal_margin_is_numpys_quantile(n, coverage):
    low, high, targets = (x.numpy() for x in intervals(n))
    scores = np.maximum(low - targets, targets - high)
    level = np.ceil((n + 1) * coverage) / n
    expected = np.quantile(scores, level, axis=0, method="inverted_cdf")
    found = fc.conformal_margin(*intervals(n), coverage)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_too_few_scores_promise_nothing():
    assert fc.conformal_margin(*intervals(8), 0.9).isinf().all()
    assert fc.conformal_margin(*intervals(9), 0.9).isfinite().all()


def test_conformal_margin_keeps_its_promise_where_old_and_new_are_alike():
    """On average over calibrations the share inside is ⌈(n + 1) · coverage⌉ / (n + 1)."""
    n, coverage = 24, 0.8
    low, high, new = intervals(4000, seed=1)
    inside = []
    for seed in range(300):
        margin = fc.conformal_margin(*intervals(n, seed=seed + 2), coverage)
        inside.append(((new >= low - margin) & (new <= high + margin)).double().mean(dim=0))
    mean = torch.stack(inside).mean(dim=0)
    np.testing.assert_allclose(mean.numpy(), 20 / 25, atol=0.012)


def test_rolling_margins_are_conformal_margins_of_what_was_known():
    low, high, targets = intervals(60)
    memory = 12
    found = fc.rolling_margins(low, high, targets, 0.8, memory)
    for origin in range(60):
        for step in (1, 2, 3):
            known = slice(max(0, origin - step - memory + 1), max(0, origin - step + 1))
            k = step - 1
            if origin - step + 1 < memory:
                assert found[origin, k].isinf()
                continue
            parts = (x[known, k : k + 1] for x in (low, high, targets))
            assert found[origin, k] == fc.conformal_margin(*parts, 0.8)[0]
    assert fc.rolling_margins(low, high, targets, 0.99, memory).isinf().all()


# --- walking forward ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "blocks"), [(10, 5), (7, 4), (1, 6)])
def test_walk_forward_is_scikit_learns_time_series_split(step, blocks):
    x = torch.arange(120.0).unsqueeze(1)
    fitted = []

    def fit_on(past):
        fitted.append(past[:, 0].tolist())
        return lambda inputs: inputs[:, -1]

    start = 120 - step * blocks
    forecasts, targets = fc.walk_forward(x, 4, 1, start, 120, step, fit_on)
    splits = list(TimeSeriesSplit(n_splits=blocks, test_size=step).split(x))
    assert fitted == [train.tolist() for train, _ in splits]
    assert targets.flatten().tolist() == np.concatenate([test for _, test in splits]).tolist()
    assert (forecasts + 1 == targets).all()


def test_walk_forward_forecasts_once_from_each_origin():
    x = series_of()
    forecasts, targets = fc.walk_forward(
        x, 24, 6, 250, 390, 33, lambda past: lambda inputs: inputs[:, -6:, 0]
    )
    inputs, expected = fc.windows(x, 24, 6, 250, 390)
    assert torch.equal(targets, expected)
    assert torch.equal(forecasts, inputs[:, -6:, 0])


# --- no leakage: another future changes nothing that is said before it -------------------------------------------

SPLIT = 300


def test_windows_and_scaling_do_not_know_the_future():
    x, other = series_of(), garbled(series_of(), SPLIT)
    for a, b in zip(fc.standardize(x, SPLIT), fc.standardize(other, SPLIT)):
        assert torch.equal(a[:SPLIT], b[:SPLIT])
    for a, b in zip(fc.windows(x, 24, 6, 0, SPLIT), fc.windows(other, 24, 6, 0, SPLIT)):
        assert torch.equal(a, b)
    later = [fc.windows(s, 24, 6, SPLIT, SPLIT + 6)[0] for s in (x, other)]
    assert torch.equal(*later), "at the first origin, no input is of the future"


def test_rolling_margins_do_not_know_the_future():
    low, high, targets = intervals(60)
    found = fc.rolling_margins(low, high, targets, 0.8, 10)
    origin = 40
    other = targets.clone()
    for step in (1, 2, 3):
        other[origin - step + 1 :, step - 1] = 77.0  # targets at or after this origin
    assert torch.equal(
        fc.rolling_margins(low, high, other, 0.8, 10)[: origin + 1], found[: origin + 1]
    )
    other = targets.clone()
    other[origin - 3, 2] = 77.0  # known one row earlier: it may count, and does
    assert not torch.equal(fc.rolling_margins(low, high, other, 0.8, 10)[origin], found[origin])


def pipeline(values, times, start, stop):
    """From raw numbers to forecasts, as the notebook does it: scaling, calendar, a GRU for each block, walking on."""
    levels = torch.tensor([0.1, 0.5, 0.9])

    def fit_on(past):
        scaled, mean, spread = fc.standardize(past[:, :1], len(past))
        inputs, targets = fc.windows(torch.cat([scaled, past[:, 1:]], 1), 24, 6, 0, len(past))
        torch.manual_seed(0)
        network = fc.GRUForecaster(inputs.shape[-1], 4, 6, 3)
        fit(
            network,
            lambda generator: [(inputs[::5], targets[::5])],
            torch.optim.Adam(network.parameters(), lr=0.01),
            2,
            loss=lambda network, batch: fc.pinball_loss(network(batch[0]), batch[1], levels),
            progress=None,
        )

        def forecast(inputs):
            scaled = torch.cat([(inputs[..., :1] - mean) / spread, inputs[..., 1:]], dim=-1)
            with torch.no_grad():
                return network(scaled) * spread + mean

        return forecast

    whole = torch.cat([values, fc.calendar(times)], dim=1)
    return fc.walk_forward(whole, 24, 6, start, stop, 30, fit_on)[0]


def test_the_whole_pipeline_does_not_know_the_future():
    hours = data.load_curve().hours[:460]
    values = hours.column("load").unsqueeze(1)
    now = 400
    before = pipeline(values, hours.times, 340, 430)
    after = pipeline(garbled(values, now), hours.times, 340, 430)
    known = now - 340 + 1  # the origins up to `now`: all that they have seen is the same
    assert torch.equal(before[:known], after[:known])
    assert not torch.equal(before[known:], after[known:]), "what comes later does see the new rows"


def scaled_by_everything(x):
    x = fc.standardize(x, len(x))[0]
    return fc.walk_forward(x, 24, 6, 250, 380, 40, lambda past: fc.fit_linear(past, 24, 6))[0]


def fitted_on_its_own_block(x):
    peek = lambda past: fc.fit_linear(x[: len(past) + 40], 24, 6)  # noqa: E731
    return fc.walk_forward(x, 24, 6, 250, 380, 40, peek)[0]


@pytest.mark.parametrize("leaky", [scaled_by_everything, fitted_on_its_own_block])
def test_the_measure_itself_catches_a_leak(leaky):
    x, known = series_of(d=1), SPLIT - 250 + 1
    assert not torch.equal(leaky(x)[:known], leaky(garbled(x, SPLIT))[:known])


# --- a yardstick from outside ------------------------------------------------------------------------------------


def test_the_linear_forecast_reaches_the_published_error(real_data, monkeypatch):
    """Zeng et al. (2205.13504), ETTh1, oil temperature alone, 336 hours → 96: MSE 0.053, MAE 0.177."""
    monkeypatch.setenv("BUMBLEBEE_DATA", str(real_data))
    found = data.ett()
    assert found.source.real
    values = found.hours.column("OT").double().unsqueeze(1)
    scaled = fc.standardize(values, 8640)[0]
    forecast = fc.fit_linear(scaled[:8640], 336, 96)
    inputs, targets = fc.windows(scaled, 336, 96, 11520, 14400)
    errors = forecast(inputs) - targets
    assert (errors**2).mean().item() == pytest.approx(0.053, abs=0.0006)
    assert errors.abs().mean().item() == pytest.approx(0.177, abs=0.0006)
