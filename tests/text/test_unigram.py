"""`shared.text.unigram` and its training against the library `tokenizers`, and against all ways to cut a word."""

import itertools
import json
import math
import random
from collections import Counter

import numpy as np
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

from shared import data
from shared.text import unigram_training
from shared.text.unigram import (
    UNKNOWN,
    UnigramTokenizer,
    log_likelihood,
    sample,
    split_words,
    viterbi,
)
from shared.text.unigram_training import (
    count_words,
    expect,
    lattices_of,
    maximize,
    prune,
    train_unigram,
)

SMALL = {"h": -3.0, "u": -3.5, "g": -3.2, "s": -2.5, "hu": -4.0, "ug": -2.2, "hug": -3.1, "gs": -6}


@pytest.fixture(scope="module")
def texts():
    return [article.text for article in list(data.encyclopedia().articles)[:60]]


@pytest.fixture(scope="module")
def scores(texts):
    return train_unigram(texts, 500)


def library_tokenizer(scores):
    pieces = [(UNKNOWN, 0.0), *scores.items()]
    theirs = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0))
    theirs.pre_tokenizer = pre_tokenizers.Metaspace()
    return theirs


def ways(word):
    """All ways to cut a word."""
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        places = [0, *(i for i, cut in enumerate(cuts, 1) if cut), len(word)]
        yield [word[a:b] for a, b in itertools.pairwise(places)]


def known_ways(word, scores, longest=16):
    return [w for w in ways(word) if all(t in scores and len(t) <= longest for t in w)]


def score_of(tokens, scores):
    return sum(scores[token] for token in tokens)


# Cutting a word


def test_by_hand():
    assert viterbi("hugs", SMALL) == ["hug", "s"]  # −5.6; "h" + "ug" + "s" would be −7.7
    assert viterbi("hugs", SMALL, longest=2) == ["h", "ug", "s"]
    assert viterbi("", SMALL) == [] and sample("", SMALL) == []
    assert log_likelihood("gs", SMALL) == pytest.approx(math.log(math.exp(-5.7) + math.exp(-6)))


def test_against_all_ways():
    draw = random.Random(0)
    for _ in range(50):
        word = "".join(draw.choices("abc", k=draw.randint(1, 8)))
        parts = {word[i:j] for i in range(len(word)) for j in range(i + 1, len(word) + 1)}
        scores = {
            part: -6 * draw.random() for part in parts if len(part) == 1 or draw.random() < 0.5
        }
        longest = draw.choice([1, 2, 3, 16])
        every = known_ways(word, scores, longest)
        best = max(score_of(way, scores) for way in every)
        assert score_of(viterbi(word, scores, longest), scores) == pytest.approx(best)
        total = math.log(sum(math.exp(score_of(way, scores)) for way in every))
        assert log_likelihood(word, scores, longest) == pytest.approx(total)


def test_the_librarys_tokens_and_scores(texts, scores):
    theirs, ours = library_tokenizer(scores), UnigramTokenizer(scores)
    for text in [*texts[:20], "Beekeeping, unheard of: 東京 and 🐝🐝!", "two  spaces ", "", "日"]:
        found = theirs.encode(text)
        assert ours.tokenize(text) == found.tokens
        assert ours.encode(text) == found.ids
        known = [t for t in ours.tokenize(text) if t in scores]
        assert score_of(known, scores) == pytest.approx(sum(scores.get(t, 0) for t in found.tokens))


def test_there_and_back(texts, scores):
    tokenizer = UnigramTokenizer(scores)
    for text in [texts[3], " two  spaces "]:
        if set("".join(split_words(text))) <= set(scores):
            assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(tokenizer.encode("a 東京 a")) == "a \ufffd a"
    assert tokenizer.n_vocab == 501


def test_samples_have_their_probabilities():
    generator = random.Random(0)
    every = known_ways("hugs", SMALL)
    for alpha in (0.0, 0.3, 1.0):
        drawn = Counter(tuple(sample("hugs", SMALL, alpha, generator)) for _ in range(4000))
        chances = [math.exp(alpha * score_of(way, SMALL)) for way in every]
        for way, chance in zip(every, chances):
            assert drawn[tuple(way)] / 4000 == pytest.approx(chance / sum(chances), abs=0.03)
    assert sample("hugs", SMALL, 50.0, generator) == viterbi("hugs", SMALL)


