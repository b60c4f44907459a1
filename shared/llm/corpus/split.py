"""Which articles are learned from and which are held out (week 9).

    record = split("run/clean", "run/deduplicate", "run/split")
    np.load("run/split/split.npy")         # for each article 0 left out (a duplicate), 1 train, 2 validation

Clusters of duplicates are decided as one, so nothing in validation is nearly the same as anything in training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shared.files import digest_of, file_sha256
from shared.llm.corpus.deduplicate import load_about, save_array
from shared.llm.corpus.minhash import text_hash
from shared.llm.corpus.shards import shards_of
from shared.llm.workers import Cost

LEFT_OUT, TRAIN, VALIDATION = 0, 1, 2


def split(
    articles_folder: str | Path,
    deduplicate_folder: str | Path,
    folder: str | Path,
    validation_share: float = 0.01,
    at_least: int = 20,
    seed: int = 0,
) -> dict[str, Any]:
    """Write `split.npy`, uint8 for each article in their order over the shards.

    validation_share: of the articles, and so about of the characters. at_least: and at least so many articles, but no
    more than a fifth of them.
    Each cluster has a number in [0, 1) from the seed and its first article's id; validation is where it is below
    the share. So an article stays where it is when others are added, except where `at_least` decides (a small corpus).
    Returns the record. Raises ValueError where there are fewer than two different articles.
    """
    if not 0 < validation_share < 1:
        raise ValueError(f"validation_share must be between 0 and 1; it was {validation_share}")
    source, folder, cost = Path(deduplicate_folder), Path(folder), Cost()
    folder.mkdir(parents=True, exist_ok=True)
    keep, ids = np.load(source / "keep.npy"), load_about(source, "id")
    n_articles = sum(shard.articles for shard in shards_of(Path(articles_folder)))
    if not len(keep) == len(ids) == n_articles:
        raise ValueError(
            f"{source} speaks of {len(keep):,} articles, but {articles_folder} has {n_articles:,}: "
            "run the stage `deduplicate` again."
        )
    first = np.flatnonzero(keep)  # the first of each cluster is the one that is kept
    if len(first) < 2:
        raise ValueError(
            f"there are {len(first)} different articles, but training and validation need one each: collect more."
        )
    numbers = np.array([lot(int(identity), seed) for identity in ids[first]])
    bound = max(1, min(at_least, len(first) // 5))
    limit = max(validation_share, np.partition(numbers, bound - 1)[bound - 1])
    held_out = numbers <= limit
    parts = np.full(len(keep), LEFT_OUT, dtype=np.uint8)
    parts[first] = np.where(held_out, VALIDATION, TRAIN)
    save_array(folder / "split.npy", parts)
    characters = load_about(source, "characters")
    left_out, train, validation = (
        {
            "articles": int((parts == value).sum()),
            "characters": int(characters[parts == value].sum()),
        }
        for value in (LEFT_OUT, TRAIN, VALIDATION)
    )
    return {
        "splits": {"train": train, "validation": validation},
        "left_out": left_out,
        "validation_share": round(
            validation["characters"] / max(1, train["characters"] + validation["characters"]), 5
        ),
        "settings": {"validation_share": validation_share, "at_least": at_least, "seed": seed},
        **cost.record(int(characters.sum())),
        "digest": digest_of([file_sha256(folder / "split.npy")]),
    }


def lot(identity: int, seed: int) -> float:
    """A number in [0, 1) that only the seed and an article's identity decide."""
    return text_hash(f"{seed} {identity}") / 2**64
