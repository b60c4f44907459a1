"""Duplicates found: articles with the same text, and those with nearly the same (week 9).

    record = deduplicate("run/clean", "run/deduplicate")
    np.load("run/deduplicate/keep.npy")        # False where an earlier article stands for this one

A text that is there twice is learned by heart, and one that is in training and in validation makes a model look better
than it is (Lee et al. 2022, 2107.06499). Candidates come from MinHash and bands (see `minhash`); two articles
are joined only after their true similarity was computed. Keys lie on disk, and one band at a time is sorted, so that
memory grows by some 50 bytes an article.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.files import digest_of, file_sha256, remove_leftovers, whole_file
from shared.llm.corpus.minhash import band_keys, jaccard, normalized, shingles, signature, text_hash
from shared.llm.corpus.shards import Shard, article_of, shards_of
from shared.llm.run import read_json, write_json
from shared.llm.workers import Cost, Progress, for_each

ABOUT = np.dtype(
    [
        ("offset", "<u8"),  # where the article's line begins in its shard
        ("characters", "<u8"),
        ("text", "<u8"),  # hash of the normalized text
        ("id", "<u8"),  # hash of the article's id
    ]
)
_PAIRS_AT_ONCE = 1000
VERSION = 1


class _Job(NamedTuple):
    shard: Shard
    number: int
    folder: str
    bands: int
    rows: int
    shingle: int
    made_from: str


def deduplicate(
    articles_folder: str | Path,
    folder: str | Path,
    threshold: float = 0.7,
    bands: int = 25,
    rows: int = 5,
    shingle: int = 5,
    workers: int | None = None,
    progress: Progress | None = None,
    n_examples: int = 10,
) -> dict[str, Any]:
    """Write `clusters.npy` (uint32: the number of each article's cluster of duplicates, counted by first articles) and
    `keep.npy` (bool: whether it is the first of its cluster), for the articles in their order over the shards.

    threshold: two articles are duplicates from this Jaccard similarity of their runs of `shingle` words on.
    bands, rows: of the MinHash signature; see `minhash.band_keys` for what they find.
    progress(done, total): shards read, then pairs compared, as one count.
    Returns the record: counts, examples of near duplicates with their similarity, cost, digest.
    Raises ValueError where threshold is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1; it was {threshold}")
    folder, cost = Path(folder), Cost()
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    shards = shards_of(Path(articles_folder))
    settings = (VERSION, bands, rows, shingle)
    jobs = [
        _Job(shard, number, str(folder), bands, rows, shingle, digest_of((shard.sha256, *settings)))
        for number, shard in enumerate(shards)
    ]
    _remove_others(folder, len(jobs))
    left = [job for job in jobs if not _keyed_before(job)]
    kept = len(jobs) - len(left)
    advance = None if progress is None else (lambda done, total: progress(kept + done, len(jobs)))
    for_each(_key_shard, left, workers, advance, cost)

    first = _first_with_the_same(load_about(folder, "text"))
    pairs = _candidates(folder, first == np.arange(len(first)), bands)
    offsets = load_about(folder, "offset")
    ends = np.cumsum([0] + [shard.articles for shard in shards])
    paths = [str(shard.path) for shard in shards]
    chunks = [
        (paths, ends, offsets[part], part, shingle)
        for part in np.split(pairs, range(_PAIRS_AT_ONCE, len(pairs), _PAIRS_AT_ONCE))
        if len(part)
    ]
    similarity = np.concatenate(
        [np.zeros(0, np.float32), *for_each(_compare, chunks, workers, None, cost)]
    )
    near = pairs[similarity >= threshold]
    roots = _joined(first, near)
    clusters = np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.uint32)
    keep = roots == np.arange(len(roots))
    save_array(folder / "clusters.npy", clusters)
    save_array(folder / "keep.npy", keep)
    exact = int((first != np.arange(len(first))).sum())
    characters = load_about(folder, "characters")
    return {
        "articles": len(keep),
        "kept": int(keep.sum()),
        "exact_duplicates": exact,
        "near_duplicates": int((~keep).sum()) - exact,
        "characters": int(characters.sum()),
        "kept_characters": int(characters[keep].sum()),
        "largest_cluster": int(np.bincount(clusters).max()),
        "pairs_compared": len(pairs),
        "pairs_joined": len(near),
        "settings": {"threshold": threshold, "bands": bands, "rows": rows, "shingle": shingle},
        "examples": _examples(
            paths, ends, offsets, near, similarity[similarity >= threshold], n_examples
        ),
        "shards": len(jobs),
        "shards_kept": kept,
        **cost.record(sum(shard.bytes for shard in shards)),
        "digest": digest_of(file_sha256(folder / name) for name in ("clusters.npy", "keep.npy")),
    }


def load_about(folder: Path, name: str) -> np.ndarray:
    """One field of `ABOUT`, uint64 (articles,), of the articles in their order over the shards."""
    paths = sorted(Path(folder).glob("about-*.npy"))
    if not paths:
        raise ValueError(f"{folder} has no about-*.npy: run the stage `deduplicate` first.")
    return np.concatenate([np.load(path, mmap_mode="r")[name] for path in paths])


def save_array(path: Path, array: np.ndarray) -> None:
    """np.save, whole or not at all."""
    with whole_file(path) as file:
        np.save(file, array, allow_pickle=False)


