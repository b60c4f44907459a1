"""Writing on: beside transformers' generate, in batches, past the context, as text."""

import dataclasses

import pytest
import torch

from shared.llm.checkpoints import from_transformers
from shared.llm.config import bert, gpt2, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing.cache import KVCache
from shared.llm.writing.generate import (
    Completion,
    Sampling,
    generate,
    generate_tokens,
    stream,
    write,
)
from shared.llm.writing.text_pieces import TextPieces
from tests.llm.test_checkpoints import random_model

GREEDY = Sampling(max_tokens=24, temperature=0)
DRAWN = Sampling(max_tokens=24, temperature=1.0, top_p=0.95)


class Bytes:
    """A tokenizer whose tokens are the bytes of UTF-8, and 256 ends a document."""

    vocab_size, eos_id, special = 257, 256, {"<|endoftext|>": 256}

    def encode(self, text, special=True):
        return list(text.encode())

    def encode_batch(self, texts, special=True):
        return [self.encode(text) for text in texts]

    def decode(self, ids):
        return bytes(i for i in ids if i < 256).decode("utf-8", "replace")


class Saying(torch.nn.Module):
    """A language model that goes through one given row of tokens, whatever it reads: for what text needs."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens = torch.tensor(tokens)
        self.config = qwen3(
            257, d_model=8, n_layers=1, n_heads=1, n_kv_heads=1, d_head=8, max_length=4096
        )
        self.embedding = torch.nn.Embedding(257, 8)

    def hidden(self, tokens, positions=None, caches=None, **more):
        for cache in caches:
            cache.extend(*2 * [torch.zeros(*tokens.shape[:1], 1, tokens.shape[1], 8)])
        places = torch.arange(tokens.shape[1]) if positions is None else positions
        return places.expand(*tokens.shape)[..., None]

    def logits(self, hidden):
        token = self.tokens[hidden.clamp(max=len(self.tokens) - 1)].squeeze(-1)
        return torch.nn.functional.one_hot(token, 257) * 100.0


def says(text):
    """A model that, after a prompt of one byte, writes this text and ends the document."""
    return Saying([*text.encode(), 256])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = LanguageModel(
        qwen3(257, d_model=32, n_layers=2, n_heads=2, d_head=16, n_kv_heads=1, max_length=64),
        Parts.fused(),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model.eval()


PROMPTS = [[5, 9, 2], [7], [44, 3, 99, 12, 8, 1, 0, 17], [7, 7]]


def theirs_writes(theirs, prompt, **how):
    """What transformers' generate writes after a prompt, never ending by itself."""
    theirs.generation_config.eos_token_id = None
    tokens = torch.tensor([prompt])
    how = {"max_new_tokens": 24, "do_sample": False, "pad_token_id": 0, **how}
    return theirs.generate(tokens, attention_mask=torch.ones_like(tokens), **how)[
        0, len(prompt) :
    ].tolist()


def lively(kind):
    """A random model of transformers that doesn't fall into repeating one token."""
    theirs = random_model(kind)
    with torch.no_grad():
        theirs.get_input_embeddings().weight.mul_(3)
        for name, parameter in theirs.named_parameters():
            if parameter.ndim == 2 and "emb" not in name and "wte" not in name:
                parameter.mul_(3)
    return theirs


@pytest.mark.parametrize("parts", [None, Parts.fused()])
@pytest.mark.parametrize("cache", [KVCache, None])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_greedy_tokens_are_those_of_transformers(kind, cache, parts):
    theirs = lively(kind)
    written = generate_tokens(from_transformers(theirs, parts), PROMPTS, GREEDY, cache=cache)
    for prompt, completion in zip(PROMPTS, written):
        assert completion.tokens == theirs_writes(theirs, prompt)
        assert completion.reason == "length" and completion.prompt == prompt
    assert len({token for completion in written for token in completion.tokens}) > 20


def test_greedy_with_penalty_is_that_of_transformers():
    theirs = lively("llama")
    settings = dataclasses.replace(GREEDY, repetition_penalty=1.4)
    (completion,) = generate_tokens(from_transformers(theirs), PROMPTS[:1], settings)
    assert completion.tokens == theirs_writes(theirs, PROMPTS[0], repetition_penalty=1.4)


