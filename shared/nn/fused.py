"""torch's own kernels under the names of ours: the same numbers, faster. Where a model trains for long, it is made of
these (`Parts.fused()` in shared/llm/model.py); that both agree is tested, and shown in week 7.

Each is a twin of the piece of the same name in `attention`, `norms` and `feed_forward`, with the same parameters, so
that weights move from one to the other.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.nn import grouped_attention, positions, transformer
from shared.nn.attention import causal_mask, fused_attention, join_heads

# Of attention by products on a CPU, in tokens: the longest text for which it is faster than torch's kernel, in float32
# when compiled; and the smallest block of queries that pays.
LONGEST_SCORES = {torch.bfloat16: 1024, torch.float32: 512}
SMALLEST_BLOCK = {torch.bfloat16: 256, torch.float32: 64}


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """`scaled_dot_product_attention` under a causal mask that it needs not be given: nobody looks into the future.

    query: (..., q_len, d)   key, value: (..., k_len, d)   →   (..., q_len, d); the queries are the last of the keys
    mask:  what is allowed, in place of the causal mask

    Without a mask the kernel skips the half of the scores that a causal mask would throw away.
    """
    q_len, k_len = query.shape[-2], key.shape[-2]
    if mask is not None or bias is not None or q_len == 1:
        if mask is None and q_len > 1:
            mask = causal_mask(q_len, k_len, query.device)
        return fused_attention(query, key, value, mask, bias)
    if query.device.type == "cpu" and k_len <= LONGEST_SCORES.get(query.dtype, 0):
        if query.dtype == torch.bfloat16 or torch.compiler.is_compiling():
            return _attention_by_products(query, key, value)
    if q_len == k_len:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return fused_attention(query, key, value, causal_mask(q_len, k_len, query.device))


def _attention_by_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same by two batched products. On CPUs torch's kernel knows no fast way with bfloat16: it takes 2 to 5 times
    as long as this (measured with AMX, 64 to 256 tokens).

    Compiled, the queries come in up to four blocks, each with the keys up to its end, which spares up to three eighths
    of the work; not compiled, autograd would copy what is spared. In float32 it takes two thirds of the kernel's time.
    """
    q_len, k_len = query.shape[-2], key.shape[-2]
    blocks = min(4, q_len // SMALLEST_BLOCK.get(query.dtype, q_len))
    if blocks < 2 or q_len != k_len or not torch.compiler.is_compiling():
        return _by_two_products(query, key, value)
    ends = [q_len * (number + 1) // blocks for number in range(blocks)]
    return torch.cat(
        [
            _by_two_products(query[..., begin:end, :], key[..., :end, :], value[..., :end, :])
            for begin, end in zip([0, *ends], ends)
        ],
        dim=-2,
    )


def _by_two_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    q_len, k_len = query.shape[-2], key.shape[-2]
    future = ~causal_mask(q_len, k_len, query.device)
    future = query.new_zeros(q_len, k_len).masked_fill_(future, float("-inf"))
    q, k, v = (x.flatten(0, -3) if x.ndim > 3 else x for x in (query, key, value))
    scores = torch.baddbmm(future, q, k.mT, alpha=q.shape[-1] ** -0.5)
    return (scores.softmax(-1) @ v).view(query.shape[:-1] + value.shape[-1:])


class LayerNorm(nn.LayerNorm):
    """`norms.LayerNorm` by torch's kernel."""


class RMSNorm(nn.RMSNorm):
    """`norms.RMSNorm` by torch's kernel on a GPU, and on a CPU, for which torch has none, by few passes over memory.

    Inside autocast a CPU gets its half precision from here, as the layer that comes next would ask for it anyway.
    """

    def __init__(self, d: int, eps: float = 1e-6) -> None:
        super().__init__(d, eps)

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """What `RMSNorm` computes; weight: (d,), or (..., d) where it differs along further last axes of x."""
    if x.device.type != "cpu":
        return F.rms_norm(x, x.shape[-1:], None, eps) * weight
    low = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if low else x.dtype
    if torch.compiler.is_compiling():
        return (F.rms_norm(x, x.shape[-1:], None, eps) * weight).to(dtype)
    kind = _RMSNorm if weight.ndim == 1 else _RMSNormOfHeads
    return kind.apply(x, weight, eps, dtype)


def _inverse_size(x: Tensor, eps: float) -> Tensor:
    """1 / √(mean of x² + ε) over the last axis, which stays; in float32 where x is half precision."""
    wide = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    return size.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


class _RMSNorm(torch.autograd.Function):
    """Backward by LayerNorm's kernel, told that the mean is zero. LayerNorm's gradient then differs by one term, that
    of the mean, which is the same along a row: it is added back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        inverse = _inverse_size(x, eps)
        ctx.save_for_backward(x, weight, inverse)
        return (x * inverse).mul_(weight).to(dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, inverse = ctx.saved_tensors
        dtype, x, grad = x.dtype, x.to(weight.dtype), grad.to(weight.dtype)
        sizes, no_mean = [x.shape[-1]], torch.zeros_like(inverse)
        of_x, of_weight, _ = torch.ops.aten.native_layer_norm_backward(
            grad, x, sizes, no_mean, inverse, weight, None, [True, True, False]
        )
        term = (grad @ weight).unsqueeze(-1).mul_(inverse).div_(x.shape[-1])
        return of_x.add_(term).to(dtype), of_weight, None, None


class _RMSNormOfHeads(torch.autograd.Function):
    """The same where the weight has more axes than one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        inverse = _inverse_size(x, eps).to(x.dtype)
        normed = (x * inverse).to(dtype)
        ctx.save_for_backward(normed, weight, inverse)
        return normed * weight.to(dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        normed, weight, inverse = ctx.saved_tensors
        of_weight = (grad * normed).reshape(-1, *weight.shape).sum(0).to(weight.dtype)
        scaled = grad * weight.to(grad.dtype)
        shared = torch.linalg.vecdot(scaled, normed).unsqueeze(-1).div_(-normed.shape[-1])
        return torch.addcmul(scaled, normed, shared) * inverse, of_weight, None, None


def rotary(x: Tensor, positions_: Tensor | None = None, base: float = 10_000.0) -> Tensor:
    """`positions.rotary` in half as many passes over memory."""
    if torch.compiler.is_compiling() and x.device.type != "cpu":
        return positions.rotary(x, positions_, base)  # which is fused by itself
    if positions_ is None:
        positions_ = torch.arange(x.shape[-2], device=x.device)
    if torch.compiler.is_compiling():
        cos, sin = (table.to(x.dtype) for table in _tables(positions_, x.shape[-1], base))
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
    return _Rotary.apply(x, *cos_and_sin(x.shape[-1], positions_, base, x.dtype))


def cos_and_sin(
    d: int, positions_: Tensor, base: float = 10_000.0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Of the angles by which `rotary` turns d numbers at these positions: (...) → (..., d/2) each."""
    angles = positions_[..., None].float() * positions.frequencies(d, base, positions_.device)
    return angles.cos().to(dtype), angles.sin().to(dtype)


@torch.library.custom_op("bumblebee::cos_and_sin", mutates_args=())
def _tables(positions_: Tensor, d: int, base: float) -> tuple[Tensor, Tensor]:
    """`cos_and_sin` as one piece for torch.compile, which on a CPU would put it into the loop over texts and heads, and
    compute two powers, cosines and sines anew for each pair of numbers: 3 % of a step of training."""
    return cos_and_sin(d, positions_, base)


@_tables.register_fake
def _(positions_: Tensor, d: int, base: float) -> tuple[Tensor, Tensor]:
    table = positions_.new_empty(*positions_.shape, d // 2, dtype=torch.float32)
    return table, torch.empty_like(table)


class _Rotary(torch.autograd.Function):
    """Turning is undone by turning back, and so is its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return turned(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return turned(grad, cos, -sin), None, None


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs of numbers, half of d apart, turned by an angle whose cosine and sine are given. It has no gradient.

    x: (..., d)   cos, sin: (..., d/2)   →   (..., d)
    """
    result = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    (first, second), (a, b) = x.chunk(2, dim=-1), result.chunk(2, dim=-1)
    torch.mul(first, cos, out=a).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=b).addcmul_(first, sin)
    return result


class GroupedQueryAttention(grouped_attention.GroupedQueryAttention):
    """`grouped_attention.GroupedQueryAttention` with one product for queries, keys and values instead of three."""

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        cache: grouped_attention.Cache | None = None,
    ) -> Tensor:
        if not self.can_join:  # quantized, with LoRA
            return super().forward(x, mask, positions, cache)
        heads = (self.n_heads, self.n_kv_heads, self.n_kv_heads)
        # Queries and keys go through norm and rotary as one: (..., length, n_heads + n_kv_heads, d)
        split = self.project(x).unflatten(-1, (sum(heads), -1))
        both, value = split.split((heads[0] + heads[1], heads[2]), dim=-2)
        if isinstance(self.query_norm, RMSNorm):
            norms = [self.query_norm.weight.expand(heads[0], -1)]
            norms.append(self.key_norm.weight.expand(heads[1], -1))
            both = rms_norm(both, torch.cat(norms), self.query_norm.eps)
        elif self.query_norm is not None:
            query, key = both.split(heads[:2], dim=-2)
            both = torch.cat([self.query_norm(query), self.key_norm(key)], dim=-2)
        both, value = both.transpose(-2, -3), value.transpose(-2, -3)
        if self.turn is not None:
            if positions is not None and positions.ndim > 1:
                positions = positions.unsqueeze(-2)  # an axis for the heads
            both = self.turn(both, positions)
        query, key = both.split(heads[:2], dim=-3)
        if cache is not None:
            key, value = cache.extend(key, value)
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # an axis for the heads
        return self.output(join_heads(self.look(query, key, value, mask)))

    @property
    def can_join(self) -> bool:
        """Whether the three projections are nothing but linear layers."""
        return all(type(layer) is nn.Linear for layer in (self.query, self.key, self.value))

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values side by side: (..., d_model) → (..., (n_heads + 2 · n_kv_heads) · d)"""
        return F.linear(x, *side_by_side((self.query, self.key, self.value)))


def side_by_side(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """(weight, bias) of one layer that does the work of several that read the same."""
    biases = [layer.bias for layer in layers]
    bias = None if biases[0] is None else torch.cat(biases)
    return torch.cat([layer.weight for layer in layers]), bias


class TransformerBlock(transformer.TransformerBlock):
    """`transformer.TransformerBlock` that draws no random numbers where there is no dropout."""

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """`regularization.dropout`; with other random numbers, and none where p is 0."""
    return F.dropout(x, p, training)


def relu(x: Tensor) -> Tensor:
    """`mlp.relu`."""
    return F.relu(x)


def gelu(x: Tensor) -> Tensor:
    """`feed_forward.gelu`."""
    return F.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    """`feed_forward.gelu_tanh`."""
    return F.gelu(x, approximate="tanh")


def silu(x: Tensor) -> Tensor:
    """`feed_forward.silu`."""
    return F.silu(x)
