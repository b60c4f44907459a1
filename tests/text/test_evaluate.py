"""`shared.text.evaluate` against texts whose cost is known, and against the packers' own files."""

import gzip
import lzma
import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from shared.text.evaluate import bits_per_character, compressed_bits_per_character


@pytest.mark.parametrize("kind", [2, 8, 1000])
def test_even_guesses_cost_the_logarithm_to_two(kind):
    nats = torch.full((50,), math.log(kind), dtype=torch.float64)
    assert bits_per_character(nats, 50) == pytest.approx(math.log2(kind), rel=1e-12)


def test_as_torchs_loss():
    logits, targets = torch.randn(40, 9), torch.randint(0, 9, (40,))
    nats = F.cross_entropy(logits, targets, reduction="none")
    expected = F.cross_entropy(logits, targets).item() / math.log(2)
    assert bits_per_character(nats, 40) == pytest.approx(expected, rel=1e-6)
    assert bits_per_character(nats.numpy(), 40) == pytest.approx(expected, rel=1e-6)
    assert bits_per_character(nats.reshape(4, 10), 80) == pytest.approx(expected / 2, rel=1e-6)


def test_cutting_a_text_otherwise_does_not_change_its_cost():
    letters = np.array(
        [0.3, 1.2, 0.4, 2.2]
    )  # −ln P of four letters; two tokens of two letters cost as much
    assert bits_per_character(letters, 4) == pytest.approx(
        bits_per_character(letters.reshape(2, 2).sum(axis=1), 4)
    )


def test_packers_as_their_files():
    text = " ".join(random.Random(0).choices(["over", "the", "lazy", "dög", "fox"], k=4000))
    raw = text.encode()
    assert compressed_bits_per_character(text, "gzip") == pytest.approx(
        8 * len(gzip.compress(raw, 9)) / len(text), rel=0.01
    )
    assert compressed_bits_per_character(text, "xz") == pytest.approx(
        8 * len(lzma.compress(raw)) / len(text), rel=0.01
    )


def test_a_text_seen_before_costs_almost_nothing():
    text = "".join(random.Random(0).choices("abcdefgh", k=20_000))
    assert compressed_bits_per_character(text, "xz") > 3
    assert compressed_bits_per_character(text, "xz", after=text) < 0.1
    assert compressed_bits_per_character(text, "gzip", after=text) < 0.2


def test_unknown_packer():
    with pytest.raises(ValueError, match="gzip, xz"):
        compressed_bits_per_character("a", "zip")
