"""What a language model is measured against: models that count n-grams, and the packers gzip and xz. Week 9.

All are given the same held-out documents and are compared in bits for each byte of their text. The ends of documents
count too: a token for models of tokens, a zero byte for the others.
"""

from __future__ import annotations

import numpy as np

from shared.text.evaluate import bits_per_character, compressed_bits_per_character
from shared.text.ngrams import NGramModel

SEPARATOR = "\0"


def joined(documents: list[str]) -> str:
    """The documents as one text, each ended by a zero byte."""
    return "".join(f"{text}{SEPARATOR}" for text in documents)


def highest_order(vocab_size: int, at_most: int) -> int:
    """The longest n-grams that `NGramModel` can count: vocab_size^order below 2^63."""
    order = at_most
    while order > 1 and vocab_size**order >= 2**63:
        order -= 1
    return order


def n_gram_of_tokens(
    train: np.ndarray, held_out: np.ndarray, n_bytes: int, vocab_size: int, order: int
) -> float:
    """Bits per byte of modified Kneser-Ney over tokens. held_out: its first token only begins and isn't judged."""
    model = NGramModel(train, vocab_size, order)
    return bits_per_character(-model.log_probabilities(held_out)[1:], n_bytes)


def n_gram_of_bytes(train: str, held_out: str, n_bytes: int, order: int) -> float:
    """Bits per byte of modified Kneser-Ney over bytes. train, held_out: texts as `joined` makes them."""
    ids = np.frombuffer(train.encode("utf-8"), dtype=np.uint8).astype(np.int64)
    model = NGramModel(ids, 256, order)
    judged = np.frombuffer((SEPARATOR + held_out).encode("utf-8"), dtype=np.uint8)
    return bits_per_character(-model.log_probabilities(judged)[1:], n_bytes)


def packed(held_out: str, packer: str, n_bytes: int, after: str = "") -> float:
    """Bits per byte of a packer: "gzip" or "xz"; after: a text that it has seen before."""
    per_character = compressed_bits_per_character(held_out, packer, after)
    return per_character * len(held_out) / n_bytes
