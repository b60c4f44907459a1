"""Norms beside torch's, forward and gradients, and in half precision beside float32."""

import pytest
import torch
from torch import nn
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from shared.nn.norms import LayerNorm, RMSNorm

PAIRS = {
    "LayerNorm": (LayerNorm, lambda d: nn.LayerNorm(d, eps=1e-5)),
    "RMSNorm": (RMSNorm, lambda d: nn.RMSNorm(d, eps=1e-6)),
    "RMSNorm of Llama": (RMSNorm, lambda d: LlamaRMSNorm(d, eps=1e-6)),
}


def pair_of(name, d=12):
    torch.manual_seed(0)
    ours, theirs = (make(d) for make in PAIRS[name])
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn(d))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shape", [(12,), (5, 12), (2, 3, 4, 12)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_same_numbers_and_gradients(name, shape, scale):
    ours, theirs = pair_of(name)
    x = scale * (torch.randn(shape) + 0.5)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    mine, expected = ours(one), theirs(other)
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(mine)
    (mine * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5 / scale, rtol=1e-4)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(make, dtype):
    """Within one rounding step of float32, also where squares overflow half precision (300² > 65,504)."""
    norm = make(64)
    x = (300 * torch.randn(8, 64)).to(dtype)
    half = norm.to(dtype)(x)
    assert half.dtype == dtype
    torch.testing.assert_close(
        half.float(), norm.float()(x.float()), rtol=2 * torch.finfo(dtype).eps, atol=1e-3
    )


def test_layer_norm_in_float64_and_of_a_constant():
    torch.testing.assert_close(
        LayerNorm(6).double()(torch.full((2, 6), 3.0, dtype=torch.float64)),
        torch.zeros(2, 6, dtype=torch.float64),
    )
