"""Reads quizzes from their markdown: there is no second copy. How one is written stands in `quizzes/README.md`.

Raises ValueError with file and line where a question is malformed.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from shared.lab.files import course_root

CHOICE_KINDS = ("One choice", "Several choices", "Find the bug")
KINDS = (*CHOICE_KINDS, "Number", "What does it print", "Explain")

_HEADING = re.compile(r"^## (\d+)\. (.+)$")
_ABOUT = re.compile(r"^\*([^·*]+) · \[([^\]]+)\]\(([^)]+)\) · week (\d+)\*$")
_CHOICE = re.compile(r"^- \*\*([A-H])\*\* (.+)$")
_ANSWER = re.compile(r"^\*\*(.+?)\*\*(?: ± ([\d.e-]+))?$")
_LETTERS = re.compile(r"[A-H](?:, ?[A-H])*")
_WRONG = re.compile(r"^- `([^`]+)`: (.+)$")


@dataclass(frozen=True)
class Choice:
    """One of the offered answers, with the line that explains it."""

    letter: str
    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """One question. `text` is markdown, its heading included; `line` is where it stands in the file.

    answer: the number, or what is printed, or the model answer; empty for choices
    known_wrong: (answer, explanation) for wrong numbers or outputs that people give
    code: Python in the answer, or in the question for "What does it print", whose output is the answer; may be empty
    """

    quiz: str
    number: int
    kind: str
    text: str
    section: str
    source: str
    week: int
    line: int
    choices: tuple[Choice, ...] = ()
    answer: str = ""
    tolerance: float = 0.0
    known_wrong: tuple[tuple[str, str], ...] = ()
    explanation: str = ""
    code: str = ""


@dataclass(frozen=True)
class Quiz:
    """A quiz: its name ("week01"), its title, and its questions in order."""

    name: str
    title: str
    path: Path
    questions: tuple[Question, ...]


@dataclass
class _Block:
    """The lines of one question, with the number of the first."""

    line: int
    number: int
    title: str
    lines: list[str] = field(default_factory=list)


def quiz_path(which: int | str) -> Path:
    """The file of week 6's quiz (6 or "week06"), or of a review ("review03"). Raises ValueError where there is none."""
    root = course_root()
    text = str(which).removeprefix("week")
    if text.isdecimal():
        found = sorted(root.glob(f"week{int(text):02d}_*/3_quiz.md"))
    else:
        found = [
            p
            for p in sorted((root / "quizzes").glob("*.md"))
            if p.stem == which and p.stem != "README"
        ]
    if not found:
        there = ", ".join([*all_quizzes(), "review"])
        raise ValueError(f"There is no quiz {which!r}. There are: {there}.")
    return found[0]


def all_quizzes() -> list[str]:
    """The names of the quizzes that are here, weeks first."""
    root = course_root()
    weeks = [p.parent.name[:6] for p in sorted(root.glob("week*/3_quiz.md"))]
    return weeks + [p.stem for p in sorted((root / "quizzes").glob("*.md")) if p.stem != "README"]


def load_quiz(which: int | str) -> Quiz:
    """The quiz of a week, or a review, read from its markdown."""
    return read_quiz(quiz_path(which))


def read_quiz(path: Path) -> Quiz:
    """A quiz from its file. Raises ValueError naming file and line where it is not written as it must be."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ValueError(f"There is no quiz file {path.name} in {path.parent.name}/.") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8 text ({error.reason} at byte {error.start})."
        ) from None
    name = path.parent.name[:6] if path.name == "3_quiz.md" else path.stem
    titles = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    if not titles:
        raise ValueError(f"{_at(path, 1)}: a quiz begins with a title, '# …'.")
    questions = tuple(_question(name, path, block) for block in _blocks(path, lines))
    if not questions:
        raise ValueError(f"{_at(path, 1)}: there is no question; one begins with '## 1. …'.")
    for expected, question in enumerate(questions, 1):
        if question.number != expected:
            raise ValueError(
                f"{_at(path, question.line)}: question {expected} is expected, not {question.number}."
            )
    return Quiz(name, titles[0], path, questions)


def _at(path: Path, line: int) -> str:
    return f"{path.parent.name}/{path.name}, line {line}"


def _blocks(path: Path, lines: list[str]) -> list[_Block]:
    """The questions' lines. A heading that is not quite one would silently take its question out of the quiz."""
    blocks: list[_Block] = []
    fence_opened = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            fence_opened = 0 if fence_opened else number
        heading = None if fence_opened else _HEADING.match(line)
        if heading:
            blocks.append(_Block(number, int(heading[1]), heading[2]))
        elif line.startswith("## ") and not fence_opened:
            raise ValueError(f"{_at(path, number)}: a question begins like '## 7. Why …?'.")
        elif blocks:
            blocks[-1].lines.append(line)
    if fence_opened:
        raise ValueError(f"{_at(path, fence_opened)}: the block that ``` opens here is not closed.")
    return blocks


