"""k-means: groups of points found without any label. Met in week 1.

Shapes: n points with d coordinates each in `x` (n, d); k centres (k, d); `nearest` (n,), for each point
the number of its nearest centre, from 0 to k − 1.
Sources: Lloyd, "Least squares quantization in PCM" (written 1957, printed 1982); Arthur & Vassilvitskii, "k-means++:
the advantages of careful seeding" (2007).
"""

import torch
from torch import Tensor


def squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    """‖xᵢ − cⱼ‖², from each point to each centre.

    x: (n, d)   centres: (k, d)   →   (n, k)
    """
    differences = x[:, None, :] - centres[None, :, :]  # (n, k, d)
    return differences.square().sum(dim=-1)


def assign(x: Tensor, centres: Tensor) -> Tensor:
    """For each point the number of its nearest centre; of equally near ones, the first.

    x: (n, d)   centres: (k, d)   →   (n,), int64
    """
    return squared_distances(x, centres).argmin(dim=1)


def update_centres(x: Tensor, nearest: Tensor, centres: Tensor) -> Tensor:
    """Each centre moved to the mean of its own points. A centre without points stays where it is.

    x: (n, d)   nearest: (n,)   centres: (k, d)   →   (k, d), a new tensor
    """
    moved = centres.clone()
    for j in range(len(centres)):
        own = x[nearest == j]  # (number of its points, d)
        if len(own) > 0:
            moved[j] = own.mean(dim=0)
    return moved


def inertia(x: Tensor, centres: Tensor) -> Tensor:
    """Σᵢ minⱼ ‖xᵢ − cⱼ‖²: what k-means makes small, in the square of x's unit.

    x: (n, d)   centres: (k, d)   →   a scalar
    """
    return squared_distances(x, centres).min(dim=1).values.sum()


def k_means(x: Tensor, centres: Tensor, max_steps: int = 100) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm: assign, update, and again, until no centre moves.

    x: (n, d)   centres: (k, d), the start   →   the centres (k, d) at the end, and `nearest` (n,) for them

    Neither half of a step can raise the inertia, and n points can be shared out in finitely many ways, so it ends;
    where it ends depends on the start.
    """
    for _ in range(max_steps):
        moved = update_centres(x, assign(x, centres), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres, assign(x, centres)


def start_at_random(x: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """k different points, each as likely as any other.

    x: (n, d)   →   (k, d)      Raises ValueError where x does not hold k points.
    """
    _check(x, k)
    return x[torch.randperm(len(x), generator=generator)[:k]]


def start_plus_plus(x: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """k-means++: one point at random, then points far from all that were chosen, with P ∝ (distance to the nearest)².

    x: (n, d)   →   (k, d)      Raises ValueError where x does not hold k points.
    """
    _check(x, k)
    centres = x[torch.randint(len(x), (1,), generator=generator)]
    for _ in range(k - 1):
        weights = squared_distances(x, centres).min(dim=1).values  # (n,)
        if weights.sum() == 0:  # fewer than k different points: any of them will do
            weights = torch.ones_like(weights)
        chosen = torch.multinomial(weights, 1, generator=generator)
        centres = torch.cat([centres, x[chosen]])
    return centres


def _check(x: Tensor, k: int) -> None:
    if x.ndim != 2:
        raise ValueError(
            f"x has the shape {tuple(x.shape)}; it must be (n, d): one point to a row."
        )
    if not 1 <= k <= len(x):
        raise ValueError(
            f"k={k} centres cannot start at {len(x)} points; k must be from 1 to {len(x)}."
        )
