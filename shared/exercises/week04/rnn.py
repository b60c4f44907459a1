"""`recurrent.RNNCell` and `recurrent.unroll`: cases, known mistakes, hints."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week04.vocabulary import NOTEBOOK
from shared.nn import recurrent
from shared.nn.mlp import linear, relu, sigmoid, tanh

STEP = "One step"
ALONG = "Along the text"

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


# --- RNNCell ---------------------------------------------------------------------------------------------------------


def _with_weights(implementation, weights):
    """A cell that has exactly these weights."""
    weight_ih, weight_hh, *_ = weights
    cell = implementation(weight_ih.shape[1], len(weight_hh)).to(weight_ih.dtype)
    with torch.no_grad():
        for name, value in zip(WEIGHTS, weights, strict=True):
            getattr(cell, name).copy_(value)
    return cell


def _step(implementation, x, h, *weights):
    """One step from the state h; the state itself must stay as it was."""
    before = h.clone()
    after = _with_weights(implementation, weights)(x, h)
    return {"next state": after.detach(), "old state unchanged": torch.equal(before, h)}


def _first_step(implementation, x, *weights):
    return _with_weights(implementation, weights)(x).detach()


def _two_texts(implementation, x, *weights):
    """The same input twice, each time as the first of a new text."""
    cell = _with_weights(implementation, weights)
    return [cell(x).detach(), cell(x).detach()]


def _step_gradients(implementation, x, h, *weights):
    x, h = x.requires_grad_(), h.requires_grad_()
    cell = _with_weights(implementation, weights)
    after = cell(x, h)
    pull = torch.linspace(1.0, 2.0, after.numel(), dtype=after.dtype).reshape(after.shape)
    (after * pull).sum().backward()
    leaves = {"x": x, "h": h} | {name: getattr(cell, name) for name in WEIGHTS}
    return {f"gradient of {name}": leaf.grad for name, leaf in leaves.items()}


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


def _small():
    """x, h and weights of one number each: tanh(1 · 1 + 0.5 · 0.8) = tanh(1.4)."""
    numbers = (1.0, 0.8, 1.0, 0.5)
    x, h, w, u = (torch.tensor([[number]]) for number in numbers)
    return [x, h, w, u, torch.zeros(1), torch.zeros(1)]


def _sized(n, d_in, d, dtype=torch.float32):
    shapes = ((n, d_in), (n, d), (d, d_in), (d, d), (d,), (d,))
    return [torch.randn(shape, dtype=dtype) for shape in shapes]


def _without_h(inputs):
    return [inputs[0], *inputs[2:]]


class _Cell(recurrent.RNNCell):
    """The reference with the sum in its `forward` split up, for the mistakes below to be small."""

    def parts(self, x, h):
        if h is None:
            h = x.new_zeros(len(x), self.weight_hh.shape[1])
        from_x = linear(x, self.weight_ih, self.bias_ih)
        return from_x, linear(h, self.weight_hh, self.bias_hh), h


class RNNCellWithoutTanh(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return from_x + from_h


class RNNCellWithSigmoid(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return sigmoid(from_x + from_h)


class RNNCellWithRelu(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return relu(from_x + from_h)


class RNNCellThatForgetsItsState(_Cell):
    def forward(self, x, h=None):
        return tanh(self.parts(x, h)[0])


class RNNCellThatAddsTheStateBare(_Cell):
    def forward(self, x, h=None):
        from_x, _, h = self.parts(x, h)
        return tanh(from_x + h + self.bias_hh)


class RNNCellThatSquashesTwice(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return tanh(from_x) + tanh(from_h)


class RNNCellWithTheStateOutside(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return tanh(from_x) + from_h


class RNNCellThatKeepsTheOldState(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, h = self.parts(x, h)
        return h + tanh(from_x + from_h)


class RNNCellThatMultiplies(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return tanh(from_x * from_h)


class RNNCellWithOneBias(_Cell):
    def forward(self, x, h=None):
        from_x, from_h, _ = self.parts(x, h)
        return tanh(from_x + from_h - self.bias_hh)


class RNNCellWithTurnedRecurrence(_Cell):
    def forward(self, x, h=None):
        from_x, _, h = self.parts(x, h)
        return tanh(from_x + h @ self.weight_hh + self.bias_hh)


class RNNCellWithSwappedWeights(_Cell):
    def forward(self, x, h=None):
        _, _, h = self.parts(x, h)
        from_x = linear(x, self.weight_hh, self.bias_hh)
        return tanh(from_x + linear(h, self.weight_ih, self.bias_ih))


class RNNCellThatStartsAtOne(_Cell):
    def forward(self, x, h=None):
        if h is None:
            h = x.new_ones(len(x), self.weight_hh.shape[1])
        return super().forward(x, h)


class RNNCellThatNeedsAState(_Cell):
    def forward(self, x, h=None):
        if h is None:
            h = x
        return super().forward(x, h)


class RNNCellThatRemembersTheLastText(_Cell):
    last = None

    def forward(self, x, h=None):
        if h is None:
            h = self.last
        self.last = super().forward(x, h)
        return self.last


class RNNCellThatStartsByItsInputs(_Cell):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-(d_in**-0.5), d_in**-0.5)


class RNNCellThatStartsAtZero(_Cell):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()


class RNNCellWithBiasesAtZero(_Cell):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        with torch.no_grad():
            self.bias_ih.zero_()
            self.bias_hh.zero_()


class RNNCellWithoutParameters(_Cell):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        for name in WEIGHTS:
            start = getattr(self, name).detach()
            delattr(self, name)
            setattr(self, name, start)


class RNNCellWithColumnsForNeurons(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        for name, shape in zip(WEIGHTS, ((d_in, d), (d, d), (d,), (d,)), strict=True):
            start = torch.empty(shape).uniform_(-(d**-0.5), d**-0.5)
            self.register_parameter(name, nn.Parameter(start))

    def forward(self, x, h=None):
        if h is None:
            h = x.new_zeros(len(x), len(self.weight_hh))
        return tanh(x @ self.weight_ih + self.bias_ih + h @ self.weight_hh + self.bias_hh)


class _RNNCellInOneProduct(nn.Module):
    """[x, h] beside each other, times both weights beside each other: one matrix product."""

    def __init__(self, d_in, d):
        super().__init__()
        bound = 1 / d**0.5
        self.weight_ih = nn.Parameter((torch.rand(d, d_in) * 2 - 1) * bound)
        self.weight_hh = nn.Parameter((torch.rand(d, d) * 2 - 1) * bound)
        self.bias_ih = nn.Parameter((torch.rand(d) * 2 - 1) * bound)
        self.bias_hh = nn.Parameter((torch.rand(d) * 2 - 1) * bound)

    def forward(self, x, h=None):
        if h is None:
            h = torch.zeros(x.shape[0], self.bias_hh.shape[0], dtype=x.dtype)
        both = torch.cat([self.weight_ih, self.weight_hh], dim=1)
        return torch.tanh(torch.cat([x, h], dim=1) @ both.T + self.bias_ih + self.bias_hh)


RNN_CELL = Exercise(
    name="recurrent.RNNCell",
    week=4,
    notebook=NOTEBOOK,
    reference=recurrent.RNNCell,
    cases=(
        Case("one number", _small, run=_step),
        # As many inputs as neurons: there swapped or turned weights give wrong numbers and no error.
        Case("values", lambda: _sized(1, 2, 2), run=_step),
        Case("the first step", lambda: _without_h(_sized(1, 2, 2)), run=_first_step),
        Case("shapes", lambda: _sized(4, 3, 5), run=_step),
        Case("names and shapes of the parameters", lambda: [3, 5], run=_parameters),
        Case("a new text starts anew", lambda: _without_h(_sized(2, 3, 3)), run=_two_texts),
        Case("gradients", lambda: _sized(3, 2, 4), run=_step_gradients),
        Case("uniform in ±1/√d", lambda: [30, 50], run=_start),
        Case(
            "float64 kept",
            lambda: _sized(2, 2, 3, torch.float64),
            run=_step,
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            RNNCellWithoutTanh,
            "the tanh is missing, so the state can grow without bound, and many steps are still one linear map.",
            STEP,
        ),
        Mistake(
            RNNCellWithSigmoid,
            "a sigmoid stands where the tanh belongs: the state must be able to be negative.",
            STEP,
        ),
        Mistake(
            RNNCellWithRelu,
            "a relu stands where the tanh belongs: nothing would keep the state from growing step by step.",
            STEP,
        ),
        Mistake(
            RNNCellThatForgetsItsState,
            "the old state is not used, so the cell remembers nothing: add linear(h, weight_hh, bias_hh).",
            STEP,
        ),
        Mistake(
            RNNCellThatAddsTheStateBare,
            "the old state is added without its weight: it comes in by linear(h, weight_hh, bias_hh).",
            STEP,
        ),
        Mistake(
            RNNCellThatSquashesTwice,
            "input and state each get a tanh of their own: add the two layers first, then one tanh over the sum.",
            STEP,
        ),
        Mistake(
            RNNCellWithTheStateOutside,
            "the state's layer is added after the tanh; the sum of both layers goes through it.",
            STEP,
        ),
        Mistake(
            RNNCellThatKeepsTheOldState,
            "the old state is added to the new one once more; an RNN's new state is the tanh alone.",
            STEP,
        ),
        Mistake(
            RNNCellThatMultiplies,
            "the two layers are multiplied; they are added.",
            STEP,
        ),
        Mistake(
            RNNCellWithOneBias,
            "one of the two biases is missing: bias_ih belongs to the input's layer, bias_hh to the state's.",
            STEP,
        ),
        Mistake(
            RNNCellWithTurnedRecurrence,
            "weight_hh is not transposed: each of its ROWS belongs to one neuron, as in every layer, so it is "
            "h @ weight_hh.T.",
            STEP,
        ),
        Mistake(
            RNNCellWithSwappedWeights,
            "the weights are swapped: weight_ih leads from the input to the state, weight_hh from the state to itself.",
            STEP,
        ),
        Mistake(
            RNNCellThatStartsAtOne,
            "without a state it starts at ones; before the first character nothing was read: start at zeros.",
            STEP,
        ),
        Mistake(
            RNNCellThatNeedsAState,
            "where no state is given the input takes its place: make zeros of shape (n, d).",
            STEP,
        ),
        Mistake(
            RNNCellThatRemembersTheLastText,
            "it keeps the state in itself, so a new text goes on from the last one: the state comes in and goes out, "
            "and h=None means zeros.",
            STEP,
        ),
        Mistake(
            RNNCellThatStartsByItsInputs,
            "the weights start in ±1/√d_in; the width of the state decides here: all four in ±1/√d.",
            STEP,
        ),
        Mistake(
            RNNCellThatStartsAtZero,
            "the weights start at zero, so all neurons are alike and stay so: draw them uniformly from ±1/√d.",
            STEP,
        ),
        Mistake(
            RNNCellWithBiasesAtZero,
            "the biases start at zero; here all four start uniform in ±1/√d, as in torch.nn.RNN.",
            STEP,
        ),
        Mistake(
            RNNCellWithoutParameters,
            "the weights are plain tensors, which no optimizer finds: wrap each in nn.Parameter.",
            STEP,
        ),
        Mistake(
            RNNCellWithColumnsForNeurons,
            "weight_ih has a column for each neuron; as in every layer it has a row for each: (d, d_in).",
            STEP,
        ),
    ),
    hints=(
        "It is a layer like week 1's, with one difference: what else, besides the input, does it look at?",
        "Two linear layers, one of x and one of h, their sum through tanh. Four nn.Parameters: weight_ih (d, d_in), "
        "weight_hh (d, d), bias_ih (d,), bias_hh (d,), each torch.empty(…).uniform_(-d**-0.5, d**-0.5).",
        "return torch.tanh(linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)); before "
        "it: if h is None: h = x.new_zeros(len(x), self.weight_hh.shape[1])",
    ),
    alternatives=(nn.RNNCell, _RNNCellInOneProduct),
)


# --- unroll ----------------------------------------------------------------------------------------------------------


def _leaky_sum(x, state=None):
    """A cell that can be followed by eye: half of what it had, and the new input."""
    return x if state is None else 0.5 * state + x


def _two_sums(x, state=None):
    """A cell whose state is two tensors, as an LSTM's: what it shows, and what it keeps."""
    kept = x if state is None else state[1] + x
    return 0.1 * kept, kept


