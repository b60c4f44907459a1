"""`shared.text.embeddings` against torch's and scikit-learn's own, a plain loop, and what Levy & Goldberg proved."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors
from torch import nn

from shared.text.embeddings import (
    keep_probability,
    nearest,
    negative_sampling_loss,
    noise_distribution,
    skip_gram_pairs,
)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 40])
@pytest.mark.parametrize("window", [1, 2, 5, 50])
def test_pairs_are_those_of_a_plain_loop(length: int, window: int) -> None:
    ids = torch.randint(0, 6, (length,))
    plain = [
        (ids[i].item(), ids[j].item())
        for i in range(length)
        for j in range(length)
        if 0 < abs(i - j) <= window
    ]
    centres, contexts = skip_gram_pairs(ids, window)
    assert centres.dtype == contexts.dtype == torch.int64
    assert sorted(zip(centres.tolist(), contexts.tolist())) == sorted(plain)


def drawn(b: int = 6, k: int = 4, d: int = 5) -> list[torch.Tensor]:
    shapes = ((b, d), (b, d), (b, k, d))
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_loss_is_binary_cross_entropy_of_yes_and_no() -> None:
    centre, context, negatives = drawn()
    ours = negative_sampling_loss(centre, context, negatives)
    scores = torch.cat([context[:, None], negatives], dim=1) @ centre[:, :, None]
    targets = torch.zeros(6, 5, 1, dtype=torch.float64)
    targets[:, 0] = 1
    theirs = 5 * nn.BCEWithLogitsLoss()(scores, targets)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    gradients = (torch.autograd.grad(loss, drawn_) for loss, drawn_ in
                 ((ours, (centre, context, negatives)), (theirs, (centre, context, negatives))))  # fmt: skip
    for a, b in zip(*gradients):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_loss_by_hand_and_at_the_start() -> None:
    centre, context = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 5.0]])
    negatives = torch.tensor([[[-1.0, 3.0]]])
    expected = math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))
    assert negative_sampling_loss(centre, context, negatives).item() == pytest.approx(expected)
    zeros = torch.zeros(8, 3), torch.zeros(8, 3), torch.zeros(8, 5, 3)
    assert negative_sampling_loss(*zeros).item() == pytest.approx(6 * math.log(2))


def test_loss_stays_finite() -> None:
    centre = torch.ones(1, 1, requires_grad=True)
    loss = negative_sampling_loss(centre, torch.tensor([[-1e4]]), torch.tensor([[[1e4], [-1e4]]]))
    assert loss.item() == pytest.approx(2e4)
    (gradient,) = torch.autograd.grad(loss, centre)
    assert gradient.item() == pytest.approx(2e4)


def test_the_best_dot_product_is_pmi_minus_log_k() -> None:
    """Levy & Goldberg (2014), equation 7, on expected counts: three words, vectors long enough for any dot products."""
    joint = torch.tensor([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 4.0]], dtype=torch.float64)
    joint = joint / joint.sum()
    k, noise = 2, noise_distribution(torch.tensor([3.0, 2.0, 5.0], dtype=torch.float64))
    torch.manual_seed(0)
    inside, outside = (torch.randn(3, 3, dtype=torch.float64, requires_grad=True) for _ in "ab")
    walker = torch.optim.LBFGS([inside, outside], max_iter=500, line_search_fn="strong_wolfe",
                               tolerance_grad=1e-12, tolerance_change=1e-15)  # fmt: skip

    def expected_loss() -> torch.Tensor:
        walker.zero_grad()
        scores = inside @ outside.T
        invented = (joint.sum(1)[:, None] * noise * F.logsigmoid(-scores)).sum()
        loss = -(joint * F.logsigmoid(scores)).sum() - k * invented
        loss.backward()
        return loss

    walker.step(expected_loss)
    pmi = torch.log(joint / (joint.sum(1)[:, None] * noise))
    torch.testing.assert_close((inside @ outside.T).detach(), pmi - math.log(k), atol=1e-4, rtol=0)
    # The loss of pairs and negatives, each as often as expected, is that expected loss.
    centre, context = torch.cartesian_prod(torch.arange(3), torch.arange(3)).T
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3))  # all ways to draw two negatives
    total = sum(
        joint[a, b] * noise[n] * noise[m]
        * negative_sampling_loss(inside[a][None], outside[b][None], outside[torch.stack([n, m])][None])
        for a, b in zip(centre, context) for n, m in every
    )  # fmt: skip
    torch.testing.assert_close(total, expected_loss(), rtol=1e-10, atol=0)


def test_nearest_is_that_of_scikit_learn() -> None:
    table, query = torch.randn(300, 20, dtype=torch.float64), torch.randn(20, dtype=torch.float64)
    distances, theirs = (
        NearestNeighbors(n_neighbors=12, metric="cosine").fit(table).kneighbors(query[None])
    )
    indices, cosines = nearest(query, table, 12)
    assert indices.tolist() == theirs[0].tolist()
    np.testing.assert_allclose(cosines, 1 - distances[0], atol=1e-12)
    torch.testing.assert_close(cosines, F.cosine_similarity(table[indices], query[None]))


def test_nearest_knows_no_lengths_and_no_nan() -> None:
    table = torch.tensor([[0.0, 0.0], [1e-3, 1e-3], [50.0, 0.0]])
    indices, cosines = nearest(torch.tensor([5.0, 5.0]), table, 3)
    assert indices.tolist() == [1, 2, 0]
    torch.testing.assert_close(cosines, torch.tensor([1.0, 0.5**0.5, 0.0]))


def test_thinning_and_noise() -> None:
    counts = torch.tensor([900.0, 90.0, 10.0])
    torch.testing.assert_close(
        keep_probability(counts, 0.01), torch.tensor([(0.01 / 0.9) ** 0.5, (0.01 / 0.09) ** 0.5, 1])
    )
    noise = noise_distribution(counts)
    assert noise.sum().item() == pytest.approx(1)
    assert (noise[0] / noise[1]).item() == pytest.approx(10**0.75)
