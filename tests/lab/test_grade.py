"""Grading: each outcome, and that a notebook can neither claim, reach out, nor take others down with it."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest

from conftest import SETUP, SIGMOID
from shared.lab.grade import Grade, as_rows, grade, labels

RELU_STUB = '@exercise("mlp.relu")\ndef relu(x, derivative=False):\n    ...  # your code\n'
RELU = RELU_STUB.replace(
    "...  # your code", "return (x > 0).to(x.dtype) if derivative else torch.clamp(x, min=0)"
)
HEAD = '@exercise("mlp.sigmoid")\ndef sigmoid(x, derivative=False):\n'


def a_notebook(path: Path, *cells: str) -> Path:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in (SETUP, *cells)]
    )
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell('@exercise("mlp.tanh")'))
    nbformat.write(notebook, path)
    return path


def outcomes(grades: list[Grade]) -> dict[str, str]:
    return {one.exercise: one.outcome for one in grades}


def test_the_usual_outcomes(tmp_path: Path) -> None:
    path = a_notebook(
        tmp_path / "a.ipynb",
        "raise SystemError('what is no exercise does not run')",
        "scale = 1.0\n\ndef up(x):\n    return scale * torch.exp(x)",
        SIGMOID.replace("torch.exp(-x)", "up(-x)"),
        RELU_STUB,
        '@exercise("mlp.tanh")\ndef tanh(x, derivative=False):\n    value = 2 * sigmoid(2 * x) - 1\n'
        "    return 1 - value if derivative else value\n",
        '@exercise("mlp.linear")\ndef linear(x, weight, bias):\n    return x @ weight.T +\n',
        '@exercise("mlp.sgd_step")\ndef sgd_step(parameters, gradients, lr):\n    for p in parameters:\n        ...\n',
        '@exercise("mlp.MLP")\nclass MLP(nn.Modul):\n    def forward(self, x):\n        return x\n',
        '@exercise("mlp.no_such")\ndef no_such(x):\n    return x\n',
        'binary_cross_entropy = exercise("mlp.binary_cross_entropy")(\n'
        "    lambda logits, targets: nn.functional.binary_cross_entropy_with_logits(logits, targets)\n)",
    )
    grades = grade(path)
    assert outcomes(grades) == {
        "mlp.sigmoid": "passed",
        "mlp.relu": "not attempted",
        "mlp.tanh": "wrong",
        "mlp.linear": "broken",
        "mlp.sgd_step": "not attempted",
        "mlp.MLP": "broken",
        "mlp.no_such": "broken",
        "mlp.binary_cross_entropy": "passed",
    }
    why = {one.exercise: one.why for one in grades}
    assert "SyntaxError" in why["mlp.linear"]
    assert "AttributeError" in why["mlp.MLP"]
    assert "There is no exercise 'mlp.no_such'" in why["mlp.no_such"]
    assert len(why["mlp.tanh"]) > 20
    assert {one.notebook for one in grades} == {"a.ipynb"}


def test_parts_of_earlier_weeks_may_be_used(tmp_path: Path) -> None:
    path = a_notebook(
        tmp_path / "a.ipynb",
        'from shared.lab import part\n\nsquash, straight = part("mlp.tanh"), part("mlp.relu")\n'
        'print("the cell itself does not run")\n1 / 0',
        HEAD + "    y = (squash(x / 2) + 1) / 2\n    return y * (1 - y) if derivative else y\n",
    )
    assert outcomes(grade(path)) == {"mlp.sigmoid": "passed"}


def test_code_that_will_not_behave(tmp_path: Path) -> None:
    claim = json.dumps({"exercise": "mlp.sigmoid", "outcome": "passed", "why": ""})
    path = a_notebook(
        tmp_path / "a.ipynb",
        # prints a verdict of its own, in every way there is
        f"import urllib.request\nLINE = 'bumblebee-grade {claim}'\n",
        HEAD + "    import os, sys\n    print(LINE); sys.__stdout__.write(LINE + '\\n')\n"
        "    os.write(1, b'half a line')\n"
        "    return x\n",
        # reaches out
        '@exercise("mlp.relu")\ndef relu(x, derivative=False):\n'
        "    urllib.request.urlopen('http://127.0.0.1:9/').read()\n    return x\n",
        # ends the process; those after it are judged all the same
        '@exercise("mlp.tanh")\ndef tanh(x, derivative=False):\n    import os\n    os._exit(0)\n',
        '@exercise("mlp.linear")\ndef linear(x, weight, bias):\n    return x @ weight.T + bias\n',
        # asks for all the memory there is
        '@exercise("mlp.sgd_step")\ndef sgd_step(parameters, gradients, lr):\n'
        "    hoard = []\n    while True:\n        hoard.append(bytearray(2**27))\n",
    )
    grades = grade(path, memory_gb=1.0)
    found = outcomes(grades)
    if sys.platform != "linux":
        del found["mlp.sgd_step"]
    assert found == {
        "mlp.sigmoid": "wrong",
        "mlp.relu": "wrong",
        "mlp.tanh": "broken",
        "mlp.linear": "passed",
        **({"mlp.sgd_step": "wrong"} if sys.platform == "linux" else {}),
    }, grades
    why = {one.exercise: one.why for one in grades}
    assert "there is no network while a notebook is graded" in why["mlp.relu"]
    assert "it ended the judging process (exit status 0)" in why["mlp.tanh"]
    if sys.platform == "linux":
        assert "more memory than there is" in why["mlp.sgd_step"]


@pytest.mark.slow
def test_loops(tmp_path: Path) -> None:
    """A loop in an answer costs that answer; one where it is defined costs the time that is left, and no more."""
    path = a_notebook(
        tmp_path / "a.ipynb",
        HEAD + "    while True: pass\n",
        RELU,
        '@exercise("mlp.MLP")\nclass MLP(nn.Module):\n    while True: pass\n',
    )
    found = grade(path, seconds=120)
    assert outcomes(found) == {
        "mlp.sigmoid": "too slow",
        "mlp.relu": "passed",
        "mlp.MLP": "too slow",
    }
    assert "was still running after 5 s" in found[0].why


def test_time_of_a_notebook(tmp_path: Path) -> None:
    path = a_notebook(tmp_path / "a.ipynb", SIGMOID, RELU)
    found = grade(path, seconds=0.3)
    assert outcomes(found) == {"mlp.sigmoid": "too slow", "mlp.relu": "not judged"}
    assert found[0].why == "the notebook took longer than 0.3 s"
    assert found[1].why == "no time was left for it"


def test_the_teachers_own_work_and_secrets_are_out_of_reach(
    tmp_path: Path, my_work: Path, monkeypatch
) -> None:
    monkeypatch.setenv("CLASS_PASSWORD", "hush")
    my_work.mkdir()
    look = "    import os\n    assert 'CLASS_PASSWORD' not in os.environ\n"
    path = a_notebook(tmp_path / "a.ipynb", SIGMOID.replace("    value =", look + "    value =", 1))
    assert outcomes(grade(path)) == {"mlp.sigmoid": "passed"}
    assert list(my_work.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not a readable notebook"),
        ("", "is not a readable notebook"),
        ("[]", "is not a readable notebook"),
        ("{}", "is not a readable notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is not a readable notebook"),
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code"}]}',
            "is not a readable",
        ),
        (b"\xff\xfe", "is not a readable notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "holds no exercise"),
    ],
)
def test_no_notebook(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"^bad\.ipynb ") as raised:
        grade(path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_notebook(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no notebook"):
        grade(tmp_path / "gone.ipynb")
    with pytest.raises(ValueError, match="is not a readable notebook"):
        grade(tmp_path)


def test_labels_tell_notebooks_apart() -> None:
    paths = [
        Path("/c/ann/1.ipynb"),
        Path("/c/bob/1.ipynb"),
        Path("/c/ann/2.ipynb"),
        Path("/c/ann/1.ipynb"),
    ]
    assert labels(paths) == {
        Path("/c/ann/1.ipynb"): "ann/1.ipynb",
        Path("/c/bob/1.ipynb"): "bob/1.ipynb",
        Path("/c/ann/2.ipynb"): "2.ipynb",
    }
    assert (
        labels([Path("/a/x/1.ipynb"), Path("/b/x/1.ipynb")])[Path("/b/x/1.ipynb")] == "b/x/1.ipynb"
    )
    assert labels([Path("1.ipynb"), Path(os.getcwd()) / "1.ipynb"]), "the same file twice"


def test_rows() -> None:
    assert as_rows([Grade("a", "b", "passed")]) == [
        {"notebook": "a", "exercise": "b", "outcome": "passed", "why": ""}
    ]
