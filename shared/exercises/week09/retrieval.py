"""`retrieval.windows`, `retrieval.ivf_search` and `retrieval.refusal_curve`: cases, known mistakes, hints."""

import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.llm.retrieval import inverted_lists, refusing
from shared.llm.retrieval.windows import windows

NOTEBOOK = "week09_llm/4_explore_retrieval_and_agents.ipynb"
CUT = "Cut into windows"
LISTS = "Search a few lists"
REFUSE = "When to say nothing"


# --- windows ---------------------------------------------------------------------------------------------------------


def windows_without_overlap(n, size, overlap=0):
    return windows(n, size)


def windows_a_step_of_the_overlap(n, size, overlap=0):
    step = overlap or size
    return [(a, min(a + size, n)) for a in range(0, n, step) if a == 0 or a + overlap < n]


def windows_whole_ones_only(n, size, overlap=0):
    return [(a, a + size) for a in range(0, n - size + 1, size - overlap)]


def windows_past_the_end(n, size, overlap=0):
    return [(a, a + size) for a, _ in windows(n, size, overlap)]


def windows_one_that_repeats(n, size, overlap=0):
    return [(a, min(a + size, n)) for a in range(0, n, size - overlap)]


def windows_grown_by_the_overlap(n, size, overlap=0):
    return [(a, min(a + size + overlap, n)) for a in range(0, n, size)]


def windows_up_to_the_last_word(n, size, overlap=0):
    return [(a, b - 1) for a, b in windows(n, size, overlap)]


def windows_last_one_moved_back(n, size, overlap=0):
    return [(max(0, min(a, n - size)), b) for a, b in windows(n, size, overlap)]


def windows_starts_only(n, size, overlap=0):
    return [a for a, _ in windows(n, size, overlap)]


def _window_by_window(n, size, overlap=0):
    found, start = [], 0
    while start < n:
        end = min(start + size, n)
        found.append((start, end))
        if end == n:
            break
        start = end - overlap
    return found


WINDOWS = Exercise(
    name="retrieval.windows",
    week=9,
    notebook=NOTEBOOK,
    reference=windows,
    cases=(
        Case("whole windows", lambda: [6, 3]),
        Case("a short last window", lambda: [8, 3]),
        Case("overlap", lambda: [10, 4, 1]),
        Case("a short last window that overlaps", lambda: [9, 4, 1]),
        Case("much overlap", lambda: [9, 5, 3]),
        Case("a text shorter than a window", lambda: [2, 5, 2]),
        Case("an empty text", lambda: [0, 5, 2]),
        Case("a long text", lambda: [1234, 100, 20]),
    ),
    mistakes=(
        Mistake(
            windows_without_overlap,
            "the overlap has no effect: a window begins size − overlap words after the one before it.",
            CUT,
        ),
        Mistake(
            windows_a_step_of_the_overlap,
            "the windows move on by the overlap; they share so many words when they move on by size − overlap.",
            CUT,
        ),
        Mistake(
            windows_whole_ones_only,
            "the words after the last whole window are lost: the last window may be shorter, but it must be there.",
            CUT,
        ),
        Mistake(
            windows_past_the_end,
            "the last window ends after the text: no window ends beyond n, min(start + size, n).",
            CUT,
        ),
        Mistake(
            windows_one_that_repeats,
            "the last window holds only words that the one before it had: stop where a window has reached the end.",
            CUT,
        ),
        Mistake(
            windows_grown_by_the_overlap,
            "the windows grew by the overlap: they stay `size` long and begin earlier.",
            CUT,
        ),
        Mistake(
            windows_up_to_the_last_word,
            "the end is the number of the last word; it must be the one after it, as in words[start:end].",
            CUT,
        ),
        Mistake(
            windows_last_one_moved_back,
            "the last window was moved back until it was full: it begins like the others, and may be shorter.",
            CUT,
        ),
        Mistake(
            windows_starts_only,
            "these are the beginnings; asked are pairs (start, end).",
            CUT,
        ),
    ),
    hints=(
        "Two windows of 4 words share 1. How many words after the first does the second begin?",
        "The starts are range(0, n, size − overlap). Which of them begin a window that has nothing new?",
        "[(a, min(a + size, n)) for a in range(0, n, size - overlap) if a == 0 or a + overlap < n]",
    ),
    alternatives=(_window_by_window,),
)


