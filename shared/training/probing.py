"""Asking a trained network what it knows: of a sentence, by hiding its tokens one by one; of a layer, by a probe.

Week 8's challenge.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def pseudo_log_probabilities(
    log_probabilities: Callable[[Tensor], Tensor],
    tokens: Tensor,
    mask_id: int,
    special_ids: Sequence[int],
) -> Tensor:
    """log P(token | all others of its text), for each token that is not special, each hidden in a copy of its own.

    log_probabilities: (k, length) of ids → (k, length, vocab_size), a model's log-probabilities at every place
    tokens: (length,), one text with its special tokens   →   (k,), in the order of the text, in nats

    Their sum is the pseudo-log-likelihood of the text, exp of minus their mean its pseudo-perplexity. It is "pseudo"
    because these probabilities are not those of a chain: each supposes all other tokens known, also the later ones.
    Source: Salazar et al., "Masked Language Model Scoring" (1910.14659), section 2.
    """
    special = torch.isin(tokens, torch.tensor(special_ids, dtype=tokens.dtype))
    places = (~special).nonzero()[:, 0]
    copy = torch.arange(len(places))
    copies = tokens.repeat(len(places), 1)
    copies[copy, places] = mask_id
    return log_probabilities(copies)[copy, places, tokens[places]]


def linear_probe(
    features: Tensor, targets: Tensor, test_features: Tensor, n_classes: int, strength: float = 0.01
) -> Tensor:
    """The scores of a linear classifier, fitted in one step by ridge regression on the classes as 0 and 1.

    features: (n, d)   targets: (n,), class numbers   test_features: (m, d)   →   (m, n_classes); the largest wins

    Each feature is standardized by the mean and the spread (dividing by n) of the *training* features, so that
    `strength` means the same for every layer; a feature that never changes becomes 0. With Z the standardized
    features and Y the classes as 0 and 1, less their means:   W = (ZᵀZ + strength · n · I)⁻¹ Zᵀ Y.
    Nothing of the network is trained: what the probe finds was there. Computed in float64.
    Source: Alain & Bengio, "Understanding intermediate layers using linear classifier probes" (1610.01644).
    """
    n, d = features.shape
    features, test_features = features.double(), test_features.double()
    mean, spread = features.mean(dim=0), features.std(dim=0, correction=0).clamp(min=1e-8)
    z, z_test = (features - mean) / spread, (test_features - mean) / spread
    classes = torch.nn.functional.one_hot(targets, n_classes).double()
    shares = classes.mean(dim=0)
    penalty = strength * n * torch.eye(d, dtype=torch.float64)
    weights = torch.linalg.solve(z.T @ z + penalty, z.T @ (classes - shares))
    return z_test @ weights + shares
