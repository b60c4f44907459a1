"""Attention of one query for each text, whose key and value go into the cache at the same time: see `one_query.cpp`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from shared.llm.compiling import function
from shared.llm.writing.cache import KVCache


def one_query(
    query_and_key: Tensor, value: Tensor, cache: KVCache, seen: Tensor | None = None
) -> Tensor:
    """`cache.extend(key, value)`, and then softmax(query keysᵀ / √d) values: → (n, n_heads · d). It has no gradients.

    query_and_key: (n, n_heads + n_kv_heads, 1, d)   value: (n, n_kv_heads, 1, d)   as the cache float32 on a CPU, with
                   the heads of a text side by side in memory, as one product makes them
    seen:          True at the keys that a text may look at, one of them at least, in any shape of n · length numbers,
                   where `length` counts the new one; None: all

    Raises ValueError for tensors that are not so, and where the cache is full; it stays as it was then.
    """
    n, heads, capacity, d = cache.keys.shape
    of_text, of_head, _, of_number = query_and_key.stride()
    value_of_text, value_of_head, _, value_of_number = value.stride()
    t, times = cache.length + 1, query_and_key.shape[1] // heads - 1
    if t > capacity:
        raise ValueError(f"the cache holds {capacity} tokens and is full.")
    fit = query_and_key.shape == (n, heads * (times + 1), 1, d) and value.shape == (n, heads, 1, d)
    close = (of_head, of_number, value_of_head, value_of_number) == (d, 1, d, 1)
    if not (
        fit and close and (seen is None or (seen.numel() == n * t and seen.dtype is torch.bool))
    ):
        shapes = [tuple(x.shape) for x in (query_and_key, value, cache.keys, seen) if x is not None]
        raise ValueError(
            f"query and key, value, the cache (and what is seen) are {shapes} at length {t}; "
            "they do not fit together, or lie in pieces."
        )
    for x in (query_and_key, value, cache.keys):
        if x.dtype is not torch.float32 or not x.is_cpu:
            raise ValueError(f"a tensor is {x.dtype} on {x.device}; all must be float32 on a CPU.")
    seen = None if seen is None else seen.contiguous()
    y = query_and_key.new_empty(n, heads * times * d)
    place = query_and_key.data_ptr()
    load()(
        place,
        place + 4 * heads * times * d,
        value.data_ptr(),
        cache.keys.data_ptr(),
        cache.values.data_ptr(),
        None if seen is None else seen.data_ptr(),
        y.data_ptr(),
        *(n, heads, times, t, capacity, d, of_text, of_text, value_of_text),
        torch.get_num_threads(),
    )
    cache.length = t
    return y


@cache
def load() -> Callable[..., None]:
    """The compiled function. Raises OSError where there is no compiler."""
    return function(Path(__file__).with_suffix(".cpp"), addresses=7, sizes=9)
