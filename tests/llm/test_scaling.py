"""Scaling laws, beside the model's own counts, a grid search, and a law whose runs are drawn from it."""

import numpy as np
import pytest
import torch

from shared.llm.config import ModelConfig
from shared.llm.model import LanguageModel
from shared.llm.plan import flops_per_token
from shared.llm.scaling import (
    Law,
    as_theta,
    compute_optimal,
    fit,
    fit_loss,
    leave_out_interval,
    training_flops,
)

HOFFMANN = Law(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)


@pytest.mark.parametrize(("width", "layers", "context"), [(16, 2, 64), (96, 3, 256)])
def test_flops_are_those_of_the_plan(width: int, layers: int, context: int) -> None:
    config = ModelConfig(256, context, d_model=width, n_layers=layers, n_heads=1)
    with torch.device("meta"):
        n = sum(p.numel() for p in LanguageModel(config).parameters())
    found = training_flops(n, layers, width, context, tokens=10)
    assert found == 10 * flops_per_token(config, context)


def test_loss_of_a_fit_is_torchs_huber() -> None:
    generator = np.random.default_rng(0)
    n, d = generator.uniform(1e4, 1e6, 20), generator.uniform(1e5, 1e7, 20)
    loss = HOFFMANN.loss(n, d) * np.exp(0.002 * generator.standard_normal(20))
    logs = (torch.tensor(np.log(x)) for x in (HOFFMANN.loss(n, d), loss))
    oracle = torch.nn.functional.huber_loss(*logs, reduction="sum", delta=1e-3)
    assert fit_loss(as_theta(HOFFMANN), n, d, loss) == pytest.approx(oracle.item(), rel=1e-9)


def test_a_law_is_found_again() -> None:
    true = Law(E=1.2, A=20.0, B=60.0, alpha=0.3, beta=0.35)
    n, d = (x.ravel() for x in np.meshgrid(10.0 ** np.arange(4, 9), 10.0 ** np.arange(5, 10)))
    found = fit(n, d, true.loss(n, d))
    assert found.alpha == pytest.approx(0.3, abs=0.01)
    assert found.beta == pytest.approx(0.35, abs=0.01)
    assert pytest.approx(1.2, abs=0.02) == found.E
    assert found.loss(1e9, 1e10) == pytest.approx(true.loss(1e9, 1e10), rel=0.01)


def test_one_bad_run_hardly_moves_the_law() -> None:
    true = Law(E=1.2, A=20.0, B=60.0, alpha=0.3, beta=0.35)
    n, d = (x.ravel() for x in np.meshgrid(10.0 ** np.arange(4, 9), 10.0 ** np.arange(5, 10)))
    loss = true.loss(n, d)
    loss[12] *= 1.2
    assert fit(n, d, loss).loss(1e9, 1e10) == pytest.approx(true.loss(1e9, 1e10), rel=0.01)


@pytest.mark.parametrize("flops", [1e12, 5.76e23])
def test_best_split_beats_every_other(flops: float) -> None:
    n, d = compute_optimal(HOFFMANN, flops)
    assert 6 * n * d == pytest.approx(flops)
    others = n * np.logspace(-2, 2, 4001)
    losses = HOFFMANN.loss(others, flops / 6 / others)
    assert others[losses.argmin()] == pytest.approx(n, rel=0.01)


def test_interval_covers_as_often_as_it_says() -> None:
    """Means of noise, each old one predicted by the mean of the others: the jackknife+ covers 90 % or a little more."""
    generator, inside = np.random.default_rng(0), 0
    for _ in range(400):
        logs = 0.1 * generator.standard_normal(21)
        old, new = logs[:20], logs[20]
        others = (old.sum() - old) / 19
        low, high = leave_out_interval(np.exp(others), old - others)
        inside += low <= np.exp(new) <= high
    assert 0.86 <= inside / 400 <= 0.97


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        fit([1, 2], [1, 2], [1, 2])
    with pytest.raises(ValueError, match="above 0"):
        fit([1] * 6, [1] * 6, [0] * 6)