def _leaky_unroll(implementation, inputs):
    return implementation(_leaky_sum, inputs)


def _go_on(implementation, inputs, state):
    return implementation(_leaky_sum, inputs, state)


def _two_part_state(implementation, inputs):
    return implementation(_two_sums, inputs)


def _two_part_state_given(implementation, inputs, shown, kept):
    return implementation(_two_sums, inputs, (shown, kept))


def _calls(implementation, inputs):
    """What the cell was given, moment by moment."""
    seen = []

    def cell(x, state=None):
        seen.append((tuple(x.shape), None if state is None else tuple(state.shape)))
        return torch.zeros(len(x), 4) if state is None else state + 1

    implementation(cell, inputs)
    return seen


def _torch_cell(implementation, inputs):
    """A real cell with d ≠ d_in, and the gradients of its weights and of the inputs."""
    inputs = inputs.requires_grad_()
    torch.manual_seed(3)
    cell = nn.GRUCell(inputs.shape[2], 5)
    outputs, state = implementation(cell, inputs)
    pull = torch.linspace(1.0, 2.0, outputs.numel()).reshape(outputs.shape)
    ((outputs * pull).sum() + state.sum()).backward()
    return {
        "outputs": outputs.detach(),
        "last state": state.detach(),
        "gradient of inputs": inputs.grad,
        "gradient of weight_hh": cell.weight_hh.grad,
    }


