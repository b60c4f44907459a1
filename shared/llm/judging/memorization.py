"""What a model kept of its training texts: exposure of planted secrets, and membership by loss. Met in week 9's explore
notebook on responsible models.

    exposure(log_p_of_the_secret, log_p_of_all_others)     # bits, from 0 to log2 of the number of candidates
    auc(losses_of_members, losses_of_others)               # ½: nothing is given away

Sources: Carlini et al., "The Secret Sharer" (1802.08232), section 4; Yeom et al., "Privacy Risk in Machine Learning"
(1709.01604), for membership by loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor


def exposure(secret: float, others: Sequence[float]) -> float:
    """How many bits of a secret the model gives away: log2(candidates) − log2(rank), of candidates the secret is one.

    secret: its log-probability   others: those of all other candidates
    rank: 1 where no other is more probable. Guessing at random, rank is about half of the candidates: about one bit.
    """
    rank = 1 + sum(other > secret for other in others)
    return math.log2(len(others) + 1) - math.log2(rank)


def auc(members: Sequence[float], others: Sequence[float]) -> float:
    """How often a member's loss is below another text's, over all pairs; equal ones count half. ½ is chance."""
    members, others = np.sort(np.asarray(members)), np.sort(np.asarray(others))
    above = len(others) - np.searchsorted(others, members, side="right")
    equal = len(others) - np.searchsorted(others, members, side="left") - above
    return float((above + equal / 2).sum() / (len(members) * len(others)))


@torch.no_grad()
def number_log_probabilities(
    model: Callable[[Tensor], Tensor], beginning: Sequence[int], digits: Sequence[int], n: int
) -> np.ndarray:
    """log P of every number of n digits after a beginning: (10ⁿ,), the number itself is its place.

    model: (rows, length) of integers → logits (rows, length, vocab_size)   digits: the tokens of 0 to 9
    A row for each n − 1 digits tells of all ten that may follow, and of its own: 10ⁿ⁻¹ rows instead of 10ⁿ.
    """
    rows = np.stack(np.meshgrid(*[np.arange(10)] * (n - 1), indexing="ij"), axis=-1)
    rows = torch.as_tensor(rows.reshape(-1, n - 1))  # (10ⁿ⁻¹, n − 1)
    signs = torch.as_tensor(list(digits))
    texts = torch.cat([torch.as_tensor(list(beginning)).expand(len(rows), -1), signs[rows]], dim=1)
    log_p = model(texts)[:, len(beginning) - 1 :].log_softmax(-1)[..., signs]  # (rows, n, 10)
    known = log_p[:, :-1].gather(-1, rows[..., None])[..., 0].sum(1)  # (rows,)
    return (known[:, None] + log_p[:, -1]).flatten().double().cpu().numpy()
