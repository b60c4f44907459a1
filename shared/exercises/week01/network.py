"""`mlp.linear` and `mlp.MLP`: cases, known mistakes, hints."""

import itertools

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week01.activations import NOTEBOOK
from shared.nn import mlp

LAYER = "A layer of neurons"
CLASS = "The network as a class"


# --- linear ----------------------------------------------------------------------------------------------------------


def linear_without_transpose(x, weight, bias):
    return x @ weight + bias


def linear_without_bias(x, weight, bias):
    return x @ weight.T


def linear_that_subtracts_the_bias(x, weight, bias):
    return x @ weight.T - bias


def linear_elementwise(x, weight, bias):
    return x * weight + bias


def linear_with_the_factors_swapped(x, weight, bias):
    return weight @ x.transpose(-2, -1) + bias


def linear_that_adds_the_bias_first(x, weight, bias):
    return (x + bias) @ weight.T


def linear_with_one_bias_for_all(x, weight, bias):
    return x @ weight.T + bias.sum()


def _linear_by_einsum(x, weight, bias):
    return torch.einsum("...i,oi->...o", x, weight) + bias


LINEAR = Exercise(
    name="mlp.linear",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.linear,
    cases=(
        # Square first: there a forgotten transpose gives wrong numbers instead of an error about shapes.
        Case(
            "values",
            lambda: [
                torch.tensor([[1.0, 2.0]]),
                torch.tensor([[1.0, 10.0], [3.0, -1.0]]),
                torch.tensor([0.5, -0.5]),
            ],
        ),
        Case("shapes", lambda: [torch.randn(4, 3), torch.randn(2, 3), torch.randn(2)]),
        Case(
            "gradients",
            lambda: [torch.randn(4, 3), torch.randn(2, 3), torch.randn(2)],
            run=call_with_gradients,
        ),
        Case("one example", lambda: [torch.randn(3), torch.randn(2, 3), torch.randn(2)]),
        Case(
            "leading dimensions", lambda: [torch.randn(2, 5, 3), torch.randn(4, 3), torch.randn(4)]
        ),
        Case(
            "float64 kept",
            lambda: [
                torch.randn(2, 3).double(),
                torch.randn(3, 3).double(),
                torch.randn(3).double(),
            ],
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            linear_without_transpose,
            "each ROW of weight belongs to one neuron, so x must meet the transposed matrix: x @ weight.T.",
            LAYER,
        ),
        Mistake(linear_without_bias, "the bias is not added: y = x Wᵀ + b.", LAYER),
        Mistake(
            linear_that_subtracts_the_bias,
            "the bias is subtracted; it is added: y = x Wᵀ + b.",
            LAYER,
        ),
        Mistake(
            linear_elementwise,
            "* multiplies element by element; a neuron sums its products, which is the matrix product @.",
            LAYER,
        ),
        Mistake(
            linear_with_the_factors_swapped,
            "weight @ x gives a column for each example; with examples in rows the order is x @ weight.T.",
            LAYER,
        ),
        Mistake(
            linear_that_adds_the_bias_first,
            "the bias is added to the inputs, before the weights; it belongs to the outputs, after the product.",
            LAYER,
        ),
        Mistake(
            linear_with_one_bias_for_all,
            "all neurons get the sum of the biases; each neuron has its own: add the vector, and it broadcasts.",
            LAYER,
        ),
    ),
    hints=(
        "x has shape (n, d_in) and weight (d_out, d_in). Which of the two must be turned for the inner sizes to meet?",
        "A matrix product with the transposed weight gives (n, d_out); a vector of d_out numbers is added to every row "
        "by broadcasting.",
        "return x @ weight.T + bias",
    ),
    alternatives=(_linear_by_einsum, nn.functional.linear),
)


# --- MLP -------------------------------------------------------------------------------------------------------------


def _filled(implementation, sizes, activation=None):
    """A network whose weights are known: matrices and vectors are filled in order, whatever their names."""
    network = implementation(sizes) if activation is None else implementation(sizes, activation)
    parameters = list(network.parameters())
    with torch.no_grad():
        for number, parameter in enumerate(sorted(parameters, key=lambda p: -p.ndim)):
            generator = torch.Generator().manual_seed(number)
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network


def _outputs(implementation, sizes, x, activation=None):
    return _filled(implementation, sizes, activation)(x).detach()


def _gradients(implementation, sizes, x):
    network = _filled(implementation, sizes)
    network(x).square().sum().backward()
    return [p.grad for p in sorted(network.parameters(), key=lambda p: -p.ndim)]


def _shapes(implementation, sizes):
    return sorted(tuple(p.shape) for p in implementation(sizes).parameters())


def _first_weights(implementation, sizes):
    """What a fresh network looks like: whether its first matrix varies, and how far from 0 it reaches."""
    torch.manual_seed(0)
    first = max(implementation(sizes).parameters(), key=lambda p: p.numel()).detach()
    scaled = first.abs().max().item() * sizes[0] ** 0.5
    return {
        "weights differ from each other": bool(first.std() > 0),
        "about 1/√d_in": bool(0.9 < scaled <= 1.0),
    }


def _two_networks(implementation, sizes):
    """Two networks share no parameter."""
    networks = [implementation(sizes), implementation(sizes)]
    ids = [{id(p) for p in n.parameters()} for n in networks]
    return bool(ids[0]) and not (ids[0] & ids[1])


