"""Where a token stands: sinusoidal, learned, rotary and ALiBi positions. Met in week 6.

Attention alone does not know the order of its keys. Positions are told to it in one of three places: added to the
embeddings (sinusoidal, learned), turned into queries and keys (rotary), or added to the scores (ALiBi).
Shapes: length tokens, d numbers for each; everything is a torch tensor.
"""

import torch
from torch import Tensor, nn


def frequencies(d: int, base: float = 10_000.0, device: torch.device | None = None) -> Tensor:
    """How fast each of d/2 clocks turns: 1 / base^(2i/d) radians for each token, i = 0 … d/2 − 1.

    →  (d/2,), from 1 down to almost 1/base. Raises ValueError for an odd d: numbers are used in pairs.
    """
    if d % 2:
        raise ValueError(f"d is {d}; it must be even: numbers are used in pairs.")
    return 1 / base ** (torch.arange(0, d, 2, device=device) / d)


def sinusoidal(length: int, d: int, base: float = 10_000.0) -> Tensor:
    """P[t, 2i] = sin(t / base^(2i/d)) and P[t, 2i+1] = cos(t / base^(2i/d)): clocks from fast to slow.

    →  (length, d), float32 on the CPU, to be added to the embeddings. Raises ValueError for an odd d.

    Source: Vaswani et al. (1706.03762), section 3.5.
    """
    angles = torch.arange(length)[:, None] * frequencies(d, base)  # (length, d/2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def rotary(x: Tensor, positions: Tensor | None = None, base: float = 10_000.0) -> Tensor:
    """Turns pairs of numbers of a query or key by an angle that grows with its position.

    x: (..., length, d)   positions: (length,) or (..., length); None: 0, 1, 2, …   →   the same shape and dtype

    Number i and number i + d/2 are one pair, a point in the plane, and turn by position · base^(−2i/d). The product of
    a turned query with a turned key then depends only on how far apart they stand. Angles are computed in float32.
    Raises ValueError for an odd d.

    Source: Su et al., RoFormer (2104.09864), section 3.2; pairs are halves apart, as in Llama and Qwen, where the paper
    pairs neighbours: the same up to an order of the numbers.
    """
    if positions is None:
        positions = torch.arange(x.shape[-2], device=x.device)
    angles = positions[..., None].float() * frequencies(x.shape[-1], base, x.device)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)  # (..., length, d/2)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class LearnedPositions(nn.Module):
    """One vector for each position up to `max_length`, learned like an embedding. GPT-2 and BERT have it.

    forward(positions): (..., length) of integers → (..., length, d). A position beyond the last raises an IndexError
    from torch: the model was never told about it.
    """

    def __init__(self, max_length: int, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.02 * torch.randn(max_length, d))

    def forward(self, positions: Tensor) -> Tensor:
        return self.weight[positions]


def alibi(n_heads: int, q_len: int, k_len: int | None = None) -> Tensor:
    """−slope · distance for each head: the further back a key, the lower its score. Added to the scores as `bias`.

    →  (n_heads, q_len, k_len); the queries are the last of the k_len positions. Slopes fall from 1/2^(8/n) to 1/256.

    For n_heads a power of two, as in the paper's main setting; other numbers raise a ValueError.
    Source: Press, Smith & Lewis (2108.12409), section 3.
    """
    if n_heads < 1 or n_heads & (n_heads - 1):
        raise ValueError(f"n_heads is {n_heads}; it must be a power of two.")
    k_len = q_len if k_len is None else k_len
    slopes = 2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads)  # (n_heads,)
    queries = torch.arange(k_len - q_len, k_len)
    distance = (queries[:, None] - torch.arange(k_len)).abs()  # (q_len, k_len)
    return -slopes[:, None, None] * distance
