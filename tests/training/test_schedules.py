"""`shared.training.schedules` against torch.optim.lr_scheduler."""

import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from shared.training import schedules
from shared.training.optimizers import SGD


def _theirs(peak, total, warmup_steps, last):
    """torch's warm-up followed by torch's cosine or line, as a list of rates."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    after = last(optimizer, total - warmup_steps)
    if warmup_steps:
        rise = lr_scheduler.LinearLR(optimizer, 1 / (warmup_steps + 1), total_iters=warmup_steps)
        after = lr_scheduler.SequentialLR(optimizer, [rise, after], [warmup_steps])
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the scheduler is stepped without the optimizer
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            after.step()
    return rates


@pytest.mark.parametrize(("total", "warmup_steps"), [(50, 0), (50, 10), (7, 6), (200, 1)])
@pytest.mark.parametrize("final", [0.0, 0.02])
def test_cosine_with_warmup(total, warmup_steps, final):
    ours = [schedules.cosine_with_warmup(s, 0.3, total, warmup_steps, final) for s in range(total)]
    theirs = _theirs(
        0.3, total, warmup_steps, lambda o, n: lr_scheduler.CosineAnnealingLR(o, n, eta_min=final)
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(("total", "warmup_steps"), [(50, 0), (50, 10)])
def test_linear(total, warmup_steps):
    ours = [schedules.linear(s, 0.3, total, warmup_steps) for s in range(total)]
    theirs = _theirs(
        0.3, total, warmup_steps, lambda o, n: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=n)
    )
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_ends():
    for schedule in (schedules.cosine_with_warmup, schedules.linear):
        assert schedule(10, 1.0, 100, 10) == 1.0
        assert schedule(100, 1.0, 100, 10, final_lr=0.1) == pytest.approx(0.1)
        assert schedule(1000, 1.0, 100, 10, final_lr=0.1) == pytest.approx(0.1)
    assert schedules.constant(99, 0.2) == 0.2
    assert [schedules.warmup(s, 3) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_set_lr_knows_both_kinds():
    weight = torch.zeros(1)
    for optimizer, read in (
        (SGD([weight], lr=1.0), lambda o: o.lr),
        (torch.optim.SGD([weight], lr=1.0), lambda o: o.param_groups[0]["lr"]),
    ):
        schedules.set_lr(optimizer, 0.25)
        assert read(optimizer) == 0.25
