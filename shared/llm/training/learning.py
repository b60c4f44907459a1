"""The pieces of training that may be the learner's own, as `Parts` are those of the model. Week 9.

    learning = Learning(adamw=part("optim.AdamW"), clip_grad_norm=part("optim.clip_grad_norm"))
    pretrain(config, settings, tokens, held_out, folder, parts, learning=learning)

Without any, `pretrain` does the same with torch's kernels, in less time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shared.llm.training.optimize import Optimizers, like, parameter_groups
from shared.training.batched_muon import BatchedMuon
from shared.training.schedules import cosine_with_warmup


@dataclass(frozen=True)
class Learning:
    """Each piece as its exercise has it; None: what is quick.

    cross_entropy:  (logits (n, vocab_size), targets (n,)) → their mean
    adamw:          a class: (parameters, lr, betas, eps, weight_decay), with `step()` and the attribute `lr`
    newton_schulz:  (matrix, steps) → the matrix with its singular values near 1, inside Muon
    clip_grad_norm: (parameters, max_norm) → the length before
    cosine:         (step, peak_lr, total_steps, warmup_steps, final_lr) → learning rate, where the schedule is "cosine"
    start:          (shape) → a new weight, for the matrices inside the blocks
    """

    cross_entropy: Callable[[Tensor, Tensor], Tensor] | None = None
    adamw: Callable[..., Any] | None = None
    newton_schulz: Callable[..., Tensor] | None = None
    clip_grad_norm: Callable[..., Tensor] = torch.nn.utils.clip_grad_norm_
    cosine: Callable[..., float] = cosine_with_warmup
    start: Callable[[Sequence[int]], Tensor] | None = None

    def prepare(self, module: nn.Module) -> None:
        """Gives a new model and its loss (`NextTokenLoss`) what is theirs: the cross-entropy, and their first weights.

        `start` decides how a matrix's spread follows its shape. All are scaled to the 0.02 of a square matrix that
        `LanguageModel.start_weights` has, and the last matrix of each step stays √(2 · n_layers) smaller, as there.
        With `xavier_normal` unscaled, 300,000 tokens of Wikipedia led to 2.68 bits per byte, where 0.02 led to 2.57.
        """
        module.cross_entropy = self.cross_entropy
        if self.start is None:
            return
        model = module.model
        scale = 0.02 * model.config.d_model**0.5
        shrink = (2 * model.config.n_layers) ** -0.5
        with torch.no_grad():
            for name, matrix in parameter_groups(model)[0].items():
                last = name.endswith(("attention.output.weight", "feed_forward.down.weight"))
                matrix.copy_(self.start(tuple(matrix.shape)) * (scale * (shrink if last else 1.0)))

    def optimizers(self, *settings: Any) -> Optimizers:
        """`Optimizers` with these settings, which the pieces of this class step."""
        if self.adamw is None and self.newton_schulz is None:
            return Optimizers(*settings)
        return OwnOptimizers(self, *settings)


class OwnOptimizers(Optimizers):
    """`Optimizers` in which a given AdamW moves what AdamW moves, and a given Newton-Schulz turns Muon's steps.

    What the AdamW remembers, whatever it calls it, is kept in savepoints: its lists of tensors, and its numbers.
    """

    def __init__(self, learning: Learning, *settings: Any) -> None:
        super().__init__(*settings)
        self.own: list[tuple[Any, float, list[str]]] = []  # optimizer, peak rate, names
        if learning.newton_schulz is not None and self.muon is not None:
            muon = self.muon
            self.muon = MuonBy(
                learning.newton_schulz,
                muon.parameters,
                muon.lr,
                muon.momentum,
                muon.weight_decay,
                muon.newton_schulz_steps,
            )
        if learning.adamw is None:
            return
        for group in self.adamw.param_groups:
            optimizer = learning.adamw(
                group["params"],
                lr=group["lr"],
                betas=group["betas"],
                eps=group["eps"],
                weight_decay=group["weight_decay"],
            )
            self.own.append(
                (optimizer, group["peak_lr"], [self._names[p] for p in group["params"]])
            )

    def set_lr(self, factor: float) -> None:
        super().set_lr(factor)
        for optimizer, peak, _ in self.own:
            optimizer.lr = factor * peak

    def step(self) -> None:
        if not self.own:
            super().step()
            return
        for optimizer, _, _ in self.own:
            optimizer.step()
        if self.muon is not None:
            self.muon.step()

    def state_dict(self) -> dict[str, Tensor]:
        state = super().state_dict()
        for number, (optimizer, _, names) in enumerate(self.own):
            for key, value in vars(optimizer).items():
                if _buffers(value, len(names)) and key != "parameters":
                    state |= {f"own.{number}.{key}.{n}": t for n, t in zip(names, value)}
                elif type(value) in (int, float):
                    state[f"own.{number}.{key}"] = torch.tensor(value, dtype=torch.float64)
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        super().load_state_dict(state)
        for number, (optimizer, _, names) in enumerate(self.own):
            for key, value in vars(optimizer).items():
                if _buffers(value, len(names)) and key != "parameters":
                    for i, name in enumerate(names):
                        kept = state.get(f"own.{number}.{key}.{name}")
                        if kept is not None:
                            value[i] = like(kept, value[i])
                elif (kept := state.get(f"own.{number}.{key}")) is not None:
                    setattr(optimizer, key, type(value)(kept.item()))


def _buffers(value: Any, count: int) -> bool:
    """Whether this is a list with one tensor for each parameter."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, Tensor) for item in value)
    )


class MuonBy(BatchedMuon):
    """Muon, matrix by matrix, with a Newton-Schulz iteration that is given: (matrix, steps) → the same shape."""

    def __init__(self, newton_schulz: Callable[..., Tensor], *settings: Any) -> None:
        super().__init__(*settings)
        self.newton_schulz = newton_schulz

    @torch.no_grad()
    def step(self) -> None:
        for p, m in zip(self.parameters, self.m, strict=True):
            if p.grad is None:
                continue
            m.lerp_(p.grad, 1 - self.momentum)
            ahead = torch.lerp(p.grad, m, self.momentum)
            update = self.newton_schulz(ahead, self.newton_schulz_steps)
            rows, columns = p.shape
            p.mul_(1 - self.lr * self.weight_decay)
            p.sub_(update, alpha=self.lr * max(1, rows / columns) ** 0.5)
