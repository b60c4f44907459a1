"""Taking a quiz, whoever shows it."""

import random
from pathlib import Path

import pytest

from shared.lab.quizzes import Choice, Question, Quiz
from shared.lab.sitting import Sitting, answered_right, shown_choices


def question(number: int, kind: str = "One choice", **facts) -> Question:
    defaults = {
        "quiz": "made", "number": number, "kind": kind, "text": f"**Question {number}?**",
        "section": f"Section {number}",
        "source": "a.ipynb", "week": 1, "line": 1,
    }  # fmt: skip
    if kind in ("One choice", "Find the bug"):
        facts.setdefault("choices", choices("right", "wrong one", "wrong two"))
    return Question(**defaults | facts)


def choices(*texts: str, right: str = "right") -> tuple[Choice, ...]:
    return tuple(
        Choice("ABCDEFGH"[i], text, text.startswith(right), f"about {text}")
        for i, text in enumerate(texts)
    )


def quiz(*questions: Question) -> Quiz:
    return Quiz("made", "A quiz", Path("made.md"), questions)


def letter(sitting: Sitting, right: bool) -> str:
    """The letter under which a right (or a wrong) choice stands now."""
    return "ABCDEFGH"[next(i for i, c in enumerate(sitting.choices) if c.right == right)]


NUMBER = question(1, "Number", answer="0.25", tolerance=0.01, known_wrong=(("0.5", "That is twice as much."),),
                  explanation="A quarter.")  # fmt: skip
PRINTS = question(1, "What does it print", answer="(5, 4) 3.0\nx", known_wrong=(("(4, 5) 3.0\nx", "Rows first."),),
                  explanation="Five rows.")  # fmt: skip
SEVERAL = question(
    1, "Several choices", choices=choices("right a", "wrong", "right b"), explanation="Both."
)


def test_choices_are_shuffled_and_none_is_lost(my_work: Path) -> None:
    orders = set()
    for seed in range(20):
        sitting = Sitting(quiz(question(1)), shuffle=random.Random(seed))
        assert {c.text for c in sitting.choices} == {"right", "wrong one", "wrong two"}
        orders.add(tuple(c.text for c in sitting.choices))
    assert len(orders) == 6
    assert shown_choices(choices("x", "y")) == "- **A** x\n- **B** y"


def test_missed_question_comes_back_until_it_is_right(
    my_work: Path, shuffle: random.Random
) -> None:
    sitting = Sitting(quiz(question(1), question(2), question(3)), shuffle=shuffle)
    assert sitting.place == "1 of 3"
    feedback = sitting.answer(letter(sitting, right=False))
    assert feedback.right is False
    assert "about wrong" in feedback.text
    sitting.next()
    for number in (2, 3):
        assert sitting.place == f"{number} of 3"
        assert sitting.answer(letter(sitting, right=True)).right
        sitting.next()
    assert sitting.place == "once more: question 1"
    sitting.answer(letter(sitting, right=False))
    sitting.next()
    assert sitting.question is not None, "missed again, it comes again"
    assert sitting.answer(letter(sitting, right=True).lower()).right
    sitting.next()
    assert sitting.question is None
    assert sitting.place == "done"
    assert sitting.result() == "2 of 3 at the first try. Worth reading again: “Section 1”."


def test_interrupted_quiz_goes_on(my_work: Path, shuffle: random.Random) -> None:
    three = quiz(question(1), question(2), question(3))
    sitting = Sitting(three, shuffle=shuffle)
    sitting.answer(letter(sitting, right=True))
    sitting.next()
    sitting.answer(letter(sitting, right=False))
    assert answered_right("made") == {1}
    assert answered_right("another") == set()
    sitting = Sitting(three, shuffle=shuffle)
    assert sitting.place == "2 of 3"
    for _ in range(2):
        sitting.answer(letter(sitting, right=True))
        sitting.next()
    assert sitting.question is None
    assert Sitting(three).place == "1 of 3", "all right before: afresh"
    assert Sitting(three, again=True).place == "1 of 3"


