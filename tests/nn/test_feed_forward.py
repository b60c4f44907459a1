"""Feed-forward layers and activations beside torch's and transformers'."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from shared.nn.feed_forward import FeedForward, GatedFeedForward, gelu, gelu_tanh, silu


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(gelu, F.gelu), (gelu_tanh, lambda x: F.gelu(x, approximate="tanh")), (silu, F.silu)],
    ids=["gelu", "gelu_tanh", "silu"],
)
def test_activations(ours, theirs):
    """Values and gradients, from −1000 to 1000: none may be nan."""
    x = torch.cat([torch.linspace(-12, 12, 481), torch.tensor([-1e3, -100.0, 100.0, 1e3])])
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(ours(one), theirs(other), atol=1e-5, rtol=1e-5)
    ours(one).sum().backward()
    theirs(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-5)


def test_plain_is_two_layers():
    torch.manual_seed(0)
    ours = FeedForward(8, 20)
    theirs = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 8))
    theirs[0].load_state_dict(ours.up.state_dict())
    theirs[2].load_state_dict(ours.down.state_dict())
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x))


def test_swiglu_is_llamas():
    torch.manual_seed(0)
    ours = GatedFeedForward(8, 20)
    theirs = LlamaMLP(LlamaConfig(hidden_size=8, intermediate_size=20, num_attention_heads=2))
    theirs.load_state_dict(
        {
            "gate_proj.weight": ours.gate.weight,
            "up_proj.weight": ours.up.weight,
            "down_proj.weight": ours.down.weight,
        }
    )
    x = torch.randn(2, 5, 8)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(ours(one), theirs(other), atol=1e-6, rtol=1e-5)
    ours(one).square().sum().backward()
    theirs(other).square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("gate", [torch.sigmoid, gelu])
def test_glu_and_geglu_by_torchs_own_glu(gate):
    """F.glu multiplies its first half by the sigmoid of its second."""
    torch.manual_seed(0)
    ours = GatedFeedForward(8, 20, activation=gate, bias=True)
    x = torch.randn(3, 8)
    if gate is torch.sigmoid:
        inside = F.glu(torch.cat([ours.up(x), ours.gate(x)], dim=-1))
    else:
        inside = F.gelu(ours.gate(x)) * ours.up(x)
    torch.testing.assert_close(ours(x), ours.down(inside))
