"""The multilayer perceptron, part by part. Met in week 1.

Shapes: n examples, d_in inputs and d_out outputs of a layer; everything is a torch tensor.
Source: Goodfellow, Bengio & Courville, *Deep Learning*, chapter "Deep Feedforward Networks".
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn


def sigmoid(x: Tensor, derivative: bool = False) -> Tensor:
    """σ(x) = 1 / (1 + e⁻ˣ), or its derivative σ(x) · (1 − σ(x)).

    x: any shape   →   the same shape, values in (0, 1)   (the derivative: in (0, 1/4])
    """
    value = 1 / (1 + torch.exp(-x))
    return value * (1 - value) if derivative else value


def relu(x: Tensor, derivative: bool = False) -> Tensor:
    """max(0, x), or its derivative: 1 where x > 0, else 0.

    x: any shape   →   the same shape and dtype
    """
    return (x > 0).to(x.dtype) if derivative else torch.clamp(x, min=0)


def tanh(x: Tensor, derivative: bool = False) -> Tensor:
    """tanh(x) = 2 σ(2x) − 1, or its derivative 1 − tanh²(x).

    x: any shape   →   the same shape, values in (−1, 1)   (the derivative: in (0, 1])
    """
    value = 2 / (1 + torch.exp(-2 * x)) - 1
    return 1 - value**2 if derivative else value


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """y = x Wᵀ + b: each row of W holds the weights of one neuron, as in torch.nn.Linear.

    x: (..., d_in)   weight: (d_out, d_in)   bias: (d_out,)   →   (..., d_out)
    """
    return x @ weight.T + bias


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of −[y log σ(z) + (1 − y) log(1 − σ(z))], from logits z, in nats.

    logits, targets: the same shape, targets 0 or 1   →   a scalar

    Written as max(z, 0) − z y + log(1 + e^(−|z|)): the exponent is never positive, so nothing overflows,
    and log1p keeps the digits that log(1 + tiny) would lose.
    """
    loss = torch.clamp(logits, min=0) - logits * targets + torch.log1p(torch.exp(-logits.abs()))
    return loss.mean()


def backward(
    x: Tensor, targets: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the loss of a two-layer network, by the chain rule, from the loss back to the first layer.

    The network:  h = tanh(x W1ᵀ + b1)   z = h W2ᵀ + b2   loss = binary_cross_entropy(z, targets)
    x: (n, d_in)   targets: (n, 1)   w1: (d_hidden, d_in)   b1: (d_hidden,)   w2: (1, d_hidden)   b2: (1,)
    →  (dw1, db1, dw2, db2), each shaped like its parameter

    Source: Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors" (1986).
    """
    before = linear(x, w1, b1)  # (n, d_hidden)
    hidden = tanh(before)
    logits = linear(hidden, w2, b2)  # (n, 1)

    d_logits = (sigmoid(logits) - targets) / len(x)  # (n, 1): the mean divides by n
    d_w2 = d_logits.T @ hidden  # (1, d_hidden)
    d_b2 = d_logits.sum(dim=0)
    d_hidden = d_logits @ w2  # (n, d_hidden): the error travels back along the weights
    d_before = d_hidden * tanh(before, derivative=True)
    d_w1 = d_before.T @ x  # (d_hidden, d_in)
    d_b1 = d_before.sum(dim=0)
    return d_w1, d_b1, d_w2, d_b2


def sgd_step(parameters: Iterable[Tensor], gradients: Iterable[Tensor], lr: float) -> None:
    """θ ← θ − lr · ∂loss/∂θ, in place, for each parameter.

    parameters, gradients: pairwise the same shape; lr: the learning rate   →   None
    """
    with torch.no_grad():  # the step itself is not part of the function being differentiated
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient


class MLP(nn.Module):
    """Linear layers with an activation between them, and none after the last: it returns logits.

    sizes: (d_in, hidden …, d_out)   forward: (..., d_in) → (..., d_out)

    Weights start uniform in ±1/√d_in, as torch.nn.Linear's do.
    """

    def __init__(self, sizes: Sequence[int], activation: Callable[[Tensor], Tensor] = relu) -> None:
        super().__init__()
        self.activation = activation
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for d_in, d_out in zip(sizes, sizes[1:]):
            bound = d_in**-0.5
            self.weights.append(nn.Parameter(torch.empty(d_out, d_in).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(d_out).uniform_(-bound, bound)))

    def forward(self, x: Tensor) -> Tensor:
        last = len(self.weights) - 1
        for depth, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = linear(x, weight, bias)
            if depth < last:
                x = self.activation(x)
        return x
