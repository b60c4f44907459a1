"""Probes for bias: how far apart two groups of words stand, against every other way of grouping them; and how likely a
masked language model holds a text. Met in week 9's explore notebook on responsible models.

    effects = split_effects(of_nurses, of_engineers)     # effects[0] is what was measured, the others are chance
    pseudo_log_likelihood(model, tokens, places, mask_id)

Sources: Caliskan et al., "Semantics derived automatically from language corpora contain human-like biases"
(1608.07187), for effect size and permutations; Salazar et al., "Masked Language Model Scoring" (1910.14659), and Nangia
et al., "CrowS-Pairs" (2010.00133), for pseudo-likelihood over the tokens that two texts share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor


def split_effects(x: Sequence[float], y: Sequence[float]) -> np.ndarray:
    """The effect size of every split of all numbers in groups as large as x and y, the real split first.

    effect size: (mean of the first group − mean of the second) / standard deviation of all numbers (n − 1 below)
    x: n numbers   y: m numbers   → (number of splits,), (n + m)! / (n! m!) of them
    """
    numbers = np.array([*x, *y], dtype=float)
    total, spread = numbers.sum(), numbers.std(ddof=1)
    effects = []
    for chosen in combinations(range(len(numbers)), len(x)):
        first = numbers[list(chosen)].sum()
        effects.append(first / len(x) - (total - first) / len(y))
    return np.array(effects) / spread


def pseudo_log_likelihood(
    model: Callable[[Tensor], Tensor], tokens: Tensor, places: Tensor, mask_id: int
) -> Tensor:
    """Σ log P(token at a place | all other tokens), over `places`: a scalar in nats.

    model: (n, length) of integers → logits (n, length, vocab_size)   tokens: (length,)   places: (n,) of integers
    Each place is hidden alone, in a copy of its own, while all other tokens are seen.
    """
    rows = torch.arange(len(places))
    copies = tokens.repeat(len(places), 1)  # (n, length)
    copies[rows, places] = mask_id
    log_p = model(copies).log_softmax(-1)
    return log_p[rows, places, tokens[places]].sum()
