"""`attention.split_heads`, `attention.MultiHeadAttention`, `transformer.LayerNorm`: cases, mistakes, hints."""

import math

import torch
from torch import nn

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week07.running import called, parameters_of
from shared.nn import attention, norms
from shared.nn.attention import causal_mask, join_heads, padding_mask, split_heads

NOTEBOOK = "week07_transformer/1_guided_transformer_block.ipynb"
HEADS = "Several heads"
SPLIT = "Cut into heads"
NORM = "Keep the numbers at one size"


# --- split_heads -----------------------------------------------------------------------------------------------------


def split_without_transpose(x, n_heads):
    return x.unflatten(-1, (n_heads, -1))


def split_by_a_view(x, n_heads):
    *leading, length, width = x.shape
    return x.reshape(*leading, n_heads, length, width // n_heads)


def split_with_heads_and_numbers_swapped(x, n_heads):
    return x.unflatten(-1, (-1, n_heads)).transpose(-3, -2)


def split_interleaved(x, n_heads):
    return x.unflatten(-1, (-1, n_heads)).movedim(-1, -3)


def split_only_for_batches(x, n_heads):
    n, length, width = x.shape
    return x.view(n, length, n_heads, width // n_heads).transpose(1, 2)


def split_with_the_wrong_axes_swapped(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).transpose(-2, -1)


def split_cut_from_the_graph(x, n_heads):
    return x.detach().unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def _split_by_chunks(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=-3)


def _counted():
    """Two tokens of four numbers that say where they stand: token · 10 + place."""
    return torch.tensor([[0.0, 1.0, 2.0, 3.0], [10.0, 11.0, 12.0, 13.0]])


SPLIT_HEADS = Exercise(
    name="attention.split_heads",
    week=7,
    notebook=NOTEBOOK,
    reference=attention.split_heads,
    cases=(
        Case("values", lambda: [_counted(), 2], run=call_with_gradients),
        Case("values", lambda: [torch.randn(2, 5, 12), 3], run=call_with_gradients),
        Case("one head", lambda: [torch.randn(3, 4), 1]),
        Case("any leading dimensions", lambda: [torch.randn(2, 3, 5, 6), 2]),
        Case("as many heads as numbers", lambda: [torch.randn(2, 5, 4), 4]),
        Case("float64 kept", lambda: [torch.randn(5, 4, dtype=torch.float64), 2]),
    ),
    mistakes=(
        Mistake(
            split_without_transpose,
            "the axis of the heads stands behind that of the tokens, (length, n_heads, d): swap the two, so that each "
            "head is a matrix of its own.",
            SPLIT,
        ),
        Mistake(
            split_by_a_view,
            "reshaping straight to (n_heads, length, d) cuts across tokens: the first head gets the first tokens "
            "whole. Cut the last axis first, then swap axes.",
            SPLIT,
        ),
        Mistake(
            split_with_heads_and_numbers_swapped,
            "the last axis is cut into d pieces of n_heads: cut it into n_heads pieces of d, (n_heads, -1).",
            SPLIT,
        ),
        Mistake(
            split_interleaved,
            "head h gets every n_heads-th number; it gets a block of neighbours: unflatten to (n_heads, -1).",
            SPLIT,
        ),
        Mistake(
            split_only_for_batches,
            "it works for three axes only: count axes from the back (-3, -2, -1), so that any number may stand before.",
            SPLIT,
        ),
        Mistake(
            split_with_the_wrong_axes_swapped,
            "the last two axes are swapped, which transposes each token's head: swap those of tokens and heads, "
            "-3 and -2.",
            SPLIT,
        ),
        Mistake(
            split_cut_from_the_graph,
            ".detach() cuts the projections out of the graph: they would never learn.",
            SPLIT,
        ),
    ),
    hints=(
        "With 12 numbers and 3 heads, which numbers of a token are those of head 1?",
        "Cut the last axis into two, (n_heads, d), then swap the axis of the heads with that of the tokens.",
        "return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)",
    ),
    alternatives=(_split_by_chunks,),
)


# --- MultiHeadAttention ----------------------------------------------------------------------------------------------


class MultiHeadWithOneScaleForAll(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        query = split_heads(self.query(x), self.n_heads)
        key, value = (split_heads(p(context), self.n_heads) for p in (self.key, self.value))
        query = query * math.sqrt(query.shape[-1] / x.shape[-1])
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attention(query, key, value, mask)))


class MultiHeadThatIgnoresTheContext(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        return super().forward(x, None, mask)


class MultiHeadWithQueriesFromTheContext(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        if context is None:
            return super().forward(x, None, mask)
        return super().forward(context, x, None if mask is None else mask.transpose(-2, -1))


class MultiHeadWithValuesFromX(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        query = split_heads(self.query(x), self.n_heads)
        key = split_heads(self.key(context), self.n_heads)
        value = split_heads(self.value(x), self.n_heads)
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        return self.output(join_heads(self.attention(query, key, value, mask)))


class MultiHeadWithoutItsMask(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        return super().forward(x, context)


class MultiHeadWithoutItsOutput(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        self.output = nn.Identity()
        return super().forward(x, context, mask)


class MultiHeadJoinedWithoutTranspose(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        query, key, value = (
            split_heads(p(c), self.n_heads)
            for p, c in ((self.query, x), (self.key, context), (self.value, context))
        )
        mask = mask.unsqueeze(-3) if mask is not None and mask.ndim > 2 else mask
        looked = self.attention(query, key, value, mask)
        return self.output(looked.reshape(x.shape))


class MultiHeadOfOneHead(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        self.n_heads = 1
        return super().forward(x, context, mask)


class MultiHeadWithoutAnAxisForTheHeads(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        query, key, value = (
            split_heads(p(c), self.n_heads)
            for p, c in ((self.query, x), (self.key, context), (self.value, context))
        )
        return self.output(join_heads(self.attention(query, key, value, mask)))


class MultiHeadWithKeyAndValueSwapped(attention.MultiHeadAttention):
    def forward(self, x, context=None, mask=None):
        self.key, self.value = self.value, self.key
        return super().forward(x, context, mask)


class MultiHeadWithOneProjection(attention.MultiHeadAttention):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__(d_model, n_heads, bias)
        self.key = self.value = self.query


class MultiHeadWithHeadSizedProjections(nn.Module):
    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        self.n_heads = n_heads
        d = d_model // n_heads
        self.query, self.key, self.value = (nn.Linear(d_model, d, bias) for _ in range(3))
        self.output = nn.Linear(d, d_model, bias)

    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        looked = attention.scaled_dot_product_attention(
            self.query(x), self.key(context), self.value(context), mask
        )
        return self.output(looked)


class _MultiHeadByALoop(nn.Module):
    """One head after the other, with slices of the projections."""

    def __init__(self, d_model, n_heads, bias=True):
        super().__init__()
        self.n_heads = n_heads
        for name in ("query", "key", "value", "output"):
            setattr(self, name, nn.Linear(d_model, d_model, bias))

    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        pieces = (self.query(x), self.key(context), self.value(context))
        heads = zip(*(piece.chunk(self.n_heads, dim=-1) for piece in pieces))
        looked = [attention.scaled_dot_product_attention(q, k, v, mask) for q, k, v in heads]
        return self.output(torch.cat(looked, dim=-1))


def _padded_and_causal():
    return padding_mask(torch.tensor([5, 3])) & causal_mask(5)


MULTI_HEAD_ATTENTION = Exercise(
    name="attention.MultiHeadAttention",
    week=7,
    notebook=NOTEBOOK,
    reference=attention.MultiHeadAttention,
    cases=(
        Case("parameters", lambda: [8, 2], run=parameters_of),
        Case("parameters", lambda: [8, 2, False], run=parameters_of),
        Case("one token", lambda: [(2, 1), torch.tensor([[1.0, -2.0]])], run=called),
        Case(
            "values", lambda: [(4, 2), torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 1]])], run=called
        ),
        Case("values", lambda: [(12, 3), torch.randn(2, 5, 12)], run=called),
        Case(
            "another context",
            lambda: [(8, 2), torch.randn(2, 5, 8), torch.randn(2, 7, 8)],
            run=called,
        ),
        Case(
            "a causal mask",
            lambda: [(8, 2), torch.randn(2, 5, 8), None, causal_mask(5)],
            run=called,
        ),
        Case(
            "a mask for each text",
            lambda: [(8, 2), torch.randn(2, 5, 8), None, _padded_and_causal()],
            run=called,
        ),
        Case(
            "a mask of the context",
            lambda: [
                (8, 4),
                torch.randn(4, 3, 8),
                torch.randn(4, 6, 8),
                padding_mask(torch.tensor([6, 2, 4, 1])),
            ],
            run=called,
        ),
        Case(
            "any leading dimensions",
            lambda: [(8, 2), torch.randn(2, 3, 5, 8)],
            run=called,
            rtol=1e-4,
        ),
        Case(
            "float64 kept",
            lambda: [(4, 2), torch.randn(3, 4, dtype=torch.float64)],
            run=called,
            rtol=1e-10,
            atol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            MultiHeadWithOneScaleForAll,
            "the scores are divided by the root of d_model; a head's queries have only d_model / n_heads numbers: "
            "split first, then call the attention, which divides by the right root.",
            HEADS,
        ),
        Mistake(
            MultiHeadThatIgnoresTheContext,
            "the context is not used: where one is given, keys and values are made from it, and only queries from x.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithQueriesFromTheContext,
            "queries and keys have changed places: queries come from x, keys and values from the context.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithValuesFromX,
            "the values are made from x: what is looked up stands in the context, and so do its values.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithoutItsMask,
            "the mask is not passed on, so every token sees every other: hand it to the attention.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithoutItsOutput,
            "the output layer is missing: the joined heads are mixed by self.output before they are returned.",
            HEADS,
        ),
        Mistake(
            MultiHeadJoinedWithoutTranspose,
            "the heads are reshaped together without swapping their axis back, so numbers of different tokens mix: "
            "use join_heads.",
            HEADS,
        ),
        Mistake(
            MultiHeadOfOneHead,
            "the numbers are never split, so there is one wide head: split queries, keys and values by n_heads.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithoutAnAxisForTheHeads,
            "a mask (n, q_len, k_len) meets scores (n, n_heads, q_len, k_len) and lines up with the wrong axis: give "
            "it an axis for the heads, mask.unsqueeze(-3), where it has more than two.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithKeyAndValueSwapped,
            "the projections of keys and values have changed places: scores come from self.key, what is mixed from "
            "self.value.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithOneProjection,
            "queries, keys and values share one layer, so every token looks most at itself: make three layers.",
            HEADS,
        ),
        Mistake(
            MultiHeadWithHeadSizedProjections,
            "the projections make d_model / n_heads numbers, enough for a single head: they go from d_model to "
            "d_model, and every head takes its slice.",
            HEADS,
        ),
    ),
    hints=(
        "Where do the queries come from, and where keys and values, when a context is given?",
        "Project, split each of the three into heads, attend (all heads at once), join, project with self.output.",
        "context = x where it is None, and mask = mask.unsqueeze(-3) where mask.ndim > 2; then "
        "query, key, value = (split_heads(p(c), self.n_heads) for p, c in ((self.query, x), (self.key, context), "
        "(self.value, context))); return self.output(join_heads(scaled_dot_product_attention(query, key, value, "
        "mask)))",
    ),
    alternatives=(_MultiHeadByALoop,),
)


# --- LayerNorm -------------------------------------------------------------------------------------------------------


class LayerNormByTheSampleVariance(norms.LayerNorm):
    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True)
        centred = x - x.mean(dim=-1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias


class LayerNormWithEpsilonOutsideTheRoot(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        spread = centred.square().mean(dim=-1, keepdim=True).sqrt()
        return centred / (spread + self.eps) * self.weight + self.bias


class LayerNormByTheSampleSpread(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        return centred / (x.std(dim=-1, keepdim=True) + self.eps) * self.weight + self.bias


class LayerNormWithoutEpsilon(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        spread = centred.square().mean(dim=-1, keepdim=True).sqrt()
        return centred / spread * self.weight + self.bias


class LayerNormByTheVariance(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred / (variance + self.eps) * self.weight + self.bias


class LayerNormOverTheBatch(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=0, keepdim=True)
        variance = centred.square().mean(dim=0, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias


class LayerNormOverEverything(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean()
        variance = centred.square().mean()
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias


class LayerNormWithoutTheMean(norms.LayerNorm):
    def forward(self, x):
        size = x.square().mean(dim=-1, keepdim=True)
        return x / torch.sqrt(size + self.eps) * self.weight + self.bias


class LayerNormWithoutWeightAndBias(norms.LayerNorm):
    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps)


class LayerNormThatIsNotLearnt(nn.Module):
    def __init__(self, d, eps=1e-5):
        super().__init__()
        self.eps, self.weight, self.bias = eps, torch.ones(d), torch.zeros(d)

    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        return centred / torch.sqrt(variance + self.eps) * self.weight + self.bias


class LayerNormThatStartsAtZero(norms.LayerNorm):
    def __init__(self, d, eps=1e-5):
        super().__init__(d, eps)
        nn.init.zeros_(self.weight)


class LayerNormWithABuiltInEpsilon(norms.LayerNorm):
    def __init__(self, d, eps=1e-5):
        super().__init__(d, 1e-5)


class LayerNormWithDetachedStatistics(norms.LayerNorm):
    def forward(self, x):
        fixed = x.detach()
        mean = fixed.mean(dim=-1, keepdim=True)
        variance = (fixed - mean).square().mean(dim=-1, keepdim=True)
        return (x - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias


class _LayerNormByVar(nn.Module):
    def __init__(self, d, eps=1e-5):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))
        self.eps = eps

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


def _fresh(implementation, d, x):
    """What a norm that has learnt nothing yet gives: mean 0, spread 1."""
    return implementation(d)(x)


LAYER_NORM = Exercise(
    name="transformer.LayerNorm",
    week=7,
    notebook=NOTEBOOK,
    reference=norms.LayerNorm,
    cases=(
        Case("parameters", lambda: [4], run=parameters_of),
        Case("a fresh norm", lambda: [3, torch.tensor([1.0, 2.0, 6.0])], run=_fresh),
        Case("values", lambda: [(3,), torch.tensor([[1.0, 2.0, 6.0]])], run=called),
        Case("each token by itself", lambda: [(6,), 3 * torch.randn(2, 5, 6) + 1], run=called),
        Case(
            "tiny numbers",
            lambda: [(4,), 1e-3 * torch.tensor([[1.0, -2.0, 3.0, 0.5]])],
            run=called,
            rtol=1e-4,
        ),
        Case("equal numbers", lambda: [(4,), torch.full((1, 4), 3.0)], run=called, atol=1e-4),
        Case("another ε", lambda: [(3, 0.5), torch.tensor([[1.0, 2.0, 6.0]])], run=called),
        Case(
            "float64 kept",
            lambda: [(5,), torch.randn(2, 5, dtype=torch.float64)],
            run=called,
            rtol=1e-10,
            atol=1e-10,
        ),
    ),
    mistakes=(
        Mistake(
            LayerNormByTheSampleVariance,
            "the variance divides by d − 1, as torch.var does unasked: divide by d (correction=0, or the mean of the "
            "squares).",
            NORM,
        ),
        Mistake(
            LayerNormWithEpsilonOutsideTheRoot,
            "ε is added after the root; it stands inside: torch.sqrt(variance + eps).",
            NORM,
        ),
        Mistake(
            LayerNormByTheSampleSpread,
            "x.std divides by d − 1, and ε is added after the root: divide by torch.sqrt(mean of the squares + eps).",
            NORM,
        ),
        Mistake(
            LayerNormWithoutEpsilon,
            "ε is missing: a token whose numbers are all equal has variance 0, and dividing by it gives nan.",
            NORM,
        ),
        Mistake(
            LayerNormByTheVariance,
            "it divides by the variance; divide by its root, or the spread does not become 1.",
            NORM,
        ),
        Mistake(
            LayerNormOverTheBatch,
            "mean and variance are taken over the batch (dim=0), which is batch norm: take them over the last axis, "
            "for each token by itself.",
            NORM,
        ),
        Mistake(
            LayerNormOverEverything,
            "one mean and one variance are taken for all numbers together: each token has its own, dim=-1 with "
            "keepdim=True.",
            NORM,
        ),
        Mistake(
            LayerNormWithoutTheMean,
            "the mean is not subtracted; that is RMSNorm, which this week's explore notebook comes to.",
            NORM,
        ),
        Mistake(
            LayerNormWithoutWeightAndBias,
            "weight and bias are not used: the last step is · weight + bias.",
            NORM,
        ),
        Mistake(
            LayerNormThatIsNotLearnt,
            "weight and bias are plain tensors, which no optimizer sees: wrap them in nn.Parameter.",
            NORM,
        ),
        Mistake(
            LayerNormThatStartsAtZero,
            "the weight starts at 0, so a fresh norm gives the same for every token: start it at one.",
            NORM,
        ),
        Mistake(
            LayerNormWithABuiltInEpsilon,
            "the eps that is passed in is not used: keep it on self, and use that.",
            NORM,
        ),
        Mistake(
            LayerNormWithDetachedStatistics,
            "mean and variance are detached, so the gradient misses that they move with x: compute them from x itself.",
            NORM,
        ),
    ),
    hints=(
        "Over which axis is the mean taken, if every token is to be normalized by itself?",
        "Subtract the mean of the last axis, divide by √(mean of the squares + ε), then · weight + bias. keepdim=True "
        "keeps the shapes fitting.",
        "centred = x - x.mean(dim=-1, keepdim=True); variance = centred.square().mean(dim=-1, keepdim=True); return "
        "centred / torch.sqrt(variance + self.eps) * self.weight + self.bias",
    ),
    alternatives=(_LayerNormByVar,),
)
