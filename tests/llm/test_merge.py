"""Merging of models: the formulas, and scipy's geometric_slerp."""

import math

import pytest
import torch
from scipy.spatial import geometric_slerp

from shared.llm.adapting.merge import linear, slerp, slerp_tensor, task_arithmetic, task_vector
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel

CONFIG = qwen3(31, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, d_head=8, d_hidden=32)


def states(n):
    torch.manual_seed(0)
    return [LanguageModel(CONFIG).state_dict() for _ in range(n)]


def test_linear():
    a, b, c = states(3)
    for name, mean in linear([a, b, c]).items():
        torch.testing.assert_close(mean, torch.stack([a[name], b[name], c[name]]).mean(0))
    for name, mixed in linear([a, b], [0.2, 0.8]).items():
        torch.testing.assert_close(mixed, torch.lerp(a[name], b[name], 0.8))


def test_slerp_is_scipys():
    x, y = torch.randn(2, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = x / x.norm(), y / y.norm()
    for t in (0.0, 0.3, 0.5, 1.0):
        expected = geometric_slerp(x.numpy(), y.numpy(), t)
        torch.testing.assert_close(slerp_tensor(x, y, t), torch.from_numpy(expected))


def test_slerps_ends_norm_and_angle():
    a, b = states(2)
    assert all(torch.equal(t, a[name]) for name, t in slerp(a, b, 0.0).items())
    assert all(torch.equal(t, b[name]) for name, t in slerp(a, b, 1.0).items())
    x, y = a["embedding.weight"], b["embedding.weight"]
    y = y * x.norm() / y.norm()
    middle = slerp_tensor(x, y, 0.5)
    assert middle.norm().item() == pytest.approx(x.norm().item(), rel=1e-5)
    assert ((x + y) / 2).norm() < 0.8 * x.norm()

    def angle(u, v):
        return math.acos((u * v).sum().item() / (u.norm() * v.norm()).item())

    assert angle(x, middle) == pytest.approx(angle(x, y) / 2, rel=1e-4)


def test_slerp_of_parallel_and_of_zero_tensors_is_the_straight_line():
    x = torch.randn(5)
    torch.testing.assert_close(slerp_tensor(x, 3 * x, 0.25), 1.5 * x)
    torch.testing.assert_close(slerp_tensor(x, -x, 0.5), torch.zeros(5))
    torch.testing.assert_close(slerp_tensor(torch.zeros(5), x, 0.5), 0.5 * x)


def test_task_arithmetic():
    base, a, b = states(3)
    of_a, of_b = task_vector(base, a), task_vector(base, b)
    for name, t in task_arithmetic(base, [of_a]).items():
        torch.testing.assert_close(t, a[name])
    both = task_arithmetic(base, [of_a, of_b], [0.5, -2.0])
    for name, t in both.items():
        expected = base[name] + 0.5 * (a[name] - base[name]) - 2 * (b[name] - base[name])
        torch.testing.assert_close(t, expected, atol=1e-5, rtol=1e-5)
    mean = task_arithmetic(base, [of_a, of_b], 0.5)
    for name, t in linear([a, b]).items():
        torch.testing.assert_close(mean[name], t, atol=1e-5, rtol=1e-5)


def test_the_model_opens_what_was_merged():
    a, b = states(2)
    LanguageModel(CONFIG).load_state_dict(slerp(a, b))


def test_bad_input_is_refused():
    a, b = states(2)
    with pytest.raises(ValueError, match="no states"):
        linear([])
    with pytest.raises(ValueError, match="3 weights; there must be 2"):
        linear([a, b], [1, 2, 3])
    other = LanguageModel(CONFIG.with_(d_hidden=16)).state_dict()
    with pytest.raises(ValueError, match=r"state 1 is of another model than state 0.*feed_forward"):
        slerp(a, other)
