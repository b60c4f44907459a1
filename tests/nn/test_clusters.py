"""k-means against scikit-learn's, one Lloyd step after another, and at its edges."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances

from shared.nn import clusters


def blobs(seed=0, n=120, d=3, k=4):
    generator = torch.Generator().manual_seed(seed)
    middles = 3 * torch.randn(k, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return middles[torch.arange(n) % k] + noise


def sklearn_lloyd(x, start, steps):
    """scikit-learn's centres, nearest and inertia after that many steps from that start."""
    return KMeans(
        len(start), init=start.numpy(), n_init=1, max_iter=steps, tol=0, algorithm="lloyd"
    ).fit(x.numpy())


def test_distances_agree_with_scikit_learn():
    x, centres = blobs(), blobs(seed=1)[:5]
    theirs = pairwise_distances(x.numpy(), centres.numpy(), metric="sqeuclidean")
    np.testing.assert_allclose(clusters.squared_distances(x, centres).numpy(), theirs, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", range(4))
def test_each_step_agrees_with_scikit_learn(seed):
    x = blobs(seed)
    start = clusters.start_at_random(x, 4, torch.Generator().manual_seed(seed))
    centres = start
    for steps in range(1, 8):
        centres = clusters.update_centres(x, clusters.assign(x, centres), centres)
        oracle = sklearn_lloyd(x, start, steps)
        np.testing.assert_allclose(centres.numpy(), oracle.cluster_centers_, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_end_agrees_with_scikit_learn(seed):
    x = blobs(seed)
    start = clusters.start_plus_plus(x, 4, torch.Generator().manual_seed(seed))
    centres, nearest = clusters.k_means(x, start)
    oracle = sklearn_lloyd(x, start, 100)
    np.testing.assert_allclose(centres.numpy(), oracle.cluster_centers_, rtol=1e-9, atol=1e-9)
    assert nearest.tolist() == oracle.labels_.tolist()
    assert clusters.inertia(x, centres).item() == pytest.approx(oracle.inertia_, rel=1e-9)


def test_inertia_never_rises():
    for seed in range(20):
        x = blobs(seed, n=60, d=2)
        centres = clusters.start_at_random(x, 6, torch.Generator().manual_seed(seed))
        before = clusters.inertia(x, centres)
        for _ in range(15):
            centres = clusters.update_centres(x, clusters.assign(x, centres), centres)
            after = clusters.inertia(x, centres)
            assert after <= before * (1 + 1e-12)
            before = after


def test_an_empty_cluster_keeps_its_centre():
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    centres = torch.tensor([[1.0, 1.0], [50.0, 50.0]])
    moved = clusters.update_centres(x, clusters.assign(x, centres), centres)
    assert moved.tolist() == [[1.0, 0.0], [50.0, 50.0]]
    assert centres.tolist() == [[1.0, 1.0], [50.0, 50.0]], "the old centres were changed"


def test_of_equally_near_centres_the_first_wins():
    x = torch.tensor([[0.0], [1.0]])
    assert clusters.assign(x, torch.tensor([[-1.0], [1.0], [1.0]])).tolist() == [0, 1]


@pytest.mark.parametrize("start", [clusters.start_at_random, clusters.start_plus_plus])
def test_identical_points(start):
    x = torch.full((5, 2), 3.0)
    centres, nearest = clusters.k_means(x, start(x, 3, torch.Generator().manual_seed(0)))
    assert torch.equal(centres, torch.full((3, 2), 3.0))
    assert nearest.tolist() == [0] * 5
    assert clusters.inertia(x, centres).item() == 0


@pytest.mark.parametrize("start", [clusters.start_at_random, clusters.start_plus_plus])
def test_as_many_centres_as_points(start):
    x = blobs(n=7)
    centres = start(x, 7, torch.Generator().manual_seed(0))
    assert clusters.inertia(x, centres).item() == 0, "every point is a centre"


def test_plus_plus_prefers_far_points():
    """With one heap of 99 equal points and one point far off, the second centre can only be the other."""
    x = torch.cat([torch.zeros(99, 2), torch.tensor([[9.0, 9.0]])])
    for seed in range(10):
        centres = clusters.start_plus_plus(x, 2, torch.Generator().manual_seed(seed))
        assert sorted(centres.sum(dim=1).tolist()) == [0.0, 18.0]


def test_plus_plus_draws_by_squared_distance():
    x = torch.tensor([[0.0], [1.0], [3.0]])
    firsts_at_zero, fars = 0, 0
    for seed in range(3000):
        first, second = clusters.start_plus_plus(
            x, 2, torch.Generator().manual_seed(seed)
        ).flatten()
        if first == 0:
            firsts_at_zero += 1
            fars += int(second == 3)
    assert firsts_at_zero == pytest.approx(1000, abs=100)
    assert fars / firsts_at_zero == pytest.approx(9 / 10, abs=0.04), "1² against 3²"


def test_starts_repeat_with_their_generator():
    x = blobs()
    for start in (clusters.start_at_random, clusters.start_plus_plus):
        one, two = (start(x, 5, torch.Generator().manual_seed(7)) for _ in range(2))
        assert torch.equal(one, two)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype):
    x = blobs().to(dtype)
    centres, nearest = clusters.k_means(
        x, clusters.start_plus_plus(x, 4, torch.Generator().manual_seed(0))
    )
    assert centres.dtype == clusters.squared_distances(x, centres).dtype == dtype
    assert nearest.dtype == torch.int64


@pytest.mark.parametrize("start", [clusters.start_at_random, clusters.start_plus_plus])
@pytest.mark.parametrize("k", [0, -1, 4])
def test_k_must_fit_the_points(start, k):
    with pytest.raises(
        ValueError, match=f"k={k} centres cannot start at 3 points; k must be from 1 to 3"
    ):
        start(torch.zeros(3, 2), k)


@pytest.mark.parametrize("start", [clusters.start_at_random, clusters.start_plus_plus])
def test_points_must_be_rows(start):
    with pytest.raises(ValueError, match=r"x has the shape \(3,\)"):
        start(torch.zeros(3), 1)
