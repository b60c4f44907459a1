"""When to say nothing: what a threshold costs and gains, over many questions (week 9, explore).

    precision, recall = refusal_curve(scores, right, answerable, thresholds)

A question is answered where its score reaches the threshold. Precision: how many of the answers are right. Recall: how
many of the questions that have an answer get a right one. A higher threshold trades the second for the first.
"""

from __future__ import annotations

import torch
from torch import Tensor


def refusal_curve(
    scores: Tensor, right: Tensor, answerable: Tensor, thresholds: Tensor
) -> tuple[Tensor, Tensor]:
    """Precision and recall of the answers at each threshold: (t,) and (t,), from 0 to 1.

    scores: (n,), how sure the search was   right: (n,) bool, whether its answer would be right
    answerable: (n,) bool, whether the question has an answer at all   thresholds: (t,)
    Where nothing is answered nothing is wrong: precision is 1 there.
    """
    answered = scores >= thresholds[:, None]  # (t, n)
    given = answered.sum(dim=1)
    good = (answered & right).sum(dim=1)
    precision = torch.where(given > 0, good / given.clamp(min=1), 1.0)
    return precision, good / answerable.sum()
