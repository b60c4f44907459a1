"""What CI proves of each notebook beside running it as it is (nbval does that): solved, wrong, alone."""

import sys
from pathlib import Path

import nbformat
import pytest
from course import (
    GUIDED,
    NOTEBOOKS,
    copy_as_repository,
    exercise_names,
    name_of,
    run,
    setup_index,
    solved,
    with_answers,
    wrong,
    wrong_mistake,
)

from shared.lab.publish import read_notebook

with_exercises = pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if exercise_names(read_notebook(p))], ids=name_of
)


@with_exercises
def test_solved(path: Path, tmp_path: Path) -> None:
    """Every exercise answered by the reference's source, from the cell: all checks pass, all work is kept."""
    notebook = with_answers(path, solved)
    events = run(notebook, path.parent, tmp_path)
    outcomes = {e["name"]: e["outcome"] for e in events if e["kind"] == "exercise"}
    assert outcomes == dict.fromkeys(exercise_names(notebook), "passed")
    for name in outcomes:
        assert (tmp_path / f"{name.replace('.', '/')}.py").is_file(), (
            f"{name} passed and was not kept"
        )


@with_exercises
def test_wrong(path: Path, tmp_path: Path) -> None:
    """Every exercise answered by a known mistake: each is named, and the notebook goes on to its end."""
    names = exercise_names(read_notebook(path))
    events = run(with_answers(path, wrong), path.parent, tmp_path)
    named = {e["name"]: e["mistake"] for e in events if e["kind"] == "exercise"}
    assert named == {name: wrong_mistake(name) for name in names}


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    return copy_as_repository(tmp_path_factory.mktemp("repository")).as_uri()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_alone(path: Path, tmp_path: Path, repository: str) -> None:
    """In an empty folder of a stand-in for Colab the setup cell fetches the course; a guided notebook runs whole."""
    notebook = read_notebook(path)
    if path not in GUIDED:
        notebook.cells = notebook.cells[: setup_index(notebook) + 1]
    # With a spec, as the real one has: libraries look for it (accelerate asks importlib).
    colab = (
        "import importlib.machinery, sys, types\n"
        "sys.modules['google.colab'] = types.ModuleType('google.colab')\n"
        "sys.modules['google.colab'].__spec__ = importlib.machinery.ModuleSpec('google.colab', None)"
    )
    fetched = (
        "import shared, pathlib\n"
        "assert pathlib.Path(shared.__file__).resolve().is_relative_to(pathlib.Path.cwd().resolve()), shared.__file__"
    )
    notebook.cells.insert(0, nbformat.v4.new_code_cell(colab))
    notebook.cells.append(nbformat.v4.new_code_cell(fetched))
    run(notebook, tmp_path, tmp_path / "my_work", BUMBLEBEE_REPO=repository)
    assert (tmp_path / "bumblebee" / "shared").is_dir()


def test_network_is_closed(tmp_path: Path) -> None:
    """The notebooks of these proofs can reach nothing but this machine."""
    code = (
        "import urllib.request, urllib.error\n"
        "try:\n"
        "    urllib.request.urlopen('https://example.org', timeout=5)\n"
        "except urllib.error.URLError as error:\n"
        "    assert 'closed in tests' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('the network is open')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    run(notebook, tmp_path, tmp_path)
    assert sys.modules["sitecustomize"].__file__
