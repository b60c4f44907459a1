"""What the model and the search are judged and built by: a cloze's likelihood, BM25's weights, fusion of rankings."""

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.challenge import NOTEBOOK
from shared.llm.judging import likelihood
from shared.llm.retrieval import bm25, hybrid

FACTS = "What it knows"
SEARCH = "Search by words"
BOTH = "Two rankings into one"


# --- continuation_log_p ----------------------------------------------------------------------------------------------


def _picked(logits, tokens):
    """(length − 1,): log P of each token but the first."""
    return torch.log_softmax(logits, -1)[:-1].gather(-1, tokens[1:, None])[:, 0]


def likelihood_of_the_same_place(logits, tokens, n):
    return torch.log_softmax(logits, -1).gather(-1, tokens[:, None])[-n:, 0].sum()


def likelihood_one_place_late(logits, tokens, n):
    log_p = torch.log_softmax(logits, -1)[1:]
    return log_p.gather(-1, tokens[:-1, None])[-n:, 0].sum()


def likelihood_as_a_mean(logits, tokens, n):
    return _picked(logits, tokens)[-n:].mean()


def likelihood_of_the_prompt_too(logits, tokens, n):
    return _picked(logits, tokens).sum()


def likelihood_from_bare_logits(logits, tokens, n):
    return logits[:-1].gather(-1, tokens[1:, None])[-n:, 0].sum()


def likelihood_as_a_probability(logits, tokens, n):
    return _picked(logits, tokens)[-n:].sum().exp()


def likelihood_as_a_loss(logits, tokens, n):
    return -_picked(logits, tokens)[-n:].sum()


def likelihood_of_the_last_token(logits, tokens, n):
    return _picked(logits, tokens)[-1]


def likelihood_by_the_logarithm_of_a_softmax(logits, tokens, n):
    p = torch.softmax(logits, -1)[:-1].gather(-1, tokens[1:, None])
    return p[-n:].log().sum()


def likelihood_in_bits(logits, tokens, n):
    return _picked(logits, tokens)[-n:].sum() / torch.log(torch.tensor(2.0))


def _likelihood_token_by_token(logits, tokens, n):
    total = torch.zeros((), dtype=logits.dtype)
    for place in range(len(tokens) - n, len(tokens)):
        row = logits[place - 1]
        total = total + row[tokens[place]] - torch.logsumexp(row, dim=0)
    return total


def _likelihood_by_cross_entropy(logits, tokens, n):
    rows, targets = logits[-n - 1 : -1], tokens[-n:]
    return -torch.nn.functional.cross_entropy(rows, targets, reduction="sum")


def _said(length, n, size=6):
    return lambda: [2 * torch.randn(length, size), torch.randint(0, size, (length,)), n]


