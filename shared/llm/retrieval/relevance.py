"""Whether what was found answers the question at all: a search always finds something (week 9).

A logistic model looks at how much of the question the best passage says. It was fitted to the pocket encyclopedia's
questions for training: their best passage where it is of the right article, against the best of other articles, as if
the right one were not in the index (`fit_relevance`).

How sure it can be differs from one kind of question to another: one that is put in other words than the article's gets
less than one that repeats them, also where both have their answer. The threshold of `answer` is between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from shared.llm.retrieval.rerank import FEATURES, weights_for

SEEN = ("stems", "sentence", "pairs", "about")
WEIGHTS = (4.14, 3.66, 0.83, 1.72)
BIAS = -4.34
_COLUMNS = [FEATURES.index(name) for name in SEEN]


def relevance(row: np.ndarray) -> float:
    """How likely a passage with these features, (len(FEATURES),), is the right one: 0 to 1."""
    logit = BIAS + float(np.dot(WEIGHTS, row[_COLUMNS]))
    return 1 / (1 + math.exp(-logit))


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
