"""`transformer.RMSNorm`, `transformer.GatedFeedForward`, `attention.repeat_heads`, "
"`attention.GroupedQueryAttention`."""

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week07.running import called, parameters_of
from shared.nn import feed_forward, grouped_attention, norms
from shared.nn.attention import (
    causal_mask,
    join_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)
from shared.nn.grouped_attention import GroupedQueryAttention, repeat_heads
from shared.nn.norms import RMSNorm
from shared.nn.positions import rotary

NOTEBOOK = "week07_transformer/4_explore_blocks_now.ipynb"
RMS = "A norm with less"
GATE = "A gate in the middle"
GROUPS = "Fewer keys and values"


# --- RMSNorm ---------------------------------------------------------------------------------------------------------


class RMSNormWithTheMeanTakenOff(norms.RMSNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        return (
            centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + self.eps) * self.weight
        )


class RMSNormByTheSum(norms.RMSNorm):
    def forward(self, x):
        return x * torch.rsqrt(x.square().sum(dim=-1, keepdim=True) + self.eps) * self.weight


class RMSNormWithEpsilonOutside(norms.RMSNorm):
    def forward(self, x):
        return x / (x.square().mean(dim=-1, keepdim=True).sqrt() + self.eps) * self.weight


class RMSNormWithoutTheRoot(norms.RMSNorm):
    def forward(self, x):
        return x / (x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class RMSNormWithABias(norms.RMSNorm):
    def __init__(self, d, eps=1e-6):
        super().__init__(d, eps)
        self.bias = nn.Parameter(torch.zeros(d))

    def forward(self, x):
        return super().forward(x) + self.bias


class RMSNormOfEverything(norms.RMSNorm):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean() + self.eps) * self.weight


class RMSNormWithoutWeight(norms.RMSNorm):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps)


class RMSNormInHalfPrecision(norms.RMSNorm):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class RMSNormThatReturnsFloat32(norms.RMSNorm):
    def forward(self, x):
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        scale = torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return wide * scale * self.weight.to(wide.dtype)


