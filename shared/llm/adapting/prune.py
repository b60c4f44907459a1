"""Pruning: weights that hardly matter become zero, or whole heads and hidden numbers go. Met in week 9.

    cut_small(model, 0.5)                        # half of the weights are zero; the shapes stay
    cut_small(model, n_of_m=(2, 4))              # two of each four neighbours, as GPUs multiply faster
    smaller = cut_structure(model, d_hidden=256, n_kv_heads=2)      # really smaller, and faster everywhere

Sources: by magnitude: Han et al. (1506.02626); 2:4: Mishra et al. (2104.08378); heads: Michel et al. (1905.10650); rows
of the feed-forward layers: Li et al. (1608.08710), Ma et al. (2305.11627).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shared.llm.model import LanguageModel

Masks = dict[str, Tensor]


def magnitude_mask(weight: Tensor, share: float) -> Tensor:
    """True where a weight stays: all but the `share` that lie nearest to zero. Any shape → the same shape, bool."""
    cut = round(share * weight.numel())
    mask = torch.ones(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[weight.abs().flatten().topk(cut, largest=False).indices] = False
    return mask.view(weight.shape)


def n_of_m_mask(weight: Tensor, n: int = 2, m: int = 4) -> Tensor:
    """True at the n largest of each m neighbours in a row: (d_out, d_in) → (d_out, d_in), bool.

    Raises ValueError where m does not divide d_in, and where n is not from 1 to m.
    """
    if not 1 <= n <= m or weight.shape[-1] % m:
        raise ValueError(
            f"n_of_m is {(n, m)}; n must be from 1 to m, and m divide the {weight.shape[-1]} numbers of a row."
        )
    groups = weight.abs().reshape(-1, m)
    mask = torch.zeros_like(groups, dtype=torch.bool)
    mask.scatter_(1, groups.topk(n, dim=1).indices, True)
    return mask.view(weight.shape)


def cut_small(
    model: nn.Module,
    share: float = 0.5,
    together: bool = True,
    n_of_m: tuple[int, int] | None = None,
) -> Masks:
    """Sets the smallest weights of the blocks' linear layers to zero, in place, and returns which stay, by name.

    share:    of the weights that go   together: compared over all layers, so that some lose more than others; else each
              layer loses the same share   n_of_m: so many of each m neighbours stay, in place of a share
    Training wakes the zeros up again: call `hold_zeros(model, masks)` after each step. Raises ValueError for a share
    that is not from 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it must be from 0 to 1.")
    weights = {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if type(module) is nn.Linear and ".blocks." in f".{name}"
    }
    if n_of_m is not None:
        masks = {name: n_of_m_mask(weight.detach(), *n_of_m) for name, weight in weights.items()}
    elif together:
        joined = torch.cat([weight.detach().flatten() for weight in weights.values()])
        pieces = magnitude_mask(joined, share).split([w.numel() for w in weights.values()])
        masks = {name: mask.view_as(w) for (name, w), mask in zip(weights.items(), pieces)}
    else:
        masks = {name: magnitude_mask(weight.detach(), share) for name, weight in weights.items()}
    hold_zeros(model, masks)
    return masks


def hold_zeros(model: nn.Module, masks: Masks) -> None:
    """Sets to zero what the masks leave out: after each step of training that goes on after `cut_small`."""
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).mul_(mask)


def sparsity(model: nn.Module) -> float:
    """The share of zeros in the blocks' matrices."""
    matrices = [p for name, p in model.named_parameters() if ".blocks." in name and p.ndim == 2]
    return sum((p == 0).sum().item() for p in matrices) / sum(p.numel() for p in matrices)


def cut_structure(
    model: LanguageModel, d_hidden: int | None = None, n_kv_heads: int | None = None
) -> LanguageModel:
    """A new, smaller model: of each block the most important hidden numbers and heads. In evaluation mode.

    d_hidden:   numbers inside the feed-forward layers that stay   n_kv_heads: heads of keys and values that stay, each
                with all the query heads that share it   None: as many as there are

    All blocks keep equally many, so that the result is a `LanguageModel` like any other: it trains on, quantizes and
    is exported. (In transformers' GPT-2 a head has d_model / n_heads numbers, always: there only d_hidden can go.)
    Importance is the product of the lengths of what goes in and what comes out: a hidden number whose row or column is
    zero does nothing. Raises ValueError for numbers that are not from 1 to the model's own.
    """
    config = model.config
    for name, wanted, most in (
        ("d_hidden", d_hidden, config.hidden_width),
        ("n_kv_heads", n_kv_heads, config.kv_heads),
    ):
        if wanted is not None and not 1 <= wanted <= most:
            raise ValueError(f"{name} is {wanted}; it must be from 1 to {most}, the model's own.")
    group = config.n_heads // config.kv_heads
    kv_heads = n_kv_heads or config.kv_heads
    smaller = config.with_(
        d_hidden=d_hidden or config.hidden_width,
        n_heads=kv_heads * group,
        n_kv_heads=kv_heads,
        d_head=config.head_width,
    )
    state = dict(model.state_dict())
    for i, block in enumerate(model.stack.blocks):
        rows = _largest(hidden_importance(block.feed_forward), smaller.hidden_width)
        place = f"stack.blocks.{i}.feed_forward"
        _keep(state, [f"{place}.up", f"{place}.gate"], [f"{place}.down"], rows)
        kept = _largest(head_importance(block.attention), kv_heads)
        place, d = f"stack.blocks.{i}.attention", config.head_width
        of_keys = _spans(kept, d)
        of_queries = _spans(kept, group * d)  # a group's query heads stand next to each other
        _keep(state, [f"{place}.key", f"{place}.value"], [], of_keys)
        _keep(state, [f"{place}.query"], [f"{place}.output"], of_queries)
    new = LanguageModel(smaller, model.parts)
    new.load_state_dict(state)
    return new.to(model.embedding.weight.device).eval()


def hidden_importance(feed_forward: nn.Module) -> Tensor:
    """Of each hidden number: |its row of up (· of gate)| · |its column of down|. → (d_hidden,)"""
    importance = feed_forward.up.weight.norm(dim=1) * feed_forward.down.weight.norm(dim=0)
    if hasattr(feed_forward, "gate"):
        importance = importance * feed_forward.gate.weight.norm(dim=1)
    return importance.detach()


def head_importance(attention: nn.Module) -> Tensor:
    """Of each head of keys and values: |its rows of value| · |its columns of output|. → (n_kv_heads,)"""
    n = attention.n_kv_heads
    value = attention.value.weight.reshape(n, -1).norm(dim=1)
    output = attention.output.weight.unflatten(1, (n, -1)).norm(dim=(0, 2))
    return (value * output).detach()


def _largest(importance: Tensor, n: int) -> Tensor:
    """Where the n largest stand, in their order."""
    return importance.topk(n).indices.sort().values


def _spans(kept: Tensor, width: int) -> Tensor:
    """The rows of these pieces of `width` rows each."""
    return (kept[:, None] * width + torch.arange(width, device=kept.device)).flatten()


def _keep(
    state: dict[str, Tensor], rows_of: list[str], columns_of: list[str], kept: Tensor
) -> None:
    """Keeps these rows of some layers, biases too, and these columns of others."""
    for name in rows_of:
        for leaf in (f"{name}.weight", f"{name}.bias"):
            if leaf in state:
                state[leaf] = state[leaf][kept]
    for name in columns_of:
        state[f"{name}.weight"] = state[f"{name}.weight"][:, kept]
