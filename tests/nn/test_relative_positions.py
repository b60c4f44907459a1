"""Buckets beside T5's own; squeezed positions."""

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from shared.nn.positions import rotary
from shared.nn.relative_positions import interpolated, relative_buckets


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("n_buckets", "furthest"), [(32, 128), (8, 20), (16, 300)])
def test_buckets_are_t5s(causal, n_buckets, furthest):
    distance = torch.arange(-400, 401)
    theirs = T5Attention._relative_position_bucket(
        -distance, bidirectional=not causal, num_buckets=n_buckets, max_distance=furthest
    )
    # T5 puts "ahead" in the upper half too, and counts distance 0 as behind.
    assert torch.equal(relative_buckets(distance, n_buckets, furthest, causal), theirs)


def test_buckets_must_fit():
    for wrong in ({"n_buckets": 7}, {"n_buckets": 2}, {"furthest": 16}):
        with pytest.raises(ValueError, match="n_buckets"):
            relative_buckets(torch.arange(3), **wrong)


def test_interpolated():
    assert interpolated(4, 8).tolist() == [0, 1, 2, 3]
    assert interpolated(8, 4).tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert interpolated(100, 10).max() < 10


def test_squeezed_positions_are_what_rotary_takes():
    """Twice the length at half the step: every second place is turned as in the short text."""
    x = torch.randn(1, 8, 16)
    doubled = x.repeat_interleave(2, dim=1)
    squeezed = rotary(doubled, interpolated(16, 8))
    torch.testing.assert_close(squeezed[:, ::2], rotary(x))
