"""The KV cache: keys and values of what was read are kept, so that each new token is read once. Written in week 9.

Without it a model that writes t tokens reads 1 + 2 + … + t of them; with it, t. What it costs is memory: 2 · n_layers ·
n_kv_heads · d numbers for each token of each text, which is why week 7's grouped heads are worth having.
Source: Pope et al., "Efficiently Scaling Transformer Inference" (2211.05102), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """The keys and values that one block has made so far, of n texts side by side.

    n:          texts   n_kv_heads: heads of keys and values   d: numbers of a head
    capacity:   the most tokens that it holds; the memory for them is taken once
    extend(key, value): adds new ones, (n, n_kv_heads, length, d) each, and returns all so far,
                (n, n_kv_heads, so far, d) each: views of the cache, not copies
    keep(rows): goes on with these texts only; rows: (m,) of integers, in any order; a text may come twice
    length:     tokens so far

    Raises ValueError where more comes than it holds; what it held stays as it was.
    """

    def __init__(
        self,
        n: int,
        n_kv_heads: int,
        capacity: int,
        d: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.keys = torch.empty(n, n_kv_heads, capacity, d, dtype=dtype, device=device)
        self.values = torch.empty_like(self.keys)
        self.length = 0

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        start, end, capacity = self.length, self.length + key.shape[-2], self.keys.shape[-2]
        if end > capacity:
            raise ValueError(
                f"the cache holds {capacity} tokens and has {start}; {end - start} more do not fit."
            )
        self.keys[:, :, start:end] = key
        self.values[:, :, start:end] = value
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def keep(self, rows: Tensor) -> None:
        self.keys, self.values = self.keys[rows], self.values[rows]


def cache_bytes(
    n: int,
    n_layers: int,
    n_kv_heads: int,
    capacity: int,
    d: int,
    dtype: torch.dtype = torch.float32,
) -> int:
    """Memory of the caches of all blocks, in bytes: 2 · n · n_layers · n_kv_heads · capacity · d numbers."""
    return 2 * n * n_layers * n_kv_heads * capacity * d * dtype.itemsize
