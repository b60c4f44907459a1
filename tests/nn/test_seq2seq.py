"""`shared.nn.seq2seq` against torch's own layers, and one character at a time against all at once."""

import pytest
import torch
from torch import nn

from shared.nn.seq2seq import Decoder, Encoder, EncoderDecoder, UnrolledLSTM


def _batch(n=5, s=9, t=7):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randint(0, 12, shape, generator=generator) for shape in ((n, s), (n, t)))


def _both():
    """The same network twice: with torch's LSTM, and with our cell and the same weights."""
    torch.manual_seed(0)
    fast = EncoderDecoder(Encoder(12, 6, 8), Decoder(15, 6, 8)).double()
    own = EncoderDecoder(
        Encoder(12, 6, 8, layer=UnrolledLSTM), Decoder(15, 6, 8, layer=UnrolledLSTM)
    ).double()
    weights = {
        name.replace("layer.", "layer.cell.").removesuffix("_l0"): weight
        for name, weight in fast.state_dict().items()
    }
    own.load_state_dict(weights)
    return fast, own


def test_our_own_lstm_gives_torchs_numbers_and_gradients():
    networks, (source, inputs) = _both(), _batch()
    outputs = [network(source, inputs) for network in networks]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-12)
    gradients = [
        torch.autograd.grad(output.square().sum(), network.parameters())
        for output, network in zip(outputs, networks, strict=True)
    ]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_encoder_is_torchs_lstm():
    torch.manual_seed(0)
    encoder, (source, _) = Encoder(12, 6, 8), _batch()
    memory, state = encoder(source)
    outputs, (h, c) = encoder.layer(encoder.embedding(source))
    torch.testing.assert_close(memory, outputs)
    torch.testing.assert_close(state, torch.cat([h[0], c[0]], dim=1))
    torch.testing.assert_close(memory[:, -1], state[:, :8])


class _Mean(nn.Module):
    """The simplest attention: every query gets the mean of the memory."""

    def forward(self, query, memory, mask):
        share = mask.to(memory.dtype) / mask.sum(dim=1, keepdim=True)
        return (share[:, None] @ memory).expand(-1, query.shape[1], -1)


@pytest.mark.parametrize("attention", [None, _Mean()])
def test_one_character_at_a_time_is_all_at_once(attention):
    torch.manual_seed(0)
    encoder, decoder = Encoder(12, 6, 8).double(), Decoder(15, 6, 8, attention).double()
    source, inputs = _batch()
    memory, state = encoder(source)
    mask = torch.ones_like(source, dtype=torch.bool)
    at_once, last = decoder(inputs, state, memory, mask)
    torch.testing.assert_close(EncoderDecoder(encoder, decoder)(source, inputs), at_once)
    for j in range(inputs.shape[1]):
        logits, state = decoder(inputs[:, j : j + 1], state, memory, mask)
        torch.testing.assert_close(logits[:, 0], at_once[:, j], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=1e-10, atol=1e-12)


def test_without_attention_the_memory_is_not_looked_at():
    torch.manual_seed(0)
    decoder, (_, inputs), state = Decoder(15, 6, 8), _batch(), torch.randn(5, 16)
    mask = torch.ones(5, 9, dtype=torch.bool)
    assert torch.equal(
        decoder(inputs, state)[0], decoder(inputs, state, torch.randn(5, 9, 8), mask)[0]
    )


def test_unrolled_lstm_has_torchs_interface():
    torch.manual_seed(0)
    ours, theirs = UnrolledLSTM(3, 4), nn.LSTM(3, 4, batch_first=True)
    theirs.load_state_dict({f"{k}_l0": v for k, v in ours.cell.state_dict().items()})
    x, start = torch.randn(2, 5, 3), (torch.randn(1, 2, 4), torch.randn(1, 2, 4))
    for arguments in ((x,), (x, start)):
        (a, (h, c)), (b, (h_theirs, c_theirs)) = ours(*arguments), theirs(*arguments)
        for mine, expected in ((a, b), (h, h_theirs), (c, c_theirs)):
            torch.testing.assert_close(mine, expected)
