"""`attention.softmax`, `scaled_dot_product_attention`, `causal_mask` and `padding_mask`: cases, mistakes, hints."""

import math

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake, call, call_with_gradients
from shared.nn import attention

NOTEBOOK = "week06_attention/1_guided_attention.ipynb"
SHARES = "From scores to shares"
LOOK_UP = "Look up, softly"
ROOT = "Why the root of d"
FUTURE = "Nobody sees the future"
PADDING = "Where the sentence ends"


# --- softmax ---------------------------------------------------------------------------------------------------------


def softmax_without_the_sum(x, dim=-1):
    return torch.exp(x - x.amax(dim, keepdim=True))


def softmax_that_overflows(x, dim=-1):
    e = torch.exp(x)
    return e / e.sum(dim, keepdim=True)


def softmax_with_clamped_scores(x, dim=-1):
    e = torch.exp(x.clamp(-50, 50))
    return e / e.sum(dim, keepdim=True)


def softmax_with_one_maximum_for_all(x, dim=-1):
    e = torch.exp(x - x.max())
    return e / e.sum(dim, keepdim=True)


def softmax_over_everything(x, dim=-1):
    e = torch.exp(x - x.max())
    return e / e.sum()


def softmax_always_along_the_last(x, dim=-1):
    return torch.softmax(x, -1)


def softmax_always_along_the_first(x, dim=-1):
    return torch.softmax(x, 0)


def softmax_without_keepdim(x, dim=-1):
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim)


