"""The autograd engine against two oracles: torch's autograd, and slopes by nudging."""

import gc
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.nn import autograd
from shared.nn.autograd import Value, backward, numerical_gradient, topological_order, unbroadcast

# Leaves that broadcast against each other in every way: by axes in front, by axes of size 1, by both, by being numbers.
SHAPES = [(3, 4), (4,), (3, 1), (1, 4), (1, 1), (), (2, 3, 4), (2, 1, 1)]
UNARY = {
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "exp of tanh": lambda x: (
        x.tanh().exp()
    ),  # tanh keeps what goes in small, so that nothing overflows
    "log of 2 + square": lambda x: (x * x + 2).log(),
    "square": lambda x: x**2,
    "root": lambda x: (x * x + 1) ** 0.5,
    "minus": lambda x: -x,
    "mean": lambda x: x.mean(),
    "sum": lambda x: x.sum(),
    "one less": lambda x: 1 - x,
    "inverse": lambda x: 2 / (x * x + 1),
}
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 1),
}


def _random_expression(leaves, rng):
    """Twelve random operations on a growing pool: what was made is used again, several times. Ends in one number."""
    pool = list(leaves)
    for _ in range(12):
        if rng.random() < 0.5:
            pool.append(UNARY[rng.choice(list(UNARY))](rng.choice(pool)))
        else:
            a, b = rng.choice(pool), rng.choice(pool)
            pool.append(BINARY[rng.choice(list(BINARY))](a, b))
        pool[-1] = pool[-1].tanh() * 2  # keeps numbers small however often an operation is repeated
    total = pool[-1].sum()
    for leaf in leaves:
        total = total + (leaf * leaf).mean()
    return total


def _same_gradients(expression, arrays, rtol=1e-9):
    ours = [Value(array) for array in arrays]
    theirs = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
    loss, torch_loss = expression(*ours), expression(*theirs)
    backward(loss)
    torch_loss.backward()
    np.testing.assert_allclose(loss.data, torch_loss.detach().numpy(), rtol=rtol, atol=1e-12)
    for mine, other in zip(ours, theirs):
        expected = np.zeros(mine.data.shape) if other.grad is None else other.grad.numpy()
        assert mine.grad.shape == mine.data.shape
        np.testing.assert_allclose(mine.grad, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_agree_with_torch(seed):
    rng, generator = random.Random(seed), np.random.default_rng(seed)
    shapes = rng.sample(SHAPES, 3)
    arrays = [generator.normal(size=shape) for shape in shapes]
    _same_gradients(lambda *leaves: _random_expression(leaves, random.Random(seed)), arrays)


@pytest.mark.parametrize("shapes", [(a, b) for a in SHAPES for b in SHAPES])
@pytest.mark.parametrize("operation", BINARY.values(), ids=BINARY)
def test_every_way_of_broadcasting(operation, shapes):
    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=shape) for shape in shapes]
    _same_gradients(lambda a, b: (operation(a, b) ** 2).sum(), arrays)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_reductions(name, axis):
    array = np.random.default_rng(1).normal(size=(3, 4))
    _same_gradients(lambda x: (getattr(x, name)(axis) ** 2).sum(), [array])


def test_reshape_transpose_and_matrix_product():
    a, b = (
        np.random.default_rng(2).normal(size=(6, 2)),
        np.random.default_rng(3).normal(size=(5, 4)),
    )
    _same_gradients(lambda a, b: ((a.reshape(3, 4) @ b.T).tanh() ** 2).sum(), [a, b])


def test_an_array_may_stand_on_either_side():
    array = np.random.default_rng(4).normal(size=(3, 3))
    value = Value(array)
    for expression in (array @ value, value @ array, array * value, value - array, array - value):
        assert isinstance(expression, Value)
    np.testing.assert_allclose((array / value).data, np.ones((3, 3)))
    np.testing.assert_allclose((array - value).data, np.zeros((3, 3)))


def test_relu_has_no_slope_at_zero_like_torch():
    _same_gradients(lambda x: x.relu().sum(), [np.array([-1.0, 0.0, 2.0])])


