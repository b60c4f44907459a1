"""Every quiz of the course keeps the rules of NOTEBOOKS.md; what can be computed is computed."""

import contextlib
import io
import math
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from shared.lab.quizzes import CHOICE_KINDS, Question, Quiz, all_quizzes, load_quiz
from shared.lab.sitting import Sitting

QUIZZES = [load_quiz(name) for name in all_quizzes()]
QUESTIONS = [(quiz, question) for quiz in QUIZZES for question in quiz.questions]
COMPUTED = [
    (quiz, question)
    for quiz, question in QUESTIONS
    if question.kind in ("Number", "What does it print")
]
each_quiz = pytest.mark.parametrize("quiz", QUIZZES, ids=lambda quiz: quiz.name)
CHANCE = 0.05


def id_of(value: object) -> str | None:
    return (
        value.name
        if isinstance(value, Quiz)
        else f"question {value.number}"
        if isinstance(value, Question)
        else None
    )


def where(quiz: Quiz, question: Question) -> str:
    return f"{quiz.path.parent.name}/{quiz.path.name}, line {question.line}: question {question.number}"


def more_often_than_chance(hits: int, chances: list[float]) -> bool:
    """Whether so many hits, or more, happen in under 5 % of quizzes written without a pattern (exact, one-sided)."""
    at = [1.0]  # at[k]: the probability of k hits so far
    for p in chances:
        at = [a * (1 - p) + b * p for a, b in zip([*at, 0.0], [0.0, *at])]
    return sum(at[hits:]) < CHANCE


def test_the_measure_itself() -> None:
    assert not more_often_than_chance(4, [0.25] * 10)
    assert more_often_than_chance(7, [0.25] * 10)
    assert more_often_than_chance(3, [0.25] * 3)
    assert not more_often_than_chance(0, [])
    exact = sum(math.comb(10, k) * 0.25**k * 0.75 ** (10 - k) for k in range(6, 11))
    assert exact < CHANCE, "six of ten would be too many"
    assert more_often_than_chance(6, [0.25] * 10)


def longest_hits(quiz: Quiz) -> tuple[int, list[float]]:
    """How often a right choice is the longest, and the chance of it, over the questions with one right choice."""
    asked = [
        q for q in quiz.questions if q.kind in CHOICE_KINDS and sum(c.right for c in q.choices) == 1
    ]
    hits = sum(max(q.choices, key=lambda c: len(c.text)).right for q in asked)
    return hits, [1 / len(q.choices) for q in asked]


@each_quiz
def test_length_does_not_tell(quiz: Quiz) -> None:
    hits, chances = longest_hits(quiz)
    assert not more_often_than_chance(hits, chances), (
        f"the right choice is the longest in {hits} of {len(chances)}"
    )
    shortest = sum(
        min(q.choices, key=lambda c: len(c.text)).right
        for q in quiz.questions
        if q.kind in CHOICE_KINDS and sum(c.right for c in q.choices) == 1
    )
    assert not more_often_than_chance(shortest, chances), (
        f"it is the shortest in {shortest} of {len(chances)}"
    )


@each_quiz
def test_place_does_not_tell(quiz: Quiz) -> None:
    asked = [
        q for q in quiz.questions if q.kind in CHOICE_KINDS and sum(c.right for c in q.choices) == 1
    ]
    for letter in "ABCDEFGH":
        having = [q for q in asked if any(c.letter == letter for c in q.choices)]
        hits = sum(c.right for q in having for c in q.choices if c.letter == letter)
        chances = [1 / len(q.choices) for q in having]
        assert not more_often_than_chance(hits, chances), (
            f"{letter} is right in {hits} of {len(having)}"
        )


@each_quiz
def test_enough_questions_of_enough_kinds(quiz: Quiz) -> None:
    assert len(quiz.questions) >= 12
    kinds = {question.kind for question in quiz.questions}
    assert len(kinds) >= 4, f"only {', '.join(sorted(kinds))}"


