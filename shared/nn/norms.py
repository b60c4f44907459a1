"""Norms keep the numbers that flow through a deep network at one size. Met in week 7.

Shapes: the last axis, of d numbers, is what is normalized; "..." are any dimensions before it. In half precision
squares overflow at 256 and lose most of their digits, so they are taken in float32.
"""

import torch
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """y = (x − mean) / √(variance + ε) · weight + bias, over the last axis.

    forward: (..., d) → (..., d), same dtype. The variance divides by d, not by d − 1; ε stands inside the root.

    weight starts at one and bias at zero. Computed in float32 where x is half precision.
    Source: Ba, Kiros & Hinton (1607.06450).
    """

    def __init__(self, d: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d))
        self.bias = nn.Parameter(torch.zeros(d))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        centred = wide - wide.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return (centred / torch.sqrt(variance + self.eps)).to(x.dtype) * self.weight + self.bias


class RMSNorm(nn.Module):
    """y = x / √(mean of x² + ε) · weight, over the last axis: LayerNorm without the mean and without a bias.

    forward: (..., d) → (..., d), same dtype. weight starts at one. Computed in float32 where x is half precision.
    Source: Zhang & Sennrich (1910.07467).
    """

    def __init__(self, d: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return (wide * scale).to(x.dtype) * self.weight
