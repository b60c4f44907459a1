"""The table of what is done, and the check of this machine."""

import importlib.metadata
from pathlib import Path

import pytest

from shared.lab import export_work, import_work, journal, progress, set_confidence
from shared.lab.carry import file_of
from shared.lab.doctor import examine_machine
from shared.lab.predict import reveal
from shared.lab.progress_table import Row, as_markdown, rows

RIGHT = (
    "import torch\n\n\ndef sigmoid(x, derivative=False):\n    value = 1 / (1 + torch.exp(-x))\n"
    "    return value * (1 - value) if derivative else value\n"
)


def row(piece: str) -> Row:
    return next(row for row in rows() if row.piece == piece)


def test_nothing_done(my_work: Path, forgetful) -> None:
    assert row("mlp.sigmoid") == Row(1, "mlp.sigmoid", "", "", 0, "")
    assert row("quiz week01").status == ""
    assert row("quiz week01").detail == "0 of 16 right"
    assert [r.week for r in rows()] == sorted(r.week for r in rows())


def test_begun_and_done(my_work: Path, forgetful) -> None:
    journal.note(
        "exercise", name="mlp.sigmoid", outcome="wrong", mistake="sigmoid_with_the_sign_flipped"
    )
    journal.note("exercise", name="mlp.relu", outcome="wrong", mistake=None)
    found = row("mlp.sigmoid")
    assert (found.status, found.tries, found.detail) == (
        "begun",
        1,
        "sigmoid with the sign flipped",
    )
    assert found.date == journal.events()[0]["time"][:10]
    assert row("mlp.relu").detail == ""
    path = file_of("mlp.sigmoid")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RIGHT)
    journal.note("exercise", name="mlp.sigmoid", outcome="passed")
    found = row("mlp.sigmoid")
    assert (found.status, found.tries, found.detail) == ("done", 2, "")


def test_quiz(my_work: Path) -> None:
    for number in range(1, 17):
        journal.note("quiz", quiz="week01", question=number, right=number != 3)
    assert (row("quiz week01").status, row("quiz week01").detail) == ("begun", "15 of 16 right")
    journal.note("quiz", quiz="week01", question=3, right=True)
    assert row("quiz week01").status == "done"


def test_confidence(my_work: Path) -> None:
    set_confidence("mlp.sigmoid", 4, "<b>easy</b>")
    assert (row("mlp.sigmoid").confidence, row("mlp.sigmoid").notes) == (4, "<b>easy</b>")
    for wrong in (0, 6):
        with pytest.raises(ValueError, match=rf"confidence is {wrong}; it must be 1"):
            set_confidence("mlp.sigmoid", wrong)
    with pytest.raises(ValueError, match=r"There is no piece 'mlp.sigmod'"):
        set_confidence("mlp.sigmod", 3)


def test_notes_stay_until_others_are_said(my_work: Path) -> None:
    set_confidence("quiz week01", 2, "once more on Sunday")
    set_confidence("quiz week01", 4)
    assert (row("quiz week01").confidence, row("quiz week01").notes) == (4, "once more on Sunday")
    set_confidence("quiz week01", 4, "")
    assert row("quiz week01").notes == ""


def test_confidence_travels(my_work: Path, tmp_path: Path, monkeypatch, forgetful) -> None:
    set_confidence("mlp.sigmoid", 5, "could teach it")
    export_work(tmp_path / "work.zip")
    monkeypatch.setenv("BUMBLEBEE_WORK", str(tmp_path / "another"))
    assert row("mlp.sigmoid").confidence == 0
    import_work(tmp_path / "work.zip")
    assert (row("mlp.sigmoid").confidence, row("mlp.sigmoid").notes) == (5, "could teach it")


def test_as_markdown(my_work: Path) -> None:
    set_confidence("mlp.sigmoid", 3, "a | b\n<b>c</b>")
    text = as_markdown([row("mlp.sigmoid"), row("mlp.relu")])
    assert text.splitlines()[2:6] == [
        "| week | piece | status | date | tries | confidence | notes |",
        "|---|---|---|---|---|---|---|",
        "| 1 | mlp.sigmoid | ○ |  |  | 3 | a \\| b &lt;b&gt;c&lt;/b&gt; |",
        "| 1 | mlp.relu | ○ |  |  |  |  |",
    ]
    assert text.endswith("\nweek 1: 0 of 2\n")


def test_confidence_that_cannot_be_kept(my_work: Path) -> None:
    my_work.write_text("a file")
    with pytest.raises(ValueError, match="my_work/ cannot be written"):
        set_confidence("mlp.sigmoid", 3)


def test_journal_that_somebody_edited(my_work: Path) -> None:
    for event in (
        {"kind": "exercise", "name": "mlp.sigmoid"},
        {"kind": "exercise", "name": ["mlp.sigmoid"], "time": 7},
        {"kind": "exercise", "name": "mlp.gone", "time": "2026"},
        {"kind": "exercise", "name": "mlp.relu", "time": None, "mistake": 7},
        {"kind": "confidence", "piece": "mlp.relu", "confidence": "very"},
        {"kind": "quiz", "quiz": "week01", "question": "three", "right": "yes"},
        {"kind": "quiz", "quiz": "week01", "question": 99, "right": True},
        {},
    ):
        journal.append(event)
    assert row("mlp.relu").tries == 1
    assert row("mlp.sigmoid").status == "begun"


def test_shown(my_work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress(1)
    shown = capsys.readouterr().out
    assert "mlp.sigmoid" in shown
    assert "week 1: 0 of" in shown
    progress(77)
    assert "mlp" not in capsys.readouterr().out


def test_html_is_escaped(my_work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr("shared.lab.progress_table.say", said.append)
    set_confidence("mlp.sigmoid", 4, "<script>")
    progress(1)
    html = said[0]._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_reveal(my_work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    reveal(3, torch.tensor(0), "of 100,000 lines")
    reveal(..., 0.123456, "nats")
    reveal(None, 1_000_000, "tokens")
    reveal("both", ["a"], "learn")
    shown = capsys.readouterr().out
    assert "You said 3; measured: 0 of 100,000 lines." in shown
    assert "No guess yet (it works better with one); measured: 0.1235 nats." in shown
    assert "measured: 1,000,000 tokens." in shown
    assert "You said both; measured: ['a'] learn." in shown
    assert [e["guess"] for e in journal.events("guess")] == ["3", "both"]


def test_doctor(my_work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = {check.what: check for check in examine_machine()}
    assert all(check.well for check in checks.values()), [c for c in checks.values() if not c.well]
    assert {"Python", "torch", "device", "data", "my_work"} <= set(checks)
    my_work.rmdir()
    my_work.write_text("a file")
    monkeypatch.setenv("BUMBLEBEE_DATA", str(tmp_path / "gone"))
    monkeypatch.setattr(
        importlib.metadata,
        "requires",
        lambda _: ["torch>=99", "no-such-package-here", 'x; extra == "y"'],
    )
    checks = {check.what: check for check in examine_machine()}
    assert not any(
        checks[what].well for what in ("data", "my_work", "torch", "no-such-package-here")
    )
    assert "cannot be written" in checks["my_work"].found
    assert "which is no folder" in checks["data"].found
    assert ">=99 is needed" in checks["torch"].found
    assert "pip install -r requirements.txt" in checks["no-such-package-here"].found
    assert "x" not in checks
