"""`attention.DotProductAttention`, `.AdditiveAttention`, `.word_alignment`, `evaluate.length_quarters`."""

import math

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.nn import translator_attention
from shared.nn.attention import softmax
from shared.nn.translator_attention import AdditiveAttention, DotProductAttention

NOTEBOOK = "week06_attention/2_challenge_translation_with_attention.ipynb"
DOT = "By a dot product"
SUM = "By a small network"
WORDS = "From characters to words"
QUARTERS = "By length"


def _built(implementation, d):
    """A module with given weights."""
    module = implementation(d)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for _, p in sorted(module.named_parameters(), key=lambda pair: pair[0]):
            p.copy_(torch.randn(p.shape, generator=generator))
    return module


def _looked(implementation, query, memory, mask):
    """Weights, context, and the gradients of the context."""
    module = _built(implementation, query.shape[-1])
    query, memory = query.clone().requires_grad_(), memory.clone().requires_grad_()
    weights, context = module.weights(query, memory, mask), module(query, memory, mask)
    if not isinstance(weights, torch.Tensor) or not isinstance(context, torch.Tensor):
        return {"weights": weights, "context": context}
    (context * torch.linspace(1, 2, context.numel()).reshape(context.shape)).sum().backward()
    return {
        "weights": weights.detach(),
        "context": context.detach(),
        "gradient of query": query.grad,
        "gradient of memory": memory.grad,
    }


def _names(implementation, d):
    return {name: tuple(p.shape) for name, p in implementation(d).named_parameters()}


def _one():
    return [
        torch.tensor([[[1.0, 0.0]]]),
        torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]),
        torch.tensor([[True, True, True]]),
    ]


def _padded(n=2, t=3, s=5, d=4):
    return [
        torch.randn(n, t, d),
        torch.randn(n, s, d),
        torch.arange(s) < torch.tensor([[s], [s - 2]]),
    ]


def _masked(scores, mask):
    return scores.masked_fill(~mask[:, None, :], torch.finfo(scores.dtype).min)


# --- DotProductAttention ---------------------------------------------------------------------------------------------