class MLPWithoutActivation(mlp.MLP):
    def forward(self, x):
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = mlp.linear(x, weight, bias)
        return x


class MLPWithActivationAtTheEnd(mlp.MLP):
    def forward(self, x):
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = self.activation(mlp.linear(x, weight, bias))
        return x


class MLPThatActivatesFirst(mlp.MLP):
    def forward(self, x):
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = mlp.linear(self.activation(x), weight, bias)
        return x


class MLPThatIgnoresItsActivation(mlp.MLP):
    def forward(self, x):
        self.activation = mlp.relu
        return super().forward(x)


class MLPThatEndsInASigmoid(mlp.MLP):
    def forward(self, x):
        return mlp.sigmoid(super().forward(x))


class MLPThatSkipsItsLastLayer(mlp.MLP):
    def forward(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = self.activation(mlp.linear(x, weight, bias))
        return x


class MLPWithPlainLists(mlp.MLP):
    def __init__(self, sizes, activation=mlp.relu):
        super().__init__(sizes, activation)
        weights, biases = list(self.weights), list(self.biases)
        del self.weights, self.biases
        self.weights, self.biases = weights, biases


class MLPThatStartsAtZero(mlp.MLP):
    def __init__(self, sizes, activation=mlp.relu):
        super().__init__(sizes, activation)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()


class MLPThatStartsTooWide(mlp.MLP):
    def __init__(self, sizes, activation=mlp.relu):
        super().__init__(sizes, activation)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-1, 1)


class MLPWithoutSuper(nn.Module):
    def __init__(self, sizes, activation=mlp.relu):
        self.weights = nn.ParameterList()


class _MLPOfModules(nn.Module):
    def __init__(self, sizes, activation=torch.relu):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.activation = activation

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


MLP = Exercise(
    name="mlp.MLP",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.MLP,
    cases=(
        Case("parameters", lambda: [(2, 3, 1)], run=_shapes),
        Case("values", lambda: [(2, 3, 1), torch.tensor([[1.0, -2.0]])], run=_outputs),
        Case("values", lambda: [(3, 4, 5, 2), torch.randn(6, 3)], run=_outputs),
        Case(
            "the activation given", lambda: [(2, 3, 1), torch.randn(4, 2), torch.tanh], run=_outputs
        ),
        Case("a single layer", lambda: [(3, 2), torch.randn(4, 3)], run=_outputs),
        Case("gradients", lambda: [(2, 3, 1), torch.randn(5, 2)], run=_gradients, rtol=1e-4),
        Case("random start", lambda: [(64, 100, 10)], run=_first_weights),
        Case("each network its own weights", lambda: [(2, 2)], run=_two_networks),
    ),
    mistakes=(
        Mistake(
            MLPWithoutActivation,
            "there is no activation between the layers, so the whole network is one straight-line map: "
            "apply self.activation after every layer but the last.",
            CLASS,
        ),
        Mistake(
            MLPWithActivationAtTheEnd,
            "the activation is applied after the last layer too: the network returns logits, which may be any number.",
            CLASS,
        ),
        Mistake(
            MLPThatActivatesFirst,
            "the activation comes before each layer, so that the raw inputs are cut as well: first linear, then "
            "activation.",
            CLASS,
        ),
        Mistake(
            MLPThatIgnoresItsActivation,
            "the activation that was passed in is not used: call self.activation, not relu by name.",
            CLASS,
        ),
        Mistake(
            MLPThatEndsInASigmoid,
            "it returns probabilities; the loss wants logits, and applies the sigmoid itself: end with the last layer.",
            CLASS,
        ),
        Mistake(
            MLPThatSkipsItsLastLayer,
            "the last layer is never applied: after the loop over the hidden layers, one linear is still to come.",
            CLASS,
        ),
        Mistake(
            MLPWithPlainLists,
            "the weights stand in a plain Python list, where .parameters() cannot see them and no optimizer would "
            "train them: use nn.ParameterList (or nn.ModuleList for layers).",
            CLASS,
        ),
        Mistake(
            MLPThatStartsAtZero,
            "all weights start at 0, so all neurons of a layer get the same gradient for ever: start them at random.",
            CLASS,
        ),
        Mistake(
            MLPThatStartsTooWide,
            "the weights start between -1 and 1 whatever the layer's width: use ±1/√d_in, so that sums of many inputs "
            "stay about as large as one.",
            CLASS,
        ),
        Mistake(
            MLPWithoutSuper,
            "super().__init__() is missing: nn.Module must be set up before anything is stored on self.",
            CLASS,
        ),
    ),
    hints=(
        "How many layers do the sizes (2, 8, 1) describe, and what shape has the weight of each?",
        "Pair the sizes with their neighbours; for each pair keep a weight (d_out, d_in) and a bias (d_out,). In "
        "forward, every layer but the last is followed by the activation.",
        "for d_in, d_out in zip(sizes, sizes[1:]): self.weights.append(nn.Parameter(torch.empty(d_out, "
        "d_in).uniform_(-bound, bound))) with bound = d_in**-0.5, and the same for biases.",
    ),
    alternatives=(_MLPOfModules,),
)
