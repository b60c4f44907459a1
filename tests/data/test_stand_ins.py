"""Offline and with no data folder, every loader gives its stand-in, quickly, and says so."""

from __future__ import annotations

import importlib.util
import time

import pytest
import torch

from shared import data
from shared.data import catalogue, places, records
from shared.data.pack import TOPICS

WITH_STAND_IN = [record for record in records.RECORDS if record.stand_in]
GENERATORS = {
    "drawn_images": "images",
    "grammar_pairs": "sentence_pairs",
    "load_curve": "load_curve",
}


def need(loader: str) -> None:
    """Skip where a generator or the pack is not written yet."""
    generator = GENERATORS.get(loader)
    if generator and importlib.util.find_spec(f"shared.data.generate.{generator}") is None:
        pytest.skip(f"generate/{generator}.py is not there yet")


def load(name: str):
    record = records.find(name)
    need(record.stand_in or name)
    started = time.process_time()
    dataset = getattr(data, name)()
    return dataset, time.process_time() - started


@pytest.mark.parametrize("record", WITH_STAND_IN, ids=lambda record: record.name)
def test_every_real_data_set_has_a_stand_in(small_pack, record):
    dataset, seconds = load(record.name)
    assert not dataset.source.real and dataset.source.origin == "embedded"
    assert dataset.name == record.name and dataset.stands_in_for == record.title
    assert f"(stand-in for {record.title})" in str(dataset) and "· stand-in, shipped with" in str(
        dataset
    )
    assert dataset.source.detail == (
        "BUMBLEBEE_DATA is not set; nothing was downloaded earlier, and BUMBLEBEE_OFFLINE forbids to do it now."
    )
    assert dataset.title == records.find(record.stand_in).title
    assert seconds < 8  # under 2 where the machine is free


@pytest.mark.parametrize(
    "record", [r for r in records.RECORDS if not r.stand_in], ids=lambda record: record.name
)
def test_every_other_data_set_loads(record):
    """With the pack as it is shipped."""
    if record.name == "sunspots" and not list(places.PACK.glob("sunspots_*.csv")):
        pytest.skip("the sunspot tables are not there yet")
    try:
        dataset, seconds = load(record.name)
    except data.DataError as error:
        if "is missing" in str(error) or "is empty" in str(error):
            pytest.skip(f"the pack is not whole yet: {error}")
        raise
    assert seconds < 8 and dataset.stands_in_for is None
    for name, split in dataset.items():
        assert next(iter(split)) if name == "articles" else len(split)


def test_the_stand_in_of_mnist_is_scikit_learns_digits():
    mnist = data.mnist()
    assert str(mnist) == (
        "digits (stand-in for MNIST) · 1,347 train / 450 test · stand-in, shipped with scikit-learn"
    )
    assert mnist.train.images.shape == (1_347, 8, 8) and mnist.train.images.dtype == torch.uint8
    assert mnist.train.images.max() == 255 and mnist.train.images.min() == 0
    share = mnist.test.labels.bincount() / mnist.train.labels.bincount()
    assert ((share - 450 / 1_347).abs() < 0.02).all()
    assert torch.equal(mnist.train.images, data.mnist().train.images)


def test_digits_are_real_in_their_own_right():
    digits = data.digits()
    assert digits.source.real and str(digits).endswith("real, shipped with scikit-learn")


def test_diabetes_is_scikit_learns():
    from sklearn.datasets import load_diabetes

    diabetes = data.diabetes()
    assert str(diabetes) == "diabetes · 353 train / 89 test · real, shipped with scikit-learn"
    assert (
        diabetes.train.features.shape == (353, 10)
        and diabetes.train.features.dtype == torch.float32
    )
    ours = torch.cat([diabetes.train.targets, diabetes.test.targets]).sort().values
    assert torch.equal(ours, torch.from_numpy(load_diabetes().target).float().sort().values)
    age, body_mass_index = diabetes.train.features[:, 0], diabetes.train.features[:, 2]
    assert (
        age.min() >= 19
        and age.max() <= 79
        and body_mass_index.min() >= 18
        and body_mass_index.max() <= 43
    )


def test_passages_of_an_article_are_in_one_split(small_pack):
    passages = data.encyclopedia_passages()
    assert passages.class_names == TOPICS
    assert passages.train.labels.bincount().tolist() == [6 * 3] * 8
    assert passages.test.labels.bincount().tolist() == [2 * 3] * 8
    assert all(25 <= len(text.split()) <= 80 for text in passages.train.texts)


def test_questions_point_to_their_articles(small_pack):
    questions = data.squad().validation
    assert len(questions) == 8 * 3 and len(questions.paragraphs) == 64
    question = questions[0]
    assert questions.paragraphs[question.paragraph].title in question.question


def test_reviews_conversations_and_preferences_keep_the_held_out_ones_apart(small_pack):
    reviews = data.rotten_tomatoes()
    assert {name: len(split) for name, split in reviews.items()} == {
        "train": 36,
        "validation": 4,
        "test": 20,
    }
    assert reviews.test.kinds == ["plain"] * 20
    assert {name: len(split) for name, split in data.chats().items()} == {"train": 8, "test": 4}
    assert len(data.chat_instructions().train) < 8
    assert data.preferences().test[0].reason == "why"


def test_the_encyclopedia_streams_like_wikipedia(small_pack):
    wiki = data.wikipedia(limit=3)
    assert str(wiki).startswith(
        "pocket encyclopedia (stand-in for Wikipedia) · 3 articles · stand-in"
    )
    assert [article.topic for article in wiki.articles] == ["nature"] * 3
    assert "stand-in" in str(data.wikipedia("en"))
    with pytest.raises(ValueError, match="edition must be one of simple, en; it was 'fr'"):
        data.wikipedia("fr")


def test_vocabularies_cover_what_they_promise(small_pack):
    tokens = data.gpt2_vocabulary().tokens.ids
    assert len(tokens) == 257 and "Ġ" in tokens and "A" in tokens
    letters = data.bert_vocabulary().tokens.ids
    assert letters["[PAD]"] == 0 and "##s" in letters and "S" not in letters


def test_an_incomplete_installation_says_so(small_pack):
    (small_pack / "reviews.jsonl").unlink()
    with pytest.raises(
        data.DataError, match=r"reviews\.jsonl is missing. It belongs to the course"
    ):
        data.reviews()


def test_every_record_has_a_loader_with_a_docstring_and_every_recipe_a_record():
    for record in records.RECORDS:
        assert getattr(data, record.name).__doc__
        assert bool(record.folder) == bool(record.stand_in) == (record.name in catalogue.RECIPES)
        assert not record.stand_in or records.find(record.stand_in)
    assert len({record.name for record in records.RECORDS}) == len(records.RECORDS)


def test_sunspots_have_their_years_and_months(small_pack):
    (small_pack / "sunspots_yearly.csv").write_text("year,sunspots\n1700,8.3\n1701,18.3\n")
    (small_pack / "sunspots_monthly.csv").write_text(
        "year,month,sunspots\n1749,1,96.7\n1749,2,104.3\n"
    )
    sunspots = data.sunspots()
    assert str(sunspots) == "sunspots · 2 years / 2 months · real, shipped with this course"
    assert str(sunspots.months.times[1]).startswith("1749-02-01")
    assert sunspots.years.column("sunspots").tolist() == pytest.approx([8.3, 18.3])
