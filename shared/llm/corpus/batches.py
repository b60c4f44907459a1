"""Batches of windows from packed tokens, in a seeded order that is a pure function of the step (weeks 8 and 9).

    batches = Batches(Tokens.open("run/pack", "train"), context=256, batch_size=8, seed=0)
    batch = batches.batch(step)     # the same for the same step, today and after any interruption

Nothing is kept from one step to the next, so a run resumes to the token by its step alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shared.llm.corpus.tokens import Tokens


class Batch(NamedTuple):
    """inputs, targets: int64 (n, context), the targets are the inputs one token on.

    documents: int64 (n, context), the number of each input's document within its row, from 0: attention that must not
    cross documents is allowed where two positions have the same number. An end-of-text token belongs to what it ends.
    """

    inputs: Tensor
    targets: Tensor
    documents: Tensor


class Batches:
    """Windows of `context` tokens that do not overlap, shuffled anew in each epoch.

    Window k of an epoch has as inputs the tokens [offset + k·context, offset + (k+1)·context) and as targets the tokens
    one on. The offset, in [0, context), changes with the epoch, so that windows are not cut at the same places again.
    Epochs follow each other without a break: every window comes once before any comes twice.

    rank, world_size: of several processes, each gets its part of the rows of every batch; together they get the batch
    that one process would get. batch_size: rows over all processes.
    """

    def __init__(
        self,
        tokens: Tokens,
        context: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"batch_size must be a positive multiple of the {world_size} processes; it was {batch_size}"
            )
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must be in [0, {world_size}); it was {rank}")
        self.tokens, self.context, self.batch_size, self.seed = tokens, context, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.n_windows()

    def n_windows(self, context: int | None = None) -> int:
        """Windows in one epoch. Where there are several, one less than fit, so that there is room for the offset."""
        context = self.context if context is None else context
        if context < 1:
            raise ValueError(f"context must be 1 or more; it was {context}")
        fit = (len(self.tokens) - 1) // context
        if fit < 1:
            raise ValueError(
                f"context must be less than the {len(self.tokens):,} tokens of the split; it was {context:,}. "
                "Take a shorter context or a larger corpus."
            )
        return max(1, fit - 1)

    def __len__(self) -> int:
        """Steps of one epoch, the last of which may go on into the next epoch."""
        return -(-self.n_windows() // self.batch_size)

    def batch(self, step: int, context: int | None = None) -> Batch:
        """The batch of a step (from 0, without end); context: another one for this step, for a context that grows."""
        if step < 0:
            raise ValueError(f"step must be 0 or more; it was {step}")
        context = self.context if context is None else context
        rows = self.batch_size // self.world_size
        first = step * self.batch_size + self.rank * rows
        starts = self.starts(np.arange(first, first + rows), context)
        windows = np.stack([self.tokens.read(int(start), context + 1) for start in starts])
        inputs = windows[:, :-1]
        ends = inputs == self.tokens.eos_id
        return Batch(
            torch.from_numpy(inputs.copy()),
            torch.from_numpy(windows[:, 1:].copy()),
            torch.from_numpy(np.cumsum(ends, axis=1) - ends),
        )

    def starts(self, samples: np.ndarray, context: int) -> np.ndarray:
        """Where the windows begin in the split; samples: int64 (n,), numbers of windows counted over all epochs."""
        n_windows = self.n_windows(context)
        room = min(context, len(self.tokens) - n_windows * context)  # offsets that fit
        epochs, places = np.divmod(samples, n_windows)
        starts = np.empty_like(samples)
        for epoch in np.unique(epochs):
            now = epochs == epoch
            key = _mix(np.uint64(self.seed % (1 << 64)), np.uint64(epoch))
            offset = int(_mix(key, np.uint64(0))) % room
            starts[now] = offset + context * shuffled(places[now], n_windows, key)
        return starts


def shuffled(places: np.ndarray, n: int, key: np.uint64) -> np.ndarray:
    """Where each place goes in a permutation of 0 … n-1 that the key chooses: int64 (k,) to int64 (k,).

    A Feistel network (four rounds; Luby & Rackoff 1988) permutes the numbers below the next power of four, and is
    applied again where it leads out of 0 … n-1. Unlike a stored permutation it needs no memory, however large n is,
    and unlike NumPy's generators it is the same in every version.
    """
    half = np.uint64(max(1, -(-max(n - 1, 1).bit_length() // 2)))  # bits of each half
    mask = (np.uint64(1) << half) - np.uint64(1)
    values = places.astype(np.uint64)
    outside = np.ones(len(values), dtype=bool)
    while outside.any():
        left, right = values[outside] >> half, values[outside] & mask
        for turn in range(1, 5):
            left, right = right, left ^ (_mix(key ^ np.uint64(turn), right) & mask)
        values[outside] = (left << half) | right
        outside = values >= np.uint64(n)
    return values.astype(np.int64)


def _mix(key: np.uint64, values: np.ndarray | np.uint64) -> np.ndarray:
    """A number that looks random from a key and a number, uint64 (the finalizer of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        mixed = np.atleast_1d(values) + key * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed if np.ndim(values) else mixed[0]
