"""What is done: a row for each exercise and quiz, from `my_work/`; `progress()` shows it, or `bumblebee progress`.

How sure the learner is, and their notes, are events of the journal like all else: they survive a new kernel, an
export to another computer and its import, and `bumblebee progress --markdown FILE` writes the table to keep or to send.
"""

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shared.exercises import find, names
from shared.lab import journal
from shared.lab.carry import whose
from shared.lab.files import work_folder
from shared.lab.lines import say
from shared.lab.quizzes import all_quizzes, load_quiz
from shared.lab.sitting import answered_right
from shared.lab.tables import Grid


@dataclass(frozen=True)
class Row:
    """One line of the table.

    status: "done", "begun" or ""; date: of the last attempt, ISO; tries: attempts so far; detail: the last mistake,
    or how many questions are right; confidence: 1 to 5, or 0 where the learner has not said; notes: their own words
    """

    week: int
    piece: str
    status: str
    date: str
    tries: int
    detail: str
    confidence: int = 0
    notes: str = ""


def rows() -> list[Row]:
    """The whole table, in the order of the course."""
    attempts = _by_piece(journal.events("exercise"), "name")
    said = _last_said()
    found = [_exercise_row(name, attempts.get(name, []), said.get(name, {})) for name in names()]
    found += [_quiz_row(name, said.get(f"quiz {name}", {})) for name in all_quizzes()]
    return sorted(found, key=lambda row: row.week)


def _last_said() -> dict[str, dict]:
    """The last confidence and the last notes of each piece: saying one leaves the other as it was."""
    said: dict[str, dict] = {}
    for event in journal.events("confidence"):
        said.setdefault(str(event.get("piece")), {}).update(event)
    return said


def _by_piece(events: list[dict], key: str) -> dict[str, list[dict]]:
    grouped: dict[str, list[dict]] = {}
    for event in events:
        grouped.setdefault(str(event.get(key)), []).append(event)
    return grouped


def _exercise_row(name: str, attempts: list[dict], said: dict) -> Row:
    done = whose(name) == "yours"
    date = _day(attempts)
    mistake = str(attempts[-1].get("mistake") or "") if attempts and not done else ""
    mistake = mistake.replace("_", " ")
    status = "done" if done else ("begun" if attempts else "")
    return Row(find(name).week, name, status, date, len(attempts), mistake, *_said(said))


def _quiz_row(name: str, said: dict) -> Row:
    quiz = load_quiz(name)
    events = [e for e in journal.events("quiz") if e.get("quiz") == name]
    right, total = len(answered_right(name)), len(quiz.questions)
    status = "done" if right == total else ("begun" if events else "")
    week = max(q.week for q in quiz.questions)
    date = _day(events)
    return Row(
        week, f"quiz {name}", status, date, len(events), f"{right} of {total} right", *_said(said)
    )


def _day(events: list[dict]) -> str:
    """The day of the last event; empty where there is none, or where an edited journal does not say."""
    return str(events[-1].get("time", ""))[:10] if events else ""


def _said(event: dict) -> tuple[int, str]:
    confidence = event.get("confidence")
    return confidence if isinstance(confidence, int) else 0, str(event.get("notes", ""))


def set_confidence(piece: str, confidence: int, notes: str | None = None) -> None:
    """Notes how sure the learner is of a piece (1 to 5), with a word of their own; without one, earlier notes stay.

    Raises ValueError for a piece that is not there, and outside 1 to 5.
    """
    known = [row.piece for row in rows()]
    if piece not in known:
        raise ValueError(f"There is no piece {piece!r}. `progress()` shows them all.")
    if not 1 <= confidence <= 5:
        raise ValueError(f"confidence is {confidence}; it must be 1 (lost) to 5 (could teach it).")
    words = {} if notes is None else {"notes": notes}
    if not journal.note("confidence", piece=piece, confidence=confidence, **words):
        raise ValueError(f"{work_folder().name}/ cannot be written, so this could not be kept.")


def progress(week: int | None = None) -> None:
    """Shows the table: all weeks, or one."""
    say(_Table([row for row in rows() if week is None or row.week == week]))


HEAD = ("week", "piece", "status", "date", "tries", "confidence", "notes")
_MARKS = {"done": "✓", "begun": "◐", "": "○"}


def cells(row: Row) -> tuple[str, ...]:
    """A row as texts, one for each column of HEAD."""
    return (
        str(row.week),
        row.piece,
        f"{_MARKS[row.status]} {row.status}".strip(),
        row.date,
        str(row.tries or ""),
        str(row.confidence or ""),
        row.notes or row.detail,
    )


def summary(found: Sequence[Row]) -> str:
    """How many pieces of each week are done, in a sentence."""
    total = Counter(row.week for row in found)
    done = Counter(row.week for row in found if row.status == "done")
    return " · ".join(f"week {week}: {done[week]} of {total[week]}" for week in sorted(total))


def as_markdown(found: Sequence[Row]) -> str:
    """The table as a markdown page, with the summary below it."""

    def line(texts: Sequence[str]) -> str:
        safe = (" ".join(html.escape(t, quote=False).replace("|", "\\|").split()) for t in texts)
        return f"| {' | '.join(safe)} |"

    lines = [line(HEAD), "|" + "---|" * len(HEAD), *(line(cells(row)) for row in found)]
    return "\n".join(["# My progress in Bumblebee", "", *lines, "", summary(found), ""])


class _Table:
    def __init__(self, found: list[Row]) -> None:
        self.grid, self.summary = Grid(HEAD, [cells(row) for row in found]), summary(found)

    def __repr__(self) -> str:
        return f"{self.grid!r}\n{self.summary}"

    def _repr_html_(self) -> str:
        return f"{self.grid._repr_html_()}<p>{self.summary}</p>"
