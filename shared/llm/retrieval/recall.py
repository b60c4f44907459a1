"""How good a search is: how far up its hits the right passage stands, over many questions (week 9).

recall@k: the share of questions with the right passage among the first k hits. MRR: the mean of 1/rank, 0 where it is
not among the hits (mean reciprocal rank; Voorhees, "The TREC-8 Question Answering Track Report", 1999).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Recall(NamedTuple):
    """Shares from 0 to 1, over n questions."""

    at_1: float
    at_5: float
    at_20: float
    mrr: float
    n: int

    def __str__(self) -> str:
        return (
            f"recall@1 {100 * self.at_1:5.2f} %  @5 {100 * self.at_5:5.2f} %  @20 {100 * self.at_20:5.2f} %  "
            f"MRR {self.mrr:.4f}  ({self.n:,} questions)"
        )


def rank(hits: Iterable[object], right: object, passed_over: Sequence[object] = ()) -> int | None:
    """The place of `right` among hits, from 1; None: it is not there. Hits in `passed_over` count as not there."""
    place = 0
    for hit in hits:
        if hit == right:
            return place + 1
        place += hit not in passed_over
    return None


def recall(ranks: Sequence[int | None]) -> Recall:
    """From the rank of the right hit for each question. Raises ValueError without questions."""
    if not ranks:
        raise ValueError("there is no question: recall needs at least one rank.")
    found = np.array([np.inf if place is None else place for place in ranks], dtype=float)
    shares = [float((found <= k).mean()) for k in (1, 5, 20)]
    return Recall(*shares, float((1 / found).mean()), len(found))
