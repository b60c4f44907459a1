"""Every exercise of the course: references and other right answers pass, every known mistake is caught and named."""

import pytest

from shared.exercises import find, names
from shared.lab.diagnosis import examine

EXERCISES = [find(name) for name in names()]
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]
RIGHT = [(e, a) for e in EXERCISES for a in (e.reference, *e.alternatives)]


def _id(value):
    return getattr(value, "name", None) or getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=_id)
def test_right_answers_pass(exercise, answer):
    verdict = examine(exercise, answer)
    assert verdict.passed, f"{verdict.why}\n{verdict.beside}"


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=_id)
def test_known_mistake_is_named_as_itself(exercise, mistake):
    verdict = examine(exercise, mistake.wrong)
    assert not verdict.passed, "the checks let this mistake through"
    assert verdict.mistake is not None, f"caught, but not named: {verdict.why}"
    assert verdict.mistake.name == mistake.name
    assert verdict.beside, "the answer and what was expected are not shown"


@pytest.mark.parametrize("exercise", EXERCISES, ids=_id)
def test_exercise_is_complete(exercise):
    assert len(exercise.mistakes) >= 5
    assert len(exercise.hints) == 3, "a question, the idea, the line"
    assert exercise.alternatives, "a right answer written differently is missing"
    assert len({m.name for m in exercise.mistakes}) == len(exercise.mistakes)
    for mistake in exercise.mistakes:
        assert mistake.section, f"{mistake.name} points to no section"
        assert mistake.why.endswith("."), f"{mistake.name}: a sentence ends in a full stop"
        assert 30 <= len(mistake.why) <= 260, (
            f"{mistake.name}: one sentence, not {len(mistake.why)} characters"
        )
