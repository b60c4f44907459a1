"""BM25: how well a passage answers a question, by the words that both have (week 9).

    bm25 = BM25.of([["bee", "dance"], ["bee", "honey", "honey"]])
    bm25.search(["honey"], k=1)       # (array([1]), array([0.47…]))

    score(query, passage) = Σ over the query's terms   idf(term) · tf / (tf + k1 · (1 − b + b · length / mean length))

tf: how often the passage has the term; idf: how rare the term is among passages. All of it but the sum is known before
there is a query, so each term's row of weights is kept (a sparse matrix, terms × passages, CSR), and a search adds up a
few rows. In a folder, the arrays are memory-mapped: opening takes no time, and a search reads only its terms' rows.

Sources: Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), section 3.4, whose
factor k1 + 1, the same for all, is left out; Kamphuis et al., "Which BM25 Do You Mean?" (2020), for Lucene's idf;
Lù, "BM25S" (2024, 2407.03618), for weights that are computed in advance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from shared.llm.retrieval.strings import Strings, mapped, save_array
from shared.llm.run import read_json, write_json

VARIANTS = ("lucene", "robertson")


def idf(df: np.ndarray, n: int, variant: str = "lucene") -> np.ndarray:
    """How much a term tells, of which df passages out of n have it.

    robertson: ln((n − df + ½) / (df + ½)), and 0 for what more than half of them have, which would be negative
    lucene:    ln(1 + (n − df + ½) / (df + ½)), which is never negative
    """
    odds = (n - df + 0.5) / (df + 0.5)
    return np.log1p(odds) if variant == "lucene" else np.log(np.maximum(odds, 1.0))


def bm25_weights(
    tf: np.ndarray,
    idf: np.ndarray,
    length: np.ndarray,
    mean_length: float,
    k1: float = 1.2,
    b: float = 0.75,
) -> np.ndarray:
    """What a term adds to the score of a passage:  idf · tf / (tf + k1 · (1 − b + b · length / mean length)).

    tf: how often the passage has the term   idf: how much the term tells   length: of the passage, in terms
    All three (n,), for n pairs of a term and a passage   →   (n,)
    """
    return idf * tf / (tf + k1 * (1 - b + b * length / mean_length))


class BM25:
    """A sparse matrix of weights, terms × passages.

    terms:    the vocabulary; `terms.find(term)` gives a term's row
    starts:   (n_terms + 1,) int64: row t is passages[starts[t]:starts[t + 1]] and weights[the same]
    passages: (n,) int32, rising within a row     weights: (n,) float32
    """

    def __init__(
        self,
        terms: Strings,
        starts: np.ndarray,
        passages: np.ndarray,
        weights: np.ndarray,
        n_passages: int,
        settings: Mapping[str, float | str],
    ) -> None:
        self.terms, self.starts, self.passages, self.weights = terms, starts, passages, weights
        self.n_passages, self.settings = n_passages, dict(settings)

    @classmethod
    def of(
        cls,
        texts: Iterable[Sequence[str]],
        k1: float = 1.2,
        b: float = 0.75,
        variant: str = "lucene",
        weigh: Callable[..., np.ndarray] = bm25_weights,
    ) -> BM25:
        """From the terms of each passage; `from_counts` is for corpora of many megabytes."""
        counted = [Counter(text) for text in texts]
        vocabulary = sorted(set().union(*counted)) if counted else []
        row_of = {term: row for row, term in enumerate(vocabulary)}
        rows = [row_of[term] for count in counted for term in count]
        columns = [passage for passage, count in enumerate(counted) for _ in count]
        values = [value for count in counted for value in count.values()]
        lengths = np.array([sum(count.values()) for count in counted], dtype=np.int64)
        counts = (np.array(rows), np.array(columns), np.array(values))
        return cls.from_counts(vocabulary, *counts, lengths, k1, b, variant, weigh)

    @classmethod
    def from_counts(
        cls,
        vocabulary: Sequence[str],
        rows: np.ndarray,
        columns: np.ndarray,
        counts: np.ndarray,
        lengths: np.ndarray,
        k1: float = 1.2,
        b: float = 0.75,
        variant: str = "lucene",
        weigh: Callable[..., np.ndarray] = bm25_weights,
    ) -> BM25:
        """From counts: term vocabulary[rows[i]] stands counts[i] times in passage columns[i].

        vocabulary: sorted by code points. columns: rising for each term; every pair once. lengths: of passages.
        k1: how soon more of the same term adds little, 0 (at once) and up. b: how far long passages are marked down,
        from 0 (not) to 1 (in proportion). weigh: computes the weights, as `bm25_weights` does.
        Raises ValueError for a k1 or b outside of that, and for an unknown variant.
        """
        if k1 < 0:
            raise ValueError(f"k1 must be 0 or more; it was {k1}.")
        if not 0 <= b <= 1:
            raise ValueError(f"b must be from 0 to 1; it was {b}.")
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}; it must be one of {', '.join(VARIANTS)}.")
        n = len(lengths)
        df = np.bincount(rows.astype(np.int64), minlength=len(vocabulary))  # pairs are distinct
        order = np.argsort(rows, kind="stable")
        passages = columns[order].astype(np.int32)
        tf = counts[order].astype(np.float32)
        mean = float(lengths.mean()) if n else 0.0
        tells = np.repeat(idf(df, n, variant).astype(np.float32), df)
        long = lengths.astype(np.float32)[passages]
        weights = weigh(tf, tells, long, max(mean, 1e-9), k1, b).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(df)]).astype(np.int64)
        settings = {"k1": k1, "b": b, "variant": variant}
        return cls(Strings.of(vocabulary), starts, passages, weights, n, settings)

    def row(self, term: str) -> tuple[np.ndarray, np.ndarray]:
        """The passages that have a term, and its weight in each; both empty for a term that no passage has."""
        row = self.terms.find(term)
        if row is None:
            return self.passages[:0], self.weights[:0]
        first, last = self.starts[row], self.starts[row + 1]
        return self.passages[first:last], self.weights[first:last]

    def scores(self, query: Iterable[str]) -> np.ndarray:
        """The score of every passage: (n_passages,) float32. A term that the query says twice counts twice."""
        scores = np.zeros(self.n_passages, dtype=np.float32)
        for term, times in Counter(query).items():
            passages, weights = self.row(term)
            scores[passages] += weights if times == 1 else times * weights
        return scores

    def search(self, query: Iterable[str], k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The k best passages, best first, and their scores; fewer where fewer share a term with the query."""
        return best(self.scores(query), k)

    def most(self, query: Iterable[str]) -> float:
        """A score that no passage can reach: Σ idf of the query's terms; an unknown term counts as the rarest."""
        variant = str(self.settings["variant"])
        total = 0.0
        for term, times in Counter(query).items():
            row = self.terms.find(term)
            df = 0 if row is None else int(self.starts[row + 1] - self.starts[row])
            total += times * float(idf(np.array(df), self.n_passages, variant))
        return total

    def save(self, folder: str | Path) -> None:
        """Written to a folder as .npy files, terms.* and bm25.json."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("starts", "passages", "weights"):
            save_array(folder / f"{name}.npy", getattr(self, name))
        self.terms.save(folder, "terms")
        write_json(folder / "bm25.json", self.settings | {"n_passages": self.n_passages})

    @classmethod
    def open(cls, folder: str | Path) -> BM25:
        """What `save` wrote, memory-mapped. Raises ValueError where the folder holds no such index, or part of one."""
        folder = Path(folder)
        if not (folder / "bm25.json").is_file():
            raise ValueError(f"{folder} holds no BM25 index (bm25.json is missing): build it anew.")
        settings = read_json(folder / "bm25.json")
        starts, passages, weights = (
            mapped(folder / f"{name}.npy") for name in ("starts", "passages", "weights")
        )
        terms = Strings.open(folder, "terms")
        if len(starts) != len(terms) + 1 or not int(starts[-1]) == len(passages) == len(weights):
            raise ValueError(f"{folder} is damaged (its files do not fit): build the index anew.")
        return cls(terms, starts, passages, weights, settings.pop("n_passages"), settings)


def best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the k highest scores above 0, highest first, and the scores; of equal ones the earlier place first."""
    if k < 1:
        raise ValueError(f"k must be 1 or more; it was {k}.")
    if k < len(scores):
        lowest = np.partition(scores, -k)[
            -k
        ]  # the k-th highest; all that reach it are sorted, so ties are cut fairly
        places = np.flatnonzero(scores >= max(lowest, np.float32(0)))
    else:
        places = np.arange(len(scores))
    places = places[scores[places] > 0]
    places = places[np.argsort(-scores[places], kind="stable")][:k]
    return places, scores[places]
