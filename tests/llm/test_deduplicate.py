"""Duplicates: MinHash beside the true similarity, the stage beside comparing all pairs, and what is written."""

import os
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from shared.llm.corpus.deduplicate import deduplicate
from shared.llm.corpus.minhash import band_keys, jaccard, normalized, shingles, signature, text_hash
from shared.llm.corpus.shards import shard_path, write_shard
from tests.llm.killing import killed

WORDS = [f"{a}{b}{c}" for a in "bdfgklm" for b in "aeiou" for c in "nrst"]


def text_of(rng: random.Random, length: int) -> str:
    return " ".join(rng.choices(WORDS, k=length)) + "."


def altered(rng: random.Random, text: str, share: float) -> str:
    """The text with a share of its words replaced."""
    return " ".join(rng.choice(WORDS) if rng.random() < share else word for word in text.split())


def planted(seed: int = 0) -> list[str]:
    """300 texts of their own; exact copies, slight and strong alterations of some, shuffled."""
    rng = random.Random(seed)
    texts = [text_of(rng, rng.randint(60, 300)) for _ in range(300)]
    for place in range(30):
        texts.append(texts[place].upper() + "  ")
    for place in range(20, 60):
        texts.append(altered(rng, texts[place], 0.02))
        texts.append(altered(rng, texts[place], 0.04))
    for place in range(60, 100):
        texts.append(altered(rng, texts[place], 0.3))
    rng.shuffle(texts)
    return texts


def corpus(folder: Path, texts: list[str], per_shard: int = 100) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(texts), per_shard)):
        rows = [
            {"id": f"x{text_hash(text)}", "title": f"T{start + place}", "text": text, "url": ""}
            for place, text in enumerate(texts[start : start + per_shard])
        ]
        write_shard(shard_path(folder, number), rows)
    return folder


def by_comparing_all(texts: list[str], threshold: float) -> list[int]:
    """The first article of each article's cluster, by the true similarity of all pairs of word sets."""
    sets = []
    for text in texts:
        words = text.lower().replace(".", " ").split()
        sets.append({tuple(words[place : place + 5]) for place in range(len(words) - 4)})
    first = list(range(len(texts)))
    for a, b in combinations(range(len(texts)), 2):
        if len(sets[a] & sets[b]) >= threshold * len(sets[a] | sets[b]):
            low, high = sorted((first[a], first[b]))
            first = [low if one == high else one for one in first]
    return first


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_clusters_as_by_comparing_all_pairs(tmp_path: Path, seed: int) -> None:
    texts = planted(seed)
    record = deduplicate(corpus(tmp_path / "clean", texts), tmp_path / "out", workers=1)
    expected = by_comparing_all(texts, 0.7)
    clusters, keep = (np.load(tmp_path / "out" / f"{name}.npy") for name in ("clusters", "keep"))
    assert clusters.dtype == np.uint32 and keep.dtype == np.bool_
    # every cluster is a true one; a pair right at the threshold may be missed, with a probability of one per cent
    firsts = [int(np.flatnonzero(clusters == number)[0]) for number in clusters]
    assert all(expected[place] == expected[first] for place, first in enumerate(firsts))
    missed = sum(first != true for first, true in zip(firsts, expected))
    assert missed <= 2
    assert keep.tolist() == [place == first for place, first in enumerate(firsts)]
    assert record["kept"] == keep.sum() and record["articles"] == len(texts)
    exact = len(texts) - len({normalized(text) for text in texts})
    assert record["exact_duplicates"] == exact >= 30
    assert record["exact_duplicates"] + record["near_duplicates"] == len(texts) - keep.sum()
    assert clusters[keep].tolist() == list(range(keep.sum())), "numbered by their first articles"


def test_examples_go_from_the_least_similar_to_the_most(tmp_path: Path) -> None:
    record = deduplicate(corpus(tmp_path / "clean", planted()), tmp_path / "out", workers=1)
    found = [example["similarity"] for example in record["examples"]]
    assert len(found) == 10 and found == sorted(found) and found[0] >= 0.7
    first, second = record["examples"][0]["articles"]
    assert first["title"] != second["title"] and first["text"][:5] == second["text"][:5]


