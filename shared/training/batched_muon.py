"""Muon for volume: `modern_optimizers.Muon` with all matrices of one shape in one batched product (week 9).

A small model has dozens of matrices of two or three shapes. One by one, each is too small to keep the machine busy.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from shared.training.modern_optimizers import Muon


def batched_newton_schulz(
    matrices: Tensor, steps: int = 5, dtype: torch.dtype | None = None
) -> Tensor:
    """`newton_schulz` of many matrices at once.

    matrices: (n, rows, columns) with rows ≤ columns, which is the cheap way round   →   the same shape and dtype
    dtype:    what to compute in; None: that of the matrices. bfloat16 does as well in training: the result only has to
              have singular values near 1.
    """
    a, b, c = (
        3.4445,
        -4.7750,
        2.0315,
    )  # `newton_schulz`'s, whose source must stand by itself (an exercise); tested
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x if dtype is None else x.to(dtype)
    for _ in range(steps):
        gram = x @ x.mT
        both = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # b A + c A²
        x = torch.baddbmm(x, both, x, beta=a)
    return x.to(matrices.dtype)


class BatchedMuon(Muon):
    """`Muon` with the same steps, to rounding; the settings are those of `Muon`.

    momentum may be changed between steps (a warm-up of it helps where the learning rate is high).
    dtype: what Newton-Schulz computes in; None: the parameters' own
    m:     for each parameter its momentum, in the order of `parameters`

    Parameters may be sharded over processes (DTensor of FSDP2): each momentum stays sharded, and a matrix is gathered
    only for the moment in which it is orthogonalized. Raises ValueError for a parameter that is no matrix.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        newton_schulz_steps: int = 5,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(parameters, lr, momentum, weight_decay, newton_schulz_steps)
        self.dtype = dtype

    @torch.no_grad()
    def step(self) -> None:
        moving = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        if not moving:
            return
        parameters = [self.parameters[i] for i in moving]
        gradients = [p.grad for p in parameters]
        momenta = [self.m[i] for i in moving]
        torch._foreach_lerp_(momenta, gradients, 1 - self.momentum)
        ahead = torch._foreach_lerp(gradients, momenta, self.momentum)
        torch._foreach_mul_(parameters, 1 - self.lr * self.weight_decay)
        for places in self._by_shape(parameters).values():
            wide = [_wide(_whole(ahead[i])) for i in places]
            updates = batched_newton_schulz(torch.stack(wide), self.newton_schulz_steps, self.dtype)
            for i, update in zip(places, updates):
                p = parameters[i]
                rows, columns = p.shape
                update = update if rows <= columns else update.mT
                p.add_(_as_sharded(update, p), alpha=-self.lr * max(1, rows / columns) ** 0.5)

    @staticmethod
    def _by_shape(parameters: list[Tensor]) -> dict[tuple[int, ...], list[int]]:
        """Places of the matrices of each shape; a matrix and a transposed one are of one shape."""
        found: dict[tuple[int, ...], list[int]] = {}
        for i, p in enumerate(parameters):
            found.setdefault(tuple(sorted(p.shape)), []).append(i)
        return found


def _wide(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT


def _whole(tensor: Tensor) -> Tensor:
    """A tensor that is sharded over processes, gathered; any other as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _as_sharded(whole: Tensor, like: Tensor) -> Tensor:
    """A tensor that every process has whole, cut as `like` is; no process has to be asked for it."""
    if not hasattr(like, "full_tensor"):
        return whole
    from torch.distributed.tensor import DTensor, Replicate

    everywhere = [Replicate()] * like.device_mesh.ndim
    same = DTensor.from_local(whole.contiguous(), like.device_mesh, everywhere, run_check=False)
    return same.redistribute(placements=like.placements)
