"""From logits to the next token: temperature, top-k, top-p, min-p and the repetition penalty. Written in week 9.

`sample` draws. The four filters do what it does to the logits one by one, to be looked at and put together anew: a
token that is out gets −∞. Shapes: "..." are any dimensions before the vocabulary's, usually the texts of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sample(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    min_p: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draws a token for each text: (n, vocab_size) → (n,) of integers.

    temperature: the logits are divided by it: below 1 likely tokens become likelier; 0 takes the likeliest, no draw
    top_k:       only the k likeliest tokens are drawn from; None: all
    top_p:       only the fewest tokens that have this probability, above 0, together, likeliest first
    min_p:       only tokens that have at least this share of the likeliest one's probability
    generator:   where the draw comes from: the same seed, the same tokens

    The likeliest token always stays. Each filter looks at what the one before it left, in this order.
    Sources: top-k: Fan et al. (1805.04833); top-p: Holtzman et al. (1904.09751); min-p: Nguyen et al. (2407.01082).
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    vocab_size = logits.shape[-1]
    logits, tokens = logits.topk(min(top_k or vocab_size, vocab_size))  # (n, k), likeliest first
    p = torch.softmax(logits.float() / temperature, dim=-1)
    before = p.cumsum(dim=-1) - p  # what the likelier tokens have together: 0 for the first
    p = p * (before < top_p) * (p >= min_p * p[:, :1])
    drawn = torch.multinomial(p, 1, generator=generator)  # it divides by the sum of what is left
    return tokens.gather(-1, drawn).squeeze(-1)


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Only the k likeliest tokens, and what ties with the last of them: (..., vocab_size) → the same shape."""
    last = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < last, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Only the fewest tokens whose probabilities sum to p or more: (..., vocab_size) → the same shape."""
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = torch.softmax(ordered.float(), dim=-1)
    out = probabilities.cumsum(dim=-1) - probabilities >= p
    out[..., 0] = False  # also where p is 0
    return logits.masked_fill(out.scatter(-1, tokens, out), -torch.inf)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Only tokens with at least p times the probability of the likeliest: (..., vocab_size) → the same shape."""
    probabilities = torch.softmax(logits.float(), dim=-1)
    return logits.masked_fill(
        probabilities < p * probabilities.amax(dim=-1, keepdim=True), -torch.inf
    )


def repetition_penalty(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Tokens that were there before become less likely: positive logits are divided by the penalty, negative ones
    multiplied with it. Above 1 it is a penalty; 1 changes nothing.

    logits: (..., vocab_size)   seen: (..., length) of integers, the tokens of the text   →   (..., vocab_size)

    A token is penalized once, however often it was there. Source: Keskar et al., CTRL (1909.05858), section 4.1.
    """
    there = logits.gather(-1, seen)
    there = torch.where(there > 0, there / penalty, there * penalty)
    return logits.scatter(-1, seen, there)