def test_resumes_with_a_journal_that_cannot_be_written(my_work: Path) -> None:
    my_work.write_text("a file")
    sitting = Sitting(quiz(question(1)))
    assert sitting.answer(letter(sitting, right=True)).right
    sitting.next()
    assert sitting.result() == "1 of 1 at the first try."


@pytest.mark.parametrize("given", ["", "Z", "AB", "A B", "1", "right", "D", "A!"])
def test_no_answer_to_one_choice(my_work: Path, given: str) -> None:
    sitting = Sitting(quiz(question(1)))
    with pytest.raises(ValueError, match=r"one letter|One choice only"):
        sitting.answer(given)
    assert answered_right("made") == set()
    with pytest.raises(ValueError, match="Answer the question first"):
        sitting.next()


@pytest.mark.parametrize(
    "form", ["{} {}", "{},{}", "{}, {}", "{}{}", "{} and {}", "{} & {}", "{}; {}"]
)
def test_several_choices_however_written(my_work: Path, shuffle: random.Random, form: str) -> None:
    sitting = Sitting(quiz(SEVERAL), shuffle=shuffle)
    both = ["ABC"[i] for i, c in enumerate(sitting.choices) if c.right]
    feedback = sitting.answer(form.format(*both))
    assert feedback.right
    assert feedback.text.endswith("Both.")


def test_several_choices_name_what_is_missing(my_work: Path, shuffle: random.Random) -> None:
    sitting = Sitting(quiz(SEVERAL), shuffle=shuffle)
    right = ["ABC"[i] for i, c in enumerate(sitting.choices) if c.right]
    feedback = sitting.answer(right[0])
    assert feedback.right is False
    assert f"**{right[1]}** belongs to it too: about right" in feedback.text
    sitting.next()
    feedback = sitting.answer("ABC")
    assert feedback.right is False
    assert "about wrong" in feedback.text
    with pytest.raises(ValueError, match="Answer with letters from A to C"):
        sitting.answer("x")


@pytest.mark.parametrize(
    ("given", "right", "says"),
    [("0.25", True, "A quarter."), ("0,25", True, "A quarter."), ("0.259", True, ""), ("0.5", False, "That is twice"),
     ("7", False, "Not 7. Look again at “Section 1”."), ("-0.25", False, "")],
)  # fmt: skip
def test_numbers(my_work: Path, given: str, right: bool, says: str) -> None:
    feedback = Sitting(quiz(NUMBER)).answer(given)
    assert feedback.right is right
    assert says in feedback.text


@pytest.mark.parametrize("given", ["", "a quarter", "nan"])
def test_no_number(my_work: Path, given: str) -> None:
    with pytest.raises(ValueError, match=r"A number is expected here, such as 0\.25 or 1200"):
        Sitting(quiz(NUMBER)).answer(given)


@pytest.mark.parametrize(
    ("given", "right", "says"),
    [("(5, 4) 3.0\nx", True, "Five rows."), ("  (5,  4) 3.0 x ", True, ""), ("(4, 5) 3.0 x", False, "Rows first."),
     ("7", False, "It prints something else."), ("(5,4) 3.0 x", True, "Five rows."), ("( 5, 4 )3.0x", False, "")],
)  # fmt: skip
def test_outputs(my_work: Path, given: str, right: bool, says: str) -> None:
    feedback = Sitting(quiz(PRINTS)).answer(given)
    assert feedback.right is right
    assert says in feedback.text


def test_explain_is_judged_by_the_learner(my_work: Path) -> None:
    sitting = Sitting(quiz(question(1, "Explain", answer="Since it is so."), question(2)))
    feedback = sitting.answer("my sentence")
    assert feedback.right is None
    assert "Since it is so." in feedback.text
    with pytest.raises(ValueError, match="Answer the question first"):
        sitting.next()
    sitting.record(False, "my sentence")
    sitting.next()
    assert sitting.question is not None
    assert sitting.question.number == 2
    assert answered_right("made") == set()
