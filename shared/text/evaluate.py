"""How well a model knows a language, in bits per character. Met in week 4; weeks 8 and 9 judge theirs by it."""

import lzma
import math
import zlib

import numpy as np
from torch import Tensor


def bits_per_character(nats: Tensor | np.ndarray, characters: int) -> float:
    """What a character costs: (Σ −ln P(token)) / (ln 2 · characters).

    nats: any shape, the loss −ln P of each token of a text   characters: how many characters these tokens spell

    The sum is over tokens and the division by characters, so that models which cut the same text into different
    tokens can be compared. Source: Shannon, "Prediction and Entropy of Printed English" (1951).
    """
    return float(nats.sum()) / (math.log(2) * characters)


def compressed_bits_per_character(text: str, packer: str = "xz", after: str = "") -> float:
    """What a character costs in a compressed file; `after`: a text that the packer has seen before.

    packer: "gzip" (looks back 32 kB) or "xz" (here up to 64 MB)
    Seen before means: how much longer the file of both texts is than that of the first alone.
    """
    size = {"gzip": _gzip_size, "xz": _xz_size}
    if packer not in size:
        raise ValueError(f"packer is {packer!r}; it must be one of {', '.join(size)}.")
    before = size[packer](after) if after else 0
    return 8 * (size[packer](after + text) - before) / len(text)


def _gzip_size(text: str) -> int:
    return len(zlib.compress(text.encode("utf-8"), level=9))


def _xz_size(text: str) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 26}]
    return len(lzma.compress(text.encode("utf-8"), format=lzma.FORMAT_XZ, filters=filters))
