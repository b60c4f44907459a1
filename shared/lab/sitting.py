"""Taking a quiz, whoever shows it: which question is next, whether an answer is right, what comes back later.

A question that was missed returns after the others, until it is answered right. Every answer goes to the journal, so
a quiz that was interrupted goes on where it stopped.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.lab import journal
from shared.lab.quizzes import CHOICE_KINDS, Choice, Question, Quiz, as_number

LETTERS = "ABCDEFGH"


@dataclass(frozen=True)
class Feedback:
    """What is said to an answer: right or not, and why (markdown). `right` is None where the learner must judge."""

    right: bool | None
    text: str


class Sitting:
    """One pass through a quiz. `question` is the current one, None at the end; `choices` are its shuffled choices.

    A review's questions come from several quizzes; their answers are noted under the quiz that each is from.
    """

    def __init__(
        self, quiz: Quiz, again: bool = False, shuffle: random.Random | None = None
    ) -> None:
        self.quiz = quiz
        self._shuffle = shuffle or random.Random()
        done = (
            {}
            if again
            else {name: answered_right(name) for name in {q.quiz for q in quiz.questions}}
        )
        self._waiting = [q for q in quiz.questions if q.number not in done.get(q.quiz, ())]
        if not self._waiting:  # everything was right before: take it afresh
            self._waiting = list(quiz.questions)
        self._first_try: dict[tuple[str, int], bool] = {}
        self._right: bool | None = None  # None until the current question is answered
        self.choices: list[Choice] = []
        self._ask()

    @property
    def question(self) -> Question | None:
        """The current question, or None when all were answered right."""
        return self._waiting[0] if self._waiting else None

    @property
    def place(self) -> str:
        """Where the learner is: "3 of 16", or "once more" for a question that came back."""
        if self.question is None:
            return "done"
        place = self.quiz.questions.index(self.question) + 1
        if _key(self.question) in self._first_try:
            return f"once more: question {place}"
        return f"{place} of {len(self.quiz.questions)}"

    def _ask(self) -> None:
        if self.question:
            self.choices = list(self.question.choices)
            self._shuffle.shuffle(self.choices)

    def answer(self, given: str) -> Feedback:
        """Judges an answer: letters as shown, a number, an output, or a text. Call `next` to go on.

        Raises ValueError, naming what is expected, for an answer that is none.
        """
        question = self.question
        assert question is not None
        given = given.strip()
        if question.kind in CHOICE_KINDS:
            feedback = self._judge_choices(question, given)
        elif question.kind == "Number":
            feedback = _judge_number(question, given)
        elif question.kind == "What does it print":
            feedback = _judge_output(question, given)
        else:
            return Feedback(
                None, f"A model answer:\n\n{question.answer}\n\nDid yours say the same?"
            )
        self.record(feedback.right or False, given)
        return feedback

    def record(self, right: bool, given: str = "") -> None:
        """Notes whether the current question was answered right (for "Explain", as the learner judges)."""
        question = self.question
        assert question is not None
        self._first_try.setdefault(_key(question), right)
        journal.note(
            "quiz", quiz=question.quiz, question=question.number, right=right, answer=given[:200]
        )
        self._right = right

    def next(self) -> None:
        """Goes on: a question answered right is done, a missed one comes back after the others.

        Raises ValueError where the current question has no answer yet.
        """
        if self._right is None:
            raise ValueError("Answer the question first.")
        question = self._waiting.pop(0)
        if not self._right:
            self._waiting.append(question)
        self._right = None
        self._ask()

    def result(self) -> str:
        """The score, in one sentence."""
        right, asked = sum(self._first_try.values()), len(self._first_try)
        missed = [q for q in self.quiz.questions if self._first_try.get(_key(q)) is False]
        if not missed:
            return f"{right} of {asked} at the first try."
        again = "; ".join(dict.fromkeys(f"“{q.section}”" for q in missed))
        return f"{right} of {asked} at the first try. Worth reading again: {again}."

    def _judge_choices(self, question: Question, given: str) -> Feedback:
        given = re.sub(r"\band\b", " ", given)
        letters = re.findall(r"[A-Ha-h]", given)
        offered = LETTERS[: len(self.choices)]
        picked = {offered.index(letter.upper()) for letter in letters if letter.upper() in offered}
        if not picked or re.sub(r"[A-Ha-h,;&\s]", "", given):
            raise ValueError(
                f"Answer with {'letters' if question.kind == 'Several choices' else 'one letter'} "
                f"from A to {offered[-1]}."
            )
        if question.kind != "Several choices" and len(picked) > 1:
            raise ValueError("One choice only is right here: answer with one letter.")
        right = {i for i, choice in enumerate(self.choices) if choice.right}
        lines = [f"**{LETTERS[i]}** {self.choices[i].why}" for i in sorted(picked)]
        if picked != right:
            missed = sorted(right - picked)
            if question.kind == "Several choices" and missed:
                lines += [
                    f"**{LETTERS[i]}** belongs to it too: {self.choices[i].why}" for i in missed
                ]
        if question.explanation and picked == right:
            lines.append(question.explanation)
        return Feedback(picked == right, "\n\n".join(lines))


def _key(question: Question) -> tuple[str, int]:
    return question.quiz, question.number


def _judge_number(question: Question, given: str) -> Feedback:
    try:
        number = as_number(given)
    except ValueError:
        raise ValueError(
            f"A number is expected here, such as 0.25 or 1200, not {given!r}."
        ) from None
    if abs(number - float(question.answer)) <= question.tolerance + 1e-12:
        return Feedback(True, question.explanation)
    for wrong, why in question.known_wrong:
        if abs(number - as_number(wrong)) <= max(question.tolerance, 1e-9):
            return Feedback(False, why)
    return Feedback(False, f"Not {given}. Look again at “{question.section}”.")


def _judge_output(question: Question, given: str) -> Feedback:
    def plain(text: str) -> str:  # "(5,4)" is as right as "(5, 4)"
        return re.sub(r"\s*([,:()\[\]{}])\s*", r"\1", " ".join(text.split()))

    if plain(given) == plain(question.answer):
        return Feedback(True, question.explanation)
    for wrong, why in question.known_wrong:
        if plain(given) == plain(wrong):
            return Feedback(False, why)
    return Feedback(
        False, f"It prints something else. Trace it line by line; see “{question.section}”."
    )


def answered_right(quiz: str) -> set[int]:
    """Numbers of the questions whose last recorded answer was right."""
    last: dict[int, bool] = {}
    for event in journal.events("quiz"):
        if event.get("quiz") == quiz and isinstance(event.get("question"), int):
            last[event["question"]] = bool(event.get("right"))
    return {number for number, right in last.items() if right}


def shown_choices(choices: Sequence[Choice]) -> str:
    """Shuffled choices as markdown, with the letters under which they are shown."""
    return "\n".join(f"- **{LETTERS[i]}** {choice.text}" for i, choice in enumerate(choices))
