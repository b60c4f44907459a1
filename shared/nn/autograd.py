"""Reverse-mode automatic differentiation on NumPy arrays: what `loss.backward()` does. Met in week 1.

Forward, each operation makes a `Value` that knows its parents and how to send a gradient on to them. Backward, each
of them is asked once, from the loss to the leaves. Gradients are of one number, the loss L, so `grad` stands for
∂L/∂(this array) and has that array's shape. All arrays are float64.

Source: Baydin, Pearlmutter, Radul & Siskind, "Automatic Differentiation in Machine Learning: a Survey" (1502.05767).
"""

from collections.abc import Callable, Sequence

import numpy as np


def numerical_gradient(
    function: "Callable[[np.ndarray], float]", x: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """(f(x + step) − f(x − step)) / (2 step), for one entry of x at a time: two runs of f for each entry.

    function: takes an array shaped like x, gives one number   →   the gradient, shaped like x
    """
    x = np.asarray(x, dtype=np.float64)
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[index] = step
        gradient[index] = (function(x + nudge) - function(x - nudge)) / (2 * step)
    return gradient


def unbroadcast(grad: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undoes broadcasting: an entry that was used many times gets the sum of the gradients of its uses.

    grad: shaped like the result   shape: of the array that was stretched   →   (*shape)
    """
    in_front = grad.ndim - len(shape)
    grad = grad.sum(axis=tuple(range(in_front)))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return grad.sum(axis=stretched, keepdims=True)


def add_backward(grad: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For a + b: both get the gradient as it is. Shapes as in `multiply_backward`."""
    return unbroadcast(grad, a.shape), unbroadcast(grad, b.shape)


def multiply_backward(
    grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For a * b, entry by entry: each factor gets the gradient times the other factor.

    grad: shaped like a * b   →   (gradient of a, gradient of b), shaped like a and b
    """
    return unbroadcast(grad * b, a.shape), unbroadcast(grad * a, b.shape)


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b for two matrices: (n, k), (k, m) → (n, m). Raises ValueError for anything but matrices."""
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"a @ b takes two matrices here, and the shapes are {a.shape}, {b.shape}.")
    return a @ b


def matmul_backward(
    grad: np.ndarray, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For a @ b: ∂L/∂a = grad bᵀ and ∂L/∂b = aᵀ grad.

    grad: (n, m)   a: (n, k)   b: (k, m)   →   (gradient of a (n, k), gradient of b (k, m))
    """
    return grad @ b.T, a.T @ grad


def sum_backward(grad: np.ndarray, x: np.ndarray, axis: "int | None") -> tuple[np.ndarray]:
    """For x.sum(axis): each entry that went into a sum gets that sum's gradient, so it is broadcast."""
    grad = grad if axis is None else np.expand_dims(grad, axis)
    return (np.broadcast_to(grad, x.shape),)


def record(forward: Callable, rule: Callable) -> Callable:
    """Makes an operation on Values from a function of arrays and its rule for the way back.

    forward: (*arrays) → array   rule: (grad, *arrays) → a tuple with one gradient for each array
    """

    def operation(*inputs, **options):
        parents = [as_value(x) for x in inputs]
        arrays = [parent.data for parent in parents]
        output = forward(*arrays, **options)
        return Value(output, parents, lambda grad: rule(grad, *arrays, **options))

    return operation


def elementwise(forward: Callable, slope: Callable) -> Callable:
    """An operation on each entry alone: the gradient is multiplied by the slope there."""
    return record(forward, lambda grad, x: (grad * slope(x),))


class Value:
    """An array that remembers how it was made. `grad` is filled by `backward`.

    data, grad: float64 of the same shape   parents: the Values it was made from
    grad_fn: grad → a tuple with one gradient for each parent; None for a leaf
    """

    __array_ufunc__ = None  # in array * value, NumPy steps back and Value.__rmul__ answers

    def __init__(self, data, parents: "Sequence[Value]" = (), grad_fn: Callable | None = None):
        self.data = np.array(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = tuple(parents)
        self.grad_fn = grad_fn

    def __repr__(self) -> str:
        return f"Value({self.data.tolist()}, grad={self.grad.tolist()})"

    __add__ = __radd__ = record(np.add, add_backward)
    __mul__ = __rmul__ = record(np.multiply, multiply_backward)
    __matmul__ = record(matmul, matmul_backward)
    exp = elementwise(np.exp, np.exp)
    log = elementwise(np.log, lambda x: 1 / x)
    tanh = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
    relu = elementwise(lambda x: np.maximum(x, 0), lambda x: x > 0)
    T = property(record(np.transpose, lambda grad, x: (grad.T,)))

    def __pow__(self, n: float) -> "Value":
        if isinstance(n, Value) or np.ndim(n) > 0:
            raise ValueError(
                f"The exponent must be a plain number, and it is a {type(n).__name__}."
            )
        return elementwise(lambda x: x**n, lambda x: n * x ** (n - 1.0))(self)

    def reshape(self, *shape: int) -> "Value":
        return record(lambda x: x.reshape(*shape), lambda grad, x: (grad.reshape(x.shape),))(self)

    def sum(self, axis: int | None = None) -> "Value":
        return record(np.sum, sum_backward)(self, axis=axis)

    def mean(self, axis: int | None = None) -> "Value":
        total = self.sum(axis)
        return total * (total.data.size / self.data.size)

    def __neg__(self) -> "Value":
        return self * -1

    def __sub__(self, other) -> "Value":
        return self + -other

    def __rsub__(self, other) -> "Value":
        return -self + other

    def __truediv__(self, other) -> "Value":
        return self * as_value(other) ** -1

    def __rtruediv__(self, other) -> "Value":
        return self**-1 * other

    def __rmatmul__(self, other) -> "Value":
        return as_value(other) @ self


def as_value(x) -> Value:
    """x itself where it is a Value; a number or an array becomes a leaf."""
    return x if isinstance(x, Value) else Value(x)


def topological_order(output: Value) -> list[Value]:
    """All Values that `output` was made from, each once, parents before what was made of them; `output` is last.

    A stack of its own instead of recursion, so that a graph may be many thousand operations deep.
    """
    order, seen, stack = [], set(), [(output, False)]
    while stack:
        node, parents_are_placed = stack.pop()
        if parents_are_placed:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))  # comes up again when everything pushed after it is placed
            stack.extend((parent, False) for parent in node.parents)
    return order


def backward(output: Value) -> None:
    """Fills `grad` of every Value that `output` was made from with ∂output/∂(that Value).

    output: a single number. Each grad starts from 0 at every call; torch leaves that to `zero_grad`.
    Raises ValueError where the output holds more than one number.
    """
    if output.data.size != 1:
        raise ValueError(f"backward starts from one number, and this has shape {output.data.shape}")
    order = topological_order(output)
    for node in order:
        node.grad = np.zeros_like(node.data)
    output.grad = np.ones_like(output.data)
    for node in reversed(order):
        if node.grad_fn is not None:
            for parent, blame in zip(node.parents, node.grad_fn(node.grad), strict=True):
                parent.grad += blame  # "+=": a Value that was used twice is blamed twice
