"""Sequences of unequal length in one tensor. Met in week 5; every batch of texts from then on is made like this.

Shapes: n sequences, t the length of the longest of them.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor


def pad_batch(sequences: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Puts n sequences of ids into one table, each from its start on; what is left of a row is filled with pad_id.

    sequences: n lists of ids, n ≥ 1   →   ids (n, t), lengths (n,), both int64

    Keep the lengths: the table alone does not say where a sequence ends, since pad_id may also be a token.
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    ids = torch.full((len(sequences), int(lengths.max())), pad_id)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = torch.as_tensor(sequence, dtype=torch.int64)
    return ids, lengths


def batches_by_length(
    sequences: Sequence[Sequence[int]],
    targets: Tensor,
    batch_size: int,
    generator: torch.Generator,
    pool: int = 20,
    pad: Callable[[Sequence[Sequence[int]]], tuple[Tensor, Tensor]] = pad_batch,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One pass over sequences in random order, in batches (ids, lengths, targets) of nearly equal lengths.

    sequences: n lists of ids   targets: (n, …)   pool: so many batches' worth are sorted by length at a time;
    with 1 nothing is gained   pad: makes (ids, lengths) of a batch's sequences

    Short sequences that share a batch with long ones are mostly padding, which costs as much time as tokens do. So the
    shuffled examples are sorted within each pool, cut into batches, and the batches shuffled.
    """
    order = torch.randperm(len(sequences), generator=generator)
    by_length = torch.tensor([len(sequence) for sequence in sequences])
    batches: list[Tensor] = []
    for some in order.split(batch_size * pool):
        some = some[by_length[some].argsort(stable=True)]
        batches += some.split(batch_size)
    for number in torch.randperm(len(batches), generator=generator).tolist():
        chosen = batches[number]
        ids, lengths = pad([sequences[i] for i in chosen.tolist()])
        yield ids, lengths, targets[chosen]
