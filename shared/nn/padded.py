"""Recurrent networks over sequences of unequal length, in one direction, in both, and in layers. Met in week 5.

A batch is as long as its longest sequence; the others end earlier, and after their end stands padding. No number that
comes out may depend on what stands there: a state holds still past its sequence's end, and outputs there are zero.
That is what torch does with a PackedSequence.

A **reader** is a module reader(inputs, lengths): (n, t, d_in), (n,) → (n, t, d), with zeros past each end.
Shapes: n sequences, t moments (the longest sequence), d_in inputs, d state.
Source: Schuster & Paliwal, "Bidirectional Recurrent Neural Networks" (1997).
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from shared.nn.recurrent import State


def real_tokens(lengths: Tensor, t: int) -> Tensor:
    """The mask of a padded batch: True where a sequence is, False past its end.   lengths: (n,)   →   (n, t), bool

    With an axis for queries, (n, 1, t), it is week 6's `padding_mask`; a test keeps the two alike.
    """
    return torch.arange(t, device=lengths.device) < lengths[:, None]


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over time, of the real tokens only: Σ_t m_t x_t / Σ_t m_t.

    x: (n, t, d)   mask: (n, t), True at the real ones   →   (n, d); zeros where a sequence has no token

    What stands in the padding does not count, be it nan: it is replaced, since 0 · nan would still be nan.
    """
    total = x.masked_fill(~mask[..., None], 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_max(x: Tensor, mask: Tensor) -> Tensor:
    """The largest of each feature over the real tokens; zeros where there is none.   (n, t, d), (n, t) → (n, d)"""
    largest = x.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
    return torch.where(mask.any(dim=1, keepdim=True), largest, 0.0)


def unroll_padded(
    cell: Callable[..., State], inputs: Tensor, lengths: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """`unroll` for a padded batch: past its end a sequence's state holds still, and its outputs are zero.

    cell(x, state) → the new state   inputs: (n, t, d_in)   lengths: (n,), each from 1 to t
    →  outputs (n, t, d), and the state after the last real moment of each sequence

    The cell reads the padding too, which is less work than leaving it out; what it makes of it is thrown away.
    """
    outputs = []
    for moment, x in enumerate(inputs.unbind(dim=1)):  # (n, d_in)
        new = cell(x, state)
        runs = (moment < lengths)[:, None]  # (n, 1): which sequences still go on
        if isinstance(new, tuple):
            old = state or tuple(torch.zeros_like(part) for part in new)
            state = tuple(torch.where(runs, a, b) for a, b in zip(new, old, strict=True))
            shown = state[0]
        else:
            shown = state = torch.where(
                runs, new, torch.zeros_like(new) if state is None else state
            )
        outputs.append(torch.where(runs, shown, 0.0))
    return torch.stack(outputs, dim=1), state


def reverse_padded(x: Tensor, lengths: Tensor) -> Tensor:
    """Turns each sequence round within its own length; the padding stays behind it.   (n, t, …), (n,) → (n, t, …)"""
    t = x.shape[1]
    moments = torch.arange(t, device=x.device)
    turned = lengths[:, None] - 1 - moments  # (n, t): the last moment first
    order = torch.where(real_tokens(lengths, t), turned, moments)
    return x[torch.arange(len(x), device=x.device)[:, None], order]


class Unrolled(nn.Module):
    """A reader made of one of our cells. (`recurrent_lm.Unrolled` hands its state on instead, and knows no padding.)"""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        return unroll_padded(self.cell, inputs, lengths)[0]


class Layer(nn.Module):
    """A reader made of one of torch's layers (RNN, LSTM or GRU, batch_first, one direction): for long runs.

    It reads from left to right, so the padding behind a sequence cannot touch what came before: nothing is packed.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        if not layer.batch_first or layer.bidirectional:
            raise ValueError(
                f"layer is {layer}; it must be batch_first and read in one direction: "
                "Bidirectional takes two of them."
            )
        self.layer = layer

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        outputs, _ = self.layer(inputs)
        return outputs.masked_fill(~real_tokens(lengths, inputs.shape[1])[..., None], 0.0)


class Bidirectional(nn.Module):
    """Two readers, one from the start and one from the end of each sequence, side by side: (n, t, 2 d).

    So the features of a word know what stands before it, and what after it.
    """

    def __init__(self, forwards: nn.Module, backwards: nn.Module) -> None:
        super().__init__()
        self.forwards, self.backwards = forwards, backwards

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        turned = self.backwards(reverse_padded(inputs, lengths), lengths)
        return torch.cat([self.forwards(inputs, lengths), reverse_padded(turned, lengths)], dim=-1)


class Stacked(nn.Module):
    """Readers on top of each other: each reads what the one below it made of the sequence."""

    def __init__(self, readers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.readers = nn.ModuleList(readers)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        for reader in self.readers:
            inputs = reader(inputs, lengths)
        return inputs
