"""Grouped-query attention, as Llama and Qwen have it: fewer keys and values than queries, rotary positions, norms of
queries and keys, a cache. Met in week 7's explore notebook; the attention of week 9's language model.

Shapes: n sequences, length tokens, d_model numbers for each, d for each head.
Sources: Ainslie et al. (2305.13245); Shazeer, one key for all heads (1911.02150); norms of queries and keys: Henry et
al. (2010.04245), Dehghani et al. (2302.05442).
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn

from shared.nn.attention import join_heads, scaled_dot_product_attention, split_heads
from shared.nn.positions import rotary


class Cache(Protocol):
    """Keeps the keys and values of what was read. Written in week 9."""

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Adds new ones, (..., n_kv_heads, length, d), and returns all so far."""


def repeat_heads(x: Tensor, times: int) -> Tensor:
    """(..., n_kv_heads, length, d)   →   (..., n_kv_heads · times, length, d): each head `times` times in a row."""
    return x.repeat_interleave(times, dim=-3) if times > 1 else x


class GroupedQueryAttention(nn.Module):
    """Multi-head attention in which several query heads share one head of keys and values.

    forward(x, mask=None, positions=None, cache=None): (..., length, d_model) → (..., length, d_model)
    n_kv_heads: n_heads is multi-head attention, 1 is multi-query attention, between them lies grouped-query attention
    d:          numbers of a head, by default d_model / n_heads
    turn:       turn(x, positions) puts positions into queries and keys, e.g. `rotary`; None: they have none
    norm:       makes a norm of d numbers for queries and one for keys (QK-norm); None: none
    bias, output_bias: whether the projections have biases; output_bias is as bias by default
    mask:       as in MultiHeadAttention   positions: (length,) or (..., length); None: 0, 1, 2, …
    cache:      keeps keys and values for the next call

    Raises ValueError where n_kv_heads does not divide n_heads.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        n_kv_heads: int | None = None,
        d: int | None = None,
        bias: bool = False,
        output_bias: bool | None = None,
        turn: Callable[[Tensor, Tensor | None], Tensor] | None = rotary,
        norm: Callable[[int], nn.Module] | None = None,
        attention: Callable[..., Tensor] = scaled_dot_product_attention,
    ) -> None:
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        if n_kv_heads < 1 or n_heads % n_kv_heads:
            raise ValueError(
                f"n_kv_heads is {n_kv_heads}; it must divide n_heads, which is {n_heads}: "
                "each group has equally many queries."
            )
        if d is None and d_model % n_heads:
            raise ValueError(
                f"n_heads is {n_heads}; it must divide d_model, which is {d_model}, where d is not given."
            )
        d = d_model // n_heads if d is None else d
        output_bias = bias if output_bias is None else output_bias
        self.n_heads, self.n_kv_heads, self.turn, self.attention = (
            n_heads,
            n_kv_heads,
            turn,
            attention,
        )
        self.query = nn.Linear(d_model, n_heads * d, bias)
        self.key = nn.Linear(d_model, n_kv_heads * d, bias)
        self.value = nn.Linear(d_model, n_kv_heads * d, bias)
        self.output = nn.Linear(n_heads * d, d_model, output_bias)
        self.query_norm = norm(d) if norm else None
        self.key_norm = norm(d) if norm else None

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        query = split_heads(self.query(x), self.n_heads)  # (..., n_heads, length, d)
        key = split_heads(self.key(x), self.n_kv_heads)  # (..., n_kv_heads, length, d)
        value = split_heads(self.value(x), self.n_kv_heads)
        if self.query_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.turn is not None:
            if positions is not None and positions.ndim > 1:
                positions = positions.unsqueeze(-2)  # an axis for the heads
            query, key = self.turn(query, positions), self.turn(key, positions)
        if cache is not None:
            key, value = cache.extend(key, value)
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # an axis for the heads
        return self.output(join_heads(self.look(query, key, value, mask)))

    def look(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Each query head looks at its group's keys: (..., n_heads, length, d)."""
        times = self.n_heads // self.n_kv_heads
        key, value = repeat_heads(key, times), repeat_heads(value, times)
        return self.attention(query, key, value, mask)
