"""What every optimizer of the week is tried on: steps with given gradients, and what they leave behind."""

import torch

from shared.exercises.spec import Case

GUIDED = "week02_optim/1_guided_descent.ipynb"
EXPLORE = "week02_optim/4_explore_optimizers_now.ipynb"


def walk(implementation, values, gradients, settings, rates=None):
    """The parameters after each step, whether their memory is still the same, and the gradients at the end.

    values: the parameters' starts   gradients: for each step one tensor (or None) for each parameter
    rates: the learning rate to set before each step
    """
    leaves = [v.clone().requires_grad_() for v in values]
    addresses = [p.data_ptr() for p in leaves]
    optimizer = implementation(leaves, **settings)
    outcome = {}
    for number, each in enumerate(gradients, 1):
        if rates:
            optimizer.lr = rates[number - 1]
        _set(leaves, each)
        optimizer.step()
        outcome[f"parameters after step {number}"] = _copies(leaves)
    outcome["gradients afterwards"] = [None if p.grad is None else p.grad.clone() for p in leaves]
    outcome["changed in place"] = [
        p.data_ptr() == a and p.requires_grad and p.is_leaf
        for p, a in zip(leaves, addresses, strict=True)
    ]
    return outcome


def walk_from_generator(implementation, values, gradients, settings):
    """As `network.parameters()` hands them out: once."""
    leaves = [v.clone().requires_grad_() for v in values]
    optimizer = implementation(iter(leaves), **settings)
    for each in gradients:
        _set(leaves, each)
        optimizer.step()
    return {"parameters": _copies(leaves)}


def walk_with_a_pause(implementation, values, gradients, settings):
    """Half of the way, then a fresh optimizer that loads the first one's state."""
    leaves = [v.clone().requires_grad_() for v in values]
    optimizer = implementation(leaves, **settings)
    for number, each in enumerate(gradients):
        if number == len(gradients) // 2:
            state = optimizer.state_dict()
            optimizer = implementation(leaves, **settings)
            optimizer.load_state_dict(state)
        _set(leaves, each)
        optimizer.step()
    return {"parameters": _copies(leaves)}


def _set(leaves, gradients):
    for p, g in zip(leaves, gradients, strict=True):
        p.grad = None if g is None else g.clone()


def _copies(leaves):
    return [p.detach().clone() for p in leaves]


def random_walk(settings, steps=4, shapes=((2, 3), (2,), (2,)), dtype=torch.float32):
    """Inputs for `walk`: random values and gradients of several parameters, two of them of one shape."""

    def make():
        values = [torch.randn(shape, dtype=dtype) for shape in shapes]
        gradients = [[torch.randn(shape, dtype=dtype) for shape in shapes] for _ in range(steps)]
        return [values, gradients, dict(settings)]

    return make


def hand_walk(settings, gradients, start=(1.0, 2.0)):
    """Inputs for `walk`: one parameter with two numbers, which a person can follow."""

    def make():
        steps = [[torch.tensor(g)] for g in gradients]
        return [[torch.tensor(start)], steps, dict(settings)]

    return make


def common_cases(settings):
    """What is tried on every optimizer after its own small cases."""

    def without_gradient():
        values, gradients, chosen = random_walk(settings)()
        for each in gradients:
            each[1] = None
        return [values, gradients, chosen]

    def changing_rate():
        return [*random_walk(settings)(), [0.1, 0.3, 0.05, 0.2]]

    return (
        Case("several parameters", random_walk(settings), run=walk),
        Case(
            "a learning rate that changes",
            changing_rate,
            run=walk,
            says="when lr changes between steps the new one must count at once: use self.lr inside step.",
        ),
        Case("network.parameters()", random_walk(settings), run=walk_from_generator),
        Case(
            "a parameter without gradient",
            without_gradient,
            run=walk,
            says="a parameter whose grad is None took no part: skip it with continue.",
        ),
        Case(
            "saved and resumed",
            random_walk(settings),
            run=walk_with_a_pause,
            says="after state_dict and load_state_dict it must go on as if nothing had happened: keep the memory in "
            "attributes of self, as numbers or as lists of tensors.",
        ),
        Case(
            "float64 kept",
            random_walk(settings, dtype=torch.float64),
            run=walk,
            rtol=1e-9,
            atol=1e-9,
        ),
    )
