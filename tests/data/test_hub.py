"""The lines that ask the hub: right names, and what is fetched is read back, without a network."""

from __future__ import annotations

import pytest

from shared import data
from shared.data import hub, transfer

TEXTS = {"text": ["bad", "good"], "label": [0, 1]}
SQUAD_ROWS = {
    "id": ["a", "b"],
    "title": ["T", "T"],
    "context": ["The sky is blue.", "The sky is blue."],
    "question": ["Which colour?", "Why?"],
    "answers": [
        {"text": ["blue", "blue"], "answer_start": [11, 11]},
        {"text": [], "answer_start": []},
    ],
}
WIKITEXT_ROWS = {"text": ["", " = Title = \n", "", " some words <unk> \n"]}
WIKI_ROWS = {"id": ["1", "2"], "url": ["u", "v"], "title": ["A", "B"], "text": ["aa", "bb"]}


@pytest.fixture
def online(monkeypatch):
    monkeypatch.delenv("BUMBLEBEE_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(transfer, "check_reachable", lambda url: None)


@pytest.fixture
def asked(online, monkeypatch) -> list[tuple]:
    """`datasets.load_dataset` replaced: it notes what it was asked and gives the rows in `rows`."""
    import datasets

    calls: list[tuple] = []

    def load_dataset(repository, config=None, *, split=None, streaming=False, cache_dir=None):
        calls.append((repository, config, split, streaming))
        rows, splits = ROWS[repository]
        made = datasets.Dataset.from_dict(rows)
        if streaming:
            return made.to_iterable_dataset()
        return datasets.DatasetDict(dict.fromkeys(splits, made))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return calls


ROWS = {
    "cornell-movie-review-data/rotten_tomatoes": (TEXTS, ("train", "validation", "test")),
    "stanfordnlp/imdb": (TEXTS, ("train", "test", "unsupervised")),
    "fancyzhx/ag_news": (TEXTS, ("train", "test")),
    "rajpurkar/squad_v2": (SQUAD_ROWS, ("train", "validation")),
    "Salesforce/wikitext": (WIKITEXT_ROWS, ("train", "validation", "test")),
    "wikimedia/wikipedia": (WIKI_ROWS, ("train",)),
}


@pytest.mark.parametrize(
    ("loader", "call", "line"),
    [
        (
            data.rotten_tomatoes,
            ("cornell-movie-review-data/rotten_tomatoes", None),
            "2 train / 2 validation / 2 test",
        ),
        (data.imdb, ("stanfordnlp/imdb", "plain_text"), "2 train / 2 test"),
        (data.ag_news, ("fancyzhx/ag_news", None), "2 train / 2 test"),
        (data.squad, ("rajpurkar/squad_v2", None), "2 train / 2 validation"),
        (data.wikipedia, ("wikimedia/wikipedia", "20231101.simple"), "2 articles"),
    ],
)
def test_fetched_once_and_read_back(asked, monkeypatch, loader, call, line):
    dataset = loader()
    assert asked == [(*call, None, False)]
    assert f"· {line} · real, downloaded" in str(dataset)
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    assert str(loader()) == str(dataset) and len(asked) == 1


def test_rows_of_the_hub_become_rows_of_the_course(asked):
    questions = data.squad().validation
    assert (
        questions[0].answers == ("blue",)
        and not questions[1].answerable
        and len(questions.paragraphs) == 1
    )
    assert data.wikitext2().test.joined() == " \n = Title = \n \n some words <unk> \n"
    assert asked[-1][:2] == ("Salesforce/wikitext", "wikitext-2-v1")
    assert (
        data.ag_news().train.labels.tolist() == [0, 1]
        and data.ag_news().class_names[3] == "Sci/Tech"
    )
    assert list(data.wikipedia().articles)[1] == data.Article("2", "B", "bb", None, "v")


def test_english_wikipedia_is_streamed_and_not_kept(asked, cache):
    wiki = data.wikipedia("en", limit=1)
    assert [article.title for article in wiki.articles] == ["A"]
    assert asked[0] == ("wikimedia/wikipedia", "20231101.en", "train", True)
    assert (
        wiki.source.detail == "Streamed from the hub, not kept."
        and not (cache / "wikipedia").exists()
    )


def test_cifar10_from_the_hub(online, monkeypatch, tmp_path):
    import datasets
    import numpy as np
    from PIL import Image

    pictures = [Image.fromarray(np.full((32, 32, 3), shade, dtype=np.uint8)) for shade in (0, 255)]
    features = datasets.Features(
        {"img": datasets.Image(), "label": datasets.ClassLabel(num_classes=10)}
    )
    made = datasets.Dataset.from_dict({"img": pictures, "label": [3, 9]}, features=features)
    monkeypatch.setattr(
        datasets,
        "load_dataset",
        lambda name, config, cache_dir: {"train": made, "test": made, "asked": (name, config)},
    )
    cifar10 = data.cifar10()
    assert str(cifar10) == "CIFAR-10 · 2 train / 2 test · real, downloaded"
    assert cifar10.train.images.shape == (2, 3, 32, 32) and cifar10.train.images[1].min() == 255
    assert [cifar10.class_names[label] for label in cifar10.test.labels] == ["cat", "truck"]


def test_datasets_itself_reads_and_writes_what_we_read(online, tmp_path):
    """The real `load_dataset`, on parquet files as the hub has them."""
    import pyarrow
    import pyarrow.parquet

    upstream, fetched = tmp_path / "owner" / "name", tmp_path / "fetched"
    upstream.mkdir(parents=True)
    fetched.mkdir()
    for split in ("train", "test"):
        pyarrow.parquet.write_table(
            pyarrow.table(TEXTS), upstream / f"{split}-00000-of-00001.parquet"
        )
    hub.fetch(fetched, str(upstream))
    from shared.data.film_reviews import read_labelled

    splits = read_labelled(fetched, ("train", "test"))
    assert splits["test"].texts == ["bad", "good"] and splits["test"].labels.tolist() == [0, 1]


def test_a_hub_that_fails_is_one_sentence(online, monkeypatch, small_pack):
    import datasets

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach 'fancyzhx/ag_news' on the Hub\nand many more lines")

    monkeypatch.setattr(datasets, "load_dataset", broken)
    detail = data.ag_news().source.detail
    assert detail == (
        "BUMBLEBEE_DATA is not set; fancyzhx/ag_news could not be downloaded by `datasets` "
        "(Couldn't reach 'fancyzhx/ag_news' on the Hub)."
    )


def test_the_hubs_own_switch_is_heeded(online, monkeypatch, small_pack):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids it" in data.imdb().source.detail


def test_what_save_to_disk_wrote_is_read(tmp_path):
    import datasets

    made = datasets.Dataset.from_dict(TEXTS)
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(str(tmp_path / "imdb"))
    from shared.data.film_reviews import read_labelled

    splits = read_labelled(tmp_path / "imdb", ("train", "test", "validation"))
    assert list(splits) == ["train", "test"] and splits["train"].texts == ["bad", "good"]
    arrow = next((tmp_path / "imdb" / "train").glob("*.arrow"))
    arrow.write_bytes(arrow.read_bytes()[:200])
    with pytest.raises(data.DataError, match=r"\.arrow is damaged"):
        read_labelled(tmp_path / "imdb", ("train",))


def test_a_split_that_is_not_there_is_none(tmp_path):
    assert hub.read_split(tmp_path, "train", ("text",)) is None
    assert hub.read_split(tmp_path / "nowhere", "train", ("text",)) is None
