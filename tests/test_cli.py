"""The command `bumblebee`: what it prints, and one sentence on stderr with exit code 2 for each thing done wrong."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from shared import cli
from shared.lab import journal

ROOT = Path(__file__).resolve().parents[1]
SIGMOID = (
    "import torch\nfrom shared.lab import exercise\n\n"
    '@exercise("mlp.sigmoid")\ndef sigmoid(x, derivative=False):\n    value = 1 / (1 + torch.exp(-x))\n'
    "    return value * (1 - value) if derivative else value\n"
)


@pytest.fixture
def bumblebee(my_work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function that runs the command in this process: its exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERMINAL_WIDTH", "160")
    monkeypatch.setattr(cli.console, "_width", 160)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bumblebee", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(bool(stopped.code))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def a_notebook(path: Path, *cells: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells]), path
    )
    return path


def assert_one_sentence(code: int, out: str, err: str) -> None:
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err
    assert err.strip().endswith((".", "loading)."))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["quiz", "77"], "There is no quiz '77'. There are: week01"),
        (["quiz", "[/nothing]"], "There is no quiz '[/nothing]'"),
        (["progress", "--sure", "mlp.sigmod", "3"], "There is no piece 'mlp.sigmod'"),
        (["progress", "--sure", "mlp.sigmoid", "9"], "confidence is 9; it must be 1"),
        (["progress", "--notes", "hard"], "--notes belongs to a piece: give --sure"),
        (["work", "export"], "There is no work to export yet"),
        (["work", "import", "gone.zip"], "There is no file 'gone.zip' here"),
    ],
)
def test_mistakes_of_the_user(
    bumblebee, tmp_path: Path, monkeypatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bumblebee(*arguments)
    assert_one_sentence(code, out, err)
    assert says in err


def test_malformed_quiz(bumblebee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "week01_x").mkdir()
    (tmp_path / "week01_x" / "3_quiz.md").write_text("# Quiz\n\n## 1. What?\n\nNothing.\n")
    monkeypatch.setattr("shared.lab.quizzes.course_root", lambda: tmp_path)
    code, out, err = bumblebee("quiz", "1")
    assert_one_sentence(code, out, err)
    assert err.startswith("week01_x/3_quiz.md, line 5: question 1 has no line '*Kind")


@pytest.mark.parametrize(
    "arguments", [["dance"], ["quiz"], ["grade"], ["progress", "--sure", "mlp.sigmoid"]]
)
def test_usage(bumblebee, arguments: list[str]) -> None:
    code, _, err = bumblebee(*arguments)
    assert code == 2
    assert "Traceback" not in err
    assert "Usage" in err or "Error" in err


def test_help_names_every_command(bumblebee) -> None:
    code, out, _ = bumblebee("--help")
    assert code == 0
    for command in ("quiz", "progress", "grade", "publish", "work", "doctor"):
        assert command in out


def test_progress(bumblebee) -> None:
    code, out, _ = bumblebee(
        "progress", "1", "--sure", "mlp.sigmoid", "4", "--notes", "x[i] was hard [/b]"
    )
    assert code == 0
    assert "mlp.sigmoid" in out
    assert "x[i] was hard [/b]" in out
    assert journal.events("confidence")[0]["confidence"] == 4
    assert "to review today" not in out


def test_progress_names_what_is_due_and_writes_markdown(bumblebee, tmp_path: Path) -> None:
    journal.note("quiz", quiz="week01", question=3, right=False)
    path = tmp_path / "progress.md"
    code, out, _ = bumblebee("progress", "1", "--markdown", path)
    assert code == 0
    assert "week 1: 0 of" in out
    assert "1 question to review today: bumblebee quiz review" in out
    assert "| 1 | quiz week01 | ◐ begun |" in path.read_text(encoding="utf-8")


def test_review_with_nothing_missed(bumblebee) -> None:
    code, out, err = bumblebee("quiz", "review")
    assert (code, err) == (0, "")
    assert "Nothing to review yet" in out


def test_work_goes_out_and_comes_back(
    bumblebee, my_work: Path, tmp_path: Path, monkeypatch
) -> None:
    piece = my_work / "mlp" / "sigmoid.py"
    piece.parent.mkdir(parents=True)
    piece.write_text(SIGMOID.replace('@exercise("mlp.sigmoid")\n', ""))
    archive = tmp_path / "w.zip"
    assert bumblebee("work", "export", archive)[0] == 0
    monkeypatch.setenv("BUMBLEBEE_WORK", str(tmp_path / "other"))
    code, out, _ = bumblebee("work", "import", archive)
    assert code == 0
    assert "1 piece is yours again" in out


def test_grade(bumblebee, tmp_path: Path) -> None:
    """Two notebooks of the same name are told apart; what is no notebook is named, and the others still count."""
    ann = a_notebook(tmp_path / "ann" / "1.ipynb", SIGMOID)
    bob = a_notebook(tmp_path / "bob" / "1.ipynb", SIGMOID.replace("1 / (1 +", "x[9] + 1 / (1 +"))
    bad = tmp_path / "bad.ipynb"
    bad.write_text("{")
    table = tmp_path / "grades.csv"
    code, out, err = bumblebee("grade", ann, bob, bad, "--csv", table)
    assert code == 1
    assert "bad.ipynb is not a readable notebook" in err
    assert "ann/1.ipynb: 1 of 1 passed" in out
    assert "bob/1.ipynb: 0 of 1 passed" in out
    assert "x[9]" in out, "brackets in a diagnosis are no markup"
    with open(table, encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(r["notebook"], r["exercise"], r["outcome"]) for r in found] == [
        ("ann/1.ipynb", "mlp.sigmoid", "passed"),
        ("bob/1.ipynb", "mlp.sigmoid", "wrong"),
    ]
    assert found[1]["why"].startswith("it raises IndexError")


def test_publish(bumblebee, tmp_path: Path) -> None:
    """A notebook that fails is left as it was, and does not keep the others from being published."""
    bad, good = (
        a_notebook(tmp_path / "bad.ipynb", "1 / 0"),
        a_notebook(tmp_path / "good.ipynb", "print('[/x] fine')"),
    )
    before = bad.read_bytes()
    code, out, err = bumblebee("publish", bad, good, "--profile", "smoke")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert f"{tmp_path.name}/bad.ipynb: left as it was" in out.replace("\n", "")
    assert f"{tmp_path.name}/good.ipynb: ready" in out.replace("\n", "")
    assert bad.read_bytes() == before
    assert "[/x] fine" in good.read_text()
    code, _, err = bumblebee("publish", good, "--profile", "fast")
    assert code == 1
    assert "profile is 'fast'; it must be one of smoke, laptop, gpu." in err


def test_doctor(bumblebee, my_work: Path) -> None:
    code, out, _ = bumblebee("doctor")
    assert code == 0
    assert "torch" in out
    my_work.rmdir()
    my_work.write_text("a file")
    code, out, _ = bumblebee("doctor")
    assert code == 1
    assert "cannot be written" in out


def test_old_windows_terminal(my_work: Path) -> None:
    """On a stream that knows only cp1252 the command shows what it can, and does not fail."""
    code = (
        "import sys\nfrom shared import cli\n"
        "for arguments in (['doctor'], ['progress', '1'], ['quiz', '77'], ['quiz', '1']):\n"
        "    sys.argv = ['bumblebee', *arguments]\n"
        "    try:\n        cli.main()\n"
        "    except SystemExit as stopped:\n        print('exit', arguments[0], stopped.code)\n"
        "from shared.lab import hint\nhint('mlp.sigmoid')\n"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252:strict", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, input=b""
    )
    shown, errors = done.stdout.decode("cp1252"), done.stderr.decode("cp1252")
    assert done.returncode == 0, errors
    assert "exit doctor 0" in shown
    assert "exit progress 0" in shown
    assert "mlp.sigmoid" in shown
    assert "exit quiz 2" in shown
    assert "There is no quiz '77'" in errors
    assert "Stopped here" in shown
    assert "? mlp.sigmoid: hint 1 of 3" in shown
    assert "Traceback" not in errors
