"""`shared.training.modern_optimizers` against torch.optim.Muon, the SVD and the papers' formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from shared.training import modern_optimizers as modern


def _gradients(steps, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(steps)]


@pytest.mark.parametrize("shape", [(20, 20), (12, 40), (40, 12)])
def test_newton_schulz_keeps_vectors_and_evens_out_values(shape):
    matrix = _gradients(1, shape)[0]
    result = modern.newton_schulz(matrix)
    assert result.shape == matrix.shape
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    core = u.T @ result @ vh.T  # diagonal where the singular vectors were kept
    torch.testing.assert_close(core, torch.diag(core.diag()), rtol=0, atol=1e-9)
    large = core.diag()[s > 0.1 * s.max()]
    assert large.min() > 0.5 and large.max() < 1.3


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch older than 2.9")
@pytest.mark.parametrize("shape", [(16, 24), (24, 16)])
def test_muon_is_torchs(shape):
    ours, theirs = (nn.Parameter(torch.ones(shape)) for _ in range(2))
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.05}
    a = modern.Muon([ours], **settings)
    b = torch.optim.Muon([theirs], **settings)
    for gradient in _gradients(20, shape):
        ours.grad, theirs.grad = gradient.float(), gradient.float()
        a.step()
        b.step()
    moved = (theirs - 1).norm()
    assert (ours - theirs).norm() / moved < 0.02  # torch computes newton_schulz in bfloat16


def test_muon_takes_matrices_only():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        modern.Muon([torch.zeros(2, 2), torch.zeros(3)])


def test_lion_is_the_papers():
    p = nn.Parameter(torch.full((4,), 2.0, dtype=torch.float64))
    optimizer = modern.Lion([p], lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    theta, m = np.full(4, 2.0), np.zeros(4)
    for gradient in _gradients(200, (4,)):
        p.grad = gradient
        optimizer.step()
        g = gradient.numpy()
        update = np.sign(m * 0.9 + g * 0.1)
        m = m * 0.99 + g * 0.01
        theta = theta - 0.01 * (update + 0.1 * theta)
    np.testing.assert_allclose(p.detach().numpy(), theta, atol=1e-12)


def test_schedule_free_sgd_is_the_papers():
    p = nn.Parameter(torch.full((3,), 2.0, dtype=torch.float64))
    optimizer = modern.ScheduleFreeSGD([p], lr=0.1, beta=0.8)
    zs = [np.full(3, 2.0)]
    for t, gradient in enumerate(_gradients(50, (3,)), 1):
        p.grad = gradient
        optimizer.step()
        zs.append(zs[-1] - 0.1 * gradient.numpy())
        average = np.mean(zs[1 : t + 1], axis=0)  # x is the plain mean of all z so far
        np.testing.assert_allclose(optimizer.x[0].numpy(), average, atol=1e-12)
        np.testing.assert_allclose(p.detach().numpy(), 0.2 * zs[-1] + 0.8 * average, atol=1e-12)
    optimizer.evaluate()
    np.testing.assert_allclose(p.detach().numpy(), average, atol=1e-12)
    optimizer.train()
    np.testing.assert_allclose(p.detach().numpy(), 0.2 * zs[-1] + 0.8 * average, atol=1e-12)


def test_schedule_free_adamw_is_the_papers():
    p = nn.Parameter(torch.full((3,), 2.0, dtype=torch.float64))
    settings = {"lr": 0.1, "betas": (0.9, 0.95), "weight_decay": 0.1, "warmup_steps": 5}
    optimizer = modern.ScheduleFreeAdamW([p], **settings)
    x = z = y = np.full(3, 2.0)
    v, total = np.zeros(3), 0.0
    for t, gradient in enumerate(_gradients(60, (3,)), 1):
        p.grad = gradient
        optimizer.step()
        g = gradient.numpy()
        lr = 0.1 * min(1, t / 5)
        v = 0.95 * v + 0.05 * g**2
        z = z - lr * g / (np.sqrt(v / (1 - 0.95**t)) + 1e-8) - lr * 0.1 * y
        total += lr**2
        x = (1 - lr**2 / total) * x + lr**2 / total * z
        y = 0.1 * z + 0.9 * x
        np.testing.assert_allclose(p.detach().numpy(), y, atol=1e-10)


@pytest.mark.parametrize(
    "kind", [modern.Lion, modern.Muon, modern.ScheduleFreeSGD, modern.ScheduleFreeAdamW]
)
def test_state_survives_a_round_trip(kind):
    ends = []
    for resumed in (False, True):
        p = nn.Parameter(torch.ones(4, 3, dtype=torch.float64))
        optimizer = kind([p], lr=0.01)
        for number, gradient in enumerate(_gradients(20, (4, 3))):
            if resumed and number == 10:
                state = optimizer.state_dict()
                optimizer = kind([p], lr=5.0)
                optimizer.load_state_dict(state)
            p.grad = gradient
            optimizer.step()
        ends.append(p.detach())
    torch.testing.assert_close(*ends, rtol=0, atol=0)
