"""What was missed comes back, at growing distances."""

import datetime
import random
from pathlib import Path

import pytest

from shared.lab import journal, take_quiz
from shared.lab.quiz_terminal import run
from shared.lab.quizzes import load_quiz
from shared.lab.review import AT_ONCE, WAITS, Card, cards, due, review_quiz
from shared.lab.sitting import Sitting

DAY = datetime.date(2026, 3, 2)


def answered(day: int, right: bool, number: int = 1, quiz: str = "week01") -> dict:
    """An event of the journal, so many days after DAY."""
    when = DAY + datetime.timedelta(days=day)
    facts = {"quiz": quiz, "question": number, "right": right}
    return {"time": f"{when}T20:15:00+01:00", "kind": "quiz"} | facts


def keep(*events: dict) -> None:
    for event in events:
        journal.append(event)


def after(days: int) -> datetime.date:
    return DAY + datetime.timedelta(days=days)


def test_never_missed_never_asked(my_work: Path) -> None:
    assert cards([answered(0, True)]) == []
    assert cards([answered(0, False)]) == [Card("week01", 1, 0, DAY)]


def test_boxes_wait_longer_and_longer() -> None:
    events, day, dues = [answered(0, False)], 0, []
    for wait in WAITS:
        day += wait
        events.append(answered(day, True))
        (card,) = cards(events)
        dues.append((card.due - DAY).days)
    assert dues == [1, 4, 11, 32, 32]
    assert card.learnt


def test_right_before_its_day_moves_nothing() -> None:
    missed_then_right = [answered(0, False), answered(0, True)]
    assert cards([*missed_then_right, answered(0, True)]) == cards(missed_then_right)
    assert cards([*missed_then_right, answered(1, True)])[0].box == 2


def test_a_miss_goes_back_to_the_first_box() -> None:
    events = [answered(0, False), answered(0, True), answered(1, True), answered(2, False)]
    assert cards(events) == [Card("week01", 1, 0, after(2))]


def test_missed_again_after_it_was_learnt() -> None:
    events = [answered(0, False), *(answered(sum(WAITS[: i + 1]), True) for i in range(len(WAITS)))]
    assert cards(events)[0].learnt
    assert not cards([*events, answered(99, False)])[0].learnt


def test_most_overdue_first() -> None:
    events = [answered(3, False, 4), answered(1, False, 9), answered(2, False, 2, "week02")]
    assert [card.number for card in cards(events)] == [9, 2, 4]


def test_journal_that_somebody_edited() -> None:
    events = [
        {"quiz": "week01", "question": 3, "right": False},
        {"quiz": "week01", "question": "three", "right": False, "time": "2026-03-02"},
        {"time": "yesterday", "question": 3},
        {},
    ]
    assert cards(events) == []


def test_drawn_from_all_quizzes_and_noted_under_their_own(my_work: Path) -> None:
    keep(answered(0, False, 1), answered(0, False, 1, "week02"), answered(0, False, 2))
    drawn = review_quiz(today=DAY, shuffle=random.Random(1))
    assert {(q.quiz, q.number) for q in drawn.questions} == {("week01", 1), ("week02", 1), ("week01", 2)}  # fmt: skip
    sitting = Sitting(drawn, again=True)
    assert sitting.place == "1 of 3"
    asked = sitting.question
    sitting.record(True)
    sitting.next()
    assert sitting.place == "2 of 3", "two questions with the number 1 are two questions"
    last = journal.events("quiz")[-1]
    assert (last["quiz"], last["question"]) == (asked.quiz, asked.number)
    assert (asked.quiz, asked.number) not in {(c.quiz, c.number) for c in due()}


def test_no_more_than_one_sitting_takes(my_work: Path) -> None:
    keep(*(answered(0, False, n, f"week0{w}") for w in (1, 2) for n in range(1, 12)))
    drawn = review_quiz(today=after(1))
    assert len(drawn.questions) == AT_ONCE
    assert drawn.title == f"Review of what you missed ({22 - AT_ONCE} more are waiting)"


def test_early_only_when_asked(my_work: Path) -> None:
    keep(answered(0, False), answered(0, True))
    assert review_quiz(today=DAY).questions == ()
    assert len(review_quiz(again=True, today=DAY).questions) == 1
    assert len(review_quiz(today=after(1)).questions) == 1


def test_questions_that_the_course_no_longer_has(my_work: Path) -> None:
    keep(answered(0, False, 999), answered(0, False, 1, "week77"))
    assert review_quiz(today=DAY).questions == ()
    assert review_quiz(today=DAY).title.startswith("Nothing to review yet")


def test_nothing_to_ask_says_why(my_work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("review").startswith("Nothing to review yet")
    now = datetime.date.today()
    for right in (False, True):
        journal.note("quiz", quiz="week01", question=1, right=right)
    tomorrow = now + datetime.timedelta(days=1)
    assert run("review").startswith(
        f"Nothing to review today: 1 question waits for its day, the next on {tomorrow}"
    )
    events = [answered(0, False, 1), *(answered(sum(WAITS[: i + 1]), True) for i in range(len(WAITS)))]  # fmt: skip
    journal.path().unlink()
    keep(*events)
    assert run("review") == "Nothing to review: what you once missed is learnt."
    take_quiz("review")
    assert "is learnt." in capsys.readouterr().out


def test_in_a_terminal(my_work: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    keep(answered(0, False, 6))
    asked = load_quiz(1).questions[5]
    assert asked.kind == "Number"
    monkeypatch.setattr("builtins.input", lambda *_: asked.answer)
    assert run("review") == "1 of 1 at the first try."
    assert "from the quiz week01" in capsys.readouterr().out
    assert due() == []


def test_in_a_notebook(my_work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from shared.lab.quiz_widget import QuizBox

    keep(answered(0, False, 6))
    take_quiz("review")
    shown = capsys.readouterr().out
    assert "Review of what you missed: 1 question. In a terminal: `bumblebee quiz review`" in shown
    box = QuizBox(Sitting(review_quiz(), again=True))
    assert "from the quiz week01" in box._head.value
