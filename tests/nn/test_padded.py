"""Padded batches against torch's packed sequences: values, gradients, both directions, layers."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from shared.nn import padded
from shared.nn.attention import padding_mask
from shared.nn.recurrent import GRUCell, LSTMCell, RNNCell

KINDS = {"RNN": (RNNCell, nn.RNN), "LSTM": (LSTMCell, nn.LSTM), "GRU": (GRUCell, nn.GRU)}
each = pytest.mark.parametrize("name", KINDS)
LENGTHS = torch.tensor([4, 9, 1, 6])
DIRECTIONS = ("", "_reverse")


def packed(layer, x):
    """What torch makes of the same batch."""
    rows = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, state = layer(rows)
    return pad_packed_sequence(outputs, batch_first=True)[0], state


def torchs(kind, d_in, d, cells, layers=1):
    """torch's layer with the weights of our cells, given in torch's order."""
    twice = len(cells) == 2 * layers
    layer = KINDS[kind][1](d_in, d, layers, batch_first=True, bidirectional=twice).double()
    weights, cells = {}, iter(cells)
    for depth in range(layers):
        for direction in DIRECTIONS[: 1 + twice]:
            state = next(cells).state_dict()
            weights |= {f"{key}_l{depth}{direction}": value for key, value in state.items()}
    layer.load_state_dict(weights)
    return layer


def with_gradients(work, module, x):
    """Outputs, and the gradients of the inputs and of all weights, from a sum in which each number counts."""
    leaf = x.clone().requires_grad_()
    outputs = work(leaf)
    flat = torch.cat([out.flatten() for out in outputs])
    (flat * torch.linspace(1, 2, len(flat), dtype=flat.dtype)).sum().backward()
    return [*outputs, leaf.grad, *(p.grad for p in module.parameters())]


def batch(d_in=3, seed=0):
    """Random everywhere, in the padding too."""
    return torch.randn(
        4, 9, d_in, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def assert_all_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def states(state):
    """(n, d) parts of ours, or (1, n, d) parts of torch's, as a list of (n, d)."""
    parts = state if isinstance(state, tuple) else (state,)
    return [part.reshape(4, -1) for part in parts]


@each
def test_unroll_padded_is_a_packed_sequence(name):
    cell = KINDS[name][0](3, 5).double()
    layer, x = torchs(name, 3, 5, [cell]), batch()

    def ours(x):
        outputs, state = padded.unroll_padded(cell, x, LENGTHS)
        return outputs, *states(state)

    def theirs(x):
        outputs, state = packed(layer, x)
        return outputs, *states(state)

    assert_all_close(with_gradients(ours, cell, x), with_gradients(theirs, layer, x))


@each
def test_unroll_padded_goes_on_from_a_state(name):
    cell = KINDS[name][0](3, 5).double()
    layer, x = torchs(name, 3, 5, [cell]), batch()
    start = [torch.randn(4, 5, dtype=torch.float64) for _ in range(2 if name == "LSTM" else 1)]
    state = tuple(start) if name == "LSTM" else start[0]
    rows = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    theirs = tuple(s[None] for s in start) if name == "LSTM" else start[0][None]
    expected, last = layer(rows, theirs)
    outputs, found = padded.unroll_padded(cell, x, LENGTHS, state)
    assert_all_close(
        [outputs, *states(found)], [pad_packed_sequence(expected, True)[0], *states(last)]
    )


@each
@pytest.mark.parametrize("reader", ["ours", "torch's"])
def test_bidirectional_is_torchs(name, reader):
    cells = [KINDS[name][0](3, 5).double() for _ in range(2)]
    layer = torchs(name, 3, 5, cells)
    if reader == "ours":
        both = padded.Bidirectional(*map(padded.Unrolled, cells))
    else:
        both = padded.Bidirectional(*(padded.Layer(torchs(name, 3, 5, [cell])) for cell in cells))
    found = with_gradients(lambda x: [both(x, LENGTHS)], both, batch())
    assert_all_close(found, with_gradients(lambda x: [packed(layer, x)[0]], layer, batch()))


