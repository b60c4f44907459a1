"""Simulated ranks, beside one machine, torch's layer and plain counting."""

import pytest
import torch
from torch import nn

from shared.llm.training.miniature import (
    Meeting,
    Wire,
    memory_per_rank,
    parallel_mlp,
    pipeline_schedule,
    ring_all_reduce,
)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_ring_sums_and_what_it_sends(n):
    torch.manual_seed(n)
    ranks = [torch.randn(4 * n, dtype=torch.float64) for _ in range(n)]
    before, wire = [vector.clone() for vector in ranks], Wire(n)
    for found in ring_all_reduce(ranks, wire):
        torch.testing.assert_close(found, sum(before))
    assert all(torch.equal(a, b) for a, b in zip(ranks, before)), "inputs stay as they are"
    assert wire.numbers == [2 * (n - 1) * 4] * n
    assert wire.messages == [2 * (n - 1)] * n


def test_memory_of_the_paper():
    """ZeRO's figure 1: 7.5 billion parameters on 64 ranks take 120, 31.4, 16.6 and 1.9 GB."""
    found = [sum(memory_per_rank(7.5e9, 64, stage)) / 1e9 for stage in range(4)]
    assert found == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.05)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_parallel_mlp_against_torch(n):
    torch.manual_seed(0)
    up, down = nn.Linear(6, 8, bias=False).double(), nn.Linear(8, 6).double()
    x, meeting = torch.randn(3, 5, 6, dtype=torch.float64), Meeting()
    whole = nn.Sequential(up, nn.GELU(), down)(x)
    for found in parallel_mlp(x, up.weight.T, down.weight.T, down.bias, n, meeting):
        torch.testing.assert_close(found, whole)
    assert (meeting.calls, meeting.numbers) == (1, x.numel())


def test_pipeline_schedule():
    assert pipeline_schedule(2, 3) == [[0, 1, 2, None], [None, 0, 1, 2]]
    for stages, micro in ((1, 3), (4, 8), (5, 2)):
        rows = pipeline_schedule(stages, micro)
        waiting = sum(entry is None for row in rows for entry in row)
        assert waiting / sum(map(len, rows)) == pytest.approx((stages - 1) / (micro + stages - 1))
        for entries in zip(*rows):
            busy = [entry for entry in entries if entry is not None]
            assert len(set(busy)) == len(busy), "a micro-batch is at one place at a time"
