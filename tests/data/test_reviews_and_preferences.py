"""Reviews and preference pairs of the embedded pack: counts, balance, splits, baselines."""

import collections
import json
import pathlib
import re

import pytest

PACK = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "pack"
REVIEW_KINDS = {"plain", "negation", "irony", "mixed", "comparison", "understated"}
FLAWS = {
    "wrong_fact",
    "ignores_instruction",
    "padded",
    "rude",
    "evasive",
    "wrong_format",
    "repetition",
    "invention",
    "unsafe",
    "over_refusal",
    "wrong_arithmetic",
}


def load(name):
    with open(PACK / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def reviews():
    return load("reviews.jsonl")


@pytest.fixture(scope="module")
def pairs():
    return load("preferences.jsonl")


def trigrams(text):
    words = re.findall(r"[\w']+", text.lower())
    return set(zip(words, words[1:], words[2:]))


def nearest(texts):
    """Largest Jaccard similarity of word 3-grams over all pairs, and the pair."""
    grams = [trigrams(text) for text in texts]
    where, best = collections.defaultdict(list), (0.0, None)
    for i, own in enumerate(grams):
        shared = collections.Counter(j for gram in own for j in where[gram])
        for j, common in shared.items():
            score = common / len(own | grams[j])
            if score > best[0]:
                best = (score, (texts[j], texts[i]))
        for gram in own:
            where[gram].append(i)
    return best


# ---- reviews -----------------------------------------------------------------------------


def test_review_records(reviews):
    assert len(reviews) >= 1600
    assert [r["id"] for r in reviews] == [f"r{i:04d}" for i in range(1, len(reviews) + 1)]
    for r in reviews:
        assert set(r) == {"id", "text", "label", "kind", "split"}, r
        assert r["label"] in (0, 1) and r["kind"] in REVIEW_KINDS, r
        assert r["split"] in ("train", "test"), r
        assert 6 <= len(r["text"].split()) <= 45, r
        assert len(re.findall(r"[.!?]\"?(?=\s|$)", r["text"])) in (1, 2, 3), r
        assert r["text"] == r["text"].strip() and not re.search(r"[<>\n\t‘’“”]|  ", r["text"]), r


def test_review_balance(reviews):
    share = sum(r["label"] for r in reviews) / len(reviews)
    assert abs(share - 0.5) <= 0.01
    for kind in REVIEW_KINDS:
        labels = [r["label"] for r in reviews if r["kind"] == kind]
        assert len(labels) >= 60 and abs(sum(labels) / len(labels) - 0.5) <= 0.05, kind
    assert sum(r["kind"] != "plain" for r in reviews) / len(reviews) >= 0.45


def test_review_split(reviews):
    for i, r in enumerate(reviews):
        assert r["split"] == ("test" if i % 4 == 3 else "train")
    cells = collections.Counter((r["kind"], r["label"]) for r in reviews)
    test = collections.Counter((r["kind"], r["label"]) for r in reviews if r["split"] == "test")
    for cell, count in cells.items():
        assert abs(test[cell] / count - 0.25) <= 0.04, cell


def test_reviews_are_distinct(reviews):
    assert len({r["text"].lower() for r in reviews}) == len(reviews)
    score, pair = nearest([r["text"] for r in reviews])
    assert score < 0.6, pair


def test_polarity_words_occur_in_both_classes(reviews):
    for word in (
        "brilliant",
        "boring",
        "love",
        "loved",
        "fail",
        "not",
        "best",
        "awful",
        "wonderful",
    ):
        found = collections.Counter(
            r["label"] for r in reviews if re.search(rf"\b{word}", r["text"].lower())
        )
        assert found[0] >= 3 and found[1] >= 3, (word, found)


# Measured with scikit-learn on the recorded split: unigrams 0.789, 1- and 2-grams 0.785.
@pytest.mark.parametrize(("n", "measured"), [(1, 0.789), (2, 0.785)])
def test_bag_of_words_is_neither_blind_nor_enough(reviews, n, measured):
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    part = {s: [r for r in reviews if r["split"] == s] for s in ("train", "test")}
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, n)), LogisticRegression(max_iter=2000))
    model.fit([r["text"] for r in part["train"]], [r["label"] for r in part["train"]])
    score = model.score([r["text"] for r in part["test"]], [r["label"] for r in part["test"]])
    assert 0.75 <= score < 0.95
    assert abs(score - measured) <= 0.02, f"measured {score:.3f}, recorded {measured}"


# ---- preference pairs --------------------------------------------------------------------


def test_preference_records(pairs):
    assert len(pairs) >= 320
    assert [p["id"] for p in pairs] == [f"p{i:03d}" for i in range(1, len(pairs) + 1)]
    for p in pairs:
        assert set(p) == {"id", "prompt", "chosen", "rejected", "reason", "kind", "split"}, p
        assert p["kind"] in FLAWS and p["chosen"] != p["rejected"], p
        assert all(isinstance(v, str) and v == v.strip() and v for v in p.values()), p
        assert 5 <= len(p["chosen"].split()) <= 60, p
        assert p["reason"].endswith(".") and len(p["reason"].split()) >= 4, p


def test_preference_split(pairs):
    for i, p in enumerate(pairs):
        assert p["split"] == ("heldout" if i % 4 == 3 else "train")
    held = collections.Counter(p["kind"] for p in pairs if p["split"] == "heldout")
    total = collections.Counter(p["kind"] for p in pairs)
    assert set(total) == FLAWS
    for kind in FLAWS:
        assert total[kind] >= 20 and abs(held[kind] / total[kind] - 0.25) <= 0.08, kind


def test_preferences_are_distinct(pairs):
    assert len({p["prompt"].lower() for p in pairs}) == len(pairs)
    score, pair = nearest([p["prompt"] + " " + p["chosen"] for p in pairs])
    assert score < 0.6, pair


def test_length_does_not_give_the_choice_away(pairs):
    """Measured: chosen in 48 % of pairs by words, 51 % by characters."""
    for size in (lambda s: len(s.split()), len):
        longer = sum(size(p["chosen"]) > size(p["rejected"]) for p in pairs) / len(pairs)
        shorter = sum(size(p["chosen"]) < size(p["rejected"]) for p in pairs) / len(pairs)
        assert 0.40 <= longer <= 0.60 and 0.40 <= shorter <= 0.60, (longer, shorter)