def _paths(job: _Job) -> tuple[Path, Path, Path]:
    return tuple(
        Path(job.folder) / f"{name}-{job.number:05d}.{suffix}"
        for name, suffix in (("keys", "npy"), ("about", "npy"), ("shard", "json"))
    )  # type: ignore[return-value]


def _keyed_before(job: _Job) -> bool:
    keys, about, note = _paths(job)
    try:
        return read_json(note) == {
            "made_from": job.made_from,
            "sizes": [keys.stat().st_size, about.stat().st_size],
        }
    except (OSError, ValueError):
        return False


def _key_shard(job: _Job) -> None:
    """Write a shard's keys, uint64 (bands, articles), and what is noted of its articles; the note comes last."""
    keys_path, about_path, note_path = _paths(job)
    note_path.unlink(missing_ok=True)
    keys = np.empty((job.bands, job.shard.articles), dtype=np.uint64)
    about = np.empty(job.shard.articles, dtype=ABOUT)
    offset = number = 0
    with job.shard.path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            if line.strip():
                article = article_of(line, job.shard.path, line_number)
                text = article["text"]
                found = signature(shingles(text, job.shingle), job.bands * job.rows)
                keys[:, number] = band_keys(found, job.bands)
                identity = text_hash(str(article.get("id", "")))
                about[number] = (offset, len(text), text_hash(normalized(text)), identity)
                number += 1
            offset += len(line)
    save_array(keys_path, keys)
    save_array(about_path, about)
    sizes = [keys_path.stat().st_size, about_path.stat().st_size]
    write_json(note_path, {"made_from": job.made_from, "sizes": sizes})


def _first_with_the_same(texts: np.ndarray) -> np.ndarray:
    """For each text its first equal one, int64 (n,): itself where it has none before it."""
    _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)]


def _candidates(folder: Path, alone: np.ndarray, bands: int) -> np.ndarray:
    """Pairs of articles that share a key in some band, int64 (n, 2), each once and sorted.

    alone: bool (articles,), False for exact duplicates, which need no comparing. In a group that shares a key each
    article is paired with the first and with the one before it: enough to join a group of duplicates, and few.
    """
    files = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("keys-*.npy"))]
    places = np.flatnonzero(alone)
    pairs = np.zeros((0, 2), dtype=np.int64)
    for band in range(bands):
        keys = np.concatenate([file[band] for file in files])[places]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        same = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        if len(same) == 0:
            continue
        begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        begin = begins[np.searchsorted(begins, same, side="right") - 1]
        found = np.concatenate(
            [np.stack([order[begin], order[same]], 1), np.stack([order[same - 1], order[same]], 1)]
        )
        pairs = np.unique(np.concatenate([pairs, places[found]]), axis=0)
    return pairs


def _compare(job: tuple[list[str], np.ndarray, np.ndarray, np.ndarray, int]) -> np.ndarray:
    """The true similarity of each pair, float32 (n,)."""
    paths, ends, offsets, pairs, size = job
    found = np.empty(len(pairs), dtype=np.float32)

    @lru_cache(maxsize=64)
    def of(place: int, offset: int) -> np.ndarray:
        return shingles(_article_at(paths, ends, place, offset)["text"], size)

    for row, (pair, where) in enumerate(zip(pairs.tolist(), offsets.tolist())):
        found[row] = jaccard(of(pair[0], where[0]), of(pair[1], where[1]))
    return found


def _article_at(paths: list[str], ends: np.ndarray, place: int, offset: int) -> dict[str, Any]:
    """The article with this place over all shards."""
    shard = int(np.searchsorted(ends, place, side="right")) - 1
    with open(paths[shard], "rb") as file:
        file.seek(offset)
        return article_of(file.readline(), Path(paths[shard]), place - int(ends[shard]) + 1)


def _joined(first: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The first article of each article's cluster, int64 (n,), by union and find (Tarjan 1975)."""
    parent = first.copy()

    def find(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = int(parent[place])
        return place

    for a, b in pairs.tolist():
        a, b = find(a), find(b)
        parent[max(a, b)] = min(a, b)
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return parent


def _examples(
    paths: list[str],
    ends: np.ndarray,
    offsets: np.ndarray,
    pairs: np.ndarray,
    similarity: np.ndarray,
    count: int,
) -> list[dict[str, Any]]:
    """Some of the pairs that were joined, from the least to the most similar."""
    order = np.argsort(similarity, kind="stable")
    chosen = (
        order[np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).astype(int))]
        if len(order)
        else []
    )
    return [
        {
            "similarity": round(float(similarity[row]), 3),
            "articles": list(_shown(paths, ends, offsets, pairs[row])),
        }
        for row in chosen
    ]


def _shown(
    paths: list[str], ends: np.ndarray, offsets: np.ndarray, pair: np.ndarray
) -> Iterator[dict[str, str]]:
    for place in pair.tolist():
        article = _article_at(paths, ends, place, int(offsets[place]))
        yield {"title": article.get("title") or "", "text": article["text"][:200]}


def _remove_others(folder: Path, n_shards: int) -> None:
    """Remove what was noted of shards that are no more."""
    for pattern in ("keys-*.npy", "about-*.npy", "shard-*.json"):
        for path in folder.glob(pattern):
            if int(path.stem.rpartition("-")[2]) >= n_shards:
                path.unlink()
