"""The loss of pretraining: cross-entropy of the next token, computed over chunks so that all logits never stand in
memory at once. Week 9.

A model of 50,000 tokens has 200 kB of logits for each token that it reads, and as much for their gradients: more than
all else together. Here a chunk's logits are turned into the loss and at once into gradients, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from shared.llm.model import LanguageModel

ROWS_AT_ONCE = 64


def filled_up(rows: Tensor) -> Tensor:
    """(n, …) → (m, …): rows of zeros behind them, up to a multiple of 64.

    On a processor oneDNN makes the kernels of a product in low precision for its number of rows, and keeps them: some
    megabytes for each new number. Where every batch has another one, memory would grow for an hour.
    """
    more = -len(rows) % ROWS_AT_ONCE
    return torch.cat([rows, rows.new_zeros(more, *rows.shape[1:])]) if more else rows


class _LinearCrossEntropy(torch.autograd.Function):
    """Σ over rows of −log softmax(hidden · weightᵀ)[target], and Σ of the squared logarithms of the denominators."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float, chunk: int
    ) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        low = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        with torch.autocast(device, enabled=False):
            x = hidden if low is None else hidden.to(low)
            w = weight.to(x.dtype)
            count = len(x)
            if low is not None:
                x, targets = filled_up(x), filled_up(targets)
            wanted = any(ctx.needs_input_grad[:2])
            grad_x = torch.empty_like(x) if wanted else None
            grad_w = torch.zeros_like(weight) if wanted else None
            loss = hidden.new_zeros((), dtype=torch.float32)
            squares = hidden.new_zeros((), dtype=torch.float32)
            for start in range(0, len(x), chunk):
                rows, t = x[start : start + chunk], targets[start : start + chunk, None]
                real = max(0, min(len(rows), count - start))
                logits = (rows @ w.T).float()
                size = logits.logsumexp(-1, keepdim=True)
                loss += (size - logits.gather(-1, t))[:real].sum()
                squares += size[:real].square().sum()
                if not wanted:
                    continue
                slope = logits.sub_(size).exp_()  # softmax
                if z_loss:
                    slope *= 1 + 2 * z_loss * size
                slope.scatter_add_(-1, t, slope.new_full((), -1.0).expand_as(t))
                slope[real:] = 0
                slope = slope.to(x.dtype)
                torch.mm(slope, w, out=grad_x[start : start + chunk])
                if low is None:
                    grad_w.addmm_(slope.T, rows)
                else:
                    grad_w += slope.T @ rows
        if wanted:
            ctx.save_for_backward(grad_x[:count].to(hidden.dtype), grad_w)
        ctx.mark_non_differentiable(squares)
        return loss + z_loss * squares if z_loss else loss, squares

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad, grad_w * grad, None, None, None


def linear_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, z_loss: float = 0.0, chunk: int = 1024
) -> tuple[Tensor, Tensor]:
    """(mean cross-entropy + z_loss · mean of (log Σ exp logits)², the second mean alone), for logits hidden · weightᵀ.

    hidden: (n, d)   weight: (vocab_size, d)   targets: (n,) of integers   →   two scalars in float32

    As F.cross_entropy(hidden @ weight.T, targets), in float32 whatever the products are computed in. z_loss keeps the
    logits from drifting away together, which the cross-entropy does not see (Chowdhery et al., 2204.02311, sec. 5).
    """
    total, squares = _LinearCrossEntropy.apply(hidden, weight, targets, z_loss, chunk)
    return total / len(targets), squares / len(targets)


class NextTokenLoss(nn.Module):
    """A language model and its loss as one module, so that what wraps modules (DDP, FSDP2) wraps both.

    forward(inputs, targets, documents=None): (n, length) each → (loss with z-loss, cross-entropy), scalars in float32
    cross_entropy: an attribute: (logits, targets) → their mean, to be used in place of the chunks; None: it is not
    """

    def __init__(self, model: LanguageModel, z_loss: float = 0.0, chunk: int = 1024) -> None:
        super().__init__()
        self.model, self.z_loss, self.chunk = model, z_loss, chunk
        self.cross_entropy: Callable[[Tensor, Tensor], Tensor] | None = None

    def forward(
        self, inputs: Tensor, targets: Tensor, documents: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        hidden = self.model.hidden(inputs, documents=documents).flatten(0, -2)
        z_loss = self.z_loss if self.training else 0.0
        head = self.model.head
        if (
            self.cross_entropy is not None
            or self.model.transform is not None  # BERT's head is more than a product
            or head.bias is not None
        ):
            logits = self.model.logits(hidden).float()
            loss = (self.cross_entropy or nn.functional.cross_entropy)(logits, targets.flatten())
            if not z_loss:
                return loss, loss.detach()
            squares = logits.logsumexp(-1).square().mean()
            return loss + z_loss * squares, loss.detach()
        loss, squares = linear_cross_entropy(
            hidden, head.weight, targets.flatten(), z_loss, self.chunk
        )
        return loss, (loss - z_loss * squares).detach()
