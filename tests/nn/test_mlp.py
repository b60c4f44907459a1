"""`shared.nn.mlp` against torch's own functions, layers and differentiation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from shared.nn import mlp

ACTIVATIONS = [(mlp.sigmoid, torch.sigmoid), (mlp.relu, torch.relu), (mlp.tanh, torch.tanh)]
SHAPES = [(), (5,), (4, 3), (2, 3, 4), (0, 3)]


@pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_activation_is_torchs(ours, theirs, shape, dtype):
    x = torch.randn(shape, dtype=dtype) * 4
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=3e-7)


@pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS)
def test_derivative_is_autograds(ours, theirs):
    x = torch.randn(100, dtype=torch.float64, requires_grad=True)
    theirs(x).sum().backward()
    torch.testing.assert_close(ours(x.detach(), derivative=True), x.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), ACTIVATIONS)
def test_activation_is_finite_far_out(ours, theirs):
    x = torch.tensor([-1e4, -1000.0, -100.0, 100.0, 1000.0, 1e4])
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-7)
    assert torch.isfinite(ours(x, derivative=True)).all()


@pytest.mark.parametrize("leading", [(), (4,), (2, 5)])
def test_linear_is_torchs(leading):
    x, weight, bias = torch.randn(*leading, 3), torch.randn(2, 3), torch.randn(2)
    torch.testing.assert_close(mlp.linear(x, weight, bias), F.linear(x, weight, bias))


def test_binary_cross_entropy_is_torchs_with_gradients():
    logits = (torch.randn(50, 1, dtype=torch.float64) * 20).requires_grad_()
    targets = torch.randint(0, 2, (50, 1)).double()
    ours = mlp.binary_cross_entropy(logits, targets)
    theirs = F.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(
        *[torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)], rtol=1e-10, atol=1e-14
    )


def test_binary_cross_entropy_at_a_thousand():
    logits = torch.tensor([1000.0, -1000.0], requires_grad=True)
    loss = mlp.binary_cross_entropy(logits, torch.tensor([0.0, 1.0]))
    assert loss.item() == 1000.0
    assert torch.autograd.grad(loss, logits)[0].tolist() == [0.5, -0.5]


@pytest.mark.parametrize(("n", "d", "k"), [(1, 1, 1), (1, 2, 2), (9, 4, 7)])
def test_backward_is_autograds(n, d, k):
    x, targets = torch.randn(n, d).double(), torch.randint(0, 2, (n, 1)).double()
    shapes = [(k, d), (k,), (1, k), (1,)]
    w1, b1, w2, b2 = (torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes)
    logits = F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2)
    theirs = torch.autograd.grad(
        F.binary_cross_entropy_with_logits(logits, targets), [w1, b1, w2, b2]
    )
    ours = mlp.backward(x, targets, *(p.detach() for p in (w1, b1, w2, b2)))
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


def test_sgd_step_is_torchs():
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    theirs.load_state_dict(ours.state_dict())
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for _ in range(20):
        x = torch.randn(8, 4)
        mlp.sgd_step(
            ours.parameters(),
            torch.autograd.grad(ours(x).square().mean(), list(ours.parameters())),
            lr=0.1,
        )
        optimizer.zero_grad()
        theirs(x).square().mean().backward()
        optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_sgd_step_wants_a_gradient_for_each_parameter():
    with pytest.raises(ValueError, match="shorter"):
        mlp.sgd_step([torch.zeros(2), torch.zeros(2)], [torch.zeros(2)], lr=0.1)


def test_mlp_is_a_sequential_with_the_same_weights():
    ours = mlp.MLP((5, 7, 6, 3))
    theirs = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
    layers = [m for m in theirs if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(layers, ours.weights, ours.biases):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    x = torch.randn(4, 5)
    torch.testing.assert_close(ours(x), theirs(x))


def test_mlp_starts_like_torchs_linear():
    """Uniform in ±1/√d_in: the bound is kept and reached, and the spread is that of a uniform distribution."""
    weight = mlp.MLP((400, 300)).weights[0].detach()
    bound = 400**-0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    assert abs(weight.std().item() / (bound / 3**0.5) - 1) < 0.02
