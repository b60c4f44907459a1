"""A quiz in the terminal: `bumblebee quiz 6`."""

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel

from shared.lab.quizzes import load_quiz
from shared.lab.review import REVIEW, review_quiz
from shared.lab.sitting import Feedback, Sitting, shown_choices

_ASKS = {
    "One choice": "Your choice",
    "Several choices": "Your choices (several letters)",
    "Find the bug": "Your choice",
    "Number": "Your number",
    "What does it print": "It prints",
    "Explain": "Your sentence",
}


def run(which: int | str, again: bool = False, console: Console | None = None) -> str:
    """Asks the questions of a quiz until each was answered right, and returns the result in a sentence.

    which: a week, a review by name, "final", or "review": what was missed and is due
    An empty line, Ctrl-C or Ctrl-D stops; what was answered is kept. Raises ValueError for a quiz that is not there.
    """
    console = console or Console()
    drawn = which == REVIEW
    quiz = review_quiz(again) if drawn else load_quiz(which)
    if not quiz.questions:
        console.print(Panel(Markdown(quiz.title), expand=False))
        return quiz.title
    sitting = Sitting(quiz, again or drawn)
    console.print(
        Panel(quiz.title, subtitle="an empty answer stops; what you answered is kept", expand=False)
    )
    try:
        while sitting.question:
            _ask(sitting, console)
    except (EOFError, KeyboardInterrupt):
        console.print("\nStopped here. The same command goes on where you were.")
    result = sitting.result()
    console.print(Panel(Markdown(result), expand=False))
    return result


def _ask(sitting: Sitting, console: Console) -> None:
    question = sitting.question
    assert question is not None
    console.print()
    place = f"{sitting.place} · {question.kind}"
    if question.quiz != sitting.quiz.name:
        place += f" · from the quiz {question.quiz}"
    console.rule(place, align="left")
    console.print(Markdown(f"{question.text}\n\n{shown_choices(sitting.choices)}"))
    while True:
        given = _read(console, _ASKS[question.kind], several=question.kind == "What does it print")
        try:
            feedback = sitting.answer(given)
            break
        except ValueError as error:
            console.print(str(error))
    _show(feedback, console)
    if feedback.right is None:
        sitting.record(_read(console, "Yes or no", several=False).lower().startswith("y"), given)
    sitting.next()


def _read(console: Console, prompt: str, several: bool) -> str:
    if several:
        console.print("(several lines are fine; an empty line ends your answer)")
    first = console.input(f"[bold]{prompt}:[/] ").strip()
    if not first:
        raise EOFError
    lines = [first]
    while several and (line := console.input("").rstrip()):
        lines.append(line)
    return "\n".join(lines)


def _show(feedback: Feedback, console: Console) -> None:
    mark = {True: "[green]✓ right[/]", False: "[red]✗ not yet[/]", None: "[blue]?[/]"}[
        feedback.right
    ]
    console.print(mark)
    if feedback.text:
        console.print(Markdown(feedback.text))
