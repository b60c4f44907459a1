"""BLEU beside sacrebleu's, ROUGE-L beside trying every subsequence."""

import itertools
import random

import pytest
from sacrebleu.metrics import BLEU

from shared.text.overlap import bleu, rouge_l


def theirs(outputs, references, longest=4):
    measure = BLEU(tokenize="none", smooth_method="none", max_ngram_order=longest, force=True)
    outputs, references = ([" ".join(words) for words in rows] for rows in (outputs, references))
    return measure.corpus_score(outputs, [references]).score / 100


@pytest.mark.parametrize("longest", [1, 2, 4])
@pytest.mark.parametrize("texts", [1, 2, 8])
def test_bleu_of_sacrebleu(longest, texts):
    draw = random.Random(7)
    for _ in range(60):
        rows = [
            ([draw.choice("abc") for _ in range(draw.randint(1, 9))] for _ in range(texts))
            for _ in range(2)
        ]
        outputs, references = map(list, rows)
        expected = theirs(outputs, references, longest)
        assert bleu(outputs, references, longest) == pytest.approx(expected, abs=1e-9)


def test_bleu_at_its_ends():
    text = ["the", "cat", "sat", "on", "the", "mat"]
    assert bleu([text], [text]) == pytest.approx(1)
    assert bleu([text], [["a", "dog", "ran"]]) == bleu([[]], [text]) == bleu([], []) == 0
    with pytest.raises(ValueError, match="argument 2 is longer"):
        bleu([], [text])


def longest_common(a, b):
    """Every subsequence of a, the longest first."""

    def within(some):
        rest = iter(b)
        return all(word in rest for word in some)

    sizes = range(len(a), -1, -1)
    return next(n for n in sizes if any(map(within, itertools.combinations(a, n))))


def test_rouge_l_of_every_subsequence():
    draw = random.Random(3)
    for _ in range(200):
        a, b = ([draw.choice("abcd") for _ in range(draw.randint(1, 8))] for _ in range(2))
        common = longest_common(a, b)
        precision, recall = common / len(a), common / len(b)
        expected = 2 * precision * recall / (precision + recall) if common else 0
        assert rouge_l(a, b) == pytest.approx(expected) == pytest.approx(rouge_l(b, a))


def test_rouge_l_at_its_ends():
    assert rouge_l([], ["a"]) == rouge_l(["a"], []) == rouge_l([], []) == 0
    assert rouge_l(["to", "be", "or", "not"], ["to", "be", "or", "not"]) == 1
