"""A BERT whose heads look at the neighbouring tokens from the first step on: little text then teaches it more. Week 8.

At [MASK] a model knows nothing but the place. Until some head has found the neighbours, all that can be learned is how
frequent tokens are, and with learned positions the finding takes millions of tokens: measured here, 6.3 million tokens
(of 8,192 kinds) ended at 6.44 nats for a hidden token, where frequencies alone give 6.99; begun like this, 0.5 million
did. Large runs sit through this plateau; a small one cannot. So the weights start near what they would come to, as
Trockman & Kolter (2305.09828) do with attention.
"""

from __future__ import annotations

import math

import torch

from shared.llm.model import LanguageModel

STEPS = (-1, 1)  # head 0 of each block starts at the token before, head 1 at the token after


@torch.no_grad()
def look_at_neighbours(model: LanguageModel, spread: float = 0.1, gain: float = 0.6) -> None:
    """Sets learned positions, queries and keys so that two heads of each block begin at the neighbours.

    spread: of the positions, beside 0.02 of the tokens   gain: of queries and keys

    The first numbers of a position t are clocks, sin and cos of t · π (k + ½) / n for k = 0 … n−1. The product of two
    such positions is Σ cos(distance · π (k + ½) / n) = n where the distance is 0, and 0 at all others below 2n. A query
    that turns its clocks one step further therefore meets the key of the next token, and no other.
    Raises ValueError for a model without learned positions, or with fewer than two heads.
    """
    config = model.config
    if config.positions != "learned" or config.n_heads < 2:
        raise ValueError(
            f"positions are {config.positions!r} and there are {config.n_heads} heads; this needs learned positions "
            "and two heads."
        )
    width = config.head_width
    n = width // 2
    clocks = math.pi * (torch.arange(n) + 0.5) / n
    angles = torch.arange(config.max_length)[:, None] * clocks  # (max_length, n)
    model.positions.weight[:, :n] = spread * angles.sin()
    model.positions.weight[:, n : 2 * n] = spread * angles.cos()
    for block in model.stack.blocks:
        for head, step in enumerate(STEPS):
            rows = slice(head * width, head * width + 2 * n)
            cos, sin = torch.diag((step * clocks).cos()), torch.diag((step * clocks).sin())
            # sin(a + s) = sin a · cos s + cos a · sin s      cos(a + s) = cos a · cos s − sin a · sin s
            turn = torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])
            block.attention.query.weight[rows, : 2 * n] += gain * turn
            block.attention.key.weight[rows, : 2 * n] += gain * torch.eye(2 * n)
