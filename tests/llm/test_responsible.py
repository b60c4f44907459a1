"""Probes, exposure, membership and energy, beside scipy, scikit-learn and plain counting."""

import numpy as np
import pytest
import torch
from scipy.stats import permutation_test
from sklearn.metrics import roc_auc_score

from shared.llm.energy import Meter, training_carbon
from shared.llm.judging.bias import pseudo_log_likelihood, split_effects
from shared.llm.judging.memorization import auc, exposure, number_log_probabilities


def test_split_effects_against_scipy():
    generator = np.random.default_rng(0)
    x, y = generator.normal(1, 1, 5), generator.normal(0, 1, 4)
    effects = split_effects(x, y)
    assert len(effects) == 126
    theirs = permutation_test((x, y), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf)
    spread = np.concatenate([x, y]).std(ddof=1)
    assert effects[0] * spread == pytest.approx(theirs.statistic)
    assert np.sort(effects * spread) == pytest.approx(np.sort(theirs.null_distribution))


def _toy(seed=0, size=7):
    """A model whose logits at a place hang on all tokens, and not on the token's place alone."""
    torch.manual_seed(seed)
    table, mix = torch.randn(size, 8), torch.randn(8, size)

    def model(tokens):
        seen = table[tokens]
        return (seen + seen.mean(1, keepdim=True) ** 2) @ mix

    return model


def test_pseudo_log_likelihood_by_hand():
    model, tokens = _toy(), torch.tensor([1, 4, 2, 5])
    expected = 0.0
    for place in (0, 2):
        hidden = tokens.clone()
        hidden[place] = 6
        expected += model(hidden[None])[0, place].softmax(-1)[tokens[place]].log()
    found = pseudo_log_likelihood(model, tokens, torch.tensor([0, 2]), 6)
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    assert tokens.tolist() == [1, 4, 2, 5]


def test_exposure():
    assert exposure(-1.0, [-2.0, -3.0, -4.0]) == 2
    assert exposure(-4.0, [-2.0, -3.0, -1.0]) == 0
    assert exposure(-2.0, [-2.0, -3.0, -1.0]) == 1, "an equal one is not more probable"


def test_auc_against_scikit_learn():
    generator = np.random.default_rng(1)
    members, others = generator.integers(0, 9, 30), generator.integers(2, 12, 20)
    label = [1] * 30 + [0] * 20
    assert auc(members, others) == pytest.approx(roc_auc_score(label, -np.r_[members, others]))


def test_number_log_probabilities_against_one_at_a_time():
    model, digits = _causal(), list(range(2, 12))
    found = number_log_probabilities(model, [0, 1, 1], digits, 2)
    assert found.shape == (100,)
    for number in (0, 7, 42, 99):
        text = torch.tensor([[0, 1, 1, digits[number // 10], digits[number % 10]]])
        log_p = model(text)[0].log_softmax(-1)
        one = log_p[2, text[0, 3]] + log_p[3, text[0, 4]]
        assert found[number] == pytest.approx(one.item(), abs=1e-5)


def _causal(size=12):
    torch.manual_seed(3)
    table, mix = torch.randn(size, 8), torch.randn(8, size)
    return lambda tokens: table[tokens].cumsum(1).sin() @ mix


def test_training_carbon_by_hand():
    kwh, grams = training_carbon(1e6, 6e6, 1e7, 500)
    assert kwh == pytest.approx(1.0), "36e12 operations at 1e7 per joule are 3.6e6 joules"
    assert grams == pytest.approx(500)
    assert training_carbon(1e6, 6e6, 1e7, 500, pue=1.2)[1] == pytest.approx(600)


def test_meter_reads_counters(tmp_path):
    for i, spent in enumerate((5e6, 9e6)):
        package = tmp_path / f"intel-rapl:{i}"
        package.mkdir()
        (package / "energy_uj").write_text(f"{spent:.0f}")
        (package / "max_energy_range_uj").write_text("10000000")
    with Meter(tmp_path) as meter:
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text("7000000")
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text("1000000")  # began again
    assert meter.joules == pytest.approx(2 + 2)
    assert meter.seconds > 0


def test_meter_without_counters(tmp_path):
    with Meter(tmp_path) as meter:
        pass
    assert meter.joules is None
    assert meter.why
    with Meter(tmp_path / "no") as meter:
        pass
    assert meter.joules is None
