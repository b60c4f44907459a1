"""`mlp.binary_cross_entropy`, `mlp.sgd_step` and `mlp.backward`: cases, known mistakes, hints."""

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week01.activations import NOTEBOOK
from shared.nn import mlp

LOSS = "How wrong is a guess?"
STEP = "One step downhill"
BLAME = "Blame, passed backwards"


# --- binary cross-entropy --------------------------------------------------------------------------------------------


def bce_by_the_formula(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * torch.log(p) + (1 - targets) * torch.log(1 - p)).mean()


def bce_with_an_epsilon(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * torch.log(p + 1e-8) + (1 - targets) * torch.log(1 - p + 1e-8)).mean()


def bce_clamped(logits, targets):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(targets * torch.log(p) + (1 - targets) * torch.log(1 - p)).mean()


def bce_summed(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


def bce_for_each_example(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def bce_with_the_sign_flipped(logits, targets):
    return -F.binary_cross_entropy_with_logits(logits, targets)


def bce_of_the_ones_only(logits, targets):
    return -(targets * F.logsigmoid(logits)).mean()


def bce_with_targets_swapped(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, 1 - targets)


def bce_in_bits(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets) / torch.log(
        torch.tensor(2.0, dtype=logits.dtype)
    )


def bce_of_squared_errors(logits, targets):
    return ((torch.sigmoid(logits) - targets) ** 2).mean()


def bce_as_a_python_number(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets).item()


def _bce_by_softplus(logits, targets):
    return (F.softplus(logits) - logits * targets).mean()


def _bce_by_logsigmoid(logits, targets):
    return -(targets * F.logsigmoid(logits) + (1 - targets) * F.logsigmoid(-logits)).mean()


_LABELS = torch.tensor([[1.0], [0.0], [1.0], [0.0], [0.0]])

BINARY_CROSS_ENTROPY = Exercise(
    name="mlp.binary_cross_entropy",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.binary_cross_entropy,
    cases=(
        Case("values", lambda: [torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])]),
        Case("values", lambda: [torch.randn(5, 1), _LABELS.clone()]),
        Case("gradients", lambda: [torch.randn(5, 1), _LABELS.clone()], run=call_with_gradients),
        Case(
            "±1000",
            lambda: [torch.tensor([1000.0, -1000.0]), torch.tensor([1.0, 0.0])],
            says="at ±1000 something inside becomes inf or log(0): rewrite it so that no exponent is positive.",
        ),
        Case(
            "±1000",
            lambda: [torch.tensor([1000.0, -1000.0]), torch.tensor([0.0, 1.0])],
            says="a confident wrong guess of 1000 must cost 1000, no more, no less: something inside overflows or is "
            "clipped.",
        ),
        Case(
            "gradients at ±1000",
            lambda: [torch.tensor([1000.0, -1000.0]), torch.tensor([0.0, 1.0])],
            run=call_with_gradients,
            says="at ±1000 the gradient must still be ±1/2 here: a clipped loss teaches nothing.",
        ),
        Case(
            "small losses",
            lambda: [
                torch.tensor([12.0], dtype=torch.float64),
                torch.tensor([1.0], dtype=torch.float64),
            ],
            rtol=1e-9,
            atol=0,
        ),
    ),
    mistakes=(
        Mistake(
            bce_by_the_formula,
            "the formula as it stands takes log(0) when σ rounds to 0 or 1: start from the logits, as "
            "max(z, 0) - z y + log(1 + e^(-|z|)).",
            LOSS,
        ),
        Mistake(
            bce_with_an_epsilon,
            "an epsilon inside the log hides the log(0), but it caps the loss near 18 and bends every value: "
            "start from the logits instead.",
            LOSS,
        ),
        Mistake(
            bce_clamped,
            "clamping the probability caps the loss near 16, and where it is clamped the gradient is 0, just where the "
            "network is most wrong: start from the logits instead.",
            LOSS,
        ),
        Mistake(
            bce_summed,
            "the losses are summed: take the mean, so that batch size does not change the step.",
            LOSS,
        ),
        Mistake(
            bce_for_each_example,
            "it returns one loss for each example: take their mean, a single number.",
            LOSS,
        ),
        Mistake(
            bce_with_the_sign_flipped,
            "the minus in front is missing (or doubled): a log of a probability is negative, and a loss is not.",
            LOSS,
        ),
        Mistake(
            bce_of_the_ones_only,
            "only the examples with target 1 count: the term (1 - y) log(1 - p) for the zeros is missing.",
            LOSS,
        ),
        Mistake(
            bce_with_targets_swapped,
            "the roles of 0 and 1 are swapped: y goes with log p, and 1 - y with log(1 - p).",
            LOSS,
        ),
        Mistake(
            bce_in_bits,
            "that is in bits (log base 2): the course, like torch, counts in nats (torch.log).",
            LOSS,
        ),
        Mistake(
            bce_of_squared_errors,
            "that is the mean squared error of the probabilities: cross-entropy takes their logarithms.",
            LOSS,
        ),
        Mistake(
            bce_as_a_python_number,
            ".item() turns the loss into a plain number, from which no gradient flows: return the tensor.",
            LOSS,
        ),
    ),
    hints=(
        "What is log(σ(-1000)) when σ(-1000) has been rounded to 0? Can the logarithm be taken before rounding?",
        "-log σ(z) = log(1 + e^-z), and for negative z that is -z + log(1 + e^z). One formula for both signs uses |z|.",
        "torch.clamp(logits, min=0) - logits * targets + torch.log1p(torch.exp(-logits.abs())), then its mean.",
    ),
    alternatives=(_bce_by_softplus, _bce_by_logsigmoid, F.binary_cross_entropy_with_logits),
)


