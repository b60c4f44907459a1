"""RNNCell and unroll against torch's cell and layer: the same weights, values and gradients."""

import pytest
import torch
from torch import nn

from shared.nn.recurrent import RNNCell, unroll


def pulled(*outputs):
    """A scalar in which every number counts differently, so that no two errors cancel."""
    flat = torch.cat([out.flatten() for out in outputs])
    return (flat * torch.linspace(1, 2, len(flat), dtype=flat.dtype)).sum()


def layer_of(cell, d_in, d):
    """torch's layer with a cell's weights."""
    layer = nn.RNN(d_in, d, batch_first=True).to(cell.weight_ih.dtype)
    layer.load_state_dict({f"{name}_l0": p for name, p in cell.state_dict().items()})
    return layer


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("scale", [1.0, 6.0])  # at 6 most neurons are saturated
def test_cell_is_torchs(n, scale):
    torch.manual_seed(1)
    ours, theirs = RNNCell(5, 7).double(), nn.RNNCell(5, 7).double()
    with torch.no_grad():
        for p in ours.parameters():
            p.mul_(scale)
    theirs.load_state_dict(ours.state_dict())
    x, h = torch.randn(n, 5, dtype=torch.float64), torch.randn(n, 7, dtype=torch.float64)
    found = []
    for cell in (ours, theirs):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, h)]
        out = cell(*leaves)
        pulled(out).backward()
        found.append([out, *(leaf.grad for leaf in leaves), *(p.grad for p in cell.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_without_a_state_it_starts_at_zero():
    ours, theirs = RNNCell(3, 6), nn.RNNCell(3, 6)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 8])
@pytest.mark.parametrize("given", [False, True])
def test_unrolled_it_is_torchs_layer(n, given):
    """Float32 as in the notebook, 60 steps: outputs, last state and all gradients within 1e-5."""
    torch.manual_seed(2)
    cell = RNNCell(10, 16)
    layer = layer_of(cell, 10, 16)
    inputs = torch.randn(n, 60, 10)
    start = torch.randn(n, 16) if given else None
    ours_in, theirs_in = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
    ours, ours_last = unroll(cell, ours_in, start)
    theirs, theirs_last = layer(theirs_in, None if start is None else start[None])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours_last, theirs_last[0], rtol=1e-5, atol=1e-5)
    (ours.square().mean() + ours_last.sum() / ours_last.numel()).backward()
    (theirs.square().mean() + theirs_last.sum() / theirs_last.numel()).backward()
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, rtol=1e-5, atol=1e-5)
    for a, b in zip(cell.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-5)


def test_starts_as_torchs():
    ours, theirs = RNNCell(100, 64), nn.RNNCell(100, 64)
    for (name, a), (other, b) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        assert a.shape == b.shape
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.35)
        assert a.abs().max() <= 64**-0.5


def test_in_two_pieces_as_in_one():
    cell, inputs = RNNCell(3, 4), torch.randn(2, 9, 3)
    whole, last = unroll(cell, inputs)
    first, state = unroll(cell, inputs[:, :5])
    second, end = unroll(cell, inputs[:, 5:], state)
    torch.testing.assert_close(whole, torch.cat([first, second], dim=1))
    torch.testing.assert_close(last, end)


def test_the_past_does_not_know_the_future():
    cell, inputs = RNNCell(3, 4), torch.randn(1, 8, 3, requires_grad=True)
    outputs, _ = unroll(cell, inputs)
    outputs[0, 3].sum().backward()
    assert (inputs.grad[0, :4] != 0).any(dim=1).all()
    assert (inputs.grad[0, 4:] == 0).all()
