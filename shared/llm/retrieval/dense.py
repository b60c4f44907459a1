"""Search by meaning: texts as vectors, and the nearest of them by one matrix product (week 9).

    vectors = Vectors(encoder.encode(passages, "passage"))
    vectors.search(encoder.encode(["Who taught the bees?"], "query"), k=10)

Vectors have length 1, so the inner product is the cosine of the angle. The search is exact: every passage is looked at,
block by block, so that memory holds a block and not all scores. For 200,000 passages that takes milliseconds; beyond
some millions, give `faiss_search` a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from shared.llm.retrieval.strings import mapped, save_array
from shared.llm.run import read_json


class Encoder(Protocol):
    """What turns texts into vectors: `LSA`, `TransformerEncoder`, `ModelEncoder`, or one of yours."""

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str], kind: str = "query") -> np.ndarray:
        """(n, dimension) float32, rows of length 1. kind: "query" or "passage"; some models tell them apart."""

    def save(self, folder: str | Path) -> None:
        """Written so that `open_encoder` opens it."""


class Vectors:
    """matrix: (n, d) float32, rows of length 1, in memory or memory-mapped."""

    def __init__(self, matrix: np.ndarray, block: int = 1 << 16) -> None:
        if matrix.ndim != 2 or matrix.dtype != np.float32:
            raise ValueError(
                f"vectors must be float32 of shape (n, d); they are {matrix.dtype} of shape {matrix.shape}."
            )
        if block < 1:
            raise ValueError(f"block must be 1 or more; it was {block}.")
        self.matrix, self.block = matrix, block

    def __len__(self) -> int:
        return len(self.matrix)

    def search(self, queries: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows to each query, nearest first: places (q, k) int64 and cosines (q, k) float32.

        queries: (q, d) float32. Where there are fewer than k vectors, all of them.
        Raises ValueError for queries of another width, and for k under 1.
        """
        if queries.ndim != 2 or queries.shape[1] != self.matrix.shape[1]:
            raise ValueError(
                f"queries must have shape (q, {self.matrix.shape[1]}) as the vectors have; theirs is {queries.shape}."
            )
        if k < 1:
            raise ValueError(f"k must be 1 or more; it was {k}.")
        asked = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.float32))
        scores, places = torch.empty(len(asked), 0), torch.empty(len(asked), 0, dtype=torch.long)
        for first in range(0, len(self), self.block):
            block = _tensor(self.matrix[first : first + self.block])
            found, where = (asked @ block.T).topk(min(k, len(block)))
            scores, places = torch.cat([scores, found], 1), torch.cat([places, where + first], 1)
            scores, kept = scores.topk(min(k, scores.shape[1]))
            places = places.gather(1, kept)
        return places.numpy(), scores.numpy()

    def cosines(self, query: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The cosines of one query, (d,), with some rows: (len(places),)."""
        return self.matrix[places] @ query

    def save(self, folder: str | Path) -> None:
        save_array(Path(folder) / "vectors.npy", self.matrix)

    @classmethod
    def open(cls, folder: str | Path) -> Vectors:
        """What `save` wrote, memory-mapped."""
        return cls(mapped(Path(folder) / "vectors.npy"))


def faiss_search(
    matrix: np.ndarray, queries: np.ndarray, k: int, neighbours: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The same by FAISS, where it is installed (`pip install faiss-cpu`): places and cosines as `Vectors.search` gives.

    neighbours: None, exact (IndexFlatIP); or the links of each vector in a graph (HNSW, Malkov & Yashunin 2016,
    1603.09320): far fewer vectors are looked at, and sometimes one is missed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ValueError(
            "FAISS is not installed: `pip install faiss-cpu`, or use Vectors."
        ) from error
    width = matrix.shape[1]
    if neighbours is None:
        index = faiss.IndexFlatIP(width)
    else:
        index = faiss.IndexHNSWFlat(width, neighbours, faiss.METRIC_INNER_PRODUCT)
    index.add(np.ascontiguousarray(matrix))
    scores, places = index.search(np.ascontiguousarray(queries), min(k, len(matrix)))
    return places, scores


def open_encoder(folder: str | Path) -> Any:
    """The encoder that was saved in a folder. Raises ValueError where there is none."""
    folder = Path(folder)
    if not (folder / "encoder.json").is_file():
        raise ValueError(
            f"{folder} holds no encoder (encoder.json is missing): build the index anew."
        )
    kind = read_json(folder / "encoder.json").get("kind")
    if kind == "lsa":
        from shared.llm.retrieval.lsa import LSA

        return LSA.open(folder)
    if kind == "transformer":
        from shared.llm.retrieval.encoders import TransformerEncoder

        return TransformerEncoder.open(folder)
    raise ValueError(
        f"{folder} needs an encoder of kind {kind!r}, which cannot be opened from its folder: give it to Index.open."
    )


def _tensor(block: np.ndarray) -> torch.Tensor:
    """Without a copy. torch warns of memory that is mapped for reading only; it is only read here."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(block)
