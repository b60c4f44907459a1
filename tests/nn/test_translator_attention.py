"""Attention for translation beside torch's kernel, and against sums written out; words beside characters."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from shared.nn.attention import fused_attention
from shared.nn.translator_attention import (
    AdditiveAttention,
    DotProductAttention,
    length_quarters,
    word_alignment,
)

N, T, S, D = 2, 3, 5, 4


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    mask = torch.tensor([[True] * S, [True, True, True, False, False]])
    return torch.randn(N, T, D), torch.randn(N, S, D), mask


def test_dot_product_is_torchs_kernel(inputs):
    query, memory, mask = inputs
    ours = DotProductAttention(D)
    one, other = query.clone().requires_grad_(), query.clone().requires_grad_()
    mine = ours(one, memory, mask)
    theirs = F.scaled_dot_product_attention(
        F.linear(other, ours.query.weight), memory, memory, attn_mask=mask[:, None]
    )
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)
    mine.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-5)
    ours.attention = fused_attention
    torch.testing.assert_close(ours(query, memory, mask), theirs, atol=1e-6, rtol=1e-5)


def test_additive_one_pair_at_a_time(inputs):
    query, memory, mask = inputs
    ours = AdditiveAttention(D)
    expected = torch.zeros(N, T, D)
    for n in range(N):
        real = memory[n, mask[n]]
        for t in range(T):
            scores = [
                ours.score.weight[0]
                @ torch.tanh(ours.query.weight @ query[n, t] + ours.key.weight @ m)
                for m in real
            ]
            expected[n, t] = torch.softmax(torch.stack(scores), 0) @ real
    torch.testing.assert_close(ours(query, memory, mask), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", [DotProductAttention, AdditiveAttention])
def test_weights(kind, inputs):
    weights = kind(D).weights(*inputs)
    assert weights.shape == (N, T, S)
    torch.testing.assert_close(weights.sum(-1), torch.ones(N, T))
    assert not weights[1, :, 3:].any()


def test_words():
    weights = torch.tensor([[0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 0.5, 0.5], [0.1, 0.2, 0.3, 0.4]])
    # target "a b": a, space, b; source "xy z" → "xy", "z"
    found = word_alignment(weights, "a b", "xy z")
    torch.testing.assert_close(found, torch.tensor([[0.75, 0.0], [0.3, 0.4]]))
    assert word_alignment(torch.ones(2, 3) / 3, "ab", "abc").tolist() == [[pytest.approx(1.0)]]
    assert word_alignment(torch.ones(4, 1), " ab ", "x").shape == (1, 1)
    with pytest.raises(ValueError, match="2 and 3"):
        word_alignment(torch.ones(3, 2), "ab", "abc")


@pytest.mark.parametrize("n", [3, 8, 10, 101])
def test_quarters_are_numpys(n):
    lengths = torch.randint(1, 30, (n,), generator=torch.Generator().manual_seed(n))
    expected = np.array_split(np.argsort(lengths.numpy(), kind="stable"), 4)
    for ours, theirs in zip(length_quarters(lengths), expected, strict=True):
        assert ours.tolist() == theirs.tolist()
