"""Language models that count: the next token from the few before it, by interpolated Kneser-Ney. Met in week 4.

An n-gram model of order 5 looks at the 4 tokens before. It is the baseline that a network has to beat.
Sources: Kneser & Ney, "Improved backing-off for m-gram language modeling" (1995); Chen & Goodman, "An Empirical Study
of Smoothing Techniques for Language Modeling" (1999), whose modified version with three discounts this is.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class _Level:
    """What was counted of the n-grams of one order n. A gram is one whole number: its ids as digits to the base V.

    grams:    (k,) sorted   kept: (k,) the count of each, less its discount
    contexts: (c,) sorted, the first n − 1 tokens of the grams   totals: (c,) the counts of each context's grams
    freed:    (c,) what was discounted from them: it goes to the order below
    """

    grams: np.ndarray
    kept: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    freed: np.ndarray


class NGramModel:
    """P(token | the order − 1 tokens before it), from the counts of a training text.

        P_n(w | context) = [ count(context w) − D + freed(context) · P_{n−1}(w | shorter context) ] / count(context)

    D is a discount that depends on the count, and freed(context) the sum of what was discounted after that context.

    The longest order counts how often a gram occurs; the shorter ones count in how many *different* contexts it occurs
    (so that "Francisco", frequent but only after "San", is not expected anywhere else). Below order 1 stands 1/V.
    A context that never occurred is passed over. All probabilities are positive and sum to 1.

    ids: the training text, whole numbers from 0 to vocabulary_size − 1
    """

    def __init__(self, ids: np.ndarray, vocabulary_size: int, order: int) -> None:
        ids = _checked(ids, vocabulary_size)
        if order < 1 or vocabulary_size**order >= 2**63:
            raise ValueError(
                f"order is {order}; it must be at least 1, and {vocabulary_size}^order below 2^63."
            )
        if len(ids) < order:
            raise ValueError(f"{len(ids)} tokens are fewer than one {order}-gram.")
        self.vocabulary_size, self.order = vocabulary_size, order
        grams, counts = np.unique(_grams(ids, order, vocabulary_size), return_counts=True)
        levels = [_count(grams, counts, vocabulary_size)]
        for n in range(order - 1, 0, -1):
            # Each gram of order n + 1 is one different context of its last n tokens.
            grams, counts = np.unique(grams % vocabulary_size**n, return_counts=True)
            levels.append(_count(grams, counts, vocabulary_size))
        self._levels = levels[::-1]  # order 1 first

    @property
    def size(self) -> int:
        """How many different grams it has counted, of all orders: the numbers that it must keep."""
        return sum(len(level.grams) for level in self._levels)

    def log_probabilities(self, ids: np.ndarray) -> np.ndarray:
        """log P of each token of a text given those before it, in nats: (n,) → (n,).

        The first tokens have fewer before them, so they are judged by the shorter orders.
        """
        ids = _checked(ids, self.vocabulary_size)
        p = np.full(len(ids), 1 / self.vocabulary_size)
        for n, level in enumerate(self._levels, start=1):
            if len(ids) >= n:
                p[n - 1 :] = self._refined(p[n - 1 :], _grams(ids, n, self.vocabulary_size), level)
        return np.log(p)

    def probabilities(self, context: np.ndarray) -> np.ndarray:
        """P of every token as the next one after `context`, of which the last order − 1 tokens count: (V,)."""
        context = _checked(context, self.vocabulary_size)
        everything = np.arange(self.vocabulary_size)
        p = np.full(self.vocabulary_size, 1 / self.vocabulary_size)
        for n, level in enumerate(self._levels[: len(context) + 1], start=1):
            before = 0
            for token in context[len(context) - n + 1 :]:
                before = before * self.vocabulary_size + int(token)
            p = self._refined(p, before * self.vocabulary_size + everything, level)
        return p

    def _refined(self, p: np.ndarray, grams: np.ndarray, level: _Level) -> np.ndarray:
        """P_n of the last token of each gram, from P_{n−1} of the same tokens: (m,), (m,) → (m,)."""
        kept = _look_up(grams, level.grams, level.kept)
        contexts = grams // self.vocabulary_size
        totals = _look_up(contexts, level.contexts, level.totals)
        freed = _look_up(contexts, level.contexts, level.freed)
        known = totals > 0
        return np.where(known, (kept + freed * p) / np.where(known, totals, 1), p)


def _checked(ids: np.ndarray, vocabulary_size: int) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise ValueError(f"ids must be a row of whole numbers; they are {ids.dtype} {ids.shape}.")
    if ids.size and not 0 <= ids.min() <= ids.max() < vocabulary_size:
        raise ValueError(f"ids must be from 0 to {vocabulary_size - 1}.")
    return ids.astype(np.int64)


def _grams(ids: np.ndarray, n: int, base: int) -> np.ndarray:
    """Every n-gram of a text as one number: (t,) → (t − n + 1,)."""
    grams = np.zeros(len(ids) - n + 1, dtype=np.int64)
    for i in range(n):
        grams = grams * base + ids[i : len(grams) + i]
    return grams


def _count(grams: np.ndarray, counts: np.ndarray, base: int) -> _Level:
    discounts = np.minimum(_discounts(counts)[np.minimum(counts, 3) - 1], counts)
    contexts, which = np.unique(grams // base, return_inverse=True)
    return _Level(
        grams,
        counts - discounts,
        contexts,
        totals=np.bincount(which, weights=counts),
        freed=np.bincount(which, weights=discounts),
    )


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from a count of 1, of 2, and of 3 or more, estimated from how many grams have each count.

    Where a text is too small to say, it is 3/4, a value that has served well for English.
    """
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    if min(n1, n2, n3) == 0:
        return np.full(3, 0.75)
    y = n1 / (n1 + 2 * n2)
    found = np.array([1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return np.where((found > 0) & (found < [1, 2, 3]), found, 0.75)


def _look_up(wanted: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 where there is none; the keys are sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
