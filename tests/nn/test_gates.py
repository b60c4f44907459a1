"""LSTMCell and GRUCell against torch's cells and layers: the same weights, values and gradients."""

import pytest
import torch
from torch import nn

from shared.nn.recurrent import GRUCell, LSTMCell, unroll

CELLS = {"LSTM": (LSTMCell, nn.LSTMCell, nn.LSTM), "GRU": (GRUCell, nn.GRUCell, nn.GRU)}
each = pytest.mark.parametrize("name", CELLS)


def shown(state):
    return state[0] if isinstance(state, tuple) else state


def pulled(*outputs):
    """A scalar in which every number counts differently, so that no two errors cancel."""
    flat = torch.cat([out.flatten() for out in outputs])
    return (flat * torch.linspace(1, 2, len(flat), dtype=flat.dtype)).sum()


@each
@pytest.mark.parametrize("scale", [1.0, 6.0])  # at 6 most gates are shut or open wide
def test_cell_is_torchs(name, scale):
    ours_class, theirs_class, _ = CELLS[name]
    torch.manual_seed(1)
    ours, theirs = ours_class(5, 7).double(), theirs_class(5, 7).double()
    with torch.no_grad():
        for p in ours.parameters():
            p.mul_(scale)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 5, dtype=torch.float64)
    parts = [torch.randn(4, 7, dtype=torch.float64) for _ in range(2 if name == "LSTM" else 1)]
    found = []
    for cell in (ours, theirs):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, *parts)]
        state = tuple(leaves[1:]) if name == "LSTM" else leaves[1]
        out = cell(leaves[0], state)
        out = out if isinstance(out, tuple) else (out,)
        pulled(*out).backward()
        found.append([*out, *(leaf.grad for leaf in leaves), *(p.grad for p in cell.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@each
def test_without_a_state_it_starts_at_zero(name):
    ours_class, theirs_class, _ = CELLS[name]
    ours, theirs = ours_class(3, 6), theirs_class(3, 6)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@each
def test_unrolled_it_is_torchs_layer(name):
    ours_class, _, layer_class = CELLS[name]
    torch.manual_seed(2)
    cell, layer = ours_class(6, 16), layer_class(6, 16, batch_first=True)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x = torch.randn(3, 25, 6)
    found = []
    for work, parameters in ((lambda x: unroll(cell, x), cell), (layer, layer)):
        leaf = x.clone().requires_grad_()
        outputs, state = work(leaf)
        last = shown(state).reshape(3, 16)
        pulled(outputs, last).backward()
        found.append([outputs, last, leaf.grad, *(p.grad for p in parameters.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-4 if a.ndim == 1 else 1e-5)


@each
@pytest.mark.parametrize("size", [1e3, -1e3])
def test_extreme_inputs_give_finite_gradients(name, size):
    cell = CELLS[name][0](2, 3)
    x = torch.full((1, 2), size, requires_grad=True)
    out = cell(x)
    out = out if isinstance(out, tuple) else (out,)
    pulled(*out).backward()
    assert all(torch.isfinite(part).all() for part in out)
    assert all(torch.isfinite(p.grad).all() for p in (x, *cell.parameters()))


@each
def test_weights_start_as_torchs(name):
    ours_class, theirs_class, _ = CELLS[name]
    ours, theirs = ours_class(40, 64), theirs_class(40, 64)
    for (key, a), (other, b) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert (key, a.shape) == (other, b.shape)
        assert a.abs().max() <= 64**-0.5
        assert a.std().item() == pytest.approx(b.std().item(), rel=0.2)


def test_the_forget_bias_is_added_to_the_forget_gate_alone():
    torch.manual_seed(3)
    plain = LSTMCell(4, 5)
    torch.manual_seed(3)
    open_ = LSTMCell(4, 5, forget_bias=2.0)
    difference = open_.bias_hh - plain.bias_hh
    torch.testing.assert_close(difference, torch.tensor([0.0] * 5 + [2.0] * 5 + [0.0] * 10))
    assert torch.equal(open_.weight_hh, plain.weight_hh)


def test_an_open_gate_keeps_the_gradient():
    """∂c_T/∂c_0 is the product of the forget gates, number by number, where h does not feed back."""
    cell = LSTMCell(2, 4).double()
    with torch.no_grad():
        cell.weight_hh.zero_()
    x = torch.randn(1, 30, 2, dtype=torch.float64)
    c0 = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    _, (_, c) = unroll(cell, x, (torch.zeros_like(c0), c0))
    c.sum().backward()
    forget = torch.sigmoid(x @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh)[0, :, 4:8]
    torch.testing.assert_close(c0.grad[0], forget.prod(dim=0), rtol=1e-10, atol=1e-14)
