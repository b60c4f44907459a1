"""Whether what was found answers the question at all: a search always finds something (week 9).

A logistic model looks at how much of the question the best passage says. It was fitted to the pocket encyclopedia's
questions for training: their best passage where it is of the right article, against the best of other articles, as if
the right one were not in the index (`fit_relevance`).

In a large index a passage that says half of any question is there by chance. So each index is asked a hundred questions
that have no answer anywhere, the first half of one question and the second half of another, when it is built; how far
these are above what they get in the encyclopedia's own index is taken off again (`chance`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from shared.llm.rerank import FEATURES, weights_for

SEEN = ("stems", "sentence", "pairs", "about")
WEIGHTS = (4.16, 3.64, 0.85, 1.72)
BIAS = -4.34
CHANCE = 0.0  # the mean logit of mixed questions in the encyclopedia's own index
_COLUMNS = [FEATURES.index(name) for name in SEEN]


def logit(row: np.ndarray) -> float:
    """From the features of a passage, (len(FEATURES),)."""
    return BIAS + float(np.dot(WEIGHTS, row[_COLUMNS]))


def relevance(row: np.ndarray, chance: float) -> float:
    """How likely a passage with these features is the right one, 0 to 1, in an index with this level of chance."""
    return 1 / (1 + math.exp(-(logit(row) - max(chance - CHANCE, 0.0))))


def chance(index: Any, n: int = 100) -> float:
    """The mean logit of the best passages for n questions that have no answer, mixed of two. 0 where none finds any."""
    found = []
    for question in mixed_questions(n):
        places, table = index.candidates(question)
        if len(places):
            found.append(logit(table[_first(table)]))
    return float(np.mean(found)) if found else 0.0


def mixed_questions(n: int, seed: int = 0) -> list[str]:
    """The first half of one of the encyclopedia's questions, and the second half of another."""
    from shared import data

    asked = [row.question.rstrip("?").split() for row in data.encyclopedia_questions().train]
    generator, mixed = np.random.default_rng(seed), []
    for _ in range(n):
        one, other = generator.choice(len(asked), 2, replace=False)
        first, second = asked[one], asked[other]
        mixed.append(" ".join(first[: (len(first) + 1) // 2] + second[len(second) // 2 :]) + "?")
    return mixed


def fit_relevance(index: Any, questions: Iterable[tuple[str, str]]) -> tuple[np.ndarray, float]:
    """Weights, (len(SEEN),), and bias. questions: (question, id of its article).

    A question counts twice: with its best passage where that is right, and with the best of other articles.
    """
    from sklearn.linear_model import LogisticRegression

    rows, labels = [], []
    for question, article in questions:
        places, table = index.candidates(question)
        right = np.array(
            [index.passages[int(place)].article == article for place in places], dtype=bool
        )
        if len(places) and right[_first(table)]:
            rows.append(table[_first(table), _COLUMNS])
            labels.append(1)
        if not right.all():
            others = table[~right]
            rows.append(others[_first(others), _COLUMNS])
            labels.append(0)
    model = LogisticRegression(C=10.0, class_weight="balanced").fit(np.array(rows), labels)
    return model.coef_[0], float(model.intercept_[0])


def _first(table: np.ndarray) -> int:
    """The row that the reranker puts first."""
    return int(np.argmax(table @ weights_for(0.0)))
