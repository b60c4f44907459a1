"""`shared.nn.scan` against SciPy's filter, a triangular solve, torch's prototype scan, and transformers' Mamba."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter
from torch import nn

from shared.nn import scan

SCANS = pytest.mark.parametrize("scanned", [scan.sequential, scan.parallel])
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100]


def coefficients(n: int, t: int, *rest: int, low: float = 0.0, dtype=torch.float64):
    a = low + (1 - low) * torch.rand(n, t, *rest, dtype=dtype)
    return a, torch.randn(n, t, *rest, dtype=dtype), torch.randn(n, *rest, dtype=dtype)


def solved(a, b, start=None):
    """All moments as one system of equations, (1 on the diagonal, −a below) h = b, solved by LAPACK."""
    n, t, *rest = a.shape
    b = b.clone()
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    a, b = (x.reshape(n, t, -1).movedim(-1, 1) for x in (a, b))  # (n, rest, t)
    matrix = torch.diag_embed(torch.ones_like(a)) - torch.diag_embed(a[..., 1:], offset=-1)
    h = torch.linalg.solve_triangular(matrix, b[..., None], upper=False, unitriangular=True)
    return h[..., 0].movedim(1, -1).reshape(n, t, *rest)


def gradients(function, *inputs):
    leaves = [x.clone().requires_grad_() for x in inputs]
    output = function(*leaves)
    weights = torch.linspace(1, 2, output.numel(), dtype=output.dtype).reshape(output.shape)
    (output * weights).sum().backward()
    return output.detach(), *(x.grad for x in leaves)


@SCANS
@pytest.mark.parametrize("factor", [0.0, 0.5, 0.999, -0.9, 1.01])
def test_constant_factor_is_scipys_filter(scanned, factor):
    b = torch.randn(3, 200, 4, dtype=torch.float64)
    theirs = lfilter([1.0], [1.0, -factor], b.numpy(), axis=1)
    ours = scanned(torch.full_like(b, factor), b)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-11, atol=1e-11)


@SCANS
@pytest.mark.parametrize("t", LENGTHS)
@pytest.mark.parametrize("with_start", [False, True])
def test_forward_and_backward_are_those_of_a_triangular_solve(scanned, t, with_start):
    a, b, start = coefficients(2, t, 3, low=-1.0)
    inputs = (a, b, start) if with_start else (a, b)
    for ours, theirs in zip(gradients(scanned, *inputs), gradients(solved, *inputs)):
        # One moment that starts at zero has no use for its factor, and so no gradient for it.
        ours = torch.zeros_like(theirs) if ours is None else ours
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("t", [*LENGTHS, 1000])
def test_both_scans_agree_in_single_precision(t):
    inputs = coefficients(2, t, 3, dtype=torch.float32)
    for one, other in zip(gradients(scan.parallel, *inputs), gradients(scan.sequential, *inputs)):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6 * max(1, other.abs().max()))


def test_parallel_is_torchs_prototype_of_a_scan():
    try:
        from torch._higher_order_ops.associative_scan import associative_scan
    except ImportError:
        pytest.skip("this torch has no associative_scan")
    a, b, _ = coefficients(2, 37, 3)
    _, theirs = associative_scan(
        lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (a, b), dim=1, combine_mode="generic"
    )
    torch.testing.assert_close(scan.parallel(a, b), theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("t", [1, 2, 3, 8, 9, 1000])
def test_parallel_takes_a_logarithm_of_rounds(t, monkeypatch):
    calls = []
    cat = torch.cat
    monkeypatch.setattr(torch, "cat", lambda *args, **kw: calls.append(1) or cat(*args, **kw))
    scan.parallel(torch.rand(1, t, 1), torch.rand(1, t, 1))
    assert len(calls) == 2 * (t - 1).bit_length()  # 2 · ⌈log₂ t⌉


@SCANS
def test_scan_leaves_its_inputs_and_cuts_in_two(scanned):
    a, b, start = coefficients(2, 20, 3)
    before = [x.clone() for x in (a, b, start)]
    whole = scanned(a, b, start)
    first = scanned(a[:, :7], b[:, :7], start)
    second = scanned(a[:, 7:], b[:, 7:], first[:, -1])
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(x, y) for x, y in zip((a, b, start), before))


def test_linear_attention_is_a_scan_over_outer_products():
    """Katharopoulos et al. (2006.16236): causal attention without a softmax, as a state that is written and read."""
    q, k, v = (torch.randn(2, 30, size, dtype=torch.float64) for size in (4, 4, 5))
    written = k[..., :, None] * v[..., None, :]  # (n, t, 4, 5)
    states = scan.parallel(torch.ones_like(written), written)
    read = (q[..., None, :] @ states)[..., 0, :]
    masked = (q @ k.transpose(1, 2)).tril() @ v
    torch.testing.assert_close(read, masked, rtol=1e-11, atol=1e-11)


class StepByStep(nn.Module):
    """A minimal GRU by its formula, one moment at a time."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, start=None):
        h = x.new_zeros(len(x), self.network.gate.out_features) if start is None else start
        states = []
        for moment in x.unbind(dim=1):
            z = torch.sigmoid(self.network.gate(moment))
            h = (1 - z) * h + z * self.network.candidate(moment)
            states.append(h)
        return torch.stack(states, dim=1)


