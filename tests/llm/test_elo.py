"""Ratings from votes, beside scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from shared.llm.judging.elo import elo_update, strengths


def test_one_vote() -> None:
    assert elo_update(1000, 1000, 1.0) == (1016.0, 984.0)
    assert elo_update(1000, 1000, 0.5) == (1000.0, 1000.0)
    a, b = elo_update(1200, 1000, 1.0, k=10)
    assert a - 1200 == pytest.approx(10 * (1 - 1 / (1 + 10**-0.5)))
    assert a + b == pytest.approx(2200), "what one gains the other loses"


def votes(true: np.ndarray, games: int, seed: int = 0) -> np.ndarray:
    generator, n = np.random.default_rng(seed), len(true)
    wins = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            won = generator.binomial(games, 1 / (1 + 10 ** ((true[j] - true[i]) / 400)))
            wins[i, j], wins[j, i] = won, games - won
    return wins


def test_strengths_are_the_likeliest() -> None:
    wins = votes(np.array([1200.0, 1100.0, 1000.0, 700.0]), 400)
    rows, won, weights = [], [], []
    for i in range(4):
        for j in range(4):
            if i != j:
                rows.append([float(k == i) - float(k == j) for k in range(4)])
                won.append(1)
                weights.append(wins[i, j] + 0.05)
                rows.append([-x for x in rows[-1]])
                won.append(0)
                weights.append(wins[i, j] + 0.05)
    oracle = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10, max_iter=5_000)
    coefficients = oracle.fit(rows, won, sample_weight=weights).coef_[0] * 400 / np.log(10)
    expected = coefficients - coefficients.mean() + 1000
    assert strengths(wins) == pytest.approx(expected, abs=0.1)


def test_strengths_recover_the_truth() -> None:
    true = np.array([1150.0, 1050.0, 950.0, 850.0])
    assert strengths(votes(true, 200_000)) == pytest.approx(true, abs=3)


def test_who_always_wins_has_a_bound() -> None:
    found = strengths(np.array([[0, 10.0], [0, 0]]))
    assert np.isfinite(found).all()
    assert found[0] > found[1]


@pytest.mark.parametrize("wins", [np.zeros(3), np.zeros((2, 3)), -np.eye(2)])
def test_no_table_of_wins(wins: np.ndarray) -> None:
    with pytest.raises(ValueError, match="wins must be"):
        strengths(wins)
