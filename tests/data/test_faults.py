"""Bad input meets one clear sentence that names the file and the remedy."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from shared import data
from shared.data import errors, places

AGAIN = "Copy or download it again"


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def cut_gzip(text: str) -> bytes:
    packed = gzip.compress(text.encode("utf-8"))
    return packed[: len(packed) // 2]


def fails(loader, *words: str) -> str:
    """The loader raises a DataError of one or two sentences with these words; it does not go on to a stand-in."""
    with pytest.raises(data.DataError) as caught:
        loader()
    message = str(caught.value)
    for word in words:
        assert word in message
    assert "\n" not in message and message.count(". ") <= 2 and isinstance(caught.value, ValueError)
    return message


def test_a_data_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("BUMBLEBEE_DATA", str(tmp_path / "nowhere"))
    fails(data.mnist, "BUMBLEBEE_DATA", "nowhere", "Set it to a folder that exists, or unset it")
    put(tmp_path / "file", "x")
    monkeypatch.setenv("BUMBLEBEE_DATA", str(tmp_path / "file"))
    fails(data.mnist, "is no folder")


def test_what_is_missing_in_the_data_folder_is_looked_for_further_down(root, small_pack):
    reviews = data.imdb()
    assert not reviews.source.real and reviews.source.detail.startswith(
        "BUMBLEBEE_DATA has no imdb; nothing was"
    )


def test_truncated_gzip(root):
    put(root / "text" / "tinyshakespeare.txt.gz", cut_gzip("To be, or not to be\n" * 500))
    fails(data.shakespeare, "tinyshakespeare.txt.gz", "is cut off", AGAIN)
    put(root / "wikitext-2" / "test.txt.gz", b"this was never packed")
    fails(data.wikitext2, "test.txt.gz", "cannot be read", AGAIN)


def test_truncated_gzip_in_a_stream_is_told_when_the_reading_comes_to_it(root):
    import random

    rows = "".join(
        f'{{"id": "{n}", "title": "t", "text": "{random.random()}"}}\n' for n in range(5_000)
    )
    put(root / "wikipedia" / "a.jsonl.gz", cut_gzip(rows))
    articles = data.wikipedia().articles
    assert next(iter(articles)).id == "0"
    fails(lambda: list(articles), "a.jsonl.gz", "is cut off", AGAIN)


def test_truncated_archives(root):
    with zipfile.ZipFile(root / "good.zip", "w") as archive:
        archive.writestr("fra.txt", "Go.\tVa !\n" * 1_000)
    good = (root / "good.zip").read_bytes()
    put(root / "tatoeba" / "fra-eng.zip", good[:60])
    fails(data.sentence_pairs, "fra-eng.zip", "cannot be read", AGAIN)
    put(root / "imdb" / "aclImdb_v1.tar.gz", cut_gzip("x" * 100_000))
    fails(data.imdb, "aclImdb_v1.tar.gz", AGAIN)
    put(root / "ag_news" / "train-00000-of-00001.parquet", b"PAR1 and no more")
    fails(data.ag_news, "train-00000-of-00001.parquet", "is no whole parquet file", AGAIN)


def test_wrong_checksum(real_root, root):
    shutil.copytree(real_root / "mnist", root / "mnist")
    path = root / "mnist" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    fails(
        data.mnist,
        str(path),
        "has the checksum",
        "torchvision states ec29112dd5afa0611ce80d1b7f02629c",
        AGAIN,
    )


def test_one_file_of_several_is_missing(root):
    put(root / "mnist" / "MNIST" / "raw" / "t10k-labels-idx1-ubyte", b"1")
    fails(
        data.mnist,
        "train-images-idx3-ubyte.gz",
        "is missing beside the others",
        "Copy all four files",
    )
    put(root / "rt-polarity" / "rt-polarity.pos", "good\n")
    fails(data.rotten_tomatoes, "rt-polarity.neg", "is missing beside the other")
    put(root / "tokenizers" / "gpt2" / "encoder.json", '{"a": 1}')
    fails(data.gpt2_vocabulary, "vocab.bpe", "is missing")


def test_unpacked_idx_files_of_another_size(root):
    header = (2049).to_bytes(4, "big") + (3).to_bytes(4, "big") + b"abc"
    images = (2051).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in (1, 2, 2)) + b"abcd"
    for name in ("train", "t10k"):
        put(root / "mnist" / "MNIST" / "raw" / f"{name}-labels-idx1-ubyte", header)
        put(root / "mnist" / "MNIST" / "raw" / f"{name}-images-idx3-ubyte", images)
    fails(data.mnist, "holds train arrays of shapes (1, 2, 2) and (3,)")
    put(root / "mnist" / "MNIST" / "raw" / "train-images-idx3-ubyte", images[:10])
    fails(data.mnist, "train-images-idx3-ubyte", "is no whole idx file")


def test_missing_column(root):
    put(root / "ett" / "ETTh1.csv", "date,HUFL,HULL\n2016-07-01,1,2\n")
    fails(data.ett, "ETTh1.csv", "lacks the column 'MUFL'; it has date, HUFL, HULL", AGAIN)
    put(root / "ag_news" / "test.csv", '"1","only a title"\n')
    fails(data.ag_news, "test.csv", "has 2 columns in row 1, not 3")
    put(root / "wikipedia" / "a.jsonl", '{"id": "1", "title": "t"}\n')
    fails(data.wikipedia, "a.jsonl", "lacks the field 'text' in line 1")
    put(
        root / "preference" / "instruction-data-with-preference.json",
        '[{"instruction": "a", "input": ""}]',
    )
    fails(data.preferences, "lacks the field 'chosen' in row 0")
    put(root / "tatoeba" / "fra.txt", "Go.\tVa !\nRun!\n")
    fails(data.sentence_pairs, "fra.txt", "lacks a tab between two languages in line 2")


def test_missing_column_in_parquet(root):
    import pyarrow
    import pyarrow.parquet

    (root / "imdb").mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"review": ["a"]}), root / "imdb" / "train.parquet")
    fails(data.imdb, "train.parquet", "lacks the column 'text'; it has review")


def test_cifar10_batches_are_torchvisions_and_checked_before_they_are_unpickled(root, monkeypatch):
    import hashlib
    import pickle

    import numpy as np
    from torchvision.datasets import CIFAR10

    folder = root / "cifar10" / "cifar-10-batches-py"

    def batch(name: str, shade: int) -> list[str]:
        pixels = np.full((2, 3072), shade, dtype=np.uint8)
        content = pickle.dumps({"data": pixels, "labels": [3, 9]})
        put(folder / name, content)
        return [name, hashlib.md5(content).hexdigest()]

    monkeypatch.setattr(
        CIFAR10, "train_list", [batch("data_batch_1", 10), batch("data_batch_2", 20)]
    )
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch", 30)])
    names = pickle.dumps({"label_names": ["a"] * 10})
    put(folder / "batches.meta", names)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(names).hexdigest()}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    cifar10 = data.cifar10()
    assert str(cifar10) == "CIFAR-10 · 4 train / 2 test · real, from BUMBLEBEE_DATA"
    assert cifar10.train.images.shape == (
        4,
        3,
        32,
        32,
    ) and cifar10.test.images.unique().tolist() == [30]
    put(folder / "test_batch", b"cos\nsystem\n(S'false'\ntR.")
    fails(data.cifar10, "cifar-10-batches-py", "is not whole, or altered", AGAIN)


def test_an_image_that_cannot_be_decoded(root):
    import pyarrow
    import pyarrow.parquet

    rows = pyarrow.table({"img": [{"bytes": b"no image", "path": None}], "label": [1]})
    (root / "cifar10").mkdir()
    for split in ("train", "test"):
        pyarrow.parquet.write_table(rows, root / "cifar10" / f"{split}.parquet")
    fails(data.cifar10, "cifar10 has no PNG or JPEG image of 32 × 32 pixels in row 0")
    (root / "cifar10" / "test.parquet").unlink()
    fails(data.cifar10, "cifar10 lacks the parquet file of the split test")


def test_wrong_values(root):
    columns = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n"
    put(root / "ett" / "ETTh1.csv", f"{columns}2016-07-01,1,2,3,4,5,six,7\n")
    fails(data.ett, "ETTh1.csv", "has a cell that is no date or no number")
    put(root / "ag_news" / "test.csv", '"5","title","text"\n')
    fails(data.ag_news, "test.csv", "has a class in row 1 that is not 1, 2, 3 or 4")
    put(root / "squad" / "dev-v2.0.json", '{"data": [{"title": "t"}]}')
    fails(data.squad, "dev-v2.0.json", "is not in the format of SQuAD 2.0", "paragraphs")
    put(root / "squad" / "dev-v2.0.json", '{"data": [')
    fails(data.squad, "dev-v2.0.json", "cannot be read")
    put(root / "chat" / "valid_freq.json", '{"t": {"content": [{"agent": "a"}]}}')
    put(root / "chat" / "test_freq.json", "{}")
    fails(data.conversations, "valid_freq.json", "is not in the format of Topical-Chat")
    put(root / "wikipedia" / "a.jsonl", "not json\n")
    fails(data.wikipedia, "a.jsonl", "has no JSON in line 1")
    put(root / "tokenizers" / "bert-base-uncased" / "vocab.txt", "the\na\n")
    fails(data.bert_vocabulary, "vocab.txt", "lacks the special token [PAD]")


def test_wrong_encoding(root):
    put(root / "tatoeba" / "fra.txt", "Wow!\tÇa alors !\n".encode("latin-1"))
    fails(
        data.sentence_pairs,
        "fra.txt",
        "is not utf-8 text: byte 0xc7 at position 5",
        "Save it as utf-8",
    )
    put(root / "ett" / "ETTh1.csv", "date,HUFL é\n".encode("latin-1"))
    fails(data.ett, "ETTh1.csv", "is not utf-8 text")
    put(root / "wikipedia" / "a.jsonl", '{"id": "1", "title": "é", "text": ""}\n'.encode("latin-1"))
    fails(data.wikipedia, "a.jsonl", "is not utf-8 text")


@pytest.mark.parametrize(
    ("loader", "name"),
    [
        (data.shakespeare, "text/tinyshakespeare.txt"),
        (data.shakespeare, "text/tinyshakespeare.txt.gz"),
        (data.ett, "ett/ETTh1.csv"),
        (data.ag_news, "ag_news/test.csv"),
        (data.wikipedia, "wikipedia/a.jsonl"),
        (data.wikipedia, "wikipedia/train.parquet"),
        (data.squad, "squad/dev-v2.0.json"),
        (data.bert_vocabulary, "tokenizers/bert-base-uncased/vocab.txt"),
        (data.sentence_pairs, "tatoeba/fra.txt"),
    ],
)
def test_empty_file(root, loader, name):
    put(root / name, b"")
    fails(loader, Path(name).name, "is empty")


@pytest.mark.skipif(sys.platform == "win32", reason="rights on Windows are not those of chmod")
def test_folder_without_permission(root, monkeypatch):
    path = put(root / "ett" / "ETTh1.csv", "date\n")
    if os.geteuid() == 0:  # root may read everything, so the refusal is acted
        stat = os.stat

        def refuse(asked: object, **options: object) -> os.stat_result:
            if Path(str(asked)) == path:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return stat(asked, **options)

        monkeypatch.setattr(places.os, "stat", refuse)
        fails(data.ett, str(path), "may not be read by you", "Give yourself the right to read it")
    else:
        path.parent.chmod(0)
        try:
            fails(data.ett, "may not be read by you", "Give yourself the right to read it")
        finally:
            path.parent.chmod(0o755)


def test_unreadable_file(root, monkeypatch):
    path = put(root / "squad" / "dev-v2.0.json", "{}")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    fails(data.squad, "dev-v2.0.json may not be read by you")


def test_other_errors_pass_through_unchanged():
    with pytest.raises(KeyError, match="x"), errors.reading("file"):
        raise KeyError("x")


def test_a_csv_may_hold_the_word_null(root):
    put(
        root / "ag_news" / "test.csv",
        "".join(f'"{n % 4 + 1}","NA","null {n}"\n' for n in range(40)),
    )
    assert "NA null 0" in [*data.ag_news().train.texts, *data.ag_news().test.texts]
    assert len(data.ag_news().train) + len(data.ag_news().test) == 40
