"""Principal component analysis (PCA): the few directions along which data varies most. Met in week 1.

Shapes: n examples with d numbers each in `x` (n, d); k components, each a direction of length 1, in rows (k, d).
Sources: Pearson, "On lines and planes of closest fit to systems of points in space" (1901); by singular values: Eckart
& Young, "The approximation of one matrix by another of lower rank" (1936).
"""

import torch
from torch import Tensor


def principal_components(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The mean of the data, and the k directions of largest variance around it, the largest first.

    x: (n, d)   →   mean (d,), components (k, d)      Raises ValueError where k is not from 1 to min(n, d).

    X − mean = U S Vᵀ: the rows of Vᵀ are the directions. A direction and its opposite serve equally well; here the
    entry of largest size is positive, so that two runs agree.
    """
    if not 1 <= k <= min(x.shape):
        raise ValueError(f"k={k} must be from 1 to {min(x.shape)}, since x is {tuple(x.shape)}.")
    mean = x.mean(dim=0)
    _, _, directions = torch.linalg.svd(x - mean, full_matrices=False)  # (min(n, d), d)
    components = directions[:k]
    signs = torch.stack([row[row.abs().argmax()].sign() for row in components])  # (k,)
    return mean, components * signs[:, None]


def project(x: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    """How far each example lies from the mean along each component: its k scores.

    x: (n, d)   mean: (d,)   components: (k, d)   →   (n, k)
    """
    return (x - mean) @ components.T


def reconstruct(scores: Tensor, mean: Tensor, components: Tensor) -> Tensor:
    """The example that k scores stand for: the mean, plus each component as often as its score says.

    scores: (n, k)   mean: (d,)   components: (k, d)   →   (n, d)
    """
    return mean + scores @ components


def explained_variance(x: Tensor) -> Tensor:
    """The share of the whole variance that lies along each component, the largest first; together they are 1.

    x: (n, d)   →   (min(n, d),)      Raises ValueError where all examples are equal: there is no variance to share.
    """
    centred = x - x.mean(dim=0)
    if not centred.any():
        raise ValueError("All examples in x are equal, so there is no variance to explain.")
    squares = torch.linalg.svdvals(centred).square()
    return squares / squares.sum()
