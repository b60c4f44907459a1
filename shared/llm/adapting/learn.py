"""The small training loop of week 9's adaptation: fine-tuning, preferences, rewards. One loss, so many steps.

Pretraining has savepoints, many processes and a log; what is trained here is trained in minutes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.llm.training.optimize import Optimizers
from shared.llm.training.precision import autocast, choose_precision
from shared.training.schedules import linear


def learn(
    model: nn.Module,
    loss_of: Callable[[int], Tensor],
    steps: int,
    lr: float = 1e-3,
    warmup_share: float = 0.1,
    weight_decay: float = 0.0,
    clip: float = 1.0,
    precision: str = "float32",
    progress: Callable[[int, int | None], None] | None = None,
) -> list[float]:
    """AdamW on the parameters that can learn; a straight rise, then a straight fall of the learning rate.

    loss_of(step): the loss of a step's batch, a scalar   precision: of `choose_precision`
    Returns the loss of each step; the model is in evaluation mode afterwards. Raises ValueError for no steps, for a
    model in which nothing can learn, and where the loss is no longer a number.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; it must be at least 1.")
    learning = [p for p in model.parameters() if p.requires_grad]
    if not learning:
        raise ValueError("no parameter of the model can learn: each has requires_grad=False.")
    device = learning[0].device
    dtype, _ = choose_precision(precision, device, max(p.shape[-1] for p in learning if p.ndim))
    optimizers = Optimizers(model, "adamw", lr, lr, weight_decay, betas=(0.9, 0.99))
    model.train()
    losses = []
    for step in range(steps):
        optimizers.zero_grad()
        with autocast(device, dtype):
            loss = loss_of(step)
        if not torch.isfinite(loss):
            raise ValueError(
                f"after {step} steps the loss is {loss.item()}: lower lr, which is {lr}, or look at the data."
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, clip)
        optimizers.set_lr(linear(step, 1.0, steps, int(warmup_share * steps)))
        optimizers.step()
        losses.append(loss.item())
        if progress is not None:
            progress(step + 1, steps)
    model.eval()
    return losses


def shuffled(n: int, batch_size: int, seed: int) -> Callable[[int], Tensor]:
    """step → which of n rows are its batch: each epoch in a new order, the last batch of it smaller where n asks so."""
    batches = -(-n // batch_size)

    def batch(step: int) -> Tensor:
        epoch, number = divmod(step, batches)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order = torch.randperm(n, generator=generator)
        return order[number * batch_size : (number + 1) * batch_size]

    return batch
