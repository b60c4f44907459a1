"""Does a model repeat itself, and does it repeat what it read? Measures on tokens. Week 9.

Sources: distinct-n: Li et al. (1510.03055); repeated 4-grams: Welleck et al. (1908.04319), section 6; text that comes
out as it went in: Carlini et al. (2202.07646), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# An odd number, so that it has an inverse modulo 2^64.
_BASE = np.uint64(0x9E3779B97F4A7C15)


def distinct(texts: Sequence[Sequence[int]], n: int) -> float:
    """Of all n-grams of all texts, the share that are different from each other; 0 where there are none."""
    grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def repeated(texts: Sequence[Sequence[int]], n: int = 4) -> float:
    """The share of n-grams that stood in the same text before, as a mean over the texts that have one."""
    shares = [1 - distinct([text], n) for text in texts if len(text) >= n]
    return float(np.mean(shares)) if shares else 0.0


def longest_overlaps(texts: Sequence[Sequence[int]], corpus: np.ndarray) -> list[tuple[int, int]]:
    """For each text the longest run of tokens that it shares with the corpus: (length, where it begins in the text).

    Runs of 1 token, of 2, of 3 … are compared by a hash of 64 bits. A run of some length can be shared only where the
    shorter one at the same place was, so after few lengths hardly any place of the corpus is left to look at.
    """
    corpus = np.asarray(corpus, dtype=np.int64)
    prefix = _prefix_hashes(corpus)
    back = _inverse_powers(1 + max([len(corpus), *map(len, texts)]))
    own = [_prefix_hashes(np.asarray(text, dtype=np.int64)) for text in texts]
    best = [(0, 0) for _ in texts]
    places, length = np.arange(len(corpus)), 0
    while True:
        length += 1
        places = places[places + length <= len(corpus)]
        hashes, owners, begins = [], [], []
        for number, sums in enumerate(own):
            starts = np.arange(max(0, len(sums) - length))
            hashes.append(_hashes(sums, back, starts, length))
            owners.append(np.full(len(starts), number))
            begins.append(starts)
        if not len(places) or not any(map(len, hashes)):
            return best
        wanted, which = np.unique(np.concatenate(hashes), return_inverse=True)
        theirs = _hashes(prefix, back, places, length)
        near = np.searchsorted(wanted, theirs).clip(max=len(wanted) - 1)
        same = wanted[near] == theirs
        places = places[same]
        shared = np.flatnonzero(np.isin(which, near[same]))
        for number, begin in zip(
            np.concatenate(owners)[shared].tolist(), np.concatenate(begins)[shared].tolist()
        ):
            if best[number][0] < length:
                best[number] = (length, begin)


def _prefix_hashes(tokens: np.ndarray) -> np.ndarray:
    """(length,) → (length + 1,): Σ (token + 1) · base^place, modulo 2^64."""
    powers = np.cumprod(np.full(len(tokens), _BASE, dtype=np.uint64))
    terms = (tokens.astype(np.uint64) + np.uint64(1)) * powers
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _inverse_powers(n: int) -> np.ndarray:
    """base^−place, modulo 2^64: (n,)."""
    inverse = np.full(n, pow(int(_BASE), -1, 2**64), dtype=np.uint64)
    inverse[:1] = 1
    return np.cumprod(inverse)


def _hashes(prefix: np.ndarray, back: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """The hash of the run of that length at each start, the same wherever it stands."""
    return (prefix[starts + length] - prefix[starts]) * back[starts]
