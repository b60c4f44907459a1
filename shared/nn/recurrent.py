"""Recurrent networks: cells, and how they are carried along a sequence. Met in weeks 4 (RNN) and 5 (LSTM, GRU).

A **cell** takes one step: it reads the input at one moment and the state so far, and returns the new state. A loop over
the sequence, `unroll`, makes a network of it. Weights are named and laid out as in torch.nn.RNNCell, LSTMCell and
GRUCell, so that a `state_dict` of one fits the other.
Shapes: n sequences, t moments, d_in inputs, d state; everything is a torch tensor, batches first.
Sigmoid and tanh are torch's from here on: week 1's give the same values, but their gradient is nan below about −88.
Sources: Elman, "Finding Structure in Time" (1990); Hochreiter & Schmidhuber, "Long Short-Term Memory" (1997);
Cho et al. (1406.1078).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from shared.nn.mlp import linear

# An RNN's or a GRU's state is one tensor (n, d); an LSTM's is two, what it shows and what it keeps.
State = Tensor | tuple[Tensor, Tensor]


class RNNCell(nn.Module):
    """h′ = tanh(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh)

    forward(x, h): (n, d_in), (n, d) → (n, d); without h the state starts at zero

    Weights start uniform in ±1/√d, as torch.nn.RNNCell's do.
    """

    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        bound = d**-0.5
        self.weight_ih = nn.Parameter(torch.empty(d, d_in).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(d, d).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(d).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(d).uniform_(-bound, bound))

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        if h is None:
            h = x.new_zeros(len(x), self.weight_hh.shape[1])
        return torch.tanh(
            linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        )


class LSTMCell(nn.Module):
    """c′ = f · c + i · g and h′ = o · tanh(c′): gates i, f, o = σ(…), candidate g = tanh(…), each a layer of x and h.

    forward(x, (h, c)): (n, d_in), two of (n, d) → (h′, c′), two of (n, d); without a state both start at zero

    The four layers stand below each other in one weight, in torch's order: input i, forget f, candidate g, output o.
    forget_bias is added to the forget gate's bias at the start: a gate that starts open lets gradients through
    (Jozefowicz, Zaremba & Sutskever 2015). Weights start uniform in ±1/√d, as torch.nn.LSTMCell's do.
    """

    def __init__(self, d_in: int, d: int, forget_bias: float = 0.0) -> None:
        super().__init__()
        bound = d**-0.5
        self.weight_ih = nn.Parameter(torch.empty(4 * d, d_in).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(4 * d, d).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(4 * d).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(4 * d).uniform_(-bound, bound))
        with torch.no_grad():
            self.bias_hh[d : 2 * d] += forget_bias

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> State:
        if state is None:
            zeros = x.new_zeros(len(x), self.weight_hh.shape[1])
            state = (zeros, zeros)
        h, c = state
        layers = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = layers.chunk(4, dim=-1)  # each (n, d)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class GRUCell(nn.Module):
    """h′ = (1 − z) · n + z · h: reset r and update z = σ(…), candidate n = tanh(x W_nᵀ + b_n + r · (h U_nᵀ + c_n)).

    forward(x, h): (n, d_in), (n, d) → (n, d); without h the state starts at zero

    The three layers stand below each other in one weight, in torch's order: reset, update, candidate. As in torch, and
    unlike the paper, r is applied after the product with U_n. Weights start uniform in ±1/√d.
    """

    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        bound = d**-0.5
        self.weight_ih = nn.Parameter(torch.empty(3 * d, d_in).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(3 * d, d).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(3 * d).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(3 * d).uniform_(-bound, bound))

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        if h is None:
            h = x.new_zeros(len(x), self.weight_hh.shape[1])
        x_r, x_z, x_n = linear(x, self.weight_ih, self.bias_ih).chunk(3, dim=-1)
        h_r, h_z, h_n = linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
        return (1 - z) * n + z * h


def unroll(
    cell: Callable[..., State], inputs: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """Carries a cell along a sequence: each state is made from the one before and the next input.

    cell(x, state) → the new state   inputs: (n, t, d_in)   state: where to begin; None: at zero
    →  outputs (n, t, d), the state after each moment (of an LSTM its h), and the last state
    """
    outputs = []
    for x in inputs.unbind(dim=1):  # (n, d_in)
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, dim=1), state
