"""STUDY_GUIDE.md agrees with the weeks: their days' minutes, the sections it names, the files it links to."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from shared.lab.quizzes import all_quizzes

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "STUDY_GUIDE.md").read_text(encoding="utf-8")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = re.compile(rf"^\| ({'|'.join(DAYS)}) \| (.+) \| ([^|]+) \|$", re.MULTILINE)
WEEKS = sorted(int(p.parent.name[4:6]) for p in ROOT.glob("week*/README.md"))
each_week = pytest.mark.parametrize("week", WEEKS)


def days_of(text: str) -> dict[str, tuple[str, str]]:
    """What is done on each day, and how long it takes, as a table of days says it."""
    return {day: (what, minutes.strip()) for day, what, minutes in _DAY.findall(text)}


def guide_of(week: int) -> dict[str, tuple[str, str]]:
    parts = re.split(r"^##+ ", GUIDE, flags=re.MULTILINE)
    (own,) = (part for part in parts if part.startswith(f"Week {week} ·"))
    return days_of(own)


@cache
def headings(week: int) -> set[str]:
    found = set()
    for path in ROOT.glob(f"week{week:02d}_*/*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                found |= set(re.findall(r"^#{2,6} +(.+?)\s*$", cell.source, re.MULTILINE))
    return found


@each_week
def test_days_take_what_the_week_says(week: int) -> None:
    (readme,) = ROOT.glob(f"week{week:02d}_*/README.md")
    said = days_of(readme.read_text(encoding="utf-8"))
    assert list(said) == list(DAYS)
    here = {day: minutes for day, (_, minutes) in guide_of(week).items()}
    assert here == {day: minutes for day, (_, minutes) in said.items()}


@each_week
def test_sections_are_there(week: int) -> None:
    for day, (what, _) in guide_of(week).items():
        for section in re.findall(r"\*([^*]+)\*", what):
            assert section in headings(week), f"week {week}, {day}: no section “{section}”"


def test_sections_named_elsewhere_are_there() -> None:
    anywhere = set().union(*(headings(week) for week in WEEKS))
    fast = GUIDE.split("## Four weeks", 1)[1].split("### Questions", 1)[0]
    rows = [line for line in fast.splitlines() if line.startswith("| ")]
    for section in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", "\n".join(rows)):
        assert section in anywhere, section


def test_links_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (ROOT / target).is_file(), target


def test_quizzes_are_there() -> None:
    known = {"review", *all_quizzes(), *(name.removeprefix("week0") for name in all_quizzes())}
    for name in re.findall(r"bumblebee quiz (\w+)", GUIDE):
        not_yet = name.isdecimal() and int(name) not in WEEKS
        assert not_yet or name in known, name


def test_papers_are_named_once() -> None:
    ids = re.findall(r"\]\(https://arxiv\.org/abs/([^)]+)\)", GUIDE)
    assert len(ids) >= 40
    assert all(re.fullmatch(r"\d{4}\.\d{4,5}", one) for one in ids)
    assert len(set(ids)) == len(ids)
