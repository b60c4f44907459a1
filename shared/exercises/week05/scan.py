"""`scan.sequential`, `scan.parallel`, `scan.MinGRU` and `scan.selective_state_space`: cases, known mistakes, hints."""

import math

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.nn import scan

NOTEBOOK = "week05_lstm_gru/4_explore_linear_recurrence.ipynb"
STEPS = "Step by step"
PAIRS = "Two steps are one step"
ROUNDS = "All moments at once"
MIN_GRU = "A gate that does not look back"
SELECTIVE = "Choosing what to keep"


def _leak(t=3):
    """The tank of the worked example, with one channel."""
    a, b = torch.tensor([0.5, 1.0, 0.5]), torch.tensor([8.0, 2.0, 4.0])
    return [a[None, :t, None], b[None, :t, None]]


def _random(n, t, *rest, start=False, dtype=torch.float32):
    inputs = [torch.rand(n, t, *rest, dtype=dtype), torch.randn(n, t, *rest, dtype=dtype)]
    return [*inputs, torch.randn(n, *rest, dtype=dtype)] if start else inputs


# --- sequential ------------------------------------------------------------------------------------------------------


def sequential_that_ignores_the_start(a, b, start=None):
    return scan.sequential(a, b)


def sequential_that_leaks_after_adding(a, b, start=None):
    h, states = torch.zeros_like(b[:, 0]) if start is None else start, []
    for t in range(b.shape[1]):
        h = a[:, t] * (h + b[:, t])
        states.append(h)
    return torch.stack(states, dim=1)


def sequential_that_mixes_like_a_gate(a, b, start=None):
    return scan.sequential(a, (1 - a) * b, start)


def sequential_with_the_roles_swapped(a, b, start=None):
    return scan.sequential(b, a, start)


def sequential_that_gives_the_last_state(a, b, start=None):
    return scan.sequential(a, b, start)[:, -1]


def sequential_with_moments_first(a, b, start=None):
    return scan.sequential(a, b, start).transpose(0, 1)


def sequential_that_keeps_the_state_before(a, b, start=None):
    h, states = torch.zeros_like(b[:, 0]) if start is None else start, []
    for t in range(b.shape[1]):
        states.append(h)
        h = a[:, t] * h + b[:, t]
    return torch.stack(states, dim=1)


def sequential_with_the_start_in_front(a, b, start=None):
    first = torch.zeros_like(b[:, 0]) if start is None else start
    return torch.cat([first[:, None], scan.sequential(a, b, start)], dim=1)


def sequential_that_walks_over_examples(a, b, start=None):
    h, states = torch.zeros_like(b[0]), []
    for a_t, b_t in zip(a, b):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states)


def sequential_from_the_end(a, b, start=None):
    return scan.sequential(a.flip(1), b.flip(1), start).flip(1)


def sequential_that_writes_into_one_state(a, b, start=None):
    h = torch.zeros_like(b[:, 0]) if start is None else start.clone()
    states = []
    for t in range(b.shape[1]):
        h *= a[:, t].detach()
        h += b[:, t].detach()
        states.append(h)
    return torch.stack(states, dim=1) + 0 * (a + b)


def sequential_that_cuts_the_graph(a, b, start=None):
    h, states = torch.zeros_like(b[:, 0]) if start is None else start, []
    for t in range(b.shape[1]):
        h = a[:, t] * h.detach() + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def sequential_in_float32(a, b, start=None):
    h, states = torch.zeros(b[:, 0].shape) if start is None else start.float(), []
    for t in range(b.shape[1]):
        h = a[:, t].float() * h + b[:, t].float()
        states.append(h)
    return torch.stack(states, dim=1)


def sequential_that_skips_the_first_factor(a, b, start=None):
    h = b[:, 0] if start is None else start + b[:, 0]
    states = [h]
    for t in range(1, b.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, dim=1)


def _sequential_into_a_list_of_slices(a, b, start=None):
    states = [b[:, :1] if start is None else a[:, :1] * start.unsqueeze(1) + b[:, :1]]
    for t in range(1, b.size(1)):
        states += [torch.addcmul(b[:, t : t + 1], a[:, t : t + 1], states[-1])]
    return torch.cat(states, dim=1)


