"""`shared.text.ngrams` against the formula written out with dictionaries, and against what every model promises."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from shared.text.ngrams import NGramModel

TEXT = "the cat sat on the mat. the rat sat on the cat, and that was that. " * 3 + "a mad hatter"
LETTERS = sorted(set(TEXT)) + ["z"]  # one that never occurs


def ids_of(text):
    return np.array([LETTERS.index(letter) for letter in text])


def by_the_book(text, order):
    """Modified Kneser-Ney as Chen & Goodman write it, over strings: a function of context and letter."""
    counts = {order: Counter(text[i : i + order] for i in range(len(text) - order + 1))}
    for n in range(order - 1, 0, -1):
        before = defaultdict(set)
        for gram in counts[n + 1]:
            before[gram[1:]].add(gram[0])
        counts[n] = {gram: len(letters) for gram, letters in before.items()}

    def discount(n, count):
        have = Counter(counts[n].values())
        if min(have[1], have[2], have[3]) == 0:
            return min(0.75, count)
        y = have[1] / (have[1] + 2 * have[2])
        k = min(count, 3)
        d = k - (k + 1) * y * have[k + 1] / have[k]
        return d if 0 < d < k else min(0.75, count)

    def p(context, letter, n=order):
        if n == 0:
            return 1 / len(LETTERS)
        history = context[len(context) - n + 1 :]
        following = {g[-1]: c for g, c in counts[n].items() if g[:-1] == history}
        if len(context) < n - 1 or not following:
            return p(context, letter, n - 1)
        total = sum(following.values())
        kept = following.get(letter, 0)
        kept -= discount(n, kept) if kept else 0
        freed = sum(discount(n, c) for c in following.values())
        return (kept + freed * p(context, letter, n - 1)) / total

    return p


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_as_by_the_book(order):
    model, p = NGramModel(ids_of(TEXT), len(LETTERS), order), by_the_book(TEXT, order)
    for context in ("", "t", "he", "the ", "on the m", "zzzz", "qat"[1:], "d mad"):
        found = model.probabilities(ids_of(context))
        assert found == pytest.approx([p(context, letter) for letter in LETTERS], rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4, 6])
def test_probabilities_are_positive_and_sum_to_one(order):
    generator = np.random.default_rng(0)
    ids = generator.choice(7, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05, 0.0], size=5000)
    model = NGramModel(ids, 7, order)
    for length in (0, 1, 2, 5, 9):
        p = model.probabilities(generator.integers(0, 7, length))
        assert p.sum() == pytest.approx(1, abs=1e-12)
        assert (p > 0).all()


@pytest.mark.parametrize("order", [1, 3, 5])
def test_a_text_is_the_product_of_its_letters(order):
    model, text = NGramModel(ids_of(TEXT), len(LETTERS), order), ids_of("the hat sat. zz the")
    one_by_one = [math.log(model.probabilities(text[:i])[text[i]]) for i in range(len(text))]
    assert model.log_probabilities(text) == pytest.approx(one_by_one, rel=1e-12)


def test_learns_what_was_drawn():
    """A text from a known chain of order 2 must cost its entropy, and no shorter order can know as much."""
    generator = np.random.default_rng(1)
    table = generator.dirichlet(np.full(4, 0.4), size=(4, 4))  # P(next | two before)

    def draw(count):
        text = [0, 1]
        while len(text) < count:
            text.append(generator.choice(4, p=table[text[-2], text[-1]]))
        return np.array(text)

    train, new = draw(60_000), draw(20_000)
    truth = -np.log(table[new[:-2], new[1:-1], new[2:]]).mean()
    cost = {n: -NGramModel(train, 4, n).log_probabilities(new).mean() for n in (1, 2, 3, 5)}
    assert cost[3] == pytest.approx(truth, abs=0.01)
    assert cost[1] > cost[2] > cost[3] + 0.02
    assert cost[5] < cost[3] + 0.02  # smoothing: the needless order costs little


def test_text_shorter_than_the_order():
    model = NGramModel(ids_of(TEXT), len(LETTERS), 4)
    assert len(model.log_probabilities(ids_of("th"))) == 2
    assert len(model.log_probabilities(np.array([], dtype=int))) == 0


def test_size_is_the_number_of_different_grams():
    assert NGramModel(np.array([0, 1, 0, 1, 0, 2]), 3, 2).size == 3 + 3  # 01 10 02, and 0 1 2


def test_is_fast_enough_for_megabytes():
    import time

    ids = np.random.default_rng(0).choice(60, p=np.arange(60, 0, -1) / 1830, size=1_000_000)
    started = time.perf_counter()
    model = NGramModel(ids[:900_000], 60, 5)
    model.log_probabilities(ids[900_000:])
    assert time.perf_counter() - started < 20  # measured: about one second


@pytest.mark.parametrize(
    ("ids", "size", "order", "said"),
    [
        ([0, 1, 5], 3, 2, "from 0 to 2"),
        ([0, -1, 1], 3, 2, "from 0 to 2"),
        ([0.5, 1.0], 3, 2, "whole numbers"),
        ([0, 1, 2], 3, 0, "at least 1"),
        ([0, 1, 2], 100, 10, "below 2"),
        ([0, 1], 3, 3, "fewer than one 3-gram"),
    ],
)
def test_bad_input_is_refused(ids, size, order, said):
    with pytest.raises(ValueError, match=said):
        NGramModel(np.array(ids), size, order)