def test_processes_and_interruptions_change_nothing(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "clean", planted())
    one = deduplicate(articles, tmp_path / "one", workers=1)
    two = deduplicate(articles, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one["digest"] == two["digest"] and one["examples"] == two["examples"]
    path = tmp_path / "two" / "keys-00001.npy"
    path.write_bytes(path.read_bytes()[:-8])
    (tmp_path / "two" / "shard-00003.json").unlink()
    (tmp_path / "two" / "keep.npy").unlink()
    again = deduplicate(articles, tmp_path / "two", workers=1)
    assert again["shards_kept"] == again["shards"] - 2
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


SLOW = """
import sys, time
import shared.llm.corpus.deduplicate as module
def slowed(function, seconds):
    def slow(*args):
        time.sleep(seconds)
        found = function(*args)
        time.sleep(seconds)
        return found
    return slow
for name, seconds in (("signature", 0.0005), ("save_array", 0.01), ("write_json", 0.01), ("_candidates", 0.05),
                      ("_compare", 0.05), ("_joined", 0.05)):
    setattr(module, name, slowed(getattr(module, name), seconds))
print("begun", flush=True)
module.deduplicate(sys.argv[1], sys.argv[2], workers=1)
"""


def test_killed_at_many_moments_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    articles = corpus(tmp_path / "clean", planted())
    whole = deduplicate(articles, tmp_path / "whole", workers=1)
    # It takes about 1 s; of a shard 0.2 s. Later calls go on, so that the last ones strike at the end.
    waits = (0.0, 0.1, 0.25, 0.4, 0.3, 0.45, 0.2, 0.5, 0.35, 0.15)
    assert killed(SLOW, (articles, tmp_path / "k"), waits) >= 5
    again = deduplicate(articles, tmp_path / "k", workers=1)
    assert contents(tmp_path / "k") == contents(tmp_path / "whole")
    assert (again["digest"], again["examples"]) == (whole["digest"], whole["examples"])


def test_fewer_shards_than_before(tmp_path: Path) -> None:
    texts = planted()
    deduplicate(corpus(tmp_path / "clean", texts), tmp_path / "out", workers=1)
    deduplicate(corpus(tmp_path / "few", texts[:150]), tmp_path / "out", workers=1)
    assert len(np.load(tmp_path / "out" / "keep.npy")) == 150
    assert not (tmp_path / "out" / "keys-00002.npy").exists()


def test_texts_without_words_and_one_article(tmp_path: Path) -> None:
    texts = ["🐝🐝", "🐝🐝", "🐝", "", "one two", "one two three", "中文維基百科"]
    deduplicate(corpus(tmp_path / "clean", texts), tmp_path / "out", workers=1)
    assert np.load(tmp_path / "out" / "keep.npy").tolist() == [True, False, *[True] * 5]
    record = deduplicate(corpus(tmp_path / "one", ["alone"]), tmp_path / "out2", workers=1)
    assert record["kept"] == 1 and record["examples"] == []


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0"):
        deduplicate(tmp_path, tmp_path / "out", threshold=0)
    with pytest.raises(ValueError, match="run the stage before"):
        deduplicate(tmp_path, tmp_path / "out")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    articles = corpus(tmp_path / "clean", planted()[:50])

    def fsync(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"The disk is full.*Free some space"):
        deduplicate(articles, tmp_path / "out", workers=1)
    assert list((tmp_path / "out").iterdir()) == []


# ——— MinHash ———


def test_shingles_are_runs_of_words() -> None:
    assert len(shingles("a b c d e f g")) == 3
    assert shingles("A, b c: d e!").tolist() == shingles("a b c d e").tolist()
    assert len(shingles("a b c d e a b c d e")) == 5, "the last run is the first again"
    assert len(np.intersect1d(shingles("a b c d e f"), shingles("x b c d e f"))) == 1
    assert len(shingles("")) == len(shingles("one")) == 1
    assert shingles("b a c d e").tolist() != shingles("a b c d e").tolist(), "their order counts"


def test_similarity_of_sets() -> None:
    a, b = np.array([1, 2, 3, 4], np.uint64), np.array([3, 4, 5], np.uint64)
    assert jaccard(a, b) == 2 / 5
    assert jaccard(a, a) == 1
    assert jaccard(a, np.array([9], np.uint64)) == 0


@pytest.mark.parametrize("similarity", [0.1, 0.5, 0.7, 0.9])
def test_signatures_estimate_the_similarity(similarity: float) -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(100):
        common = round(1000 * 2 * similarity / (1 + similarity))
        values = rng.integers(0, 1 << 63, 2000 - common).astype(np.uint64)
        a, b = values[:1000], values[1000 - common :]
        errors.append((signature(a) == signature(b)).mean() - jaccard(a, b))
    # the mean of 100 estimates of 125 draws each, and how much one of them varies
    deviation = (similarity * (1 - similarity) / 125) ** 0.5
    assert abs(np.mean(errors)) < 0.4 * deviation
    assert 0.75 < np.std(errors) / deviation < 1.3


def test_bands_find_what_the_formula_says() -> None:
    rng = np.random.default_rng(1)
    for similarity in (0.3, 0.5, 0.8):
        found = 0
        for _ in range(300):
            a = rng.integers(0, 1 << 32, 125).astype(np.uint32)
            b = np.where(rng.random(125) < similarity, a, a + np.uint32(1))
            found += bool((band_keys(a, 25) == band_keys(b, 25)).any())
        expected = 1 - (1 - similarity**5) ** 25
        assert abs(found / 300 - expected) < 4 * (expected * (1 - expected) / 300) ** 0.5 + 1e-9


def test_the_same_numbers_on_every_machine() -> None:
    found = shingles("the bee makes honey from flowers")
    assert found.tolist() == [10759909585207797878, 14549095945013270441]
    assert signature(found)[:3].tolist() == [2409589716, 2385496837, 667719318]
    assert text_hash("bee") == 18119106239126326041
    assert normalized(" The  Bee\n") == "the bee"
