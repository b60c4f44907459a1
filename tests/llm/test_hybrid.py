"""Fusion by reciprocal rank, the second look, and how a search is judged."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from shared.llm.retrieval.hybrid import reciprocal_rank_fusion
from shared.llm.retrieval.recall import rank, recall
from shared.llm.retrieval.rerank import (
    FEATURES,
    Candidate,
    Question,
    features,
    fit,
    kind_of_answer,
    weights_for,
)
from shared.llm.retrieval.terms import Terms


def test_the_formula() -> None:
    places, scores = reciprocal_rank_fusion([[5, 3], [3, 9]])
    assert places.tolist() == [3, 5, 9]
    assert scores.tolist() == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_weights_constant_and_k() -> None:
    places, scores = reciprocal_rank_fusion([[1], [2]], weights=[1, 3], constant=0, k=1)
    assert places.tolist() == [2] and scores.tolist() == [3]
    assert reciprocal_rank_fusion([[1], [2]])[0].tolist() == [1, 2]  # a tie: the first ranking's
    assert reciprocal_rank_fusion([[], []])[0].tolist() == []


def test_one_ranking_stays_as_it_is() -> None:
    order = np.random.default_rng(0).permutation(50)
    assert (reciprocal_rank_fusion([order])[0] == order).all()


def test_bad_fusion() -> None:
    with pytest.raises(ValueError, match="weights must be 2"):
        reciprocal_rank_fusion([[1], [2]], [1])
    with pytest.raises(ValueError, match="constant must be 0 or more"):
        reciprocal_rank_fusion([[1]], constant=-1)


def question(text: str) -> Question:
    return Question(text, Terms(), lambda term: 1.0)


def seen(asked: str, text: str, title: str = "") -> dict[str, float]:
    table = features(question(asked), [Candidate(title, "", text, 2.0, 0.5)])
    assert table.shape == (1, len(FEATURES)) and (table >= 0).all() and (table <= 1).all()
    return dict(zip(FEATURES, table[0].tolist()))


def test_features() -> None:
    whole = seen(
        "Who invented the steam engine?", "It rained. James Watt invented the steam engine."
    )
    assert whole["sentence"] == whole["stems"] == whole["pairs"] == whole["kind"] == 1
    assert whole["relative"] == 1 and whole["dense"] == pytest.approx(0.5)
    apart = seen(
        "Who invented the steam engine?",
        "the engine stopped at noon. much later steam rose. two days passed, then the inventor slept.",
    )
    assert apart["stems"] == 1 > apart["sentence"] and apart["pairs"] == apart["kind"] == 0
    titled = seen("Who invented the steam engine?", "James Watt invented it.", title="Steam engine")
    assert titled["sentence"] == titled["about"] == 1
    assert seen("What?", "Nothing.")["sentence"] == 0


@pytest.mark.parametrize(
    ("asked", "there", "not_there"),
    [
        ("When was it built?", "in 1712", "by him"),
        ("In what century did it end?", "the last century", "at 5"),
        ("How many legs has it?", "has six legs", "has legs"),
        ("Who built it?", "built by Newcomen", "Built by them"),
    ],
)
def test_kinds_of_answers(asked: str, there: str, not_there: str) -> None:
    pattern = kind_of_answer(asked)
    assert pattern.search(there) and not pattern.search(not_there)
    assert kind_of_answer("Why is it so?") is None


def test_fit_is_logistic_regression_where_there_are_two_candidates() -> None:
    """With two candidates the softmax is a sigmoid of their difference: scikit-learn's, without intercept."""
    generator = np.random.default_rng(0)
    tables = [generator.normal(size=(2, 4)) for _ in range(300)]
    truth = np.array([2.0, -1.0, 0.5, 0.0])
    right = [int(generator.random() > 1 / (1 + np.exp(-(t[1] - t[0]) @ truth))) ^ 1 for t in tables]
    ours = fit(tables, right, penalty=1.0)
    differences = np.array([table[1] - table[0] for table in tables])
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10).fit(differences, right)
    np.testing.assert_allclose(ours, theirs.coef_[0], atol=1e-4)


def test_fit_converges_where_one_step_overshoots() -> None:
    tables = [np.array([[1.0, 0.0], [0.0, 0.01]]) for _ in range(50)]
    weights = fit(tables, [0] * 50, penalty=1e-3)
    assert np.isfinite(weights).all() and weights[0] > 3
    with pytest.raises(ValueError, match="of one length"):
        fit([], [])


def test_weights_are_as_many_as_features() -> None:
    assert all(weights_for(trust).shape == (len(FEATURES),) for trust in (0, 0.1, 1))


def test_recall() -> None:
    assert rank(["a", "b", "c"], "c") == 3 and rank(["a"], "c") is None
    assert rank(["a", "b", "c"], "c", passed_over=["a"]) == 2
    found = recall([1, 3, None, 20])
    assert (found.at_1, found.at_5, found.at_20, found.n) == (0.25, 0.5, 0.75, 4)
    assert found.mrr == pytest.approx((1 + 1 / 3 + 1 / 20) / 4)
    with pytest.raises(ValueError, match="no question"):
        recall([])
