"""The encoder of texts beside torch.nn.TransformerEncoder, and what padding may not do."""

import pytest
import torch
from torch import nn

from bench.transformer import theirs_like
from shared.nn.feed_forward import gelu
from shared.nn.positions import sinusoidal
from shared.nn.text_encoder import TextEncoder
from shared.nn.transformer import encoder

D, HEADS = 16, 4


def made():
    torch.manual_seed(0)
    stack = encoder(2, D, HEADS, activation=gelu)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.copy_(torch.randn_like(parameter) / 3)
    return stack, TextEncoder(stack.blocks, D, 12, stack.norm)


def test_same_as_torchs():
    stack, ours = made()
    theirs = theirs_like(stack, D, HEADS).train()
    theirs.norm.load_state_dict(stack.norm.state_dict())
    x, lengths = torch.randn(3, 9, D), torch.tensor([9, 4, 1])
    real = torch.arange(9) < lengths[:, None]
    expected = theirs(4 * x + sinusoidal(9, D), src_key_padding_mask=~real)
    expected = expected.masked_fill(~real[..., None], 0)
    one = x.clone().requires_grad_()
    torch.testing.assert_close(ours(one, lengths), expected, atol=1e-5, rtol=1e-5)


def test_padding_does_not_count():
    _, ours = made()
    x, lengths = torch.randn(2, 7, D), torch.tensor([7, 3])
    whole = ours(x, lengths)
    changed = x.clone()
    changed[1, 3:] = 1e6
    torch.testing.assert_close(ours(changed, lengths), whole)
    alone = ours(x[1:, :3], lengths[1:])
    torch.testing.assert_close(whole[1, :3], alone[0], atol=1e-5, rtol=1e-5)
    assert not whole[1, 3:].any()


def test_too_long_a_text():
    _, ours = made()
    with pytest.raises(ValueError, match="13 tokens"):
        ours(torch.randn(1, 13, D), torch.tensor([13]))


def test_positions_are_not_learnt_and_not_stored():
    ours = TextEncoder([nn.Identity()], D, 12)
    assert not list(ours.parameters())
    assert not ours.state_dict()
