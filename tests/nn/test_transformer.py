"""Blocks, encoder, decoder and both together beside torch.nn's layers with the same weights: forward and gradients."""

import pytest
import torch
from torch import nn

from shared.nn.attention import MultiHeadAttention, causal_mask, fused_attention, padding_mask
from shared.nn.feed_forward import FeedForward, gelu
from shared.nn.norms import RMSNorm
from shared.nn.transformer import (
    CrossAttentionBlock,
    EncoderDecoder,
    TransformerBlock,
    count_parameters,
    decoder,
    encoder,
)

D, HEADS, HIDDEN = 16, 4, 40
ATTENTIONS = {"attention": "self_attn", "cross_attention": "multihead_attn"}


def shake(module):
    """Random weights everywhere: norms at one would hide that two are swapped."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
    return module.eval()


def give_weights(block, layer):
    """Ours into torch's layer."""
    cross = isinstance(block, CrossAttentionBlock)
    norms = ["attention_norm", "cross_attention_norm", "feed_forward_norm"]
    if not cross:
        norms.remove("cross_attention_norm")
    with torch.no_grad():
        for ours, theirs in ATTENTIONS.items():
            if hasattr(block, ours):
                one, other = getattr(block, ours), getattr(layer, theirs)
                parts = (one.query, one.key, one.value)
                other.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
                other.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
                other.out_proj.load_state_dict(one.output.state_dict())
    layer.linear1.load_state_dict(block.feed_forward.up.state_dict())
    layer.linear2.load_state_dict(block.feed_forward.down.state_dict())
    for number, name in enumerate(norms, 1):
        getattr(layer, f"norm{number}").load_state_dict(getattr(block, name).state_dict())


def settings(pre_norm, activation="relu"):
    return {"dropout": 0.0, "batch_first": True, "norm_first": pre_norm, "activation": activation}


def same(ours, theirs, *inputs):
    """Outputs and gradients of the inputs agree to 1e-5."""
    one, other = ([x.clone().requires_grad_() for x in inputs] for _ in range(2))
    mine, expected = ours(*one), theirs(*other)
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(mine)
    (mine * weight).sum().backward()
    (expected * weight).sum().backward()
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize(("ours", "theirs"), [(None, "relu"), (gelu, "gelu")])
def test_block_is_torchs_encoder_layer(pre_norm, ours, theirs):
    activation = {} if ours is None else {"activation": ours}
    block = shake(
        TransformerBlock(
            D,
            MultiHeadAttention(D, HEADS),
            FeedForward(D, HIDDEN, **activation),
            pre_norm=pre_norm,
        )
    )
    layer = nn.TransformerEncoderLayer(D, HEADS, HIDDEN, **settings(pre_norm, theirs)).train()
    give_weights(block, layer)
    real = padding_mask(torch.tensor([7, 4]))
    mask = real & causal_mask(7)
    same(
        lambda x: block(x, mask=mask)[real[:, 0]],
        lambda x: layer(x, src_mask=~causal_mask(7), src_key_padding_mask=~real[:, 0])[real[:, 0]],
        torch.randn(2, 7, D),
    )


@pytest.mark.parametrize("pre_norm", [True, False])
def test_cross_block_is_torchs_decoder_layer(pre_norm):
    block = shake(
        CrossAttentionBlock(
            D,
            MultiHeadAttention(D, HEADS),
            MultiHeadAttention(D, HEADS),
            FeedForward(D, HIDDEN),
            pre_norm=pre_norm,
        )
    )
    layer = nn.TransformerDecoderLayer(D, HEADS, HIDDEN, **settings(pre_norm)).train()
    give_weights(block, layer)
    real = padding_mask(torch.tensor([6, 3]))
    same(
        lambda x, c: block(x, c, mask=causal_mask(5), context_mask=real),
        lambda x, c: layer(x, c, tgt_mask=~causal_mask(5), memory_key_padding_mask=~real[:, 0]),
        torch.randn(2, 5, D),
        torch.randn(2, 6, D),
    )


@pytest.mark.parametrize("pre_norm", [True, False])
def test_encoder_decoder_is_torchs_transformer(pre_norm):
    ours = shake(
        EncoderDecoder(
            encoder(2, D, HEADS, HIDDEN, pre_norm=pre_norm),
            decoder(3, D, HEADS, HIDDEN, pre_norm=pre_norm),
        )
    )
    final = [nn.LayerNorm(D) if pre_norm else None for _ in range(2)]
    theirs = nn.Transformer(
        D,
        HEADS,
        custom_encoder=nn.TransformerEncoder(
            nn.TransformerEncoderLayer(D, HEADS, HIDDEN, **settings(pre_norm)),
            2,
            final[0],
            enable_nested_tensor=False,
        ),
        custom_decoder=nn.TransformerDecoder(
            nn.TransformerDecoderLayer(D, HEADS, HIDDEN, **settings(pre_norm)), 3, final[1]
        ),
        batch_first=True,
    ).train()
    for name in ("encoder", "decoder"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        for block, layer in zip(mine.blocks, other.layers, strict=True):
            give_weights(block, layer)
        if pre_norm:
            other.norm.load_state_dict(mine.norm.state_dict())
    real = padding_mask(torch.tensor([6, 4]))
    same(
        lambda s, t: ours(s, t, real, causal_mask(5)),
        lambda s, t: theirs(
            s,
            t,
            tgt_mask=~causal_mask(5),
            src_key_padding_mask=~real[:, 0],
            memory_key_padding_mask=~real[:, 0],
        ),
        torch.randn(2, 6, D),
        torch.randn(2, 5, D),
    )


def test_any_leading_dimensions():
    block = shake(TransformerBlock(D, MultiHeadAttention(D, HEADS), FeedForward(D, HIDDEN)))
    x = torch.randn(2, 3, 5, D)
    out = block(x, mask=causal_mask(5))
    torch.testing.assert_close(out[1, 2], block(x[1, 2], mask=causal_mask(5)), atol=1e-6, rtol=1e-5)


def test_fused_switch_gives_the_same_numbers():
    plain, fused = encoder(2, D, HEADS), encoder(2, D, HEADS, attention=fused_attention)
    fused.load_state_dict(shake(plain).state_dict())
    real = padding_mask(torch.tensor([7, 4]))
    same(
        lambda x: plain(x, mask=real & causal_mask(7)),
        lambda x: fused(x, mask=real & causal_mask(7)),
        torch.randn(2, 7, D),
    )


def test_half_precision_stays_near_float32():
    """bfloat16 has three digits; through two blocks the outputs stay within 2 % of their spread."""
    stack = shake(encoder(2, D, HEADS, norm=RMSNorm))
    x = torch.randn(4, 9, D)
    expected = stack(x, mask=causal_mask(9))
    half = stack.to(torch.bfloat16)(x.to(torch.bfloat16), mask=causal_mask(9))
    assert half.dtype == torch.bfloat16
    assert (half.float() - expected).abs().mean() < 0.02 * expected.std()


def test_dropout_only_while_training():
    block = TransformerBlock(D, MultiHeadAttention(D, HEADS), FeedForward(D, HIDDEN), dropout=0.5)
    x = torch.randn(2, 5, D)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


def test_counted_parameters():
    assert count_parameters(MultiHeadAttention(D, HEADS)) == 4 * (D * D + D)
    layer = nn.Linear(3, 4)
    both = nn.ModuleDict({"one": layer, "other": layer})
    assert count_parameters(both) == 16
    layer.bias.requires_grad_(False)
    assert count_parameters(both) == 12
