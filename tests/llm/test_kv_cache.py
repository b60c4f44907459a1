"""The KV cache, and the reader that keeps texts of different lengths side by side."""

import inspect

import pytest
import torch

from shared.llm.config import bert, gpt2, llama, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing import sampling
from shared.llm.writing.cache import KVCache, cache_bytes
from shared.llm.writing.narrow import NarrowLinear, narrow
from shared.llm.writing.reader import Reader
from shared.nn.attention import fused_attention

SIZES = {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_length": 24}
CONFIGS = {
    "gpt2": gpt2(53, **SIZES),
    "llama": llama(53, **SIZES, n_kv_heads=1, d_hidden=48),
    "qwen3": qwen3(53, **SIZES, n_kv_heads=2, d_head=16, d_hidden=48),
}
PARTS = {
    "plain": Parts(),
    "kernel": Parts(attention=fused_attention),
    "fused": Parts.fused(),
}


def model_of(kind, parts="fused"):
    torch.manual_seed(0)
    model = LanguageModel(CONFIGS[kind], PARTS[parts])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def says(model, text):
    """The logits after a text, without a cache."""
    with torch.no_grad():
        return model(torch.tensor([text]))[0, -1]


def test_extend_gives_all_so_far_and_copies_nothing():
    cache = KVCache(2, 3, 6, 4)
    key, value = torch.randn(2, 3, 6, 4), torch.randn(2, 3, 6, 4)
    memory = cache.keys.data_ptr()
    for start, end in ((0, 3), (3, 4), (4, 6)):
        keys, values = cache.extend(key[:, :, start:end], value[:, :, start:end])
        assert torch.equal(keys, key[:, :, :end]) and torch.equal(values, value[:, :, :end])
        assert keys.data_ptr() == memory == cache.keys.data_ptr()
    with pytest.raises(ValueError, match="holds 6 tokens and has 6"):
        cache.extend(key[:, :, :1], value[:, :, :1])
    assert cache.length == 6


def test_keep():
    cache = KVCache(3, 1, 4, 2)
    key = torch.randn(3, 1, 2, 2)
    cache.extend(key, -key)
    cache.keep(torch.tensor([2, 0, 2, 1]))
    keys, values = cache.extend(torch.zeros(4, 1, 1, 2), torch.zeros(4, 1, 1, 2))
    assert torch.equal(keys[:, :, :2], key[[2, 0, 2, 1]]) and torch.equal(values, -keys)


def test_bytes():
    cache = KVCache(2, 3, 6, 4, dtype=torch.bfloat16)
    assert cache_bytes(2, 5, 3, 6, 4, torch.bfloat16) == 5 * 2 * cache.keys.nbytes


@pytest.mark.parametrize("piece", [KVCache, sampling.sample])
def test_the_source_of_an_exercise_stands_by_itself(piece):
    space = {"torch": torch, "Tensor": torch.Tensor}
    exec("from __future__ import annotations\n" + inspect.getsource(piece), space)
    assert callable(space[piece.__name__])


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("parts", PARTS)
def test_with_a_cache_the_logits_are_those_without(kind, parts):
    model = model_of(kind, parts)
    text = torch.randint(0, 53, (20,)).tolist()
    reader = Reader(model, [text[:7]], room=13)
    for end in range(7, 20):
        torch.testing.assert_close(reader.logits[0], says(model, text[:end]), atol=1e-5, rtol=1e-4)
        reader.append([text[end]])


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("parts", PARTS)
def test_texts_of_different_lengths_get_what_each_gets_alone(kind, parts):
    model = model_of(kind, parts)
    texts = [torch.randint(0, 53, (length,)).tolist() for length in (3, 11, 1, 7, 11)]
    reader = Reader(model, texts, room=10)
    for step in range(10):
        if step == 4:
            texts = [texts[i] for i in (3, 0, 2)]
            reader.keep([3, 0, 2])
        for row, text in zip(reader.logits, texts):
            torch.testing.assert_close(row, says(model, text), atol=1e-5, rtol=1e-4)
        new = torch.randint(0, 53, (len(texts),)).tolist()
        texts = [[*text, token] for text, token in zip(texts, new)]
        reader.append(new)
    assert reader.texts == texts


@pytest.mark.parametrize("cache", [KVCache, None])
@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("slide", [1, 5, 16])
def test_past_the_context(kind, slide, cache):
    """A text is read from a later beginning, which depends on its own length alone."""
    model = model_of(kind)
    texts = [torch.randint(0, 53, (length,)).tolist() for length in (3, 14, 16, 17, 50)]
    reader = Reader(model, texts, room=40, context=16, slide=slide, cache=cache)
    for _ in range(24):
        for row, text in zip(reader.logits, texts):
            begin = reader.begin(len(text))
            assert (begin % slide == 0 and 16 - slide < len(text) - begin <= 16) or begin == 0
            torch.testing.assert_close(row, says(model, text[begin:]), atol=1e-5, rtol=1e-4)
        new = torch.randint(0, 53, (5,)).tolist()
        texts = [[*text, token] for text, token in zip(texts, new)]
        reader.append(new)


def test_more_than_the_room_is_read_anew():
    model = model_of("qwen3")
    reader, text = Reader(model, [[1, 2, 3]], room=1), [1, 2, 3]
    for token in (4, 5, 6):
        reader.append([token])
        text.append(token)
        torch.testing.assert_close(reader.logits[0], says(model, text), atol=1e-5, rtol=1e-4)


def test_half_precision():
    model = model_of("qwen3").bfloat16()
    reader = Reader(model, [[1, 2, 3], [4]], room=3)
    reader.append([5, 6])
    torch.testing.assert_close(reader.logits[0], says(model, [1, 2, 3, 5]), atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": [[1], []]}, "at least one token"),
        ({"texts": []}, "at least one token"),
        ({"texts": [[1], [53]]}, "text 1 has the token 53; the model knows 0 to 52"),
        ({"context": 25}, "context is 25"),
        ({"context": 0}, "context is 0"),
        ({"slide": 0}, "slide is 0"),
        ({"slide": 25}, "slide is 25"),
    ],
)
def test_errors_name_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        Reader(model_of("gpt2"), **{"texts": [[1]], "room": 2, **change})


