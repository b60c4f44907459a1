"""`recurrent.LSTMCell` and `recurrent.GRUCell`: cases, known mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.nn import mlp, recurrent
from shared.nn.mlp import linear

NOTEBOOK = "week05_lstm_gru/1_guided_sentiment.ipynb"
LSTM_SECTION = "A cell that decides what to keep"
GRU_SECTION = "Two gates instead of three"

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


# --- both cells ------------------------------------------------------------------------------------------------------


def _with_weights(implementation, weights):
    """A cell that has exactly these weights."""
    d_in, d = weights[0].shape[1], weights[1].shape[1]
    cell = implementation(d_in, d).to(weights[0].dtype)
    with torch.no_grad():
        for name, value in zip(WEIGHTS, weights, strict=True):
            getattr(cell, name).copy_(value)
    return cell


def _numbers(tensor):
    return tensor.detach() if isinstance(tensor, torch.Tensor) else tensor


def _told(state):
    """A state as it was returned: its parts by name where there are two."""
    if isinstance(state, (tuple, list)) and len(state) == 2:
        return {"h": _numbers(state[0]), "c": _numbers(state[1])}
    return _numbers(state)


def _gradients(after, leaves):
    """Gradients of a sum in which every number of the new state counts differently."""
    parts = after if isinstance(after, (tuple, list)) else (after,)
    flat = torch.cat([part.flatten() for part in parts])
    (flat * torch.linspace(1.0, 2.0, len(flat), dtype=flat.dtype)).sum().backward()
    return {
        f"gradient of {name}": torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        for name, leaf in leaves.items()
    }


def _parameters(implementation, d_in, d):
    return {name: tuple(p.shape) for name, p in implementation(d_in, d).named_parameters()}


def _start(implementation, d_in, d):
    """Whether each of the four starts uniform in ±1/√d."""
    cell = implementation(d_in, d)
    found = {}
    for name in WEIGHTS:
        scaled = getattr(cell, name).detach() * d**0.5
        found[f"{name} varies"] = bool(scaled.std() > 0.4)
        found[f"{name} ends at 1/√d"] = bool(0.85 < scaled.abs().max() <= 1.0)
    return found


def _sized(n, d_in, d, gates, states, dtype=torch.float32):
    """x, the parts of a state, and the four weights of a cell with so many gates."""
    shapes = [(n, d_in), *[(n, d)] * states]
    shapes += [(gates * d, d_in), (gates * d, d), (gates * d,), (gates * d,)]
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


# --- LSTMCell --------------------------------------------------------------------------------------------------------


def _lstm_step(implementation, x, h, c, *weights):
    """One step from the state (h, c), which must stay as it was."""
    before = (h.clone(), c.clone())
    after = _with_weights(implementation, weights)(x, (h, c))
    same = torch.equal(before[0], h) and torch.equal(before[1], c)
    return {"new state": _told(after), "old state unchanged": same}


def _lstm_first_step(implementation, x, *weights):
    return _told(_with_weights(implementation, weights)(x))


def _lstm_gradients(implementation, x, h, c, *weights):
    x, h, c = (tensor.requires_grad_() for tensor in (x, h, c))
    cell = _with_weights(implementation, weights)
    leaves = {"x": x, "h": h, "c": c} | {name: getattr(cell, name) for name in WEIGHTS}
    return _gradients(cell(x, (h, c)), leaves)


def _forget_bias(implementation, d_in, d, forget_bias):
    """The sum of both biases, gate by gate: on average 0, but for the forget gate."""
    cell = implementation(d_in, d, forget_bias)
    both = (cell.bias_ih + cell.bias_hh).detach().reshape(4, d).mean(dim=1)
    return {f"bias of {name}": round(value, 1) for name, value in zip("ifgo", both.tolist())}


def _shut_gates(implementation, x, h, c, *weights):
    """Gates far beyond open and shut: the gradients must stay numbers."""
    return _lstm_gradients(implementation, x, h, c, *(40 * w for w in weights))


class _LSTM(recurrent.LSTMCell):
    """The reference in two halves, so that the mistakes below can be small."""

    def layers(self, x, state):
        if state is None:
            zeros = x.new_zeros(len(x), self.weight_hh.shape[1])
            state = (zeros, zeros)
        h, c = state
        both = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        return *both.chunk(4, dim=-1), c

    def forward(self, x, state=None):
        i, f, g, o, c = self.layers(x, state)
        return self.step(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o), c)

    def step(self, i, f, g, o, c):
        c = f * c + i * g
        return o * torch.tanh(c), c


class LSTMCellInAnotherOrder(_LSTM):
    def forward(self, x, state=None):
        i, f, o, g, c = self.layers(x, state)
        return self.step(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o), c)


class LSTMCellWithForgetFirst(_LSTM):
    def forward(self, x, state=None):
        f, i, g, o, c = self.layers(x, state)
        return self.step(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o), c)


class LSTMCellWithASigmoidCandidate(_LSTM):
    def forward(self, x, state=None):
        *layers, c = self.layers(x, state)
        return self.step(*map(torch.sigmoid, layers), c)


class LSTMCellWithTanhGates(_LSTM):
    def forward(self, x, state=None):
        *layers, c = self.layers(x, state)
        return self.step(*map(torch.tanh, layers), c)


class LSTMCellThatShowsTheBareMemory(_LSTM):
    def step(self, i, f, g, o, c):
        c = f * c + i * g
        return o * c, c


class LSTMCellThatSquashesItsMemory(_LSTM):
    def step(self, i, f, g, o, c):
        c = torch.tanh(f * c + i * g)
        return o * c, c


class LSTMCellOf1997(_LSTM):
    def step(self, i, f, g, o, c):
        c = c + i * g
        return o * torch.tanh(c), c


class LSTMCellThatWritesWhatItForgets(_LSTM):
    def step(self, i, f, g, o, c):
        c = f * c + (1 - f) * g
        return o * torch.tanh(c), c


class LSTMCellWithoutInputGate(_LSTM):
    def step(self, i, f, g, o, c):
        c = f * c + g
        return o * torch.tanh(c), c


class LSTMCellWithForgettingTurned(_LSTM):
    def step(self, i, f, g, o, c):
        c = (1 - f) * c + i * g
        return o * torch.tanh(c), c


class LSTMCellThatShowsTheOldMemory(_LSTM):
    def step(self, i, f, g, o, c):
        return o * torch.tanh(c), f * c + i * g


class LSTMCellThatKeepsWhatItShows(_LSTM):
    def step(self, i, f, g, o, c):
        h = o * torch.tanh(f * c + i * g)
        return h, h


class LSTMCellWithItsStateSwapped(_LSTM):
    def step(self, i, f, g, o, c):
        return super().step(i, f, g, o, c)[::-1]


class LSTMCellThatReturnsOneTensor(_LSTM):
    def step(self, i, f, g, o, c):
        return super().step(i, f, g, o, c)[0]


class LSTMCellThatReadsItsMemory(_LSTM):
    def forward(self, x, state=None):
        if state is not None:
            h, c = state
            state = (c, c) if h.shape == c.shape else state
        return super().forward(x, state)


class LSTMCellThatChangesTheOldState(_LSTM):
    def step(self, i, f, g, o, c):
        with torch.no_grad():
            c *= f
        c = c + i * g
        return o * torch.tanh(c), c


class LSTMCellCutFromTheGraph(_LSTM):
    def step(self, i, f, g, o, c):
        return super().step(i, f, g, o, c.detach())


class LSTMCellWithoutForgetBias(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d)


class LSTMCellWithTheBiasTwice(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d, 2 * forget_bias)


class LSTMCellWithTheBiasEverywhere(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d)
        with torch.no_grad():
            self.bias_hh += forget_bias


class LSTMCellWithTheBiasAtTheInputGate(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d)
        with torch.no_grad():
            self.bias_hh[:d] += forget_bias


class LSTMCellThatStartsByItsInputs(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-(d_in**-0.5), d_in**-0.5)
            self.bias_hh[d : 2 * d] += forget_bias


class LSTMCellThatStartsAtOne(_LSTM):
    def forward(self, x, state=None):
        if state is None:
            ones = x.new_ones(len(x), self.weight_hh.shape[1])
            state = (ones, ones)
        return super().forward(x, state)


class LSTMCellWithoutParameters(_LSTM):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d, forget_bias)
        for name in WEIGHTS:
            start = getattr(self, name).detach()
            delattr(self, name)
            setattr(self, name, start)


class LSTMCellWithWeek1sSigmoid(_LSTM):
    def forward(self, x, state=None):
        i, f, g, o, c = self.layers(x, state)
        return self.step(mlp.sigmoid(i), mlp.sigmoid(f), mlp.tanh(g), mlp.sigmoid(o), c)


class _LSTMCellGateByGate(nn.Module):
    """Each gate cut out of the weights by itself, and x and h beside each other."""

    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__()
        self.d = d
        for name, width in (("ih", d_in), ("hh", d)):
            start = (2 * torch.rand(4 * d, width) - 1) / d**0.5
            setattr(self, f"weight_{name}", nn.Parameter(start))
        for name in ("ih", "hh"):
            setattr(self, f"bias_{name}", nn.Parameter((2 * torch.rand(4 * d) - 1) / d**0.5))
        self.bias_ih.data[d : 2 * d] += forget_bias

    def gate(self, number, x, h):
        rows = slice(number * self.d, (number + 1) * self.d)
        weight = torch.cat([self.weight_ih[rows], self.weight_hh[rows]], dim=1)
        return torch.cat([x, h], dim=1) @ weight.T + (self.bias_ih + self.bias_hh)[rows]

    def forward(self, x, state=None):
        h, c = state or [torch.zeros(len(x), self.d, dtype=x.dtype)] * 2
        write, keep = torch.sigmoid(self.gate(0, x, h)), torch.sigmoid(self.gate(1, x, h))
        new = keep * c + write * torch.tanh(self.gate(2, x, h))
        return new.tanh() * torch.sigmoid(self.gate(3, x, h)), new


class _TorchsLSTMCell(nn.LSTMCell):
    def __init__(self, d_in, d, forget_bias=0.0):
        super().__init__(d_in, d)
        with torch.no_grad():
            self.bias_ih.chunk(4)[1].add_(forget_bias)


def _by_hand():
    """One number each: gates i, f, o of σ(1), σ(2), σ(0) and a candidate tanh(0.5); the memory holds 0.8."""
    zeros = torch.zeros(4, 1)
    biases = torch.tensor([1.0, 2.0, 0.5, 0.0])
    state = (torch.tensor([[0.3]]), torch.tensor([[0.8]]))
    return [torch.tensor([[1.0]]), *state, zeros, zeros.clone(), biases, torch.zeros(4)]


def _without_state(inputs):
    return [inputs[0], *inputs[-4:]]


LSTM_CELL = Exercise(
    name="recurrent.LSTMCell",
    week=5,
    notebook=NOTEBOOK,
    reference=recurrent.LSTMCell,
    cases=(
        Case("one number", _by_hand, run=_lstm_step),
        # As many inputs as neurons: there swapped or turned weights give wrong numbers and no error.
        Case("values", lambda: _sized(1, 2, 2, 4, 2), run=_lstm_step),
        Case("the first step", lambda: _without_state(_sized(1, 2, 2, 4, 2)), run=_lstm_first_step),
        Case("shapes", lambda: _sized(4, 3, 5, 4, 2), run=_lstm_step),
        Case("names and shapes of the parameters", lambda: [3, 5], run=_parameters),
        Case("gradients", lambda: _sized(3, 2, 4, 4, 2), run=_lstm_gradients),
        Case(
            "gates far open and shut",
            lambda: _sized(3, 2, 4, 4, 2),
            run=_shut_gates,
            atol=1e-5,
            rtol=1e-4,
        ),
        Case("uniform in ±1/√d", lambda: [30, 50], run=_start),
        Case("forget bias", lambda: [3, 400, 2.0], run=_forget_bias, atol=0.11),
        Case(
            "float64 kept",
            lambda: _sized(2, 2, 3, 4, 2, torch.float64),
            run=_lstm_step,
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            LSTMCellInAnotherOrder,
            "output gate and candidate are swapped: the four layers come in the order i, f, g, o.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithForgetFirst,
            "input and forget gate are swapped: the four layers come in the order i, f, g, o.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithASigmoidCandidate,
            "the candidate g goes through a sigmoid; what is written may be negative, so it is a tanh.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithTanhGates,
            "the gates i, f, o go through a tanh; a gate is a share from 0 to 1, so it is a sigmoid.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatShowsTheBareMemory,
            "the memory is shown as it is; what is shown goes through a tanh first: h′ = o · tanh(c′).",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatSquashesItsMemory,
            "the memory itself goes through a tanh at every step, and fades by it: only what is shown does.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellOf1997,
            "the memory is kept whole, as in the first LSTM of 1997: it is f · c that stays.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatWritesWhatItForgets,
            "1 − f stands where the input gate belongs: how much is written is its own decision, i · g.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithoutInputGate,
            "the candidate is written in full at every step: i says how much of it, i · g.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithForgettingTurned,
            "1 − f of the memory is kept; f is the share that stays, in spite of its name: f · c.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatShowsTheOldMemory,
            "what is shown is made of the old memory: h′ = o · tanh(c′), with the new one.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatKeepsWhatItShows,
            "h′ is returned twice, so the memory is lost: the second part of the state is c′.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithItsStateSwapped,
            "the state comes back as (c, h); what is shown stands first: (h, c).",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatReturnsOneTensor,
            "only h′ comes back; without the memory the next step cannot go on: return the pair (h, c).",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatReadsItsMemory,
            "the layers look at the memory c; they look at the input and at what was shown, h.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatChangesTheOldState,
            "the old memory is changed in place, which the caller and the backward pass still need: make a new tensor.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellCutFromTheGraph,
            "detach() cuts the memory out of the graph, and the way through the memory is the one that gradients take.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithoutForgetBias,
            "forget_bias is not used: add it to the second quarter of one of the two biases.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithTheBiasTwice,
            "forget_bias is added to both biases, so it counts twice: the layers add them up.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithTheBiasEverywhere,
            "forget_bias is added to all four layers; only the forget gate's, entries d to 2d, get it.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithTheBiasAtTheInputGate,
            "forget_bias is added to the first quarter, the input gate's; the forget gate's is the second, d to 2d.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatStartsByItsInputs,
            "the weights start in ±1/√d_in; the width of the state decides here: all four in ±1/√d.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellThatStartsAtOne,
            "without a state it starts at ones; before the first word nothing was read: two tensors of zeros.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithoutParameters,
            "the weights are plain tensors, which no optimizer finds: wrap each in nn.Parameter.",
            LSTM_SECTION,
        ),
        Mistake(
            LSTMCellWithWeek1sSigmoid,
            "the values are right, but the gradient of 1 / (1 + exp(-x)) is nan where exp overflows, at a gate that is "
            "shut hard: take torch.sigmoid and torch.tanh.",
            LSTM_SECTION,
        ),
    ),
    hints=(
        "It is week 4's cell with four layers instead of one. Which goes through a tanh, and which are shares?",
        "Both linear layers give (n, 4d); their sum cut by .chunk(4, dim=-1) gives i, f, g, o. Three sigmoids, one "
        "tanh. The new memory is a kept part of the old and a written part of the candidate.",
        "c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g); return torch.sigmoid(o) * torch.tanh(c), c",
    ),
    alternatives=(_TorchsLSTMCell, _LSTMCellGateByGate),
)


# --- GRUCell ---------------------------------------------------------------------------------------------------------


def _gru_step(implementation, x, h, *weights):
    """One step from the state h, which must stay as it was."""
    before = h.clone()
    after = _with_weights(implementation, weights)(x, h)
    return {"new state": _told(after), "old state unchanged": torch.equal(before, h)}


def _gru_first_step(implementation, x, *weights):
    return _told(_with_weights(implementation, weights)(x))


def _gru_gradients(implementation, x, h, *weights):
    x, h = x.requires_grad_(), h.requires_grad_()
    cell = _with_weights(implementation, weights)
    leaves = {"x": x, "h": h} | {name: getattr(cell, name) for name in WEIGHTS}
    return _gradients(cell(x, h), leaves)


def _shut_gru_gates(implementation, x, h, *weights):
    return _gru_gradients(implementation, x, h, *(40 * w for w in weights))


class _GRU(recurrent.GRUCell):
    """The reference in pieces, so that the mistakes below can be small."""

    squash = (torch.sigmoid, torch.tanh)

    def layers(self, x, h):
        if h is None:
            h = x.new_zeros(len(x), self.weight_hh.shape[1])
        from_x = linear(x, self.weight_ih, self.bias_ih).chunk(3, dim=-1)
        return from_x, linear(h, self.weight_hh, self.bias_hh).chunk(3, dim=-1), h

    def forward(self, x, h=None):
        (x_r, x_z, x_n), (h_r, h_z, h_n), h = self.layers(x, h)
        sigmoid, tanh = self.squash
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        return self.mix(z, self.candidate(r, x_n, h_n, h, tanh), h)

    def candidate(self, r, x_n, h_n, h, tanh):
        return tanh(x_n + r * h_n)

    def mix(self, z, n, h):
        return (1 - z) * n + z * h


class GRUCellWithUpdateTurned(_GRU):
    def mix(self, z, n, h):
        return z * n + (1 - z) * h


class GRUCellOf2014(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        d = h.shape[-1]
        return tanh(x_n + linear(r * h, self.weight_hh[2 * d :], self.bias_hh[2 * d :]))


class GRUCellThatSparesTheBias(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        bias = self.bias_hh.chunk(3)[2]
        return tanh(x_n + r * (h_n - bias) + bias)


class GRUCellWithItsGatesSwapped(_GRU):
    def forward(self, x, h=None):
        (x_z, x_r, x_n), (h_z, h_r, h_n), h = self.layers(x, h)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        return self.mix(z, torch.tanh(x_n + r * h_n), h)


class GRUCellWithTheCandidateFirst(_GRU):
    def forward(self, x, h=None):
        (x_n, x_r, x_z), (h_n, h_r, h_z), h = self.layers(x, h)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        return self.mix(z, torch.tanh(x_n + r * h_n), h)


class GRUCellWithASigmoidCandidate(_GRU):
    squash = (torch.sigmoid, torch.sigmoid)


class GRUCellWithTanhGates(_GRU):
    squash = (torch.tanh, torch.tanh)


class GRUCellWithoutReset(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        return tanh(x_n + h_n)


class GRUCellThatResetsTheInputToo(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        return tanh(r * (x_n + h_n))


class GRUCellThatResetsTheInputInstead(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        return tanh(r * x_n + h_n)


class GRUCellThatResetsTheBareState(_GRU):
    def candidate(self, r, x_n, h_n, h, tanh):
        return tanh(x_n + r * h)


class GRUCellWithoutUpdate(_GRU):
    def mix(self, z, n, h):
        return n


class GRUCellThatAddsEverything(_GRU):
    def mix(self, z, n, h):
        return n + z * h


class GRUCellThatReturnsAPair(_GRU):
    def mix(self, z, n, h):
        new = super().mix(z, n, h)
        return new, new


class GRUCellThatChangesTheOldState(_GRU):
    def mix(self, z, n, h):
        new = super().mix(z, n, h)
        with torch.no_grad():
            h.copy_(new)
        return new


class GRUCellCutFromTheGraph(_GRU):
    def mix(self, z, n, h):
        return super().mix(z, n, h.detach())


class GRUCellThatStartsAtOne(_GRU):
    def forward(self, x, h=None):
        return super().forward(x, x.new_ones(len(x), self.weight_hh.shape[1]) if h is None else h)


class GRUCellThatStartsByItsInputs(_GRU):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-(d_in**-0.5), d_in**-0.5)


class GRUCellWithWeek1sSigmoid(_GRU):
    squash = (mlp.sigmoid, mlp.tanh)


class _GRUCellGateByGate(nn.Module):
    """h plus a step of 1 − z towards the candidate."""

    def __init__(self, d_in, d):
        super().__init__()
        for name, shape in zip(WEIGHTS, ((3 * d, d_in), (3 * d, d), (3 * d,), (3 * d,))):
            setattr(self, name, nn.Parameter((2 * torch.rand(shape) - 1) / d**0.5))

    def forward(self, x, h=None):
        d = self.weight_hh.shape[1]
        h = torch.zeros(x.shape[0], d, dtype=x.dtype) if h is None else h
        from_x = nn.functional.linear(x, self.weight_ih, self.bias_ih)
        from_h = nn.functional.linear(h, self.weight_hh, self.bias_hh)
        gates = torch.sigmoid(from_x[:, : 2 * d] + from_h[:, : 2 * d])
        candidate = torch.tanh(from_x[:, 2 * d :] + gates[:, :d] * from_h[:, 2 * d :])
        return h + (1 - gates[:, d:]) * (candidate - h)


def _gru_by_hand():
    """One number each: r = σ(0), z = σ(−1), and a candidate tanh(0.5 + r · (0.8 + 0.2)); the state is 0.8."""
    hidden = torch.tensor([[0.0], [0.0], [1.0]])
    from_x, from_h = torch.tensor([0.0, -1.0, 0.5]), torch.tensor([0.0, 0.0, 0.2])
    return [torch.ones(1, 1), torch.tensor([[0.8]]), torch.zeros(3, 1), hidden, from_x, from_h]


GRU_CELL = Exercise(
    name="recurrent.GRUCell",
    week=5,
    notebook=NOTEBOOK,
    reference=recurrent.GRUCell,
    cases=(
        Case("one number", _gru_by_hand, run=_gru_step),
        Case("values", lambda: _sized(1, 2, 2, 3, 1), run=_gru_step),
        Case("the first step", lambda: _without_state(_sized(1, 2, 2, 3, 1)), run=_gru_first_step),
        Case("shapes", lambda: _sized(4, 3, 5, 3, 1), run=_gru_step),
        Case("names and shapes of the parameters", lambda: [3, 5], run=_parameters),
        Case("gradients", lambda: _sized(3, 2, 4, 3, 1), run=_gru_gradients),
        Case(
            "gates far open and shut",
            lambda: _sized(3, 2, 4, 3, 1),
            run=_shut_gru_gates,
            atol=1e-5,
            rtol=1e-4,
        ),
        Case("uniform in ±1/√d", lambda: [30, 50], run=_start),
        Case(
            "float64 kept",
            lambda: _sized(2, 2, 3, 3, 1, torch.float64),
            run=_gru_step,
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            GRUCellWithUpdateTurned,
            "z and 1 − z are swapped, as some papers have it: here z is the share of the old state that stays.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellOf2014,
            "the reset gate is applied to h before its layer, as in the first paper; torch applies it after: "
            "r · (h U_nᵀ + c_n).",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatSparesTheBias,
            "the reset gate leaves the state's bias out; r multiplies the whole layer of h, bias and all.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithItsGatesSwapped,
            "reset and update gate are swapped: the three layers come in the order r, z, n.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithTheCandidateFirst,
            "the candidate is taken from the first third: the three layers come in the order r, z, n.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithASigmoidCandidate,
            "the candidate n goes through a sigmoid; a state may be negative, so it is a tanh.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithTanhGates,
            "the gates r and z go through a tanh; a gate is a share from 0 to 1, so it is a sigmoid.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithoutReset,
            "the reset gate is not used: it multiplies the state's part of the candidate, x_n + r · h_n.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatResetsTheInputToo,
            "the reset gate multiplies the input's part as well; it is the past that is reset: x_n + r · h_n.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatResetsTheInputInstead,
            "the reset gate multiplies the input's part; it is the past that is reset: x_n + r · h_n.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatResetsTheBareState,
            "the bare state stands in the candidate; it goes through its layer first: r · (h U_nᵀ + c_n).",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithoutUpdate,
            "the candidate replaces the state at every step: z mixes it with the old one, (1 − z) · n + z · h.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatAddsEverything,
            "the candidate is added in full, so the state grows: its share is 1 − z.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatReturnsAPair,
            "two tensors come back; a GRU has no memory besides what it shows: return one, h′.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatChangesTheOldState,
            "the new state is written into the old one, which the caller still needs: return a new tensor.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellCutFromTheGraph,
            "detach() cuts the old state out of the graph, and z · h is the way that gradients take.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatStartsAtOne,
            "without a state it starts at ones; before the first word nothing was read: start at zeros.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellThatStartsByItsInputs,
            "the weights start in ±1/√d_in; the width of the state decides here: all four in ±1/√d.",
            GRU_SECTION,
        ),
        Mistake(
            GRUCellWithWeek1sSigmoid,
            "the values are right, but the gradient of 1 / (1 + exp(-x)) is nan where exp overflows, at a gate that is "
            "shut hard: take torch.sigmoid and torch.tanh.",
            GRU_SECTION,
        ),
    ),
    hints=(
        "The LSTM decides by two gates what stays and what is written. If both add up to 1, how many gates are needed?",
        "Here x's and h's layers must be cut up before they are added, since r touches only h's part of the candidate: "
        "two times .chunk(3, dim=-1), in the order r, z, n.",
        "n = torch.tanh(x_n + r * h_n); return (1 - z) * n + z * h, with r = torch.sigmoid(x_r + h_r) and z likewise",
    ),
    alternatives=(nn.GRUCell, _GRUCellGateByGate),
)
