"""Beam search, beside transformers' and beside trying everything."""

import itertools

import pytest
import torch

from shared.llm.checkpoints import from_transformers
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing.beam import beam_search, beam_step
from shared.llm.writing.generate import Sampling, generate_tokens
from tests.llm.test_generate import lively


@pytest.fixture(scope="module")
def toy():
    """A model of 4 tokens, of which 3 ends a text."""
    torch.manual_seed(0)
    sizes = {"d_model": 8, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "d_head": 4}
    model = LanguageModel(qwen3(4, **sizes, max_length=32)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.7 * torch.randn_like(parameter))
    return model


def everything(model, prompt, max_tokens, length_penalty):
    """Every text of at most max_tokens with its score, the best first."""
    scored = []
    for length in range(1, max_tokens + 1):
        for text in itertools.product(range(4), repeat=length):
            if 3 in text[:-1] or (length < max_tokens and text[-1] != 3):
                continue
            with torch.no_grad():
                spread = model(torch.tensor([[*prompt, *text]]))[0].log_softmax(-1)
            places = range(len(prompt) - 1, len(prompt) + length - 1)
            log_p = sum(spread[i, t].item() for i, t in zip(places, text))
            tokens = [token for token in text if token != 3]
            scored.append((log_p / length**length_penalty, tokens))
    return sorted(scored, reverse=True)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_a_beam_as_wide_as_everything_finds_the_best(toy, length_penalty):
    best = everything(toy, [1, 0], 4, length_penalty)
    beams = beam_search(toy, [1, 0], 256, 4, eos_id=3, length_penalty=length_penalty)
    assert [beam.tokens for beam in beams[:5]] == [tokens for _, tokens in best[:5]]
    assert beams[0].score == pytest.approx(best[0][0], abs=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("n_beams", [2, 5])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_the_texts_of_transformers(kind, n_beams, length_penalty):
    theirs = lively(kind)
    prompt = [5, 9, 2]
    eos_id = generate_tokens(from_transformers(theirs), [prompt], Sampling(8, 0))[0].tokens[5]
    theirs.generation_config.eos_token_id = eos_id
    expected = theirs.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, 3, dtype=torch.long),
        max_new_tokens=12,
        num_beams=n_beams,
        num_return_sequences=n_beams,
        length_penalty=length_penalty,
        early_stopping="never",
        do_sample=False,
        pad_token_id=100,
        output_scores=True,
        return_dict_in_generate=True,
    )
    ours = from_transformers(theirs, Parts.fused())
    beams = beam_search(ours, prompt, n_beams, 12, eos_id, length_penalty)
    rows = [[t for t in row[3:] if t not in (eos_id, 100)] for row in expected.sequences.tolist()]
    assert [beam.tokens for beam in beams] == rows
    scores = torch.tensor([beam.score for beam in beams])
    torch.testing.assert_close(scores, expected.sequences_scores, atol=1e-4, rtol=1e-4)


def test_without_a_cache_the_same(toy):
    for beam, other in zip(
        beam_search(toy, [1, 0], 3, 8, 3), beam_search(toy, [1, 0], 3, 8, 3, cache=None)
    ):
        assert beam.tokens == other.tokens and beam.score == pytest.approx(other.score, abs=1e-5)


def test_one_beam_is_greedy(toy):
    (beam,) = beam_search(toy, [1], 1, 10)
    assert beam.tokens == generate_tokens(toy, [[1]], Sampling(10, 0))[0].tokens
    assert beam.reason == "length"


def test_a_step_of_ones_own_is_used(toy):
    def narrow(totals, logits, n_beams, *rest):
        return beam_step(totals, logits, 1, *rest)

    (beam, *_) = beam_search(toy, [1], 4, 10, step=narrow)
    assert beam.tokens == beam_search(toy, [1], 1, 10)[0].tokens


def test_a_step_by_hand():
    """The table of week 9's notebook on decoding."""
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).log()
    going, ended = beam_step(torch.tensor([0.6, 0.4]).log(), logits, 2, 2, 2)
    assert [(parent, token) for _, parent, token in going] == [(0, 0), (0, 1)]
    assert [log_p for log_p, _, _ in going] == pytest.approx([-1.204, -1.715], abs=1e-3)
    assert ended == [pytest.approx((-0.570, -1.139, 1), abs=1e-3)]


def test_empty_prompts_and_errors(toy):
    assert beam_search(toy, [], 2, 4, 3) == beam_search(toy, [3], 2, 4, 3)
    for wrong, message in (
        ({"n_beams": 0}, "n_beams is 0"),
        ({"max_tokens": 0}, "max_tokens 0"),
        ({"prompt": []}, "prompt is empty"),
        ({"prompt": [4]}, "has the token 4"),
    ):
        with pytest.raises(ValueError, match=message):
            beam_search(toy, **{"prompt": [1], **wrong})
