"""Optimizers: what turns gradients into steps. SGD with momentum, RMSProp, Adam, AdamW. Met in week 2.

    optimizer = AdamW(network.parameters(), lr=1e-3)
    for x, targets in batches:
        optimizer.zero_grad()
        loss(network(x), targets).backward()
        optimizer.lr = cosine_with_warmup(step, 1e-3, total_steps)   # a schedule sets the learning rate
        optimizer.step()

Notation: θ a parameter, g its gradient, t the number of the step from 1. Every buffer has the shape of its parameter.
Each agrees with its namesake in torch.optim, step for step.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Optimizer:
    """What all optimizers share: the list of parameters, the learning rate, clearing gradients, saving and loading.

    A subclass keeps its memory in attributes, as numbers or as lists with one tensor for each parameter.
    `lr` may be changed between steps. Two groups of parameters with different settings are two optimizers.
    Raises ValueError for no parameters, and for a learning rate below 0.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = list(parameters)
        self.lr = lr
        if not self.parameters:
            raise ValueError("parameters is empty: pass network.parameters(), and only once.")
        if not all(isinstance(p, Tensor) for p in self.parameters):
            raise ValueError("parameters must hold tensors, as network.parameters() does.")
        if lr < 0:
            raise ValueError(f"lr is {lr}; it must not be negative.")

    def step(self) -> None:
        """Changes each parameter in place, from its `.grad`; skips those whose `.grad` is None."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forgets the gradients, which `backward()` would otherwise add to."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything but the parameters themselves: settings, step count, buffers."""
        return {
            name: copy.deepcopy(value) for name, value in vars(self).items() if name != "parameters"
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict()` was taken. Raises ValueError where it was taken from another optimizer."""
        own = self.state_dict()
        if state.keys() != own.keys():
            raise ValueError(
                f"state holds {sorted(state)}, and {type(self).__name__} has {sorted(own)}."
            )
        for name, value in state.items():
            if _shapes(value) != _shapes(own[name]):
                raise ValueError(
                    f"state[{name!r}] has shapes {_shapes(value)}, these parameters {_shapes(own[name])}."
                )
        for name, value in state.items():
            if _shapes(value):  # tensors keep their place, and with it their device and dtype
                for buffer, saved in zip(getattr(self, name), value, strict=True):
                    buffer.copy_(saved)
            else:
                setattr(self, name, copy.deepcopy(value))


def _shapes(value: Any) -> list[tuple[int, ...]]:
    """The shapes of a list of buffers; empty for a plain setting."""
    is_list = isinstance(value, list) and all(isinstance(item, Tensor) for item in value)
    return [tuple(buffer.shape) for buffer in value] if is_list else []


class SGD(Optimizer):
    """Gradient descent with momentum: a velocity remembers earlier gradients, and the parameter follows it.

        g ← g + weight_decay · θ        v ← momentum · v + g        θ ← θ − lr · v

    momentum: 0 (none) to below 1; a steady gradient is followed up to 1 / (1 − momentum) times as fast
    weight_decay: λ of the penalty λ/2 · |θ|² whose gradient is added
    Source: Polyak 1964; Sutskever et al. 2013. As torch.optim.SGD.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.velocity = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        for p, v in zip(self.parameters, self.velocity, strict=True):
            if p.grad is None:
                continue
            gradient = p.grad + self.weight_decay * p
            v *= self.momentum
            v += gradient
            p -= self.lr * v


class RMSProp(Optimizer):
    """Each number gets a step of its own: its gradient divided by the root of the recent mean of its square.

        s ← α s + (1 − α) g²        θ ← θ − lr · g / (√s + eps)

    alpha: how much of the old mean is kept; it looks back over about 1 / (1 − α) steps
    Source: Hinton, lecture 6e of "Neural Networks for Machine Learning" (2012). As torch.optim.RMSprop.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        super().__init__(parameters, lr)
        self.alpha = alpha
        self.eps = eps
        self.square = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        for p, s in zip(self.parameters, self.square, strict=True):
            if p.grad is None:
                continue
            s *= self.alpha
            s += (1 - self.alpha) * p.grad**2
            p -= self.lr * p.grad / (s.sqrt() + self.eps)


class Adam(Optimizer):
    """Momentum and RMSProp together, with both means corrected for having started at 0.

        m ← β₁ m + (1 − β₁) g           m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²          v̂ = v / (1 − β₂ᵗ)
        θ ← θ − lr · m̂ / (√v̂ + eps)

    Source: Kingma & Ba 2014, arXiv 1412.6980, algorithm 1. As torch.optim.Adam.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = betas
        self.eps = eps
        self.steps = 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        beta1, beta2 = self.betas
        self.steps += 1
        for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
            if p.grad is None:
                continue
            m *= beta1
            m += (1 - beta1) * p.grad
            v *= beta2
            v += (1 - beta2) * p.grad**2
            m_hat = m / (1 - beta1**self.steps)
            v_hat = v / (1 - beta2**self.steps)
            p -= self.lr * m_hat / (v_hat.sqrt() + self.eps)


class AdamW(Adam):
    """Adam with decoupled weight decay: every parameter shrinks by the same share, whatever its gradients were.

        θ ← θ − lr · weight_decay · θ        then Adam's step

    Source: Loshchilov & Hutter 2017, arXiv 1711.05101, algorithm 2. As torch.optim.AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps)
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self) -> None:
        for p in self.parameters:
            if p.grad is not None:
                p *= 1 - self.lr * self.weight_decay
        super().step()
