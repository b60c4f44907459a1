"""Rows and whole words; the probe against scikit-learn; pseudo-likelihood against asking one by one; counts of gaps."""

import math

import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import nn

from shared.text.gaps import GapModel
from shared.training import masking, probing
from shared.training.muon_and_adamw import MuonAndAdamW
from shared.training.schedules import set_lr


def test_rows_hold_every_token_once() -> None:
    articles = [list(range(100, 137)), list(range(200, 208)), [1, 2, 3]]
    rows = masking.text_rows(articles, 16, 2, 3)
    assert all(row[0] == 2 and row[-1] == 3 and len(row) <= 16 for row in rows)
    assert [token for row in rows for token in row[1:-1]] == articles[0] + articles[1]


def test_corrupt_shares() -> None:
    tokens = torch.full((400, 100), 7)
    chosen = torch.rand(tokens.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    generator = torch.Generator().manual_seed(1)
    inputs, targets = masking.corrupt(tokens, chosen, 4, 1000, generator=generator)
    assert torch.equal(targets, torch.where(chosen, 7, -100))
    assert torch.equal(inputs[~chosen], tokens[~chosen])
    of_chosen = inputs[chosen]
    assert (of_chosen == 4).float().mean().item() == pytest.approx(0.8, abs=0.01)
    assert (of_chosen == 7).float().mean().item() == pytest.approx(0.1, abs=0.01)


def test_corrupt_can_always_mask() -> None:
    tokens = torch.randint(5, 50, (30, 20))
    everywhere = torch.ones_like(tokens, dtype=torch.bool)
    inputs, _ = masking.corrupt(tokens, everywhere, 4, 50, masked=1.0, replaced=0.0)
    assert (inputs == 4).all()


def test_a_row_that_begins_inside_a_word() -> None:
    goes_on = torch.tensor([False, False, True])
    chosen = masking.choose_words(torch.tensor([[2, 2, 1, 2]]), goes_on, (), share=1.0)
    assert chosen.all()


def test_probe_is_ridge_regression_on_standardized_features() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(90, 7, generator=generator) * torch.logspace(-2, 2, 7) + 5
    targets = torch.randint(0, 4, (90,), generator=generator)
    test = torch.randn(11, 7, generator=generator)
    scaler = StandardScaler().fit(features.double())
    classes = nn.functional.one_hot(targets, 4).double()
    oracle = Ridge(alpha=0.3 * 90).fit(scaler.transform(features.double()), classes)
    scores = probing.linear_probe(features, targets, test, 4, 0.3)
    expected = torch.from_numpy(oracle.predict(scaler.transform(test.double())))
    torch.testing.assert_close(scores, expected, rtol=1e-6, atol=1e-6)


def test_probe_passes_over_a_feature_that_never_changes() -> None:
    features = torch.tensor([[0.0, 3.0], [2.0, 3.0], [4.0, 3.0], [6.0, 3.0]])
    scores = probing.linear_probe(
        features, torch.tensor([0, 0, 1, 1]), torch.tensor([[5.0, 3.0]]), 2, 0.25
    )
    assert scores[0, 1].item() == pytest.approx(0.82)


def test_pseudo_likelihood_of_a_real_layout() -> None:
    """transformers' BERT, asked one token after the other by hand."""
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    bert = BertForMaskedLM(config).eval()
    tokens = torch.tensor([2, 9, 17, 5, 3])
    with torch.no_grad():
        found = probing.pseudo_log_probabilities(
            lambda copies: bert(copies).logits.log_softmax(dim=-1), tokens, 4, (0, 1, 2, 3, 4)
        )
        for number, place in enumerate((1, 2, 3)):
            row = tokens.clone()
            row[place] = 4
            one = bert(row[None]).logits[0, place].log_softmax(dim=-1)[tokens[place]]
            torch.testing.assert_close(found[number], one)


# --- the counts ------------------------------------------------------------------------------------------------------


def test_gaps_are_distributions_and_use_both_sides() -> None:
    # 5 6 7 and 8 9 10, again and again; 4 says hidden
    rows = torch.tensor([[5, 6, 7, 8, 9, 10] * 5] * 20)
    model = GapModel(rows, 11, hidden_id=4)
    answers = model.log_probabilities(torch.tensor([5, 8, 4]), torch.tensor([7, 10, 10]))
    torch.testing.assert_close(answers.exp().sum(dim=1), torch.ones(3))
    assert answers.argmax(dim=1).tolist() == [6, 9, 9]
    inputs = torch.tensor([[5, 4, 7, 8, 4, 10]])
    filled = model.fill(inputs, inputs == 4)
    torch.testing.assert_close(filled, answers[:2])


def test_gaps_on_paper() -> None:
    """Without discount and with full trust: P(w | l) P(w | r) / P(w) of a text of two words."""
    rows = torch.tensor([[0, 1, 0, 0, 1]])
    model = GapModel(rows, 3, hidden_id=2, discount=0.0, trust=1.0)
    # pairs 01 10 00 01: after 0 comes 0 once and 1 twice; before 0 stands 0 once and 1 once; counts 3.5 and 2.5
    scores = torch.tensor([1 / 3 * 1 / 2 / 3.5, 2 / 3 * 1 / 2 / 2.5])
    found = model.log_probabilities(torch.tensor([0]), torch.tensor([0]))[0, :2].exp()
    torch.testing.assert_close(found, scores / scores.sum(), rtol=1e-4, atol=1e-4)


def test_gaps_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="from 0 to 4"):
        GapModel(torch.tensor([[1, 5]]), 5, hidden_id=4)
    model = GapModel(torch.tensor([[1, 2, 3]]), 5, hidden_id=4)
    with pytest.raises(ValueError, match="two neighbours"):
        model.fill(torch.tensor([[4, 2, 3]]), torch.tensor([[True, False, False]]))


# --- the optimizer ---------------------------------------------------------------------------------------------------


def test_muon_and_adamw_share_the_network() -> None:
    torch.manual_seed(0)
    blocks = nn.ModuleList([nn.Linear(6, 6), nn.LayerNorm(6)])
    model = nn.ModuleDict({"embedding": nn.Embedding(5, 6), "blocks": blocks})
    optimizer = MuonAndAdamW(model, blocks)
    assert [tuple(p.shape) for p in optimizer.muon.parameters] == [(6, 6)]
    rest = optimizer.adamw.param_groups[0]["params"]
    assert sorted(tuple(p.shape) for p in rest) == [(5, 6), (6,), (6,), (6,)]
    set_lr(optimizer, 0.25)
    assert optimizer.lr == pytest.approx(0.25)
    assert optimizer.adamw.param_groups[0]["lr"] == pytest.approx(0.25 * 4e-3)
    first = None
    for _ in range(60):
        optimizer.zero_grad()
        x = blocks[1](blocks[0](model["embedding"](torch.arange(5))))
        loss = nn.functional.cross_entropy(x @ model["embedding"].weight.T, torch.arange(5))
        loss.backward()
        optimizer.step()
        first = first or loss.item()
    assert math.isfinite(loss.item())
    assert loss.item() < 0.6 * first
