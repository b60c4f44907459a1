"""Questions and the paragraphs that answer them (weeks 8 and 9): SQuAD 2.0, and the course's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.data import hub, pack, places, readers
from shared.data.errors import broken
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.rows import Article, Question
from shared.data.source import Dataset
from shared.data.splits import Questions

if TYPE_CHECKING:
    import pyarrow

COLUMNS = ("id", "title", "context", "question", "answers")
FILES = {"train": "train-v2.0.json", "validation": "dev-v2.0.json"}


def squad() -> Dataset:
    """SQuAD 2.0 (Rajpurkar et al. 2018, 1806.03822): `validation`, and `train` where it is to be had, of `Questions`.

    `split[i]` is a `Question`; its `answers` are () where the paragraph has none; `split.paragraphs[q.paragraph]` is an
    `Article` with the title of the article it is from.
    From the hub: `rajpurkar/squad_v2` (130,319 and 11,873). Layout of the folder `squad`: the authors' `dev-v2.0.json`
    and `train-v2.0.json`, either of them, or the hub's parquet files. Stand-in: `encyclopedia_questions()`, whose
    held-out third is its `validation`.
    """
    return look_up(SQUAD)


def encyclopedia_questions() -> Dataset:
    """Questions on the pocket encyclopedia: `train` and `validation` (the held-out third) of `Questions`.

    The paragraphs of both are the encyclopedia's articles, all of them.
    """
    articles = tuple(pack.articles())
    by_split = pack.questions({article.id: place for place, article in enumerate(articles)})
    splits = {
        "train": Questions(by_split["train"], articles),
        "validation": Questions(by_split["test"], articles),
    }
    return ours("encyclopedia_questions", Found(splits))


def _read(folder: Path) -> Found | None:
    splits = {}
    for split, name in FILES.items():
        if places.present(folder / name):
            splits[split] = _read_json(folder / name)
        else:
            table = hub.read_split(folder, split, COLUMNS)
            if table is not None:
                splits[split] = _of_table(table)
    return Found(splits) if splits else None


def _read_json(path: Path) -> Questions:
    questions, paragraphs = [], []
    try:
        for article in readers.read_json(path)["data"]:
            for part in article["paragraphs"]:
                for item in part["qas"]:
                    answers = _distinct(answer["text"] for answer in item["answers"])
                    questions.append(
                        Question(item["id"], item["question"], answers, len(paragraphs))
                    )
                paragraphs.append(Article(f"p{len(paragraphs)}", article["title"], part["context"]))
    except (KeyError, TypeError) as error:
        raise broken(path, f"is not in the format of SQuAD 2.0 (it lacks {error})") from error
    if not questions:
        raise broken(path, "holds no question")
    return Questions(tuple(questions), tuple(paragraphs))


def _of_table(table: pyarrow.Table) -> Questions:
    questions, paragraphs, place_of = [], [], {}
    for row in table.to_pylist():
        place = place_of.setdefault(row["context"], len(paragraphs))
        if place == len(paragraphs):
            paragraphs.append(Article(f"p{place}", row["title"], row["context"]))
        questions.append(
            Question(row["id"], row["question"], _distinct(row["answers"]["text"]), place)
        )
    return Questions(tuple(questions), tuple(paragraphs))


def _distinct(answers: Any) -> tuple[str, ...]:
    """The answers in their order, each once."""
    return tuple(dict.fromkeys(answers))


def _fetch(folder: Path) -> None:
    hub.fetch(folder, "rajpurkar/squad_v2", None, ("train", "validation"))


SQUAD = Recipe("squad", read=_read, fetch=_fetch, stand_in=encyclopedia_questions)
