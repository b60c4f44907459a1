"""The second look: what a search found is put in order again, by what only a reader of the passages sees (week 9).

BM25 counts words; it does not see whether they stand together. For a few dozen candidates there is time to look:
each gets a handful of features, every one a share from 0 to 1, and a linear model weighs them. Its weights are fitted
so that the right passage gets the most of a softmax over the candidates of its question (a conditional logit; as a way
to rank: Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from shared.llm.retrieval.chunks import sentences
from shared.llm.retrieval.terms import Terms

FEATURES = (
    "relative",  # BM25, of the best candidate's
    "dense",  # cosine of the vectors
    "stems",  # the question's words that the passage has, by their first five letters (inventor, invented) and by idf
    "sentence",  # the question's terms that the best sentence has, by idf; its heads counted in
    "pairs",  # neighbours in the question that are neighbours here
    "about",  # the title's terms that the question has
    "kind",  # the best sentence has what the question asks for: a number, a year, a name
)


# Fitted by `bench/retrieve.py --fit` to the questions of the pocket encyclopedia that are for training, 1,238: with
# LSA's vectors or none, and with all-MiniLM-L6-v2's.
_WEAK = (5.39, 0.81, 4.04, 4.33, 0.21, 1.68, 0.9)
_STRONG = (2.81, 9.96, 3.35, 3.79, 1.05, 0.15, 0.61)


def weights_for(trust: float) -> np.ndarray:
    """The weights of the features, (len(FEATURES),), beside an encoder that is trusted so far: see `retrieve.trust`."""
    return np.array(_WEAK if trust < 0.5 else _STRONG)


class Candidate(NamedTuple):
    """A passage that a search found. bm25, dense: its scores there."""

    title: str
    section: str
    text: str
    bm25: float
    dense: float


class Question:
    """A question taken apart once. idf(term): how much a term tells."""

    def __init__(self, text: str, terms: Terms, idf: Callable[[str], float]) -> None:
        self.text, self.terms = text, terms
        found = terms(text)
        self.idf = {term: idf(term) for term in found}
        self.total = sum(self.idf.values()) or 1.0
        self.stems = {term: term[:5] for term in self.idf}
        self.pairs = [(a, b, self.idf[a] + self.idf[b]) for a, b in zip(found, found[1:]) if a != b]
        self.kind = kind_of_answer(text)

    def share(self, there: set[str]) -> float:
        """How much of what the question says is there, by idf: 0 to 1."""
        return sum(weight for term, weight in self.idf.items() if term in there) / self.total


_YEAR = re.compile(
    r"\b(?:1\d{3}|20\d{2})\b|\b\d{1,4} (?:BC|AD|BCE|CE)\b|\bcentur(?:y|ies)\b|\bdecade"
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|"
    r"thousand|million|billion|half|third|quarter|dozen)s?\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]+")
_KINDS = (
    (re.compile(r"\bwhen\b|\b(?:what|which|whose) (?:year|century|decade|date)\b", re.I), _YEAR),
    (
        re.compile(r"\bhow (?:many|much|old|long|far|large|tall|high|fast)\b|\bpercent", re.I),
        _NUMBER,
    ),
    (re.compile(r"\bwho\b|\bwhose\b|\bwhom\b|\bwhere\b|\b(?:city|country|name)\b", re.I), _NAME),
)


def kind_of_answer(question: str) -> re.Pattern[str] | None:
    """A pattern that the answer's sentence should have: a year, a number or a name; None where nothing is known."""
    return next((answer for asks, answer in _KINDS if asks.search(question)), None)


def features(question: Question, candidates: Sequence[Candidate]) -> np.ndarray:
    """What is seen of each candidate: (n, len(FEATURES))."""
    best = max((candidate.bm25 for candidate in candidates), default=0.0) or 1.0
    table = np.zeros((len(candidates), len(FEATURES)))
    for row, candidate in zip(table, candidates):
        title = set(question.terms(candidate.title))
        heads = title | set(question.terms(candidate.section))
        words = question.terms(candidate.text)
        all_words = heads | set(words)
        sentence, share = best_sentence(question, candidate.text, heads)
        row[:] = (
            candidate.bm25 / best,
            candidate.dense,
            stem_share(question, all_words),
            share,
            _pair_share(question, words),
            sum(term in question.idf for term in title) / max(len(title), 1),
            0.5 if question.kind is None else question.kind.search(sentence) is not None,
        )
    return table


