"""BM25 against `bm25s` and against the formula; what is saved is what is opened."""

import math
from pathlib import Path

import numpy as np
import pytest

from shared import data
from shared.llm.retrieval.bm25 import BM25, best, idf
from shared.llm.retrieval.strings import Strings
from shared.llm.retrieval.terms import Terms, s_stem


@pytest.fixture(scope="module")
def texts() -> list[list[str]]:
    terms = Terms()
    return [terms(article.text) for article in data.encyclopedia(limit=200).articles]


@pytest.fixture(scope="module")
def queries() -> list[list[str]]:
    return [Terms()(question.question) for question in data.encyclopedia_questions().train[:60]]


@pytest.mark.parametrize("variant", ["lucene", "robertson"])
@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 1.0), (0.5, 0.0)])
def test_scores_are_those_of_bm25s(texts, queries, variant: str, k1: float, b: float) -> None:
    bm25s = pytest.importorskip("bm25s")
    theirs = bm25s.BM25(method=variant, k1=k1, b=b)
    theirs.index(texts, show_progress=False)
    ours = BM25.of(texts, k1, b, variant)
    for query in queries:
        known = [term for term in query if ours.terms.find(term) is not None]
        np.testing.assert_allclose(
            ours.scores(query), theirs.get_scores(known), rtol=1e-5, atol=1e-5
        )


def test_the_formula_by_hand() -> None:
    bm25 = BM25.of([["bee", "dance"], ["bee", "honey", "honey", "wax"]], k1=1.2, b=0.75)
    inverse = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = inverse * 2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 4 / 3))
    assert bm25.scores(["honey"]).tolist() == pytest.approx([0, expected])
    assert bm25.scores(["honey", "honey"]).tolist() == pytest.approx([0, 2 * expected])
    assert bm25.scores(["unknown"]).tolist() == [0, 0]


def test_no_passage_scores_more_than_the_most(texts, queries) -> None:
    bm25 = BM25.of(texts)
    for query in queries:
        assert bm25.scores(query).max() < bm25.most(query)


def test_robertson_is_never_negative() -> None:
    assert idf(np.array([9]), 10, "robertson") == 0
    assert idf(np.array([9]), 10, "lucene") > 0


def test_search_is_sorted_and_ties_go_to_the_earlier() -> None:
    bm25 = BM25.of([["a"], ["b"], ["a"], ["a", "a"]])
    places, scores = bm25.search(["a"], k=2)
    assert places.tolist() == [3, 0] and scores[0] > scores[1]
    places, _ = bm25.search(["a"], k=10)
    assert places.tolist() == [3, 0, 2]
    assert bm25.search(["c"], k=2)[0].tolist() == []
    scores = np.array([1, 3, 3, 3, 0, 2], dtype=np.float32)
    assert best(scores, 2)[0].tolist() == [1, 2] and best(scores, 9)[0].tolist() == [1, 2, 3, 5, 0]


def test_saved_and_memory_mapped(tmp_path: Path, texts, queries) -> None:
    ours = BM25.of(texts, 0.9, 0.4, "robertson")
    ours.save(tmp_path / "index")
    opened = BM25.open(tmp_path / "index")
    assert isinstance(opened.weights.base, np.memmap)
    assert opened.settings == {"k1": 0.9, "b": 0.4, "variant": "robertson"}
    for query in queries[:10]:
        assert (opened.scores(query) == ours.scores(query)).all()


def test_an_index_of_nothing(tmp_path: Path) -> None:
    bm25 = BM25.of([])
    bm25.save(tmp_path)
    assert BM25.open(tmp_path).search(["a"])[0].tolist() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"k1": -1}, "k1 must be 0 or more"),
        ({"b": 1.5}, "b must be from 0 to 1"),
        ({"variant": "x"}, "must be one of lucene"),
    ],
)
def test_bad_settings(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BM25.of([["a"]], **settings)


def test_damaged_folders(tmp_path: Path, texts) -> None:
    with pytest.raises(ValueError, match="holds no BM25 index"):
        BM25.open(tmp_path)
    BM25.of(texts[:20]).save(tmp_path)
    file = tmp_path / "weights.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"weights\.npy is damaged"):
        BM25.open(tmp_path)
    file.unlink()
    with pytest.raises(ValueError, match="damaged"):
        BM25.open(tmp_path)


def test_terms() -> None:
    assert Terms()("The Bees' dances, Poincaré said in 1923!") == [
        "bee",
        "dance",
        "poincare",
        "said",
        "1923",
    ]
    assert Terms("none", stop_words=False, accents=True)("The bees é") == ["the", "bees", "é"]
    assert Terms()("Ærø 北京 Ω") == ["ærø", "北京", "ω"]
    with pytest.raises(ValueError, match="stem is 'porter'"):
        Terms(stem="porter")


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("ponies", "pony"),
        ("horses", "horse"),
        ("cats", "cat"),
        ("bees", "bee"),
        ("glass", "glass"),
        ("virus", "virus"),
        ("gas", "gas"),
    ],
)
def test_plurals(word: str, stem: str) -> None:
    assert s_stem(word) == stem


def test_strings(tmp_path: Path) -> None:
    words = sorted(["", "ant", "bee", "ß", "北京", "🐝", "zebra", "\ud800"])
    words = [word for word in words if word != "\ud800"]
    strings = Strings.of(words)
    strings.save(tmp_path, "words")
    opened = Strings.open(tmp_path, "words")
    assert list(opened) == words and [opened.find(word) for word in words] == list(
        range(len(words))
    )
    assert opened.find("bees") is None and Strings.of(["\ud800"])[0] == "?"
    assert list(Strings.joined([strings, Strings.of([]), Strings.of(["x"])])) == [*words, "x"]
