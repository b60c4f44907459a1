"""Whether what was found answers the question at all: a search always finds something (week 9).

A logistic model looks at how much of the question the best passage says, and at how far it stands out: where the answer
is there, one passage or a few have the question's words together; where it is not, many have some of them. It was
fitted to the pocket encyclopedia's questions for training: their best passage where it is of the right article, against
the best of other articles, as if the right one were not in the index (`fit_relevance`).

How sure it can be differs from one kind of question to another: one that is put in other words than the article's gets
less than one that repeats them, also where both have their answer. The threshold of `answer` is between the two. What
no count of words sees is a passage that says all of the question and yet does not answer it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from shared.llm.retrieval.rerank import FEATURES, weights_for

OF_PASSAGE = ("sentence", "pairs", "about")
SEEN = (*OF_PASSAGE, "stems, standing out")
WEIGHTS = (2.1, 0.29, 1.51, 8.2)
BIAS = -3.57
_COLUMNS = [FEATURES.index(name) for name in OF_PASSAGE]
_STEMS = FEATURES.index("stems")
_TENTH = 10


def relevance(look: np.ndarray) -> float:
    """How likely a passage of which this is `seen` is the right one: 0 to 1."""
    return 1 / (1 + math.exp(-BIAS - float(np.dot(WEIGHTS, look))))


def seen(row: np.ndarray, out: float) -> np.ndarray:
    """What the model looks at: (len(SEEN),).   row: a passage's features, (len(FEATURES),)   out: of `stands_out`

    Standing out counts by the share of the question that the passage says: alone in having one of five words is little.
    """
    return np.append(row[_COLUMNS], row[_STEMS] * out)


def stands_out(scores: np.ndarray) -> float:
    """How far the best of these scores is above the tenth, in parts of itself: 0 (not at all) to 1. No scores: 0

    scores: of BM25 for one question, in any order; where there are fewer than ten, the others count as 0
    """
    if not len(scores) or scores.max() <= 0:
        return 0.0
    tenth = np.partition(scores, -_TENTH)[-_TENTH] if len(scores) >= _TENTH else 0.0
    return float(1 - tenth / scores.max())


def best_seen(table: np.ndarray) -> np.ndarray:
    """`seen` of the candidate that the reranker puts first, among these alone.

    table: of `Index.candidates`, (n, len(FEATURES)), n at least 1
    """
    first = int(np.argmax(table @ weights_for(0.0)))
    return seen(table[first], stands_out(table[:, FEATURES.index("relative")]))


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
        if len(places) and right[int(np.argmax(table @ weights_for(0.0)))]:
            rows.append(best_seen(table))
            labels.append(1)
        if not right.all():
            rows.append(best_seen(table[~right]))
            labels.append(0)
    model = LogisticRegression(C=10.0, class_weight="balanced").fit(np.array(rows), labels)
    return model.coef_[0], float(model.intercept_[0])