# --- ivf_search ------------------------------------------------------------------------------------------------------


def _searched(query, chosen, lists, vectors, k):
    places = torch.cat([lists[number] for number in chosen])
    scores = vectors[places] @ query
    best = scores.topk(min(k, len(places)))
    return places[best.indices], best.values


def _by_distance(query, centres):
    return (centres - query).square().sum(dim=1).argsort().tolist()


def ivf_in_the_farthest_lists(query, centres, lists, vectors, probes=1, k=10):
    return _searched(query, _by_distance(query, centres)[::-1][:probes], lists, vectors, k)


def ivf_in_the_first_lists(query, centres, lists, vectors, probes=1, k=10):
    return _searched(query, range(probes), lists, vectors, k)


def ivf_in_one_list(query, centres, lists, vectors, probes=1, k=10):
    return _searched(query, _by_distance(query, centres)[:1], lists, vectors, k)


def ivf_in_all_lists(query, centres, lists, vectors, probes=1, k=10):
    return _searched(query, range(len(lists)), lists, vectors, k)


def ivf_with_places_in_the_lists(query, centres, lists, vectors, probes=1, k=10):
    places = torch.cat([lists[number] for number in _by_distance(query, centres)[:probes]])
    best = (vectors[places] @ query).topk(min(k, len(places)))
    return best.indices, best.values


def ivf_k_of_each_list(query, centres, lists, vectors, probes=1, k=10):
    found = [
        _searched(query, [number], lists, vectors, k)
        for number in _by_distance(query, centres)[:probes]
    ]
    return torch.cat([places for places, _ in found]), torch.cat([scores for _, scores in found])


def ivf_the_worst(query, centres, lists, vectors, probes=1, k=10):
    places = torch.cat([lists[number] for number in _by_distance(query, centres)[:probes]])
    best = (vectors[places] @ query).topk(min(k, len(places)), largest=False)
    return places[best.indices], best.values


def ivf_with_distances_as_scores(query, centres, lists, vectors, probes=1, k=10):
    places = torch.cat([lists[number] for number in _by_distance(query, centres)[:probes]])
    best = (vectors[places] - query).square().sum(1).topk(min(k, len(places)), largest=False)
    return places[best.indices], best.values


def ivf_with_k_always(query, centres, lists, vectors, probes=1, k=10):
    places = torch.cat([lists[number] for number in _by_distance(query, centres)[:probes]])
    best = (vectors[places] @ query).topk(k)
    return places[best.indices], best.values


def _ivf_by_a_mask(query, centres, lists, vectors, probes=1, k=10):
    scores = torch.full((len(vectors),), -torch.inf)
    for number in torch.cdist(query[None], centres)[0].argsort()[:probes].tolist():
        scores[lists[number]] = vectors[lists[number]] @ query
    order = scores.argsort(descending=True)[:k]
    order = order[scores[order] > -torch.inf]
    return order, scores[order]


def _filed(n, n_lists, d, *more):
    """n vectors of length 1 around n_lists centres, and a query near one of them."""

    def make():
        centres = torch.nn.functional.normalize(torch.randn(n_lists, d), dim=1)
        own = torch.arange(n) * 7 % n_lists
        vectors = torch.nn.functional.normalize(centres[own] + 0.4 * torch.randn(n, d), dim=1)
        lists = [torch.nonzero(own == number)[:, 0] for number in range(n_lists)]
        query = torch.nn.functional.normalize(centres[-1] + 0.4 * torch.randn(d), dim=0)
        return [query, centres, lists, vectors, *more]

    return make


def _four():
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [0.8, 0.6]])
    centres = torch.tensor([[0.9, 0.3], [0.3, 0.9]])
    return [
        torch.tensor([0.0, 1.0]),
        centres,
        [torch.tensor([0, 3]), torch.tensor([1, 2])],
        vectors,
    ]


