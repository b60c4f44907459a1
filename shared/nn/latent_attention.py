"""Multi-head latent attention, as DeepSeek has it: the keys and values of all heads come from one short vector.

Only that vector is kept of each token. Met in week 7's explore notebook.

Shapes: n sequences, length tokens, d_model numbers for each.
Source: DeepSeek-AI, DeepSeek-V2 (2405.04434), section 2.1.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.attention import join_heads, scaled_dot_product_attention, split_heads
from shared.nn.norms import RMSNorm
from shared.nn.positions import rotary


class LatentAttention(nn.Module):
    """Attention whose keys and values are two linear layers of a latent c = norm(compress(x)), d_latent numbers.

    forward(x, mask=None, positions=None): (..., length, d_model) → (..., length, d_model)
    d:        numbers of a head's query and key without position, and of its value
    d_turned: numbers of a head's query and key that carry the position; the key's are the same for all heads

    Rotary positions cannot go into keys that are made from the latent when they are needed, since turning does not
    commute with a matrix; hence the extra d_turned numbers. What must be kept of a token is c and those: d_latent +
    d_turned numbers instead of 2 · n_heads · d.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_latent: int,
        d: int,
        d_turned: int,
        attention: Callable[..., Tensor] = scaled_dot_product_attention,
    ) -> None:
        super().__init__()
        self.n_heads, self.d_latent, self.d, self.d_turned = n_heads, d_latent, d, d_turned
        self.attention = attention
        self.query = nn.Linear(d_model, n_heads * (d + d_turned), bias=False)
        self.compress = nn.Linear(d_model, d_latent + d_turned, bias=False)
        self.latent_norm = RMSNorm(d_latent)
        self.expand = nn.Linear(d_latent, n_heads * 2 * d, bias=False)
        self.output = nn.Linear(n_heads * d, d_model, bias=False)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, positions: Tensor | None = None
    ) -> Tensor:
        latent, key_turned = self.to_keep(x, positions)
        key, value = split_heads(self.expand(latent), self.n_heads).chunk(2, dim=-1)
        query, query_turned = split_heads(self.query(x), self.n_heads).split(
            [self.d, self.d_turned], dim=-1
        )
        query = torch.cat([query, rotary(query_turned, positions)], dim=-1)
        shared = key_turned.unsqueeze(-3).expand(*key.shape[:-1], self.d_turned)
        key = torch.cat([key, shared], dim=-1)  # (..., n_heads, length, d + d_turned)
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3)  # an axis for the heads
        return self.output(join_heads(self.attention(query, key, value, mask)))

    def to_keep(self, x: Tensor, positions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """All that later tokens need of these: the latents (..., length, d_latent), the turned keys (…, d_turned)."""
        latent, turned = self.compress(x).split([self.d_latent, self.d_turned], dim=-1)
        return self.latent_norm(latent), rotary(turned, positions)


def kept_numbers(n_heads: int, d: int, n_kv_heads: int | None = None) -> int:
    """Numbers that multi-head or grouped-query attention keeps of each token in each block: 2 · n_kv_heads · d.

    For latent attention it is d_latent + d_turned.
    """
    return 2 * (n_heads if n_kv_heads is None else n_kv_heads) * d
