"""What a model is taught: pairs worth comparing, overlap with a test, weights of sources, rows without waste."""

import random
from itertools import combinations

import numpy as np
import pytest
from scipy.special import softmax

from shared.llm.corpus.minhash import band_keys, candidate_pairs, jaccard, shingles, signature
from shared.llm.corpus.overlap import covered_share, runs_of
from shared.llm.corpus.rows import best_fit
from shared.llm.corpus.sources import source_weights

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nrst"]


# --- pairs worth comparing ------------------------------------------------------------------------


def test_candidates_share_a_key_of_the_stage_that_deduplicates():
    """`deduplicate` sorts `band_keys` on disk; in memory the same pairs must come out."""
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=80)) for _ in range(40)]
    texts += [" ".join(w if rng.random() > 0.05 else "x" for w in t.split()) for t in texts[:15]]
    signatures = np.stack([signature(shingles(text), 100) for text in texts])
    keys = [set(enumerate(band_keys(one, 20).tolist())) for one in signatures]
    expected = [
        pair for pair in combinations(range(len(texts)), 2) if keys[pair[0]] & keys[pair[1]]
    ]
    found = candidate_pairs(signatures, 20)
    assert found == expected
    assert len(found) >= 12


def test_candidates_follow_the_s_curve():
    rng, bands, rows, pairs = random.Random(1), 20, 5, []
    while len(pairs) < 400:
        words = rng.choices(WORDS, k=120)
        changed = [word if rng.random() > 0.09 else "x" for word in words]
        both = [shingles(" ".join(some)) for some in (words, changed)]
        pairs.append((jaccard(*both), np.stack([signature(some, bands * rows) for some in both])))
    found = np.mean([len(candidate_pairs(both, bands)) for _, both in pairs])
    expected = np.mean([1 - (1 - s**rows) ** bands for s, _ in pairs])
    assert 0.2 < expected < 0.9
    assert abs(found - expected) < 4 * 0.5 / len(pairs) ** 0.5


def test_candidates_where_there_is_nothing():
    assert candidate_pairs(np.zeros((0, 4), np.uint32), 2) == []
    assert candidate_pairs(np.zeros((1, 4), np.uint32), 2) == []


# --- overlap --------------------------------------------------------------------------------------


def test_covered_share_beside_looking_for_each_run():
    rng = random.Random(2)
    for n in (1, 2, 5):
        for _ in range(30):
            training, test = (rng.choices("abcd", k=rng.randint(0, 40)) for _ in range(2))
            text = "".join(training)
            marks = set()
            for start in range(len(test) - n + 1):
                if "".join(test[start : start + n]) in text:
                    marks.update(range(start, start + n))
            assert covered_share(test, runs_of(training, n), n) == len(marks) / max(1, len(test))


def test_runs():
    assert runs_of("abcab", 2) == {("a", "b"), ("b", "c"), ("c", "a")}
    assert runs_of([1, 2], 3) == set()
    with pytest.raises(ValueError, match="n is 0"):
        runs_of([1, 2], 0)


# --- weights of sources ---------------------------------------------------------------------------


def test_weights_are_the_softmax_of_logarithms():
    sizes = np.array([4e12, 3e9, 2e8, 7e6])
    for temperature in (0.7, 1.0, 3.3, 100.0):
        expected = softmax(np.log(sizes) / temperature)
        np.testing.assert_allclose(source_weights(sizes, temperature), expected, rtol=1e-9)


def test_weights_take_a_list_and_refuse_cold():
    np.testing.assert_allclose(source_weights([3, 1], 1), [0.75, 0.25])
    for temperature in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="temperature"):
            source_weights([3, 1], temperature)


# --- rows without waste ---------------------------------------------------------------------------


def test_best_fit_places_each_document_once_and_overfills_no_row():
    rng = random.Random(3)
    for room in (8, 64, 256):
        lengths = [min(room, 1 + int(rng.expovariate(3 / room))) for _ in range(300)]
        rows = best_fit(lengths, room)
        assert sorted(number for row in rows for number in row) == list(range(300))
        filled = [sum(lengths[number] for number in row) for row in rows]
        assert max(filled) <= room
        least = -(-sum(lengths) // room)
        # Johnson 1974: at most 11/9 of the best and 4 more; the best has at least `least` rows,
        # and one for each document that is longer than half a row.
        best_possible = max(least, sum(2 * length > room for length in lengths))
        assert len(rows) <= 11 / 9 * best_possible + 4


def test_best_fit_refuses_what_is_longer_than_a_row():
    with pytest.raises(ValueError, match="11 tokens"):
        best_fit([3, 11], 10)
