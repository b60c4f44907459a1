"""Two rankings made one: reciprocal rank fusion (week 9).

    score(passage) = Σ over rankings   weight / (constant + rank)

Scores of different searches cannot be compared; ranks can. The constant says how much the very first places count.
Source: Cormack, Clarke & Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods"
(2009), where the constant is 60 and weights are 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[int] | np.ndarray],
    weights: Sequence[float] | None = None,
    constant: float = 60.0,
    k: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One ranking out of several, best first: places and scores; of equal ones, the one that came first in `rankings`.

    rankings: each a sequence of places, best first, every place once. k: keep so many, None for all.
    Raises ValueError where weights are not as many as rankings, or the constant is negative.
    """
    weights = [1.0] * len(rankings) if weights is None else weights
    if len(weights) != len(rankings):
        raise ValueError(
            f"weights must be {len(rankings)}, one for each ranking; there are {len(weights)}."
        )
    if constant < 0:
        raise ValueError(f"constant must be 0 or more; it was {constant}.")
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights):
        for rank, place in enumerate(ranking, start=1):
            scores[int(place)] = scores.get(int(place), 0.0) + weight / (constant + rank)
    places = sorted(scores, key=lambda place: -scores[place])[
        :k
    ]  # sorted keeps the order of equals
    return np.array(places, dtype=np.int64), np.array([scores[place] for place in places])
