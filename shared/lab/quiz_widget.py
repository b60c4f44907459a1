"""A quiz in a notebook, in JupyterLab and Colab: `take_quiz(1)`.

Where no widget can be shown (GitHub, an exported page) the line above it says where else the quiz can be taken.
"""

from typing import Any

from markdown_it import MarkdownIt

from shared.lab.lines import Line, in_notebook, say
from shared.lab.quizzes import CHOICE_KINDS, Question, load_quiz
from shared.lab.review import REVIEW, review_quiz
from shared.lab.sitting import LETTERS, Feedback, Sitting, shown_choices

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_RIGHT, _WRONG, _OPEN = "#009E73", "#D55E00", "#0072B2"


def take_quiz(which: int | str = 1, again: bool = False) -> None:
    """Shows the quiz of a week (or a review, by name) below the cell. again=True asks all questions afresh.

    take_quiz("review") draws from what was missed and is due. Raises ValueError for a quiz that is not there.
    """
    drawn = which == REVIEW
    quiz = review_quiz(again) if drawn else load_quiz(which)
    if not quiz.questions:
        say(Line("?", "", quiz.title))
        return
    count, week = len(quiz.questions), quiz.name.removeprefix("week").lstrip("0")
    say(
        Line(
            "?",
            "",
            f"{quiz.title}: {count} question{'s' if count != 1 else ''}. In a terminal: `bumblebee quiz {week}`. "
            f"{'How it chooses' if drawn else 'To read'}: `{quiz.path.parent.name}/{quiz.path.name}`.",
        )
    )
    if in_notebook():
        from IPython.display import display

        display(QuizBox(Sitting(quiz, again or drawn)).box)


class QuizBox:
    """The widget: a question, its choices or a field, a button, and what is said to the answer."""

    def __init__(self, sitting: Sitting) -> None:
        import ipywidgets as widgets

        self._widgets = widgets
        self.sitting = sitting
        self._head = widgets.HTML()
        self._text = widgets.HTML()
        self._said = widgets.HTML()
        self._inputs = widgets.HBox([])
        self._actions = widgets.HBox([])
        self.box = widgets.VBox([self._head, self._text, self._inputs, self._actions, self._said])
        self.box.layout.max_width = "52em"
        self._show_question()

    def _show_question(self) -> None:
        question = self.sitting.question
        self._said.value = ""
        if question is None:
            self._head.value = "<b>Done</b>"
            self._text.value = _html(self.sitting.result())
            self._inputs.children = self._actions.children = ()
            return
        place = f"{self.sitting.place} · {question.kind}"
        if question.quiz != self.sitting.quiz.name:
            place += f" · from the quiz {question.quiz}"
        self._head.value = f'<span style="opacity:.7">{place}</span>'
        self._text.value = _html(f"{question.text}\n\n{shown_choices(self.sitting.choices)}")
        self._field = self._input(question)
        check = self._button("Check" if question.kind != "Explain" else "Compare", self._on_check)
        one_press = question.kind in CHOICE_KINDS and question.kind != "Several choices"
        self._actions.children = () if one_press else (check,)

    def _input(self, question: Question) -> Any:
        widgets = self._widgets
        letters = LETTERS[: len(self.sitting.choices)]
        if question.kind == "Several choices":
            toggles = [
                widgets.ToggleButton(description=x, layout=widgets.Layout(width="3em"))
                for x in letters
            ]
            self._inputs.children = tuple(toggles)
            return toggles
        if question.kind in CHOICE_KINDS:
            buttons = [
                self._button(x, lambda b: self._judge(b.description), width="3em") for x in letters
            ]
            self._inputs.children = tuple(buttons)
            return buttons
        if question.kind == "Number":
            field: Any = widgets.Text(placeholder="a number")
        else:
            field = widgets.Textarea(
                placeholder="your answer", rows=3, layout=widgets.Layout(width="40em")
            )
        self._inputs.children = (field,)
        return field

    def _button(self, text: str, action: Any, width: str = "auto") -> Any:
        button = self._widgets.Button(description=text, layout=self._widgets.Layout(width=width))
        button.on_click(action)
        return button

    def _on_check(self, _: Any) -> None:
        if isinstance(self._field, list):
            self._judge("".join(t.description for t in self._field if t.value))
        else:
            self._judge(self._field.value)

    def _judge(self, given: str) -> None:
        try:
            feedback = self.sitting.answer(given)
        except ValueError as error:
            self._said.value = _box(_OPEN, str(error))
            return
        self._say(feedback)
        if feedback.right is None:
            had = self._button("Yes, it did", lambda _: self._judge_myself(True, given))
            missed = self._button("Not quite", lambda _: self._judge_myself(False, given))
            self._actions.children = (had, missed)
            return
        for part in self._inputs.children:
            part.disabled = True
            if getattr(part, "description", "") == given:  # the choice that was pressed
                part.button_style = "success" if feedback.right else "danger"
        self._actions.children = (self._button("Next", self._on_next),)

    def _judge_myself(self, right: bool, given: str) -> None:
        self.sitting.record(right, given)
        self._on_next(None)

    def _on_next(self, _: Any) -> None:
        self.sitting.next()
        self._show_question()

    def _say(self, feedback: Feedback) -> None:
        if feedback.right is None:
            self._said.value = _box(_OPEN, feedback.text)
        elif feedback.right:
            self._said.value = _box(_RIGHT, f"**✓ Right.** {feedback.text}")
        else:
            self._said.value = _box(
                _WRONG, f"**✗ Not yet.** {feedback.text}\n\nIt comes back at the end."
            )


def _html(markdown: str) -> str:
    return f'<div style="line-height:1.45">{_MARKDOWN.render(markdown)}</div>'


def _box(colour: str, markdown: str) -> str:
    style = f"border-left:4px solid {colour};padding:0 .8em;margin:.4em 0;line-height:1.45"
    return f'<div style="{style}">{_MARKDOWN.render(markdown)}</div>'