def _question(quiz: str, path: Path, block: _Block) -> Question:
    def fail(what: str, line: int = block.line) -> ValueError:
        return ValueError(f"{_at(path, line)}: question {block.number} {what}.")

    body = [(block.line + 1 + i, text) for i, text in enumerate(block.lines)]
    body = [(n, t) for n, t in body if t.strip() or t == ""]
    about_line, about_text = next(((n, t) for n, t in body if t.strip()), (block.line, ""))
    about = _ABOUT.match(about_text.strip())
    if not about:
        raise fail(
            "has no line '*Kind · [section](notebook) · week N*' below its heading", about_line
        )
    kind, section, source, week = about.groups()
    kind = kind.strip()
    if kind not in KINDS:
        raise fail(f"is of the kind {kind!r}; it must be one of {', '.join(KINDS)}", about_line)
    opens = next((i for i, (_, t) in enumerate(body) if t.startswith("<details>")), None)
    closes = next((i for i, (_, t) in enumerate(body) if t.startswith("</details>")), None)
    if opens is None or closes is None or closes < opens:
        raise fail("has no answer folded in <details> … </details>")
    asked = _joined([t for n, t in body[:opens] if n != about_line])
    answered = _joined([t for _, t in body[opens + 1 : closes]])
    common = {
        "quiz": quiz,
        "number": block.number,
        "kind": kind,
        "section": section,
        "source": source,
        "week": int(week),
        "line": block.line,
    }
    stem = "\n".join([f"**{block.title}**", *(t for t in asked if not _CHOICE.match(t))]).strip()
    if kind in CHOICE_KINDS:
        return Question(text=stem, **common, **_choices(kind, asked, answered, fail))
    return Question(text=stem, **common, **_open_answer(kind, asked, answered, fail))


def _joined(lines: list[str]) -> list[str]:
    """Lines with each list item on one line, also where it is written over several."""
    joined: list[str] = []
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        item = joined and joined[-1].startswith("- ") and not fenced
        if item and line.startswith("  ") and line.strip():
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined


def _choices(kind: str, asked: list[str], answered: list[str], fail) -> dict:
    offered = {m[1]: m[2] for m in map(_CHOICE.match, asked) if m}
    explained = {m[1]: m[2] for m in map(_CHOICE.match, answered) if m}
    letters = [m[1] for m in map(_CHOICE.match, asked) if m]
    if letters != list("ABCDEFGH")[: len(letters)]:
        raise fail(f"names its choices {', '.join(letters)}; they must run A, B, C, …, each once")
    right_line = next((m[1] for m in map(_ANSWER.match, answered) if m), "")
    right = set(re.findall(r"[A-H]", right_line)) if _LETTERS.fullmatch(right_line) else set()
    if len(offered) < 3:
        raise fail(f"offers {len(offered)} choices ('- **A** …'); at least 3 are needed")
    if not right or not right <= set(offered):
        raise fail("does not name its right choices in a line like '**B**' inside <details>")
    if kind != "Several choices" and len(right) != 1:
        raise fail(f"has {len(right)} right choices; '{kind}' has one")
    missing = sorted(set(offered) - set(explained))
    if missing:
        raise fail(f"does not explain choice {', '.join(missing)} inside <details>")
    surplus = sorted(set(explained) - set(offered))
    if surplus:
        raise fail(f"explains choice {', '.join(surplus)}, which it does not offer")
    choices = tuple(
        Choice(letter, text, letter in right, explained[letter]) for letter, text in offered.items()
    )
    return {"choices": choices, "explanation": _prose(answered)}


def _open_answer(kind: str, asked: list[str], answered: list[str], fail) -> dict:
    known_wrong = tuple((m[1], m[2]) for m in map(_WRONG.match, answered) if m)
    found: dict = {"known_wrong": known_wrong, "explanation": _prose(answered)}
    if kind == "Explain":
        if not found["explanation"]:
            raise fail("has no model answer inside <details>")
        return found | {"answer": found["explanation"]}
    if kind == "What does it print":
        code, output = _fence(asked, "python"), _fence(answered, "text")
        if not code or not output:
            raise fail(
                "needs a ```python block in the question and a ```text block with its output in the answer"
            )
        return found | {"answer": output.strip(), "code": code}
    match = next((m for m in map(_ANSWER.match, answered) if m), None)
    try:
        number, tolerance = as_number(match[1]), float(match[2] or 0)  # type: ignore[index]
    except (TypeError, ValueError):
        raise fail("needs its number as '**0.731** ± 0.001' inside <details>") from None
    for wrong, _ in known_wrong:
        try:
            as_number(wrong)
        except ValueError:
            raise fail(f"explains the wrong answer `{wrong}`, which is no number") from None
    return found | {
        "answer": repr(number),
        "tolerance": tolerance,
        "code": _fence(answered, "python"),
    }


def as_number(text: str) -> float:
    """A number as people write it: "1,200", "0,25", "−3". Raises ValueError where it is none."""
    text = text.strip().replace("−", "-")
    thousands = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text)
    number = float(text.replace(",", "") if thousands else text.replace(",", "."))
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a finite number")
    return number


def _fence(lines: list[str], language: str) -> str:
    inside, found = False, []
    for line in lines:
        if line.startswith("```"):
            if inside:
                return "\n".join(found) + "\n"
            inside = line.strip() == f"```{language}"
        elif inside:
            found.append(line)
    return ""


def _prose(lines: list[str]) -> str:
    """The paragraphs of an answer that are neither its answer line, nor its lists, nor code."""
    kept, fenced = [], False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
            continue
        structure = _CHOICE.match(line) or _ANSWER.match(line) or _WRONG.match(line)
        if not fenced and not structure:
            kept.append(line)
    return "\n".join(kept).strip()
