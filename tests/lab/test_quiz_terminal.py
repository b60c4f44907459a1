"""A quiz in the terminal, with the answers typed by a script."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from shared.lab import quiz_terminal
from shared.lab.quizzes import load_quiz
from shared.lab.sitting import answered_right


@pytest.fixture
def typed(my_work) -> Callable[..., tuple[str, str]]:
    """A function that takes quiz 1 with these answers; returns its result and what the screen showed."""

    def run(*answers: str | type[BaseException], again: bool = False) -> tuple[str, str]:
        screen = io.StringIO()
        console = Console(file=screen, width=100, force_terminal=False)
        waiting = list(answers)

        def answer(prompt: str = "", **_: object) -> str:
            screen.write(prompt)
            if not waiting:
                raise EOFError
            given = waiting.pop(0)
            if isinstance(given, type):
                raise given
            return given

        console.input = answer  # type: ignore[method-assign]
        return quiz_terminal.run(1, again, console), screen.getvalue()

    return run


@pytest.fixture
def unshuffled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices stand as in the file, so that a script can name them."""
    monkeypatch.setattr("random.Random.shuffle", lambda self, items: None)


def right_answers() -> list[str]:
    """What to type, question by question."""
    typing = []
    for question in load_quiz(1).questions:
        if question.choices:
            typing.append("".join(c.letter for c in question.choices if c.right))
        elif question.kind == "What does it print":
            typing += [question.answer, ""]
        elif question.kind == "Explain":
            typing += ["It moves the points.", "yes"]
        else:
            typing.append(question.answer)
    return typing


def test_all_right(typed, unshuffled) -> None:
    count = len(load_quiz(1).questions)
    result, shown = typed(*right_answers())
    assert result == f"{count} of {count} at the first try."
    assert f"1 of {count} · One choice" in shown
    assert shown.count("✓ right") == count - 1, "the last one judges itself"
    assert "A model answer" in shown
    assert answered_right("week01") == set(range(1, count + 1))


def test_wrong_answer_is_explained_and_comes_back(typed, unshuffled) -> None:
    first = load_quiz(1).questions[0]
    wrong = next(c for c in first.choices if not c.right)
    result, shown = typed(wrong.letter, *right_answers()[1:], right_answers()[0])
    assert "✗ not yet" in shown
    assert wrong.why[:30] in shown
    assert "once more: question 1" in shown
    assert "Worth reading again" in result
    assert first.section in result


def test_what_is_no_answer_is_asked_again(typed, unshuffled) -> None:
    _, shown = typed("Z", "what", right_answers()[0])
    assert shown.count("Answer with one letter from A to D.") == 2
    assert shown.count("✓ right") == 1


@pytest.mark.parametrize("stop", ["", EOFError, KeyboardInterrupt])
def test_stops_and_goes_on_where_it_was(typed, unshuffled, stop) -> None:
    result, shown = typed(right_answers()[0], stop)
    assert "Stopped here. The same command goes on where you were." in shown
    assert result == "1 of 1 at the first try."
    _, shown = typed(right_answers()[1], stop)
    assert "2 of 16 · Number" in shown
    assert "1 of 16" not in shown
    _, shown = typed(stop, again=True)
    assert "1 of 16" in shown


def test_own_judgement_counts(typed, unshuffled) -> None:
    typed(*right_answers()[:-2])
    count = len(load_quiz(1).questions)
    _, shown = typed("my sentence", "no")
    assert "A model answer" in shown
    assert count not in answered_right("week01")
    typed("a better one", "y")
    assert count in answered_right("week01")


def test_old_terminal(my_work, unshuffled) -> None:
    """A console that knows only cp1252 shows what it can, and does not fail."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="cp1252", errors="replace"), width=80)
    console.input = lambda *_, **__: ""  # type: ignore[method-assign]
    assert quiz_terminal.run(1, False, console) == "0 of 0 at the first try."
    console.file.flush()
    assert "XOR" in raw.getvalue().decode("cp1252")