def test_bert_cannot_write():
    with pytest.raises(ValueError, match="sees both sides"):
        Reader(LanguageModel(bert(53, **SIZES)), [[1]], room=1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("packed_for", [0, 1, 3, 8, 40])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (4, 1), (8, 1), (3, 9), (64, 1), (65, 1)])
def test_narrow_linear(shape, packed_for, bias):
    linear = torch.nn.Linear(24, 40, bias)
    narrow_linear = NarrowLinear(linear, packed_for)
    x = torch.randn(*shape, 24)
    with torch.inference_mode():
        torch.testing.assert_close(narrow_linear(x), linear(x), atol=1e-6, rtol=1e-5)
        assert narrow_linear(x).is_contiguous()
    y = narrow_linear(x)
    y.sum().backward()
    assert linear.weight.grad is not None
    with torch.inference_mode():
        half = NarrowLinear(linear.bfloat16(), packed_for)(x.bfloat16())
        torch.testing.assert_close(half, linear(x.bfloat16()))


def test_one_query_looks_at_its_groups_keys_without_copies(monkeypatch):
    model, text = model_of("qwen3"), [1, 2, 3, 4]
    expected = [says(model, text), says(model, [*text, 5])]
    reader = Reader(model, [text, [7]], room=2)
    torch.testing.assert_close(reader.logits[0], expected[0], atol=1e-5, rtol=1e-4)

    def never(*_):
        raise AssertionError("keys were repeated")

    monkeypatch.setattr("shared.nn.grouped_attention.repeat_heads", never)
    reader.append([5, 6])
    torch.testing.assert_close(reader.logits[0], expected[1], atol=1e-5, rtol=1e-4)


def test_narrow_shares_the_weights_and_leaves_the_model_as_it_is():
    model = model_of("gpt2").train()
    copy = narrow(model)
    assert model.training and not copy.training
    theirs = {p.data_ptr() for p in model.parameters()}
    own = {name for name, p in copy.named_parameters() if p.data_ptr() not in theirs}
    assert own and all("attention.all_three." in name for name in own)  # the three joined: a copy
    assert theirs <= {p.data_ptr() for p in copy.parameters()}
    assert any(type(m) is NarrowLinear for m in copy.modules())
    assert not any(type(m) is NarrowLinear for m in model.modules())
    assert narrow(copy) is copy