class DotWithoutItsMatrix(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = query @ memory.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return softmax(_masked(scores, mask))


class DotWithoutTheRoot(DotProductAttention):
    def weights(self, query, memory, mask):
        return softmax(_masked(self.query(query) @ memory.transpose(-2, -1), mask))


class DotWithoutItsMask(DotProductAttention):
    def weights(self, query, memory, mask):
        return super().weights(query, memory, torch.ones_like(mask))


class DotOverTheTarget(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = self.query(query) @ memory.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return softmax(_masked(scores, mask), dim=1)


class DotWithTheMatrixOnTheMemory(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = query @ self.query(memory).transpose(-2, -1) / math.sqrt(query.shape[-1])
        return softmax(_masked(scores, mask))


class DotMaskedAfterwards(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = self.query(query) @ memory.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return softmax(scores) * mask[:, None, :]


class DotWithTheMaskTurned(DotProductAttention):
    def weights(self, query, memory, mask):
        return super().weights(query, memory, ~mask)


class DotThatReturnsScores(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = self.query(query) @ memory.transpose(-2, -1) / math.sqrt(query.shape[-1])
        return scores.masked_fill(~mask[:, None, :], 0.0)


class DotThatMixesAlready(DotProductAttention):
    def weights(self, query, memory, mask):
        return self.attention(self.query(query), memory, memory, mask[:, None, :])


class _DotByEinsum(DotProductAttention):
    def weights(self, query, memory, mask):
        scores = torch.einsum("ntd,nsd->nts", self.query(query), memory) / query.shape[-1] ** 0.5
        return scores.masked_fill(~mask.unsqueeze(1), -torch.inf).softmax(dim=-1)


DOT_PRODUCT = Exercise(
    name="attention.DotProductAttention",
    week=6,
    notebook=NOTEBOOK,
    reference=DotProductAttention,
    cases=(
        Case("parameters", lambda: [3], run=_names),
        Case("values", _one, run=_looked),
        Case("padding", _padded, run=_looked),
        Case("one character", lambda: _padded(t=1), run=_looked),
    ),
    mistakes=(
        Mistake(
            DotWithoutItsMatrix,
            "self.query is not used: the decoder's states are turned by it before they meet the encoder's.",
            DOT,
        ),
        Mistake(
            DotWithoutTheRoot,
            "the scores are not divided by √d; your attention of the guided notebook does that for you.",
            DOT,
        ),
        Mistake(
            DotWithoutItsMask,
            "the padding is looked at: mask[:, None, :] says where the source has real characters.",
            DOT,
        ),
        Mistake(
            DotOverTheTarget,
            "the softmax runs over the target; each character of the target shares its 1 among those of the source: "
            "dim=-1.",
            DOT,
        ),
        Mistake(
            DotWithTheMatrixOnTheMemory,
            "self.query turns the memory; it turns the query.",
            DOT,
        ),
        Mistake(
            DotMaskedAfterwards,
            "padding is set to zero after the softmax, so the rest no longer sums to 1: mask the scores before it.",
            DOT,
        ),
        Mistake(
            DotWithTheMaskTurned,
            "the mask is turned round: True means that a character is real.",
            DOT,
        ),
        Mistake(
            DotThatReturnsScores,
            "scores are returned as they are: weights are their softmax over the source.",
            DOT,
        ),
        Mistake(
            DotThatMixesAlready,
            "it returns the mixture of the memory; the weights are asked for, (n, t, s), and forward mixes with them.",
            DOT,
        ),
    ),
    hints=(
        "What does attention give back if row j of the values is 1 at place j and 0 elsewhere?",
        "Your scaled_dot_product_attention, with self.query(query) as queries, the memory as keys, and the unit matrix "
        "torch.eye(s) as values, returns its own weights. The mask needs an axis for the queries.",
        "return scaled_dot_product_attention(self.query(query), memory, torch.eye(memory.shape[1]), mask[:, None, :])",
    ),
    alternatives=(_DotByEinsum,),
)


# --- AdditiveAttention -----------------------------------------------------------------------------------------------


class _Scored(AdditiveAttention):
    """The reference with its score as a step that a mistake can replace."""

    def weights(self, query, memory, mask):
        return softmax(_masked(self.scores(query, memory), mask))

    def scores(self, query, memory):
        return self.score(torch.tanh(self.pairs(query, memory))).squeeze(-1)

    def pairs(self, query, memory):
        return self.query(query)[:, :, None] + self.key(memory)[:, None]


class AdditiveWithoutTanh(_Scored):
    def scores(self, query, memory):
        return self.score(self.pairs(query, memory)).squeeze(-1)


class AdditiveWithReLU(_Scored):
    def scores(self, query, memory):
        return self.score(torch.relu(self.pairs(query, memory))).squeeze(-1)


class AdditiveByMultiplying(_Scored):
    def pairs(self, query, memory):
        return self.query(query)[:, :, None] * self.key(memory)[:, None]


class AdditiveWithOneMatrix(_Scored):
    def pairs(self, query, memory):
        return self.query(query)[:, :, None] + self.query(memory)[:, None]


class AdditiveWithSwappedMatrices(_Scored):
    def pairs(self, query, memory):
        return self.key(query)[:, :, None] + self.query(memory)[:, None]


class AdditiveWithTheRoot(_Scored):
    def scores(self, query, memory):
        return super().scores(query, memory) / math.sqrt(query.shape[-1])


class AdditiveWithoutItsMask(_Scored):
    def weights(self, query, memory, mask):
        return softmax(self.scores(query, memory))


class AdditiveOverTheTarget(_Scored):
    def weights(self, query, memory, mask):
        return softmax(_masked(self.scores(query, memory), mask), dim=1)


class AdditiveBySumming(_Scored):
    def scores(self, query, memory):
        return torch.tanh(self.pairs(query, memory)).sum(dim=-1)


class AdditiveMaskedAfterwards(_Scored):
    def weights(self, query, memory, mask):
        return softmax(self.scores(query, memory)) * mask[:, None, :]


class _AdditiveOneByOne(AdditiveAttention):
    def weights(self, query, memory, mask):
        keys, rows = self.key(memory), []
        for q in self.query(query).unbind(dim=1):  # (n, d)
            row = (torch.tanh(q[:, None] + keys) * self.score.weight).sum(dim=-1)
            rows.append(row.masked_fill(~mask, -torch.inf).softmax(dim=-1))
        return torch.stack(rows, dim=1)


ADDITIVE = Exercise(
    name="attention.AdditiveAttention",
    week=6,
    notebook=NOTEBOOK,
    reference=AdditiveAttention,
    cases=(
        Case("parameters", lambda: [3], run=_names),
        Case("values", _one, run=_looked),
        Case("padding", _padded, run=_looked),
        Case("one character", lambda: _padded(t=1), run=_looked),
    ),
    mistakes=(
        Mistake(
            AdditiveWithoutTanh,
            "the tanh is missing; without a bend the query adds the same to all scores, and the softmax takes it out "
            "again.",
            SUM,
        ),
        Mistake(AdditiveWithReLU, "the bend is a tanh, not a ReLU.", SUM),
        Mistake(
            AdditiveByMultiplying,
            "query and key are multiplied; here they are added, hence the name.",
            SUM,
        ),
        Mistake(
            AdditiveWithOneMatrix,
            "both go through self.query: the memory has a matrix of its own, self.key.",
            SUM,
        ),
        Mistake(
            AdditiveWithSwappedMatrices,
            "the matrices are swapped: self.query is for the query, self.key for the memory.",
            SUM,
        ),
        Mistake(
            AdditiveWithTheRoot,
            "the scores are divided by √d; that belongs to the dot product, whose scores grow with d.",
            SUM,
        ),
        Mistake(
            AdditiveWithoutItsMask,
            "the padding is looked at: mask the scores before the softmax.",
            SUM,
        ),
        Mistake(
            AdditiveOverTheTarget,
            "the softmax runs over the target; each character of the target shares its 1 among those of the source: "
            "dim=-1.",
            SUM,
        ),
        Mistake(
            AdditiveBySumming,
            "the hidden numbers are summed plainly: self.score weighs them.",
            SUM,
        ),
        Mistake(
            AdditiveMaskedAfterwards,
            "padding is set to zero after the softmax, so the rest no longer sums to 1: mask the scores before it.",
            SUM,
        ),
    ),
    hints=(
        "Every query meets every state of the memory: which shape do the sums have?",
        "self.query(query) gets an axis for the source, self.key(memory) one for the target; their sum is (n, t, s, "
        "d). "
        "tanh, self.score, squeeze the last axis, mask, softmax.",
        "both = self.query(query)[:, :, None] + self.key(memory)[:, None]; scores = "
        "self.score(torch.tanh(both)).squeeze(-1)",
    ),
    alternatives=(_AdditiveOneByOne,),
)


# --- word_alignment --------------------------------------------------------------------------------------------------


def _spans(text):
    """(first, last + 1) of each word."""
    spans, start = [], None
    for i, character in enumerate(text + " "):
        if character != " " and start is None:
            start = i
        if character == " " and start is not None:
            spans.append((start, i))
            start = None
    return spans


def _aligned(weights, target, source, over_target, over_source):
    rows = [over_target(weights[a:b], 0) for a, b in _spans(target)]
    return torch.stack(
        [torch.stack([over_source(r[a:b], 0) for a, b in _spans(source)]) for r in rows]
    )


def words_by_sums(weights, target, source):
    return _aligned(weights, target, source, torch.sum, torch.sum)


def words_by_means(weights, target, source):
    return _aligned(weights, target, source, torch.mean, torch.mean)


def words_by_swapped_sums(weights, target, source):
    return _aligned(weights, target, source, torch.sum, torch.mean)


def words_by_the_largest(weights, target, source):
    return _aligned(weights, target, source, torch.mean, torch.amax)


def words_transposed(weights, target, source):
    return translator_attention.word_alignment(weights, target, source).T


def words_by_first_characters(weights, target, source):
    return _aligned(weights, target, source, lambda x, dim: x[0], torch.sum)


def words_normalized(weights, target, source):
    found = translator_attention.word_alignment(weights, target, source)
    return found / found.sum(dim=1, keepdim=True)


def words_with_their_spaces(weights, target, source):
    def spans(text):
        found = _spans(text)
        return [(a, min(b + 1, len(text))) for a, b in found]

    rows = [weights[a:b].mean(0) for a, b in spans(target)]
    return torch.stack([torch.stack([r[a:b].sum() for a, b in spans(source)]) for r in rows])


def words_by_plain_split(weights, target, source):
    def spans(text):
        found, start = [], 0
        for word in text.split(" "):
            found.append((start, start + len(word)))
            start += len(word) + 1
        return found

    rows = [weights[a:b].mean(0) for a, b in spans(target)]
    return torch.stack([torch.stack([r[a:b].sum() for a, b in spans(source)]) for r in rows])


def _words_by_spans(weights, target, source):
    return _aligned(weights, target, source, torch.mean, torch.sum)


def _weights(t, s):
    return torch.rand(t, s).softmax(dim=-1)


WORD_ALIGNMENT = Exercise(
    name="attention.word_alignment",
    week=6,
    notebook=NOTEBOOK,
    reference=translator_attention.word_alignment,
    cases=(
        Case(
            "values",
            lambda: [
                torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [0.2, 0.2, 0.6]]),
                "a b",
                "xy ",
            ],
        ),
        Case("two words", lambda: [_weights(5, 6), "ab cd", "x yz w"]),
        Case("longer", lambda: [_weights(13, 17), "je suis ici .", "i am here , yes ."]),
        Case("two spaces", lambda: [_weights(6, 4), "ab  cd", "x  y"]),
    ),
    mistakes=(
        Mistake(
            words_by_sums,
            "over a target word's characters it sums, so that long words look more than short ones: take the mean "
            "there.",
            WORDS,
        ),
        Mistake(
            words_by_means,
            "over a source word's characters it takes the mean, so that long words are looked at less: take the sum "
            "there.",
            WORDS,
        ),
        Mistake(
            words_by_swapped_sums,
            "sum and mean are swapped: the mean over the characters that look, the sum over those that are looked at.",
            WORDS,
        ),
        Mistake(
            words_by_the_largest,
            "it takes the largest weight of a source word: its characters' weights add up.",
            WORDS,
        ),
        Mistake(
            words_transposed,
            "rows and columns are swapped: a row for each word of the target.",
            WORDS,
        ),
        Mistake(
            words_by_first_characters,
            "only the first character of each target word counts: take the mean over all of them.",
            WORDS,
        ),
        Mistake(
            words_normalized,
            "the rows are made to sum to 1, which hides what went to spaces: leave them.",
            WORDS,
        ),
        Mistake(
            words_with_their_spaces,
            "the space after a word is counted with it: what is given to spaces counts for no word.",
            WORDS,
        ),
        Mistake(
            words_by_plain_split,
            'text.split(" ") makes empty words of two spaces in a row, or of one at an end: these are no words.',
            WORDS,
        ),
    ),
    hints=(
        "Which of the two axes shares out a 1, and which asks?",
        "Find where each word begins and ends. For a target word the mean of its rows, for a source word the sum of "
        "its "
        "columns.",
        "rows = [weights[a:b].mean(dim=0) for a, b in spans(target)]; then torch.stack([row[a:b].sum() for a, b in "
        "spans(source)]) for each",
    ),
    alternatives=(_words_by_spans,),
)


# --- length_quarters -------------------------------------------------------------------------------------------------


def _lists(implementation, lengths):
    return [part.tolist() for part in implementation(lengths)]


def quarters_by_the_range(lengths):
    low, high = lengths.min(), lengths.max()
    place = ((lengths - low) * 4 // (high - low + 1)).clamp(max=3)
    return [(place == i).nonzero()[:, 0] for i in range(4)]


def quarters_longest_first(lengths):
    return list(torch.tensor_split(lengths.argsort(stable=True, descending=True), 4))


def quarters_without_sorting(lengths):
    return list(torch.tensor_split(torch.arange(len(lengths)), 4))


def quarters_of_lengths(lengths):
    return list(torch.tensor_split(lengths.sort(stable=True).values, 4))


def quarters_that_drop_the_rest(lengths):
    order, size = lengths.argsort(stable=True), len(lengths) // 4
    return [order[i * size : (i + 1) * size] for i in range(4)]


def quarters_by_chunk(lengths):
    return list(lengths.argsort(stable=True).chunk(4))


def quarters_of_four(lengths):
    return list(lengths.argsort(stable=True).split(4))


def quarters_unstable(lengths):
    reversed_order = lengths.flip(0).argsort(stable=True)
    return list(torch.tensor_split(len(lengths) - 1 - reversed_order, 4))


def _quarters_by_sorted(lengths):
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i].item(), i))
    quarters, start = [], 0
    for i in range(4):
        size = len(order) // 4 + (i < len(order) % 4)
        quarters.append(torch.tensor(order[start : start + size]))
        start += size
    return quarters


LENGTH_QUARTERS = Exercise(
    name="evaluate.length_quarters",
    week=6,
    notebook=NOTEBOOK,
    reference=translator_attention.length_quarters,
    cases=(
        Case("values", lambda: [torch.tensor([9, 2, 7, 4])], run=_lists),
        Case("equal lengths", lambda: [torch.tensor([5, 3, 5, 3, 5, 3, 5, 3])], run=_lists),
        Case("what is left over", lambda: [torch.tensor([3, 1, 2, 9, 8, 20])], run=_lists),
        Case("many", lambda: [torch.randint(1, 40, (101,))], run=_lists),
    ),
    mistakes=(
        Mistake(
            quarters_by_the_range,
            "the range of lengths is cut in four, so the groups differ in size: cut the sorted examples in four.",
            QUARTERS,
        ),
        Mistake(
            quarters_longest_first, "the longest come first; start with the shortest.", QUARTERS
        ),
        Mistake(
            quarters_without_sorting,
            "the examples are not sorted by their length: argsort first.",
            QUARTERS,
        ),
        Mistake(
            quarters_of_lengths,
            "it returns the lengths; return the numbers of the examples (argsort, not sort).",
            QUARTERS,
        ),
        Mistake(
            quarters_that_drop_the_rest,
            "what is left over after dividing by four is dropped: torch.tensor_split gives it to the first groups.",
            QUARTERS,
        ),
        Mistake(
            quarters_by_chunk,
            "chunk makes the groups equally large and may end with three: torch.tensor_split makes four, and the first "
            "get what is left over.",
            QUARTERS,
        ),
        Mistake(
            quarters_of_four,
            "it makes groups of four; four groups are asked for.",
            QUARTERS,
        ),
        Mistake(
            quarters_unstable,
            "examples of equal length change their order: argsort(stable=True).",
            QUARTERS,
        ),
    ),
    hints=(
        "If the examples stood in a row from short to long, where would you cut?",
        "The numbers of the examples in order of length, cut into four parts of nearly equal size.",
        "return list(torch.tensor_split(lengths.argsort(stable=True), 4))",
    ),
    alternatives=(_quarters_by_sorted,),
)
