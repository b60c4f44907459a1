"""From articles to token files: what pretraining reads (weeks 8 and 9).

    pack("run/tokenizer", "run/deduplicate", "run/split/split.npy", "run/pack")
    tokens = Tokens.open("run/pack", "train")              # shared.llm.corpus.tokens
    batches = Batches(tokens, context=256, batch_size=8)   # shared.llm.corpus.batches

A document is title, empty line, text, encoded, and the end-of-text token. Each shard of articles becomes one file of
tokens for each split, so that shards are packed in parallel, and a run that was killed goes on with the next shard.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from shared.files import digest_of, file_sha256, remove_leftovers, whole_file
from shared.llm.corpus.shards import Shard, read_articles, shards_of
from shared.llm.run import read_json, write_json
from shared.llm.workers import Cost, Progress, for_each

INDEX = "index.json"
SPLITS = {
    "train": 1,
    "validation": 2,
}  # what stands for each in split.npy; 0: left out as a duplicate
_BATCH = 1 << 20  # characters that are encoded at once
_PIECE = 1 << 20  # longer documents are encoded in pieces of about so many characters


class _Job(NamedTuple):
    shard: Shard
    number: int
    first: int  # place of the shard's first article in split.npy
    split_path: str
    tokenizer: Any
    folder: str
    made_from: str


def pack(
    tokenizer_folder: Any,
    articles_folder: str | Path,
    split_path: str | Path,
    folder: str | Path,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Encode the articles of both splits into `train-00000.bin` …, `validation-00000.bin` … and `index.json`.

    tokenizer_folder: where a tokenizer was saved, its name on the hub, or an object that has the protocol of
    `shared.llm.tokenizer.Tokenizer` and can be pickled. articles_folder: shards as `clean` writes them.
    split_path: .npy, uint8 for each article in order over the shards: 0 left out, 1 train, 2 validation.
    A token is a uint16 where the vocabulary has at most 65,536 entries, else a uint32, little-endian, no header.
    workers: processes, None for all cores. Shards that are packed already, from the same input, are kept.
    Returns the record: counts, bytes, seconds, MB/s, peak memory, digest. Raises ValueError where the split does not
    fit the articles or has none for training.
    """
    folder, cost = Path(folder), Cost()
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    shards = shards_of(Path(articles_folder))
    split = _checked_split(Path(split_path), sum(shard.articles for shard in shards))
    about = _describe(tokenizer_folder)
    jobs, first = [], 0
    for number, shard in enumerate(shards):
        part = split[first : first + shard.articles]
        made_from = digest_of(
            (shard.sha256, hashlib.sha256(part.tobytes()).hexdigest(), about["tokenizer"])
        )
        jobs.append(
            _Job(shard, number, first, str(split_path), tokenizer_folder, str(folder), made_from)
        )
        first += shard.articles
    (folder / INDEX).unlink(missing_ok=True)  # what is being made anew does not count as done
    notes = [_whole_note(job) for job in jobs]
    left = [job for job, note in zip(jobs, notes) if note is None]
    kept = len(jobs) - len(left)
    advance = None if progress is None else (lambda done, total: progress(kept + done, len(jobs)))
    for job, note in zip(left, for_each(_pack_shard, left, workers, advance, cost)):
        notes[job.number] = note
    index = about | {"splits": {name: _totals([note[name] for note in notes]) for name in SPLITS}}
    if index["splits"]["train"]["tokens"] == 0:
        raise ValueError(f"{split_path} gives no article to training: collect more articles.")
    write_json(folder / INDEX, index)
    _remove_others(folder, index, len(jobs))
    n_bytes = sum(totals["bytes"] for totals in index["splits"].values())
    return {
        "shards": len(jobs),
        "shards_kept": kept,
        "vocab_size": index["vocab_size"],
        "dtype": index["dtype"],
        "splits": {
            name: {key: totals[key] for key in ("tokens", "documents", "bytes")}
            for name, totals in index["splits"].items()
        },
        "bytes_per_token": round(n_bytes / sum(t["tokens"] for t in index["splits"].values()), 3),
        **cost.record(sum(sum(note[name]["bytes"] for name in SPLITS) for note in notes)),
        "digest": digest_of(
            part
            for totals in index["splits"].values()
            for shard in totals["shards"]
            for part in (shard["file"], shard["tokens"], shard["sha256"])
        ),
    }


def document(article: dict[str, Any]) -> str:
    """What is encoded of an article: its title, an empty line, its text; where it has no title, its text."""
    title = article.get("title") or ""
    return f"{title}\n\n{article['text']}" if title else article["text"]


def pieces(text: str, size: int = _PIECE) -> Iterator[str]:
    """A long text in pieces of about `size` characters, so that one enormous document takes no enormous memory.

    Cut after a line end between two characters that are not spaces: there the patterns of GPT-2 and cl100k cut anyway,
    so the pieces' tokens are the text's. A text without such a place is cut after `2 · size` characters all the same.
    """
    start = 0
    while len(text) - start > size:
        end = start + size
        while True:
            end = text.find("\n", end, start + 2 * size)
            if end == -1:
                end = start + 2 * size
                break
            end += 1
            if end < len(text) and not text[end - 2].isspace() and not text[end].isspace():
                break
        if end >= len(text):
            break
        yield text[start:end]
        start = end
    yield text[start:]


def _checked_split(path: Path, n_articles: int) -> np.ndarray:
    split = np.load(path, mmap_mode="r")
    if split.dtype != np.uint8 or split.shape != (n_articles,):
        raise ValueError(
            f"{path} must hold one uint8 for each of the {n_articles:,} articles; it holds {split.dtype} of shape "
            f"{split.shape}: run the stage `split` again."
        )
    return split