CONTINUATION_LOG_P = Exercise(
    name="evaluate.continuation_log_p",
    week=9,
    notebook=NOTEBOOK,
    reference=likelihood.continuation_log_p,
    cases=(
        Case(
            "one token after one",
            lambda: [torch.tensor([[0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1]), 1],
        ),
        Case("two after one", _said(3, 2, 3)),
        Case("one after three", _said(4, 1)),
        Case("three after five", _said(8, 3)),
        Case("all but the first", _said(5, 4)),
        Case("many", _said(30, 7, 40)),
        Case("large logits", lambda: [500 * torch.randn(6, 5), torch.randint(0, 5, (6,)), 2]),
    ),
    mistakes=(
        Mistake(
            likelihood_of_the_same_place,
            "each token is looked up in the logits of its own place, which the model gave after reading it: those one "
            "place earlier are about it.",
            FACTS,
        ),
        Mistake(
            likelihood_one_place_late,
            "the shift goes the wrong way: the logits at place i are about token i + 1.",
            FACTS,
        ),
        Mistake(
            likelihood_as_a_mean,
            "the mean over the tokens is taken; the probability of a text is the product, so its logarithm the sum.",
            FACTS,
        ),
        Mistake(
            likelihood_of_the_prompt_too,
            "the question's own tokens are counted, too: only the last n belong to the answer.",
            FACTS,
        ),
        Mistake(
            likelihood_from_bare_logits,
            "logits are no log-probabilities: log_softmax first, or answers after sure questions win.",
            FACTS,
        ),
        Mistake(
            likelihood_as_a_probability,
            "this is the probability itself, which is 0 in float32 after a few dozen tokens: keep the logarithm.",
            FACTS,
        ),
        Mistake(
            likelihood_as_a_loss,
            "the sign is turned, as in a loss: a likely answer has a log-probability near 0, an "
            "unlikely one far below.",
            FACTS,
        ),
        Mistake(
            likelihood_of_the_last_token,
            "only the last token is judged; an answer of n tokens needs all n.",
            FACTS,
        ),
        Mistake(
            likelihood_by_the_logarithm_of_a_softmax,
            "the softmax of large logits is 0 where the logarithm is taken: torch.log_softmax does both in one.",
            FACTS,
        ),
        Mistake(
            likelihood_in_bits,
            "this is in bits; natural logarithms, nats, are asked for here.",
            FACTS,
        ),
    ),
    hints=(
        "The model has read tokens 0 to i. About which token do its logits at place i speak?",
        "log_softmax of all rows but the last, gathered at all tokens but the first: (length − 1,). "
        "Which of them count?",
        "torch.log_softmax(logits, -1)[:-1].gather(-1, tokens[1:, None])[-n:, 0].sum()",
    ),
    alternatives=(_likelihood_token_by_token, _likelihood_by_cross_entropy),
)


# --- bm25_weights ----------------------------------------------------------------------------------------------------


def weights_without_length(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (tf + k1)


def weights_with_the_ratio_turned(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (tf + k1 * (1 - b + b * mean_length / length))


def weights_with_b_turned(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (tf + k1 * (b + (1 - b) * length / mean_length))


def weights_without_idf(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return tf / (tf + k1 * (1 - b + b * length / mean_length))


def weights_that_never_saturate(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (k1 * (1 - b + b * length / mean_length))


def weights_with_k1_on_half(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (tf + k1 * (1 - b) + b * length / mean_length)


def weights_with_k1_plus_one(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return (k1 + 1) * idf * tf / (tf + k1 * (1 - b + b * length / mean_length))


def weights_with_plain_length(tf, idf, length, mean_length, k1=1.2, b=0.75):
    return idf * tf / (tf + k1 * (1 - b + b * length))


def _weights_in_steps(tf, idf, length, mean_length, k1=1.2, b=0.75):
    ratio = length / mean_length
    slack = k1 * ((1 - b) * np.ones_like(ratio) + b * ratio)
    return idf / (1 + slack / tf)


def _pairs(tf, idf, length, mean, *more):
    return lambda: [np.array(tf, float), np.array(idf, float), np.array(length, float), mean, *more]


def _some_pairs(n):
    def make():
        draw = torch.rand(3, n, dtype=torch.float64).numpy()
        return [1 + np.floor(6 * draw[0]), 4 * draw[1], 1 + np.floor(90 * draw[2]), 40.0]

    return make


BM25_WEIGHTS = Exercise(
    name="retrieval.bm25_weights",
    week=9,
    notebook=NOTEBOOK,
    reference=bm25.bm25_weights,
    cases=(
        Case("one pair of mean length", _pairs([1], [1], [10], 10.0)),
        Case("three times, and three times as long", _pairs([3, 3], [2, 2], [10, 30], 10.0)),
        Case("rare and frequent terms", _pairs([1, 1, 2], [0.1, 3, 3], [8, 8, 20], 12.0)),
        Case("no length (b = 0)", _pairs([1, 4], [1, 2], [5, 50], 20.0, 1.2, 0.0)),
        Case("length in full (b = 1)", _pairs([1, 4], [1, 2], [5, 50], 20.0, 1.2, 1.0)),
        Case("another k1", _pairs([1, 4], [1, 2], [5, 50], 20.0, 2.0)),
        Case("many", _some_pairs(50)),
    ),
    mistakes=(
        Mistake(
            weights_without_length,
            "the passage's length is left out, so long passages, which have everything somewhere, win.",
            SEARCH,
        ),
        Mistake(
            weights_with_the_ratio_turned,
            "mean length / length stands where length / mean length belongs: long passages would gain by their length.",
            SEARCH,
        ),
        Mistake(
            weights_with_b_turned,
            "b and 1 − b are swapped: b = 0 must leave the length out, and b = 1 count it in full.",
            SEARCH,
        ),
        Mistake(
            weights_without_idf,
            "idf is not multiplied in, so “the” weighs as much as “waggle”.",
            SEARCH,
        ),
        Mistake(
            weights_that_never_saturate,
            "tf is missing below the fraction: there it makes the tenth “bee” add less than the first.",
            SEARCH,
        ),
        Mistake(
            weights_with_k1_on_half,
            "k1 multiplies only 1 − b: it belongs before the whole bracket (1 − b + b · length / mean length).",
            SEARCH,
        ),
        Mistake(
            weights_with_k1_plus_one,
            "the factor k1 + 1 of the older papers is the same for all passages and changes no ranking; here it is "
            "left out.",
            SEARCH,
        ),
        Mistake(
            weights_with_plain_length,
            "the length counts in terms, not beside the mean: length / mean_length.",
            SEARCH,
        ),
    ),
    hints=(
        "What is the weight of a term that stands in a passage of mean length once? And a thousand times?",
        "A fraction tf / (tf + something) grows towards 1. The something is k1, made larger for long passages.",
        "return idf * tf / (tf + k1 * (1 - b + b * length / mean_length))",
    ),
    alternatives=(_weights_in_steps,),
)


# --- reciprocal_rank_fusion ------------------------------------------------------------------------------------------


def _fused(rankings, weights, k, worth):
    weights = [1.0] * len(rankings) if weights is None else weights
    scores = {}
    for ranking, weight in zip(rankings, weights):
        for rank, place in enumerate(ranking, start=1):
            scores[int(place)] = scores.get(int(place), 0.0) + worth(rank, weight)
    places = sorted(scores, key=lambda place: -scores[place])[:k]
    return np.array(places, dtype=np.int64), np.array([scores[p] for p in places], dtype=float)


def fusion_from_rank_zero(rankings, weights=None, constant=60.0, k=None):
    return _fused(rankings, weights, k, lambda rank, weight: weight / (constant + rank - 1))


def fusion_without_the_constant(rankings, weights=None, constant=60.0, k=None):
    return _fused(rankings, weights, k, lambda rank, weight: weight / rank)


def fusion_without_weights(rankings, weights=None, constant=60.0, k=None):
    return _fused(rankings, None, k, lambda rank, _: 1 / (constant + rank))


def fusion_with_the_worst_first(rankings, weights=None, constant=60.0, k=None):
    places, scores = hybrid.reciprocal_rank_fusion(rankings, weights, constant)
    return places[::-1][:k].copy(), scores[::-1][:k].copy()


def fusion_by_the_better_rank(rankings, weights=None, constant=60.0, k=None):
    weights = [1.0] * len(rankings) if weights is None else weights
    scores = {}
    for ranking, weight in zip(rankings, weights):
        for rank, place in enumerate(ranking, start=1):
            scores[int(place)] = max(scores.get(int(place), 0.0), weight / (constant + rank))
    places = sorted(scores, key=lambda place: -scores[place])[:k]
    return np.array(places, dtype=np.int64), np.array([scores[p] for p in places])


def fusion_of_what_all_have(rankings, weights=None, constant=60.0, k=None):
    places, scores = hybrid.reciprocal_rank_fusion(rankings, weights, constant)
    everywhere = [all(int(p) in map(int, ranking) for ranking in rankings) for p in places]
    keep = np.array(everywhere, dtype=bool)
    return places[keep][:k], scores[keep][:k]


def fusion_of_the_first_k(rankings, weights=None, constant=60.0, k=None):
    return hybrid.reciprocal_rank_fusion([r[:k] for r in rankings], weights, constant, k)


def fusion_by_sums_of_ranks(rankings, weights=None, constant=60.0, k=None):
    places, scores = _fused(rankings, weights, None, lambda rank, w: w * (constant + rank))
    return places[::-1][:k].copy(), scores[::-1][:k].copy()


def _fusion_by_numpy(rankings, weights=None, constant=60.0, k=None):
    weights = [1.0 for _ in rankings] if weights is None else weights
    order = list(dict.fromkeys(int(place) for ranking in rankings for place in ranking))
    scores = np.zeros(len(order))
    for ranking, weight in zip(rankings, weights):
        for rank, place in enumerate(ranking):
            scores[order.index(int(place))] += weight / (constant + rank + 1)
    best = np.argsort(-scores, kind="stable")[:k]
    return np.array(order, dtype=np.int64)[best], scores[best]


RECIPROCAL_RANK_FUSION = Exercise(
    name="retrieval.reciprocal_rank_fusion",
    week=9,
    notebook=NOTEBOOK,
    reference=hybrid.reciprocal_rank_fusion,
    cases=(
        Case("one ranking", lambda: [[[7, 3]]]),
        Case("two rankings", lambda: [[[1, 2, 3], [3, 1]]]),
        Case("a small constant", lambda: [[[1, 2, 3], [4, 3, 1, 5]], None, 1.0]),
        Case("weights", lambda: [[[1, 2], [3, 4, 2]], [1.0, 0.3], 10.0]),
        Case("the first k", lambda: [[[1, 2, 3], [4, 3, 2]], None, 60.0, 1]),
        Case("rankings with nothing in common", lambda: [[[5], [6], [8, 9]]]),
        Case(
            "NumPy's arrays",
            lambda: [[torch.randperm(30).numpy(), torch.randperm(30)[:12].numpy()], [1.0, 0.7], 10],
        ),
    ),
    mistakes=(
        Mistake(
            fusion_from_rank_zero,
            "the first place has rank 0 here; ranks count from 1: enumerate(ranking, start=1).",
            BOTH,
        ),
        Mistake(
            fusion_without_the_constant,
            "the constant is left out: weight / (constant + rank).",
            BOTH,
        ),
        Mistake(
            fusion_without_weights,
            "the weights of the rankings are not used: weight / (constant + rank).",
            BOTH,
        ),
        Mistake(
            fusion_with_the_worst_first,
            "the list is sorted from the lowest score up; the best place comes first.",
            BOTH,
        ),
        Mistake(
            fusion_by_the_better_rank,
            "only a place's better rank counts; add up what it gets from each ranking, so that agreement is rewarded.",
            BOTH,
        ),
        Mistake(
            fusion_of_what_all_have,
            "places that one ranking lacks are dropped; they simply get nothing from that ranking.",
            BOTH,
        ),
        Mistake(
            fusion_of_the_first_k,
            "the rankings are cut to k before they are fused; fuse everything, and cut the result.",
            BOTH,
        ),
        Mistake(
            fusion_by_sums_of_ranks,
            "ranks are added up, so a place that few rankings have looks good: add 1 / (constant + rank).",
            BOTH,
        ),
    ),
    hints=(
        "A passage is second in one ranking and tenth in the other. What does it get from each, and what together?",
        "A dictionary from place to score; go through the rankings with enumerate(ranking, start=1) and add.",
        "scores[place] = scores.get(place, 0.0) + weight / (constant + rank), then sort by -scores[place], then [:k].",
    ),
    alternatives=(_fusion_by_numpy,),
)
