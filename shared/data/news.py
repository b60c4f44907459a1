"""Texts by topic (week 7): AG News, and passages of the pocket encyclopedia that stand in for it."""

from __future__ import annotations

import re
from pathlib import Path

from shared.data import hub, pack, places, readers
from shared.data.errors import broken
from shared.data.film_reviews import read_labelled, texts_of
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Texts
from shared.data.splitting import cut_by_class

CLASS_NAMES = ("World", "Sports", "Business", "Sci/Tech")
TEST_SHARE = 1_000 / 7_600
PASSAGE_WORDS = 40  # an item of AG News has about 38


def ag_news() -> Dataset:
    """News items in four topics (Zhang, Zhao & LeCun 2015): `train` and `test` of `Texts`.

    texts: title and text in one string; labels: int64 (n,), 0 to 3, named by `class_names`.
    From the hub, `fancyzhx/ag_news`: 120,000 and 7,600.
    Layout of the folder `ag_news`: the authors' `test.csv` (class 1–4, title, description), and `train.csv` if it is
    there; without it the 7,600 are split into 6,600 and 1,000, each class in equal shares, seed 0.
    Stand-in: `encyclopedia_passages()`.
    """
    return look_up(AG_NEWS)


def encyclopedia_passages() -> Dataset:
    """Passages of about 40 words from the pocket encyclopedia by its eight topics: `train` and `test` of `Texts`.

    labels: int64 (n,), 0 to 7, named by `class_names`. A quarter of each topic's articles make the test set, seed 0; an
    article's passages are all in one split. Titles are left out, since they would give the topic away.
    """
    articles = list(pack.articles())
    topic_of = [pack.TOPICS.index(article.topic) for article in articles]
    splits = {}
    for split, rows in zip(("train", "test"), cut_by_class(topic_of, (0.75, 0.25)), strict=True):
        texts, labels = [], []
        for row in rows:
            passages = _passages(articles[row].text)
            texts += passages
            labels += [topic_of[row]] * len(passages)
        splits[split] = texts_of(texts, labels)
    return ours("encyclopedia_passages", Found(splits, pack.TOPICS))


def _passages(text: str) -> list[str]:
    """Whole sentences, gathered until a passage has PASSAGE_WORDS words; a short rest joins the last passage."""
    passages: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()):
        if sum(len(part.split()) for part in passages[-1]) >= PASSAGE_WORDS:
            passages.append([])
        passages[-1].append(sentence)
    if len(passages) > 1 and sum(len(part.split()) for part in passages[-1]) < PASSAGE_WORDS // 2:
        passages[-2] += passages.pop()
    return [" ".join(passage) for passage in passages]


def _read(folder: Path) -> Found | None:
    test, train = folder / "test.csv", folder / "train.csv"
    if not places.present(test):
        splits = read_labelled(folder, ("train", "test"))
        return Found(splits, CLASS_NAMES) if splits else None
    whole = _read_csv(test)
    if places.present(train):
        return Found({"train": _read_csv(train), "test": whole}, CLASS_NAMES)
    parts = cut_by_class(whole.labels.tolist(), (1 - TEST_SHARE, TEST_SHARE))
    splits = {
        split: Texts([whole.texts[row] for row in rows], whole.labels[rows])
        for split, rows in zip(("train", "test"), parts, strict=True)
    }
    return Found(splits, CLASS_NAMES)


def _read_csv(path: Path) -> Texts:
    rows = readers.read_plain_csv(path, width=3)  # class, title, description
    allowed = {str(number + 1): number for number in range(len(CLASS_NAMES))}
    wrong = next(
        (number for number, row in enumerate(rows, start=1) if row[0] not in allowed), None
    )
    if wrong is not None:
        raise broken(path, f"has a class in row {wrong} that is not 1, 2, 3 or 4")
    return texts_of(
        [f"{title} {text}" for _, title, text in rows], [allowed[row[0]] for row in rows]
    )


def _fetch(folder: Path) -> None:
    hub.fetch(folder, "fancyzhx/ag_news", None, ("train", "test"))


AG_NEWS = Recipe("ag_news", read=_read, fetch=_fetch, stand_in=encyclopedia_passages)