@pytest.mark.parametrize("settings", [GREEDY, DRAWN])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_each_prompt_gets_what_it_gets_alone(model, settings, batch_size):
    prompts = [*PROMPTS, [1] * 70, [], [7]]
    together = generate_tokens(model, prompts, settings, eos_id=256, batch_size=batch_size)
    for prompt, completion in zip(prompts[:-1], together):
        (alone,) = generate_tokens(model, [prompt], settings, eos_id=256)
        assert alone == completion
    turned = generate_tokens(model, prompts[::-1], settings, eos_id=256)
    assert turned[3].tokens == together[3].tokens


def test_equal_prompts_get_different_texts_and_a_seed_gives_the_same(model):
    first = [c.tokens for c in generate_tokens(model, [[5], [5], [5]], DRAWN)]
    assert len(set(map(tuple, first))) == 3
    assert first == [c.tokens for c in generate_tokens(model, [[5], [5], [5]], DRAWN)]
    other = dataclasses.replace(DRAWN, seed=1)
    assert first[0] != generate_tokens(model, [[5]], other)[0].tokens


def test_a_row_that_ends_leaves_the_batch(model):
    free = generate_tokens(model, PROMPTS, GREEDY)
    end = free[1].tokens[5]
    written = generate_tokens(model, PROMPTS, GREEDY, eos_id=end)
    for before, after in zip(free, written):
        if end in before.tokens:
            assert after.tokens == before.tokens[: before.tokens.index(end)]
            assert after.reason == "stop"
        else:
            assert after.tokens == before.tokens and after.reason == "length"
    assert {c.reason for c in written} == {"stop", "length"}


def test_empty_prompts(model):
    empty = generate(model, Bytes(), ["", ""], GREEDY)
    begun = generate_tokens(model, [[256]], GREEDY, eos_id=256)[0]
    assert [c.tokens for c in empty] == [begun.tokens] * 2
    mixed = generate(model, Bytes(), ["abc", ""], GREEDY)
    assert mixed[1].tokens == begun.tokens
    assert generate(model, Bytes(), [], GREEDY) == []
    with pytest.raises(ValueError, match="a prompt is empty"):
        generate_tokens(model, [[1], []], GREEDY)


@pytest.mark.parametrize("make", [gpt2, qwen3])
def test_past_the_context(make):
    torch.manual_seed(1)
    small = LanguageModel(
        make(30, d_model=16, n_layers=2, n_heads=2, n_kv_heads=2, max_length=12)
    ).eval()
    prompts = [list(range(25)), [3, 4]]
    settings = dataclasses.replace(GREEDY, max_tokens=40)
    written = generate_tokens(small, prompts, settings, slide=1)
    for completion in written:
        text = list(completion.prompt)
        for token in completion.tokens:
            with torch.no_grad():
                assert token == small(torch.tensor([text[-12:]]))[0, -1].argmax()
            text.append(token)
    assert "25 tokens and the model's context 12: its first 13 tokens" in written[0].note
    assert written[1].note == ""


def test_log_probabilities(model):
    settings = dataclasses.replace(DRAWN, log_probabilities=True)
    for completion in generate_tokens(model, PROMPTS, settings):
        text = completion.prompt + completion.tokens
        with torch.no_grad():
            spread = model(torch.tensor([text[:-1]]))[0].log_softmax(-1)
        there = spread[torch.arange(len(text) - 1), torch.tensor(text[1:])]
        found = torch.tensor(completion.log_probabilities)
        torch.testing.assert_close(found, there[-len(found) :], atol=1e-4, rtol=1e-4)


def test_no_tokens_asked_for(model):
    settings = dataclasses.replace(GREEDY, max_tokens=0)
    (completion,) = generate_tokens(model, [[1]], settings)
    assert completion == Completion([1], reason="length")


def test_your_own_pieces_are_used(model):
    used = []

    def sample(logits, *how, **more):
        used.append("sample")
        return logits.argmin(-1)

    class Mine(KVCache):
        def extend(self, key, value):
            used.append("cache")
            return super().extend(key, value)

    mine = generate_tokens(model, [[1]], GREEDY, sample=sample, cache=Mine)
    assert set(used) == {"sample", "cache"}
    assert mine[0].tokens != generate_tokens(model, [[1]], GREEDY)[0].tokens


