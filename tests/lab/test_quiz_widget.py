"""The quiz in a notebook: its buttons pressed from Python."""

import random
from pathlib import Path

import ipywidgets
import pytest
from test_sitting import NUMBER, PRINTS, SEVERAL, question, quiz

from shared.lab import take_quiz
from shared.lab.quiz_widget import QuizBox
from shared.lab.quizzes import Choice
from shared.lab.sitting import Sitting, answered_right


def box_of(*questions) -> QuizBox:
    return QuizBox(Sitting(quiz(*questions), shuffle=random.Random(3)))


def buttons(box: QuizBox) -> dict[str, ipywidgets.Button]:
    """Every button that can be pressed now, by what stands on it."""
    return {
        child.description: child
        for row in (box._inputs, box._actions)
        for child in row.children
        if isinstance(child, ipywidgets.Button) and not child.disabled
    }


def press(box: QuizBox, text: str) -> None:
    buttons(box)[text].click()


def letters(box: QuizBox, right: bool) -> list[str]:
    return ["ABCDEFGH"[i] for i, c in enumerate(box.sitting.choices) if c.right == right]


def test_wrong_then_right(my_work: Path) -> None:
    box = box_of(question(1), question(2))
    assert "1 of 2 · One choice" in box._head.value
    assert "<strong>Question 1?</strong>" in box._text.value
    assert "right" in box._text.value
    press(box, letters(box, right=False)[0])
    assert "✗ Not yet." in box._said.value
    assert "about wrong" in box._said.value
    assert "It comes back at the end." in box._said.value
    assert list(buttons(box)) == ["Next"], "no second answer to the same question"
    press(box, "Next")
    assert box._said.value == ""
    press(box, letters(box, right=True)[0])
    assert "✓ Right." in box._said.value
    press(box, "Next")
    assert "once more: question 1" in box._head.value
    press(box, letters(box, right=True)[0])
    press(box, "Next")
    assert "Done" in box._head.value
    assert "1 of 2 at the first try. Worth reading again: “Section 1”." in box._text.value
    assert buttons(box) == {}
    assert answered_right("made") == {1, 2}


def test_several_choices(my_work: Path) -> None:
    box = box_of(SEVERAL)
    press(box, "Check")
    assert "Answer with letters from A to C." in box._said.value
    for toggle in box._inputs.children:
        toggle.value = toggle.description in letters(box, right=True)
    press(box, "Check")
    assert "✓ Right." in box._said.value
    assert "Both." in box._said.value


@pytest.mark.parametrize(("asked", "given"), [(NUMBER, "0.25"), (PRINTS, "(5, 4) 3.0\nx")])
def test_fields(my_work: Path, asked, given: str) -> None:
    box = box_of(asked)
    (field,) = box._inputs.children
    if asked is NUMBER:
        field.value = "many"
        press(box, "Check")
        assert "A number is expected here" in box._said.value
    field.value = given
    press(box, "Check")
    assert "✓ Right." in box._said.value
    assert field.disabled


def test_explain(my_work: Path) -> None:
    box = box_of(question(1, "Explain", answer="Since *it* is."), question(2))
    box._inputs.children[0].value = "my words"
    press(box, "Compare")
    assert "A model answer" in box._said.value
    assert "<em>it</em>" in box._said.value
    press(box, "Not quite")
    assert "2 of 2" in box._head.value
    press(box, letters(box, right=True)[0])
    press(box, "Next")
    assert "once more: question 1" in box._head.value
    press(box, "Compare")
    press(box, "Yes, it did")
    assert "Done" in box._head.value


def test_nothing_in_a_question_becomes_html(my_work: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)> a < b & c"
    asked = question(
        1, text=f"**{evil}**\n\n```python\nprint('<b>')\n```", section=evil,
        choices=(Choice("A", evil, True, evil), Choice("B", "no", False, evil), Choice("C", "nor", False, "x")),
    )  # fmt: skip
    box = box_of(asked)
    press(box, letters(box, right=False)[0])
    press(box, "Next")
    press(box, letters(box, right=True)[0])
    shown = box._text.value + box._said.value + box._head.value
    assert "<script" not in shown
    assert "<img" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown
    press(box, "Next")
    assert "<script" not in box._text.value
    given = box_of(question(1, "Number", answer="1"))
    given._inputs.children[0].value = "<script>x</script>"
    press(given, "Check")
    assert "<script" not in given._said.value


def test_outside_a_notebook_the_line_says_where(
    my_work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take_quiz(1)
    shown = " ".join(capsys.readouterr().out.split())
    assert "16 questions. In a terminal: `bumblebee quiz 1`." in shown
    assert "To read: `week01_mlp/3_quiz.md`." in shown
    with pytest.raises(ValueError, match="There is no quiz 77"):
        take_quiz(77)


def test_the_pressed_choice_is_marked(my_work: Path) -> None:
    box = box_of(question(1))
    wrong = letters(box, right=False)[0]
    press(box, wrong)
    styles = {button.description: button.button_style for button in box._inputs.children}
    assert styles == {letter: "danger" if letter == wrong else "" for letter in "ABC"}