class _RMSNormByNorm(nn.Module):
    def __init__(self, d, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        wide = x.double()
        size = wide.norm(dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        return (wide / (size**2 + self.eps).sqrt()).to(x.dtype) * self.weight


def _half(implementation, d, x):
    """Large numbers in half precision: 300² is more than float16 can hold."""
    output = implementation(d).to(x.dtype)(x)
    return {"dtype": str(output.dtype), "output": output.detach().float()}


RMS_NORM = Exercise(
    name="transformer.RMSNorm",
    week=7,
    notebook=NOTEBOOK,
    reference=norms.RMSNorm,
    cases=(
        Case("parameters", lambda: [4], run=parameters_of),
        Case("values", lambda: [(2,), torch.tensor([[3.0, 4.0]])], run=called),
        Case("values", lambda: [(6,), 3 * torch.randn(2, 5, 6) + 1], run=called),
        Case("tiny numbers", lambda: [(2,), torch.tensor([[3e-3, -4e-3]])], run=called, rtol=1e-4),
        Case("another ε", lambda: [(2, 0.5), torch.tensor([[3.0, 4.0]])], run=called),
        Case(
            "half precision",
            lambda: [4, torch.tensor([[300.0, -400.0, 100.0, 200.0]], dtype=torch.float16)],
            run=_half,
            rtol=2e-3,
            atol=1e-3,
        ),
    ),
    mistakes=(
        Mistake(
            RMSNormWithTheMeanTakenOff,
            "the mean is subtracted first, which makes it a layer norm without bias: RMSNorm leaves the mean alone.",
            RMS,
        ),
        Mistake(
            RMSNormByTheSum,
            "it divides by the vector's length, the root of the sum of squares: divide by the root of their mean, so "
            "that "
            "the size does not depend on d.",
            RMS,
        ),
        Mistake(
            RMSNormWithEpsilonOutside,
            "ε is added after the root; it stands inside: √(mean of x² + ε).",
            RMS,
        ),
        Mistake(RMSNormWithoutTheRoot, "the root is missing: divide by √(mean of x² + ε).", RMS),
        Mistake(
            RMSNormWithABias,
            "it has a bias; RMSNorm has only a weight, and a checkpoint of Llama would not fit.",
            RMS,
        ),
        Mistake(
            RMSNormOfEverything,
            "one size is taken for all numbers together: each token has its own, dim=-1 with keepdim=True.",
            RMS,
        ),
        Mistake(RMSNormWithoutWeight, "the weight is not used: the last step is · weight.", RMS),
        Mistake(
            RMSNormInHalfPrecision,
            "the squares are taken in half precision, where 300² is already infinite: compute in float32, and return "
            "to "
            "x.dtype before the weight.",
            RMS,
        ),
        Mistake(
            RMSNormThatReturnsFloat32,
            "half precision goes in and float32 comes out: go back to x.dtype after dividing.",
            RMS,
        ),
    ),
    hints=(
        "What is the root of the mean of the squares of (3, 4)?",
        "In float32: x times the reciprocal root of (mean of the squares over the last axis + ε). Back to x's dtype, "
        "times "
        "the weight.",
        "return (wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight",
    ),
    alternatives=(_RMSNormByNorm,),
)


# --- GatedFeedForward ------------------------------------------------------------------------------------------------


class GatedWithTheActivationOnTheWrongOne(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.gate(x) * self.activation(self.up(x)))


class GatedWithoutActivation(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.gate(x) * self.up(x))


class GatedOnTheProduct(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.activation(self.gate(x) * self.up(x)))


class GatedBySumming(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.activation(self.gate(x)) + self.up(x))


class GatedWithTheSameLayerTwice(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.activation(self.gate(x)) * self.gate(x))


class GatedWithASigmoidBesides(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(torch.sigmoid(self.gate(x)) * self.up(x))


class GatedWithBiases(feed_forward.GatedFeedForward):
    def __init__(self, d_model, d_hidden, activation=feed_forward.silu, bias=True):
        super().__init__(d_model, d_hidden, activation, bias)


class GatedPlain(feed_forward.GatedFeedForward):
    def forward(self, x):
        return self.down(self.activation(self.up(x)))


class _GatedByOneMatrix(nn.Module):
    def __init__(self, d_model, d_hidden, activation=feed_forward.silu, bias=False):
        super().__init__()
        self.gate = nn.Linear(d_model, d_hidden, bias)
        self.up = nn.Linear(d_model, d_hidden, bias)
        self.down = nn.Linear(d_hidden, d_model, bias)
        self.activation = activation

    def forward(self, x):
        both = x @ torch.cat([self.gate.weight, self.up.weight]).T
        if self.gate.bias is not None:
            both = both + torch.cat([self.gate.bias, self.up.bias])
        gate, up = both.chunk(2, dim=-1)
        return self.down(up * self.activation(gate))


GATED_FEED_FORWARD = Exercise(
    name="transformer.GatedFeedForward",
    week=7,
    notebook=NOTEBOOK,
    reference=feed_forward.GatedFeedForward,
    cases=(
        Case("parameters", lambda: [3, 5], run=parameters_of),
        Case("values", lambda: [(2, 3), torch.tensor([[1.0, -2.0]])], run=called),
        Case("values", lambda: [(4, 10), torch.randn(2, 5, 4)], run=called),
        Case(
            "the activation given", lambda: [(4, 6, torch.relu), torch.randn(2, 5, 4)], run=called
        ),
        Case(
            "biases where asked for",
            lambda: [(4, 6, feed_forward.silu, True), torch.randn(2, 5, 4)],
            run=called,
        ),
    ),
    mistakes=(
        Mistake(
            GatedWithTheActivationOnTheWrongOne,
            "the activation is applied to self.up; the gate is what goes through it: activation(gate(x)) · up(x).",
            GATE,
        ),
        Mistake(
            GatedWithoutActivation,
            "the gate has no activation: without it the product has no bend but that of a multiplication.",
            GATE,
        ),
        Mistake(
            GatedOnTheProduct,
            "the activation is applied to the product; it belongs to the gate alone, and the product goes to "
            "self.down.",
            GATE,
        ),
        Mistake(
            GatedBySumming,
            "gate and up are added: a gate multiplies, so that 0 lets nothing through.",
            GATE,
        ),
        Mistake(
            GatedWithTheSameLayerTwice,
            "self.gate is used for both factors: the second is self.up(x).",
            GATE,
        ),
        Mistake(
            GatedWithASigmoidBesides,
            "the gate always uses a sigmoid: use the activation that is passed in (silu makes it a SwiGLU).",
            GATE,
        ),
        Mistake(
            GatedWithBiases,
            "it has biases unasked; bias is False by default here, as in Llama and Qwen.",
            GATE,
        ),
        Mistake(
            GatedPlain,
            "the gate is never used: that is the plain layer of the guided notebook.",
            GATE,
        ),
    ),
    hints=(
        "Which of the two wide layers says how much of the other passes?",
        "activation(gate(x)) times up(x), number by number, and then down.",
        "return self.down(self.activation(self.gate(x)) * self.up(x))",
    ),
    alternatives=(_GatedByOneMatrix,),
)


# --- repeat_heads ----------------------------------------------------------------------------------------------------


def repeated_as_a_whole(x, times):
    return torch.cat([x] * times, dim=-3)


def repeated_along_the_tokens(x, times):
    return x.repeat_interleave(times, dim=-2)


def repeated_along_the_numbers(x, times):
    return x.repeat_interleave(times, dim=-1)


def repeated_at_the_first_axis(x, times):
    return x.repeat_interleave(times, dim=0)


def repeated_with_a_new_axis(x, times):
    return torch.stack([x] * times, dim=-3)


def repeated_not_at_all(x, times):
    return x


def repeated_cut_from_the_graph(x, times):
    return x.detach().repeat_interleave(times, dim=-3)


def _repeated_by_expanding(x, times):
    *leading, heads, length, d = x.shape
    return x.unsqueeze(-3).expand(*leading, heads, times, length, d).flatten(-4, -3)


REPEAT_HEADS = Exercise(
    name="attention.repeat_heads",
    week=7,
    notebook=NOTEBOOK,
    reference=grouped_attention.repeat_heads,
    cases=(
        Case("values", lambda: [torch.tensor([[[1.0]], [[2.0]]]), 2], run=call_with_gradients),
        Case("values", lambda: [torch.randn(2, 3, 4, 5), 3], run=call_with_gradients),
        Case("once", lambda: [torch.randn(2, 3, 4), 1]),
        Case("any leading dimensions", lambda: [torch.randn(2, 2, 3, 4, 5), 2]),
    ),
    mistakes=(
        Mistake(
            repeated_as_a_whole,
            "the order is a b a b; queries 0 and 1 share the first head, so it must be a a b b: repeat_interleave.",
            GROUPS,
        ),
        Mistake(
            repeated_along_the_tokens,
            "the tokens are repeated (dim=-2); it is the heads that are shared, dim=-3.",
            GROUPS,
        ),
        Mistake(
            repeated_along_the_numbers,
            "the numbers are repeated (dim=-1); it is the heads that are shared, dim=-3.",
            GROUPS,
        ),
        Mistake(
            repeated_at_the_first_axis,
            "the first axis is that of the heads only where there is no batch: count from the back, dim=-3.",
            GROUPS,
        ),
        Mistake(
            repeated_with_a_new_axis,
            "a new axis appears: the heads stay one axis, times as long.",
            GROUPS,
        ),
        Mistake(
            repeated_not_at_all,
            "nothing is repeated: n_kv_heads heads become n_kv_heads · times.",
            GROUPS,
        ),
        Mistake(
            repeated_cut_from_the_graph,
            ".detach() cuts keys and values out of the graph: they would never learn.",
            GROUPS,
        ),
    ),
    hints=(
        "With 4 query heads and 2 heads of keys, which key head do queries 0, 1, 2 and 3 use?",
        "Each head `times` times in a row, along the axis of the heads, the third from the back.",
        "return x.repeat_interleave(times, dim=-3)",
    ),
    alternatives=(_repeated_by_expanding,),
)


# --- GroupedQueryAttention -------------------------------------------------------------------------------------------


class _Grouped(GroupedQueryAttention):
    """The reference with steps that a mistake can replace."""

    def forward(self, x, mask=None, positions=None, cache=None):
        query, key, value = self.split(x)
        query, key = self.normed(query, key)
        query, key = self.turned(query, key, positions)
        if cache is not None:
            key, value = cache.extend(key, value)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attend(query, key, value, mask)))

    def split(self, x):
        return (
            split_heads(self.query(x), self.n_heads),
            split_heads(self.key(x), self.n_kv_heads),
            split_heads(self.value(x), self.n_kv_heads),
        )

    def normed(self, query, key):
        if self.query_norm is None:
            return query, key
        return self.query_norm(query), self.key_norm(key)

    def turned(self, query, key, positions):
        if self.turn is None:
            return query, key
        if positions is not None and positions.ndim > 1:
            positions = positions.unsqueeze(-2)
        return self.turn(query, positions), self.turn(key, positions)

    def attend(self, query, key, value, mask):
        times = self.n_heads // self.n_kv_heads
        return self.attention(query, repeat_heads(key, times), repeat_heads(value, times), mask)


class GroupedWithTheWrongOrder(_Grouped):
    def attend(self, query, key, value, mask):
        times = self.n_heads // self.n_kv_heads
        key, value = (torch.cat([x] * times, dim=-3) for x in (key, value))
        return self.attention(query, key, value, mask)


class GroupedWithoutNorms(_Grouped):
    def normed(self, query, key):
        return query, key


class GroupedWithOneNormForBoth(_Grouped):
    def normed(self, query, key):
        if self.query_norm is None:
            return query, key
        return self.query_norm(query), self.query_norm(key)


class GroupedNormedBeforeItIsSplit(_Grouped):
    def split(self, x):
        query, key, value = super().split(x)
        if self.query_norm is None:
            return query, key, value
        # a norm over all heads together
        size = (query.square().mean(dim=(-3, -1), keepdim=True) + 1e-6).rsqrt()
        other = (key.square().mean(dim=(-3, -1), keepdim=True) + 1e-6).rsqrt()
        return query * size * self.query_norm.weight, key * other * self.key_norm.weight, value

    def normed(self, query, key):
        return query, key


class GroupedTurnedBeforeTheNorm(_Grouped):
    def forward(self, x, mask=None, positions=None, cache=None):
        query, key, value = self.split(x)
        query, key = self.normed(*self.turned(query, key, positions))
        if cache is not None:
            key, value = cache.extend(key, value)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attend(query, key, value, mask)))


