"""The twins that were written for CPUs: norm, rotary positions, joint projections, attention in bfloat16."""

import pytest
import torch

from shared.llm.config import qwen3
from shared.llm.model import LanguageModel, Parts
from shared.nn import fused, grouped_attention, norms, positions
from shared.nn.attention import causal_mask, scaled_dot_product_attention


def _gradients(function, *inputs):
    inputs = [x.detach().clone().requires_grad_() for x in inputs]
    torch.manual_seed(7)
    y = function(*inputs)
    y.backward(torch.randn(y.shape, dtype=y.dtype))
    return y.detach(), *(x.grad for x in inputs)


@pytest.mark.parametrize("shape", [(3, 8), (2, 3, 5, 8)])
def test_rms_norm(shape):
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.rand(shape[-1]) + 0.5
    plain = norms.RMSNorm(shape[-1])

    def theirs(x, weight):
        return torch.func.functional_call(plain, {"weight": weight}, (x,))

    for a, b in zip(
        _gradients(lambda x, w: fused.rms_norm(x, w, 1e-6), x, weight),
        _gradients(theirs, x, weight),
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_rms_norm_with_a_weight_for_each_head():
    x, weight = torch.randn(2, 5, 3, 8), torch.rand(3, 8)
    each = [fused.rms_norm(x[:, :, i], weight[i], 1e-6) for i in range(3)]
    found = _gradients(lambda x, w: fused.rms_norm(x, w, 1e-6), x, weight)
    torch.testing.assert_close(found[0], torch.stack(each, dim=2))
    assert found[2].shape == weight.shape


def test_rms_norm_under_autocast():
    x, weight = 30 * torch.randn(64, 96), torch.rand(96) + 0.5
    exact = _gradients(lambda x, w: fused.rms_norm(x, w, 1e-6), x, weight)
    with torch.autocast("cpu", torch.bfloat16):
        found = _gradients(lambda x, w: fused.rms_norm(x, w, 1e-6), x, weight)
    assert [t.dtype for t in found] == [torch.bfloat16, torch.float32, torch.float32]
    assert (found[0].float() - exact[0]).norm() < 0.01 * exact[0].norm()
    for a, b in zip(found[1:], exact[1:]):
        assert torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("where", [None, torch.tensor([3, 0, 9, 2, 2])])
def test_rotary(where):
    x = torch.randn(2, 3, 5, 8)
    for a, b in zip(
        _gradients(lambda x: fused.rotary(x, where, 100.0), x),
        _gradients(lambda x: positions.rotary(x, where, 100.0), x),
    ):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", [None, norms.RMSNorm, fused.RMSNorm, fused.LayerNorm])
@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_joint_projections(norm, n_kv_heads):
    settings = {"n_kv_heads": n_kv_heads, "bias": n_kv_heads == 2, "norm": norm}
    plain = grouped_attention.GroupedQueryAttention(16, 4, **settings)
    quick = fused.GroupedQueryAttention(16, 4, **settings)
    with torch.no_grad():
        for p in plain.parameters():
            p.uniform_(-1, 1)
    quick.load_state_dict(plain.state_dict())
    x, mask = torch.randn(2, 6, 16), causal_mask(6)
    for a, b in zip(
        _gradients(lambda x: quick(x, mask), x), _gradients(lambda x: plain(x, mask), x)
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    for p, q in zip(plain.parameters(), quick.parameters()):
        torch.testing.assert_close(q.grad, p.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("q_len", "k_len"), [(6, 6), (3, 6)])
def test_attention_in_bfloat16(q_len, k_len):
    query = torch.randn(2, 3, q_len, 16)
    key, value = torch.randn(2, 3, k_len, 16), torch.randn(2, 3, k_len, 16)
    mask = causal_mask(q_len, k_len)
    exact = _gradients(lambda *x: scaled_dot_product_attention(*x, mask), query, key, value)
    low = (x.bfloat16() for x in (query, key, value))
    for a, b in zip(_gradients(fused.attention, *low), exact):
        assert a.dtype == torch.bfloat16 and a.isfinite().all()
        assert (a.float() - b).norm() < 0.03 * b.norm()


def test_dropout():
    x = torch.ones(1000)
    state = torch.get_rng_state()
    assert fused.dropout(x, 0.0) is x and torch.equal(torch.get_rng_state(), state)
    assert set(fused.dropout(x, 0.5).tolist()) == {0.0, 2.0}
    assert fused.dropout(x, 0.5, training=False) is x


def test_a_model_in_bfloat16_is_near_to_itself():
    torch.manual_seed(0)
    config = qwen3(40, max_length=24, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, d_head=8)
    model = LanguageModel(config.with_(d_hidden=48), Parts.fused()).eval()
    tokens = torch.randint(40, (2, 20))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = model(tokens)
    assert (low.float() - model(tokens)).abs().max() < 0.05
