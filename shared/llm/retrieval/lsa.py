"""Latent semantic analysis: vectors for passages from nothing but the passages themselves (week 9).

    lsa = LSA.fit(bm25, terms)
    lsa.passages(bm25)                    # (n_passages, d), rows of length 1
    lsa.encode(["Who taught the bees?"])  # (1, d)

The matrix of weights, passages × terms, is approximated by one of rank d (truncated singular value decomposition):
terms that keep the same company come to point in the same direction, so a passage can be near a question that shares
no word with it. It needs no model and no hub, and is far weaker than a trained encoder: the honest stand-in.
Source: Deerwester et al., "Indexing by Latent Semantic Analysis" (1990); the decomposition is scikit-learn's,
randomized (Halko, Martinsson & Tropp, 2009, 0909.4061).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shared.llm.retrieval.bm25 import BM25, idf
from shared.llm.retrieval.strings import Strings, mapped, save_array
from shared.llm.retrieval.terms import Terms
from shared.llm.run import read_json, write_json


class LSA:
    """words: the terms that have a direction, sorted   idf: (n,) how much each tells   directions: (n, d)"""

    def __init__(
        self, terms: Terms, words: Strings, idf: np.ndarray, directions: np.ndarray
    ) -> None:
        self.terms, self.words, self.idf, self.directions = terms, words, idf, directions

    trust = 0.1  # the weight of its ranking beside BM25's

    @property
    def dimension(self) -> int:
        return self.directions.shape[1]

    @classmethod
    def fit(
        cls,
        bm25: BM25,
        terms: Terms,
        dimension: int = 128,
        sample: int = 30_000,
        least: int = 3,
        most: float = 0.2,
        iterations: int = 4,
        seed: int = 0,
    ) -> LSA:
        """From an index's weights.

        sample: so many passages, evenly spread, decide on the directions; others are only projected.
        least, most: terms that fewer passages, or more than this share of them, have get no direction.
        iterations: of the randomized decomposition; more come closer to the exact one.
        Raises ValueError where passages or terms are too few for any direction.
        """
        from sklearn.decomposition import TruncatedSVD

        if dimension < 1:
            raise ValueError(f"dimension must be 1 or more; it was {dimension}.")
        df = np.diff(bm25.starts)
        enough = min(
            least, max(1, bm25.n_passages // 10)
        )  # in a handful of passages, every term counts
        kept = np.flatnonzero((df >= enough) & (df <= max(most * bm25.n_passages, enough)))
        matrix = _matrix(bm25, kept)[:: max(1, bm25.n_passages // sample)]
        dimension = min(dimension, matrix.shape[0] - 1, matrix.shape[1] - 1)
        if dimension < 1:
            raise ValueError(
                f"{bm25.n_passages} passages with {len(kept)} terms in common are too few for vectors by LSA: "
                "index more, or search by BM25 only."
            )
        found = TruncatedSVD(dimension, n_iter=iterations, random_state=seed).fit(matrix)
        words = Strings.of(bm25.terms[int(row)] for row in kept)
        rarity = idf(df[kept], bm25.n_passages).astype(np.float32)
        return cls(
            terms, words, rarity, np.ascontiguousarray(found.components_.T, dtype=np.float32)
        )

    def passages(self, bm25: BM25) -> np.ndarray:
        """The vectors of an index's passages: (n_passages, d) float32, of length 1, or 0 without a known term."""
        df = np.diff(bm25.starts)
        rows = [bm25.terms.find(word) for word in self.words]
        kept = np.array([row for row in rows if row is not None and df[row]], dtype=np.int64)
        known = np.array([row is not None and bool(df[row]) for row in rows])
        vectors = np.empty((bm25.n_passages, self.dimension), dtype=np.float32)
        matrix, directions = _matrix(bm25, kept), self.directions[known]
        for first in range(
            0, bm25.n_passages, 1 << 15
        ):  # so that no second matrix of all is needed
            part = slice(first, first + (1 << 15))
            vectors[part] = unit(matrix[part] @ directions)
        return vectors

    def encode(self, texts: Sequence[str], kind: str = "query") -> np.ndarray:
        """Vectors of texts: (n, d) float32, of length 1; 0 where no term is known. kind makes no difference here."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector, text in zip(vectors, texts):
            for term, times in Counter(self.terms(text)).items():
                place = self.words.find(term)
                if place is not None:
                    vector += times / (times + 1) * self.idf[place] * self.directions[place]
        return unit(vectors)

    def save(self, folder: str | Path) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        save_array(folder / "directions.npy", self.directions)
        save_array(folder / "idf.npy", self.idf)
        self.words.save(folder, "words")
        write_json(folder / "encoder.json", {"kind": "lsa", "terms": self.terms.settings()})

    @classmethod
    def open(cls, folder: str | Path) -> LSA:
        """What `save` wrote, memory-mapped."""
        folder = Path(folder)
        terms = Terms(**read_json(folder / "encoder.json")["terms"])
        words = Strings.open(folder, "words")
        return cls(terms, words, mapped(folder / "idf.npy"), mapped(folder / "directions.npy"))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


def _matrix(bm25: BM25, kept: np.ndarray):  # scipy.sparse.csr_matrix (n_passages, len(kept))
    from scipy.sparse import csc_matrix

    shape = (bm25.n_passages, len(bm25.terms))
    whole = csc_matrix((bm25.weights, bm25.passages, bm25.starts), shape=shape)
    return whole[:, kept].tocsr()
