"""LoRA: to adapt a large layer, learn a small one beside it. Met in week 8, used in week 9.

    add_lora(model, rank=8, targets=("query", "value"))     # all else is frozen
    … train …
    save_lora(model, folder)                                # in peft's format
    merge_lora(model)                                       # back to plain layers, the same logits

With the base in 4 bits (`quantize(model, 4)`) the same lines are QLoRA (Dettmers et al., 2305.14314): gradients flow
through the quantized layers, which stay as they are, into the small ones.
Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (2106.09685).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from shared.llm.adapting.quantize import Int4Linear, Int8Linear

LINEAR = (nn.Linear, Int4Linear, Int8Linear)


class LoRALinear(nn.Module):
    """A frozen linear layer and, beside it, what is learned: y = base(x) + α/r · (x Aᵀ) Bᵀ

    base: a linear layer, (..., d_in) → (..., d_out); it no longer learns
    rank: r, of the change to its weights    alpha: α, the size of the change; None: 2 r
    a: (rank, d_in), random, the spread of a new linear layer    b: (d_out, rank), zeros

    Because b begins at zero, nothing changes at first. r (d_in + d_out) numbers are learned instead of d_in · d_out.
    """

    def __init__(self, base: nn.Module, rank: int = 8, alpha: float | None = None) -> None:
        super().__init__()
        if rank < 1:
            raise ValueError(f"rank is {rank}; it must be at least 1.")
        self.base = base.requires_grad_(False)
        self.rank, self.alpha = rank, 2.0 * rank if alpha is None else float(alpha)
        d_out, d_in = base.weight.shape
        self.a = nn.Parameter(torch.empty(rank, d_in))
        self.b = nn.Parameter(torch.zeros(d_out, rank))
        nn.init.uniform_(self.a, -(d_in**-0.5), d_in**-0.5)

    @property
    def change(self) -> Tensor:
        """What it adds to the weights of the base: α/r · B A, (d_out, d_in)."""
        return self.alpha / self.rank * self.b @ self.a

    def forward(self, x: Tensor) -> Tensor:
        small = x.to(self.a.dtype) @ self.a.T @ self.b.T
        return self.base(x) + (self.alpha / self.rank * small).to(x.dtype)

    def merged(self) -> nn.Linear:
        """One plain layer with the same outputs: weights W + α/r · B A. A quantized base becomes float again."""
        d_out, d_in = self.base.weight.shape
        linear = nn.Linear(d_in, d_out, bias=self.base.bias is not None)
        with torch.no_grad():
            linear.weight.copy_(self.base.weight + self.change)
            if self.base.bias is not None:
                linear.bias.copy_(self.base.bias)
        return linear.to(self.base.weight.device)


def add_lora(
    model: nn.Module,
    rank: int = 8,
    alpha: float | None = None,
    targets: Sequence[str] = ("query", "value"),
) -> nn.Module:
    """Puts a `LoRALinear` around each linear layer of a model with one of these names, and freezes all else. In place.

    targets: last parts of names, e.g. "query" for every stack.blocks.N.attention.query
    Returns the model. Raises ValueError where a target names no linear layer, and where LoRA is there already.
    """
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise ValueError("the model has LoRA layers already; merge or remove them first.")
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, LINEAR) and name.rpartition(".")[2] in targets
    ]
    missing = set(targets) - {name.rpartition(".")[2] for name, _ in found}
    if missing or not found:
        names = {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, LINEAR)}
        raise ValueError(
            f"targets are {tuple(targets)}; the linear layers of the model are named {', '.join(sorted(names))}."
        )
    model.requires_grad_(False)
    for name, module in found:
        _replace(model, name, LoRALinear(module, rank, alpha).to(module.weight.device))
    return model


def merge_lora(model: nn.Module) -> nn.Module:
    """Each LoRA layer becomes one plain layer with the same outputs, and all parameters can learn again. In place."""
    for name, module in lora_layers(model):
        _replace(model, name, module.merged())
    return model.requires_grad_(True)


def remove_lora(model: nn.Module) -> nn.Module:
    """The model as it was before `add_lora`, without what was learned. In place."""
    for name, module in lora_layers(model):
        _replace(model, name, module.base)
    return model.requires_grad_(True)


def lora_layers(model: nn.Module) -> list[tuple[str, LoRALinear]]:
    """The LoRA layers of a model and their names. Raises ValueError where there are none."""
    found = [(name, m) for name, m in model.named_modules() if isinstance(m, LoRALinear)]
    if not found:
        raise ValueError("the model has no LoRA layers; `add_lora` makes them.")
    return found


def low_rank(change: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Two small matrices whose product is as near to a change of weights as any of this rank: LoRA, found afterwards.

    change: (d_out, d_in), say of full fine-tuning   →   b (d_out, rank), a (rank, d_in)   with b @ a ≈ change
    By the singular value decomposition, change = Σ s · u vᵀ, of which the `rank` largest s are kept.
    Source: Eckart & Young 1936, "The approximation of one matrix by another of lower rank".
    """
    u, s, vt = torch.linalg.svd(change, full_matrices=False)
    return u[:, :rank] * s[:rank], vt[:rank]


def trainable(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The parameters that learn, by name."""
    return ((name, p) for name, p in model.named_parameters() if p.requires_grad)


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, new)
