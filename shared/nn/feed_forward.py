"""The feed-forward half of a Transformer block, plain and gated, and its activations. Met in week 7.

Every token goes through the same small network by itself. Shapes: (..., d_model) → (..., d_model).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.mlp import relu

Activation = Callable[[Tensor], Tensor]


def gelu(x: Tensor) -> Tensor:
    """x · Φ(x), where Φ is the share of a normal distribution below x: a ReLU with a soft corner.

    x: any shape   →   the same shape.   Source: Hendrycks & Gimpel (1606.08415).
    """
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU with Φ approximated by a tanh, as GPT-2 was trained with: off by less than 0.0005."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + torch.tanh(inner))


def silu(x: Tensor) -> Tensor:
    """x · σ(x), also called Swish. x: any shape → the same shape. Source: 1606.08415, section 2."""
    return x * torch.sigmoid(x)


class FeedForward(nn.Module):
    """down(activation(up(x))): out to d_hidden, a bend, and back. Usually d_hidden = 4 · d_model.

    forward: (..., d_model) → (..., d_model).   Source: Vaswani et al. (1706.03762), section 3.3.
    """

    def __init__(
        self, d_model: int, d_hidden: int, activation: Activation = relu, bias: bool = True
    ) -> None:
        super().__init__()
        self.activation = activation
        self.up = nn.Linear(d_model, d_hidden, bias)
        self.down = nn.Linear(d_hidden, d_model, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))


class GatedFeedForward(nn.Module):
    """down(activation(gate(x)) · up(x)): one layer says how much of the other passes.

    forward: (..., d_model) → (..., d_model)
    activation: sigmoid makes it a GLU, gelu a GEGLU, silu a SwiGLU. Three matrices instead of two, so that
    d_hidden = 8/3 · d_model has as many parameters as a plain one of 4 · d_model.
    Source: Shazeer, "GLU Variants Improve Transformer" (2002.05202).
    """

    def __init__(
        self, d_model: int, d_hidden: int, activation: Activation = silu, bias: bool = False
    ) -> None:
        super().__init__()
        self.activation = activation
        self.gate = nn.Linear(d_model, d_hidden, bias)
        self.up = nn.Linear(d_model, d_hidden, bias)
        self.down = nn.Linear(d_hidden, d_model, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.gate(x)) * self.up(x))
