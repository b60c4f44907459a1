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


def longest_overlap(text: Sequence[int], corpus: np.ndarray) -> tuple[int, int]:
    """The longest run of tokens that the text shares with the corpus: (its length, where it begins in the text).

    The length is found by halving: where a run of some length is shared, so is each shorter one. Runs are compared by
    a hash of 64 bits, and what is found is compared token by token.
    """
    tokens = np.asarray(text, dtype=np.int64)
    corpus = np.asarray(corpus, dtype=np.int64)
    prefix = _prefix_hashes(corpus)
    low, high, place = 0, min(len(tokens), len(corpus)), 0
    while low < high:
        length = (low + high + 1) // 2
        found = _shared_run(tokens, corpus, prefix, length)
        if found is None:
            high = length - 1
        else:
            low, place = length, found
    return low, place


def _shared_run(
    tokens: np.ndarray, corpus: np.ndarray, prefix: np.ndarray, length: int
) -> int | None:
    """Where in the tokens a run of that length begins that the corpus has too; None: there is none."""
    own = _hashes(_prefix_hashes(tokens), length)
    theirs = _hashes(prefix, length)
    for place in np.flatnonzero(np.isin(theirs, own)):
        run = corpus[place : place + length]
        for begin in np.flatnonzero(own == theirs[place]):
            if np.array_equal(tokens[begin : begin + length], run):
                return int(begin)
    return None


def _prefix_hashes(tokens: np.ndarray) -> np.ndarray:
    """(length,) → (length + 1,): Σ (token + 1) · base^place, modulo 2^64."""
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(len(tokens), _BASE, dtype=np.uint64))
        terms = (tokens.astype(np.uint64) + np.uint64(1)) * powers
        return np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])


def _hashes(prefix: np.ndarray, length: int) -> np.ndarray:
    """The hash of each run of that length, the same wherever it stands."""
    inverse = np.uint64(pow(int(_BASE), -1, 2**64))
    with np.errstate(over="ignore"):
        sums = prefix[length:] - prefix[: len(prefix) - length]
        back = np.cumprod(np.full(len(sums), inverse, dtype=np.uint64))
        return sums * back