class GroupedThatTurnsOnlyQueries(_Grouped):
    def turned(self, query, key, positions):
        return super().turned(query, key, positions)[0], key


class GroupedThatTurnsValuesToo(_Grouped):
    def split(self, x):
        query, key, value = super().split(x)
        return query, key, value if self.turn is None else self.turn(value, None)


class GroupedThatIgnoresPositions(_Grouped):
    def turned(self, query, key, positions):
        return super().turned(query, key, None)


class GroupedWithoutItsCache(_Grouped):
    def forward(self, x, mask=None, positions=None, cache=None):
        if cache is not None:
            cache.extend(*self.split(x)[1:])
        if mask is not None and mask.shape[-1] != x.shape[-2]:
            mask = mask[..., -x.shape[-2] :]
        return super().forward(x, mask, positions)


class GroupedThatKeepsUnturnedKeys(_Grouped):
    def forward(self, x, mask=None, positions=None, cache=None):
        query, key, value = self.split(x)
        query, key = self.normed(query, key)
        if cache is not None:
            key, value = cache.extend(key, value)
        query = query if self.turn is None else self.turn(query, positions)
        key = key if self.turn is None else self.turn(key, positions if cache is None else None)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attend(query, key, value, mask)))


class GroupedThatKeepsRepeatedHeads(_Grouped):
    def forward(self, x, mask=None, positions=None, cache=None):
        query, key, value = self.split(x)
        query, key = self.turned(*self.normed(query, key), positions)
        times = self.n_heads // self.n_kv_heads
        key, value = repeat_heads(key, times), repeat_heads(value, times)
        if cache is not None:
            key, value = cache.extend(key, value)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attention(query, key, value, mask)))