def unroll_over_the_texts(cell, inputs, state=None):
    outputs = []
    for x in inputs:
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs), state


def unroll_with_time_first(cell, inputs, state=None):
    outputs, state = recurrent.unroll(cell, inputs, state)
    return outputs.transpose(0, 1), state


def unroll_that_does_not_hand_on(cell, inputs, state=None):
    states = [cell(x, state) for x in inputs.unbind(dim=1)]
    outputs = [s[0] if isinstance(s, tuple) else s for s in states]
    return torch.stack(outputs, dim=1), states[-1]


def unroll_without_the_given_state(cell, inputs, state=None):
    return recurrent.unroll(cell, inputs)


def unroll_backwards(cell, inputs, state=None):
    return recurrent.unroll(cell, inputs.flip(1), state)


def unroll_of_the_last_output(cell, inputs, state=None):
    outputs, state = recurrent.unroll(cell, inputs, state)
    return outputs[:, -1], state


def unroll_without_the_last_state(cell, inputs, state=None):
    return recurrent.unroll(cell, inputs, state)[0]


def unroll_as_a_list(cell, inputs, state=None):
    outputs, state = recurrent.unroll(cell, inputs, state)
    return list(outputs.unbind(dim=1)), state


def unroll_that_cuts_the_gradient(cell, inputs, state=None):
    outputs = []
    for x in inputs.unbind(dim=1):
        if state is not None:
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, dim=1), state


