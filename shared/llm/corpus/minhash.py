"""How much two texts have in common: shingles, Jaccard similarity, and MinHash, which estimates it (week 9).

    a, b = shingles("the bee makes honey"), shingles("the bee makes good honey")
    jaccard(a, b)                                       # share of what they have that they have in common
    (signature(a) == signature(b)).mean()               # about the same, from 125 numbers each

Broder 1997, "On the resemblance and containment of documents"; bands after Leskovec, Rajaraman & Ullman, chapter 3.
Vectorized by NumPy rather than a library's: those that are fast have no build for all systems that the course runs on.
"""

from __future__ import annotations

import hashlib
import re
import zlib

import numpy as np

_WORD = re.compile(r"\w+")
_FACTOR = 0x9E3779B97F4A7C15


def shingles(text: str, size: int = 5) -> np.ndarray:
    """Hashes of all runs of `size` words, sorted, each once: uint64 (n,). Case, marks and spaces make no difference.

    A text with fewer words is one shingle, so that n is at least 1.
    """
    words = _WORD.findall(text.lower()) or [text.strip()]
    hashes = np.fromiter(map(zlib.crc32, map(_bytes, words)), np.uint64, len(words))
    size = min(size, len(words))
    factors = [np.uint64(pow(_FACTOR, size - place, 1 << 64)) for place in range(size)]
    count = len(words) - size + 1
    runs = np.zeros(count, dtype=np.uint64)
    for place, factor in enumerate(factors):  # modulo 2^64, as NumPy's arrays count
        runs += hashes[place : place + count] * factor
    return np.unique(_mixed(runs))


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread out over all bits (the finalizer of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """|a ∩ b| / |a ∪ b| of two arrays without repetitions."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / max(1, len(a) + len(b) - common)


def signature(found: np.ndarray, n: int = 125) -> np.ndarray:
    """The least value of each of n hash functions over the shingles: uint32 (n,).

    Two sets have the same least value with a probability that is their Jaccard similarity. The functions are
    a·x + b modulo 2^32 with odd a, fixed for ever by a seed.
    """
    return least_hashes(found.astype(np.uint32), *hash_functions(n))


def hash_functions(n: int = 125) -> tuple[np.ndarray, np.ndarray]:
    """The factors a and the terms b of n functions a·x + b modulo 2^32: uint32 (n,) each, always the same."""
    drawn = np.frombuffer(hashlib.shake_128(b"minhash").digest(8 * n), dtype="<u4")
    return drawn[:n] | np.uint32(1), drawn[n:]


def least_hashes(values: np.ndarray, factors: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """For each function a·x + b modulo 2^32 the least number that it gives to any of the values.

    values: uint32 (k,)   factors, terms: uint32 (n,), a and b of n functions   →   uint32 (n,)
    """
    least = np.full(len(factors), 0xFFFFFFFF, dtype=np.uint32)
    for start in range(0, len(values), 4096):  # n × 4,096 numbers stay in a core's cache
        table = factors[:, None] * values[None, start : start + 4096]  # uint32: modulo 2^32
        table += terms[:, None]
        np.minimum(least, table.min(axis=1), out=least)
    return least


def band_keys(least: np.ndarray, bands: int) -> np.ndarray:
    """One key for each band of a signature (n,): uint64 (bands,). Two texts are compared if they share a key.

    With r rows in a band, similarity s is found with probability 1 - (1 - s^r)^bands: with 25 bands of 5 rows that is
    0.06 at 0.3, 0.55 at 0.5, 0.99 at 0.7 and 0.9999 at 0.8.
    """
    rows = least.reshape(bands, -1).astype(np.uint64)
    keys = np.zeros(bands, dtype=np.uint64)
    for row in rows.T:
        keys = _mixed(keys * np.uint64(_FACTOR) + row + np.uint64(1))
    return keys


def candidate_pairs(signatures: np.ndarray, bands: int) -> list[tuple[int, int]]:
    """The pairs of texts that are worth comparing: their signatures agree in all numbers of at least one band.

    signatures: (n, k), one row for each text; bands: how many, of k // bands numbers each
    →   pairs (i, j) with i < j, each once, sorted
    For some thousand texts in memory; the stage `deduplicate` does the same on disk, with `band_keys`.
    """
    size = signatures.shape[1] // bands
    pairs = set()
    for start in range(0, bands * size, size):
        boxes = {}
        for text, row in enumerate(signatures[:, start : start + size]):
            box = boxes.setdefault(tuple(row.tolist()), [])
            pairs.update((earlier, text) for earlier in box)
            box.append(text)
    return sorted(pairs)


def text_hash(text: str) -> int:
    """A 64-bit number of a text that differs for different texts; the same on every machine and day."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def normalized(text: str) -> str:
    """Lower case, one space between words: texts that are equal then are exact duplicates."""
    return " ".join(text.lower().split())
