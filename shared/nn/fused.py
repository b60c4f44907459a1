"""torch's own kernels under the names of ours: the same numbers, faster. Where a model trains for long, it is made of
these (`Parts.fused()` in shared/llm/model.py); that both agree is tested, and shown in week 7.

Each is a twin of the piece of the same name in `attention`, `norms` and `feed_forward`, with the same parameters, so
that weights move from one to the other.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from shared.nn.attention import causal_mask, fused_attention


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
    if q_len == k_len:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    return fused_attention(query, key, value, causal_mask(q_len, k_len, query.device))


class LayerNorm(nn.LayerNorm):
    """`norms.LayerNorm` by torch's kernel."""


class RMSNorm(nn.RMSNorm):
    """`norms.RMSNorm` by torch's kernel; in half precision the kernel, too, takes its mean in float32."""

    def __init__(self, d: int, eps: float = 1e-6) -> None:
        super().__init__(d, eps)

    def forward(self, x: Tensor) -> Tensor:
        # Under autocast x is in half precision and the weight is not; the kernel wants both alike.
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


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