# Text


@pytest.mark.parametrize("text", ["Zürich 🐝🐝 東京", "a\ufffdb", "plain"])
def test_a_stream_never_gives_half_a_character(text):
    pieces = list(stream(says(text), Bytes(), "x", Sampling(temperature=0)))
    assert "".join(pieces) == text and all(pieces)
    assert text == "a\ufffdb" or not any("\ufffd" in piece for piece in pieces)
    assert generate(says(text), Bytes(), ["x"], Sampling(temperature=0))[0].text == text


def test_half_a_character_at_the_end_is_said_so():
    settings = Sampling(temperature=0, max_tokens=3)
    pieces = list(stream(says("a🐝"), Bytes(), "x", settings))
    assert "".join(pieces) == "a\ufffd" == generate(says("a🐝"), Bytes(), ["x"], settings)[0].text


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (["STOP"], "one ST two S"),
        (["missing"], "one ST two STOP three STOP"),
        (["two", "ST t"], "one "),
        (["one"], ""),
        (["ree", "P th"], "one ST two STO"),
        (["P"], "one ST two STO"),
    ],
)
def test_stop_strings_across_tokens(stop, expected):
    model = says("one ST two STOP three STOP")
    settings = Sampling(temperature=0, stop=stop)
    expected = "one ST two " if stop == ["STOP"] else expected
    (completion,) = generate(model, Bytes(), ["x"], settings)
    assert completion.text == expected and completion.reason == "stop"
    assert "".join(stream(model, Bytes(), "x", settings)) == expected
    assert completion.tokens == list(b"one ST two STOP three STOP"[: len(completion.tokens)])


def test_a_stop_string_ends_one_row_only(model):
    free = generate(model, Bytes(), ["a", "bcd"], GREEDY)
    stop = next(c for c in free[0].text if c not in free[1].text)
    written = generate(model, Bytes(), ["a", "bcd"], dataclasses.replace(GREEDY, stop=[stop]))
    assert written[0].reason == "stop" and written[0].text == free[0].text.split(stop)[0]
    assert written[1] == free[1]


def test_pieces_of_a_tokenizer_with_many_characters_in_a_token(tmp_path):
    from shared.llm.tokenizer import load_tokenizer, train_tokenizer

    text = "Bees dance in the hive; the bees' dance 🐝 says where. " * 30
    train_tokenizer([text], 300, tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    for words in (text[:200], " 🐝é東 dance", "<|endoftext|>then"):
        tokens = tokenizer.encode(words)
        pieces = TextPieces(tokenizer)
        given = [pieces.add(token) for token in tokens] + [pieces.rest()]
        assert "".join(given) == words == pieces.text
        pieces = TextPieces(tokenizer, ["ance"])
        given = [pieces.add(token) for token in tokens] + [pieces.rest()]
        assert "".join(given) == words.split("ance")[0]


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_tokens": -1}, "max_tokens is -1"),
        ({"temperature": -0.5}, "temperature is -0.5"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"min_p": 2.0}, "min_p is 2.0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0"),
        ({"stop": "ab"}, "stop is 'ab'"),
        ({"stop": ("a", "")}, "stop is"),
    ],
)
def test_settings_that_make_no_sense(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**wrong)


def test_wrong_calls(model):
    with pytest.raises(ValueError, match="prompts is one string"):
        generate(model, Bytes(), "abc")
    with pytest.raises(ValueError, match="need a tokenizer"):
        generate_tokens(model, [[1]], Sampling(stop=["a"]))
    with pytest.raises(ValueError, match="has the token 300"):
        generate_tokens(model, [[300]])
    with pytest.raises(ValueError, match="batch_size is 0"):
        list(write(model, [[1]], GREEDY, None, batch_size=0))
    with pytest.raises(ValueError, match="sees both sides"):
        generate_tokens(LanguageModel(bert(9, d_model=8, n_heads=1, n_layers=1)), [[1]])
