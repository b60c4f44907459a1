"""The choice of the next token: filters beside transformers' logits processors, draws by χ²."""

import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from shared.llm.writing.sampling import (
    keep_min_p,
    keep_top_k,
    keep_top_p,
    repetition_penalty,
    sample,
)


@pytest.fixture
def logits():
    return 3 * torch.randn(5, 40, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("k", [1, 3, 40, 100])
def test_top_k(logits, k):
    torch.testing.assert_close(keep_top_k(logits, k), TopKLogitsWarper(k)(None, logits))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.999])
def test_top_p(logits, p):
    torch.testing.assert_close(keep_top_p(logits, p), TopPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("p", [0.01, 0.2, 1.0])
def test_min_p(logits, p):
    torch.testing.assert_close(keep_min_p(logits, p), MinPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.8])
def test_repetition_penalty(logits, penalty):
    seen = torch.tensor([[0, 1, 1, 7]] * 5)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(seen, logits.clone())
    torch.testing.assert_close(repetition_penalty(logits, seen, penalty), theirs)


def expected(row, temperature, top_k, top_p, min_p):
    """The probabilities by transformers' processors, in its order."""
    scores = TemperatureLogitsWarper(temperature)(None, row[None])
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    if min_p > 0:
        scores = MinPLogitsWarper(min_p)(None, scores)
    return scores[0].softmax(-1)


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "min_p"),
    [
        (1.0, None, 1.0, 0.0),
        (0.5, None, 1.0, 0.0),
        (2.0, 7, 1.0, 0.0),
        (1.5, None, 0.8, 0.0),
        (1.5, None, 1.0, 0.1),
        (1.5, 12, 0.9, 0.05),
        (3.0, 1000, 0.95, 0.0),
    ],
)
def test_drawn_frequencies(logits, temperature, top_k, top_p, min_p):
    draws = 20_000
    generator = torch.Generator().manual_seed(1)
    drawn = sample(
        logits[:1].expand(draws, -1), temperature, top_k, top_p, min_p, generator=generator
    )
    assert drawn.shape == (draws,) and drawn.dtype == torch.int64
    p = expected(logits[0], temperature, top_k, top_p, min_p)
    counts = torch.bincount(drawn, minlength=40)
    assert (counts[p == 0] == 0).all()
    often = draws * p >= 5  # the test needs that much; the rest is one more class
    seen = torch.cat([counts[often], counts[~often].sum()[None]]).double()
    should = torch.cat([p[often], p[~often].sum()[None]]).double() * draws
    seen, should = seen[should > 0], should[should > 0]
    if len(seen) > 1:
        assert chisquare(seen.numpy(), (should / should.sum() * draws).numpy()).pvalue > 1e-3


def test_the_filters_together_are_what_sample_draws_from(logits):
    drawn = sample(logits[:1].expand(5_000, -1), 2.0, 10, 0.9, 0.02)
    left = keep_min_p(keep_top_p(keep_top_k(logits[0] / 2.0, 10), 0.9), 0.02).isfinite()
    assert set(drawn.tolist()) <= set(left.nonzero().flatten().tolist())


def test_temperature_zero_is_the_likeliest(logits):
    assert sample(logits, temperature=0).tolist() == logits.argmax(-1).tolist()


@pytest.mark.parametrize("how", [{"top_k": 1}, {"top_p": 1e-9}, {"min_p": 1.0}])
def test_the_likeliest_always_stays(logits, how):
    assert sample(logits, 1.0, **how).tolist() == logits.argmax(-1).tolist()


def test_a_seed_is_a_sequence(logits):
    first = [sample(logits, generator=torch.Generator().manual_seed(3)).tolist() for _ in range(2)]
    other = sample(logits, generator=torch.Generator().manual_seed(4)).tolist()
    assert first[0] == first[1] and first[0] != other


def test_extreme_logits():
    row = torch.tensor([[1e30, -1e30, -torch.inf, 0.0]])
    assert sample(row, temperature=1e-5, top_p=0.9).item() == 0
    assert sample(row.clamp(-6e4, 6e4).half(), temperature=0.1).item() == 0


def test_nothing_is_changed_in_place(logits):
    before = logits.clone()
    for work in (
        lambda: sample(logits, 0.7, 5, 0.9, 0.1),
        lambda: keep_top_k(logits, 3),
        lambda: keep_top_p(logits, 0.5),
        lambda: keep_min_p(logits, 0.5),
        lambda: repetition_penalty(logits, torch.zeros(5, 1, dtype=torch.long), 1.2),
    ):
        work()
        assert torch.equal(logits, before)