IVF_SEARCH = Exercise(
    name="retrieval.ivf_search",
    week=9,
    notebook=NOTEBOOK,
    reference=inverted_lists.ivf_search,
    cases=(
        Case("the four on paper", lambda: [*_four(), 1, 1]),
        Case("two probes", lambda: [*_four(), 2, 3]),
        Case("fewer than k in the list", lambda: [*_four(), 1, 3]),
        Case("many", _filed(200, 8, 6, 1, 5)),
        Case("three of eight lists", _filed(200, 8, 6, 3, 12)),
    ),
    mistakes=(
        Mistake(
            ivf_in_the_farthest_lists,
            "the lists whose centres are farthest from the query were searched: the smallest distances are wanted.",
            LISTS,
        ),
        Mistake(
            ivf_in_the_first_lists,
            "the first lists were searched, whatever the query: take those whose centres are nearest to it.",
            LISTS,
        ),
        Mistake(
            ivf_in_one_list,
            "`probes` has no effect: search so many lists, the nearest ones.",
            LISTS,
        ),
        Mistake(
            ivf_in_all_lists,
            "all lists were searched; that is the exact search, and nothing was saved: `probes` of them.",
            LISTS,
        ),
        Mistake(
            ivf_with_places_in_the_lists,
            "these are places among the candidates: look them up, places[best.indices], to have places of vectors.",
            LISTS,
        ),
        Mistake(
            ivf_k_of_each_list,
            "each list gave its own k: put the lists together first, and take the k best of all.",
            LISTS,
        ),
        Mistake(
            ivf_the_worst,
            "the lowest inner products were taken: the nearest vectors have the highest.",
            LISTS,
        ),
        Mistake(
            ivf_with_distances_as_scores,
            "the vectors' scores are distances; asked is the inner product with the query, highest first.",
            LISTS,
        ),
        Mistake(
            ivf_with_k_always,
            "the lists may hold fewer than k vectors together: topk(min(k, len(places))).",
            LISTS,
        ),
    ),
    hints=(
        "Which lists are worth a look? You have the distance from the query to each centre.",
        "distances.topk(probes, largest=False).indices are the lists; torch.cat puts their places together; then an "
        "exact search among those.",
        "best = (vectors[places] @ query).topk(min(k, len(places))); return places[best.indices], best.values",
    ),
    alternatives=(_ivf_by_a_mask,),
)


# --- refusal_curve ---------------------------------------------------------------------------------------------------


def _curve(scores, right, answerable, thresholds, of_given=None, of_all=None, nothing=1.0):
    """refusal_curve with something changed: what each of the two is divided by."""
    answered = scores >= thresholds[:, None]
    good = (answered & right).sum(1)
    given = answered.sum(1) if of_given is None else of_given(answered)
    precision = torch.where(answered.sum(1) > 0, good / given.clamp(min=1), nothing)
    return precision, good / (answerable.sum() if of_all is None else of_all(answered))


def curve_above_only(scores, right, answerable, thresholds):
    answered = scores > thresholds[:, None]
    given, good = answered.sum(1), (answered & right).sum(1)
    return torch.where(given > 0, good / given.clamp(min=1), 1.0), good / answerable.sum()


def curve_below(scores, right, answerable, thresholds):
    answered = scores <= thresholds[:, None]
    given, good = answered.sum(1), (answered & right).sum(1)
    return torch.where(given > 0, good / given.clamp(min=1), 1.0), good / answerable.sum()


def curve_recall_of_the_right(scores, right, answerable, thresholds):
    return _curve(scores, right, answerable, thresholds, of_all=lambda _: right.sum())


def curve_recall_of_all(scores, right, answerable, thresholds):
    return _curve(scores, right, answerable, thresholds, of_all=lambda _: len(right))


def curve_precision_of_all(scores, right, answerable, thresholds):
    return _curve(
        scores, right, answerable, thresholds, of_given=lambda a: torch.tensor([a.shape[1]])
    )


def curve_with_nothing_as_zero(scores, right, answerable, thresholds):
    return _curve(scores, right, answerable, thresholds, nothing=0.0)


def curve_with_nothing_as_nan(scores, right, answerable, thresholds):
    answered = scores >= thresholds[:, None]
    good = (answered & right).sum(1)
    return good / answered.sum(1), good / answerable.sum()


def curve_that_trusts_the_question(scores, right, answerable, thresholds):
    return _curve(scores, answerable, answerable, thresholds)


