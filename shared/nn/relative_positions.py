"""Two more ways with positions: distances in buckets (T5), and rotary positions squeezed for longer texts.

Met in week 6's explore notebook.
"""

import math

import torch
from torch import Tensor


def relative_buckets(
    distance: Tensor, n_buckets: int = 32, furthest: int = 128, causal: bool = True
) -> Tensor:
    """The number of the bucket that a distance falls into: near ones each have their own, far ones share.

    distance: integers of any shape, how far back the key stands (query position − key position)   →   the same shape,
    from 0 to n_buckets − 1

    causal:     0, 1, 2, … up to n_buckets/2 − 1 have a bucket each; from there to `furthest` the buckets grow by a
                constant factor, and the last holds all that is further. A key that is ahead counts as distance 0.
    not causal: half of the buckets are for keys behind, the other half, above them, for keys ahead.

    A model learns one number for each bucket and head, and adds it to the scores.
    Source: Raffel et al., T5 (1910.10683), section 2.1.
    """
    if n_buckets < 4 or n_buckets % 2 or furthest <= n_buckets // 2:
        raise ValueError(
            f"n_buckets is {n_buckets} and furthest {furthest}; n_buckets must be even and at least 4, and furthest "
            "more than half of it."
        )

    def one_sided(distance: Tensor, n_buckets: int) -> Tensor:
        exact = n_buckets // 2  # so many distances have a bucket of their own
        steps = torch.log(distance.clamp(min=1).float() / exact) / math.log(furthest / exact)
        shared = exact + (steps * (n_buckets - exact)).long()
        return torch.where(distance < exact, distance, shared.clamp(max=n_buckets - 1))

    if causal:
        return one_sided(distance.clamp(min=0), n_buckets)
    half = n_buckets // 2
    return (distance < 0).long() * half + one_sided(distance.abs(), half)


def interpolated(length: int, trained_length: int) -> Tensor:
    """Positions 0 … length − 1, squeezed into the range that a model was trained on, where they exceed it.

    →  (length,), float: i · trained_length / length for a text longer than trained_length, else i

    Between two trained positions a rotary model has a good idea of what to do; beyond the last it has none. So a model
    for 2,048 tokens reads 8,192 after a short further training (Chen et al., position interpolation, 2306.15595).
    """
    scale = min(1.0, trained_length / length)
    return torch.arange(length) * scale
