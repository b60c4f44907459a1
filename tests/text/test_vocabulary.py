"""`shared.text.vocabulary` against scikit-learn's own counting, and there and back."""

import random

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from shared.text.vocabulary import Vocabulary, build_vocabulary

TEXTS = ["to be or not to be", "that is the question", "", "Whether 'tis nobler in the mind"]


@pytest.mark.parametrize("min_count", [1, 2, 5])
def test_same_tokens_and_order_as_by_scikit_learn(min_count):
    vectorizer = CountVectorizer(analyzer="char", lowercase=False)
    counts = vectorizer.fit_transform(TEXTS).sum(axis=0).A1
    counted = sorted(zip(vectorizer.get_feature_names_out(), counts), key=lambda p: (-p[1], p[0]))
    expected = ["<unknown>", *(token for token, count in counted if count >= min_count)]
    ids = build_vocabulary(TEXTS, ["<unknown>"], min_count)
    assert Vocabulary(ids).tokens == expected


def test_order_of_the_texts_does_not_matter():
    shuffled = TEXTS * 2
    random.Random(1).shuffle(shuffled)
    assert build_vocabulary(shuffled) == build_vocabulary(TEXTS * 2)


def test_characters_of_one_string_are_texts_too():
    assert build_vocabulary("banana") == build_vocabulary(["banana"]) == {"a": 0, "n": 1, "b": 2}


@pytest.mark.parametrize("text", TEXTS)
def test_there_and_back(text):
    vocabulary = Vocabulary(build_vocabulary(TEXTS))
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert len(vocabulary.encode(text)) == len(text)


def test_words_there_and_back():
    words = [text.split() for text in TEXTS]
    vocabulary = Vocabulary(build_vocabulary(words, ("<end>",)))
    assert vocabulary.decode(vocabulary.encode(words[0]), " ") == TEXTS[0]


def test_decodes_tensors_and_arrays():
    torch = pytest.importorskip("torch")
    vocabulary = Vocabulary(build_vocabulary(TEXTS))
    ids = torch.tensor(vocabulary.encode("the mind"))
    assert vocabulary.decode(ids) == vocabulary.decode(ids.numpy()) == "the mind"


def test_unknown_tokens():
    ids = build_vocabulary(TEXTS, ("<unknown>",))
    assert Vocabulary(ids, "<unknown>").encode("tZt") == [ids["t"], 0, ids["t"]]
    with pytest.raises(ValueError, match="'Z' is not in the vocabulary of 19 tokens"):
        Vocabulary(ids).encode("tZt")


@pytest.mark.parametrize("wrong", [-1, 3, 10**6])
def test_numbers_that_are_no_ids(wrong):
    with pytest.raises(ValueError, match=f"{wrong} is no id: they run from 0 to 2"):
        Vocabulary(build_vocabulary("abc")).decode([0, wrong])


@pytest.mark.parametrize(
    ("ids", "unknown", "said"),
    [({"a": 1}, None, "0 to 0"), ({"a": 0, "b": 0}, None, "each once"), ({"a": 0}, "?", "no id")],
)
def test_wrong_numberings_are_refused(ids, unknown, said):
    with pytest.raises(ValueError, match=said):
        Vocabulary(ids, unknown)