SEQUENTIAL = Exercise(
    name="scan.sequential",
    week=5,
    notebook=NOTEBOOK,
    reference=scan.sequential,
    cases=(
        Case("values", _leak),
        Case("a start", lambda: [*_leak(), torch.tensor([[20.0]])]),
        Case("several sequences", lambda: _random(2, 5, 3)),
        Case(
            "gradients",
            lambda: _random(2, 4, 3, start=True),
            run=call_with_gradients,
        ),
        Case("more axes", lambda: _random(2, 6, 3, 4, start=True)),
        Case("one moment", lambda: _random(2, 1, 3, start=True)),
        Case(
            "float64 kept",
            lambda: _random(2, 5, 3, start=True, dtype=torch.float64),
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            sequential_that_ignores_the_start,
            "the start that is passed in is not used: h begins there, and at zero only where start is None.",
            STEPS,
        ),
        Mistake(
            sequential_that_leaks_after_adding,
            "the new water leaks too: the factor belongs to the old state alone, a[:, t] * h + b[:, t].",
            STEPS,
        ),
        Mistake(
            sequential_that_mixes_like_a_gate,
            "what comes in is multiplied by 1 − a, as in a GRU; here b comes in as it is.",
            STEPS,
        ),
        Mistake(
            sequential_with_the_roles_swapped,
            "a and b have changed places: a multiplies the old state, b is added.",
            STEPS,
        ),
        Mistake(
            sequential_that_gives_the_last_state,
            "only the last state comes back; all of them are asked for: keep each in a list and stack them.",
            STEPS,
        ),
        Mistake(
            sequential_with_moments_first,
            "the states are stacked along the first axis; moments are axis 1, so it is torch.stack(states, dim=1).",
            STEPS,
        ),
        Mistake(
            sequential_that_keeps_the_state_before,
            "each state is kept before its step, so everything comes one moment late: first the step, then append.",
            STEPS,
        ),
        Mistake(
            sequential_with_the_start_in_front,
            "the start stands in front of the states, which makes t + 1 of them: begin with the state after moment 0.",
            STEPS,
        ),
        Mistake(
            sequential_that_walks_over_examples,
            "the loop runs over axis 0, the sequences; moments are axis 1: a[:, t] and b[:, t].",
            STEPS,
        ),
        Mistake(
            sequential_from_the_end,
            "the loop runs from the last moment to the first; the state flows forward in time.",
            STEPS,
        ),
        Mistake(
            sequential_that_writes_into_one_state,
            "h is changed in place, so that every entry of the list is the same tensor: make a new h at each step.",
            STEPS,
        ),
        Mistake(
            sequential_that_cuts_the_graph,
            "the state is detached between moments, so that no gradient reaches earlier ones: leave h in the graph.",
            STEPS,
        ),
        Mistake(
            sequential_in_float32,
            "the states are float32 whatever came in: make the zeros with torch.zeros_like(b[:, 0]).",
            STEPS,
        ),
        Mistake(
            sequential_that_skips_the_first_factor,
            "the first factor is left out: the start leaks as well, a[:, 0] * start + b[:, 0].",
            STEPS,
        ),
    ),
    hints=(
        "What do you need to know at moment t that you did not know before the loop began?",
        "Carry one tensor h of shape (n, …) through a loop over axis 1; make the new one from the old, and put each "
        "into a list.",
        "for t in range(b.shape[1]): h = a[:, t] * h + b[:, t]; states.append(h) … return torch.stack(states, dim=1)",
    ),
    alternatives=(_sequential_into_a_list_of_slices,),
)


# --- parallel --------------------------------------------------------------------------------------------------------


