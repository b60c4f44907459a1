"""Packing, and what reads packed tokens: documents whole, order seeded, and no kill or full disk that spoils them."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.llm.corpus.batches import Batches, shuffled
from shared.llm.corpus.packing import document, pack, pieces
from shared.llm.corpus.shards import shard_path, write_shard
from shared.llm.corpus.tokens import Tokens
from tests.llm.killing import killed


class ByteTokenizer:
    """One token for each byte, 256 for the end of text."""

    vocab_size, eos_id, special = 257, 256, {"<|endoftext|>": 256}

    def encode(self, text: str, special: bool = True) -> list[int]:
        return list(text.encode("utf-8"))

    def encode_batch(self, texts: list[str], special: bool = True) -> list[list[int]]:
        return [self.encode(text, special) for text in texts]

    def decode(self, ids: list[int]) -> str:
        return bytes(i for i in ids if i < 256).decode("utf-8")

    def __reduce__(self) -> tuple:
        return type(self), ()


class WideTokenizer(ByteTokenizer):
    vocab_size, eos_id = 70_000, 69_999


def article(number: int) -> dict[str, str]:
    return {
        "id": str(number),
        "title": f"Title {number}",
        "text": f"Text é 🐝 of {number}. " * (number % 7 + 1),
        "url": "",
    }


def corpus(folder: Path, n_shards: int = 3, per_shard: int = 20) -> tuple[Path, Path]:
    """Shards of articles, and a split in which every fifth is left out and every seventh is for validation."""
    articles = folder / "articles"
    articles.mkdir(parents=True)
    for number in range(n_shards):
        rows = range(number * per_shard, (number + 1) * per_shard)
        write_shard(shard_path(articles, number), map(article, rows))
    split = np.ones(n_shards * per_shard, dtype=np.uint8)
    split[::7] = 2
    split[::5] = 0
    np.save(folder / "split.npy", split)
    return articles, folder / "split.npy"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_document_is_there_in_order_and_ends(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    record = pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    split = np.load(split_path)
    for name, value in {"train": 1, "validation": 2}.items():
        tokens = Tokens.open(tmp_path / "pack", name)
        tokens.verify()
        expected = [document(article(int(number))) for number in np.flatnonzero(split == value)]
        found = list(tokens.documents())
        assert [ByteTokenizer().decode(ids.tolist()) for ids in found] == expected
        assert all(ids[-1] == 256 and (ids[:-1] != 256).all() for ids in found)
        assert tokens.n_documents == len(expected)
        assert tokens.bytes == sum(len(text.encode()) for text in expected)
        assert record["splits"][name] == {
            "tokens": len(tokens),
            "documents": tokens.n_documents,
            "bytes": tokens.bytes,
        }
    assert document(article(3)).startswith("Title 3\n\nText")


def test_the_numbers_of_processes_change_nothing(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    one = pack(ByteTokenizer(), articles, split_path, tmp_path / "one", workers=1)
    two = pack(ByteTokenizer(), articles, split_path, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert one["digest"] == two["digest"]
    assert two["peak_memory_with_workers_mb"] > two["peak_memory_mb"] > 0


def test_dtype_follows_the_vocabulary(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "narrow")
    pack(WideTokenizer(), articles, split_path, tmp_path / "wide")
    narrow, wide = (Tokens.open(tmp_path / name, "train") for name in ("narrow", "wide"))
    assert (narrow.dtype.itemsize, wide.dtype.itemsize) == (2, 4)
    assert wide.read(0, len(wide)).max() == 69_999
    raw = np.fromfile(tmp_path / "narrow" / "train-00000.bin", dtype="<u2")
    assert raw.tolist() == narrow.read(0, len(raw)).tolist()


def test_read_goes_across_shards(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path, n_shards=4, per_shard=5)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    tokens = Tokens.open(tmp_path / "pack", "train")
    whole = np.concatenate(
        [np.fromfile(path, "<u2") for path in sorted((tmp_path / "pack").glob("train-*.bin"))]
    )
    assert tokens.read(0, len(tokens)).tolist() == whole.tolist()
    for start, length in [
        (0, 1),
        (len(tokens) - 1, 1),
        (tokens.shards[0]["tokens"] - 2, 5),
        (7, 0),
    ]:
        found = tokens.read(start, length)
        assert found.dtype == np.int64
        assert found.tolist() == whole[start : start + length].tolist()
    with pytest.raises(ValueError, match="within the"):
        tokens.read(len(tokens) - 3, 4)
    assert pickle.loads(pickle.dumps(tokens)).read(3, 4).tolist() == whole[3:7].tolist()


def test_damage_is_recognized(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    before = contents(tmp_path / "pack")
    file = tmp_path / "pack" / "train-00001.bin"
    data = file.read_bytes()
    file.write_bytes(data[:-2])
    with pytest.raises(ValueError, match=r"train-00001\.bin has .* bytes; it must have"):
        Tokens.open(tmp_path / "pack", "train")
    file.write_bytes(b"\x00\x00" + data[2:])
    with pytest.raises(ValueError, match=r"train-00001\.bin has another SHA-256"):
        Tokens.open(tmp_path / "pack", "train").verify()
    file.unlink()
    record = pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    assert record["shards_kept"] == 2
    assert contents(tmp_path / "pack") == before
    with pytest.raises(ValueError, match="split must be one of train, validation"):
        Tokens.open(tmp_path / "pack", "test")
    with pytest.raises(ValueError, match=r"no index\.json"):
        Tokens.open(tmp_path, "train")


def test_what_changed_is_packed_anew_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    split = np.load(split_path)
    split[25] = 1
    np.save(split_path, split)
    record = pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    assert record["shards_kept"] == 2
    assert pack(WideTokenizer(), articles, split_path, tmp_path / "pack")["shards_kept"] == 0
    shard_path(articles, 2).unlink()
    shard_path(articles, 2).with_suffix(".json").unlink()
    np.save(split_path, split[:40])
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    assert not list((tmp_path / "pack").glob("*-00002.*"))


def test_a_split_that_does_not_fit(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    np.save(split_path, np.ones(7, dtype=np.uint8))
    with pytest.raises(ValueError, match="one uint8 for each of the 60 articles"):
        pack(ByteTokenizer(), articles, split_path, tmp_path / "pack")
    np.save(split_path, np.zeros(60, dtype=np.uint8))
    with pytest.raises(ValueError, match="no article to training"):
        pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    with pytest.raises(ValueError, match="run the stage before"):
        pack(ByteTokenizer(), tmp_path / "pack", split_path, tmp_path / "again")


def test_a_tokenizer_that_lies_about_its_size(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    lying = ByteTokenizer()
    lying.vocab_size = 100
    with pytest.raises(ValueError, match="says that its vocabulary has 100"):
        pack(lying, articles, split_path, tmp_path / "pack", workers=1)


def test_a_corrupt_line_is_named(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path)
    path = shard_path(articles, 1)
    path.write_bytes(path.read_bytes().replace(b'{"id": "23"', b'["id": "23"'))
    with pytest.raises(ValueError, match=r"articles-00001\.jsonl, line 4 is no JSON"):
        pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"articles-00001\.jsonl is not what its note"):
        pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles, split_path = corpus(tmp_path)
    real = os.fsync
    calls = []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 5:  # the second shard
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"The disk is full.*Free some space"):
        pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    assert not list((tmp_path / "pack").glob(".*"))
    monkeypatch.undo()
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "undisturbed", workers=1)
    assert contents(tmp_path / "pack") == contents(tmp_path / "undisturbed")


def test_one_enormous_document(tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    text = "A line of an enormous document.\n" * 100_000
    write_shard(shard_path(articles, 0), [{"id": "1", "title": "", "text": text, "url": ""}])
    np.save(tmp_path / "split.npy", np.ones(1, dtype=np.uint8))
    pack(ByteTokenizer(), articles, tmp_path / "split.npy", tmp_path / "pack")
    tokens = Tokens.open(tmp_path / "pack", "train")
    assert len(tokens) == len(text) + 1
    assert ByteTokenizer().decode(next(tokens.documents()).tolist()) == text


@pytest.mark.parametrize("text", ["", "a", "ab\ncd\n\nef\n gh\nij" * 9, "🐝" * 100, "\n" * 50])
@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_pieces_are_the_text(text: str, size: int) -> None:
    parts = list(pieces(text, size))
    assert "".join(parts) == text
    assert all(len(part) <= 2 * size for part in parts[:-1])
    assert len(parts) == 1 or all(parts[:-1])


def test_the_pipelines_own_tokenizer(tmp_path: Path) -> None:
    from shared.llm.tokenizer import load_tokenizer, train_tokenizer

    text = (
        "The end is written <|endoftext|> in text.\nIt's all\n\nthe same, 12 bees!\n  They\tdance. "
        * 40
    )
    train_tokenizer([text], 300, tmp_path / "tokenizer")
    tokenizer = load_tokenizer(tmp_path / "tokenizer")
    whole = tokenizer.encode(text, special=False)
    for size in (100, 300):
        parts = list(pieces(text, size))
        assert len(parts) > 5
        assert [i for part in parts for i in tokenizer.encode(part, special=False)] == whole
    articles = tmp_path / "articles"
    articles.mkdir()
    rows = [{"id": str(n), "title": "T", "text": text, "url": ""} for n in range(3)]
    write_shard(shard_path(articles, 0), rows)
    np.save(tmp_path / "split.npy", np.array([1, 2, 1], dtype=np.uint8))
    pack(tmp_path / "tokenizer", articles, tmp_path / "split.npy", tmp_path / "pack")
    tokens = Tokens.open(tmp_path / "pack", "train")
    found = [tokenizer.decode(ids[:-1]) for ids in tokens.documents()]
    assert found == [f"T\n\n{text}"] * 2, "a mark that is spelled out in a text ends no document"
    train_tokenizer([text * 2 + "more"], 301, tmp_path / "tokenizer")
    again = pack(tmp_path / "tokenizer", articles, tmp_path / "split.npy", tmp_path / "pack")
    assert again["shards_kept"] == 0, "another tokenizer packs anew"


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_packing import ByteTokenizer
from shared.llm.corpus.packing import pack
class Slow(ByteTokenizer):
    def encode_batch(self, texts, special):
        time.sleep(0.02)
        return super().encode_batch(texts, special)
Slow.__reduce__ = lambda self: (ByteTokenizer, ())
print("begun", flush=True)
pack(Slow(), *sys.argv[2:5], workers=1)
"""


