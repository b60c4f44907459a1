"""Judging beside scikit-learn and SciPy."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score

from shared.training.judge import calibration_error, f1_scores, fit_temperature, paired_bootstrap


def test_f1_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(0, 4, (200,), generator=generator)
    targets = torch.randint(0, 4, (200,), generator=generator)
    ours = f1_scores(predicted, targets, 5)
    theirs = f1_score(targets, predicted, average=None, labels=range(5), zero_division=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_bootstrap_is_scipys():
    """The same interval as SciPy's paired percentile bootstrap, up to the chance of 4,000 repeats."""
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(500, generator=generator) < 0.85
    b = a & (torch.rand(500, generator=generator) < 0.97) | (
        torch.rand(500, generator=generator) < 0.02
    )
    difference, low, high = paired_bootstrap(a, b, 4000, generator)
    assert difference == pytest.approx(a.double().mean().item() - b.double().mean().item())
    theirs = stats.bootstrap(
        (a.double().numpy(), b.double().numpy()),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        n_resamples=4000,
        method="percentile",
        vectorized=True,
        rng=0,
    ).confidence_interval
    # One answer of 500 is 0.002.
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.0021)


def test_bootstrap_of_equal_answers_is_zero():
    a = torch.tensor([True, False, True])
    assert paired_bootstrap(a, a, 100, torch.Generator().manual_seed(0)) == (0, 0, 0)


@pytest.mark.parametrize("bins", [5, 10])
def test_calibration_error_is_made_of_scikit_learns_curve(bins):
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(2000, 3, generator=generator).softmax(dim=-1)
    targets = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    confidence, answers = probabilities.max(dim=-1)
    right = answers == targets
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    counts = np.histogram(confidence, bins=bins, range=(0, 1))[0]
    expected = (np.abs(accuracy - mean) * counts[counts > 0]).sum() / 2000
    assert calibration_error(probabilities, targets, bins) == pytest.approx(expected, abs=1e-6)


def test_calibration_of_one_who_is_sure():
    sure = torch.eye(4)
    assert calibration_error(sure, torch.arange(4)) == 0
    assert calibration_error(sure, torch.tensor([1, 1, 2, 3])) == pytest.approx(0.25)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_one_that_an_optimizer_finds(truth):
    logits = 2 * torch.randn(400, 6, generator=torch.Generator().manual_seed(1))
    p = torch.softmax(logits / truth, dim=1)
    targets = torch.multinomial(p, 1, generator=torch.Generator().manual_seed(2))[:, 0]

    def loss(log_t):
        return torch.nn.functional.cross_entropy(logits.double() / np.exp(log_t), targets).item()

    found = np.exp(optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)
    assert fit_temperature(logits, targets) == pytest.approx(found, rel=1e-3)


def test_temperature_where_no_bound_is_met():
    logits = torch.tensor([[2.0, 0.0, -1.0]]).expand(5, 3)
    assert fit_temperature(logits, torch.zeros(5, dtype=torch.long)) == pytest.approx(0.01)
    assert fit_temperature(logits, torch.full((5,), 2)) == pytest.approx(100)
