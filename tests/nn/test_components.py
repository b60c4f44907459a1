"""PCA against scikit-learn's, up to sign, and at its edges."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from shared.nn import components


def cloud(seed=0, n=50, d=6):
    """Points with a different spread along each axis, turned, around a middle that is not 0."""
    generator = torch.Generator().manual_seed(seed)
    turned = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64)).Q
    points = torch.randn(n, d, generator=generator, dtype=torch.float64) * 2.0 ** torch.arange(d)
    return points @ turned + torch.arange(d)


def up_to_sign(rows):
    rows = np.asarray(rows)
    return rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])[:, None]


@pytest.mark.parametrize("shape", [(50, 6), (6, 6), (5, 12)], ids=str)
def test_agrees_with_scikit_learn(shape):
    x = cloud(n=shape[0], d=shape[1])
    k = min(shape) - 1  # centring takes one direction from a matrix of n rows
    mean, ours = components.principal_components(x, k)
    oracle = PCA(k, svd_solver="full").fit(x.numpy())
    np.testing.assert_allclose(mean.numpy(), oracle.mean_, rtol=1e-12)
    np.testing.assert_allclose(ours.numpy(), up_to_sign(oracle.components_), rtol=1e-6, atol=1e-9)
    signs = np.sign((ours.numpy() * oracle.components_).sum(axis=1))
    scores = components.project(x, mean, ours)
    np.testing.assert_allclose(scores.numpy(), oracle.transform(x.numpy()) * signs, atol=1e-6)
    back = components.reconstruct(scores, mean, ours)
    np.testing.assert_allclose(
        back.numpy(), oracle.inverse_transform(oracle.transform(x.numpy())), atol=1e-6
    )
    shares = components.explained_variance(x)[:k]
    np.testing.assert_allclose(shares.numpy(), oracle.explained_variance_ratio_, rtol=1e-9)


def test_agrees_on_the_digits():
    x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    _, ours = components.principal_components(x, 10)
    oracle = PCA(10, svd_solver="full").fit(x.numpy())
    np.testing.assert_allclose(ours.numpy(), up_to_sign(oracle.components_), atol=2e-3)
    shares = components.explained_variance(x)
    np.testing.assert_allclose(shares[:10].numpy(), oracle.explained_variance_ratio_, rtol=1e-3)


def test_components_are_a_frame_with_fixed_signs():
    for seed in range(10):
        _, rows = components.principal_components(cloud(seed), 6)
        torch.testing.assert_close(rows @ rows.T, torch.eye(6, dtype=torch.float64))
        largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
        assert (largest > 0).all()


def test_mirrored_data_has_the_same_components():
    x = cloud()
    torch.testing.assert_close(
        components.principal_components(x, 4)[1], components.principal_components(-x, 4)[1]
    )


def test_all_components_give_everything_back():
    x = cloud()
    mean, rows = components.principal_components(x, 6)
    torch.testing.assert_close(
        components.reconstruct(components.project(x, mean, rows), mean, rows), x
    )


def test_shares_say_what_a_reconstruction_loses():
    x = cloud()
    shares = components.explained_variance(x)
    assert shares.sum().item() == pytest.approx(1)
    assert (shares[:-1] >= shares[1:]).all()
    for k in range(1, 7):
        mean, rows = components.principal_components(x, k)
        lost = (
            (x - components.reconstruct(components.project(x, mean, rows), mean, rows))
            .square()
            .sum()
        )
        whole = (x - mean).square().sum()
        assert (lost / whole).item() == pytest.approx(1 - shares[:k].sum().item(), abs=1e-9)


def test_fewer_examples_than_numbers():
    x = cloud(n=3, d=6)
    mean, rows = components.principal_components(x, 3)
    assert rows.shape == (3, 6)
    torch.testing.assert_close(
        components.reconstruct(components.project(x, mean, rows), mean, rows), x
    )
    assert components.explained_variance(x).shape == (3,)


def test_identical_points():
    x = torch.full((4, 3), 2.0)
    mean, rows = components.principal_components(x, 2)
    assert torch.equal(mean, torch.full((3,), 2.0))
    torch.testing.assert_close(rows @ rows.T, torch.eye(2))
    assert torch.equal(components.project(x, mean, rows), torch.zeros(4, 2))
    with pytest.raises(ValueError, match="no variance to explain"):
        components.explained_variance(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(dtype):
    x = cloud().to(dtype)
    mean, rows = components.principal_components(x, 2)
    scores = components.project(x, mean, rows)
    back = components.reconstruct(scores, mean, rows)
    assert {t.dtype for t in (mean, rows, scores, back, components.explained_variance(x))} == {
        dtype
    }


@pytest.mark.parametrize(("shape", "k", "most"), [((5, 3), 4, 3), ((2, 6), 3, 2), ((5, 3), 0, 3)])
def test_k_must_fit_the_data(shape, k, most):
    with pytest.raises(ValueError, match=f"k={k} must be from 1 to {most}"):
        components.principal_components(torch.randn(shape), k)