@pytest.mark.parametrize("with_start", [False, True])
def test_min_gru_is_its_formula_step_by_step(with_start):
    network = scan.MinGRU(3, 5).double()
    x, start = torch.randn(4, 21, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    inputs = (x, start) if with_start else (x,)
    ours = gradients(network, *inputs)
    grads = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    theirs = gradients(StepByStep(network), *inputs)
    grads_of_loop = [p.grad for p in network.parameters()]
    for one, other in zip((*ours, *grads), (*theirs, *grads_of_loop), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_min_gru_is_torchs_gru_where_that_does_not_look_back():
    """With its recurrent weights at zero and small candidates (tanh(c) ≈ c), torch.nn.GRU has the same gates."""
    d_in, d = 3, 4
    theirs, ours = nn.GRU(d_in, d, batch_first=True).double(), scan.MinGRU(d_in, d).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.zero_()
        ours.candidate.weight.mul_(1e-4), ours.candidate.bias.mul_(1e-4)
        # torch's update gate says what stays, the minimal GRU's what comes in.
        theirs.weight_ih_l0[d : 2 * d], theirs.bias_ih_l0[d : 2 * d] = (
            -ours.gate.weight,
            -ours.gate.bias,
        )
        theirs.weight_ih_l0[2 * d :], theirs.bias_ih_l0[2 * d :] = (
            ours.candidate.weight,
            ours.candidate.bias,
        )
    x = torch.randn(2, 50, d_in, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x)[0], rtol=1e-6, atol=1e-11)


def test_selective_state_space_is_transformers_mamba_layer():
    """The whole mixer of transformers, forward and gradients, with our scan in the place of its own."""
    mamba = pytest.importorskip("transformers.models.mamba")
    torch.manual_seed(0)
    config = mamba.MambaConfig(hidden_size=6, state_size=4, num_hidden_layers=1, vocab_size=8)
    theirs = mamba.modeling_mamba.MambaMixer(config, layer_idx=0).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(2, 19, 6)

    def ours(x):
        inner, gate = theirs.in_proj(x).chunk(2, dim=-1)
        inner = theirs.conv1d(inner.mT)[..., : x.shape[1]].mT
        inner = nn.functional.silu(inner)  # (n, t, d)
        sizes = [int(config.time_step_rank), config.state_size, config.state_size]
        step, write, read = theirs.x_proj(inner).split(sizes, dim=-1)
        step = nn.functional.softplus(theirs.dt_proj(step))
        y = scan.selective_state_space(inner, step, -torch.exp(theirs.A_log), write, read)
        return theirs.out_proj((y + theirs.D * inner) * nn.functional.silu(gate))

    found = gradients(ours, x)
    grads = [p.grad.clone() for p in theirs.parameters()]
    theirs.zero_grad()
    expected = gradients(lambda x: theirs(x), x)
    for one, other in zip((*found, *grads), (*expected, *(p.grad for p in theirs.parameters()))):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * max(1, other.abs().max()))


def test_state_space_with_the_same_step_at_all_moments_is_a_convolution():
    """S4's other way to compute it: y = kernel ∗ x, kernel_k = C exp(ΔA)^k ΔB (2111.00396, section 2)."""
    x = torch.randn(1, 40, 1, dtype=torch.float64)
    decay = torch.tensor([[-1.0, -0.3]], dtype=torch.float64)
    write, read = torch.tensor([[0.7, -1.2], [0.4, 2.0]], dtype=torch.float64)
    same = [v.expand(1, 40, -1) for v in (write, read)]
    y = scan.selective_state_space(x, torch.full_like(x, 0.1), decay, *same)
    ages = torch.arange(40, dtype=torch.float64)[:, None]
    kernel = (read * torch.exp(0.1 * decay) ** ages * 0.1 * write).sum(dim=1)
    theirs = np.convolve(kernel.numpy(), x[0, :, 0].numpy())[:40]
    np.testing.assert_allclose(y[0, :, 0].numpy(), theirs, rtol=1e-10, atol=1e-12)
