"""Attention: a query looks at keys and gets back a mixture of their values. Met in week 6, with heads in week 7.

Masks are boolean, True where a query **may** look at a key. Leading dimensions ("...") are any batch dimensions.
Shapes: n sequences, q_len queries, k_len keys and values, d of a query or key, d_v of a value.
Sources: Bahdanau, Cho & Bengio (1409.0473); Vaswani et al., "Attention Is All You Need" (1706.03762), section 3.2;
Ainslie et al., grouped-query attention (2305.13245).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """e^x / Σ e^x along `dim`: positive numbers that sum to 1.

    x: any shape   →   the same shape

    The largest number is subtracted first: the quotient does not change, and no exponential overflows.
    """
    exponentials = torch.exp(x - x.max(dim=dim, keepdim=True).values)
    return exponentials / exponentials.sum(dim=dim, keepdim=True)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Attention(Q, K, V) = softmax(Q Kᵀ / √d) V

    query: (..., q_len, d)   key: (..., k_len, d)   value: (..., k_len, d_v)   →   (..., q_len, d_v)
    mask:  broadcastable to (..., q_len, k_len), True where a query may look; a query that may look nowhere gets zeros
    bias:  broadcastable to the same, added to the scores before the softmax (ALiBi)

    Dividing by √d keeps the variance of the scores at 1 where queries and keys have variance 1. All in query's dtype.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (..., q_len, k_len)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = softmax(scores)
    if mask is not None:
        weights = weights * mask  # changes only rows in which nothing is allowed
    return weights @ value


def fused_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The same numbers as `scaled_dot_product_attention` from torch's kernel, which never stores the scores.

    Give it to a model as its `attention` where speed or memory counts (Dao et al., FlashAttention, 2205.14135). In half
    precision it is also the more exact of the two: the kernel keeps the scores in float32.
    """
    if bias is not None:
        bias = bias.to(query.dtype)
        mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def causal_mask(q_len: int, k_len: int | None = None, device: torch.device | None = None) -> Tensor:
    """True where key j does not come after query i: nobody may look into the future.

    q_len: number of queries   k_len: of keys, by default as many   →   (q_len, k_len), boolean

    With more keys than queries the queries are the last ones: query i stands at position k_len − q_len + i, as when a
    model goes on writing and keeps the keys of what it has read.
    """
    k_len = q_len if k_len is None else k_len
    everywhere = torch.ones(q_len, k_len, dtype=torch.bool, device=device)
    return everywhere.tril(k_len - q_len)


def padding_mask(lengths: Tensor, length: int | None = None) -> Tensor:
    """True at the real tokens of each sequence, False where it was filled up.

    lengths: (n,) of integers   length: of the padded batch, by default the longest   →   (n, 1, length), boolean

    The middle axis is that of the queries: all of them see the same keys. It joins a causal mask with `&`. Lengths
    with other leading dimensions, (...), give a mask (..., 1, length).
    """
    length = int(lengths.max()) if length is None else length
    return torch.arange(length, device=lengths.device) < lengths[..., None, None]


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """(..., length, n_heads · d)   →   (..., n_heads, length, d): each head gets its own slice of the numbers."""
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def join_heads(x: Tensor) -> Tensor:
    """(..., n_heads, length, d)   →   (..., length, n_heads · d): the slices beside each other again."""
    return x.transpose(-3, -2).flatten(-2)


class MultiHeadAttention(nn.Module):
    """Several attentions beside each other, each with its own projections; their outputs are joined and mixed.

    forward(x, context=None, mask=None): x (..., q_len, d_model), context (..., k_len, d_model) → (..., q_len, d_model)
    context: where keys and values come from; None: from x itself (self-attention)
    mask:    broadcastable to (..., q_len, k_len), True where a query may look; the same for all heads
    attention: the function for one head, `scaled_dot_product_attention` or one that gives the same numbers

    Raises ValueError where n_heads does not divide d_model. Source: 1706.03762, section 3.2.2.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        bias: bool = True,
        attention: Callable[..., Tensor] = scaled_dot_product_attention,
    ) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(
                f"n_heads is {n_heads}; it must divide d_model, which is {d_model}: each head gets an equal share."
            )
        self.n_heads, self.attention = n_heads, attention
        self.query = nn.Linear(d_model, d_model, bias)
        self.key = nn.Linear(d_model, d_model, bias)
        self.value = nn.Linear(d_model, d_model, bias)
        self.output = nn.Linear(d_model, d_model, bias)

    def forward(
        self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        context = x if context is None else context
        query = split_heads(self.query(x), self.n_heads)  # (..., n_heads, q_len, d)
        key = split_heads(self.key(context), self.n_heads)  # (..., n_heads, k_len, d)
        value = split_heads(self.value(context), self.n_heads)
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # an axis for the heads
        return self.output(join_heads(self.attention(query, key, value, mask)))
