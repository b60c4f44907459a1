"""What loaders return: splits, `Dataset`, `Source`, and seeded splits."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from shared.data import Article, Articles, Dataset, Images, Pairs, Series, Source, Texts
from shared.data.splitting import cut, cut_by_class, cut_by_group


def made(origin: str = "download", real: bool = True, stands_in_for: str | None = None) -> Dataset:
    split = Images(torch.zeros(3, 2, 2, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64))
    source = Source(real, origin, "Why.")
    return Dataset("m", "MNIST", {"train": split}, source, "none", ("a",), stands_in_for)


def test_splits_by_attribute_and_by_key():
    dataset = made()
    assert dataset.train is dataset["train"]
    assert list(dataset) == ["train"] and len(dataset) == 1 and "train" in dir(dataset)
    with pytest.raises(AttributeError, match="MNIST has no split 'valid'; it has train"):
        _ = dataset.valid
    with pytest.raises(KeyError, match="it has train"):
        _ = dataset["valid"]


def test_a_dataset_can_be_copied_and_pickled():
    for again in (copy.copy(made()), copy.deepcopy(made()), pickle.loads(pickle.dumps(made()))):
        assert len(again.train) == 3


@pytest.mark.parametrize(
    ("dataset", "line"),
    [
        (made("BUMBLEBEE_DATA"), "MNIST · 3 train · real, from BUMBLEBEE_DATA"),
        (made("download"), "MNIST · 3 train · real, downloaded"),
        (made("embedded"), "MNIST · 3 train · real, shipped with this course"),
        (made("embedded", False), "MNIST · 3 train · written for this course"),
        (
            made("embedded", False, "X"),
            "MNIST (stand-in for X) · 3 train · stand-in, shipped with this course",
        ),
    ],
)
def test_the_line_that_a_notebook_prints(dataset, line):
    assert str(dataset) == repr(dataset) == line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(
        ValueError, match="Images needs columns of one length, but got images 2, labels 3"
    ):
        Images(torch.zeros(2, 1, 1), torch.zeros(3))
    with pytest.raises(ValueError, match="source 1, target 2"):
        Pairs(["a"], ["b", "c"])
    with pytest.raises(ValueError, match="texts 1, kinds 0"):
        Texts(["a"], None, [])


def test_a_series_is_cut_in_time_and_by_name():
    times = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]")
    series = Series(times, torch.arange(8.0).reshape(4, 2), ("a", "b"))
    assert series[1:3].values.tolist() == [[2, 3], [4, 5]] and len(series[1:]) == 3
    assert series.column("b").tolist() == [1, 3, 5, 7]
    with pytest.raises(ValueError, match="no column is called 'c'; there are a, b"):
        series.column("c")
    with pytest.raises(TypeError, match="slice"):
        series[0]


def test_articles_start_again_and_stop_at_the_limit():
    opened = []

    def stream():
        opened.append(len(opened))
        yield from (Article(str(n), "", "") for n in range(5))

    articles = Articles(stream, count=5)
    assert [a.id for a in articles] == [a.id for a in articles] == list("01234")
    assert [a.id for a in articles.limit(2)] == ["0", "1"]
    assert articles.limit(2).count == 2 and articles.limit(9).count == 5
    assert articles.limit(2).limit(4).count == 2 and articles.limit(2).limit(None).count == 2
    with pytest.raises(ValueError, match="limit must be 0 or more"):
        articles.limit(-1)
    assert repr(Articles(stream)) == "Articles(streamed)"


def test_articles_close_their_stream_when_the_reader_stops():
    closed = []

    def stream():
        try:
            while True:
                yield Article("", "", "")
        finally:
            closed.append(True)

    for _ in Articles(stream):
        break
    assert closed == [True]


def test_a_seeded_cut_is_whole_and_the_same_each_time():
    parts = cut(100, (0.8, 0.1, 0.1))
    assert [len(part) for part in parts] == [80, 10, 10]
    assert sorted(np.concatenate(parts)) == list(range(100))
    assert all((a == b).all() for a, b in zip(parts, cut(100, (0.8, 0.1, 0.1)), strict=True))
    assert (cut(100, (0.5, 0.5), seed=1)[0] != cut(100, (0.5, 0.5))[0]).any()
    with pytest.raises(ValueError, match="sum to 1"):
        cut(10, (0.5, 0.6))


def test_a_cut_by_class_keeps_the_shares_and_by_group_the_groups():
    labels = [0] * 60 + [1] * 40
    train, test = cut_by_class(labels, (0.75, 0.25))
    assert np.bincount(np.asarray(labels)[test]).tolist() == [15, 10]
    assert sorted([*train, *test]) == list(range(100))
    groups = [n // 4 for n in range(100)]
    train, test = cut_by_group(groups, (0.8, 0.2))
    assert {groups[row] for row in train}.isdisjoint({groups[row] for row in test})
    assert len(test) == 20 and (np.diff(train) > 0).all()
