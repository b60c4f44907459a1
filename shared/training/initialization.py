"""Weights to start from: large enough that a signal gets through many layers, small enough that it does not explode.

Met in week 2. A layer adds up fan_in products, so the variance of its outputs is fan_in · Var(weight) times the mean
square of its inputs. Both rules choose Var(weight) so that this factor is about 1.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: how many numbers feed one output, and how many outputs one input feeds.

    shape: (d_out, d_in) for a linear layer, (d_out, d_in, height, width) for a convolution
    Raises ValueError for fewer than two dimensions: a bias has no fans.
    """
    if len(shape) < 2:
        raise ValueError(
            f"shape is {tuple(shape)}; a weight has at least the dimensions (d_out, d_in)."
        )
    window = math.prod(shape[2:])  # 1 for a linear layer
    return shape[1] * window, shape[0] * window


def xavier_normal(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """A new weight, normal with mean 0 and variance 2 / (fan_in + fan_out): for tanh and for linear layers.

    shape: (d_out, d_in, …)   →   a tensor of that shape
    A compromise: 1 / fan_in would keep the variance on the way forward, 1 / fan_out that of gradients on the way back.
    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """
    fan_in, fan_out = fans(shape)
    std = (2 / (fan_in + fan_out)) ** 0.5
    return torch.randn(shape, generator=generator) * std


def kaiming_normal(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """A new weight, normal with mean 0 and variance 2 / fan_in: for relu, which lets half of the signal through.

    shape: (d_out, d_in, …)   →   a tensor of that shape
    Source: He, Zhang, Ren & Sun 2015, arXiv 1502.01852, equation 10.
    """
    fan_in, _ = fans(shape)
    std = (2 / fan_in) ** 0.5
    return torch.randn(shape, generator=generator) * std