def _describe(tokenizer: Any) -> dict[str, Any]:
    """What the index says of the tokenizer, with a digest that changes when the tokenizer does."""
    if not isinstance(tokenizer, (str, Path)):
        digest = hashlib.sha256(pickle.dumps(tokenizer)).hexdigest()
    elif Path(tokenizer).is_dir():
        files = sorted(path for path in Path(tokenizer).iterdir() if path.is_file())
        digest = digest_of(
            part
            for path in files
            if path.name != "record.json"
            for part in (path.name, file_sha256(path))
        )
    else:
        digest = digest_of([tokenizer])
    loaded = _tokenizer(tokenizer)
    return {
        "dtype": "uint16" if loaded.vocab_size <= 1 << 16 else "uint32",
        "vocab_size": loaded.vocab_size,
        "eos_id": loaded.eos_id,
        "tokenizer": digest,
    }


def _tokenizer(tokenizer: Any) -> Any:
    return _loaded(str(tokenizer)) if isinstance(tokenizer, (str, Path)) else tokenizer


@lru_cache(maxsize=1)
def _loaded(folder: str) -> Any:
    from shared.llm.tokenizer import load_tokenizer

    return load_tokenizer(folder)


def _note_path(folder: str | Path, number: int) -> Path:
    return Path(folder) / f"shard-{number:05d}.json"


def _whole_note(job: _Job) -> dict[str, Any] | None:
    """What an earlier run wrote of this shard, if it was made from the same input and its files have their sizes."""
    path = _note_path(job.folder, job.number)
    if not path.exists():
        return None
    try:
        note = read_json(path)
        files = [note[name] for name in SPLITS if note[name]["file"]]
        whole = note["made_from"] == job.made_from and all(
            (path.parent / part["file"]).stat().st_size == part["tokens"] * note["itemsize"]
            for part in files
        )
    except (ValueError, KeyError, TypeError, OSError):
        return None
    return note if whole else None


def _pack_shard(job: _Job) -> dict[str, Any]:
    """Encode one shard; its note is written last."""
    _note_path(job.folder, job.number).unlink(missing_ok=True)
    tokenizer = _tokenizer(job.tokenizer)
    split = np.load(job.split_path, mmap_mode="r")[job.first : job.first + job.shard.articles]
    dtype = np.dtype("<u2" if tokenizer.vocab_size <= 1 << 16 else "<u4")
    note: dict[str, Any] = {"made_from": job.made_from, "itemsize": dtype.itemsize}
    for name, value in SPLITS.items():
        part = {"file": None, "tokens": 0, "documents": 0, "bytes": 0, "sha256": None}
        if (split == value).any():
            path = Path(job.folder) / f"{name}-{job.number:05d}.bin"
            texts = (
                document(article)
                for article, which in zip(read_articles(job.shard.path), split, strict=True)
                if which == value
            )
            part = _write_tokens(path, texts, tokenizer, dtype)
        note[name] = part
    write_json(_note_path(job.folder, job.number), note)
    return note


def _write_tokens(
    path: Path, texts: Iterator[str], tokenizer: Any, dtype: np.dtype
) -> dict[str, Any]:
    digest, n_tokens, n_documents, n_bytes = hashlib.sha256(), 0, 0, 0
    with whole_file(path) as file:
        for batch in _batches_of(texts):
            for text, ids in zip(batch, _encode(tokenizer, batch)):
                ids.append(tokenizer.eos_id)
                array = np.array(ids, dtype=np.int64)
                if array.max() >= tokenizer.vocab_size or array.min() < 0:
                    raise ValueError(
                        f"the tokenizer gave the id {array.max()}, but says that its vocabulary has "
                        f"{tokenizer.vocab_size}: its folder is damaged, so train it again."
                    )
                data = array.astype(dtype).tobytes()
                file.write(data)
                digest.update(data)
                n_tokens += len(ids)
                n_documents += 1
                n_bytes += len(text.encode("utf-8", "replace"))
    return {
        "file": path.name,
        "tokens": n_tokens,
        "documents": n_documents,
        "bytes": n_bytes,
        "sha256": digest.hexdigest(),
    }


def _batches_of(texts: Iterator[str]) -> Iterator[list[str]]:
    """Texts in lists of about a million characters."""
    batch, size = [], 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """encode_batch, but long texts in pieces. A special token that is spelled out in a text is text like any other."""
    if all(len(text) <= 2 * _PIECE for text in texts):
        return tokenizer.encode_batch(texts, special=False)
    return [
        [i for piece in pieces(text) for i in tokenizer.encode(piece, special=False)]
        for text in texts
    ]


def _totals(parts: list[dict[str, Any]]) -> dict[str, Any]:
    shards = [part for part in parts if part["file"]]
    totals = {key: sum(part[key] for part in shards) for key in ("tokens", "documents", "bytes")}
    return totals | {"shards": shards}


def _remove_others(folder: Path, index: dict[str, Any], n_shards: int) -> None:
    """Remove token files of an earlier, larger corpus, which the index does not name."""
    named = {shard["file"] for totals in index["splits"].values() for shard in totals["shards"]}
    named |= {_note_path(folder, number).name for number in range(n_shards)}
    for pattern in ("train-*.bin", "validation-*.bin", "shard-*.json"):
        for path in folder.glob(pattern):
            if path.name not in named:
                path.unlink()