def test_a_network_with_a_stable_loss_agrees_with_torch_and_with_nudging():
    generator = np.random.default_rng(5)
    x, y = generator.normal(size=(7, 3)), generator.integers(0, 2, size=(7, 1)).astype(float)
    parameters = [generator.normal(size=shape) for shape in ((4, 3), (4,), (1, 4), (1,))]

    def loss_of(w1, b1, w2, b2):
        as_is = torch.tensor if isinstance(w1, torch.Tensor) else np.array
        z = (as_is(x) @ w1.T + b1).tanh() @ w2.T + b2
        size = z.relu() + (-z).relu()
        return (z.relu() - z * as_is(y) + ((-size).exp() + 1).log()).mean()

    _same_gradients(loss_of, parameters)
    leaves = [Value(p) for p in parameters]
    backward(loss_of(*leaves))
    for i, leaf in enumerate(leaves):

        def loss_by_one(array, i=i):
            return loss_of(*[Value(array) if j == i else leaf for j, leaf in enumerate(leaves)])

        nudged = numerical_gradient(lambda array: loss_by_one(array).data.item(), leaf.data)
        np.testing.assert_allclose(leaf.grad, nudged, rtol=1e-6, atol=1e-9)


def test_numerical_gradient_leaves_its_input_alone_and_takes_whole_numbers():
    x = np.array([[1, 2], [3, 4]])
    gradient = numerical_gradient(lambda a: (a**2).sum(), x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-8)
    assert x.tolist() == [[1, 2], [3, 4]] and gradient.dtype == np.float64


@pytest.mark.parametrize("shape", SHAPES)
def test_unbroadcast_is_the_transpose_of_broadcasting(shape):
    """⟨broadcast(x), g⟩ = ⟨x, unbroadcast(g)⟩ for every x and g: that is what it means to undo it."""
    generator = np.random.default_rng(6)
    x, g = generator.normal(size=shape), generator.normal(size=(2, 3, 4))
    back = unbroadcast(g, shape)
    assert np.shape(back) == shape
    np.testing.assert_allclose((np.broadcast_to(x, g.shape) * g).sum(), (x * back).sum())


def test_a_diamond_counts_both_ways():
    x, y = Value(3.0), Value(4.0)
    p = x * y
    loss = (p + x) ** 2
    backward(loss)
    assert (x.grad, y.grad, p.grad, loss.grad) == (150.0, 90.0, 30.0, 1.0)


def test_thirty_doublings_take_thirty_steps():
    x = value = Value(1.0)
    for _ in range(30):
        value = value + value
    assert len(topological_order(value)) == 31
    backward(value)
    assert x.grad == 2.0**30


def test_order_puts_parents_first_and_each_value_once():
    rng = random.Random(7)
    nodes = [Value(0.0) for _ in range(3)]
    for _ in range(200):
        nodes.append(Value(0.0, rng.sample(nodes, 2)))
    order = topological_order(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order) and order[-1] is nodes[-1]
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


@pytest.mark.parametrize("depth", [5_000, 50_000])
def test_deep_chains_need_no_recursion(depth):
    x, value = Value(1.0), Value(0.0)
    for _ in range(depth):
        value = value + x
    backward(value)
    assert x.grad == depth
    del value  # taking a deep graph apart must not recurse either
    gc.collect()


def test_a_second_walk_forgets_the_first():
    x = Value(3.0)
    for _ in range(2):
        backward(x * x)
        assert x.grad == 6.0


def test_leaves_keep_their_own_copy():
    array = np.ones(2)
    value = Value(array)
    value.data -= 1
    assert array.tolist() == [1, 1]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"one number.*\(3,\)"):
        backward(Value([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="two matrices"):
        Value(np.ones(3)) @ Value(np.ones((3, 3)))
    with pytest.raises(ValueError, match="exponent"):
        Value(2.0) ** Value(3.0)


def test_it_knows_only_numpy():
    source = Path(autograd.__file__).read_text(encoding="utf-8")
    assert "torch" not in [
        line.split()[1] for line in source.splitlines() if line.startswith(("import", "from"))
    ]
