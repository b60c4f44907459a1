"""What a model is taught: `corpus.candidate_pairs` and `corpus.covered_share`. The name of the family is the
challenge's, whose `corpus.least_hashes` the first one stands on."""

import numpy as np
import torch

from shared.exercises.spec import Case, Exercise, Mistake
from shared.exercises.week09.data_rows import BEST_FIT, SOURCE_WEIGHTS
from shared.llm.corpus.minhash import candidate_pairs
from shared.llm.corpus.overlap import covered_share, runs_of

NOTEBOOK = "week09_llm/4_explore_data.ipynb"
TWINS = "Pairs worth comparing"
EXAM = "The exam in the textbook"


# --- candidate_pairs -------------------------------------------------------------------------------------------------


def _pairs(signatures, agree):
    """All pairs of rows for which `agree` says so."""
    n = len(signatures)
    return [
        (i, j) for i in range(n) for j in range(i + 1, n) if agree(signatures[i], signatures[j])
    ]


def _equal_bands(a, b, bands):
    size = len(a) // bands
    return (a == b)[: bands * size].reshape(bands, size).all(axis=1)


def pairs_equal_in_all_bands(signatures, bands):
    return _pairs(signatures, lambda a, b: bool(_equal_bands(a, b, bands).all()))


def pairs_equal_in_any_number(signatures, bands):
    return _pairs(signatures, lambda a, b: bool((a == b).any()))


