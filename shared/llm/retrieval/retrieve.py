"""An index of articles that is built once, opened at once, and searched by words, by meaning, or by both (week 9).

    index = Index.build("runs/mine/clean", "runs/mine/index")
    index = Index.open("runs/mine/index")
    for hit in index.search("Who taught the bees to dance?", k=5):
        print(hit.score, hit.citation, hit.passage)

"hybrid" takes the best of BM25 and of the vectors, fuses the two rankings by reciprocal rank, and looks at the first
few dozen again (`rerank`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.llm.retrieval.bm25 import BM25, best
from shared.llm.retrieval.chunks import SIZE
from shared.llm.retrieval.hybrid import reciprocal_rank_fusion
from shared.llm.retrieval.indexing import index_articles
from shared.llm.retrieval.passages import Passages
from shared.llm.retrieval.rerank import Candidate, Question, features, weights_for
from shared.llm.retrieval.terms import Terms
from shared.llm.run import read_json, write_json
from shared.llm.workers import Progress

HOW = ("bm25", "dense", "hybrid")
ABOUT = "index.json"
CANDIDATES = 40  # so many are looked at again
OF_DENSE = 20  # at most so many of them that BM25 did not find among its own first


@dataclass(frozen=True)
class Hit:
    """A passage that was found. article: the article's id; start, end: characters in its text; score: by the search."""

    article: str
    title: str
    section: str
    passage: str
    score: float
    url: str
    start: int
    end: int
    place: int

    @property
    def text(self) -> str:
        """The passage, by the name that tools use."""
        return self.passage

    @property
    def citation(self) -> str:
        """Article and section: “Honey bee”, Dance."""
        return f"“{self.title or self.article}”" + (f", {self.section}" if self.section else "")


