"""A word as a row of numbers, learnt from the words around it: skip-gram with negative sampling. Met in week 4.

Each word has two vectors: one for when it stands in the middle (`centre`), one for when it stands near (`context`).
A pair that occurs in the text shall have a large dot product, a pair with a word drawn by chance a small one.
Shapes: v words, d numbers for each, b pairs in a batch, k words drawn by chance ("negatives") for each pair.
Sources: Mikolov, Chen, Corrado & Dean (1301.3781); Mikolov, Sutskever, Chen, Corrado & Dean (1310.4546);
Levy & Goldberg, "Neural Word Embedding as Implicit Matrix Factorization" (2014).
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def skip_gram_pairs(ids: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Every word with each word at most `window` places before or after it.

    ids: (n,), the words of one text in their order   →   centres (pairs,), contexts (pairs,), int64
    """
    centres, contexts = [ids[:0]], [ids[:0]]  # so that a text of one word gives two empty rows
    for distance in range(1, min(window, len(ids) - 1) + 1):
        earlier, later = ids[:-distance], ids[distance:]
        centres += [earlier, later]
        contexts += [later, earlier]
    return torch.cat(centres), torch.cat(contexts)


def negative_sampling_loss(centre: Tensor, context: Tensor, negatives: Tensor) -> Tensor:
    """−ln σ(centre · context) − Σ ln σ(−centre · negative), the mean over the pairs.

    centre: (b, d)   context: (b, d)   negatives: (b, k, d)   →   a scalar, in nats

    ln σ is taken in one piece (logsigmoid): σ of a large negative number is rounded to 0, and its logarithm is −∞.
    """
    real = (centre * context).sum(dim=-1)  # (b,)
    invented = (negatives @ centre[:, :, None]).squeeze(-1)  # (b, k, d) @ (b, d, 1) → (b, k)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(dim=-1)).mean()


def nearest(query: Tensor, table: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The rows of a table that point most nearly where the query points, the nearest first.

    query: (d,)   table: (v, d)   →   row numbers (count,), int64, and their cosines with the query (count,)

    The cosine is the dot product of the two after both were scaled to length 1. A row of zeros has the cosine 0.
    """
    cosines = F.normalize(table, dim=-1) @ F.normalize(query, dim=-1)  # (v,)
    best = cosines.topk(count)
    return best.indices, best.values


def keep_probability(counts: Tensor, threshold: float) -> Tensor:
    """How likely each word is kept when frequent words are thinned out: √(threshold / share), at most 1 (1310.4546).

    counts: (v,), how often each word occurs   threshold: the share of all words from which on thinning sets in
    →   (v,)
    """
    share = counts / counts.sum()
    return (threshold / share).sqrt().clamp(max=1.0)


def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """The chance of each word to be drawn as a negative: its count to a power below 1, which lifts the rare.

    counts: (v,)   →   (v,), sums to 1
    """
    raised = counts**power
    return raised / raised.sum()
