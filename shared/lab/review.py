"""`bumblebee quiz review`: what was missed comes back, at growing distances (spaced repetition, in Leitner's boxes).

A question enters the first time it is missed, in a week's quiz or in a review. It stands in a box, and each box has a
wait: 0, 1, 3, 7 and 21 days. A right answer on its day, or later, puts the question into the next box, and behind the
last box it is learnt. A wrong answer puts it back into the first. A right answer before its day moves nothing, since
it was still fresh. All of it is computed from the journal: there is no second record.

Source: S. Leitner, So lernt man lernen (1972); why distance helps: N. J. Cepeda et al., "Distributed Practice in
Verbal Recall Tasks", Psychological Bulletin 132 (2006).
"""

import datetime
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.lab import journal
from shared.lab.quizzes import Question, Quiz, load_quiz

REVIEW = "review"
WAITS = (0, 1, 3, 7, 21)  # days that a question waits in each box
AT_ONCE = 15  # questions in one sitting: about a quarter of an hour


@dataclass(frozen=True)
class Card:
    """A question that was missed at some time: the box it stands in, and the day from which it is due."""

    quiz: str
    number: int
    box: int
    due: datetime.date

    @property
    def learnt(self) -> bool:
        """Whether it has come through all the boxes."""
        return self.box >= len(WAITS)


def cards(events: Iterable[dict] | None = None) -> list[Card]:
    """Every question that was ever missed, most overdue first. events: the journal's, oldest first."""
    found: dict[tuple[str, int], Card] = {}
    for event in journal.events("quiz") if events is None else events:
        quiz, number, day = str(event.get("quiz")), event.get("question"), _day(event)
        if not isinstance(number, int) or day is None:
            continue  # somebody edited the journal
        card = found.get((quiz, number))
        if not event.get("right"):
            found[quiz, number] = Card(quiz, number, 0, day)
        elif card and not card.learnt and day >= card.due:
            box = card.box + 1
            wait = WAITS[box] if box < len(WAITS) else 0
            found[quiz, number] = Card(quiz, number, box, day + datetime.timedelta(days=wait))
    return sorted(found.values(), key=lambda card: (card.due, card.box, card.quiz, card.number))


def _day(event: dict) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(event.get("time"))[:10])
    except ValueError:
        return None


def due(today: datetime.date | None = None, early: bool = False) -> list[Card]:
    """The questions to ask now, most overdue first; with `early` also those whose day has not come."""
    today = today or datetime.date.today()
    return [card for card in cards() if not card.learnt and (early or card.due <= today)]


def review_quiz(
    again: bool = False,
    today: datetime.date | None = None,
    shuffle: random.Random | None = None,
) -> Quiz:
    """A quiz of at most 15 questions that are due, the weeks mixed; with `again` also of those that are not due yet.

    Its questions keep the name and number of their own quiz, and answers count there too. It has none where nothing
    is due: then its title says what there is to wait for.
    """
    asked: list[Question] = []
    waiting = 0
    for card in due(today, early=again):
        question = _question(card)
        if question and len(asked) < AT_ONCE:
            asked.append(question)
        elif question:
            waiting += 1
    (shuffle or random.Random()).shuffle(
        asked
    )  # mixed: which week a question is from is part of it
    title = "Review of what you missed"
    if waiting:
        title += f" ({waiting} more are waiting)"
    if not asked:
        title = _nothing_to_ask()
    return Quiz(REVIEW, title, Path("quizzes") / "README.md", tuple(asked))


def _question(card: Card) -> Question | None:
    """The question of a card; None where the course no longer has it."""
    try:
        questions = load_quiz(card.quiz).questions
    except ValueError:
        return None
    return next((q for q in questions if q.number == card.number), None)


def _nothing_to_ask() -> str:
    known = [card for card in cards() if _question(card)]
    waiting = [card for card in known if not card.learnt]
    if waiting:
        count = len(waiting)
        many = (
            "1 question waits for its day" if count == 1 else f"{count} questions wait for theirs"
        )
        return (
            f"Nothing to review today: {many}, the next on {waiting[0].due}. "
            "`bumblebee quiz review --again` asks them now."
        )
    if known:
        return "Nothing to review: what you once missed is learnt."
    return (
        "Nothing to review yet: it asks what you missed in other quizzes. Begin with one of those."
    )