class _GroupedByGroups(GroupedQueryAttention):
    """An axis for the groups instead of repeated heads."""

    def forward(self, x, mask=None, positions=None, cache=None):
        query = split_heads(self.query(x), self.n_heads)
        key, value = (split_heads(p(x), self.n_kv_heads) for p in (self.key, self.value))
        if self.query_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        if self.turn is not None:
            at = (
                positions.unsqueeze(-2)
                if positions is not None and positions.ndim > 1
                else positions
            )
            query, key = self.turn(query, at), self.turn(key, at)
        if cache is not None:
            key, value = cache.extend(key, value)
        groups = query.unflatten(-3, (self.n_kv_heads, -1))
        if mask is not None and mask.ndim > 2:
            mask = mask.unsqueeze(-3).unsqueeze(-3)
        looked = scaled_dot_product_attention(groups, key.unsqueeze(-3), value.unsqueeze(-3), mask)
        return self.output(join_heads(looked.flatten(-4, -3)))


class _Kept:
    """A cache that remembers what was put in."""

    def __init__(self):
        self.key = self.value = None

    def extend(self, key, value):
        if self.key is not None:
            key, value = torch.cat([self.key, key], -2), torch.cat([self.value, value], -2)
        self.key, self.value = key, value
        return key, value


def _built(implementation, n_kv_heads, norm=None, turn=rotary):
    torch.manual_seed(4)
    module = implementation(8, 4, n_kv_heads, norm=norm, turn=turn)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for _, p in sorted(module.named_parameters(), key=lambda pair: pair[0]):
            p.copy_(torch.randn(p.shape, generator=generator) * 0.6)
    return module


