"""`shared.training.regularization` against torch, scikit-learn, and what its formulas promise."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import shift
from torch import nn

from shared.training import regularization as reg


@pytest.mark.parametrize(
    ("n", "share", "kept_back"), [(10, 0.2, 2), (100, 0.29, 29), (7, 0.0, 0), (5, 1.0, 5)]
)
def test_split_puts_each_example_in_one_part(n, share, kept_back):
    x, y = torch.randn(n, 3), torch.arange(n)
    (x_train, train), (x_val, val) = reg.train_val_split(
        x, y, share, torch.Generator().manual_seed(1)
    )
    assert len(val) == kept_back
    assert sorted([*train.tolist(), *val.tolist()]) == list(range(n))
    assert torch.equal(x_train, x[train])
    assert torch.equal(x_val, x[val])


def test_split_is_repeatable_and_fair():
    times = torch.zeros(10)
    for seed in range(2000):
        splits = [
            reg.train_val_split(
                torch.arange(10), torch.arange(10), 0.3, torch.Generator().manual_seed(seed)
            )[1][1]
            for _ in range(2)
        ]
        assert torch.equal(*splits)
        times[splits[0]] += 1
    assert (times / 2000 - 0.3).abs().max() < 0.05


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_dropout_behaves_as_torchs(p):
    x = torch.ones(400, 500)
    ours, theirs = reg.dropout(x, p), F.dropout(x, p)
    assert (ours == 0).double().mean() == pytest.approx(p, abs=0.005)
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.03)
    kept = ours[ours != 0].unique()
    torch.testing.assert_close(kept, theirs[theirs != 0].unique())
    assert reg.dropout(x, p, training=False) is x


def test_dropout_hands_gradients_to_what_was_kept():
    x = torch.randn(50, 20, requires_grad=True)
    out = reg.dropout(x, 0.25)
    out.sum().backward()
    torch.testing.assert_close(x.grad, (out != 0) / 0.75)


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0])
def test_dropout_refuses_other_shares(p):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        reg.dropout(torch.ones(2), p)


def test_l2_penalty_is_torchs_weight_decay():
    ours = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    theirs = copy.deepcopy(ours)
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim >= 2], "weight_decay": 0.3},
        {"params": [p for p in theirs.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    walkers = [torch.optim.SGD(ours.parameters(), lr=0.1), torch.optim.SGD(groups, lr=0.1)]
    x, y = torch.randn(20, 4, dtype=torch.float64), torch.randn(20, 2, dtype=torch.float64)
    for _ in range(20):
        for network, walker, strength in zip((ours, theirs), walkers, (0.3, None)):
            walker.zero_grad()
            loss = F.mse_loss(network(x), y)
            if strength:
                loss = loss + reg.l2_penalty(network.parameters(), strength)
            loss.backward()
            walker.step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_early_stopping_keeps_the_best_and_not_a_reference_to_it():
    network, stopper = nn.Linear(2, 2), reg.EarlyStopping(patience=2)
    said = []
    for epoch, loss in enumerate([3.0, 2.0, 2.0, float("nan")]):
        nn.init.constant_(network.weight, float(epoch))
        said.append(stopper.update(loss, network))
    assert said == [False, False, False, True]
    assert stopper.best == 2.0
    assert torch.equal(stopper.best_state["weight"], torch.ones(2, 2))


def test_bias_and_variance_of_the_mean_are_known():
    """The mean of n draws: no bias, variance σ² / n. Halved: a quarter of the variance, and bias² = (μ / 2)²."""
    generator = torch.Generator().manual_seed(0)

    def resample():
        y = 3 + 2 * torch.randn(8, generator=generator, dtype=torch.float64)
        return torch.zeros(8, 1), y

    x, truth = torch.zeros(4, 1), torch.full((4,), 3.0, dtype=torch.float64)
    for shrink, bias, variance in ((1.0, 0.0, 0.5), (0.5, 2.25, 0.125)):
        fit = lambda x, y, shrink=shrink: lambda new: (shrink * y.mean()).expand(len(new))  # noqa: E731
        found = reg.bias_variance(fit, resample, x, truth, 4000)
        assert found[0].item() == pytest.approx(bias, abs=0.05)
        assert found[1].item() == pytest.approx(variance, rel=0.08)


def test_bias_and_variance_add_up_exactly():
    predictions = torch.randn(30, 7, dtype=torch.float64)
    truth, rows = torch.randn(7, dtype=torch.float64), iter(predictions)
    fit = lambda x, y: (lambda row: lambda new: row)(next(rows))  # noqa: E731
    both = reg.bias_variance(fit, lambda: (None, None), truth, truth, 30)
    torch.testing.assert_close(sum(both), ((predictions - truth) ** 2).mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_random_shift_moves_each_picture_by_every_amount(most):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(3000, 5, 4, generator=generator) + 0.1
    moved = reg.random_shift(pictures, most, generator)
    counts = {}
    for old, new in zip(pictures.numpy(), moved.numpy(), strict=True):
        found = [
            (i, j)
            for i in range(-most, most + 1)
            for j in range(-most, most + 1)
            if np.array_equal(new, shift(old, (i, j), order=0, prefilter=False))
        ]
        for amount in found if len(found) < 3 else ():  # wholly moved out: it may be any of many
            counts[amount] = counts.get(amount, 0) + 1
    size = (2 * most + 1) ** 2
    assert len(counts) == size
    assert all(
        abs(count / 3000 - 1 / size) < 5 * (1 / size / 3000) ** 0.5 for count in counts.values()
    )


def test_random_shift_can_be_repeated_and_leaves_its_input():
    pictures = torch.rand(20, 6, 6, dtype=torch.float64)
    before = pictures.clone()
    one, two, other = (
        reg.random_shift(pictures, 2, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(pictures, before)
    assert one.dtype == torch.float64


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_smoothed_cross_entropy_is_torchs(eps, scale):
    logits = torch.randn(30, 7, dtype=torch.float64) * scale
    targets = torch.randint(0, 7, (30,))
    both = [logits.clone().requires_grad_() for _ in range(2)]
    ours = reg.smoothed_cross_entropy(both[0], targets, eps)
    theirs = F.cross_entropy(both[1], targets, label_smoothing=eps)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    ours.backward(), theirs.backward()
    torch.testing.assert_close(both[0].grad, both[1].grad, rtol=1e-10, atol=1e-14)
