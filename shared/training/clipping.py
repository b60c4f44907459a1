"""Clipping: no single batch may throw the network far. Met in week 2, and in every recurrent or large model since."""

from collections.abc import Iterable

import torch
from torch import Tensor


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scales all gradients down together, in place, so that their joint length is at most max_norm.

        ‖g‖ = √(Σ over all parameters and all their entries of g²)        g ← g · min(1, max_norm / ‖g‖)

    Returns the length before clipping, a scalar: worth plotting. The direction is kept; parameters without a gradient
    are skipped. Source: Pascanu, Mikolov & Bengio 2012, arXiv 1211.5063. As torch.nn.utils.clip_grad_norm_.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    norm = torch.stack([(g**2).sum() for g in gradients]).sum().sqrt()
    scale = torch.clamp(max_norm / (norm + 1e-6), max=1.0)
    for g in gradients:
        g *= scale
    return norm