def _grouped(implementation, x, n_kv_heads, mask=None, norm=None, turn=rotary, positions=None):
    module = _built(implementation, n_kv_heads, norm, turn)
    x = x.clone().requires_grad_()
    output = module(x, mask, positions)
    if not isinstance(output, torch.Tensor):
        return {"output": output}
    (output * torch.linspace(1, 2, output.numel()).reshape(output.shape)).sum().backward()
    return {"output": output.detach(), "gradient of x": x.grad}


def _in_two_pieces(implementation, x, n_kv_heads):
    """Four tokens first, the rest with their keys and values kept: outputs, and how much is kept."""
    module, cache = _built(implementation, n_kv_heads), _Kept()
    first = module(x[:, :4], causal_mask(4), torch.arange(4), cache)
    rest = x.shape[1] - 4
    second = module(x[:, 4:], causal_mask(rest, x.shape[1]), torch.arange(4, x.shape[1]), cache)
    kept = None if cache.key is None else tuple(cache.key.shape)
    return {"outputs": torch.cat([first, second], dim=1).detach(), "kept keys": kept}


def _real():
    return padding_mask(torch.tensor([5, 3])) & causal_mask(5)


GROUPED_QUERY_ATTENTION = Exercise(
    name="attention.GroupedQueryAttention",
    week=7,
    notebook=NOTEBOOK,
    reference=grouped_attention.GroupedQueryAttention,
    cases=(
        Case("no positions", lambda: [torch.randn(3, 8), 2, None, None, None], run=_grouped),
        Case("rotary positions", lambda: [torch.randn(3, 8), 4], run=_grouped),
        Case("two groups", lambda: [torch.randn(2, 5, 8), 2, causal_mask(5)], run=_grouped),
        Case("one group", lambda: [torch.randn(2, 5, 8), 1, _real()], run=_grouped),
        Case(
            "norms of queries and keys",
            lambda: [torch.randn(2, 5, 8), 2, causal_mask(5), RMSNorm],
            run=_grouped,
        ),
        Case(
            "positions that are given",
            lambda: [torch.randn(2, 5, 8), 2, None, None, rotary, 3 * torch.arange(5)],
            run=_grouped,
        ),
        Case(
            "positions for each text",
            lambda: [
                torch.randn(2, 5, 8),
                2,
                None,
                None,
                rotary,
                torch.stack([torch.arange(5), 2 * torch.arange(5)]),
            ],
            run=_grouped,
        ),
        Case("a cache", lambda: [torch.randn(2, 7, 8), 2], run=_in_two_pieces),
    ),
    mistakes=(
        Mistake(
            GroupedWithTheWrongOrder,
            "the heads of keys and values are repeated as a whole, a b a b; queries 0 and 1 share the first: use "
            "repeat_heads.",
            GROUPS,
        ),
        Mistake(
            GroupedWithoutNorms,
            "the norms of queries and keys are not used: where self.query_norm is not None, apply both after "
            "splitting.",
            GROUPS,
        ),
        Mistake(
            GroupedWithOneNormForBoth,
            "queries and keys go through the same norm: keys have their own, self.key_norm.",
            GROUPS,
        ),
        Mistake(
            GroupedNormedBeforeItIsSplit,
            "the size is taken over all heads together: split first, then each head's numbers are normed by "
            "themselves.",
            GROUPS,
        ),
        Mistake(
            GroupedTurnedBeforeTheNorm,
            "queries and keys are turned before their norm; the norm's weight then scales numbers that were mixed by "
            "the "
            "turn: norm first.",
            GROUPS,
        ),
        Mistake(
            GroupedThatTurnsOnlyQueries,
            "only the queries are turned: the score depends on the distance only if keys are turned too.",
            GROUPS,
        ),
        Mistake(
            GroupedThatTurnsValuesToo,
            "the values are turned as well: positions belong into the scores, so only queries and keys are turned.",
            GROUPS,
        ),
        Mistake(
            GroupedThatIgnoresPositions,
            "the positions that are given are not used: with a cache the first new token does not stand at 0. Pass "
            "them "
            "to self.turn.",
            GROUPS,
        ),
        Mistake(
            GroupedWithoutItsCache,
            "what the cache returns is not used: key, value = cache.extend(key, value), and attend to all of them.",
            GROUPS,
        ),
        Mistake(
            GroupedThatKeepsUnturnedKeys,
            "keys are kept before they are turned, and so must be turned again at every step: turn first, then keep.",
            GROUPS,
        ),
        Mistake(
            GroupedThatKeepsRepeatedHeads,
            "the heads are repeated before they are kept, and the cache grows as large as without groups: repeat after "
            "cache.extend.",
            GROUPS,
        ),
    ),
    hints=(
        "In which order: repeat, keep, turn, norm, split? What should the cache hold as little of as possible?",
        "Project and split, norm queries and keys, turn them, extend the cache, repeat the heads of keys and values, "
        "attend, join, output. Positions and mask get an axis for the heads where they have a batch in front.",
        "times = self.n_heads // self.n_kv_heads; mask = mask.unsqueeze(-3) where mask.ndim > 2; return "
        "self.output(join_heads(self.attention(query, repeat_heads(key, times), repeat_heads(value, times), mask)))",
    ),
    alternatives=(_GroupedByGroups,),
)
