"""Speculative decoding: what is written is the large model's, by χ² and token for token."""

import pytest
import torch
from scipy.stats import chisquare

from shared.llm.config import gpt2, qwen3
from shared.llm.model import LanguageModel
from shared.llm.writing.generate import Sampling, generate_tokens
from shared.llm.writing.sampling import sample
from shared.llm.writing.speculative import accept, probabilities, speculate


def a_model(seed, vocab_size=7, **sizes):
    torch.manual_seed(seed)
    sizes = {
        "d_model": 16,
        "n_layers": 2,
        "n_heads": 2,
        "n_kv_heads": 1,
        "d_head": 8,
        "d_hidden": 32,
        **sizes,
    }
    model = LanguageModel(qwen3(vocab_size, max_length=96, **sizes)).eval()
    model.start_weights(0.5)
    return model


def spread(*shape, seed):
    logits = 1.5 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.softmax(logits.double(), -1)


def test_accept_draws_from_the_targets_distribution():
    """Two drafted tokens: the first token written, and the second after each first, follow p."""
    generator = torch.Generator().manual_seed(0)
    q, p_first, p_second, p_third = (spread(5, seed=seed) for seed in range(4))
    firsts, seconds = torch.zeros(5), torch.zeros(5)
    for _ in range(6000):
        drafted = torch.multinomial(q, 2, replacement=True, generator=generator)
        target = torch.stack([p_first, p_second, p_third])
        n, token = accept(target, torch.stack([q, q]), drafted, generator)
        written = [*drafted[:n].tolist(), token]
        firsts[written[0]] += 1
        if len(written) > 1:
            seconds[written[1]] += 1
    assert chisquare(firsts, 6000 * p_first).pvalue > 0.001
    assert chisquare(seconds, seconds.sum().item() * p_second).pvalue > 0.001
    assert chisquare(firsts, 6000 * q).pvalue < 1e-6  # the test would see a wrong one


def test_the_same_models_accept_everything_and_disjoint_ones_nothing():
    p = spread(3, 5, seed=0)
    assert accept(p, p[:2], torch.tensor([1, 4]))[0] == 2
    target, draft = torch.tensor([[0.0, 1.0], [0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    assert accept(target, draft, torch.tensor([0])) == (0, 1)


@pytest.mark.parametrize("how", [{}, {"temperature": 0.7, "top_k": 4}, {"top_p": 0.8}])
def test_whole_texts_follow_the_large_model(how):
    """All texts of three tokens over a vocabulary of 4: their counts against the large model's probabilities."""
    large, small, prompt, draws = a_model(0, 4), a_model(1, 4, n_layers=1), [1, 2], 400
    expected = torch.zeros(4, 4, 4, dtype=torch.float64)
    for a in range(4):
        for b in range(4):
            with torch.no_grad():
                p = probabilities(large(torch.tensor([[*prompt, a, b]]))[0, 1:], **how)
            expected[a, b] = p[0, a] * p[1, b] * p[2]
    counts = torch.zeros(4, 4, 4)
    accepted = 0
    for seed in range(draws):
        written = speculate(large, small, prompt, 3, ahead=2, seed=seed, **how)
        counts[tuple(written.tokens)] += 1
        accepted += written.accepted
    expected, counts = draws * expected.flatten(), counts.flatten()
    assert counts[expected < 1e-9].sum() == 0
    often = expected >= 5
    if (~often).any() and expected[~often].sum() > 0:  # what is rare counts together
        observed = torch.cat([counts[often], counts[~often].sum()[None]])
        wanted = torch.cat([expected[often], expected[~often].sum()[None]])
    else:
        observed, wanted = counts[often], expected[often]
    assert chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 0.001
    assert 0 < accepted < 2 * draws


@pytest.mark.parametrize("kind", ["qwen3", "gpt2"])
@pytest.mark.parametrize("ahead", [1, 3, 7])
def test_greedy_it_writes_what_the_large_model_writes(kind, ahead):
    if kind == "qwen3":
        large, small = a_model(0, 50), a_model(1, 50, n_layers=1)
    else:
        torch.manual_seed(0)
        sizes = {"d_model": 16, "n_heads": 2, "max_length": 96}
        large, small = (LanguageModel(gpt2(50, n_layers=n, **sizes)).eval() for n in (2, 1))
        large.start_weights(0.5)
    for prompt in ([3], [5, 9, 2, 7]):
        plain = generate_tokens(large, [prompt], Sampling(max_tokens=40, temperature=0))[0].tokens
        written = speculate(large, small, prompt, 40, ahead, temperature=0)
        assert written.tokens == plain
        assert written.accepted + written.rounds == 40
        assert speculate(large, large, prompt, 40, ahead, temperature=0).tokens == plain


def test_the_large_model_as_its_own_draft_is_always_right():
    large = a_model(0, 50)
    written = speculate(large, large, [3, 1], 41, ahead=4, seed=5)
    assert written.accepted == written.proposed == 40 - written.rounds + 1
    assert written.rounds == 9  # five tokens each, and one


def test_it_ends_with_the_document_and_repeats_itself_with_the_seed():
    large, small = a_model(0), a_model(1, n_layers=1)
    first = speculate(large, small, [3], 60, seed=1)
    assert first == speculate(large, small, [3], 60, seed=1)
    eos = first.tokens[10]
    ended = speculate(large, small, [3], 60, seed=1, eos_id=eos)
    assert ended.tokens == first.tokens[: first.tokens.index(eos)] and ended.reason == "stop"


def test_probabilities_are_those_that_sample_draws_from():
    logits = torch.randn(1, 6, generator=torch.Generator().manual_seed(3))
    how = {"temperature": 0.7, "top_k": 4, "top_p": 0.9}
    generator = torch.Generator().manual_seed(0)
    draws = sample(logits.expand(4000, -1), generator=generator, **how)
    counts = torch.bincount(draws, minlength=6)
    p = probabilities(logits[0], **how)
    assert counts[p == 0].sum() == 0
    assert chisquare(counts[p > 0], 4000 * p[p > 0]).pvalue > 0.001


def test_bad_input_is_refused():
    large = a_model(0)
    with pytest.raises(ValueError, match="share one vocabulary"):
        speculate(large, a_model(0, 8), [1])
    with pytest.raises(ValueError, match="prompt is empty"):
        speculate(large, large, [])
    with pytest.raises(ValueError, match="context has 96"):
        speculate(large, large, [1], 96)
    with pytest.raises(ValueError, match="ahead is 0"):
        speculate(large, large, [1], 5, ahead=0)
    with pytest.raises(ValueError, match="token 9"):
        speculate(large, large, [9], 5)
