"""One KV cache for many texts of different lengths, which come and go while the others are written. Met in week 9.

A text has a row, from its first token in column 0 on. `KVCache` holds texts that grow in step; here each has a length
of its own. Rows 0 to n − 1 are in use, without gaps, so that a step reads a slice of the memory and copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.llm.config import ModelConfig

_BLOCK = 64  # capacities are multiples of it, so that growing is rare


class Rows:
    """The keys and values of all blocks, of up to `max_rows` texts, in no more than `max_tokens` tokens of memory.

    fits(rows, length):    whether so many rows of that length are within `max_tokens`
    reserve(rows, length): makes room for them; what the rows hold is kept
    prompt(row, start):    caches, one for each block, that read a stretch of one text, (1, length), from `start` on
    step(positions):       caches that read one token for each of the first n rows, (n, 1), at their n positions
    move(source, target):  copies a row over another
    release():             gives the memory back; no row holds anything then
    """

    def __init__(
        self,
        config: ModelConfig,
        max_rows: int,
        max_tokens: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> None:
        self.config, self.max_rows, self.max_tokens = config, max_rows, max_tokens
        self.dtype, self.device = dtype, device
        self.release()

    def release(self) -> None:
        self.rows = self.length = 0
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def fits(self, rows: int, length: int) -> bool:
        return rows <= self.max_rows and rows * length <= self.max_tokens

    def reserve(self, rows: int, length: int) -> None:
        if rows <= self.rows and length <= self.length:
            return
        if not self.fits(rows, length):
            raise ValueError(
                f"{rows} rows of {length} tokens do not fit: the cache holds {self.max_tokens} "
                f"tokens in {self.max_rows} rows."
            )
        # More than was asked for, where the limit allows it: else each new text would copy all the others.
        wide = max(-(-length // _BLOCK) * _BLOCK, self.length)
        many = max(1 << (rows - 1).bit_length(), self.rows)
        choices = ((many, wide), (rows, wide), (many, length), (rows, length))
        rows, length = next(size for size in choices if self.fits(*size))
        self.keys = [self._grown(old, rows, length) for old in self.keys or self._none()]
        self.values = [self._grown(old, rows, length) for old in self.values or self._none()]
        self.rows, self.length = rows, length

    def prompt(self, row: int, start: int) -> list[PromptCache]:
        return [PromptCache(k[row], v[row], start) for k, v in zip(self.keys, self.values)]

    def step(self, positions: list[int]) -> list[StepCache]:
        places, longest = torch.tensor(positions, device=self.device), max(positions) + 1
        return [StepCache(k, v, places, longest) for k, v in zip(self.keys, self.values)]

    def move(self, source: int, target: int) -> None:
        for tensor in (*self.keys, *self.values):
            tensor[target] = tensor[source]

    def _none(self) -> Sequence[None]:
        return [None] * self.config.n_layers

    def _grown(self, old: Tensor | None, rows: int, length: int) -> Tensor:
        config = self.config
        new = torch.zeros(  # not empty: a NaN that nobody looks at still spoils a weighted sum
            rows, config.kv_heads, length, config.head_width, dtype=self.dtype, device=self.device
        )
        if old is not None:
            kept = min(rows, old.shape[0]), min(length, old.shape[2])
            new[: kept[0], :, : kept[1]] = old[: kept[0], :, : kept[1]]
        return new


class PromptCache:
    """One block's part of one row, while its prompt is read: see `Cache` of grouped attention."""

    def __init__(self, keys: Tensor, values: Tensor, start: int) -> None:
        self.keys, self.values, self.start = keys, values, start  # (n_kv_heads, capacity, d)

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        end = self.start + key.shape[-2]
        self.keys[:, self.start : end] = key[0]
        self.values[:, self.start : end] = value[0]
        return self.keys[None, :, :end], self.values[None, :, :end]


class StepCache:
    """One block's part of the first n rows, each of which gets one more token at its own position."""

    def __init__(self, keys: Tensor, values: Tensor, positions: Tensor, longest: int) -> None:
        self.keys, self.values = keys, values
        self.positions, self.longest = positions, longest
        self.numbers = torch.arange(len(positions), device=positions.device)

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        self.keys[self.numbers, :, self.positions] = key[:, :, 0]
        self.values[self.numbers, :, self.positions] = value[:, :, 0]
        n = len(self.positions)
        return self.keys[:n, :, : self.longest], self.values[:n, :, : self.longest]


def bytes_of_a_token(config: ModelConfig, dtype: torch.dtype = torch.float32) -> int:
    """What one token of one text takes in the cache."""
    return 2 * config.n_layers * config.kv_heads * config.head_width * dtype.itemsize