def test_killed_at_random_moments_it_ends_in_the_same_bytes(tmp_path: Path) -> None:
    articles, split_path = corpus(tmp_path, n_shards=20, per_shard=8)
    here = str(Path(__file__).parent)
    waits = np.random.default_rng(0).uniform(0, 0.5, 4)
    killed(KILLED, (here, articles, split_path, tmp_path / "k"), waits)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "k", workers=1)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "whole", workers=1)
    assert contents(tmp_path / "k") == contents(tmp_path / "whole")


# ——— batches ———


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    articles, split_path = corpus(tmp_path)
    pack(ByteTokenizer(), articles, split_path, tmp_path / "pack", workers=1)
    return Tokens.open(tmp_path / "pack", "train")


def test_targets_are_one_on_and_documents_are_counted(tokens: Tokens) -> None:
    batch = Batches(tokens, context=100, batch_size=4).batch(3)
    assert batch.inputs.shape == batch.targets.shape == batch.documents.shape == (4, 100)
    assert {part.dtype for part in batch} == {torch.int64}
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    for inputs, documents in zip(batch.inputs.tolist(), batch.documents.tolist()):
        assert documents == [inputs[:place].count(256) for place in range(100)]
    assert batch.documents.max() > 0


def test_one_epoch_reads_every_window_once(tokens: Tokens) -> None:
    batches = Batches(tokens, context=16, batch_size=5, seed=3)
    n = batches.n_windows()
    for epoch in range(3):
        starts = batches.starts(np.arange(epoch * n, (epoch + 1) * n), 16)
        assert len(set(starts.tolist())) == n
        offset = starts.min()
        assert sorted(starts.tolist()) == [offset + 16 * k for k in range(n)]
        assert starts.max() + 17 <= len(tokens)
        assert starts.tolist() != sorted(starts.tolist())
    firsts = {int(batches.starts(np.arange(e * n, (e + 1) * n), 16).min()) for e in range(40)}
    assert len(firsts) > 8, "the offset changes with the epoch"
    assert max(firsts) < 16


