"""Attention of one query with its cache: torch's attention on what `KVCache` would hold."""

import pytest
import torch
import torch.nn.functional as F

from shared.llm.compiling import compiler
from shared.llm.config import gpt2, llama, qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.writing import straight
from shared.llm.writing.cache import KVCache
from shared.llm.writing.narrow import narrow
from shared.llm.writing.one_query import one_query
from shared.llm.writing.reader import Reader

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler here")


def step(n, heads, times, d):
    """(query and key, value) of one token, as one product makes them: views of it."""
    every = torch.randn(n, (times + 2) * heads * d).view(n, (times + 2) * heads, 1, d)
    return every.split_with_sizes([(times + 1) * heads, heads], 1)


@pytest.mark.parametrize("d", [1, 5, 16, 20, 64, 80, 128])
@pytest.mark.parametrize(("n", "heads", "times"), [(1, 1, 1), (1, 12, 1), (3, 2, 3), (8, 4, 1)])
def test_token_by_token_it_is_torchs(n, heads, times, d):
    ours, theirs = KVCache(n, heads, 40, d), KVCache(n, heads, 40, d)
    for cache in (ours, theirs):
        torch.manual_seed(1)
        cache.extend(torch.randn(n, heads, 3, d), torch.randn(n, heads, 3, d))
    for length in range(4, 41):
        both, value = step(n, heads, times, d)
        query, key = both.split_with_sizes([times * heads, heads], 1)
        keys, values = theirs.extend(key, value)
        grouped = query.reshape(n, heads, times, d)
        expected = F.scaled_dot_product_attention(grouped, keys, values).reshape(n, -1)
        found = one_query(both, value, ours)
        torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)
        assert ours.length == theirs.length == length
        assert torch.equal(ours.keys[:, :, :length], keys)
        assert torch.equal(ours.values[:, :, :length], values)


@pytest.mark.parametrize("times", [1, 2])
def test_each_text_sees_its_own(times):
    n, heads, d = 5, 3, 16
    cache, other = KVCache(n, heads, 30, d), KVCache(n, heads, 30, d)
    before = torch.randn(n, heads, 29, d), torch.randn(n, heads, 29, d)
    for one in (cache, other):
        one.extend(*before)
    seen = torch.rand(n, 1, 1, 30) > 0.5
    seen[..., -1] = True
    seen[0, ..., :-1] = False  # one sees nothing but itself
    both, value = step(n, heads, times, d)
    query, key = both.split_with_sizes([times * heads, heads], 1)
    keys, values = other.extend(key, value)
    grouped = query.reshape(n, heads, times, d)
    expected = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=seen)
    found = one_query(both, value, cache, seen)
    torch.testing.assert_close(found, expected.reshape(n, -1), atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(found.view(n, heads, times, d)[0], value[0].expand(heads, times, d))


def test_large_scores_do_not_overflow():
    cache = KVCache(1, 1, 2, 4)
    cache.extend(torch.full((1, 1, 1, 4), 300.0), torch.tensor([[[[1.0, 2, 3, 4]]]]))
    both = torch.cat([torch.full((1, 1, 1, 4), 300.0), torch.full((1, 1, 1, 4), -300.0)], 1)
    found = one_query(both, torch.zeros(1, 1, 1, 4), cache)
    assert found.tolist() == [[1, 2, 3, 4]]


def test_a_full_cache_stays_as_it_is():
    cache = KVCache(1, 2, 1, 4)
    both, value = step(1, 2, 1, 4)
    one_query(both, value, cache)
    held = cache.keys.clone()
    with pytest.raises(ValueError, match="holds 1 tokens and is full"):
        one_query(both + 1, value, cache)
    assert cache.length == 1 and torch.equal(cache.keys, held)


@pytest.mark.parametrize(
    "wrong", ["heads", "texts", "d", "seen", "kind of seen", "apart", "double"]
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(wrong):
    cache = KVCache(2, 2, 4, 4)
    both, value = step(2, 2, 1, 4)
    seen = torch.ones(2, 1, dtype=torch.bool)
    if wrong == "heads":
        both = both[:, :3]
    elif wrong == "texts":
        both = both[:1]
    elif wrong == "d":
        both, value = both[..., :3], value[..., :3]
    elif wrong == "seen":
        seen = torch.ones(2, 2, dtype=torch.bool)
    elif wrong == "kind of seen":
        seen = torch.ones(2, 1)
    elif wrong == "apart":
        both = both.transpose(1, 3).contiguous().transpose(1, 3)
    else:
        both, value = both.double(), value.double()
    with pytest.raises(ValueError, match=r"do not fit together|must be float32"):
        one_query(both, value, cache, seen)
    assert cache.length == 0


SIZES = {"d_model": 64, "n_layers": 2, "n_heads": 4, "max_length": 40}
CONFIGS = {
    "gpt2": gpt2(53, **SIZES),
    "llama": llama(53, **SIZES, n_kv_heads=1, d_hidden=96),
    "qwen3": qwen3(53, **SIZES, n_kv_heads=2, d_head=16, d_hidden=96),
}


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("texts", [[[1, 2, 3]], [[1, 2, 3], [4], [5, 6, 7, 8, 9]]])
def test_a_reader_says_the_same_with_it(kind, texts, monkeypatch):
    torch.manual_seed(0)
    model = LanguageModel(CONFIGS[kind], Parts.fused()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    calls = []

    def counting(*args):
        calls.append(args)
        return one_query(*args)

    monkeypatch.setattr(straight, "one_query", counting)
    quick, common = (Reader(one, texts, room=20) for one in (narrow(model, compiled=True), model))
    for token in range(20):
        for reader in (quick, common):
            reader.append([token] * len(texts))
        torch.testing.assert_close(quick.logits, common.logits, atol=2e-5, rtol=1e-4)
        if token == 9 and len(texts) > 1:
            for reader in (quick, common):
                reader.keep([2, 0, 0])
    assert len(calls) == 20 * CONFIGS[kind].n_layers
