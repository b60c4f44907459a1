"""Mixture of experts: many feed-forward layers, of which each token uses a few. Met in week 7's explore notebook.

Shapes: (..., d_model), where every token is sent by itself; n tokens in all, e experts.
Sources: Shazeer et al. (1701.06538); Fedus, Zoph & Shazeer, Switch Transformer (2101.03961); Jiang et al., Mixtral
(2401.04088).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.attention import softmax


def route(logits: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Which experts a token goes to, and how much each counts: softmax over the `top_k` largest logits.

    logits: (n, e)   →   weights (n, top_k), which sum to 1, and experts (n, top_k), their numbers

    Raises ValueError where top_k is not between 1 and e.
    """
    if not 1 <= top_k <= logits.shape[-1]:
        raise ValueError(f"top_k is {top_k}; it must be from 1 to {logits.shape[-1]}.")
    largest, experts = logits.topk(top_k, dim=-1)
    return softmax(largest), experts


def load_balance_loss(logits: Tensor, experts: Tensor) -> Tensor:
    """e · Σ over experts of (share of the tokens' choices that fell on it) · (mean probability that it got).

    logits: (n, e)   experts: (n, top_k), as `route` chose them   →   a scalar, 1 where the load is even, up to e

    The share has no gradient, the probability has: it is pushed down where the share is large.
    Source: 2101.03961, section 2.2; with several choices for each token, the shares of all together.
    """
    n_experts = logits.shape[-1]
    share = torch.bincount(experts.flatten(), minlength=n_experts) / experts.numel()  # (e,)
    probability = softmax(logits).mean(dim=0)  # (e,)
    return n_experts * (share.to(logits.dtype) * probability).sum()


class MixtureOfExperts(nn.Module):
    """Σ over the chosen experts of weight · expert(x): e times the parameters, top_k times the work.

    forward: (..., d_model) → (..., d_model); takes the place of a block's feed-forward layer
    expert: makes one, e.g. lambda: GatedFeedForward(d_model, d_hidden)
    balance: after a forward pass, the load balance loss of its tokens, to be added to the loss with a small factor
    """

    def __init__(
        self, d_model: int, n_experts: int, top_k: int, expert: Callable[[], nn.Module]
    ) -> None:
        super().__init__()
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(expert() for _ in range(n_experts))
        self.top_k = top_k
        self.balance: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(0, -2)  # (n, d_model)
        logits = self.router(tokens)  # (n, e)
        weights, chosen = route(logits, self.top_k)
        self.balance = load_balance_loss(logits, chosen)
        output = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            token, place = torch.where(chosen == number)  # who chose it, and as which choice
            if len(token):
                part = weights[token, place, None] * expert(tokens[token])
                output = output.index_add(0, token, part.to(output.dtype))
        return output.reshape(x.shape)