# --- one step of gradient descent ------------------------------------------------------------------------------------


def _stepped(implementation, parameters, gradients, lr):
    """The parameters after the step, in their own memory, and whether they can still be trained."""
    leaves = [p.clone().requires_grad_() for p in parameters]
    addresses = [p.data_ptr() for p in leaves]
    returned = implementation(leaves, gradients, lr)
    same = [p.data_ptr() == a for p, a in zip(leaves, addresses, strict=True)]
    return {
        "parameters": [p.detach() for p in leaves],
        "still trainable": [p.requires_grad and p.is_leaf for p in leaves],
        "in place": same,
        "return": returned,
    }


def _stepped_from_generator(implementation, parameters, gradients, lr):
    leaves = [p.clone().requires_grad_() for p in parameters]
    implementation(iter(leaves), iter(gradients), lr)
    return [p.detach() for p in leaves]


def sgd_step_uphill(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter += lr * gradient


def sgd_step_without_lr(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= gradient


def sgd_step_on_a_copy(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter = parameter - lr * gradient


def sgd_step_that_is_recorded(parameters, gradients, lr):
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter -= lr * gradient


def sgd_step_that_only_sets(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.copy_(-lr * gradient)


def sgd_step_by_division(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= gradient / lr


def sgd_step_of_the_first_only(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient
            return


def sgd_step_of_signs(parameters, gradients, lr):
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * gradient.sign()


def sgd_step_that_returns(parameters, gradients, lr):
    return [p - lr * g for p, g in zip(parameters, gradients, strict=True)]


@torch.no_grad()
def _sgd_step_by_add(parameters, gradients, lr):
    for p, g in zip(list(parameters), list(gradients), strict=True):
        p.add_(g, alpha=-lr)


def _two_parameters():
    return [[torch.randn(2, 3), torch.randn(2)], [torch.randn(2, 3), torch.randn(2)], 0.1]


SGD_STEP = Exercise(
    name="mlp.sgd_step",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.sgd_step,
    cases=(
        Case(
            "values",
            lambda: [[torch.tensor([1.0, 2.0])], [torch.tensor([10.0, -20.0])], 0.1],
            run=_stepped,
            in_place=True,
            says="after the step each parameter must hold its old value minus lr times its gradient, in place.",
        ),
        Case("every parameter", _two_parameters, run=_stepped, in_place=True),
        Case("any iterable", _two_parameters, run=_stepped_from_generator, in_place=True),
    ),
    mistakes=(
        Mistake(
            sgd_step_uphill,
            "the step goes uphill: the gradient points to where the loss grows, so subtract it.",
            STEP,
        ),
        Mistake(
            sgd_step_without_lr, "the learning rate is not used: subtract lr * gradient.", STEP
        ),
        Mistake(
            sgd_step_on_a_copy,
            "parameter = parameter - … makes a new tensor and leaves the network's own as it was: change it in place "
            "with -=.",
            STEP,
        ),
        Mistake(
            sgd_step_that_is_recorded,
            "torch refuses, since it would record the step as part of the function being differentiated: put it under "
            "with torch.no_grad().",
            STEP,
        ),
        Mistake(
            sgd_step_that_only_sets,
            "the old value is lost: the step is subtracted FROM the parameter, it does not replace it.",
            STEP,
        ),
        Mistake(
            sgd_step_by_division, "the gradient is divided by the learning rate; multiply it.", STEP
        ),
        Mistake(
            sgd_step_of_the_first_only,
            "only the first parameter moves: a return (or break) inside the loop ends it too early.",
            STEP,
        ),
        Mistake(
            sgd_step_of_signs,
            "only the sign of the gradient is used: gradient descent takes its size as well.",
            STEP,
        ),
        Mistake(
            sgd_step_that_returns,
            "it returns new tensors and leaves the network's own as they were: change each parameter in place, return "
            "nothing.",
            STEP,
        ),
    ),
    hints=(
        "Which way does the gradient point, uphill or down? And whose memory must change, so that the network notices?",
        "Under torch.no_grad(), walk over parameters and gradients together and change each parameter in place.",
        "with torch.no_grad(): for p, g in zip(parameters, gradients): p -= lr * g",
    ),
    alternatives=(_sgd_step_by_add,),
)


# --- backpropagation by hand -----------------------------------------------------------------------------------------


def _forward(x, w1, b1, w2, b2):
    before = mlp.linear(x, w1, b1)
    hidden = torch.tanh(before)
    return before, hidden, mlp.linear(hidden, w2, b2)


def _gradients_from(x, d_logits, hidden, w2, slope):
    d_before = (d_logits @ w2) * slope
    return d_before.T @ x, d_before.sum(0), d_logits.T @ hidden, d_logits.sum(0)


def backward_without_the_mean(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    return _gradients_from(x, torch.sigmoid(logits) - targets, hidden, w2, 1 - hidden**2)


def backward_with_the_error_flipped(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    return _gradients_from(x, (targets - torch.sigmoid(logits)) / len(x), hidden, w2, 1 - hidden**2)


def backward_without_the_sigmoid(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    return _gradients_from(x, (logits - targets) / len(x), hidden, w2, 1 - hidden**2)


def backward_with_the_sigmoids_slope_twice(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    p = torch.sigmoid(logits)
    return _gradients_from(x, (p - targets) * p * (1 - p) / len(x), hidden, w2, 1 - hidden**2)


def backward_without_the_activations_slope(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    return _gradients_from(
        x, (torch.sigmoid(logits) - targets) / len(x), hidden, w2, torch.ones_like(hidden)
    )


def backward_with_the_slope_at_the_wrong_place(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    slope = 1 - torch.tanh(hidden) ** 2
    return _gradients_from(x, (torch.sigmoid(logits) - targets) / len(x), hidden, w2, slope)


def backward_with_one_bias_gradient_per_example(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    d_logits = (torch.sigmoid(logits) - targets) / len(x)
    d_before = (d_logits @ w2) * (1 - hidden**2)
    return d_before.T @ x, d_before, d_logits.T @ hidden, d_logits


def backward_with_averaged_biases(x, targets, w1, b1, w2, b2):
    _, hidden, logits = _forward(x, w1, b1, w2, b2)
    d_logits = (torch.sigmoid(logits) - targets) / len(x)
    d_before = (d_logits @ w2) * (1 - hidden**2)
    return d_before.T @ x, d_before.mean(0), d_logits.T @ hidden, d_logits.mean(0)


def backward_with_transposed_weights(x, targets, w1, b1, w2, b2):
    d_w1, d_b1, d_w2, d_b2 = mlp.backward(x, targets, w1, b1, w2, b2)
    return d_w1.T, d_b1, d_w2.T, d_b2


def backward_through_the_wrong_input(x, targets, w1, b1, w2, b2):
    before, hidden, logits = _forward(x, w1, b1, w2, b2)
    return _gradients_from(x, (torch.sigmoid(logits) - targets) / len(x), before, w2, 1 - hidden**2)


def _backward_by_autograd(x, targets, w1, b1, w2, b2):
    leaves = [p.detach().clone().requires_grad_() for p in (w1, b1, w2, b2)]
    loss = F.binary_cross_entropy_with_logits(_forward(x, *leaves)[2], targets)
    return torch.autograd.grad(loss, leaves)


def _network(n, d_in, d_hidden):
    return [
        torch.randn(n, d_in),
        torch.randint(0, 2, (n, 1)).float(),
        torch.randn(d_hidden, d_in),
        torch.randn(d_hidden),
        torch.randn(1, d_hidden),
        torch.randn(1),
    ]


BACKWARD = Exercise(
    name="mlp.backward",
    week=1,
    notebook=NOTEBOOK,
    reference=mlp.backward,
    cases=(
        Case("one example", lambda: _network(1, 2, 2)),
        Case("a batch", lambda: _network(5, 2, 3)),
        Case("other sizes", lambda: _network(7, 4, 6)),
        Case(
            "float64 kept", lambda: [t.double() for t in _network(3, 2, 4)], rtol=1e-10, atol=1e-12
        ),
    ),
    mistakes=(
        Mistake(
            backward_without_the_mean,
            "the loss is a mean over the batch, so the error at the logits must be divided by n, the number of "
            "examples.",
            BLAME,
        ),
        Mistake(
            backward_with_the_error_flipped,
            "all gradients point the wrong way: the error at the logits is σ(z) - y, not y - σ(z).",
            BLAME,
        ),
        Mistake(
            backward_without_the_sigmoid,
            "the error compares the logit with the target; compare the probability: σ(z) - y.",
            BLAME,
        ),
        Mistake(
            backward_with_the_sigmoids_slope_twice,
            "the slope of the sigmoid is counted twice: in cross-entropy it cancels, and what is left is σ(z) - y.",
            BLAME,
        ),
        Mistake(
            backward_without_the_activations_slope,
            "on the way back through tanh the error must be multiplied by its slope, 1 - tanh².",
            BLAME,
        ),
        Mistake(
            backward_with_the_slope_at_the_wrong_place,
            "tanh's slope is taken at the hidden values, which are squashed already: take it at the sums before tanh.",
            BLAME,
        ),
        Mistake(
            backward_with_one_bias_gradient_per_example,
            "a bias is shared by all examples, so its gradient is the sum over them: .sum(dim=0).",
            BLAME,
        ),
        Mistake(
            backward_with_averaged_biases,
            "the mean over the batch is taken twice: the 1/n stands in the error already, so sum the bias gradients.",
            BLAME,
        ),
        Mistake(
            backward_with_transposed_weights,
            "the weight gradients are transposed: they must have the weights' shape, (d_out, d_in) = error.T @ input.",
            BLAME,
        ),
        Mistake(
            backward_through_the_wrong_input,
            "the second layer's input is tanh(…), not the sums before it: its weight gradient is error.T @ hidden.",
            BLAME,
        ),
    ),
    hints=(
        "Write the forward pass with a name for each intermediate. If the loss changes by d_logits for each unit of "
        "the logits, how much for each unit of w2? Of hidden? What shapes must come out?",
        "For a layer y = x Wᵀ + b with error d_y: d_W = d_yᵀ x, d_b = d_y summed over examples, d_x = d_y W. Through "
        "tanh: multiply by its slope at what went in. The first error is (σ(z) - y) / n.",
        "d_logits = (sigmoid(logits) - targets) / len(x); d_before = (d_logits @ w2) * tanh(before, derivative=True)",
    ),
    alternatives=(_backward_by_autograd,),
)
