"""The pocket encyclopedia and its questions: the figures that make it worth learning from, and baselines.

A baseline that is nearly right would mean a trivial task, one at chance an impossible one; both would be seen here.
"""

import collections
import gzip
import re

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import train_test_split

from shared import data


@pytest.fixture(scope="module")
def articles():
    return list(data.encyclopedia().articles)


@pytest.fixture(scope="module")
def questions():
    return data.encyclopedia_questions()


def test_it_is_large_and_balanced(articles):
    words = sum(len(a.text.split()) for a in articles)
    assert len(articles) >= 800
    assert words >= 120_000
    topics = collections.Counter(a.topic for a in articles)
    assert len(topics) == 8
    assert max(topics.values()) <= 1.05 * min(topics.values())
    assert all(60 <= len(a.text.split()) <= 400 for a in articles)
    assert len({a.title for a in articles}) == len(articles)


def test_composition_does_not_show(articles):
    text = "\n\n".join(a.text for a in articles)
    raw = text.encode()
    assert len(gzip.compress(raw, 9)) / len(raw) >= 0.28
    words = text.split()
    fives = list(zip(*(words[i:] for i in range(5))))
    assert len(set(fives)) / len(fives) >= 0.55
    sentences = [s for s in re.split(r"(?<=[.!?])\s+", text) if s.strip()]
    frames = collections.Counter(" ".join(re.findall(r"\w+", s)[:3]).lower() for s in sentences)
    frame, count = frames.most_common(1)[0]
    assert count / len(sentences) <= 0.01, f"{frame!r} opens {count} of {len(sentences)} sentences"


def test_bag_of_words_knows_many_topics_but_not_all(articles):
    """Measured: 77.7 % of eight topics; chance is 12.5 %."""
    train, test = train_test_split(
        articles, test_size=0.25, stratify=[a.topic for a in articles], random_state=0
    )
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    features = vectorizer.fit_transform(a.text for a in train)
    model = RidgeClassifier().fit(features, [a.topic for a in train])
    score = model.score(vectorizer.transform(a.text for a in test), [a.topic for a in test])
    print(f"topic of an article, tf-idf + ridge: {score:.3f}")
    assert 0.62 <= score <= 0.85


def _words(text):
    return re.findall(r"\w+", text.lower())


def _runs_of_four(words):
    return list(zip(*(words[i:] for i in range(4))))


def test_questions_are_many_and_a_third_is_held_out(questions):
    count = len(questions.train) + len(questions.validation)
    assert count >= 1000
    assert len(questions.validation) / count == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_questions_have_their_answer_and_words_of_their_own(questions, split):
    rows = questions[split]
    for row in rows:
        article = rows.paragraphs[row.paragraph]
        assert row.answers[0].lower() in article.text.lower(), row
        told, title = set(_runs_of_four(_words(article.text))), _words(article.title)
        copied = [run for run in _runs_of_four(_words(row.question)) if run in told]
        assert all(any(word in title for word in run) for run in copied), (row, copied)


def test_word_overlap_finds_most_articles_but_not_all(questions):
    """Measured: 73.7 % of the questions, among 880 articles."""
    paragraphs = questions.train.paragraphs
    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english")
    matrix = vectorizer.fit_transform(f"{a.title} {a.text}" for a in paragraphs)
    asked = [*questions.train, *questions.validation]
    nearest = (vectorizer.transform(row.question for row in asked) @ matrix.T).toarray().argmax(1)
    recall = sum(int(found) == row.paragraph for found, row in zip(nearest, asked)) / len(asked)
    print(f"article of a question, nearest by tf-idf: {recall:.3f}")
    assert 0.60 <= recall <= 0.95