class Index:
    """Passages, their BM25 weights and, where it was built with an encoder, their vectors."""

    def __init__(
        self, passages: Passages, bm25: BM25, terms: Terms, encoder: Any = None, vectors: Any = None
    ) -> None:
        self.passages, self.bm25, self.terms = passages, bm25, terms
        self.encoder, self.vectors = encoder, vectors

    @classmethod
    def build(
        cls,
        articles: str | Path | Iterable[Any],
        folder: str | Path,
        encoder: Any = "lsa",
        size: int = SIZE,
        overlap: int = 0,
        terms: Terms | None = None,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> Index:
        """Build an index in a folder, and open it.

        articles: a folder of articles or an iterable of them, as `indexing.index_articles` takes.
        encoder: "lsa", fitted to these passages; None, no vectors; the name or folder of a model for
        `TransformerEncoder`; or an object with the protocol of `dense.Encoder`.
        size, overlap: of passages, in characters. terms: how texts become terms.
        Raises ValueError where there is nothing to index, and where the folder holds other things.
        """
        folder, terms = Path(folder), terms or Terms()
        if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
            raise ValueError(
                f"{folder} is there and is no index: name a folder that is new or empty."
            )
        passages, bm25 = index_articles(
            articles, terms, size, overlap, workers=workers, progress=progress
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)  # from here on the old index counts as not there
        (folder / "vectors.npy").unlink(missing_ok=True)
        passages.save(folder)
        bm25.save(folder / "bm25")
        about = {"terms": terms.settings(), "passages": len(passages), "encoder": None}
        if encoder is not None:
            from shared.llm.retrieval.dense import Vectors

            encoder, matrix = _encoded(encoder, bm25, terms, passages)
            Vectors(matrix).save(folder)
            encoder.save(folder / "encoder")
            about["encoder"] = type(encoder).__name__
        write_json(folder / ABOUT, about | {"articles": passages.n_articles})
        return cls.open(folder, None if encoder is None else encoder)

    @classmethod
    def open(cls, folder: str | Path, encoder: Any = None) -> Index:
        """An index that was built, memory-mapped.

        encoder: the one that it was built with, where that cannot be opened from its folder (a model of yours).
        Raises ValueError where the folder holds no index, or one that is damaged.
        """
        folder = Path(folder)
        if not (folder / ABOUT).is_file():
            raise ValueError(f"{folder} holds no index: build one there first, `bumblebee index`.")
        about = read_json(folder / ABOUT)
        passages, bm25 = Passages.open(folder), BM25.open(folder / "bm25")
        vectors = None
        if about["encoder"] is not None:
            from shared.llm.retrieval.dense import Vectors, open_encoder

            vectors = Vectors.open(folder)
            encoder = encoder or open_encoder(folder / "encoder")
        sizes = {len(passages), bm25.n_passages, about["passages"]}
        if len(sizes | ({len(vectors)} if vectors is not None else set())) > 1:
            raise ValueError(f"{folder} is damaged (its files do not fit): build the index anew.")
        encoder = encoder if vectors is not None else None
        return cls(passages, bm25, Terms(**about["terms"]), encoder, vectors)

    def __len__(self) -> int:
        return len(self.passages)

    def idf(self, term: str) -> float:
        """How much a term tells, by how few passages have it."""
        return self.bm25.most([term])

    def search(
        self, query: str, k: int = 5, how: str | None = None, rerank: bool = True
    ) -> list[Hit]:
        """The k best passages, best first; fewer, or none, where fewer have anything to do with the query.

        how: "bm25", "dense" or "hybrid"; None: hybrid. rerank: whether hybrid looks at the first candidates again.
        Raises ValueError for an empty query, a k under 1, an unknown how, and for "dense" without vectors.
        """
        if not query or query.isspace():
            raise ValueError("the question is empty: ask something.")
        if k < 1:
            raise ValueError(f"k must be 1 or more; it was {k}.")
        how = how or "hybrid"
        if how not in HOW:
            raise ValueError(f"how is {how!r}; it must be one of {', '.join(HOW)}.")
        if how == "dense" and self.vectors is None:
            raise ValueError(
                "this index has no vectors: build it with an encoder, or search by bm25."
            )
        if how == "bm25":
            places, scores = self.bm25.search(self.terms(query), k)
        elif how == "dense":
            places, scores = self._dense(query, k)
        else:
            places, scores = self._hybrid(query, k, rerank)
        return [self._hit(int(place), float(score)) for place, score in zip(places, scores)]

    def _dense(self, query: str, k: int) -> tuple[np.ndarray, np.ndarray]:
        vector = self.encoder.encode([query], "query")
        if not vector.any():  # LSA knows none of the words
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        places, scores = self.vectors.search(vector, k)
        return places[0], scores[0]

    def _hybrid(self, query: str, k: int, rerank: bool) -> tuple[np.ndarray, np.ndarray]:
        places, scores, bm25 = self._fused(query, k)
        if not rerank or not len(places):
            return places[:k], scores[:k]
        looked_at = places[: max(k, CANDIDATES)]
        logits = self.features(query, looked_at, bm25[looked_at]) @ weights_for(trust(self.encoder))
        order = np.argsort(-logits, kind="stable")[:k]
        return looked_at[order], logits[order]

    def _fused(self, query: str, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Candidates and their scores by reciprocal rank, best first, and the BM25 scores of all passages."""
        bm25 = self.bm25.scores(self.terms(query))
        rankings, weights = [best(bm25, max(k, CANDIDATES))[0]], [1.0]
        if self.vectors is not None:
            rankings.append(self._dense(query, max(k, OF_DENSE))[0])
            weights.append(trust(self.encoder))
        return *reciprocal_rank_fusion(rankings, weights, constant=10.0), bm25

    def candidates(self, query: str) -> tuple[np.ndarray, np.ndarray]:
        """What the reranker chooses from: places (n,), and what it sees of them (n, len(rerank.FEATURES))."""
        places, _, bm25 = self._fused(query, 1)
        places = places[:CANDIDATES]
        return places, self.features(query, places, bm25[places])

    def features(self, query: str, places: np.ndarray, bm25: np.ndarray) -> np.ndarray:
        """What the reranker sees of these passages, whose BM25 scores are given: (n, len(rerank.FEATURES))."""
        cosines = np.zeros(len(places))
        if self.vectors is not None:
            cosines = self.vectors.cosines(self.encoder.encode([query], "query")[0], places)
        candidates = []
        for place, score, cosine in zip(places, bm25, cosines):
            found = self.passages[int(place)]
            candidates.append(
                Candidate(found.title, found.section, found.text, float(score), float(cosine))
            )
        return features(Question(query, self.terms, self.idf), candidates)

    def _hit(self, place: int, score: float) -> Hit:
        found = self.passages[place]
        return Hit(
            found.article,
            found.title,
            found.section,
            found.text,
            score,
            found.url,
            found.start,
            found.end,
            place,
        )


def trust(encoder: Any) -> float:
    """The weight of an encoder's ranking beside BM25's: 1 for one that was trained to search, little for LSA."""
    return 0.0 if encoder is None else float(getattr(encoder, "trust", 1.0))


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or holds an index, or what is left of one."""
    names = {path.name for path in folder.iterdir()}
    return not names or ABOUT in names or "passages.npy" in names


def _encoded(encoder: Any, bm25: BM25, terms: Terms, passages: Passages) -> tuple[Any, np.ndarray]:
    """The encoder, made where only its name is given, and the vectors of all passages."""
    from shared.llm.retrieval.lsa import LSA

    if encoder == "lsa":
        encoder = LSA.fit(bm25, terms)
        return encoder, encoder.passages(bm25)
    if isinstance(encoder, (str, Path)):
        from shared.llm.retrieval.encoders import TransformerEncoder

        encoder = TransformerEncoder(encoder)
    matrix = np.empty((len(passages), encoder.dimension), dtype=np.float32)
    for first in range(0, len(passages), 1024):
        part = range(first, min(first + 1024, len(passages)))
        matrix[part.start : part.stop] = encoder.encode(
            [passages.headed(place) for place in part], "passage"
        )
    return encoder, matrix