@each_quiz
def test_earlier_weeks_come_back(quiz: Quiz) -> None:
    weeks = [question.week for question in quiz.questions]
    if quiz.name.startswith("week"):
        own = int(quiz.name.removeprefix("week"))
        assert max(weeks) == own
        assert own == 1 or sum(week < own for week in weeks) >= 2, (
            "two questions come back from earlier weeks"
        )
    else:
        assert len(set(weeks)) >= 2, "a review mixes weeks"


@cache
def headings(path: Path) -> set[str]:
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return {match[1].strip() for match in re.finditer(r"^#{1,6} +(.+?)\s*$", text, re.MULTILINE)}


@pytest.mark.parametrize(("quiz", "question"), QUESTIONS, ids=id_of)
def test_section_is_a_heading_of_its_notebook(quiz: Quiz, question: Question) -> None:
    notebook = (quiz.path.parent / question.source).resolve()
    assert notebook.is_file(), (
        f"{where(quiz, question)} links to {question.source}, which is not there"
    )
    assert question.section in headings(notebook), (
        f"{where(quiz, question)}: no heading “{question.section}”"
    )
    week = re.match(r"week(\d\d)_", notebook.parent.name)
    assert week is not None
    assert int(week[1]) == question.week, (
        f"{where(quiz, question)} is of week {question.week}, its notebook is not"
    )


@pytest.mark.parametrize(("quiz", "question"), COMPUTED, ids=id_of)
def test_answer_is_what_the_code_prints(quiz: Quiz, question: Question) -> None:
    assert question.code, f"{where(quiz, question)} has no ```python block that computes its answer"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(question.code, where(quiz, question), "exec"), {"__name__": "quiz"})
    if question.kind == "Number":
        allowed = max(question.tolerance, 1e-9)
        assert float(printed.getvalue()) == pytest.approx(
            float(question.answer), abs=allowed, rel=0
        )
    else:
        assert printed.getvalue().strip() == question.answer


@pytest.mark.parametrize(("quiz", "question"), COMPUTED, ids=id_of)
def test_wrong_answers_are_wrong_and_found(quiz: Quiz, question: Question, my_work: Path) -> None:
    assert question.known_wrong, f"{where(quiz, question)} explains no wrong answer"
    for wrong, why in question.known_wrong:
        sitting = Sitting(Quiz("lint", "", quiz.path, (question,)))
        feedback = sitting.answer(wrong)
        assert feedback.right is False, f"{where(quiz, question)}: `{wrong}` is right"
        assert feedback.text == why, f"{where(quiz, question)}: `{wrong}` meets the line of another"


@pytest.mark.parametrize(("quiz", "question"), QUESTIONS, ids=id_of)
def test_words(quiz: Quiz, question: Question) -> None:
    texts = [question.text, question.explanation, *(w for _, w in question.known_wrong)]
    texts += [t for c in question.choices for t in (c.text, c.why)]
    for text in texts:
        prose = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert "!" not in prose, f"{where(quiz, question)}: no exclamation marks: {text}"
        assert not re.search(r"[\U0001F300-\U0001FAFF\u2600-\u2712\u2714-\u27BF]", prose), (
            f"no emojis: {text}"
        )
        assert "$" not in prose, (
            f"{where(quiz, question)}: no $…$, a terminal shows no formula: {text}"
        )
        assert not re.search(r"\b(?:all|none) of the above\b", prose, re.IGNORECASE), (
            "choices are shuffled"
        )
        assert not re.search(r"\b(?:choice|answer) [A-H]\b", prose), f"choices are shuffled: {text}"
    assert len({c.text for c in question.choices}) == len(question.choices)
    assert all(c.why for c in question.choices)


@each_quiz
def test_answers_are_folded(quiz: Quiz) -> None:
    text = quiz.path.read_text("utf-8")
    assert text.count("<details>") == text.count("</details>") == len(quiz.questions)
    assert text.count("<summary>") == len(quiz.questions)
