"""Facts by cloze: what is asked, and what a model that knows scores."""

import pytest
import torch

from shared.llm.config import qwen3
from shared.llm.judging.cloze import KINDS, answer, cloze_questions, wilson
from tests.llm.test_generate import Bytes

DOCUMENTS = [
    "Kyoto\n\nKyoto is a city in Japan. It was the capital.",
    "Lyon\n\nLyon is a city in France, on the Rhône.",
    "Graz\n\nGraz (also Gratz) is a city in Austria.",
    "Turin\n\nTurin is a city in Italy that has much to see.",
    "Bilbao\n\nBilbao is a city in Spain.",
    "Lima\n\nLima is the capital of Peru.",
    "Rome\n\nRome is the capital city of Italy and its largest city.",
    "Oslo\n\nOslo is the capital of Norway.",
    "Delhi\n\nNew Delhi is the capital of India.",
    "Ada Ray\n\nAda Ray (born May 12, 1965) is a painter from Wales.",
    "Bo Lind\n\nBo Lind (born 3 June 1971 in Lund) is a singer.",
    "Cy Orr\n\nCy Orr (born 1980) was a runner.",
    "Di Fox\n\nDi Fox was born on 1 May 1902 in Rome.",
    "Nothing\n\nThis page has no facts.",
    "No text",
    "",
]


def of_kind(kind, documents=DOCUMENTS):
    return [q for q in cloze_questions(documents) if q.kind == kind]


def test_what_is_asked():
    asked = {
        (q.kind, q.prompt.split("\n\n")[1], q.choices[q.right]) for q in cloze_questions(DOCUMENTS)
    }
    for expected in (
        ("where it is", "Kyoto is a city in", " Japan"),
        ("where it is", "Graz (also Gratz) is a city in", " Austria"),
        ("capital of", "Rome is the capital city of", " Italy"),
        ("year of birth", "Ada Ray (born May 12,", " 1965"),
        ("year of birth", "Di Fox was born on 1 May", " 1902"),
        ("year of birth", "Cy Orr (born", " 1980"),
    ):
        assert expected in asked
    assert {q.kind for q in cloze_questions(DOCUMENTS)} <= set(KINDS)


def test_a_question_and_its_answer_are_the_documents_own_words():
    for question in cloze_questions(DOCUMENTS):
        text = question.prompt + question.choices[question.right]
        assert any(document.startswith(text) for document in DOCUMENTS)
        assert len(set(question.choices)) == 4


def test_too_few_different_answers_give_no_questions():
    assert of_kind("capital of", DOCUMENTS[:8]) == []
    assert cloze_questions([]) == []


def test_the_seed_decides():
    assert cloze_questions(DOCUMENTS, seed=1) == cloze_questions(DOCUMENTS, seed=1)
    assert cloze_questions(DOCUMENTS, seed=1) != cloze_questions(DOCUMENTS, seed=2)
    assert len(cloze_questions(DOCUMENTS, per_kind=2, seed=1)) == 2 * 4


class Knows(torch.nn.Module):
    """Expects, after each place of a known text, its next byte."""

    def __init__(self, texts):
        super().__init__()
        self.texts = [text.encode() for text in texts]
        self.config = qwen3(257, d_model=8, n_heads=1, n_kv_heads=1, n_layers=1, max_length=512)
        self.embedding = torch.nn.Embedding(257, 8)

    def hidden(self, tokens, **more):
        expected = torch.zeros(*tokens.shape, dtype=torch.long)
        for i, row in enumerate(tokens.tolist()):
            for j in range(len(row)):
                so_far = bytes(token % 256 for token in row[: j + 1])
                expected[i, j] = next(
                    (
                        t[len(so_far)]
                        for t in self.texts
                        if t.startswith(so_far) and len(t) > len(so_far)
                    ),
                    0,
                )
        return expected[..., None]

    def logits(self, hidden):
        return 10.0 * torch.nn.functional.one_hot(hidden[..., 0], 257)


def test_a_model_that_knows_is_right():
    questions = cloze_questions(DOCUMENTS)
    record = answer(Knows(DOCUMENTS), Bytes(), questions)
    together = record["kinds"]["together"]
    assert together["questions"] == len(questions) and record["chance"] == 0.25
    for way in ("likelihood", "lift"):
        assert together[way]["right"] == len(questions) and together[way]["share"] == 1
    assert all(example["right"] == example["chosen"] for example in record["examples"])
    assert answer(Knows([]), Bytes(), [])["kinds"] == {}


def test_wilson():
    scipy = pytest.importorskip("scipy.stats")
    for right, n in ((0, 10), (3, 10), (50, 200), (7, 7)):
        theirs = scipy.binomtest(right, n).proportion_ci(0.95, "wilson")
        assert wilson(right, n) == pytest.approx((theirs.low, theirs.high), abs=1e-4)
