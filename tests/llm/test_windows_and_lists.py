"""Windows over words, inverted lists, and the curve of refusals: week 9's explore notebook on retrieval."""

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_curve

from shared.llm.retrieval.inverted_lists import ivf_search, listed
from shared.llm.retrieval.refusing import refusal_curve
from shared.llm.retrieval.windows import windows
from shared.nn.clusters import k_means, start_at_random


def test_windows_by_hand() -> None:
    assert windows(10, 4, 1) == [(0, 4), (3, 7), (6, 10)]
    assert windows(9, 4, 1) == [(0, 4), (3, 7), (6, 9)]
    assert windows(0, 4) == []


@pytest.mark.parametrize(("n", "size", "overlap"), [(1, 3, 2), (50, 7, 0), (51, 7, 3), (99, 9, 8)])
def test_windows_hold_every_word_and_repeat_the_overlap(n: int, size: int, overlap: int) -> None:
    found = windows(n, size, overlap)
    assert {word for start, end in found for word in range(start, end)} == set(range(n))
    assert all(b[0] == a[1] - overlap and b[1] > a[1] for a, b in zip(found, found[1:]))
    assert all(end - start == size for start, end in found[:-1])


def test_all_lists_are_the_exact_search() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(300, 8, generator=generator), dim=1)
    centres, nearest = k_means(vectors, start_at_random(vectors, 12, generator), 10)
    lists = listed(nearest, 12)
    assert sorted(torch.cat(lists).tolist()) == list(range(300))
    shares = []
    for probes in (1, 4, 12):
        same = []
        for query in vectors[:20]:
            exact = (vectors @ query).topk(10).indices
            found, scores = ivf_search(query, centres, lists, vectors, probes, 10)
            assert torch.allclose(scores, vectors[found] @ query)
            same.append(len(set(exact.tolist()) & set(found.tolist())) / 10)
        shares.append(float(np.mean(same)))
    assert shares[0] < shares[1] < shares[2] == 1


def test_curve_is_scikit_learns_where_every_question_has_an_answer() -> None:
    draw = np.random.default_rng(0)
    right = draw.random(80) < 0.6
    scores = np.round(draw.random(80) + 0.5 * right, 2)
    theirs, their_recall, thresholds = precision_recall_curve(right, scores)
    ours, recall = refusal_curve(
        *(torch.tensor(x.copy()) for x in (scores, right, right, thresholds))
    )
    assert np.allclose(ours, theirs[:-1]) and np.allclose(recall, their_recall[:-1])
