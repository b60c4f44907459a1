"""Every data set that lies in the folder of real data loads as real, with the counts that its README states."""

from __future__ import annotations

import re
import time

import pytest
import torch

from shared import data
from shared.data.language import count_tokens

LINES = {
    "mnist": "MNIST · 60,000 train / 10,000 test",
    "cifar10": "CIFAR-10 · 50,000 train / 10,000 test",
    "shakespeare": "Tiny Shakespeare · 1,003,854 characters train / 111,540 characters validation",
    "sentence_pairs": "English–French sentence pairs · 128,362 train / 7,217 validation / 7,208 test",
    "rotten_tomatoes": "Rotten Tomatoes · 8,530 train / 1,066 validation / 1,066 test",
    "imdb": "IMDb · 4,960 train / 2,480 test",
    "ett": "ETTh1 · 17,420 hours",
    "ag_news": "AG News · 6,600 train / 1,000 test",
    "wikipedia": "Wikipedia · articles streamed from 6 files",
    "wikitext2": "WikiText-2 · 60 validation / 60 test",
    "squad": "SQuAD 2.0 · 6,078 validation",
    "conversations": "Topical-Chat · 539 train / 539 test",
    "instructions": "instructions · 990 train / 110 test / 175 seed_tasks",
    "preferences": "preferences · 990 train / 110 test",
    "gpt2_vocabulary": "GPT-2's vocabulary · 50,257 tokens",
    "bert_vocabulary": "BERT's vocabulary · 30,522 tokens",
}


@pytest.mark.parametrize("name", [name for name in LINES if name not in ("mnist", "cifar10")])
def test_counts_and_source(real_data, name):
    dataset = getattr(data, name)()
    assert str(dataset) == f"{LINES[name]} · real, from BUMBLEBEE_DATA"
    assert dataset.source.real and dataset.source.origin == "BUMBLEBEE_DATA"
    assert dataset.stands_in_for is None and dataset.licence


def test_mnist_is_torchvisions(real_data, tmp_path):
    import shutil

    from torchvision.datasets import MNIST

    mnist = data.mnist()
    assert str(mnist) == f"{LINES['mnist']} · real, from BUMBLEBEE_DATA"
    assert mnist.train.images.shape == (60_000, 28, 28) and mnist.train.images.dtype == torch.uint8
    assert mnist.train.labels.dtype == torch.int64 and mnist.class_names[7] == "7"
    shutil.copytree(real_data / "mnist", tmp_path / "copy")
    upstream = MNIST(
        str(tmp_path / "copy"), train=False, download=True
    )  # unpacks, downloads nothing
    assert torch.equal(mnist.test.images, upstream.data) and torch.equal(
        mnist.test.labels, upstream.targets
    )


def test_cifar10_decodes_as_pillow_does(real_data):
    import io

    import numpy as np
    import pyarrow.parquet
    from PIL import Image

    cifar10 = data.cifar10()
    assert str(cifar10) == f"{LINES['cifar10']} · real, from BUMBLEBEE_DATA"
    assert (
        cifar10.train.images.shape == (50_000, 3, 32, 32)
        and cifar10.train.images.dtype == torch.uint8
    )
    assert cifar10.test.labels.bincount().tolist() == [1_000] * 10
    file = real_data / "cifar10" / "plain_text" / "test-00000-of-00001.parquet"
    row = pyarrow.parquet.read_table(file).slice(7, 1).to_pylist()[0]
    picture = np.asarray(Image.open(io.BytesIO(row["img"]["bytes"])).convert("RGB"))
    assert (cifar10.test.images[7].permute(1, 2, 0).numpy() == picture).all()


def test_wikipedia_is_streamed_and_can_be_read_again(real_data):
    articles = data.wikipedia().articles
    first = [article.title for article in articles.limit(3)]
    assert first == [article.title for article in articles.limit(3)] and first[0] == "Anarchism"
    assert sum(1 for _ in articles) == 9_358
    assert len(list(data.wikipedia(limit=5).articles)) == 5


def test_wikipedia_never_holds_the_corpus(real_data):
    import tracemalloc

    longest = 0
    tracemalloc.start()
    for article in data.wikipedia(limit=1_500).articles:
        longest += len(article.text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert longest > 10e6 and peak < longest / 4


def test_wikitext_loses_nothing_and_counts_as_the_papers_do(real_data):
    from shared.data.readers import read_text

    wikitext = data.wikitext2()
    assert count_tokens(wikitext.validation) == 217_646 and count_tokens(wikitext.test) == 245_569
    assert wikitext.test.joined() == read_text(real_data / "wikitext-2" / "test.txt.gz")
    assert all(re.match(r" \n = [^=]", text) for text in wikitext.test.texts)
    with pytest.raises(AttributeError, match="it has validation, test"):
        _ = wikitext.train


def test_squad_points_to_its_paragraphs(real_data):
    questions = data.squad().validation
    assert len(questions.paragraphs) == 646
    assert sum(question.answerable for question in questions) == 2_910
    for question in questions[:200]:
        assert all(
            answer in questions.paragraphs[question.paragraph].text for answer in question.answers
        )


def test_no_english_sentence_is_in_two_splits(real_data):
    pairs = data.sentence_pairs()
    of = {
        name: {re.sub(r"[^\w ]", "", s).lower().strip() for s in split.source}
        for name, split in pairs.items()
    }
    assert of["train"].isdisjoint(of["test"]) and of["train"].isdisjoint(of["validation"])
    assert of["test"].isdisjoint(of["validation"])
    assert ("Go.", "Va !") in {
        (s, t) for split in pairs.values() for s, t in zip(split.source, split.target)
    }


def test_labels_are_balanced_and_zero_based(real_data):
    for name, classes in (("rotten_tomatoes", 2), ("imdb", 2), ("ag_news", 4)):
        dataset = getattr(data, name)()
        for split in dataset.values():
            counts = split.labels.bincount()
            assert len(counts) == classes == len(dataset.class_names)
            assert counts.max() - counts.min() <= 1
            assert split.labels[:100].unique().numel() == classes


def test_rotten_tomatoes_reads_its_dashes(real_data):
    text = data.rotten_tomatoes().train.joined("\n")
    assert "…" in text and "–" in text and "\x85" not in text and "\x96" not in text


def test_ett_is_hourly(real_data):
    hours = data.ett().hours
    assert hours.values.shape == (17_420, 7) and hours.columns[-1] == "OT"
    assert str(hours.times[0]).startswith("2016-07-01T00:00") and str(hours.times[-1]).startswith(
        "2018-06-26T19:00"
    )
    assert hours.column("OT")[0].item() == pytest.approx(30.531)


def test_conversations_alternate_and_preferences_differ(real_data):
    talks = data.conversations()
    assert sum(len(talk.messages) for split in talks.values() for talk in split) == 23_441
    for talk in talks.train:
        assert [m.role for m in talk.messages[:2]] == ["user", "assistant"]
    assert data.preferences().train[0].chosen
    assert data.instructions().seed_tasks[0].prompt.startswith("Is there anything I can eat")


def test_vocabularies(real_data):
    gpt2, bert = data.gpt2_vocabulary().tokens, data.bert_vocabulary().tokens
    assert (
        len(gpt2.merges) == 50_000
        and gpt2.merges[0] == ("Ġ", "t")
        and gpt2.ids["<|endoftext|>"] == 50_256
    )
    assert bert.ids["[MASK]"] == 103 and bert.merges == ()


def test_the_folder_is_only_read(real_data):
    stamp = time.time() - 5
    changed = [p for p in real_data.rglob("*") if p.stat().st_mtime > stamp]
    assert changed == []
