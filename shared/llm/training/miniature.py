"""Many machines in miniature: ranks that are entries of a list, in one process. Met in week 9's explore notebook on
many machines.

    wire = Wire(4)
    sums = ring_all_reduce(gradients, wire)       # wire.numbers: what each rank has sent
    memory_per_rank(7.5e9, 64, stage=3)           # bytes for weights, gradients, optimizer
    parallel_mlp(x, up, down, bias, 2, Meeting())
    pipeline_schedule(4, 8)

Sources: Patarasuk & Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations" (2009), for the ring;
Rajbhandari et al., "ZeRO" (1910.02054), section 3, for the memory; Shoeybi et al., "Megatron-LM" (1909.08053), section
3, for the split of a layer; Huang et al., "GPipe" (1811.06965), for the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


class Wire:
    """From each rank to the one on its right, and from the last to the first. Counts what goes over it.

    wire(rank, chunk) → what the rank on the right receives   numbers, messages: sent so far by each rank
    """

    def __init__(self, n_ranks: int) -> None:
        self.numbers = [0] * n_ranks
        self.messages = [0] * n_ranks

    def __call__(self, rank: int, chunk: Tensor) -> Tensor:
        self.numbers[rank] += chunk.numel()
        self.messages[rank] += 1
        return chunk.clone()


class Meeting:
    """An all-reduce of all ranks' tensors, as a library gives it: a list of n → a list of n sums. Counts its calls."""

    def __init__(self) -> None:
        self.calls = self.numbers = 0

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        self.calls += 1
        self.numbers += tensors[0].numel()
        total = torch.stack(list(tensors)).sum(0)
        return [total.clone() for _ in tensors]


def ring_all_reduce(ranks: Sequence[Tensor], send: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
    """The sum of all ranks' vectors, on every rank, by messages to the right neighbour only.

    ranks: n vectors (length,), length a multiple of n   send(rank, chunk) → what rank + 1 receives   → n sums (length,)
    Each vector is cut in n chunks. Twice n − 1 rounds: in the first each rank adds up what comes in and passes it on,
    until it has one chunk of the whole sum; in the second these go round. Each rank sends 2 (n − 1) / n of its length.
    """
    n = len(ranks)
    chunks = [list(vector.chunk(n)) for vector in ranks]
    for step in range(n - 1):  # add up: afterwards rank r has the whole sum of chunk r + 1
        received = [send(r, chunks[r][(r - step) % n]) for r in range(n)]
        for r in range(n):
            place = (r - 1 - step) % n
            chunks[r][place] = chunks[r][place] + received[r - 1]
    for step in range(n - 1):  # hand round
        received = [send(r, chunks[r][(r + 1 - step) % n]) for r in range(n)]
        for r in range(n):
            chunks[r][(r - step) % n] = received[r - 1]
    return [torch.cat(own) for own in chunks]


def memory_per_rank(n_parameters: float, n_ranks: int, stage: int) -> tuple[float, float, float]:
    """(bytes of weights, of gradients, of the optimizer) on each rank, for training with Adam in 16 bits.

    Each parameter has a weight and a gradient of 2 bytes, and for the optimizer 12: weight, mean and square of 4 each.
    stage: what is spread over the ranks: 0 nothing (DDP), 1 the optimizer's, 2 gradients too, 3 weights too (FSDP)
    """
    weights, gradients, optimizer = 2 * n_parameters, 2 * n_parameters, 12 * n_parameters
    if stage >= 1:
        optimizer /= n_ranks
    if stage >= 2:
        gradients /= n_ranks
    if stage >= 3:
        weights /= n_ranks
    return weights, gradients, optimizer


def parallel_mlp(
    x: Tensor,
    up: Tensor,
    down: Tensor,
    bias: Tensor,
    n_ranks: int,
    all_reduce: Callable[[Sequence[Tensor]], list[Tensor]],
) -> list[Tensor]:
    """gelu(x · up) · down + bias, spread over ranks: the output on each of them, with one all-reduce.

    x: (…, d)   up: (d, hidden)   down: (hidden, d)   bias: (d,)   → n_ranks tensors (…, d)
    Each rank has a share of up's columns and the same share of down's rows: its hidden numbers are its own.
    """
    ups, downs = up.chunk(n_ranks, dim=1), down.chunk(n_ranks, dim=0)
    parts = [F.gelu(x @ own_up) @ own_down for own_up, own_down in zip(ups, downs)]
    return [total + bias for total in all_reduce(parts)]


def pipeline_schedule(n_stages: int, n_micro: int) -> list[list[int | None]]:
    """Which micro-batch each stage works on at each time, on the way forward: a row for each stage.

    None where it waits. Stage s has micro-batch m at time s + m, so a row has n_stages + n_micro − 1 times.
    """
    times = range(n_stages + n_micro - 1)
    return [
        [time - stage if 0 <= time - stage < n_micro else None for time in times]
        for stage in range(n_stages)
    ]
