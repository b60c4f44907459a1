"""The split: no near duplicate crosses, articles stay where they are, and there is always something in both parts."""

import random
from pathlib import Path

import numpy as np
import pytest
from test_deduplicate import corpus, planted, text_of

from shared.llm.corpus.deduplicate import deduplicate
from shared.llm.corpus.minhash import jaccard, shingles
from shared.llm.corpus.split import split


def run(folder: Path, texts: list[str], **settings: object) -> tuple[np.ndarray, dict]:
    articles = corpus(folder / "clean", texts)
    deduplicate(articles, folder / "deduplicate", workers=1)
    record = split(articles, folder / "deduplicate", folder / "split", **settings)
    return np.load(folder / "split" / "split.npy"), record


def test_no_near_duplicate_crosses(tmp_path: Path) -> None:
    texts = planted()
    parts, record = run(tmp_path, texts, validation_share=0.2)
    sets = [shingles(text) for text in texts]
    train, validation = np.flatnonzero(parts == 1), np.flatnonzero(parts == 2)
    assert len(validation) > 40
    most = max(jaccard(sets[a], sets[b]) for a in train for b in validation)
    assert most < 0.7
    # and there was something that could have crossed
    assert (
        max(jaccard(sets[a], sets[b]) for a in np.flatnonzero(parts == 0) for b in validation) > 0.7
    )
    assert record["splits"]["train"]["articles"] == len(train)
    assert record["splits"]["validation"]["articles"] == len(validation)
    assert record["left_out"]["articles"] == (parts == 0).sum()


def test_articles_stay_where_they_are_when_others_are_added(tmp_path: Path) -> None:
    rng = random.Random(0)
    texts = [text_of(rng, 60) for _ in range(600)]
    before, _ = run(tmp_path / "a", texts[:400], validation_share=0.1, seed=3)
    more = texts + [text + " And more." for text in texts[:50]]
    after, _ = run(tmp_path / "b", more, validation_share=0.1, seed=3)
    assert (before == after[:400]).all()
    assert (after[600:] == 0).all()
    other, _ = run(tmp_path / "c", texts[:400], validation_share=0.1, seed=4)
    assert (before != other).any()


def test_the_share_is_about_what_was_asked_for(tmp_path: Path) -> None:
    rng = random.Random(1)
    texts = [text_of(rng, rng.randint(20, 80)) for _ in range(3000)]
    parts, record = run(tmp_path, texts, validation_share=0.05)
    assert 0.035 < record["validation_share"] < 0.065
    assert 0.035 < (parts == 2).mean() < 0.065


def test_small_corpora_get_at_least_some(tmp_path: Path) -> None:
    rng = random.Random(2)
    texts = [text_of(rng, 60) for _ in range(300)]
    assert (run(tmp_path / "a", texts)[0] == 2).sum() == 20
    assert (run(tmp_path / "b", texts[:50])[0] == 2).sum() == 10
    assert sorted(run(tmp_path / "c", texts[:2])[0].tolist()) == [1, 2]
    with pytest.raises(ValueError, match="there are 1 different articles"):
        run(tmp_path / "d", [texts[0], texts[0]])


def test_bad_input(tmp_path: Path) -> None:
    texts = [text_of(random.Random(number), 60) for number in range(10)]
    run(tmp_path, texts)
    with pytest.raises(ValueError, match="validation_share must be between"):
        split(tmp_path / "clean", tmp_path / "deduplicate", tmp_path / "split", validation_share=1)
    corpus(tmp_path / "clean", texts[:5])
    with pytest.raises(ValueError, match=r"speaks of 10 articles, but .* has 5"):
        split(tmp_path / "clean", tmp_path / "deduplicate", tmp_path / "split")