def unroll_side_by_side_in_one_row(cell, inputs, state=None):
    outputs, state = recurrent.unroll(cell, inputs, state)
    return torch.cat(list(outputs.unbind(dim=1)), dim=-1), state


def unroll_one_after_the_other(cell, inputs, state=None):
    outputs, state = recurrent.unroll(cell, inputs, state)
    return torch.cat(list(outputs.unbind(dim=1)), dim=0), state


def unroll_with_the_state_before(cell, inputs, state=None):
    outputs = []
    for x in inputs.unbind(dim=1):
        new = cell(x, state)
        shown = new[0] if isinstance(new, tuple) else new
        old = state[0] if isinstance(state, tuple) else state
        outputs.append(torch.zeros_like(shown) if old is None else old)
        state = new
    return torch.stack(outputs, dim=1), state


def unroll_that_shows_what_is_kept(cell, inputs, state=None):
    outputs = []
    for x in inputs.unbind(dim=1):
        state = cell(x, state)
        outputs.append(state[1] if isinstance(state, tuple) else state)
    return torch.stack(outputs, dim=1), state


def unroll_for_one_tensor_only(cell, inputs, state=None):
    outputs = []
    for x in inputs.unbind(dim=1):
        state = cell(x, state)
        outputs.append(state)
    return torch.stack(outputs, dim=1), state


def unroll_that_hands_on_the_first_part_only(cell, inputs, state=None):
    outputs = []
    for x in inputs.unbind(dim=1):
        state = cell(x, state)
        state = state[0] if isinstance(state, tuple) else state
        outputs.append(state)
    return torch.stack(outputs, dim=1), state


def unroll_that_loses_a_part_of_the_state(cell, inputs, state=None):
    outputs, _ = recurrent.unroll(cell, inputs, state)
    return outputs, outputs[:, -1]


def unroll_that_stops_early(cell, inputs, state=None):
    return recurrent.unroll(cell, inputs[:, : max(1, inputs.shape[1] - 1)], state)


def _unroll_into_a_table(cell, inputs, state=None):
    table = None
    for moment in range(inputs.shape[1]):
        state = cell(inputs[:, moment], state)
        shown, *_ = state if isinstance(state, tuple) else (state,)
        row = shown.unsqueeze(1)
        table = row if table is None else torch.cat([table, row], dim=1)
    return table, state


def _inputs(n, t, d):
    return torch.randn(n, t, d)