def softmax_with_max_and_its_place(x, dim=-1):
    e = torch.exp(x - x.max(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def softmax_of_the_numbers_themselves(x, dim=-1):
    return x / x.sum(dim, keepdim=True)


def softmax_of_minus_x(x, dim=-1):
    return torch.softmax(-x, dim)


def softmax_left_as_a_logarithm(x, dim=-1):
    return torch.log_softmax(x, dim)


def softmax_cut_from_the_graph(x, dim=-1):
    return torch.softmax(x.detach(), dim)


def softmax_in_place(x, dim=-1):
    with torch.no_grad():
        x -= x.amax(dim, keepdim=True)
    return torch.softmax(x, dim)


def _softmax_by_logarithms(x, dim=-1):
    return torch.exp(x - torch.logsumexp(x, dim, keepdim=True))


def _softmax_of_torch(x, dim=-1):
    return torch.softmax(x, dim)


def _kept_unchanged(implementation, x):
    return implementation(x).detach()


SOFTMAX = Exercise(
    name="attention.softmax",
    week=6,
    notebook=NOTEBOOK,
    reference=attention.softmax,
    cases=(
        Case("values", lambda: [torch.tensor([2.0, 1.0, 0.0])], run=call_with_gradients),
        Case("rows", lambda: [torch.tensor([[0.0, 1.0], [3.0, 2.5], [-1.0, -4.0]])]),
        Case(
            "any dimension",
            lambda: [torch.tensor([[1.0, 2.0], [3.0, 5.0]]), 0],
            run=call_with_gradients,
        ),
        Case("any dimension", lambda: [torch.randn(2, 3, 4), 1], run=call_with_gradients),
        Case(
            "±1000",
            lambda: [torch.tensor([1000.0, 999.0, -1000.0])],
            run=call_with_gradients,
            rtol=1e-3,
        ),
        Case("±1000", lambda: [torch.tensor([[-1000.0, -1001.0], [1000.0, 998.0]])], rtol=1e-3),
        Case("gradients", lambda: [torch.randn(3, 5)], run=call_with_gradients),
        Case("inputs unchanged", lambda: [torch.randn(2, 3)], run=_kept_unchanged),
        Case(
            "float64 and half precision kept",
            lambda: [torch.randn(4, dtype=torch.float64)],
            rtol=1e-12,
            atol=1e-12,
        ),
        Case(
            "float64 and half precision kept",
            lambda: [torch.randn(4, 6).to(torch.bfloat16)],
            rtol=0.02,
            atol=0.005,
        ),
    ),
    mistakes=(
        Mistake(
            softmax_without_the_sum,
            "the exponentials are not divided by their sum, so they do not sum to 1.",
            SHARES,
        ),
        Mistake(
            softmax_that_overflows,
            "e^1000 is infinity in float32, and inf / inf is nan: subtract the largest number of the row before the "
            "exponential, which changes nothing else.",
            SHARES,
        ),
        Mistake(
            softmax_with_clamped_scores,
            "large numbers are cut off, so 1000 and 999 become equal: subtract the largest number instead of clamping.",
            SHARES,
        ),
        Mistake(
            softmax_with_one_maximum_for_all,
            "the largest number of the whole tensor is subtracted, so a row of much smaller numbers becomes 0 / 0: "
            "each row needs its own, max along dim with keepdim=True.",
            SHARES,
        ),
        Mistake(
            softmax_over_everything,
            "everything together sums to 1: take the sum along dim, with keepdim=True, so that each row does.",
            SHARES,
        ),
        Mistake(
            softmax_always_along_the_last,
            "dim is not used: the last dimension is only its default.",
            SHARES,
        ),
        Mistake(
            softmax_always_along_the_first,
            "the columns sum to 1 and not the rows: sum and max go along dim, which is the last by default.",
            SHARES,
        ),
        Mistake(
            softmax_without_keepdim,
            "without keepdim=True the sums lose their dimension and are lined up with the wrong axis.",
            SHARES,
        ),
        Mistake(
            softmax_with_max_and_its_place,
            "x.max(dim=…) gives two tensors, the largest values and where they stand: take .values, or use torch.amax.",
            SHARES,
        ),
        Mistake(
            softmax_of_the_numbers_themselves,
            "the numbers themselves are divided by their sum; take exponentials first, or a negative number gets a "
            "negative share.",
            SHARES,
        ),
        Mistake(
            softmax_of_minus_x,
            "the sign is turned, so the largest number gets the smallest share: use torch.exp(x - max).",
            SHARES,
        ),
        Mistake(
            softmax_left_as_a_logarithm,
            "that is the logarithm of the shares (log_softmax): the exponential at the end is missing.",
            SHARES,
        ),
        Mistake(
            softmax_cut_from_the_graph,
            ".detach() (like .data and .numpy()) cuts x out of the graph, so no gradient flows back: use x itself.",
            SHARES,
        ),
        Mistake(
            softmax_in_place,
            "`x -= …` writes into the caller's tensor: make a new one, x - ….",
            SHARES,
        ),
    ),
    hints=(
        "What happens to e^a / (e^a + e^b) when you subtract the same number from a and from b?",
        "Subtract the largest number along dim (with keepdim=True, so that it lines up), take exponentials, divide "
        "them by their sum along the same dim.",
        "e = torch.exp(x - x.max(dim=dim, keepdim=True).values); return e / e.sum(dim=dim, keepdim=True)",
    ),
    alternatives=(_softmax_by_logarithms, _softmax_of_torch),
)


# --- scaled_dot_product_attention ------------------------------------------------------------------------------------


def _look(query, key, value, mask=None, bias=None, scale=None):
    """A right answer, from which the wrong ones below differ in one thing each."""
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    return _mix(scores, value, mask, bias)


def _mix(scores, value, mask=None, bias=None):
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -1)
    return (weights if mask is None else weights * mask) @ value


def attention_without_the_root(query, key, value, mask=None, bias=None):
    return _look(query, key, value, mask, bias, scale=1.0)


def attention_divided_by_d(query, key, value, mask=None, bias=None):
    return _look(query, key, value, mask, bias, scale=1 / query.shape[-1])


def attention_times_the_root(query, key, value, mask=None, bias=None):
    return _look(query, key, value, mask, bias, scale=query.shape[-1] ** 0.5)


def attention_with_the_root_of_the_length(query, key, value, mask=None, bias=None):
    return _look(query, key, value, mask, bias, scale=key.shape[-2] ** -0.5)


def attention_scaled_after_the_bias(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1)
    scores = (scores if bias is None else scores + bias) / math.sqrt(query.shape[-1])
    return _mix(scores, value, mask)


def attention_over_the_queries(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -2)
    return (weights if mask is None else weights * mask) @ value


def attention_masked_after_the_softmax(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = torch.softmax(scores if bias is None else scores + bias, -1)
    return (weights if mask is None else weights * mask) @ value


def attention_with_the_mask_inverted(query, key, value, mask=None, bias=None):
    return _look(query, key, value, None if mask is None else ~mask, bias)


def attention_without_the_mask(query, key, value, mask=None, bias=None):
    return _look(query, key, value, None, bias)


def attention_masked_with_infinity(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, -1) @ value


def attention_masked_with_zero(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, 0.0)
    return torch.softmax(scores, -1) @ value


def attention_masked_with_minus_a_billion(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, -1)
    return (weights if mask is None else weights * mask) @ value


def attention_that_looks_somewhere_always(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, -1) @ value


def attention_without_the_bias(query, key, value, mask=None, bias=None):
    return _look(query, key, value, mask)


def attention_with_the_bias_on_the_weights(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, -1)
    if bias is not None:
        weights = weights + bias
    return (weights if mask is None else weights * mask) @ value


def attention_that_returns_the_weights(query, key, value, mask=None, bias=None):
    return _look(query, key, torch.eye(key.shape[-2], dtype=key.dtype), mask, bias)


def attention_with_plain_t(query, key, value, mask=None, bias=None):
    scores = query @ key.T / math.sqrt(query.shape[-1])
    return _mix(scores, value, mask, bias)


def attention_for_one_batch_dimension(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    return _mix(scores, value, mask, bias)


def attention_with_weights_cut_off(query, key, value, mask=None, bias=None):
    return _look(query.detach(), key.detach(), value, mask, bias)


def _attention_by_einsum(query, key, value, mask=None, bias=None):
    scores = torch.einsum("...qd,...kd->...qk", query / query.shape[-1] ** 0.5, key)
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return torch.einsum("...qk,...kv->...qv", torch.softmax(scores, -1), value)
    scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
    weights = torch.where(mask, torch.softmax(scores, -1), 0.0)
    return torch.einsum("...qk,...kv->...qv", weights, value)


def _attention_with_nan_put_to_zero(query, key, value, mask=None, bias=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, -1).nan_to_num() @ value


def _attention_by_torch(query, key, value, mask=None, bias=None):
    if bias is not None:
        mask = bias if mask is None else bias.masked_fill(~mask, -math.inf)
    return F.scaled_dot_product_attention(query, key, value, mask)


def _look_up(*lead, q_len=3, k_len=4, d=5, d_v=2):
    """Queries, keys and values, a little larger than usual, so that weights differ clearly."""
    shapes = ((q_len, d), (k_len, d), (k_len, d_v))
    return [1.5 * torch.randn(*lead, *shape) for shape in shapes]


def _three_notes():
    """The example of the notebook: scores 4, 2 and 0, which become 2, 1 and 0."""
    key = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    return [torch.ones(1, 4), key, torch.tensor([[10.0], [20.0], [30.0]])]


def _half(count, *rest):
    """A case in float16: a look-up and what else it is called with."""
    return [*(x.half() for x in _look_up(count)), *rest]


def _nowhere():
    """The second of two queries may look at nothing."""
    mask = torch.tensor([[True, False, True], [False, False, False]])
    return [*_look_up(q_len=2, k_len=3, d=2), mask]


_SOME = torch.tensor([[True, True, False, True], [False, True, True, False], [True] * 4])

SCALED_DOT_PRODUCT_ATTENTION = Exercise(
    name="attention.scaled_dot_product_attention",
    week=6,
    notebook=NOTEBOOK,
    reference=attention.scaled_dot_product_attention,
    cases=(
        Case("values", _three_notes),
        Case("gradients", lambda: _look_up(), run=call_with_gradients),
        Case("mask", lambda: [*_three_notes(), torch.tensor([[True, False, True]])]),
        Case("mask", lambda: [*_look_up(), _SOME.clone()], run=call_with_gradients),
        Case("a query that may look nowhere", _nowhere, run=call_with_gradients),
        Case(
            "bias",
            lambda: [*_look_up(), None, torch.randn(3, 4)],
            run=call_with_gradients,
        ),
        Case(
            "mask and bias",
            lambda: [*_look_up(), _SOME.clone(), torch.randn(3, 4)],
            run=call_with_gradients,
        ),
        Case("batches", lambda: _look_up(2), run=call_with_gradients),
        Case("batches", lambda: [*_look_up(2, 3), _SOME.clone()], run=call_with_gradients),
        Case("batches", lambda: [*_look_up(4, 2), torch.rand(4, 1, 1, 4) < 0.6], run=call),
        Case("large scores", lambda: [x * 100 for x in _look_up()], atol=1e-3),
        Case("float64 kept", lambda: [x.double() for x in _look_up()], rtol=1e-10, atol=1e-12),
        Case("float16", lambda: _half(1, _SOME.clone()), rtol=0.01, atol=0.01),
    ),
    mistakes=(
        Mistake(
            attention_without_the_root,
            "the scores are not divided by √d: with many numbers in a query the softmax then picks one key and ignores "
            "the others.",
            ROOT,
        ),
        Mistake(
            attention_divided_by_d,
            "the scores are divided by d; divide by its root, math.sqrt(query.shape[-1]).",
            ROOT,
        ),
        Mistake(
            attention_times_the_root,
            "the scores are multiplied by √d, which makes them larger still: divide.",
            ROOT,
        ),
        Mistake(
            attention_with_the_root_of_the_length,
            "the scores are divided by the root of the number of keys; d is the length of one query, query.shape[-1].",
            ROOT,
        ),
        Mistake(
            attention_scaled_after_the_bias,
            "the bias is divided by √d as well: divide the products first, then add the bias.",
            LOOK_UP,
        ),
        Mistake(
            attention_over_the_queries,
            "the shares sum to 1 over the queries; each query spreads its own over the keys, which are the last axis.",
            LOOK_UP,
        ),
        Mistake(
            attention_masked_after_the_softmax,
            "the mask comes after the softmax, so what is left does not sum to 1: make the forbidden scores very low "
            "before the softmax.",
            LOOK_UP,
        ),
        Mistake(
            attention_with_the_mask_inverted,
            "the mask is used the wrong way round: True is where a query may look, so it is ~mask that is filled.",
            LOOK_UP,
        ),
        Mistake(
            attention_without_the_mask,
            "the mask is not used: where it is False, a query must not look.",
            LOOK_UP,
        ),
        Mistake(
            attention_masked_with_infinity,
            "a query that may look nowhere has only scores of -inf, whose softmax is nan: fill with "
            "torch.finfo(scores.dtype).min, and multiply the shares by the mask afterwards.",
            LOOK_UP,
        ),
        Mistake(
            attention_masked_with_zero,
            "forbidden scores are set to 0, and e^0 is 1: set them to the lowest number there is.",
            LOOK_UP,
        ),
        Mistake(
            attention_masked_with_minus_a_billion,
            "-1e9 does not fit into float16: take the lowest number of the scores' own type, "
            "torch.finfo(scores.dtype).min.",
            LOOK_UP,
        ),
        Mistake(
            attention_that_looks_somewhere_always,
            "a query that may look nowhere gets the mean of all values, since all its scores are equally low: multiply "
            "the shares by the mask.",
            LOOK_UP,
        ),
        Mistake(
            attention_without_the_bias,
            "the bias is not used: add it to the scores before the softmax.",
            LOOK_UP,
        ),
        Mistake(
            attention_with_the_bias_on_the_weights,
            "the bias is added after the softmax, so the shares no longer sum to 1: add it to the scores.",
            LOOK_UP,
        ),
        Mistake(
            attention_that_returns_the_weights,
            "that is how much each query looks at each key; the last step, @ value, is missing.",
            LOOK_UP,
        ),
        Mistake(
            attention_with_plain_t,
            "key.T turns all dimensions around: with a batch only the last two may be swapped, key.transpose(-2, -1).",
            LOOK_UP,
        ),
        Mistake(
            attention_for_one_batch_dimension,
            "transpose(1, 2) fits three dimensions only; counted from the end, transpose(-2, -1), it works for any "
            "number of batch dimensions, or none.",
            LOOK_UP,
        ),
        Mistake(
            attention_with_weights_cut_off,
            "no gradient reaches query and key: .detach() (like .data and torch.no_grad) cuts them out of the graph.",
            LOOK_UP,
        ),
    ),
    hints=(
        "Which shape do the scores have, and along which of their axes must the shares of one query sum to 1?",
        "Scores: query @ key.transpose(-2, -1), divided by math.sqrt of query's last size. Add the bias, fill where "
        "~mask with torch.finfo(scores.dtype).min, softmax along the last axis, multiply by the mask, then @ value.",
        "scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]); add bias; scores = "
        "scores.masked_fill(~mask, torch.finfo(scores.dtype).min); weights = softmax(scores) * mask (each only where "
        "there is one); return weights @ value",
    ),
    alternatives=(_attention_by_einsum, _attention_with_nan_put_to_zero, _attention_by_torch),
)


# --- causal_mask -----------------------------------------------------------------------------------------------------


def best_device():
    """A GPU where there is one: there it shows whether a piece makes its tensors where they are needed."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _where_it_lies(implementation, q_len, k_len):
    return implementation(q_len, k_len, best_device())


def _sizes(q_len, k_len):
    return q_len, q_len if k_len is None else k_len


def _ones(q_len, k_len, device):
    return torch.ones(*_sizes(q_len, k_len), dtype=torch.bool, device=device)


def causal_mask_of_the_future(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).triu(k_len - q_len + 1)


def causal_mask_with_the_triangle_turned(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).triu(k_len - q_len)


def causal_mask_without_oneself(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).tril(k_len - q_len - 1)


def causal_mask_that_sees_one_ahead(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).tril(k_len - q_len + 1)


def causal_mask_for_the_first_queries(q_len, k_len=None, device=None):
    return _ones(q_len, k_len, device).tril()


def causal_mask_shifted_the_wrong_way(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).tril(q_len - k_len)


def causal_mask_always_square(q_len, k_len=None, device=None):
    return _ones(q_len, q_len, device).tril()


def causal_mask_that_counts_the_cache_apart(q_len, k_len=None, device=None):
    return _ones(q_len, q_len + (k_len or 0), device).tril(k_len or 0)


def causal_mask_lying_on_its_side(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).tril(k_len - q_len).transpose(0, 1)


def causal_mask_of_numbers(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return _ones(q_len, k_len, device).tril(k_len - q_len).float()


def causal_mask_to_be_added(q_len, k_len=None, device=None):
    q_len, k_len = _sizes(q_len, k_len)
    return torch.full((q_len, k_len), -math.inf, device=device).triu(k_len - q_len + 1)


def _causal_mask_by_comparing(q_len, k_len=None, device=None):
    k_len = k_len or q_len
    keys = torch.arange(k_len, device=device)
    return keys <= keys[k_len - q_len :, None]


CAUSAL_MASK = Exercise(
    name="attention.causal_mask",
    week=6,
    notebook=NOTEBOOK,
    reference=attention.causal_mask,
    cases=(
        Case("values", lambda: [3]),
        Case("more keys than queries", lambda: [2, 5]),
        Case("one query", lambda: [1, 4]),
        Case("one token", lambda: [1]),
        Case("as many keys as queries", lambda: [6, 6]),
        Case("device", lambda: [2, 3], run=_where_it_lies),
    ),
    mistakes=(
        Mistake(
            causal_mask_of_the_future,
            "it is True where the key comes later: True means that a query may look, so it is the other way round.",
            FUTURE,
        ),
        Mistake(
            causal_mask_with_the_triangle_turned,
            "each query sees itself and what comes after it: it should see itself and what came before, tril.",
            FUTURE,
        ),
        Mistake(
            causal_mask_without_oneself,
            "a query cannot see its own place, and the first sees nothing at all: the diagonal is seen too.",
            FUTURE,
        ),
        Mistake(
            causal_mask_that_sees_one_ahead,
            "each query also sees the next token, the very one that a language model is to predict: the diagonal is "
            "one too high.",
            FUTURE,
        ),
        Mistake(
            causal_mask_for_the_first_queries,
            "with more keys than queries the queries are the last ones, so query i stands at k_len - q_len + i: shift "
            "the diagonal by k_len - q_len.",
            FUTURE,
        ),
        Mistake(
            causal_mask_shifted_the_wrong_way,
            "the diagonal moves down by the number of earlier keys, and it must move up: tril(k_len - q_len).",
            FUTURE,
        ),
        Mistake(
            causal_mask_always_square,
            "k_len is not used: the mask has one column for each key.",
            FUTURE,
        ),
        Mistake(
            causal_mask_that_counts_the_cache_apart,
            "k_len counts all keys, those of the queries' own tokens included: the mask is (q_len, k_len).",
            FUTURE,
        ),
        Mistake(
            causal_mask_lying_on_its_side,
            "rows and columns are swapped: one row for each query, one column for each key.",
            FUTURE,
        ),
        Mistake(
            causal_mask_of_numbers,
            "it holds numbers; a mask is boolean, so that ~mask and mask & other work: dtype=torch.bool.",
            FUTURE,
        ),
        Mistake(
            causal_mask_to_be_added,
            "that is a mask to be added, with 0 and -inf; here it is boolean, True where a query may look.",
            FUTURE,
        ),
    ),
    hints=(
        "Draw the square for three tokens: rows are queries, columns keys. Which corner is forbidden?",
        "A tensor of True everywhere, (q_len, k_len), of which .tril(diagonal) keeps the lower left. With k_len keys "
        "the first query already stands at position k_len - q_len, so that is the diagonal.",
        "k_len = q_len if k_len is None else k_len; return torch.ones(q_len, k_len, dtype=torch.bool, "
        "device=device).tril(k_len - q_len)",
    ),
    alternatives=(_causal_mask_by_comparing,),
)


# --- padding_mask ----------------------------------------------------------------------------------------------------


def _places(lengths, length):
    length = int(lengths.max()) if length is None else length
    return torch.arange(length, device=lengths.device)


def padding_mask_of_the_padding(lengths, length=None):
    return (_places(lengths, length) >= lengths[:, None])[:, None, :]


def padding_mask_one_too_long(lengths, length=None):
    return (_places(lengths, length) <= lengths[:, None])[:, None, :]


def padding_mask_counting_from_one(lengths, length=None):
    return (_places(lengths, length) + 1 < lengths[:, None])[:, None, :]


def padding_mask_on_the_left(lengths, length=None):
    places = _places(lengths, length)
    return (places >= len(places) - lengths[:, None])[:, None, :]


def padding_mask_without_the_middle_axis(lengths, length=None):
    return _places(lengths, length) < lengths[:, None]


def padding_mask_for_the_queries(lengths, length=None):
    return (_places(lengths, length) < lengths[:, None])[:, :, None]


def padding_mask_for_queries_and_keys(lengths, length=None):
    real = _places(lengths, length) < lengths[:, None]
    return real[:, :, None] & real[:, None, :]


def padding_mask_always_the_longest(lengths, length=None):
    return (_places(lengths, None) < lengths[:, None])[:, None, :]


def padding_mask_as_long_as_the_batch(lengths, length=None):
    length = len(lengths) if length is None else length
    return (_places(lengths, length) < lengths[:, None])[:, None, :]


def padding_mask_of_numbers(lengths, length=None):
    return (_places(lengths, length) < lengths[:, None])[:, None, :].float()


def padding_mask_to_be_added(lengths, length=None):
    real = (_places(lengths, length) < lengths[:, None])[:, None, :]
    return torch.zeros(real.shape).masked_fill(~real, -math.inf)


def padding_mask_of_the_longest_for_all(lengths, length=None):
    return (_places(lengths, length) < lengths.max()).expand(len(lengths), 1, -1)


def _masked_elsewhere(implementation, lengths):
    return implementation(lengths.to(best_device()))


def _padding_mask_by_a_loop(lengths, length=None):
    length = max(lengths.tolist()) if length is None else length
    rows = [[place < n for place in range(length)] for n in lengths.tolist()]
    return torch.tensor(rows, dtype=torch.bool, device=lengths.device).unsqueeze(1)


PADDING_MASK = Exercise(
    name="attention.padding_mask",
    week=6,
    notebook=NOTEBOOK,
    reference=attention.padding_mask,
    cases=(
        Case("values", lambda: [torch.tensor([3, 1])]),
        Case("a longer batch", lambda: [torch.tensor([2, 4]), 5]),
        Case("several lengths", lambda: [torch.tensor([2, 5, 1, 4])]),
        Case("one sequence", lambda: [torch.tensor([4])]),
        Case("a sequence without tokens", lambda: [torch.tensor([0, 2, 3])]),
        Case("other whole numbers", lambda: [torch.tensor([1, 2], dtype=torch.int32), 3]),
        Case("device", lambda: [torch.tensor([1, 2])], run=_masked_elsewhere),
    ),
    mistakes=(
        Mistake(
            padding_mask_of_the_padding,
            "it is True where there is padding; True means that a query may look, so it belongs to the real tokens.",
            PADDING,
        ),
        Mistake(
            padding_mask_one_too_long,
            "one filled-up place of each sequence counts as real: places start at 0, so compare with <.",
            PADDING,
        ),
        Mistake(
            padding_mask_counting_from_one,
            "the last real token of each sequence is hidden: places start at 0, so place < length.",
            PADDING,
        ),
        Mistake(
            padding_mask_on_the_left,
            "it hides the beginning of short sequences; in this course they are filled up at their end.",
            PADDING,
        ),
        Mistake(
            padding_mask_without_the_middle_axis,
            "the axis of the queries is missing: (n, length) would be lined up with queries and keys of one sequence, "
            "so return (n, 1, length).",
            PADDING,
        ),
        Mistake(
            padding_mask_for_the_queries,
            "it hides queries instead of keys: the axis of size 1 stands in the middle, (n, 1, length).",
            PADDING,
        ),
        Mistake(
            padding_mask_for_queries_and_keys,
            "it hides queries as well as keys; what a filled-up place looks at does not matter, so (n, 1, length) is "
            "enough.",
            PADDING,
        ),
        Mistake(
            padding_mask_always_the_longest,
            "length is not used: a batch may be longer than its longest sequence.",
            PADDING,
        ),
        Mistake(
            padding_mask_as_long_as_the_batch,
            "the default is as many places as there are sequences; it is the longest sequence, lengths.max().",
            PADDING,
        ),
        Mistake(
            padding_mask_of_numbers,
            "it holds numbers; a mask is boolean, so that it joins the causal mask with &.",
            PADDING,
        ),
        Mistake(
            padding_mask_to_be_added,
            "that is a mask to be added, with 0 and -inf; here it is boolean, True where a query may look.",
            PADDING,
        ),
        Mistake(
            padding_mask_of_the_longest_for_all,
            "all sequences get the mask of the longest: compare the places with each sequence's own length.",
            PADDING,
        ),
    ),
    hints=(
        "The places of a sequence are 0, 1, 2, …. Which of them are real, when its length is 3?",
        "torch.arange(length) has the shape (length,), lengths[:, None] has (n, 1): comparing them gives (n, length). "
        "Then the axis for the queries is still to come. All on the device of the lengths.",
        "length = int(lengths.max()) if length is None else length; return (torch.arange(length, "
        "device=lengths.device) < lengths[:, None])[:, None, :]",
    ),
    alternatives=(_padding_mask_by_a_loop,),
)
