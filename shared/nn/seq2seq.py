"""Sequence to sequence: an encoder reads one sequence, a decoder writes another. Met in week 4; week 6 adds attention.

All that passes from reader to writer is the encoder's last state: a few hundred numbers for a sentence of any length.
With attention the decoder also looks at the states of every character; they are handed to it here from the start.
Shapes: n sentences, s characters of the source, t of the target, c characters in a vocabulary, d of h and of c.
A state is one tensor (n, 2d), an LSTM's h and c side by side, so that a search can copy and reorder its rows.
Sources: Sutskever, Vinyals & Le (1409.3215); Cho et al. (1406.1078); attention: Luong, Pham & Manning (1508.04025).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.recurrent import LSTMCell, unroll

# (inputs (n, t, d_in), (h, c) each (1, n, d) or None) → outputs (n, t, d), (h, c), as torch.nn.LSTM has it
MakeLayer = Callable[[int, int], nn.Module]


def fast_lstm(d_in: int, d: int) -> nn.Module:
    """torch's own layer, in which the loop over the characters does not go through Python; forget gates start open."""
    layer = nn.LSTM(d_in, d, batch_first=True)
    with torch.no_grad():
        layer.bias_hh_l0[d : 2 * d] += 1.0
    return layer


class UnrolledLSTM(nn.Module):
    """Our LSTMCell carried along a sequence, with the interface of torch.nn.LSTM: slower, and all of it can be read."""

    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        self.cell = LSTMCell(d_in, d, forget_bias=1.0)

    def forward(
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        start = None if state is None else (state[0][0], state[1][0])
        outputs, (h, c) = unroll(self.cell, inputs, start)
        return outputs, (h[None], c[None])


class Encoder(nn.Module):
    """Reads sentences: the state after every character, and the state after the last, which is the summary.

    forward(source): (n, s) ids → memory (n, s, d), state (n, 2d)

    The sentences of a batch are equally long: padding that is read would change their summaries.
    """

    def __init__(
        self, n_characters: int, d_embedding: int, d: int, layer: MakeLayer = fast_lstm
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_characters, d_embedding)
        self.layer = layer(d_embedding, d)

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        memory, (h, c) = self.layer(self.embedding(source))
        return memory, torch.cat([h[0], c[0]], dim=-1)


class Decoder(nn.Module):
    """Writes sentences: from the characters so far, the logits of the next one.

    forward(inputs, state, memory, mask): (n, t) ids, (n, 2d) → logits (n, t, c), state (n, 2d)
    memory, mask: (n, s, d) from the encoder, (n, s) True where a query may look: only attention uses them
    attention:    a module, attention(query (n, t, d), memory, mask) → context (n, t, d); None: there is none

    The same module trains and writes: t characters at once when they are known, one at a time when they are not.
    With attention the state and the context are joined before the output layer (1508.04025, equations 5 and 6).
    """

    def __init__(
        self,
        n_characters: int,
        d_embedding: int,
        d: int,
        attention: nn.Module | None = None,
        layer: MakeLayer = fast_lstm,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_characters, d_embedding)
        self.layer = layer(d_embedding, d)
        self.attention = attention
        self.join = nn.Linear(2 * d, d) if attention is not None else None
        self.output = nn.Linear(d, n_characters)

    def forward(
        self,
        inputs: Tensor,
        state: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        h, c = (part[None].contiguous() for part in state.chunk(2, dim=-1))  # (1, n, d)
        outputs, (h, c) = self.layer(self.embedding(inputs), (h, c))  # (n, t, d)
        if self.attention is not None:
            context = self.attention(outputs, memory, mask)  # (n, t, d)
            outputs = torch.tanh(self.join(torch.cat([outputs, context], dim=-1)))
        return self.output(outputs), torch.cat([h[0], c[0]], dim=-1)


class EncoderDecoder(nn.Module):
    """Both together. forward(source, inputs): (n, s), (n, t) → logits (n, t, c), for training."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source: Tensor, inputs: Tensor) -> Tensor:
        memory, state = self.encoder(source)
        everywhere = torch.ones_like(source, dtype=torch.bool)
        return self.decoder(inputs, state, memory, everywhere)[0]