def best_sentence(question: Question, text: str, heads: set[str]) -> tuple[str, float]:
    """The sentence that has most of what the question says, and its share; what the heads say counts as said in it."""
    best, most = text, -1.0
    for start, end in sentences(text):
        share = question.share(heads | set(question.terms(text[start:end])))
        if share > most:
            best, most = text[start:end], share
    return best, max(most, 0.0)


def stem_share(question: Question, words: set[str]) -> float:
    """`Question.share` by stems: the first five letters of each word."""
    stems = {word[:5] for word in words}
    total = sum(w for term, w in question.idf.items() if question.stems[term] in stems)
    return total / question.total


def _pair_share(question: Question, words: Sequence[str]) -> float:
    """The share, by idf, of the question's neighbouring terms that stand at most two apart here, in either order."""
    if not question.pairs:
        return 0.0
    near = set()
    for gap in (1, 2):
        near.update(zip(words, words[gap:]))
    found = sum(weight for a, b, weight in question.pairs if (a, b) in near or (b, a) in near)
    return found / sum(weight for _, _, weight in question.pairs)


def examples(
    index: Any, questions: Iterable[tuple[str, str]]
) -> tuple[list[np.ndarray], list[int]]:
    """For `fit`: features of each question's candidates, and the row of the first one from the right article.

    index: with `candidates` and `passages`, as `retrieve.Index` has. questions: (question, id of its article).
    Questions whose article is not among the candidates teach nothing and are left out.
    """
    tables, right = [], []
    for question, article in questions:
        places, table = index.candidates(question)
        found = [
            row for row, place in enumerate(places) if index.passages[int(place)].article == article
        ]
        if found:
            tables.append(table)
            right.append(found[0])
    return tables, right


def fit(
    tables: Sequence[np.ndarray], right: Sequence[int], penalty: float = 1.0, steps: int = 50
) -> np.ndarray:
    """Weights of the features, (len(FEATURES),): those that make −Σ ln softmax(table · weights)[right] least.

    tables: features of each question's candidates; right: the row of the right one.
    penalty: of ½ · penalty · |weights|², which keeps them small where questions are few.
    By Newton's method, steps halved where they overshoot: the loss is convex, so a few lead to its one minimum.
    """
    if not tables or len(tables) != len(right):
        raise ValueError(
            f"tables and right must be of one length, 1 or more: {len(tables)}, {len(right)}."
        )
    weights = np.zeros(tables[0].shape[1])
    loss, gradient, curvature = _derivatives(tables, right, weights, penalty)
    for _ in range(steps):
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while True:  # half the step until it leads down
            tried = weights - size * step
            after = _derivatives(tables, right, tried, penalty)
            if after[0] <= loss or size < 1e-6:
                break
            size /= 2
        weights, gained = tried, loss - after[0]
        loss, gradient, curvature = after
        if gained < 1e-9 * max(abs(loss), 1.0):
            break
    return weights


def _derivatives(
    tables: Sequence[np.ndarray], right: Sequence[int], weights: np.ndarray, penalty: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss at these weights, its gradient and its second derivative."""
    loss = 0.5 * penalty * float(weights @ weights)
    gradient, curvature = penalty * weights, penalty * np.eye(len(weights))
    for table, row in zip(tables, right):
        logits = table @ weights
        shares = np.exp(logits - logits.max())
        total = shares.sum()
        loss += float(np.log(total) + logits.max() - logits[row])
        shares /= total
        mean = shares @ table
        gradient = gradient + mean - table[row]
        curvature = curvature + (table * shares[:, None]).T @ table - np.outer(mean, mean)
    return loss, gradient, curvature
