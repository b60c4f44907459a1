"""What is kept under `my_work/`: alone importable, whole whatever happens, and never trusted unseen."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import shared
from conftest import SIGMOID, Notebook
from shared.exercises import find
from shared.files import write_whole
from shared.lab import part, parts_table, whose
from shared.lab.carry import file_of
from shared.nn import mlp

ROOT = Path(__file__).resolve().parents[2]
BODY = (
    "    value = 1 / (1 + torch.exp(-x))\n    return value * (1 - value) if derivative else value\n"
)


def sigmoid_with(before: str = "", inside: str = "", value: str = "1 / (1 + torch.exp(-x))") -> str:
    """A cell with a right sigmoid: text before it, lines inside it, its value."""
    return (
        f'{before}@exercise("mlp.sigmoid")\ndef sigmoid(x, derivative=False):\n{inside}    value = {value}\n'
        "    return value * (1 - value) if derivative else value\n"
    )


def alone(path: Path) -> float:
    """What the kept sigmoid says to 0 in a Python that has never seen the notebook."""
    code = (
        "import importlib.util, torch\n"
        f"spec = importlib.util.spec_from_file_location('kept', {str(path)!r})\n"
        "kept = importlib.util.module_from_spec(spec); spec.loader.exec_module(kept)\n"
        "print(kept.sigmoid(torch.zeros(1)).item())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


# --- what a piece needs comes along ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("earlier_cell", "cell", "carried"),
    [
        ("one = 1.0", sigmoid_with(value="one / (one + torch.exp(-x))"), "one = 1.0"),
        ("far = float('inf')", sigmoid_with(value="torch.sigmoid(x.clamp(max=far))"), 'far = float("inf")'),
        ("table = {'one': [1, float('nan')]}", sigmoid_with(value="table['one'][0] / (1 + torch.exp(-x))"),
         "table = {'one': [1, float(\"nan\")]}"),
        ("def up(x):\n    return torch.exp(x)", sigmoid_with(value="1 / (1 + up(-x))"), "def up(x):"),
        ("scale = 1\ndef up(x):\n    return scale * torch.exp(x)\ndef down(x):\n    return up(-x)",
         sigmoid_with(value="1 / (1 + down(x))"), "scale = 1\n\n\ndef up(x):"),
        ("", sigmoid_with("def up(x):\n    return torch.exp(x)\n", value="1 / (1 + up(-x))"), "def up(x):"),
        ("def up(x):\n    return torch.exp(x)\nalias = up", sigmoid_with(value="1 / (1 + alias(-x))"), "alias = up"),
        ("class Up:\n    def __call__(self, x):\n        return torch.exp(x)",
         sigmoid_with(value="1 / (1 + Up()(-x))"), "class Up:"),
        ("from dataclasses import dataclass\n@dataclass\nclass Options:\n    scale: float = 1.0",
         sigmoid_with(value="1 / (1 + torch.exp(-Options().scale * x))"), "@dataclass\nclass Options:"),
        ("import functools\n@functools.lru_cache\ndef one():\n    return 1",
         sigmoid_with(value="one() / (1 + torch.exp(-x))"), "@functools.lru_cache\ndef one():"),
        ("from torch import *", sigmoid_with(value="1 / (1 + exp(-x))"), "from torch import exp"),
        ("from torch import *\nfrom torch import sum", sigmoid_with(value="sum(stack([1 / (1 + exp(-x))]), dim=0)"),
         "from torch import sum"),
        ("import torch.nn.functional as F", sigmoid_with(value="F.sigmoid(x)"), "import torch.nn.functional as F"),
        ("from torch import sigmoid as ready", sigmoid_with(value="ready(x)"), "from torch import sigmoid as ready"),
        ("import math", sigmoid_with(value="math.exp(0) / (1 + torch.exp(-x))"), "import math"),
        ("", sigmoid_with(inside="    def up(x, e=torch.exp):\n        return (lambda y: e(y))(x)\n",
                          value="1 / (1 + up(-x))"), "def up(x, e=torch.exp):"),
        ("from typing import Any", SIGMOID.replace("(x,", "(x: Any,"), "x: Any"),
        ("", SIGMOID.replace("\ndef", "\n@torch.enable_grad()\ndef"), "@torch.enable_grad()\ndef sigmoid"),
        ("", SIGMOID + "\nprint(sigmoid(torch.zeros(1)))\n", "def sigmoid"),
        ("open = 3", sigmoid_with(inside="    max(1, abs(-2)); print\n"), "max(1, abs(-2))"),
    ],
)  # fmt: skip
def test_needs_come_along(notebook: Notebook, earlier_cell: str, cell: str, carried: str) -> None:
    notebook.run(earlier_cell)
    shown = " ".join(notebook.run(cell).split())
    assert "Kept in `my_work/mlp/sigmoid.py`" in shown, shown
    assert carried in notebook.kept()


def test_kept_file_is_importable_by_plain_python(notebook: Notebook) -> None:
    notebook.run("half = 0.5\ndef up(x):\n    return torch.exp(x)")
    notebook.run(sigmoid_with(value="2 * half / (1 + up(-x))"))
    path = notebook.folder / "mlp" / "sigmoid.py"
    assert alone(path) == 0.5
    head = path.read_text("utf-8").splitlines()[0]
    assert head.startswith("# mlp.sigmoid, written by you, passed ")
    assert head.endswith(f"course {shared.__version__}.")


def test_decorator_above_exercise_is_no_part_of_what_passed(notebook: Notebook) -> None:
    notebook.run("def twice(f):\n    return lambda *a, **k: 2 * f(*a, **k)")
    notebook.run(SIGMOID.replace("@exercise", "@twice\n@exercise", 1))
    assert "twice" not in notebook.kept()


def test_class_with_a_lambda_and_another_piece(notebook: Notebook, forgetful) -> None:
    notebook.run(
        '@exercise("mlp.relu")\ndef relu(x, derivative=False):\n'
        "    return (x > 0).to(x.dtype) if derivative else torch.clamp(x, min=0)\n"
    )
    shown = notebook.run(
        '@exercise("mlp.MLP")\nclass MLP(nn.Module):\n'
        "    bound = staticmethod(lambda d: d ** -0.5)\n\n"
        "    def __init__(self, sizes, activation=relu):\n"
        "        super().__init__()\n"
        "        self.activation = activation\n"
        "        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))\n\n"
        "    def forward(self, x):\n"
        "        *front, last = self.layers\n"
        "        for layer in front:\n"
        "            x = self.activation(layer(x))\n"
        "        return last(x)\n"
    )
    assert "✓ mlp.MLP" in shown
    kept = notebook.kept("mlp.MLP")
    assert 'relu = part("mlp.relu")' in kept
    assert "import torch.nn as nn" in kept
    forgetful()
    assert part("mlp.MLP") is not mlp.MLP
    assert part("mlp.MLP")((2, 3, 1))(torch.zeros(4, 2)).shape == (4, 1)


@pytest.mark.parametrize(
    ("earlier_cell", "value", "name"),
    [
        ("points = torch.zeros(1)", "torch.sigmoid(x) + points", "`points` (a Tensor)"),
        ("bend = nn.Sigmoid()", "bend(x)", "`bend` (a Sigmoid)"),
        ("bend = lambda x: torch.sigmoid(x)", "bend(x)", "`bend` (a function)"),
        (
            "def bend(x):\n    return torch.sigmoid(x) + points\npoints = torch.zeros(1)",
            "bend(x)",
            "`points` (a Tensor)",
        ),
    ],
)
def test_what_cannot_be_carried_is_named(
    notebook: Notebook, forgetful, earlier_cell: str, value: str, name: str
) -> None:
    notebook.run(earlier_cell)
    shown = " ".join(notebook.run(sigmoid_with(value=value)).split())
    assert shown.startswith("✓ mlp.sigmoid: right.")
    assert (
        f"cannot be carried to later weeks: it uses {name}, which is defined outside it: move it inside"
        in shown
    )
    assert "inside `sigmoid`." in shown
    assert notebook.kept() is None
    assert whose("mlp.sigmoid") == "yours", "in this session it is"
    forgetful()
    assert whose("mlp.sigmoid") == "reference"


def test_what_fails_alone_is_not_kept(notebook: Notebook) -> None:
    """It takes what it needs from the notebook in a way that its source does not show."""
    notebook.run("globals()['up'] = torch.exp")
    shown = " ".join(notebook.run(sigmoid_with(value="1 / (1 + globals()['up'](-x))")).split())
    assert "✓ mlp.sigmoid: right." in shown
    assert (
        "cannot be carried to later weeks: on its own it fails: it raises KeyError: 'up'" in shown
    )
    assert notebook.kept() is None


def test_another_name_than_the_exercise(notebook: Notebook) -> None:
    notebook.run(SIGMOID.replace("def sigmoid", "def squash"))
    assert "sigmoid = squash" in notebook.kept()
    assert part("mlp.sigmoid")(torch.zeros(1)).item() == 0.5


# --- what is found there is looked at again -------------------------------------------------------


def put(text: str, name: str = "mlp.sigmoid") -> Path:
    path = file_of(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


RIGHT_FILE = "import torch\n\n\ndef sigmoid(x, derivative=False):\n" + BODY


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def sigmoid(x:\n", "SyntaxError"),
        ("", "it defines no `sigmoid`."),
        ("def squash(x): ...", "it defines no `sigmoid`."),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        (RIGHT_FILE.replace("(-x)", "(x)"), "e^x stands where e^-x belongs"),
        ("import sys\nsys.exit()", "SystemExit"),
        ("sigmoid = 3", "TypeError"),
        (RIGHT_FILE.replace("x, derivative=False", "x"), "name 'derivative' is not defined"),
    ],
)
def test_piece_that_no_longer_passes(
    my_work: Path, forgetful, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    path = put(text)
    assert part("mlp.sigmoid") is mlp.sigmoid
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("○ mlp.sigmoid: your my_work/mlp/sigmoid.py does not pass its checks: ")
    assert why in shown
    assert shown.endswith("The file stays; the reference steps in.")
    assert path.read_text("utf-8") == text
    part("mlp.sigmoid")
    assert capsys.readouterr().out == "", "said once, not each time"
    put(RIGHT_FILE)
    assert part("mlp.sigmoid") is not mlp.sigmoid, "a mended file is seen at once"


def test_piece_that_never_ends(my_work: Path, forgetful, monkeypatch, capsys) -> None:
    import dataclasses

    spec = dataclasses.replace(find("mlp.sigmoid"), seconds=0.3)
    monkeypatch.setattr("shared.lab.carry.find", lambda name: spec)
    put("while True: pass")
    started = time.monotonic()
    assert part("mlp.sigmoid") is mlp.sigmoid
    assert time.monotonic() - started < 2
    assert "TookTooLong: still running after 0.3 s" in " ".join(capsys.readouterr().out.split())


def test_older_version_of_the_course_is_named(my_work: Path, forgetful, capsys) -> None:
    put("# mlp.sigmoid, written by you, passed 2025-01-01, course 0.0.9.\nsigmoid = abs\n")
    part("mlp.sigmoid")
    assert "your my_work/mlp/sigmoid.py (kept by course 0.0.9) does not pass" in " ".join(
        capsys.readouterr().out.split()
    )


def test_older_version_that_still_passes_is_yours(my_work: Path, forgetful, capsys) -> None:
    put("# mlp.sigmoid, written by you, passed 2025-01-01, course 0.0.9.\n" + RIGHT_FILE)
    assert part("mlp.sigmoid", quietly=False) is not mlp.sigmoid
    assert "✓ mlp.sigmoid: yours, from my_work/mlp/sigmoid.py" in capsys.readouterr().out


def test_unknown_files_are_left_alone(my_work: Path, forgetful) -> None:
    put(RIGHT_FILE)
    others = [
        my_work / "mlp" / "gone.py",
        my_work / "notes.txt",
        my_work / "old" / "thing.py",
        my_work / "a.py",
    ]
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text("mine", encoding="utf-8")
    assert whose("mlp.sigmoid") == "yours"
    assert ("mlp.sigmoid", "yours", "my_work/mlp/sigmoid.py") in parts_table()
    assert ("mlp.relu", "reference", "") in parts_table()
    assert all(other.read_text("utf-8") == "mine" for other in others)


def test_not_utf_8(my_work: Path, forgetful, capsys) -> None:
    path = put("")
    path.write_bytes(b"# caf\xe9\n")
    assert part("mlp.sigmoid") is mlp.sigmoid
    assert "it cannot be read" in capsys.readouterr().out


def test_sentence_when_asked(my_work: Path, forgetful, capsys) -> None:
    part("mlp.sigmoid", quietly=False)
    assert "the reference: you have not solved this exercise yet" in " ".join(
        capsys.readouterr().out.split()
    )


# --- a folder that cannot be written --------------------------------------------------------------


def test_my_work_is_a_file(notebook: Notebook) -> None:
    notebook.folder.write_text("not a folder", encoding="utf-8")
    shown = " ".join(notebook.run(SIGMOID).split())
    assert "✓ mlp.sigmoid: right." in shown
    assert "`my_work/` cannot be written (" in shown
    assert "it lives until this kernel stops." in shown
    assert "Errno" not in shown
    assert part("mlp.sigmoid") is notebook.names["sigmoid"]
    assert ("mlp.sigmoid", "yours", "") in parts_table()
    assert notebook.folder.read_text("utf-8") == "not a folder"
    notebook.folder.unlink()
    assert "Kept in" in " ".join(notebook.run(SIGMOID).split()), "and is kept once it can be"


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere, and Windows has no modes"
)
def test_my_work_without_permission(notebook: Notebook) -> None:
    notebook.folder.mkdir()
    notebook.folder.chmod(0o500)
    try:
        shown = " ".join(notebook.run(SIGMOID).split())
    finally:
        notebook.folder.chmod(0o700)
    assert "`my_work/` cannot be written (Permission denied)" in shown


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
def test_my_work_of_somebody_else(tmp_path: Path) -> None:
    """As root the modes do not hold; so a child becomes `nobody` once everything is imported."""
    for name, mode in (("read", 0o555), ("closed", 0o000)):
        (tmp_path / name / "my_work" / "mlp").mkdir(parents=True)
        (tmp_path / name / "my_work").chmod(mode)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.is_relative_to("/tmp/pytest-of-root"):
            parent.chmod(0o755)
    code = (
        "import os, sys\nfrom shared.exercises import find\nfrom shared.lab import exercise, part, progress\n"
        "right = find('mlp.sigmoid').reference\nos.setuid(65534)\n"
        "for name in ('read', 'closed'):\n"
        "    os.environ['BUMBLEBEE_WORK'] = f'{sys.argv[1]}/{name}/my_work'\n"
        "    answer = exercise('mlp.sigmoid')(right)\n"
        "    assert part('mlp.sigmoid') is answer\n"
        "    progress(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    (tmp_path / "closed" / "my_work").chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert (
        " ".join(done.stdout.split()).count("`my_work/` cannot be written (Permission denied)") == 2
    )


# --- killed, or two at once -----------------------------------------------------------------------

# Only the two modules that write, without torch and the rest of the package: so a child starts at once.
WRITERS_START = """
import itertools, sys, types
for name in ("shared", "shared.lab"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [name.replace(".", "/")]
from pathlib import Path
from shared import files
from shared.lab import journal
target = Path(sys.argv[1]) / "mlp" / "sigmoid.py"
"""


def start_writer(folder: Path, code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITERS_START + code, str(folder), *arguments],
        cwd=ROOT,
        env={**os.environ, "BUMBLEBEE_WORK": str(folder)},
        stdout=subprocess.PIPE,
    )


def test_killed_while_writing(my_work: Path) -> None:
    """Never half a file; the journal stays readable, and takes the next line."""
    from shared.lab import journal

    endless = (
        "for i in itertools.count():\n"
        "    files.write_whole(target, f'# {i}\\n' * 20_000)\n"
        "    journal.note('exercise', name='mlp.sigmoid', outcome='passed', text='x' * 5_000)\n"
        "    if i == 0: print('ready', flush=True)\n"
    )
    chance = random.Random(1)
    for _ in range(8):
        writer = start_writer(my_work, endless)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.25))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        lines = (my_work / "mlp" / "sigmoid.py").read_text("utf-8").splitlines()
        assert len(lines) == 20_000
        assert len(set(lines)) == 1
        assert all(len(e["text"]) == 5_000 for e in journal.events("exercise"))
    before = len(journal.events())
    assert before > 0
    assert journal.note("guess", guess=1)
    assert len(journal.events()) == before + 1


def test_two_at_once(my_work: Path) -> None:
    """Two kernels that write the same piece and the same journal: each file is whole, no event is lost."""
    from shared.lab import journal

    code = (
        "for i in range(100):\n"
        "    files.write_whole(target, (sys.argv[2] + '\\n') * 5000)\n"
        "    journal.note('quiz', who=sys.argv[2], number=i)\n"
    )
    both = [start_writer(my_work, code, who) for who in "ab"]
    target = my_work / "mlp" / "sigmoid.py"
    while any(process.poll() is None for process in both):
        if target.exists():
            assert target.read_text("utf-8") in ("a\n" * 5000, "b\n" * 5000)
        time.sleep(0.005)
    assert [process.returncode for process in both] == [0, 0]
    events = journal.events("quiz")
    assert {(e["who"], e["number"]) for e in events} == {
        (who, i) for who in "ab" for i in range(100)
    }
    assert not list(my_work.rglob("*.part"))


def test_what_a_killed_writer_left_is_swept_later(tmp_path: Path) -> None:
    old, new = tmp_path / ".a.py.00.part", tmp_path / ".a.py.11.part"
    for left in (old, new):
        left.write_text("half")
    os.utime(old, (0, 0))
    write_whole(tmp_path / "a.py", "whole")
    assert not old.exists()
    assert new.exists(), "its writer may still be at it"


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk is full"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_interrupted_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.py", "new")
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT)