def pairs_with_rows_for_bands(signatures, bands):
    return candidate_pairs(signatures, signatures.shape[1] // bands)


def pairs_of_the_first_band(signatures, bands):
    return _pairs(signatures, lambda a, b: bool(_equal_bands(a, b, bands)[0]))


def pairs_in_any_place(signatures, bands):
    def agree(a, b):
        keys = [{tuple(band) for band in x.reshape(bands, -1).tolist()} for x in (a, b)]
        return bool(keys[0] & keys[1])

    return _pairs(signatures, agree)


def pairs_of_strided_bands(signatures, bands):
    return _pairs(
        signatures,
        lambda a, b: any(bool((a[i::bands] == b[i::bands]).all()) for i in range(bands)),
    )


def pairs_with_themselves(signatures, bands):
    return sorted(candidate_pairs(signatures, bands) + [(i, i) for i in range(len(signatures))])


def pairs_in_both_orders(signatures, bands):
    found = candidate_pairs(signatures, bands)
    return sorted(found + [(j, i) for i, j in found])


def pairs_once_for_each_band(signatures, bands):
    n = len(signatures)
    found = [
        (i, j)
        for i in range(n)
        for j in range(i + 1, n)
        for _ in range(int(_equal_bands(signatures[i], signatures[j], bands).sum()))
    ]
    return sorted(found)


def pairs_of_neighbours_in_a_box(signatures, bands):
    size, pairs = signatures.shape[1] // bands, set()
    for start in range(0, bands * size, size):
        last = {}
        for text, row in enumerate(signatures[:, start : start + size]):
            key = tuple(row.tolist())
            if key in last:
                pairs.add((last[key], text))
            last[key] = text
    return sorted(pairs)


def _pairs_by_comparing(signatures, bands):
    return _pairs(signatures, lambda a, b: bool(_equal_bands(a, b, bands).any()))


def _pairs_by_bytes(signatures, bands):
    size = signatures.shape[1] // bands
    found = []
    for j in range(len(signatures)):
        for i in range(j):
            for band in range(bands):
                part = slice(band * size, (band + 1) * size)
                if signatures[i, part].tobytes() == signatures[j, part].tobytes():
                    found.append((i, j))
                    break
    return sorted(found)


def _signatures(*rows, bands):
    return lambda: [np.array(rows, dtype=np.uint32), bands]


def _drawn(n, k, bands, most):
    """Signatures of numbers below `most`: with few of them, many bands agree."""
    return lambda: [torch.randint(0, most, (n, k)).numpy().astype(np.uint32), bands]


CANDIDATE_PAIRS = Exercise(
    name="corpus.candidate_pairs",
    week=9,
    notebook=NOTEBOOK,
    reference=candidate_pairs,
    cases=(
        Case("two of three", _signatures((5, 2, 7, 1), (5, 2, 9, 9), (4, 2, 9, 1), bands=2)),
        Case("no pair", _signatures((1, 2, 3, 4), (5, 6, 7, 8), bands=2)),
        Case("the same text", _signatures((1, 2, 3, 4), (1, 2, 3, 4), bands=2)),
        Case("the same numbers at another place", _signatures((1, 2, 3, 4), (3, 4, 1, 2), bands=2)),
        Case("three in one box", _signatures((1, 2, 3), (1, 2, 4), (1, 2, 5), bands=1)),
        Case(
            "three that share a band",
            _signatures((1, 2, 3, 4), (1, 2, 5, 6), (1, 2, 7, 8), bands=2),
        ),
        Case("one band of all numbers", _signatures((1, 2, 3), (1, 2, 4), (1, 2, 3), bands=1)),
        Case("bands of one number", _signatures((1, 2, 3), (4, 2, 6), (4, 5, 3), bands=3)),
        Case("twelve texts", _drawn(12, 12, 4, 3)),
        Case("longer bands", _drawn(14, 12, 3, 2)),
    ),
    mistakes=(
        Mistake(
            pairs_equal_in_all_bands,
            "a pair must agree in every band here, so that only equal signatures are found; one band is enough.",
            TWINS,
        ),
        Mistake(
            pairs_equal_in_any_number,
            "a pair counts as soon as one number agrees; all numbers of a band must, or nearly all texts are compared.",
            TWINS,
        ),
        Mistake(
            pairs_with_rows_for_bands,
            "bands and rows are exchanged: `bands` says how many bands there are, and each has k // bands numbers.",
            TWINS,
        ),
        Mistake(
            pairs_of_the_first_band,
            "only the first band is looked at: go through all of them and put the pairs together.",
            TWINS,
        ),
        Mistake(
            pairs_in_any_place,
            "a band is compared with other bands of the other text; each band needs boxes of its own.",
            TWINS,
        ),
        Mistake(
            pairs_of_strided_bands,
            "every bands-th number is taken for a band; a band is numbers side by side, start to start + size.",
            TWINS,
        ),
        Mistake(
            pairs_with_themselves,
            "a text is paired with itself: only pairs with i < j.",
            TWINS,
        ),
        Mistake(
            pairs_in_both_orders,
            "each pair stands there twice, as (i, j) and as (j, i): only with i < j.",
            TWINS,
        ),
        Mistake(
            pairs_once_for_each_band,
            "a pair that agrees in several bands is listed several times: collect the pairs in a set.",
            TWINS,
        ),
        Mistake(
            pairs_of_neighbours_in_a_box,
            "a text is paired only with the last one in its box; it needs a pair with every text that lies there.",
            TWINS,
        ),
    ),
    hints=(
        "Two texts with the same numbers in one band: where would they meet, if each band had a shelf of boxes?",
        "For each band a dictionary: the band's numbers as a tuple → the texts that had them so far. Each newcomer "
        "makes a pair with every text in its box.",
        "box = boxes.setdefault(tuple(row.tolist()), []); pairs.update((i, text) for i in box); box.append(text)",
    ),
    alternatives=(_pairs_by_comparing, _pairs_by_bytes),
)


# --- covered_share ---------------------------------------------------------------------------------------------------


def _covered(tokens, seen, n, starts, length=None):
    covered = [False] * len(tokens)
    for start in starts:
        if tuple(tokens[start : start + n]) in seen:
            for place in range(start, min(len(tokens), start + (n if length is None else length))):
                covered[place] = True
    return sum(covered) / max(1, len(tokens))


def share_of_runs(tokens, seen, n):
    runs = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return sum(run in seen for run in runs) / max(1, len(runs))


def share_without_the_last_run(tokens, seen, n):
    return _covered(tokens, seen, n, range(len(tokens) - n))


def share_of_first_tokens(tokens, seen, n):
    return _covered(tokens, seen, n, range(len(tokens) - n + 1), 1)


def share_of_runs_side_by_side(tokens, seen, n):
    return _covered(tokens, seen, n, range(0, len(tokens), n))


def share_with_overlaps_twice(tokens, seen, n):
    found = sum(tuple(tokens[i : i + n]) in seen for i in range(len(tokens) - n + 1))
    return min(1.0, found * n / max(1, len(tokens)))


def share_as_yes_or_no(tokens, seen, n):
    return float(covered_share(tokens, seen, n) > 0)


def share_not_covered(tokens, seen, n):
    return 1 - covered_share(tokens, seen, n)


def share_of_single_tokens(tokens, seen, n):
    known = {token for run in seen for token in run}
    return sum(token in known for token in tokens) / max(1, len(tokens))


def share_of_a_run_by_one_token_less(tokens, seen, n):
    return _covered(tokens, seen, n, range(len(tokens) - n + 1), n - 1)


def share_of_tokens_wherever_they_stand(tokens, seen, n):
    known = set()
    for start in range(len(tokens) - n + 1):
        if tuple(tokens[start : start + n]) in seen:
            known.update(tokens[start : start + n])
    return sum(token in known for token in tokens) / max(1, len(tokens))


def _covered_by_places(tokens, seen, n):
    runs = (start for start in range(len(tokens)) if tuple(tokens[start : start + n]) in seen)
    places = {place for start in runs for place in range(start, start + n)}
    return len(places) / len(tokens) if tokens else 0.0


def _covered_token_by_token(tokens, seen, n):
    count = 0
    for place in range(len(tokens)):
        starts = range(max(0, place - n + 1), min(place, len(tokens) - n) + 1)
        count += any(tuple(tokens[start : start + n]) in seen for start in starts)
    return count / (len(tokens) or 1)


def _words(test, training, n):
    return lambda: [test.split(), runs_of(training.split(), n), n]


def _ids(length, most, n):
    """Numbers instead of words; a third of the test is in the training text."""

    def make():
        test = torch.randint(0, most, (length,)).tolist()
        training = torch.randint(0, most, (length,)).tolist() + test[length // 3 : 2 * length // 3]
        return [test, runs_of(training, n), n]

    return make


COVERED_SHARE = Exercise(
    name="corpus.covered_share",
    week=9,
    notebook=NOTEBOOK,
    reference=covered_share,
    cases=(
        Case("the paper example", _words("bees dance and bees sing", "the bees dance and fly", 3)),
        Case("clean", _words("bees dance and sing", "wasps fly", 3)),
        Case("all of it", _words("bees dance and sing", "bees dance and sing", 3)),
        Case("a run at the end", _words("today all bees dance", "where bees dance", 2)),
        Case("two runs, apart", _words("a b c x y d e f", "a b c d e f", 3)),
        Case("a word that comes again", _words("a b x a y b", "a b", 2)),
        Case("known words in another order", _words("c b a", "a b c", 2)),
        Case("shorter than a run", _words("bees", "bees dance", 2)),
        Case("an empty text", lambda: [[], {("bees", "dance")}, 2]),
        Case("numbers", _ids(60, 9, 4)),
        Case("many numbers", _ids(90, 5, 3)),
    ),
    mistakes=(
        Mistake(
            share_of_runs,
            "this is the share of the runs that were seen; asked is the share of the tokens that lie in such a run.",
            EXAM,
        ),
        Mistake(
            share_without_the_last_run,
            "the last run is left out: there are len(tokens) - n + 1 of them, from 0 to len(tokens) - n.",
            EXAM,
        ),
        Mistake(
            share_of_first_tokens,
            "only the first token of a seen run is marked: all n of it are covered.",
            EXAM,
        ),
        Mistake(
            share_of_runs_side_by_side,
            "the runs stand side by side, every n tokens; a run begins at every token, or most copies are missed.",
            EXAM,
        ),
        Mistake(
            share_with_overlaps_twice,
            "a token that lies in several seen runs is counted several times: mark tokens, and count the marks.",
            EXAM,
        ),
        Mistake(
            share_as_yes_or_no,
            "this says whether anything was seen; asked is how much, as a share from 0 to 1.",
            EXAM,
        ),
        Mistake(
            share_not_covered,
            "this is the share that was not seen.",
            EXAM,
        ),
        Mistake(
            share_of_single_tokens,
            "single tokens are looked up: nearly every word of a test stands somewhere; n in a row must match.",
            EXAM,
        ),
        Mistake(
            share_of_a_run_by_one_token_less,
            "a run that begins at start ends at start + n - 1; the last of its n tokens is not marked here.",
            EXAM,
        ),
        Mistake(
            share_of_tokens_wherever_they_stand,
            "a word that was covered once counts wherever it stands: mark places, not words.",
            EXAM,
        ),
    ),
    hints=(
        "Which tokens does one seen run cover? And what if two runs overlap?",
        "A list of False, one for each token. For every place where a run can begin: if the run was seen, set its n "
        "places to True.",
        "covered[start : start + n] = [True] * n; at the end sum(covered) / max(1, len(tokens))",
    ),
    alternatives=(_covered_by_places, _covered_token_by_token),
)

DATA = (CANDIDATE_PAIRS, COVERED_SHARE, SOURCE_WEIGHTS, BEST_FIT)