def test_the_order_is_the_seed_and_the_step(tokens: Tokens) -> None:
    first, again = (Batches(tokens, 32, 4, seed=1) for _ in range(2))
    for step in (0, 7, 10_000):
        assert torch.equal(first.batch(step).inputs, again.batch(step).inputs)
    assert not torch.equal(first.batch(0).inputs, Batches(tokens, 32, 4, seed=2).batch(0).inputs)
    assert len(first) == -(-first.n_windows() // 4)


def test_rows_are_divided_among_processes(tokens: Tokens) -> None:
    whole = Batches(tokens, 32, 6, seed=1).batch(5).inputs
    parts = [Batches(tokens, 32, 6, seed=1, rank=r, world_size=3).batch(5).inputs for r in range(3)]
    assert torch.equal(torch.cat(parts), whole)
    with pytest.raises(ValueError, match="positive multiple of the 4"):
        Batches(tokens, 32, 6, world_size=4)
    with pytest.raises(ValueError, match="rank must be"):
        Batches(tokens, 32, 6, rank=2, world_size=2)


def test_the_context_may_grow_at_any_step(tokens: Tokens) -> None:
    batches = Batches(tokens, 8, 2)
    assert batches.batch(9, context=64).inputs.shape == (2, 64)
    assert torch.equal(batches.batch(9, context=64).inputs, Batches(tokens, 64, 2).batch(9).inputs)


def test_the_smallest_and_the_too_small(tokens: Tokens) -> None:
    whole = Batches(tokens, len(tokens) - 1, 2).batch(0)
    assert whole.inputs[0].tolist() == tokens.read(0, len(tokens) - 1).tolist()
    with pytest.raises(ValueError, match="shorter context"):
        Batches(tokens, len(tokens), 1)
    with pytest.raises(ValueError, match="step must be"):
        Batches(tokens, 8, 1).batch(-1)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 17, 1000, 4097])
def test_shuffled_is_a_permutation(n: int) -> None:
    orders = [tuple(shuffled(np.arange(n), n, np.uint64(key)).tolist()) for key in range(20)]
    assert all(sorted(order) == list(range(n)) for order in orders)
    if n >= 16:
        assert len(set(orders)) == 20
    if n == 1000:
        # neighbours do not stay neighbours, and the middle of where a place goes is the middle
        steps = np.abs(np.diff(orders[0]))
        assert 250 < steps.mean() < 420
        assert 300 < np.mean([order[0] for order in orders]) < 700


def test_the_order_is_the_same_on_every_machine() -> None:
    assert shuffled(np.arange(10), 10, np.uint64(7)).tolist() == [3, 2, 4, 0, 6, 1, 7, 8, 5, 9]
