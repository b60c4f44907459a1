"""Adaptation: a trained model becomes one for a task. Met in week 8, used in week 9.

    classification_head      from what a model says of a text to its class
    distillation_loss        a small model learns what a large one thinks
    finetune                 a model learns to answer, whole or by LoRA

`LoRALinear` stands in `shared.llm.adapting.lora`, the data of fine-tuning in `shared.llm.adapting.sft`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shared.llm.adapting.learn import learn, shuffled
from shared.llm.adapting.lora import LoRALinear, add_lora
from shared.llm.adapting.sft import example, pack_examples, sft_loss
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer

__all__ = [
    "Classifier",
    "FinetuneSettings",
    "LoRALinear",
    "classification_head",
    "distillation_loss",
    "finetune",
]


def classification_head(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor,
    real: Tensor | None = None,
    pooling: str = "first",
) -> Tensor:
    """The scores of each class of a text: one vector for the text, then a linear layer.

    hidden:  (n, length, d), what a model says of each token   weight: (n_classes, d)   bias: (n_classes,)
    real:    (n, length), True at real tokens, where texts are padded on the right; None: all are
    pooling: "first", the first token's vector (BERT's [CLS]); "mean", the mean of the real tokens'; "last", the last
             real token's, for a model in which only that one has seen the whole text
    →        (n, n_classes)

    Raises ValueError for another pooling.
    """
    if pooling not in ("first", "mean", "last"):
        raise ValueError(f"pooling is {pooling!r}; it must be 'first', 'mean' or 'last'.")
    if real is None:
        real = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
    if pooling == "first":
        pooled = hidden[:, 0]
    elif pooling == "mean":
        share = real / real.sum(dim=1, keepdim=True)  # (n, length), rows that sum to 1
        pooled = (share[:, :, None] * hidden).sum(dim=1)
    else:
        last = real.sum(dim=1) - 1
        pooled = hidden[torch.arange(len(hidden), device=hidden.device), last]
    return pooled @ weight.T + bias


class Classifier(nn.Module):
    """A language model with `classification_head`: (n, length) of integers → (n, n_classes)

    pooling: None: "first" for a model that sees both sides, "last" for one that sees only what came before
    dropout: on the hidden vectors, while training
    """

    def __init__(
        self,
        model: LanguageModel,
        n_classes: int,
        pooling: str | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.model, self.dropout = model, nn.Dropout(dropout)
        self.pooling = pooling or ("last" if model.config.causal else "first")
        self.weight = nn.Parameter(torch.empty(n_classes, model.config.d_model))
        self.bias = nn.Parameter(torch.zeros(n_classes))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, tokens: Tensor, real: Tensor | None = None) -> Tensor:
        hidden = self.dropout(self.model.hidden(tokens, real))
        return classification_head(hidden, self.weight, self.bias, real, self.pooling)


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    targets: Tensor,
    temperature: float = 2.0,
    soft: float = 0.5,
) -> Tensor:
    """(1 − soft) · cross-entropy(student, targets) + soft · T² · KL(p ‖ q), the mean over places, a scalar

    student, teacher: (n, n_classes) logits; p and q are the softmax of teacher / T and student / T   targets: (n,)
    At a temperature T above 1 the teacher's small probabilities count: which mistakes are nearly right. Their
    gradients shrink by T², which T² makes up for. The teacher gets no gradient.
    Source: Hinton, Vinyals & Dean (1503.02531), section 2.
    """
    log_p = torch.log_softmax(teacher.detach() / temperature, dim=-1)
    log_q = torch.log_softmax(student / temperature, dim=-1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()
    hard = nn.functional.cross_entropy(student, targets)
    return (1 - soft) * hard + soft * temperature**2 * divergence


@dataclass(frozen=True)
class FinetuneSettings:
    """How a model is fine-tuned. Raises ValueError for settings that make no sense.

    epochs: times that the data is seen   batch_size: rows of `context` tokens for each step   lr: at its peak
    lora_rank: learn only so large a change of the layers `lora_targets`; None: all weights learn
    precision: "float32", "bfloat16" or "auto"
    """

    epochs: int = 3
    batch_size: int = 8
    context: int = 256
    lr: float = 1e-3
    lora_rank: int | None = None
    lora_targets: tuple[str, ...] = ("query", "key", "value", "output", "up", "down")
    weight_decay: float = 0.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if not self.lr > 0:
            raise ValueError(f"lr is {self.lr}; it must be above 0.")


def finetune(
    model: LanguageModel,
    tokenizer: Tokenizer,
    rows: Iterable[Any],
    settings: FinetuneSettings | None = None,
    held_out: Iterable[Any] = (),
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Supervised fine-tuning, in place: of all weights, or of LoRA layers that stay in the model afterwards.

    rows, held_out: what `sft.messages_of` takes: conversations, instructions, lists of messages
    Returns what was done: examples, rows, steps, losses, and the loss on held_out before and after where there is any.
    """
    settings = settings or FinetuneSettings()
    context = min(settings.context, model.config.max_length)
    packed = pack_examples([example(row, tokenizer) for row in rows], context)
    kept = [example(row, tokenizer) for row in held_out]
    kept = [one for one in kept if any(one.own[1 : context + 1])]  # others are cut to a question
    judged = pack_examples(kept, context) if kept else None
    before = None if judged is None else held_out_loss(model, judged, settings.batch_size)
    if settings.lora_rank is not None:
        add_lora(model, settings.lora_rank, targets=settings.lora_targets)
    device = next(model.parameters()).device
    batch = shuffled(len(packed.inputs), settings.batch_size, settings.seed)
    steps = settings.epochs * -(-len(packed.inputs) // settings.batch_size)
    losses = learn(
        model,
        lambda step: sft_loss(model, packed.rows(batch(step)).to(device)),
        steps,
        settings.lr,
        weight_decay=settings.weight_decay,
        precision=settings.precision,
        progress=progress,
    )
    after = None if judged is None else held_out_loss(model, judged, settings.batch_size)
    return {
        "rows": len(packed.inputs),
        "context": context,
        "own_tokens": int(packed.own.sum()),
        "steps": steps,
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "held_out_loss_before": before,
        "held_out_loss": after,
    }


def held_out_loss(model: LanguageModel, packed: Any, batch_size: int = 8) -> float:
    """The mean loss of the assistant's tokens in packed rows, in nats."""
    device, total = next(model.parameters()).device, 0.0
    model.eval()
    with torch.no_grad():
        for first in range(0, len(packed.inputs), batch_size):
            part = packed.rows(range(first, min(len(packed.inputs), first + batch_size))).to(device)
            total += sft_loss(model, part).item() * int(part.own.sum())
    return total / int(packed.own.sum())