def curve_of_shares_answered(scores, right, answerable, thresholds):
    precision, _ = refusing.refusal_curve(scores, right, answerable, thresholds)
    return precision, (scores >= thresholds[:, None]).float().mean(1)


def curve_turned_round(scores, right, answerable, thresholds):
    return refusing.refusal_curve(scores, right, answerable, thresholds)[::-1]


def _threshold_by_threshold(scores, right, answerable, thresholds):
    precisions, recalls = [], []
    for threshold in thresholds.tolist():
        given = [bool(r) for s, r in zip(scores.tolist(), right.tolist()) if s >= threshold]
        precisions.append(sum(given) / len(given) if given else 1.0)
        recalls.append(sum(given) / int(answerable.sum()))
    return torch.tensor(precisions), torch.tensor(recalls)


def _asked(scores, right, answerable, thresholds):
    return lambda: [
        torch.tensor(scores),
        torch.tensor(right, dtype=torch.bool),
        torch.tensor(answerable, dtype=torch.bool),
        torch.tensor(thresholds),
    ]


def _many_asked(n):
    def make():
        answerable = torch.rand(n) < 0.7
        right = answerable & (torch.rand(n) < 0.8)
        scores = torch.rand(n) * 0.6 + 0.4 * right
        return [scores, right, answerable, torch.linspace(0, 1.2, 13)]

    return make


REFUSAL_CURVE = Exercise(
    name="retrieval.refusal_curve",
    week=9,
    notebook=NOTEBOOK,
    reference=refusing.refusal_curve,
    cases=(
        Case(
            "the five on paper",
            _asked([0.9, 0.8, 0.6, 0.4, 0.2], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0.5]),
        ),
        Case(
            "several thresholds",
            _asked([0.9, 0.8, 0.6, 0.4, 0.2], [1, 0, 1, 0, 1], [1, 1, 1, 0, 1], [0.0, 0.3, 0.85]),
        ),
        Case("a score at the threshold", _asked([0.5, 0.4], [1, 0], [1, 0], [0.5, 0.4])),
        Case("nothing answered", _asked([0.5, 0.4], [1, 0], [1, 0], [0.9])),
        Case("many", _many_asked(300)),
    ),
    mistakes=(
        Mistake(
            curve_above_only,
            "a question whose score is at the threshold is answered too: >= and not >.",
            REFUSE,
        ),
        Mistake(
            curve_below,
            "the questions below the threshold were answered; it is those that reach it.",
            REFUSE,
        ),
        Mistake(
            curve_recall_of_the_right,
            "recall was divided by what could be right; divide by answerable.sum(): an answer that the search misses "
            "counts against it.",
            REFUSE,
        ),
        Mistake(
            curve_recall_of_all,
            "recall was divided by all questions; those without an answer cannot get one: answerable.sum().",
            REFUSE,
        ),
        Mistake(
            curve_precision_of_all,
            "precision was divided by all questions: divide by those that were answered.",
            REFUSE,
        ),
        Mistake(
            curve_with_nothing_as_zero,
            "where nothing is answered nothing is wrong: precision is 1 there, and here it is 0.",
            REFUSE,
        ),
        Mistake(
            curve_with_nothing_as_nan,
            "where nothing is answered, 0 was divided by 0: precision is 1 there.",
            REFUSE,
        ),
        Mistake(
            curve_that_trusts_the_question,
            "every answer to an answerable question was counted as right; whether it is stands in `right`.",
            REFUSE,
        ),
        Mistake(
            curve_of_shares_answered,
            "the second number is the share that is answered; asked is how many of the answerable are answered right.",
            REFUSE,
        ),
        Mistake(
            curve_turned_round,
            "the two stand the wrong way round: precision first, then recall.",
            REFUSE,
        ),
    ),
    hints=(
        "Take one threshold. Which questions are answered, and how many of those answers are right?",
        "answered = scores >= thresholds[:, None] has shape (t, n). Sum it along dim 1, and (answered & right) too.",
        "precision = torch.where(given > 0, good / given.clamp(min=1), 1.0); recall = good / answerable.sum()",
    ),
    alternatives=(_threshold_by_threshold,),
)

RETRIEVAL = (WINDOWS, IVF_SEARCH, REFUSAL_CURVE)
