"""The classroom: opens a notebook, checks and explains exercises, keeps the learner's work, takes quizzes.

It knows nothing about models: what an exercise is checked against stands in `shared.exercises`.
"""

from shared.lab.carry import part, parts_table, whose
from shared.lab.exercise import exercise, hint, solution
from shared.lab.parcel import export_work, import_work
from shared.lab.predict import reveal
from shared.lab.progress_table import progress, set_confidence
from shared.lab.quiz_widget import take_quiz
from shared.lab.session import Lab, open_lab

__all__ = [
    "Lab",
    "exercise",
    "export_work",
    "hint",
    "import_work",
    "open_lab",
    "part",
    "parts_table",
    "progress",
    "reveal",
    "set_confidence",
    "solution",
    "take_quiz",
    "whose",
]