# Training


def test_expected_counts_and_likelihood_are_those_of_all_ways():
    words = {"hugs": 3, "hug": 2, "ss": 1}
    counts, total = expect(lattices_of(words, list(SMALL)), np.array([*SMALL.values()]))
    expected, likelihood = Counter(), 0.0
    for word, count in words.items():
        every = known_ways(word, SMALL)
        chances = [math.exp(score_of(way, SMALL)) for way in every]
        likelihood += count * math.log(sum(chances))
        for way, chance in zip(every, chances):
            for token in way:
                expected[token] += count * chance / sum(chances)
    assert total == pytest.approx(likelihood)
    assert counts.tolist() == pytest.approx([expected[token] for token in SMALL])


def test_em_makes_the_words_likelier(texts):
    words = count_words(texts[:10])
    tokens = sorted({*"".join(words), *(word[:3] for word in words), *(w[-2:] for w in words)})
    lattices, scores, before = lattices_of(words, tokens), np.full(len(tokens), -6.0), -math.inf
    for _ in range(5):
        counts, total = expect(lattices, scores)
        assert total > before
        before = total
        scores = np.log(np.maximum(counts, 1e-9) / counts.sum())  # the plain M-step
    kept = maximize(counts, tokens)
    assert np.exp(kept).sum() == pytest.approx(1, abs=0.05)
    assert all(np.isfinite(kept[n]) for n, token in enumerate(tokens) if len(token) == 1)


def test_pruning_keeps_what_is_missed_most():
    tokens = list(SMALL)
    counts = np.array([1, 1, 1, 9, 5, 40, 30, 0.2])
    kept = prune(np.array([*SMALL.values()]), counts, tokens, 6)
    assert [t for t, s in zip(tokens, kept) if s > -np.inf] == ["h", "u", "g", "s", "ug", "hug"]


def test_as_likely_as_the_librarys(texts, scores):
    theirs = tokenizers.Tokenizer(models.Unigram())
    theirs.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=501, unk_token=UNKNOWN, special_tokens=[UNKNOWN], show_progress=False
    )
    theirs.train_from_iterator(texts, trainer)
    pieces = json.loads(theirs.to_str())["model"]["vocab"]
    library = {piece: score for piece, score in pieces if piece != UNKNOWN}
    words = {w: n for w, n in count_words(texts).items() if set(w) <= set(library) & set(scores)}
    mean = {
        name: sum(n * log_likelihood(w, s) for w, n in words.items()) / sum(words.values())
        for name, s in (("ours", scores), ("library", library))
    }
    assert len(scores) == 500
    assert mean["ours"] > mean["library"] - 0.05, mean  # nats for each word, of about 12
    assert len(set(scores) & set(library)) > 350


def test_small_texts_and_odd_letters():
    with pytest.warns(UserWarning, match="allow only"):
        scores = train_unigram(["hug hug pug hugs"], 100)
    assert set("▁hugps") <= set(scores)
    with pytest.warns(UserWarning, match="only 5 tokens of the 6"):
        rare = train_unigram(["aab aab abab aab 東"], 6, alphabet=3)
    assert "東" not in rare and len(rare) <= 6


def test_seeds_are_seen_by_all_lattices():
    words = {"▁abab": 2, "▁ab": 1}
    seeds = unigram_training.seed_counts(words, set("▁ab"), 10)
    assert seeds["ab"] == 5 and seeds["▁"] == 3 and seeds["▁abab"] == 2


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one string"):
        train_unigram("text", 100)
    with pytest.raises(ValueError, match="no character"):
        train_unigram(["", ""], 100)
    with pytest.raises(ValueError, match="vocab_size is 1"):
        train_unigram(["text"], 1)
    with pytest.raises(ValueError, match="must hold tokens"):
        UnigramTokenizer({UNKNOWN: 0.0})
    with pytest.raises(ValueError, match="no way to cut it"):
        sample("hugz", SMALL)
    with pytest.raises(ValueError, match="9 is no id"):
        UnigramTokenizer(SMALL).decode([9])
