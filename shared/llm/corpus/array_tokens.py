"""Tokens that are in memory already, with the face of `Tokens`, for trying things out and for bytes. Week 9."""

from __future__ import annotations

import numpy as np


class ArrayTokens:
    """A row of token ids in memory: what `Batches` and `pretrain` read, without packing first.

        ArrayTokens.of_bytes(Path("book.txt").read_bytes())        # a byte is a token

    ids: (n,) integers   eos_id: ends a document; −1: there are no documents
    n_bytes: UTF-8 bytes of the text that they stand for; None: one for each token
    """

    def __init__(
        self, ids: np.ndarray, vocab_size: int, eos_id: int = -1, n_bytes: int | None = None
    ) -> None:
        self.ids = np.asarray(ids)
        if self.ids.ndim != 1 or not np.issubdtype(self.ids.dtype, np.integer):
            raise ValueError(
                f"ids have the shape {self.ids.shape} and the dtype {self.ids.dtype}; they must be a row of integers."
            )
        if len(self.ids) and not 0 <= int(self.ids.min()) <= int(self.ids.max()) < vocab_size:
            raise ValueError(
                f"ids run from {self.ids.min()} to {self.ids.max()}; they must lie in [0, {vocab_size})."
            )
        self.vocab_size, self.eos_id = vocab_size, eos_id
        self.bytes = len(self.ids) if n_bytes is None else n_bytes

    @classmethod
    def of_bytes(cls, text: bytes) -> ArrayTokens:
        """Every byte is a token; 256 of them."""
        return cls(np.frombuffer(text, dtype=np.uint8), 256)

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, start: int, length: int) -> np.ndarray:
        """The tokens [start, start + length) as int64. Raises ValueError past the end."""
        if start < 0 or length < 0 or start + length > len(self):
            raise ValueError(
                f"start and length must lie within the {len(self):,} tokens; they were {start} and {length}"
            )
        return self.ids[start : start + length].astype(np.int64)

    def verify(self) -> None:
        """What is in memory is as it was given; `Tokens` compares its files with their checksums here."""
