"""`shared.training.linear_models` against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold, cross_val_score

from shared.data import diabetes
from shared.training import linear_models as lm


@pytest.fixture(scope="module")
def table():
    """The diabetes table, its columns scaled to mean 0 and spread 1."""
    train = diabetes().train
    x, y = train.features.double(), train.targets.double()
    return (x - x.mean(0)) / x.std(0), y


def sparse(n=80, d=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64) + 1.5
    true = torch.zeros(d, dtype=torch.float64)
    true[:4] = torch.tensor([3.0, -2.0, 1.5, 1.0])
    return x, x @ true + 4 + torch.randn(n, generator=generator, dtype=torch.float64)


def _agrees(found, model):
    weights, intercept = found
    np.testing.assert_allclose(weights.numpy(), model.coef_, atol=1e-3)
    assert intercept.item() == pytest.approx(float(model.intercept_), abs=1e-3)


def test_ridge_is_scikit_learns_over_a_path(table):
    for x, y in (table, sparse()):
        for strength in lm.penalties(x, y, 20):
            _agrees(lm.ridge(x, y, strength), Ridge(alpha=len(x) * strength).fit(x, y))


@pytest.mark.parametrize("solve", [lm.lasso, lm.fista])
def test_lasso_is_scikit_learns_over_a_path(table, solve):
    for x, y in (table, sparse()):
        for strength in lm.penalties(x, y, 20):
            model = Lasso(alpha=strength, tol=1e-10, max_iter=100_000).fit(x, y)
            found = solve(x, y, strength)
            _agrees(found, model)
            assert (found[0] != 0).tolist() == (model.coef_ != 0).tolist()


def test_ridge_by_gradient_comes_to_the_closed_form(table):
    x, y = table
    found = lm.ridge_by_gradient(x, y, 0.1, lr=0.2, steps=3000)
    for a, b in zip(found, lm.ridge(x, y, 0.1)):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_soft_threshold_minimizes_what_it_says():
    grid = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for w in (-3.0, -0.4, 0.0, 0.9, 2.5):
        best = grid[((grid - w) ** 2 / 2 + 0.7 * grid.abs()).argmin()]
        found = lm.soft_threshold(torch.tensor(w, dtype=torch.float64), 0.7)
        assert found.item() == pytest.approx(best.item(), abs=1e-4)


def test_the_path_starts_where_the_first_weight_appears():
    x, y = sparse()
    strengths = lm.penalties(x, y, 20)
    assert len(strengths) == 20
    assert strengths[-1] == pytest.approx(strengths[0] / 1000)
    assert not lm.lasso(x, y, strengths[0] * 1.0001)[0].any()
    assert lm.lasso(x, y, strengths[1])[0].any()
    assert lm.coefficient_path(lm.fista, x, y, strengths[:3]).shape == (3, 30)


def test_fista_needs_fewer_steps_than_ista(table):
    x, y = table
    exact = Lasso(alpha=0.05, tol=1e-12, max_iter=1_000_000).fit(x, y).coef_
    errors = [
        abs(solve(x, y, 0.05, max_steps=100)[0].numpy() - exact).max()
        for solve in (lm.lasso, lm.fista)
    ]
    assert errors[1] < errors[0] / 10


def test_cross_validation_is_scikit_learns_on_the_same_folds(table):
    x, y = table
    fit = lambda x, y, s: (lambda model: lambda new: new @ model[0] + model[1])(lm.ridge(x, y, s))  # noqa: E731
    errors = lm.cross_validate(fit, x, y, [0.1, 1.0], 5, torch.Generator().manual_seed(2))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    folds = [(np.setdiff1d(np.arange(len(x)), out), out.numpy()) for out in order.tensor_split(5)]
    for row, strength in zip(errors, (0.1, 1.0)):
        theirs = [
            (
                (
                    Ridge(alpha=len(train) * strength).fit(x[train], y[train]).predict(x[out])
                    - y[out].numpy()
                )
                ** 2
            ).mean()
            for train, out in folds
        ]
        np.testing.assert_allclose(row.numpy(), theirs, rtol=1e-8)
    sizes = [len(test) for _, test in KFold(5).split(x)]
    assert sorted(sizes) == sorted(len(out) for _, out in folds)
    assert -cross_val_score(
        Ridge(35), x, y, cv=5, scoring="neg_mean_squared_error"
    ).mean() == pytest.approx(errors[0].mean().item(), rel=0.1)


def test_one_standard_error_prefers_the_simpler_model():
    errors = torch.tensor([[2.0, 4.0], [1.2, 2.0], [1.0, 2.0]], dtype=torch.float64)
    assert lm.one_standard_error(errors, [4.0, 2.0, 1.0]) == 2.0
    assert lm.one_standard_error(errors.flip(0), [1.0, 2.0, 4.0]) == 2.0


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (9, 9)], ids=str)
@pytest.mark.parametrize("columns", [(), (3,)], ids=["one target", "three targets"])
def test_the_shortest_weights_are_numpys(shape, columns):
    x = torch.randn(*shape, dtype=torch.float64) * 5 + 1
    y = torch.randn(shape[0], *columns, dtype=torch.float64)
    theirs = np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0]
    ours = lm.minimum_norm(x, y)
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ours, torch.linalg.pinv(x) @ y, rtol=1e-9, atol=1e-10)


def test_the_shortest_weights_of_columns_that_say_the_same():
    x = torch.randn(30, 4, dtype=torch.float64)
    y = x @ torch.tensor([1.0, 0.0, 2.0, 3.0], dtype=torch.float64)
    doubled = torch.cat([x, x[:, 2:3]], dim=1)
    weights = lm.minimum_norm(doubled, y)
    torch.testing.assert_close(weights[[2, 4]], torch.ones(2, dtype=torch.float64))
    assert weights.norm() < lm.minimum_norm(x, y).norm()


def test_gradient_descent_from_zero_ends_at_the_shortest_weights():
    x, y = torch.randn(5, 12, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    w = torch.zeros(12, dtype=torch.float64)
    for _ in range(20_000):
        w = w - 0.03 * x.T @ (x @ w - y)
    torch.testing.assert_close(w, lm.minimum_norm(x, y), rtol=1e-6, atol=1e-8)
