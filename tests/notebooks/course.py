"""The notebooks of the repository, and how a proof changes and runs one. A new week is covered by being there."""

import inspect
import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat

from shared.exercises import find
from shared.lab.cell import exercises_in
from shared.lab.publish import read_notebook, run_notebook

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(ROOT.glob("week*/*.ipynb"))
GUIDED = [path for path in NOTEBOOKS if path.name.startswith("1_guided")]
CHALLENGES = [path for path in NOTEBOOKS if path.name.startswith("2_challenge")]
CELL_SECONDS = 120


def name_of(path: Path) -> str:
    """How a test's id names a notebook."""
    return f"{path.parent.name}/{path.stem}"


def exercise_names(notebook: nbformat.NotebookNode) -> list[str]:
    """The exercises that a notebook's cells define, in order."""
    return [
        name
        for cell in notebook.cells
        if cell.cell_type == "code"
        for name in exercises_in(cell.source)
    ]


def setup_index(notebook: nbformat.NotebookNode) -> int:
    """The place of the setup cell."""
    return next(
        i for i, c in enumerate(notebook.cells) if c.cell_type == "code" and "open_lab(" in c.source
    )


def with_answers(path: Path, answer: "callable") -> nbformat.NotebookNode:
    """The notebook with each exercise cell replaced by `answer(name)`."""
    notebook = read_notebook(path)
    for cell in notebook.cells:
        names = exercises_in(cell.source) if cell.cell_type == "code" else []
        if names:
            cell.source = answer(names[0])
    return notebook


def solved(name: str) -> str:
    """An exercise cell filled with the reference's source; its annotations are not evaluated."""
    source = inspect.getsource(find(name).reference)
    return f'from __future__ import annotations\n\n@exercise("{name}")\n{source}'


def wrong(name: str) -> str:
    """An exercise cell answered by one of its known mistakes; which, depends on the name, so that all kinds occur."""
    exercise = find(name)
    number = sum(name.encode()) % len(exercise.mistakes)
    return (
        "from shared.exercises import find\n"
        f'{exercise.piece} = exercise("{name}")(find("{name}").mistakes[{number}].wrong)'
    )


def wrong_mistake(name: str) -> str:
    """The name of the mistake that `wrong` gives."""
    mistakes = find(name).mistakes
    return mistakes[sum(name.encode()) % len(mistakes)].name


def run(
    notebook: nbformat.NotebookNode, folder: Path, work: Path, **environment: str
) -> list[dict]:
    """Runs a notebook with its own my_work/, and returns the events of its journal. A failing cell raises."""
    run_notebook(
        notebook, folder, {"BUMBLEBEE_WORK": str(work), **environment}, timeout=CELL_SECONDS
    )
    journal = work / "journal.jsonl"
    return (
        [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
        if journal.exists()
        else []
    )


def copy_as_repository(target: Path) -> Path:
    """A git repository that holds the working tree as it is, for the Colab stand-in to clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
    git = [
        "git",
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "-c",
        "commit.gpgsign=false",
    ]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it is"]):
        subprocess.run(
            [*git, *command],
            cwd=target,
            check=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        )
    return target
