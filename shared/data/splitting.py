"""Seeded splits for data whose publisher made none. The same rows and seed give the same split everywhere."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def cut(n: int, fractions: Sequence[float], seed: int = 0) -> list[np.ndarray]:
    """Shuffle the rows 0 … n−1 and cut them into parts of the given fractions (which sum to 1): int64 arrays."""
    if n < 0 or abs(sum(fractions) - 1) > 1e-9 or min(fractions) < 0:
        raise ValueError(
            f"fractions must be ≥ 0 and sum to 1, and n ≥ 0; they were {list(fractions)} and {n}"
        )
    order = np.random.default_rng(seed).permutation(n)
    ends = np.rint(np.cumsum(fractions)[:-1] * n).astype(int)
    return np.split(order, ends)


def cut_by_class(
    labels: Sequence[int], fractions: Sequence[float], seed: int = 0
) -> list[np.ndarray]:
    """As `cut`, with each class cut by itself, so that all parts have the classes in equal shares, shuffled."""
    labels = np.asarray(labels)
    parts: list[list[np.ndarray]] = [[] for _ in fractions]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        for part, chosen in zip(parts, cut(len(rows), fractions, seed), strict=True):
            part.append(rows[chosen])
    joined = [np.concatenate(part) if part else np.empty(0, dtype=np.int64) for part in parts]
    return [part[np.random.default_rng(seed).permutation(len(part))] for part in joined]


def cut_by_group(
    groups: Sequence[Hashable], fractions: Sequence[float], seed: int = 0
) -> list[np.ndarray]:
    """As `cut`, with all rows of one group in one part, in their own order; the fractions are those of the groups."""
    numbers: dict[Hashable, int] = {}
    group_of_row = np.array(
        [numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64
    )
    part_of_group = np.empty(len(numbers), dtype=np.int64)
    for part, chosen in enumerate(cut(len(numbers), fractions, seed)):
        part_of_group[chosen] = part
    part_of_row = part_of_group[group_of_row]
    return [np.flatnonzero(part_of_row == part) for part in range(len(fractions))]
