"""`embeddings.skip_gram_pairs`, `negative_sampling_loss` and `nearest`: their cases, mistakes and hints."""

import torch
import torch.nn.functional as F

from shared.exercises.spec import Case, Exercise, Mistake, call_with_gradients
from shared.exercises.week04.numbers import NOTEBOOK
from shared.text import embeddings

PAIRS = "Words and their neighbours"
LOSS = "Real pairs against invented ones"
NEAREST = "Who points the same way"


# --- skip_gram_pairs -------------------------------------------------------------------------------------------------


def _as_pairs(implementation, ids, window):
    """All pairs in sorted order, since the order in which they are found is free; and what kind of thing came back."""
    output = implementation(ids, window)
    if not (isinstance(output, (tuple, list)) and len(output) == 2):
        return {"returned": output}
    centres, contexts = output
    if not (isinstance(centres, torch.Tensor) and isinstance(contexts, torch.Tensor)):
        return {"returned": output}
    if centres.ndim != 1 or centres.shape != contexts.shape:
        return {"shapes": [tuple(centres.shape), tuple(contexts.shape)]}
    pairs = sorted(zip(centres.tolist(), contexts.tolist()))
    return {
        "number of pairs": len(pairs),
        "pairs (centre, context)": pairs,
        "dtype": str(centres.dtype),
    }


def _collected(pairs):
    """A list of pairs as two rows."""
    both = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _neighbours(ids, window, places):
    """Pairs of each place i with the places that `places(i, n, window)` gives."""
    ids = ids.tolist()
    found = []
    for i, centre in enumerate(ids):
        found += [(centre, ids[j]) for j in places(i, len(ids), window)]
    return _collected(found)


def _both_sides(i, n, window):
    return [j for j in range(max(0, i - window), min(n, i + window + 1)) if j != i]


def pairs_to_the_right_only(ids, window):
    return _neighbours(ids, window, lambda i, n, w: range(i + 1, min(n, i + w + 1)))


def pairs_with_itself(ids, window):
    return _neighbours(ids, window, lambda i, n, w: range(max(0, i - w), min(n, i + w + 1)))


def pairs_that_stop_one_short(ids, window):
    return _neighbours(ids, window, lambda i, n, w: _both_sides(i, n, w - 1))


def pairs_that_stop_short_on_the_right(ids, window):
    return _neighbours(
        ids, window, lambda i, n, w: [j for j in range(max(0, i - w), min(n, i + w)) if j != i]
    )


def pairs_that_reach_one_too_far(ids, window):
    return _neighbours(ids, window, lambda i, n, w: _both_sides(i, n, w + 1))


