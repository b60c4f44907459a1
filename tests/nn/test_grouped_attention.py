"""Grouped-query attention beside transformers' Qwen3 and Llama; multi-head attention as its special case."""

import pytest
import torch
from transformers import LlamaConfig, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaRotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, Qwen3RotaryEmbedding

from shared.nn.attention import MultiHeadAttention, causal_mask, fused_attention, padding_mask
from shared.nn.grouped_attention import GroupedQueryAttention
from shared.nn.norms import RMSNorm

D_MODEL, HEADS = 32, 4


def theirs_of(kind, n_kv_heads):
    sizes = {
        "hidden_size": D_MODEL,
        "num_attention_heads": HEADS,
        "num_key_value_heads": n_kv_heads,
        "attn_implementation": "eager",
    }
    if kind == "llama":
        config = LlamaConfig(**sizes)
        return LlamaAttention(config, 0), LlamaRotaryEmbedding(config), {}
    config = Qwen3Config(**sizes, head_dim=12)
    return Qwen3Attention(config, 0), Qwen3RotaryEmbedding(config), {"d": 12, "norm": RMSNorm}


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_same_numbers_and_gradients(kind, n_kv_heads):
    torch.manual_seed(0)
    theirs, rotary, more = theirs_of(kind, n_kv_heads)
    ours = GroupedQueryAttention(D_MODEL, HEADS, n_kv_heads, **more)
    names = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "o_proj": "output"}
    names |= {"q_norm": "query_norm", "k_norm": "key_norm"}
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
            owner = name.removesuffix(".weight")
            getattr(ours, names[owner]).weight.copy_(parameter)
    x = torch.randn(2, 9, D_MODEL)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    additive = torch.zeros(9, 9).masked_fill(~causal_mask(9), torch.finfo(torch.float32).min)
    expected = theirs(other, rotary(other, torch.arange(9)[None]), additive[None, None])[0]
    mine = ours(one, causal_mask(9))
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(mine)
    (mine * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-5)


def test_as_many_groups_as_heads_is_multi_head_attention():
    torch.manual_seed(0)
    plain = MultiHeadAttention(D_MODEL, HEADS)
    grouped = GroupedQueryAttention(D_MODEL, HEADS, bias=True, turn=None)
    grouped.load_state_dict(plain.state_dict())
    x = torch.randn(2, 9, D_MODEL)
    mask = padding_mask(torch.tensor([9, 5])) & causal_mask(9)
    torch.testing.assert_close(grouped(x, mask), plain(x, mask=mask))


def test_positions_are_given_or_counted():
    torch.manual_seed(0)
    attention = GroupedQueryAttention(D_MODEL, HEADS, 2)
    x = torch.randn(2, 9, D_MODEL)
    counted = attention(x, causal_mask(9))
    torch.testing.assert_close(attention(x, causal_mask(9), torch.arange(9)), counted)
    each = torch.stack([torch.arange(9), torch.arange(9) + 100])
    moved = attention(x, causal_mask(9), each)
    # Only distances count, so the second text may stand a hundred tokens further on.
    torch.testing.assert_close(moved, counted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(attention(x, causal_mask(9), 2 * torch.arange(9)), counted, atol=1e-3)


class Everything:
    """The plainest cache: it keeps all keys and values."""

    def __init__(self):
        self.kept = None

    def extend(self, key, value):
        if self.kept is not None:
            key, value = (torch.cat(pair, dim=-2) for pair in zip(self.kept, (key, value)))
        self.kept = key, value
        return self.kept


@pytest.mark.parametrize("kernel", [None, fused_attention])
def test_token_by_token_with_a_cache_is_the_same(kernel):
    torch.manual_seed(0)
    more = {} if kernel is None else {"attention": kernel}
    attention = GroupedQueryAttention(D_MODEL, HEADS, 2, norm=RMSNorm, **more)
    x = torch.randn(2, 9, D_MODEL)
    whole = attention(x, causal_mask(9))
    cache, pieces, start = Everything(), [], 0
    for length in (4, 1, 1, 3):
        positions = torch.arange(start, start + length)
        mask = causal_mask(length, start + length)
        pieces.append(attention(x[:, start : start + length], mask, positions, cache))
        start += length
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("heads", "groups"), [(4, 3), (4, 0), (5, None)])
def test_heads_must_fit(heads, groups):
    with pytest.raises(ValueError, match="must divide"):
        GroupedQueryAttention(D_MODEL, heads, groups)