class _Counter(TorchFunctionMode):
    """Counts how many torch functions are called."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls += 1
        return function(*args, **(kwargs or {}))


def _steps(implementation, a, b):
    """Whether the work is done in few large steps: a round takes about ten calls, and a thousand moments ten rounds."""
    with _Counter() as counter:
        last = implementation(a, b)[:, -1]
    return {"last state": last, "fewer calls than moments": counter.calls < b.shape[1]}


def _scan(a, b, start, rounds=None, combine=None, grow=lambda reach: 2 * reach):
    """The reference with one thing changed."""
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    reach, done = 1, 0
    while reach < b.shape[1] and (rounds is None or done < rounds(b.shape[1])):
        first = a[:, :-reach], b[:, :-reach]
        second = a[:, reach:], b[:, reach:]
        new_a, new_b = combine(first, second)
        a, b = (
            torch.cat([a[:, :reach], new_a], dim=1),
            torch.cat([b[:, :reach], new_b], dim=1),
        )
        reach, done = grow(reach), done + 1
    return b


def _right(first, second):
    return second[0] * first[0], second[0] * first[1] + second[1]


def parallel_with_too_few_rounds(a, b, start=None):
    return _scan(a, b, start, lambda t: int(math.log2(t)), _right)


def parallel_with_one_round(a, b, start=None):
    return _scan(a, b, start, lambda t: 1, _right)


def parallel_with_the_pair_turned_round(a, b, start=None):
    return _scan(a, b, start, None, lambda p, q: (q[0] * p[0], p[0] * q[1] + p[1]))


def parallel_that_keeps_its_factors(a, b, start=None):
    return _scan(a, b, start, None, lambda p, q: (q[0], q[0] * p[1] + q[1]))


def parallel_that_updates_the_factors_first(a, b, start=None):
    def combine(p, q):
        a = q[0] * p[0]
        return a, a * p[1] + q[1]

    return _scan(a, b, start, None, combine)


def parallel_that_adds_the_factors(a, b, start=None):
    return _scan(a, b, start, None, lambda p, q: (q[0] + p[0], q[0] * p[1] + q[1]))


def parallel_that_grows_by_one(a, b, start=None):
    return _scan(a, b, start, None, _right, grow=lambda reach: reach + 1)


def parallel_that_wraps_around(a, b, start=None):
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    reach = 1
    while reach < b.shape[1]:
        a, b = a * a.roll(reach, dims=1), a * b.roll(reach, dims=1) + b
        reach *= 2
    return b


def parallel_that_ignores_the_start(a, b, start=None):
    return scan.parallel(a, b)


def parallel_with_a_start_that_does_not_leak(a, b, start=None):
    if start is not None:
        b = torch.cat([b[:, :1] + start[:, None], b[:, 1:]], dim=1)
    return scan.parallel(a, b)


def parallel_that_gives_the_factors(a, b, start=None):
    reach = 1
    while reach < a.shape[1]:
        a = torch.cat([a[:, :reach], a[:, reach:] * a[:, :-reach]], dim=1)
        reach *= 2
    return a


def parallel_by_dividing(a, b, start=None):
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    so_far = a.cumprod(dim=1)
    return so_far * (b / so_far).cumsum(dim=1)


def parallel_in_logarithms(a, b, start=None):
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    so_far = a.log().cumsum(dim=1)
    return torch.exp(so_far + torch.logcumsumexp(b.log() - so_far, dim=1))


def parallel_by_a_loop(a, b, start=None):
    return scan.sequential(a, b, start)


def parallel_in_place(a, b, start=None):
    if start is not None:
        b[:, 0] += a[:, 0] * start
    reach = 1
    while reach < b.shape[1]:
        b[:, reach:] += a[:, reach:] * b[:, :-reach]
        a[:, reach:] = a[:, reach:] * a[:, :-reach]
        reach *= 2
    return b


def _parallel_with_padding(a, b, start=None):
    """The pair of "nothing happens", (1, 0), stands before the first moment."""
    if start is not None:
        a = torch.cat([torch.zeros_like(a[:, :1]), a], dim=1)
        b = torch.cat([start[:, None], b], dim=1)
    t = b.shape[1]
    for level in range(math.ceil(math.log2(t))):
        reach = 2**level
        ones, zeros = torch.ones_like(a[:, :reach]), torch.zeros_like(b[:, :reach])
        earlier_a = torch.cat([ones, a[:, : t - reach]], dim=1)
        earlier_b = torch.cat([zeros, b[:, : t - reach]], dim=1)
        a, b = a * earlier_a, a * earlier_b + b
    return b if start is None else b[:, 1:]


def _parallel_by_halves(a, b, start=None):
    """Odd moments from a scan of half the length, even ones from the odd before them (Blelloch)."""
    if start is not None:
        b = torch.cat([b[:, :1] + a[:, :1] * start[:, None], b[:, 1:]], dim=1)
    t = b.shape[1]
    if t == 1:
        return b
    even, odd = slice(0, t - 1, 2), slice(1, t, 2)
    halves = a[:, odd] * a[:, even], a[:, odd] * b[:, even] + b[:, odd]
    at_odd = _parallel_by_halves(*halves)  # (n, t // 2, …)
    later = slice(2, t, 2)
    count = len(range(2, t, 2))
    at_even = a[:, later] * at_odd[:, :count] + b[:, later]
    at_even = torch.cat([b[:, :1], at_even], dim=1)
    return _woven(at_even, at_odd)


def _woven(even, odd):
    evens, t = even.shape[1], even.shape[1] + odd.shape[1]
    order = [i // 2 + (evens if i % 2 else 0) for i in range(t)]
    return torch.cat([even, odd], dim=1)[:, order]


def _without_nan(implementation, a, b):
    """A long sequence of strong leaks; the answer holds no nan and no inf."""
    return call_with_gradients(implementation, a, b)


PARALLEL = Exercise(
    name="scan.parallel",
    week=5,
    notebook=NOTEBOOK,
    reference=scan.parallel,
    cases=(
        Case("values", _leak),
        Case("a start", lambda: [*_leak(), torch.tensor([[20.0]])]),
        Case("a power of two", lambda: _random(1, 8, 1)),
        Case("any length", lambda: _random(1, 13, 1)),
        Case("one moment", lambda: _random(2, 1, 3, start=True)),
        Case("gradients", lambda: _random(2, 7, 3, start=True), run=call_with_gradients),
        Case("more axes", lambda: _random(2, 6, 3, 4, start=True)),
        Case(
            "long sequences",
            lambda: [0.1 * torch.rand(1, 300, 2), torch.randn(1, 300, 2)],
            run=_without_nan,
            says="where many factors are small, their product is 0 in the computer, and dividing by it gives nan: "
            "combine pairs, do not divide.",
        ),
        Case("few steps", lambda: _random(1, 1000, 2), run=_steps, rtol=1e-4),
        Case(
            "float64 kept",
            lambda: _random(2, 9, 3, start=True, dtype=torch.float64),
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            parallel_with_too_few_rounds,
            "it stops a round too early where the length is no power of two: go on while reach < t, that is ⌈log₂ t⌉ "
            "rounds.",
            ROUNDS,
        ),
        Mistake(
            parallel_with_one_round,
            "one round joins each moment with its neighbour only: repeat with twice the reach until it covers the "
            "whole sequence.",
            ROUNDS,
        ),
        Mistake(
            parallel_with_the_pair_turned_round,
            "the order is turned round: the later pair acts on what the earlier one left, a₂ b₁ + b₂.",
            PAIRS,
        ),
        Mistake(
            parallel_that_keeps_its_factors,
            "the factors stay those of single moments; a pair that stands for two moments has the factor a₂ a₁.",
            PAIRS,
        ),
        Mistake(
            parallel_that_updates_the_factors_first,
            "b is made with the factors of this round's result: it needs the old ones, so make both before you "
            "replace either.",
            ROUNDS,
        ),
        Mistake(
            parallel_that_adds_the_factors,
            "the factors are added; two leaks in a row multiply, a₂ a₁.",
            PAIRS,
        ),
        Mistake(
            parallel_that_grows_by_one,
            "the reach grows by one, so that moments are counted twice: after a round each pair stands for twice as "
            "many moments, and reach doubles.",
            ROUNDS,
        ),
        Mistake(
            parallel_that_wraps_around,
            "the first moments take in the last ones: roll carries the end round to the front. The first `reach` "
            "moments stay as they are.",
            ROUNDS,
        ),
        Mistake(
            parallel_that_ignores_the_start,
            "the start is not used: it leaks once and joins the first moment's b, b₀ + a₀ · start.",
            ROUNDS,
        ),
        Mistake(
            parallel_with_a_start_that_does_not_leak,
            "the start joins b₀ as it is; the first moment's factor acts on it too, b₀ + a₀ · start.",
            ROUNDS,
        ),
        Mistake(
            parallel_that_gives_the_factors,
            "the products of the factors come back; the states are the other half of the pairs, b.",
            ROUNDS,
        ),
        Mistake(
            parallel_by_dividing,
            "it divides by the product of all factors so far, which becomes 0 on long sequences, and then all is nan: "
            "combine pairs instead.",
            PAIRS,
        ),
        Mistake(
            parallel_in_logarithms,
            "the logarithm of a negative b is nan: this way is open only where all numbers are positive. Combine "
            "pairs instead.",
            PAIRS,
        ),
        Mistake(
            parallel_by_a_loop,
            "it is right, but it still takes one step for each moment: work in rounds over the whole of axis 1.",
            ROUNDS,
        ),
        Mistake(
            parallel_in_place,
            "a and b are changed in place, and the caller still needs them: make new tensors with torch.cat.",
            ROUNDS,
        ),
    ),
    hints=(
        "After one round each moment knows the effect of two moments. Which earlier pair must it take in next, to "
        "know that of four?",
        "While reach < t: every moment from `reach` on is combined with the pair `reach` places before it; the first "
        "`reach` moments are kept. Then reach doubles. A start is put into b's first moment beforehand.",
        "b = torch.cat([b[:, :reach], a[:, reach:] * b[:, :-reach] + b[:, reach:]], dim=1), then a = torch.cat([a[:, "
        ":reach], a[:, reach:] * a[:, :-reach]], dim=1)",
    ),
    alternatives=(_parallel_with_padding, _parallel_by_halves),
)


# --- MinGRU ----------------------------------------------------------------------------------------------------------


def _built(implementation, d_in, d, dtype=torch.float32):
    """A layer whose weights are known: `gate` and `candidate` are filled from fixed seeds."""
    layer = implementation(d_in, d)
    with torch.no_grad():
        for number, name in enumerate(
            ("gate.weight", "gate.bias", "candidate.weight", "candidate.bias")
        ):
            generator = torch.Generator().manual_seed(number)
            parameter = layer.get_parameter(name)
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer.to(dtype)


def _run(implementation, d, x, start=None):
    layer = _built(implementation, x.shape[-1], d, x.dtype)
    return (layer(x) if start is None else layer(x, start)).detach()


def _run_with_gradients(implementation, d, x, start):
    layer = _built(implementation, x.shape[-1], d)
    x = x.clone().requires_grad_()
    layer(x, start).square().sum().backward()
    return {"x": x.grad} | {
        name: layer.get_parameter(name).grad for name in ("gate.weight", "candidate.weight")
    }


def _parameters(implementation, d_in, d):
    layer = implementation(d_in, d)
    return {name: tuple(p.shape) for name, p in sorted(layer.named_parameters())}


class _Changed(scan.MinGRU):
    """The reference with its forward pass given by `states(z, c, start)`."""

    def forward(self, x, start=None):
        return self.states(torch.sigmoid(self.gate(x)), self.candidate(x), start)


class MinGRUWithTheGateTurned(_Changed):
    def states(self, z, c, start):
        return scan.parallel(z, (1 - z) * c, start)


class MinGRUWithoutSigmoid(scan.MinGRU):
    def forward(self, x, start=None):
        z = self.gate(x)
        return scan.parallel(1 - z, z * self.candidate(x), start)


class MinGRUWithTanhForTheGate(scan.MinGRU):
    def forward(self, x, start=None):
        z = torch.tanh(self.gate(x))
        return scan.parallel(1 - z, z * self.candidate(x), start)


class MinGRUWithTanh(_Changed):
    def states(self, z, c, start):
        return scan.parallel(1 - z, z * torch.tanh(c), start)


class MinGRUThatTakesTheCandidateWhole(_Changed):
    def states(self, z, c, start):
        return scan.parallel(1 - z, c, start)


class MinGRUThatForgetsByTheSameGate(_Changed):
    def states(self, z, c, start):
        return scan.parallel(z, z * c, start)


class MinGRUThatNeverForgets(_Changed):
    def states(self, z, c, start):
        return scan.parallel(torch.ones_like(z), z * c, start)


class MinGRUThatGivesTheLastState(_Changed):
    def states(self, z, c, start):
        return scan.parallel(1 - z, z * c, start)[:, -1]


class MinGRUThatIgnoresTheStart(_Changed):
    def states(self, z, c, start):
        return scan.parallel(1 - z, z * c)


class MinGRUWithoutARecurrence(_Changed):
    def states(self, z, c, start):
        return z * c


class MinGRUWithOneLayer(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.gate = self.candidate = nn.Linear(d_in, d)

    forward = scan.MinGRU.forward


class MinGRUWithoutBiases(scan.MinGRU):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        self.gate = nn.Linear(d_in, d, bias=False)
        self.candidate = nn.Linear(d_in, d, bias=False)


class MinGRUWithAGateForAll(scan.MinGRU):
    def __init__(self, d_in, d):
        super().__init__(d_in, d)
        self.gate = nn.Linear(d_in, 1)


class MinGRUWithoutSuper(nn.Module):
    def __init__(self, d_in, d):
        self.gate = nn.Linear(d_in, d)
        self.candidate = nn.Linear(d_in, d)


class _MinGRUStepByStep(nn.Module):
    def __init__(self, d_in, d):
        super().__init__()
        self.gate, self.candidate = nn.Linear(d_in, d), nn.Linear(d_in, d)

    def forward(self, x, start=None):
        gates, candidates = self.gate(x).sigmoid(), self.candidate(x)
        h = torch.zeros_like(candidates[:, 0]) if start is None else start
        states = []
        for z, c in zip(gates.unbind(1), candidates.unbind(1)):
            h = torch.lerp(h, c, z)
            states.append(h)
        return torch.stack(states, 1)


MIN_GRU_EXERCISE = Exercise(
    name="scan.MinGRU",
    week=5,
    notebook=NOTEBOOK,
    reference=scan.MinGRU,
    cases=(
        Case("parameters", lambda: [2, 3], run=_parameters),
        Case("values", lambda: [1, torch.tensor([[[1.0], [-2.0], [0.5]]])], run=_run),
        Case(
            "a start",
            lambda: [1, torch.tensor([[[1.0], [-2.0]]]), torch.tensor([[5.0]])],
            run=_run,
        ),
        Case("several sequences", lambda: [4, torch.randn(3, 6, 2)], run=_run),
        Case(
            "gradients",
            lambda: [4, torch.randn(2, 5, 3), torch.randn(2, 4)],
            run=_run_with_gradients,
            rtol=1e-4,
            atol=1e-5,
        ),
        Case("long sequences", lambda: [3, torch.randn(1, 400, 2)], run=_run, rtol=1e-4, atol=1e-5),
        Case(
            "float64 kept",
            lambda: [3, torch.randn(2, 5, 2, dtype=torch.float64)],
            run=_run,
            rtol=1e-10,
            atol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            MinGRUWithTheGateTurned,
            "the gate is turned round: here z says how much comes in, so the old state keeps 1 − z.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithoutSigmoid,
            "the gate has no sigmoid, so 1 − z can be any number, and the state can explode: z = torch.sigmoid(…).",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithTanhForTheGate,
            "the gate goes through tanh, which reaches below 0, so that the old state can grow: use the sigmoid.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithTanh,
            "the candidate goes through tanh; in the minimal GRU it is linear, c = self.candidate(x).",
            MIN_GRU,
        ),
        Mistake(
            MinGRUThatTakesTheCandidateWhole,
            "the candidate comes in whole; only the share z of it does: b is z * c.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUThatForgetsByTheSameGate,
            "z multiplies the old state as well; what stays is 1 − z, so that both shares add up to one.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUThatNeverForgets,
            "the old state stays whole; it must make room for the new: its factor is 1 − z.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUThatGivesTheLastState,
            "only the last state comes back; the layer returns the states of all moments, (n, t, d).",
            MIN_GRU,
        ),
        Mistake(
            MinGRUThatIgnoresTheStart,
            "the start is not handed on: parallel takes it as its third argument.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithoutARecurrence,
            "no moment knows of the one before: z * c is only what comes in, the scan makes states of it.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithOneLayer,
            "gate and candidate share one layer, so that the network cannot choose them apart: make two nn.Linear.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithoutBiases,
            "the layers have no bias: nn.Linear(d_in, d) brings one, and without it a gate is 1/2 wherever x is 0.",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithAGateForAll,
            "one gate serves all channels; each of the d channels has its own: nn.Linear(d_in, d).",
            MIN_GRU,
        ),
        Mistake(
            MinGRUWithoutSuper,
            "super().__init__() is missing: nn.Module must be set up before anything is stored on self.",
            MIN_GRU,
        ),
    ),
    hints=(
        "Bring h′ = (1 − z) · h + z · c into the form a · h + b. What is a, and what is b?",
        "Two linear layers give gate and candidate for all moments at once, since nn.Linear works on the last axis. "
        "Then one call of parallel.",
        "z = torch.sigmoid(self.gate(x)); return parallel(1 - z, z * self.candidate(x), start)",
    ),
    alternatives=(_MinGRUStepByStep,),
)


# --- selective_state_space -------------------------------------------------------------------------------------------


def _by_parts(x, step, decay, write, read, a=None, b=None):
    a = torch.exp(step[..., None] * decay) if a is None else a
    b = (step * x)[..., None] * write[:, :, None, :] if b is None else b
    return (scan.parallel(a, b) * read[:, :, None, :]).sum(dim=-1)


def selective_without_exp(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read, a=step[..., None] * decay)


def selective_by_eulers_step(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read, a=1 + step[..., None] * decay)


def selective_that_grows(x, step, decay, write, read):
    return _by_parts(x, step, -decay, write, read)


def selective_with_a_decay_that_ignores_the_step(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read, a=torch.exp(decay).expand(*step.shape, -1))


def selective_that_writes_without_the_step(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read, b=x[..., None] * write[:, :, None, :])


def selective_that_writes_without_x(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read, b=step[..., None] * write[:, :, None, :])


def selective_that_mixes_like_a_gate(x, step, decay, write, read):
    a = torch.exp(step[..., None] * decay)
    return _by_parts(x, step, decay, write, read, b=(1 - a) * x[..., None] * write[:, :, None, :])


def selective_with_write_and_read_swapped(x, step, decay, write, read):
    return _by_parts(x, step, decay, read, write)


def selective_that_takes_the_mean(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, read) / decay.shape[1]


def selective_that_reads_the_state_before(x, step, decay, write, read):
    a = torch.exp(step[..., None] * decay)
    h = scan.parallel(a, (step * x)[..., None] * write[:, :, None, :])
    h = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
    return (h * read[:, :, None, :]).sum(dim=-1)


def selective_that_is_not_selective(x, step, decay, write, read):
    return _by_parts(x, step, decay, write[:, :1].expand_as(write), read[:, :1].expand_as(read))


def selective_that_gives_the_states(x, step, decay, write, read):
    a = torch.exp(step[..., None] * decay)
    return scan.parallel(a, (step * x)[..., None] * write[:, :, None, :])


def selective_without_reading(x, step, decay, write, read):
    return _by_parts(x, step, decay, write, torch.ones_like(read))


def _selective_by_einsum(x, step, decay, write, read):
    a = torch.einsum("ntd,ds->ntds", step, decay).exp()
    h = scan.sequential(a, torch.einsum("ntd,ntd,nts->ntds", step, x, write))
    return torch.einsum("ntds,nts->ntd", h, read)


def _space(n, t, d, s, dtype=torch.float32):
    return [
        torch.randn(n, t, d, dtype=dtype),
        0.05 + torch.rand(n, t, d, dtype=dtype),
        -0.1 - torch.rand(d, s, dtype=dtype),
        torch.randn(n, t, s, dtype=dtype),
        torch.randn(n, t, s, dtype=dtype),
    ]


def _by_hand():
    """One channel, one state; the decay is −log 2, so that one unit of time halves it."""
    return [
        torch.tensor([[[4.0], [2.0], [1.0]]]),
        torch.tensor([[[1.0], [2.0], [1.0]]]),
        torch.tensor([[-math.log(2.0)]]),
        torch.tensor([[[1.0], [0.5], [0.0]]]),
        torch.tensor([[[1.0], [1.0], [3.0]]]),
    ]


SELECTIVE_STATE_SPACE = Exercise(
    name="scan.selective_state_space",
    week=5,
    notebook=NOTEBOOK,
    reference=scan.selective_state_space,
    cases=(
        Case("values", _by_hand),
        Case("several states", lambda: _space(1, 4, 1, 2)),
        # As many channels as states: there a mixed-up axis gives wrong numbers instead of an error.
        Case("channels and states", lambda: _space(2, 5, 3, 3)),
        Case("shapes", lambda: _space(2, 5, 3, 4)),
        Case(
            "gradients",
            lambda: _space(2, 5, 2, 3),
            run=call_with_gradients,
            rtol=1e-4,
            atol=1e-5,
        ),
        Case("long sequences", lambda: _space(1, 500, 2, 4), rtol=1e-4, atol=1e-5),
        Case(
            "float64 kept",
            lambda: _space(2, 6, 3, 4, dtype=torch.float64),
            rtol=1e-11,
            atol=1e-11,
        ),
    ),
    mistakes=(
        Mistake(
            selective_without_exp,
            "the factor is Δ A itself, which is negative: it is exp(Δ A), between 0 and 1.",
            SELECTIVE,
        ),
        Mistake(
            selective_by_eulers_step,
            "1 + Δ A is only near exp(Δ A) for small steps, and falls below −1 for large ones: use torch.exp.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_grows,
            "the sign of the decay is flipped, so that states grow: decay is negative already, exp(step * decay).",
            SELECTIVE,
        ),
        Mistake(
            selective_with_a_decay_that_ignores_the_step,
            "the factor ignores the step: how much leaks depends on how much time passes, exp(step * decay).",
            SELECTIVE,
        ),
        Mistake(
            selective_that_writes_without_the_step,
            "what comes in is not multiplied by the step: in a longer time more flows in, Δ x B.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_writes_without_x,
            "x is missing in what comes in: it is Δ x B.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_mixes_like_a_gate,
            "what comes in is multiplied by 1 − a, as in a GRU; here it is the step, Δ x B.",
            SELECTIVE,
        ),
        Mistake(
            selective_with_write_and_read_swapped,
            "write and read have changed places: write (B) says where x goes, read (C) what is seen of the states.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_takes_the_mean,
            "the mean over the states is taken; reading is a sum of C times state, over the last axis.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_reads_the_state_before,
            "y is read from the state before the moment; it is read after, so that x can be seen at once.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_is_not_selective,
            "the first moment's write and read serve all moments; each moment has its own.",
            SELECTIVE,
        ),
        Mistake(
            selective_that_gives_the_states,
            "the states come back unread: multiply them by read and sum over the last axis, (n, t, d, s) → (n, t, d).",
            SELECTIVE,
        ),
        Mistake(
            selective_without_reading,
            "the states are summed without read: each is weighted by its C first.",
            SELECTIVE,
        ),
    ),
    hints=(
        "Each of the d channels has s states. What shape have a and b then, and what has to be broadcast to it?",
        "a = exp(Δ A) from step (n, t, d, 1) and decay (d, s). b from step · x (n, t, d, 1) and write (n, t, 1, s). "
        "After the scan, multiply by read (n, t, 1, s) and sum the last axis away.",
        "h = parallel(torch.exp(step[..., None] * decay), (step * x)[..., None] * write[:, :, None, :]); return (h * "
        "read[:, :, None, :]).sum(dim=-1)",
    ),
    alternatives=(_selective_by_einsum,),
)

EXERCISES = (SEQUENTIAL, PARALLEL, MIN_GRU_EXERCISE, SELECTIVE_STATE_SPACE)
