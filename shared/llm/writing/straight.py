"""A straight way through a model for one more token of each text, which is all that writing does after the prompt.

Such a step does little in many small pieces: a model of GPT-2's smallest size reads half a gigabyte of weights, 18 ms
on two cores, and the way there, through 150 modules that each ask again what never changes, took 4 ms more. Here what
stays the same from token to token is settled once, and between the products stands only what must. The numbers are
those of the modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.llm.model import LanguageModel
from shared.llm.writing.cache import KVCache
from shared.llm.writing.one_query import one_query
from shared.nn import fused, norms, positions, transformer
from shared.nn.attention import fused_attention, scaled_dot_product_attention
from shared.nn.feed_forward import FeedForward, GatedFeedForward
from shared.nn.grouped_attention import Cache

BLOCKS = (transformer.TransformerBlock, fused.TransformerBlock)
ATTENTIONS = (scaled_dot_product_attention, fused_attention, fused.attention)
NORMS = (type(None), norms.RMSNorm, fused.RMSNorm)  # of queries and keys
ROTARIES = (positions.rotary, fused.rotary)


class StraightModel(LanguageModel):
    """`LanguageModel`, for use, as `narrow` makes it: one token of each text with caches goes the straight way.

    Everything else, and a model with parts that are not known here (a learner's own block, say), goes the common one.
    """

    steps: dict[int, list[_Step]]  # for a number of texts, one for each block
    compiled: bool  # whether `one_query` does the attention

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "steps": {}}  # a copy has other weights

    def _through(
        self, x: Tensor, mask: Tensor | None, positions: Tensor, caches: Sequence[Cache] | None
    ) -> Tensor:
        fits = x.shape[1] == 1 and caches is not None and not torch.is_grad_enabled()
        steps = self._steps(len(x)) if fits else None
        if not steps:
            return super()._through(x, mask, positions, caches)
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # an axis for the heads
        turn = steps[0].turn_for(positions, x.dtype)
        x = x[:, 0]  # (n, d_model)
        for step, cache in zip(steps, caches):
            x = step(x, mask, turn, cache)
        return x[:, None]

    def _steps(self, n: int) -> list[_Step]:
        if n not in self.steps:
            blocks, width = self.stack.blocks, self.config.head_width
            known = all(map(_is_known, blocks))
            weight = self.embedding.weight
            quick = self.compiled and weight.dtype == torch.float32 and weight.device.type == "cpu"
            self.steps[n] = [_Step(block, width, n, quick) for block in blocks] if known else []
        return self.steps[n]


class _Step:
    """One block's work on one token of each of n texts: (n, d_model) → (n, d_model)"""

    def __init__(self, block: nn.Module, width: int, n: int, compiled: bool) -> None:
        attention, thinks = block.attention, block.feed_forward
        self.attention, self.width, self.pre_norm = attention, width, block.pre_norm
        self.activation, self.compiled = thinks.activation, compiled
        self.heads = (attention.n_heads, attention.n_kv_heads, attention.n_kv_heads)
        self.looking = (attention.n_heads + attention.n_kv_heads, attention.n_kv_heads)
        self.norms = _norm(block.attention_norm), _norm(block.feed_forward_norm)
        self.project = _way(attention.all_three, n) if attention.can_join else self.three
        self.output = _way(attention.output, n)
        self.up, self.down = _way(thinks.up, n), _way(thinks.down, n)
        self.gate = _way(thinks.gate, n) if isinstance(thinks, GatedFeedForward) else None
        self.normed_weight = None
        if attention.query_norm is not None:
            weights = zip((attention.query_norm, attention.key_norm), self.heads)
            # One norm for the heads of queries and of keys: (n_heads + n_kv_heads, 1, d)
            expanded = [norm.weight.detach().expand(count, -1) for norm, count in weights]
            self.normed_weight = torch.cat(expanded)[:, None]
            self.eps = attention.query_norm.eps

    def turn_for(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor] | None:
        """cos and sin of the angles at these positions, which are the same in every block; None: nothing is turned."""
        turn = self.attention.turn
        if turn is None:
            return None
        if positions.ndim > 1:
            positions = positions.unsqueeze(-2)  # an axis for the heads
        return fused.cos_and_sin(self.width, positions, turn.keywords["base"], dtype)

    def __call__(
        self, x: Tensor, mask: Tensor | None, turn: tuple[Tensor, Tensor] | None, cache: Cache
    ) -> Tensor:
        norm, next_norm = self.norms
        if self.pre_norm:
            x = x + self.look(norm(x), mask, turn, cache)
            return x + self.think(next_norm(x))
        x = norm(x + self.look(x, mask, turn, cache))
        return next_norm(x + self.think(x))

    def three(self, x: Tensor) -> Tensor:
        """Queries, keys and values of layers that cannot be joined, with LoRA for instance."""
        attention = self.attention
        return torch.cat([attention.query(x), attention.key(x), attention.value(x)], dim=-1)

    def think(self, x: Tensor) -> Tensor:
        if self.gate is None:
            return self.down(self.activation(self.up(x)))
        return self.down(self.activation(self.gate(x)) * self.up(x))

    def look(
        self, x: Tensor, mask: Tensor | None, turn: tuple[Tensor, Tensor] | None, cache: Cache
    ) -> Tensor:
        n = len(x)
        both, value = (
            self.project(x).view(n, sum(self.heads), 1, -1).split_with_sizes(self.looking, 1)
        )
        if self.normed_weight is not None:
            both = F.rms_norm(both, both.shape[-1:], None, self.eps) * self.normed_weight
        if turn is not None:
            both = fused.turned(both, *turn)
        if self.compiled and type(cache) is KVCache and (mask is None or len(mask) == n):
            return self.output(one_query(both, value, cache, mask))
        query, key = both.split_with_sizes(self.heads[:2], 1)
        keys, values = cache.extend(key, value)  # (n, n_kv_heads, so far, d)
        # The queries of a group stand side by side, as if they were several of one head.
        query = query.reshape(n, self.heads[1], -1, query.shape[-1])
        return self.output(
            F.scaled_dot_product_attention(query, keys, values, attn_mask=mask).view(n, -1)
        )


def _way(module: nn.Module, n: int) -> Callable[[Tensor], Tensor]:
    """What a layer does with n rows, without asking for hooks: its quickest way, where it knows one."""
    way = module.way(n) if hasattr(module, "way") else None
    return module.forward if way is None else way


def _norm(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """What a norm does: of torch's kernels the kernel alone."""
    if type(module) not in (fused.LayerNorm, fused.RMSNorm):
        return module.forward
    weight, sizes, eps = module.weight, module.weight.shape, module.eps
    if type(module) is fused.RMSNorm:
        return lambda x: F.rms_norm(x, sizes, weight, eps)
    bias = module.bias
    return lambda x: torch.layer_norm(x, sizes, weight, bias, eps)


def _is_known(block: nn.Module) -> bool:
    """Whether a block is put together as `_Step` says, and nobody listens to its modules by hooks."""
    if type(block) not in BLOCKS:
        return False
    attention, thinks = block.attention, block.feed_forward
    turn, norm = getattr(attention, "turn", None), getattr(attention, "query_norm", None)
    return (
        isinstance(attention, fused.GroupedQueryAttention)
        and attention.attention in ATTENTIONS
        and (turn is None or (isinstance(turn, partial) and turn.func in ROTARIES))
        and type(norm) in NORMS
        and type(thinks) in (FeedForward, GatedFeedForward)
        and not any(m._forward_hooks or m._forward_pre_hooks for m in block.modules())
    )
