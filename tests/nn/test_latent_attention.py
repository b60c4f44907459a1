"""Latent attention beside transformers' DeepSeek-V3."""

import torch
from transformers import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import (
    DeepseekV3Attention,
    DeepseekV3RotaryEmbedding,
)

from shared.nn.attention import causal_mask, fused_attention, padding_mask
from shared.nn.latent_attention import LatentAttention, kept_numbers

D_MODEL, HEADS, LATENT, D, TURNED = 32, 4, 12, 8, 6


def theirs_and_ours():
    torch.manual_seed(0)
    config = DeepseekV3Config(
        hidden_size=D_MODEL,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        q_lora_rank=None,
        kv_lora_rank=LATENT,
        qk_nope_head_dim=D,
        qk_rope_head_dim=TURNED,
        v_head_dim=D,
        rope_interleave=False,
        attn_implementation="eager",
    )
    theirs = DeepseekV3Attention(config, layer_idx=0).eval()
    ours = LatentAttention(D_MODEL, HEADS, LATENT, D, TURNED)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
        for mine, other in (
            (ours.query, theirs.q_proj),
            (ours.compress, theirs.kv_a_proj_with_mqa),
            (ours.latent_norm, theirs.kv_a_layernorm),
            (ours.expand, theirs.kv_b_proj),
            (ours.output, theirs.o_proj),
        ):
            mine.weight.copy_(other.weight)
    return theirs, ours, DeepseekV3RotaryEmbedding(config)


def test_same_numbers_as_deepseek():
    theirs, ours, rotary = theirs_and_ours()
    x = torch.randn(2, 9, D_MODEL)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    allowed = causal_mask(9)
    additive = torch.zeros(9, 9).masked_fill(~allowed, torch.finfo(torch.float32).min)
    expected = theirs(other, rotary(other, torch.arange(9)[None]), additive[None, None])[0]
    mine = ours(one, allowed)
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(mine)
    (mine * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-5)


def test_what_is_kept_is_enough():
    """Keys and values of the past can be made from the kept numbers alone."""
    _, ours, _ = theirs_and_ours()
    x = torch.randn(2, 9, D_MODEL)
    latent, turned = ours.to_keep(x)
    assert latent.shape[-1] + turned.shape[-1] == LATENT + TURNED < kept_numbers(HEADS, D)
    part, turned_part = ours.to_keep(x[:, :4])
    torch.testing.assert_close(latent[:, :4], part)
    torch.testing.assert_close(turned[:, :4], turned_part)


def test_masks_and_the_fused_kernel():
    _, ours, _ = theirs_and_ours()
    x = torch.randn(2, 9, D_MODEL)
    mask = padding_mask(torch.tensor([9, 5])) & causal_mask(9)
    plain = ours(x, mask)
    ours.attention = fused_attention
    torch.testing.assert_close(ours(x, mask), plain, atol=1e-5, rtol=1e-5)
    changed = x.clone()
    changed[1, 5:] += 1
    torch.testing.assert_close(ours(changed, mask)[1, :5], plain[1, :5], atol=1e-5, rtol=1e-5)