UNROLL = Exercise(
    name="recurrent.unroll",
    week=4,
    notebook=NOTEBOOK,
    reference=recurrent.unroll,
    cases=(
        Case("values", lambda: [torch.tensor([[[1.0], [2.0], [3.0]]])], run=_leaky_unroll),
        Case(
            "a state to go on from",
            lambda: [torch.tensor([[[1.0], [2.0]]]), torch.tensor([[8.0]])],
            run=_go_on,
        ),
        # Two texts of two moments: there the two dimensions can be mixed up without an error.
        Case("several texts", lambda: [_inputs(2, 2, 1)], run=_leaky_unroll),
        Case("shapes", lambda: [_inputs(4, 3, 2)], run=_leaky_unroll),
        Case("what the cell is given", lambda: [_inputs(3, 2, 6)], run=_calls),
        Case(
            "a state of two tensors",
            lambda: [torch.tensor([[[1.0], [2.0], [3.0]]])],
            run=_two_part_state,
        ),
        Case(
            "a given state of two tensors",
            lambda: [_inputs(2, 3, 1), torch.zeros(2, 1), torch.ones(2, 1)],
            run=_two_part_state_given,
        ),
        Case("one moment", lambda: [_inputs(2, 1, 3)], run=_leaky_unroll),
        Case("gradients", lambda: [_inputs(2, 6, 3)], run=_torch_cell),
    ),
    mistakes=(
        Mistake(
            unroll_over_the_texts,
            "the loop goes over the texts, dimension 0; time is dimension 1: for x in inputs.unbind(dim=1).",
            ALONG,
        ),
        Mistake(
            unroll_with_time_first,
            "the outputs come out as (t, n, d): stack them with dim=1.",
            ALONG,
        ),
        Mistake(
            unroll_that_does_not_hand_on,
            "each step starts from the first state again: what the cell returns must go into its next call.",
            ALONG,
        ),
        Mistake(
            unroll_without_the_given_state,
            "the state that is passed in is not used: begin with it.",
            ALONG,
        ),
        Mistake(
            unroll_backwards,
            "the text is read from its end: the first moment comes first.",
            ALONG,
        ),
        Mistake(
            unroll_of_the_last_output,
            "only the last moment's output is returned; the model predicts at every moment: stack all of them.",
            ALONG,
        ),
        Mistake(
            unroll_without_the_last_state,
            "the last state is not returned; who reads on needs it: return both, outputs and state.",
            ALONG,
        ),
        Mistake(
            unroll_as_a_list,
            "the outputs are a list of tensors: make one of them with torch.stack(outputs, dim=1).",
            ALONG,
        ),
        Mistake(
            unroll_that_cuts_the_gradient,
            "detach in the loop cuts the gradient after one step, so nothing is learnt about the past: hand the state "
            "on as it is.",
            ALONG,
        ),
        Mistake(
            unroll_side_by_side_in_one_row,
            "torch.cat along the last dimension puts all moments in one long row: torch.stack makes a new dimension "
            "for time.",
            ALONG,
        ),
        Mistake(
            unroll_one_after_the_other,
            "torch.cat along the first dimension mixes moments and texts: torch.stack makes a new dimension for time.",
            ALONG,
        ),
        Mistake(
            unroll_with_the_state_before,
            "each output is the state from before the input was read; it is the one after.",
            ALONG,
        ),
        Mistake(
            unroll_that_shows_what_is_kept,
            "of a state of two tensors the second is put out; the first is what the cell shows: state[0].",
            ALONG,
        ),
        Mistake(
            unroll_for_one_tensor_only,
            "a state may be a tuple of tensors, which cannot be stacked: the output is then its first part, state[0].",
            ALONG,
        ),
        Mistake(
            unroll_that_hands_on_the_first_part_only,
            "of a state of two tensors only the first goes on to the next moment: keep `state` as it is, and put "
            "state[0] into the outputs.",
            ALONG,
        ),
        Mistake(
            unroll_that_loses_a_part_of_the_state,
            "the last output is returned as the state; of a state of two tensors that is one half: return the state "
            "itself.",
            ALONG,
        ),
        Mistake(
            unroll_that_stops_early,
            "the last input is never read: t inputs give t outputs.",
            ALONG,
        ),
    ),
    hints=(
        "What must the second call of the cell be given that the first one returned?",
        "Loop over inputs.unbind(dim=1), overwrite `state` with what the cell returns, and keep its output (state[0] "
        "where the state is a tuple) in a list that is stacked at the end.",
        "state = cell(x, state); outputs.append(state[0] if isinstance(state, tuple) else state), and at the end "
        "return torch.stack(outputs, dim=1), state",
    ),
    alternatives=(_unroll_into_a_table,),
)