@each
def test_stacked_is_torchs(name):
    cells = [KINDS[name][0](d_in, 4).double() for d_in in (3, 3, 8, 8)]
    layer = torchs(name, 3, 4, cells, layers=2)
    readers = [padded.Unrolled(cell) for cell in cells]
    tower = padded.Stacked(padded.Bidirectional(*readers[i : i + 2]) for i in (0, 2))
    found = with_gradients(lambda x: [tower(x, LENGTHS)], tower, batch())
    assert_all_close(found, with_gradients(lambda x: [packed(layer, x)[0]], layer, batch()))


@pytest.mark.parametrize("rubbish", [1e6, math.inf, math.nan])
def test_what_stands_in_the_padding_does_not_count(rubbish):
    mask = padded.real_tokens(LENGTHS, 9)
    x = batch()
    dirty = x.masked_fill(~mask[..., None], rubbish)
    cells = [LSTMCell(3, 5).double() for _ in range(2)]
    both = padded.Bidirectional(*map(padded.Unrolled, cells))
    assert torch.equal(both(x, LENGTHS), both(dirty, LENGTHS))
    assert (both(dirty, LENGTHS)[~mask] == 0).all()
    for pool in (padded.masked_mean, padded.masked_max):
        assert torch.equal(pool(x, mask), pool(dirty, mask))


def test_a_sequence_alone_and_in_a_batch_is_the_same():
    both = padded.Bidirectional(*(padded.Unrolled(GRUCell(3, 5).double()) for _ in range(2)))
    x = batch()
    together = both(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = both(x[row : row + 1, :length], LENGTHS[row : row + 1])
        torch.testing.assert_close(together[row, :length], alone[0], rtol=1e-10, atol=1e-12)


def test_reverse_padded_turns_each_within_its_length():
    x = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 7], [8, 0, 0, 0]])
    turned = padded.reverse_padded(x, torch.tensor([3, 4, 1]))
    assert turned.tolist() == [[3, 2, 1, 0], [7, 6, 5, 4], [8, 0, 0, 0]]
    assert torch.equal(
        padded.reverse_padded(batch(), LENGTHS), padded.reverse_padded(batch(), LENGTHS)
    )
    again = padded.reverse_padded(padded.reverse_padded(batch(), LENGTHS), LENGTHS)
    assert torch.equal(again, batch())


def test_layer_refuses_what_it_cannot_read():
    for layer in (nn.LSTM(2, 3), nn.GRU(2, 3, batch_first=True, bidirectional=True)):
        with pytest.raises(ValueError, match="batch_first"):
            padded.Layer(layer)


def test_masked_mean_and_max_are_those_of_each_sequence():
    x = batch()
    mask = padded.real_tokens(LENGTHS, 9)
    for row, length in enumerate(LENGTHS.tolist()):
        mean, largest = x[row, :length].mean(dim=0), x[row, :length].amax(dim=0)
        torch.testing.assert_close(padded.masked_mean(x, mask)[row], mean)
        torch.testing.assert_close(padded.masked_max(x, mask)[row], largest)


def test_masked_mean_and_max_of_nothing_are_zero():
    x, mask = batch().requires_grad_(), torch.zeros(4, 9, dtype=torch.bool)
    for pool in (padded.masked_mean, padded.masked_max):
        assert (pool(x, mask) == 0).all()
        pool(x, mask).sum().backward()
        assert torch.isfinite(x.grad).all()


def test_masked_mean_gradient_is_one_over_the_length():
    x, mask = batch().requires_grad_(), padded.real_tokens(LENGTHS, 9)
    padded.masked_mean(x, mask).sum().backward()
    expected = (mask / LENGTHS[:, None]).double()[..., None].expand_as(x)
    torch.testing.assert_close(x.grad, expected)


def test_real_tokens_are_the_padding_mask_without_its_queries() -> None:
    assert torch.equal(padded.real_tokens(LENGTHS, 9), padding_mask(LENGTHS, 9).squeeze(-2))