def pairs_with_the_window_cut_in_two(ids, window):
    return _neighbours(ids, window, lambda i, n, w: _both_sides(i, n, w // 2))


def pairs_at_exactly_that_distance(ids, window):
    return _neighbours(ids, window, lambda i, n, w: [j for j in (i - w, i + w) if 0 <= j < n])


def pairs_of_next_neighbours_only(ids, window):
    return _neighbours(ids, window, lambda i, n, w: _both_sides(i, n, 1))


def pairs_around_the_corner(ids, window):
    def places(i, n, w):
        return [(i + k) % n for k in range(-w, w + 1) if k != 0] if n > 1 else []

    return _neighbours(ids, window, places)


def pairs_by_negative_numbers(ids, window):
    """ids[i − window : i] is empty, or wrong, where i − window is below 0."""
    whole, found = ids.tolist(), []
    for i, centre in enumerate(whole):
        found += [(centre, c) for c in whole[i - window : i] + whole[i + 1 : i + 1 + window]]
    return _collected(found)


def pairs_away_from_the_edges(ids, window):
    return _neighbours(ids, window, lambda i, n, w: _both_sides(i, n, w) if w <= i < n - w else [])


def pairs_without_equal_words(ids, window):
    centres, contexts = embeddings.skip_gram_pairs(ids, window)
    different = centres != contexts
    return centres[different], contexts[different]


def pairs_each_once(ids, window):
    found = set(zip(*(x.tolist() for x in embeddings.skip_gram_pairs(ids, window))))
    return _collected(sorted(found))


def pairs_as_one_table(ids, window):
    return torch.stack(embeddings.skip_gram_pairs(ids, window), dim=1)


def pairs_of_places(ids, window):
    return embeddings.skip_gram_pairs(torch.arange(len(ids)), window)


def _pairs_by_a_loop_over_words(ids, window):
    return _neighbours(ids, window, _both_sides)


def _pairs_by_a_mask(ids, window):
    place = torch.arange(len(ids))
    distance = (place[:, None] - place[None, :]).abs()
    i, j = ((distance > 0) & (distance <= window)).nonzero(as_tuple=True)
    return ids[i], ids[j]


SKIP_GRAM_PAIRS = Exercise(
    name="embeddings.skip_gram_pairs",
    week=4,
    notebook=NOTEBOOK,
    reference=embeddings.skip_gram_pairs,
    cases=(
        Case("pairs", lambda: [torch.tensor([7, 8, 9]), 1], run=_as_pairs),
        Case("pairs", lambda: [torch.tensor([10, 20, 30, 40]), 2], run=_as_pairs),
        Case("the whole window", lambda: [torch.arange(9), 3], run=_as_pairs),
        Case("words that repeat", lambda: [torch.tensor([5, 5, 6, 5]), 2], run=_as_pairs),
        Case("a window wider than the text", lambda: [torch.tensor([1, 2, 3]), 10], run=_as_pairs),
        Case("a text of one word", lambda: [torch.tensor([4]), 2], run=_as_pairs),
        Case("an empty text", lambda: [torch.tensor([], dtype=torch.int64), 2], run=_as_pairs),
        Case("a longer text", lambda: [torch.randint(0, 50, (120,)), 5], run=_as_pairs),
    ),
    mistakes=(
        Mistake(
            pairs_to_the_right_only,
            "only the words after the centre are taken; those before it are its contexts as well.",
            PAIRS,
        ),
        Mistake(
            pairs_with_itself,
            "each word is also paired with itself, at the distance 0: the distances begin at 1.",
            PAIRS,
        ),
        Mistake(
            pairs_that_stop_one_short,
            "the farthest words are missing: a window of 2 holds the distances 1 and 2, and range(1, 2) only 1.",
            PAIRS,
        ),
        Mistake(
            pairs_that_stop_short_on_the_right,
            "on the right the farthest word is missing: range ends before its second number, so it must be "
            "i + window + 1.",
            PAIRS,
        ),
        Mistake(
            pairs_that_reach_one_too_far,
            "words at the distance window + 1 are paired too: the largest distance is window itself.",
            PAIRS,
        ),
        Mistake(
            pairs_with_the_window_cut_in_two,
            "the window counts both sides together here; it is meant for each side.",
            PAIRS,
        ),
        Mistake(
            pairs_at_exactly_that_distance,
            "only words exactly `window` places away are paired: all distances from 1 to window count.",
            PAIRS,
        ),
        Mistake(
            pairs_of_next_neighbours_only,
            "only next neighbours are paired, whatever the window: go through all distances from 1 to window.",
            PAIRS,
        ),
        Mistake(
            pairs_around_the_corner,
            "the last word is paired with the first, as if the text were a ring (torch.roll and negative indices do "
            "that): a text ends.",
            PAIRS,
        ),
        Mistake(
            pairs_by_negative_numbers,
            "near the beginning i - window is below 0, which Python counts from the end: use max(0, i - window).",
            PAIRS,
        ),
        Mistake(
            pairs_away_from_the_edges,
            "words near the ends have no full window, and here they are left out: take what there is of it.",
            PAIRS,
        ),
        Mistake(
            pairs_without_equal_words,
            "a word that stands near another copy of itself is left out: compare places, not words.",
            PAIRS,
        ),
        Mistake(
            pairs_each_once,
            "each pair is kept only once; how often it occurs is what the training learns from.",
            PAIRS,
        ),
        Mistake(
            pairs_as_one_table,
            "one table (pairs, 2) comes back; two rows are asked for, the centres and the contexts.",
            PAIRS,
        ),
        Mistake(
            pairs_of_places,
            "these are the places of the words in the text; look up which word stands there: ids[place].",
            PAIRS,
        ),
    ),
    hints=(
        "If you cut off the last word of a text and, separately, its first: which words then stand at equal places?",
        "For each distance from 1 to window, ids[:-distance] and ids[distance:] are all pairs at that distance; each "
        "counts in both directions. Stop before the distance reaches the length of the text.",
        "for distance in range(1, min(window, len(ids) - 1) + 1): centres += [ids[:-distance], ids[distance:]]; "
        "contexts += [ids[distance:], ids[:-distance]]",
    ),
    alternatives=(_pairs_by_a_loop_over_words, _pairs_by_a_mask),
)


# --- negative_sampling_loss ------------------------------------------------------------------------------------------


def _scores(centre, context, negatives):
    return (centre * context).sum(-1), torch.einsum("bd,bkd->bk", centre, negatives)


def loss_without_the_negatives(centre, context, negatives):
    return -F.logsigmoid(_scores(centre, context, negatives)[0]).mean()


def loss_of_the_negatives_only(centre, context, negatives):
    return -F.logsigmoid(-_scores(centre, context, negatives)[1]).sum(-1).mean()


def loss_that_draws_negatives_near(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(invented).sum(-1)).mean()


def loss_with_the_signs_swapped(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(-real) + F.logsigmoid(invented).sum(-1)).mean()


def loss_with_the_sign_turned(centre, context, negatives):
    return -embeddings.negative_sampling_loss(centre, context, negatives)


def loss_with_the_mean_over_negatives(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).mean(-1)).mean()


def loss_with_the_mean_over_everything(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -F.logsigmoid(torch.cat([real[:, None], -invented], dim=1)).mean()


def loss_summed_over_the_pairs(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(-1)).sum()


def loss_for_each_pair(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(-1))


def loss_with_negatives_against_the_context(centre, context, negatives):
    real, _ = _scores(centre, context, negatives)
    invented = torch.einsum("bd,bkd->bk", context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(-1)).mean()


def loss_by_log_of_sigmoid(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(torch.log(torch.sigmoid(real)) + torch.log(torch.sigmoid(-invented)).sum(-1)).mean()


def loss_by_one_minus_sigmoid(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(torch.log(torch.sigmoid(real)) + torch.log(1 - torch.sigmoid(invented)).sum(-1)).mean()


def loss_by_log_of_sigmoid_with_epsilon(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    ours, theirs = torch.sigmoid(real), torch.sigmoid(-invented)
    return -(torch.log(ours + 1e-9) + torch.log(theirs + 1e-9).sum(-1)).mean()


def loss_without_the_logarithm(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(torch.sigmoid(real) + torch.sigmoid(-invented).sum(-1)).mean()


def loss_by_softmax(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    logits = torch.cat([real[:, None], invented], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


def loss_of_cosines(centre, context, negatives):
    return embeddings.negative_sampling_loss(
        *(F.normalize(x, dim=-1) for x in (centre, context, negatives))
    )


def loss_with_the_negatives_summed_first(centre, context, negatives):
    real, invented = _scores(centre, context, negatives)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented.sum(-1))).mean()


def loss_with_every_negative_of_the_batch(centre, context, negatives):
    real, _ = _scores(centre, context, negatives)
    invented = centre @ negatives.flatten(0, 1).T  # (b, b · k)
    return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(-1)).mean()


def loss_that_holds_the_negatives_fixed(centre, context, negatives):
    return embeddings.negative_sampling_loss(centre, context, negatives.detach() + 0 * negatives)


def _loss_by_binary_cross_entropy(centre, context, negatives):
    together = torch.cat([context[:, None, :], negatives], dim=1)  # (b, 1 + k, d)
    logits = (together * centre[:, None, :]).sum(dim=2)
    targets = torch.zeros_like(logits)
    targets[:, 0] = 1.0
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(centre)


def _loss_by_softplus(centre, context, negatives):
    real = torch.einsum("bd,bd->b", centre, context)
    invented = torch.einsum("bd,bkd->bk", centre, negatives)
    return F.softplus(-real).mean() + F.softplus(invented).mean() * negatives.shape[1]


def _vectors(b, k, d, scale=1.0, dtype=torch.float32):
    return [
        torch.randn(b, d, dtype=dtype) * scale,
        torch.randn(b, d, dtype=dtype) * scale,
        torch.randn(b, k, d, dtype=dtype) * scale,
    ]


def _by_hand():
    return [torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 5.0]]), torch.tensor([[[-1.0, 3.0]]])]


def _extreme():
    """Scores of 40 and 300 on the wrong side: the sigmoid rounds to 0 or 1 there, and the loss is still finite."""
    centre = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    context = torch.tensor([[-40.0, 1.0], [-300.0, 2.0]])
    negatives = torch.tensor([[[40.0, 1.0], [1.0, 1.0]], [[300.0, 0.0], [-300.0, 5.0]]])
    return [centre, context, negatives]


NEGATIVE_SAMPLING_LOSS = Exercise(
    name="embeddings.negative_sampling_loss",
    week=4,
    notebook=NOTEBOOK,
    reference=embeddings.negative_sampling_loss,
    cases=(
        Case("values", _by_hand, run=call_with_gradients),
        Case("several pairs", lambda: _vectors(3, 2, 4), run=call_with_gradients),
        Case("gradients", lambda: _vectors(5, 3, 6), run=call_with_gradients),
        Case("one negative", lambda: _vectors(4, 1, 3), run=call_with_gradients),
        Case("as many negatives as pairs", lambda: _vectors(3, 3, 3), run=call_with_gradients),
        Case(
            "moderate scores",
            lambda: [torch.tensor([[1.0]]), torch.tensor([[3.0]]), torch.tensor([[[20.0]]])],
            run=call_with_gradients,
            says="at a score of 20 the sigmoid rounds to 1, and ln(1 − 1) is −∞: use F.logsigmoid(-score).",
        ),
        Case(
            "scores of ±300",
            _extreme,
            run=call_with_gradients,
            says="at scores of ±300 the loss must still be finite and right: use F.logsigmoid.",
        ),
        Case(
            "float64 kept",
            lambda: _vectors(4, 2, 3, dtype=torch.float64),
            run=call_with_gradients,
            rtol=1e-10,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            loss_without_the_negatives,
            "the negatives are not used: without them all vectors may point the same way at no cost.",
            LOSS,
        ),
        Mistake(
            loss_of_the_negatives_only,
            "the real pair is missing: add logsigmoid of centre · context.",
            LOSS,
        ),
        Mistake(
            loss_that_draws_negatives_near,
            "the minus before the negatives' scores is missing, so invented pairs are drawn together as well.",
            LOSS,
        ),
        Mistake(
            loss_with_the_signs_swapped,
            "the minus stands before the real score; it belongs before the scores of the negatives.",
            LOSS,
        ),
        Mistake(
            loss_with_the_sign_turned,
            "the sign of the whole is turned: a loss is minus the logarithm, and falls as the fit gets better.",
            LOSS,
        ),
        Mistake(
            loss_with_the_mean_over_negatives,
            "the negatives of a pair are averaged; they are summed, so that k of them weigh k times.",
            LOSS,
        ),
        Mistake(
            loss_with_the_mean_over_everything,
            "the mean runs over all scores, real and invented: sum within each pair, and take the mean over the pairs.",
            LOSS,
        ),
        Mistake(
            loss_summed_over_the_pairs,
            "the pairs are summed, so a larger batch takes larger steps: take their mean.",
            LOSS,
        ),
        Mistake(
            loss_for_each_pair,
            "one number for each pair comes back: take the mean, so that a scalar remains.",
            LOSS,
        ),
        Mistake(
            loss_with_negatives_against_the_context,
            "the negatives are multiplied with the context; both, context and negatives, meet the centre.",
            LOSS,
        ),
        Mistake(
            loss_by_log_of_sigmoid,
            "the sigmoid of a score of −300 is rounded to 0 and its logarithm is −∞: F.logsigmoid does both in one "
            "stable piece.",
            LOSS,
        ),
        Mistake(
            loss_by_one_minus_sigmoid,
            "1 − σ(x) is rounded to 0 from a score of about 17 on: use that it equals σ(−x), and F.logsigmoid.",
            LOSS,
        ),
        Mistake(
            loss_by_log_of_sigmoid_with_epsilon,
            "the small number added in the logarithm hides the −∞, and with it the gradient of the worst pairs: use "
            "F.logsigmoid.",
            LOSS,
        ),
        Mistake(
            loss_without_the_logarithm,
            "the logarithm is missing: the sigmoid alone hardly moves where the answer is most wrong.",
            LOSS,
        ),
        Mistake(
            loss_by_softmax,
            "that is a softmax over the real pair and its negatives; here each pair is a question of its own.",
            LOSS,
        ),
        Mistake(
            loss_of_cosines,
            "the vectors are scaled to length 1 first; the scores are plain dot products here, and lengths are learnt.",
            LOSS,
        ),
        Mistake(
            loss_with_the_negatives_summed_first,
            "the negatives' scores are summed before the logsigmoid; it comes first, for each of them.",
            LOSS,
        ),
        Mistake(
            loss_with_every_negative_of_the_batch,
            "each centre meets the negatives of all pairs; it has k of its own, negatives[i].",
            LOSS,
        ),
        Mistake(
            loss_that_holds_the_negatives_fixed,
            ".detach() holds the negatives fixed; they are to be pushed away, so their gradient is needed.",
            LOSS,
        ),
    ),
    hints=(
        "How many scores does one pair have with its k negatives, and for which of them is yes the right answer?",
        "real = centre · context, (b,); invented = centre · each negative, (b, k). F.logsigmoid of real and of minus "
        "invented; sum over the k, mean over the b, minus.",
        "real = (centre * context).sum(-1); invented = (negatives * centre[:, None, :]).sum(-1); "
        "return -(F.logsigmoid(real) + F.logsigmoid(-invented).sum(-1)).mean()",
    ),
    alternatives=(_loss_by_binary_cross_entropy, _loss_by_softplus),
)


# --- nearest ---------------------------------------------------------------------------------------------------------


def _cosines(query, table):
    return F.normalize(table, dim=-1) @ F.normalize(query, dim=-1)


def _best(scores, count):
    found = scores.topk(count)
    return found.indices, found.values


def nearest_by_dot_product(query, table, count):
    return _best(table @ query, count)


def nearest_with_the_table_not_scaled(query, table, count):
    return _best(table @ F.normalize(query, dim=-1), count)


def nearest_with_the_query_not_scaled(query, table, count):
    return _best(F.normalize(table, dim=-1) @ query, count)


def nearest_divided_by_the_rows_only(query, table, count):
    return _best(table @ query / table.norm(dim=-1), count)


def nearest_with_columns_scaled(query, table, count):
    return _best(F.normalize(table, dim=0) @ F.normalize(query, dim=-1), count)


def nearest_with_one_length_for_the_table(query, table, count):
    return _best(table / table.norm() @ F.normalize(query, dim=-1), count)


def nearest_by_distance(query, table, count):
    found = (table - query).norm(dim=-1).topk(count, largest=False)
    return found.indices, found.values


def nearest_that_are_farthest(query, table, count):
    found = _cosines(query, table).topk(count, largest=False)
    return found.indices, found.values


def nearest_without_the_best(query, table, count):
    indices, values = _best(_cosines(query, table), count + 1)
    return indices[1:], values[1:]


def nearest_from_the_far_end(query, table, count):
    indices, values = _best(_cosines(query, table), count)
    return indices.flip(0), values.flip(0)


def nearest_by_absolute_cosine(query, table, count):
    return _best(_cosines(query, table).abs(), count)


def nearest_with_both_swapped(query, table, count):
    indices, values = _best(_cosines(query, table), count)
    return values, indices


def nearest_with_nan_for_zero(query, table, count):
    cosines = (table @ query) / (table.norm(dim=-1) * query.norm())
    return _best(cosines, count)


def nearest_by_squared_lengths(query, table, count):
    squares = (table**2).sum(-1) * (query**2).sum()
    return _best(table @ query / squares.clamp(min=1e-12), count)


def nearest_in_order_of_number(query, table, count):
    indices, _ = _best(_cosines(query, table), count)
    indices = indices.sort().values
    return indices, _cosines(query, table)[indices]


def nearest_scaled_in_place(query, table, count):
    table /= table.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return _best(table @ F.normalize(query, dim=-1), count)


def _nearest_by_sorting(query, table, count):
    lengths = torch.linalg.vector_norm(table, dim=1) * torch.linalg.vector_norm(query)
    cosines = torch.mv(table, query) / lengths.clamp(min=1e-12)
    order = torch.argsort(cosines, descending=True)[:count]
    return order, cosines[order]


def _nearest_by_torch(query, table, count):
    values, indices = F.cosine_similarity(table, query[None, :], dim=1).topk(count)
    return [indices, values]


def _rows():
    return torch.tensor([[0.0, 2.0], [3.0, 0.0], [-1.0, 0.0], [4.0, 4.0]])


EMBEDDINGS_NEAREST = Exercise(
    name="embeddings.nearest",
    week=4,
    notebook=NOTEBOOK,
    reference=embeddings.nearest,
    cases=(
        Case("order and cosines", lambda: [torch.tensor([2.0, 1.0]), _rows(), 2]),
        Case("lengths do not count", lambda: [torch.tensor([0.5, 2.0]), _rows() * 100, 4]),
        Case(
            "a row of zeros",
            lambda: [
                torch.tensor([1.0, 2.0]),
                torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, -1.0]]),
                3,
            ],
        ),
        Case("many rows", lambda: [torch.randn(16), torch.randn(200, 16) * torch.rand(200, 1), 10]),
        Case("more numbers than rows", lambda: [torch.randn(30), torch.randn(5, 30), 3]),
        Case(
            "float64 kept",
            lambda: [torch.randn(8).double(), torch.randn(20, 8).double(), 4],
            rtol=1e-12,
            atol=1e-12,
        ),
    ),
    mistakes=(
        Mistake(
            nearest_by_dot_product,
            "dot products favour long vectors, and frequent words have long ones: scale query and rows to length 1.",
            NEAREST,
        ),
        Mistake(
            nearest_with_the_table_not_scaled,
            "the rows keep their lengths, so long ones come first: scale each row to length 1 as well.",
            NEAREST,
        ),
        Mistake(
            nearest_with_the_query_not_scaled,
            "the query keeps its length: the order is right, and the values are no cosines.",
            NEAREST,
        ),
        Mistake(
            nearest_divided_by_the_rows_only,
            "the products are divided by the rows' lengths and not by the query's, and a row of zeros gives nan: use "
            "F.normalize for both.",
            NEAREST,
        ),
        Mistake(
            nearest_with_columns_scaled,
            "the columns of the table are scaled to length 1; a word is a row: dim=-1.",
            NEAREST,
        ),
        Mistake(
            nearest_with_one_length_for_the_table,
            "table.norm() is one number for all rows: each row has its own length, norm(dim=-1, keepdim=True).",
            NEAREST,
        ),
        Mistake(
            nearest_by_distance,
            "it measures the distance between the ends of the arrows; asked for is the cosine of their angle.",
            NEAREST,
        ),
        Mistake(
            nearest_that_are_farthest,
            "the lowest cosines are taken, which are the rows that point away: take the largest.",
            NEAREST,
        ),
        Mistake(
            nearest_without_the_best,
            "the best row is left out, as if it were the query itself: here the query need not be in the table.",
            NEAREST,
        ),
        Mistake(
            nearest_from_the_far_end,
            "the right rows, in the wrong order: the nearest comes first.",
            NEAREST,
        ),
        Mistake(
            nearest_by_absolute_cosine,
            "a cosine of −1 means the opposite direction, and abs() makes it the best: keep the sign.",
            NEAREST,
        ),
        Mistake(
            nearest_with_both_swapped,
            "topk gives values first and row numbers second; asked for are the row numbers first.",
            NEAREST,
        ),
        Mistake(
            nearest_with_nan_for_zero,
            "a row of zeros has the length 0, and 0 / 0 is nan, which topk puts first: clamp the length, or use "
            "F.normalize.",
            NEAREST,
        ),
        Mistake(
            nearest_by_squared_lengths,
            "it divides by squared lengths: the length is the root of the sum of squares.",
            NEAREST,
        ),
        Mistake(
            nearest_in_order_of_number,
            "the rows come in the order of their numbers; the order of their cosines is asked for.",
            NEAREST,
        ),
        Mistake(
            nearest_scaled_in_place,
            "/= writes into the caller's table, which is then no longer what was learnt: make a new tensor.",
            NEAREST,
        ),
    ),
    hints=(
        "Two arrows of different lengths: what must you do to them before their dot product tells only of the angle?",
        "F.normalize(x, dim=-1) scales to length 1, and leaves zeros alone. Scaled table @ scaled query is one cosine "
        "for each row, (v,); topk finds the largest with their places.",
        "best = (F.normalize(table, dim=-1) @ F.normalize(query, dim=-1)).topk(count); "
        "return best.indices, best.values",
    ),
    alternatives=(_nearest_by_sorting, _nearest_by_torch),
)
