"""Optimizers of the 2020s: Lion, Muon, and SGD and AdamW without a schedule. Met in week 2's explore notebook.

Muon trains the matrices of week 9's model. Notation as in `optimizers`: θ a parameter, g its gradient, t the step.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from shared.training.optimizers import Optimizer


class Lion(Optimizer):
    """Each entry moves by the same distance, lr, in the direction of the sign of a momentum.

        θ ← θ − lr · (sign(β₁ m + (1 − β₁) g) + weight_decay · θ)        then m ← β₂ m + (1 − β₂) g

    One buffer instead of Adam's two. A good lr is 3 to 10 times smaller than AdamW's, weight decay as much larger.
    Source: Chen et al. 2023, arXiv 2302.06675, algorithm 2 (found by a search over programs).
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.betas = betas
        self.weight_decay = weight_decay
        self.m = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        beta1, beta2 = self.betas
        for p, m in zip(self.parameters, self.m, strict=True):
            if p.grad is None:
                continue
            direction = (beta1 * m + (1 - beta1) * p.grad).sign()
            p -= self.lr * (direction + self.weight_decay * p)
            m *= beta2
            m += (1 - beta2) * p.grad


def newton_schulz(matrix: Tensor, steps: int = 5) -> Tensor:
    """Pushes every singular value of a matrix towards 1 and keeps its singular vectors, by matrix products alone.

        X ← M / ‖M‖        then `steps` times        A = X Xᵀ,   X ← a X + (b A + c A²) X

    matrix: (rows, columns)   →   the same shape and dtype
    Each round applies s ↦ a s + b s³ + c s⁵ to every singular value s. The coefficients are chosen to lift small values
    fast; they leave values spread from about 0.7 to 1.2, which does as well in training as exactly 1.
    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers" (kellerjordan.github.io/posts/muon).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T  # the smaller X Xᵀ
    x = wide / (wide.norm() + 1e-7)  # now no singular value is above 1
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(Optimizer):
    """Momentum, then orthogonalized: all directions in which a weight matrix can change get a step of the same size.

        m ← μ m + (1 − μ) g        u = newton_schulz((1 − μ) g + μ m)   (Nesterov's look ahead)
        θ ← (1 − lr · weight_decay) θ − lr · √max(1, rows / columns) · u

    For the matrices of hidden layers; embeddings, output layer, biases and norms go to an AdamW beside it.
    Raises ValueError for a parameter that is no matrix.
    Source: Jordan et al. 2024; weight decay after Liu et al. 2025, arXiv 2502.16982. As torch.optim.Muon, which
    computes `newton_schulz` in bfloat16; here it keeps the gradient's dtype.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        newton_schulz_steps: int = 5,
    ) -> None:
        super().__init__(parameters, lr)
        for p in self.parameters:
            if p.ndim != 2:
                raise ValueError(
                    f"Muon takes matrices, and a parameter has the shape {tuple(p.shape)}."
                )
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.newton_schulz_steps = newton_schulz_steps
        self.m = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        for p, m in zip(self.parameters, self.m, strict=True):
            if p.grad is None:
                continue
            m *= self.momentum
            m += (1 - self.momentum) * p.grad
            ahead = (1 - self.momentum) * p.grad + self.momentum * m
            update = newton_schulz(ahead, self.newton_schulz_steps)
            rows, columns = p.shape
            p *= 1 - self.lr * self.weight_decay
            p -= self.lr * max(1, rows / columns) ** 0.5 * update


class ScheduleFreeSGD(Optimizer):
    """SGD whose average is kept as it goes, so that no schedule has to know when training ends.

        gradient at   y = (1 − β) z + β x                  the parameters hold y while training
        fast point    z ← z − lr · g
        average       x ← x + (z − x) / t                  the parameters hold x for evaluation

    Call `evaluate()` before the network is judged, and `train()` before it learns on.
    Source: Defazio et al. 2024, arXiv 2405.15682, equations 3 to 5.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, beta: float = 0.9) -> None:
        super().__init__(parameters, lr)
        self.beta = beta
        self.steps = 0
        self.z = [p.detach().clone() for p in self.parameters]
        self.x = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            if p.grad is None:
                continue
            z -= self.lr * p.grad
            x += (z - x) / self.steps
            p.copy_((1 - self.beta) * z + self.beta * x)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Puts the averaged weights x into the network."""
        for p, x in zip(self.parameters, self.x, strict=True):
            p.copy_(x)

    @torch.no_grad()
    def train(self) -> None:
        """Puts the weights y, at which gradients are taken, back into the network."""
        for p, z, x in zip(self.parameters, self.z, self.x, strict=True):
            p.copy_((1 - self.beta) * z + self.beta * x)


class ScheduleFreeAdamW(ScheduleFreeSGD):
    """Schedule-free with Adam's second moment in place of Adam's momentum, and decoupled weight decay at y.

        v ← β₂ v + (1 − β₂) g²        direction = g / (√(v / (1 − β₂ᵗ)) + eps) + weight_decay · y

    warmup_steps: lr rises over them; the average counts a step by the square of its lr, so that it forgets the warm-up
    Source: Defazio et al. 2024, arXiv 2405.15682, algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 2.5e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(parameters, lr, beta=betas[0])
        self.beta2 = betas[1]
        self.eps = eps
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.weight_sum = 0.0
        self.v = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        lr = self.lr * min(1.0, self.steps / max(1, self.warmup_steps))
        self.weight_sum += lr**2
        share = lr**2 / self.weight_sum if self.weight_sum > 0 else 0.0
        for p, z, x, v in zip(self.parameters, self.z, self.x, self.v, strict=True):
            if p.grad is None:
                continue
            v *= self.beta2
            v += (1 - self.beta2) * p.grad**2
            v_hat = v / (1 - self.beta2**self.steps)
            z -= lr * (p.grad / (v_hat.sqrt() + self.eps) + self.weight_decay * p)
            x += share * (z - x)
            p.copy_((1 - self.beta) * z + self.beta * x)
