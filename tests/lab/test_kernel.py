"""The classroom in a real kernel: what reaches the notebook, the stop button, and a kernel that is killed."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import SIGMOID

ROOT = Path(__file__).resolve().parents[2]
OPEN = (
    f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport torch, time\nfrom torch import nn\n"
    "from shared.lab import open_lab, exercise, part, take_quiz, progress\n"
    "lab = open_lab('week01/guided')\nbudget = lab.budgets(steps=(1, 2, 3))"
)
HEAD = '@exercise("mlp.sigmoid")\ndef sigmoid(x, derivative=False):\n'


class Kernel:
    """A kernel that runs cells one by one and gives their outputs."""

    def __init__(self, work: Path) -> None:
        self.notebook = nbformat.v4.new_notebook()
        self.client = NotebookClient(self.notebook, timeout=60, kernel_name="python3")
        self.work = work

    def run(self, source: str, fails: bool = False) -> list[nbformat.NotebookNode]:
        cell = nbformat.v4.new_code_cell(
            source, metadata={"tags": ["raises-exception"] if fails else []}
        )
        self.notebook.cells.append(cell)
        self.client.execute_cell(cell, len(self.notebook.cells) - 1)
        return cell.outputs

    def says(self, source: str) -> str:
        """The texts of a cell's displays."""
        outputs = self.run(source)
        assert not [o for o in outputs if o.output_type in ("error", "stream")], outputs
        return " ".join(" ".join(o.data["text/plain"].split()) for o in outputs if "data" in o)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    work = tmp_path_factory.mktemp("kernel") / "my_work"
    opened = Kernel(work)
    with opened.client.setup_kernel(env={**os.environ, "BUMBLEBEE_WORK": str(work)}):
        opened.run(OPEN)
        yield opened


def test_the_line_and_the_budgets_are_html(kernel: Kernel) -> None:
    outputs = kernel.run("lab = open_lab('week01/guided')\nlab.budgets(steps=(1, 2, 3));")
    assert [o.output_type for o in outputs] == ["display_data", "display_data"]
    assert "week01/guided" in outputs[0].data["text/html"]
    assert "<table" in outputs[1].data["text/html"]
    assert "[smoke]" in outputs[1].data["text/plain"]


def test_outcomes(kernel: Kernel) -> None:
    assert (
        kernel.says(HEAD + "    ...\n") == "○ mlp.sigmoid: not attempted; the reference stands in."
    )
    wrong = kernel.run(HEAD + "    print('<b>')\n    return -torch.sigmoid(x)\n")
    assert len(wrong) == 1
    assert "&lt;b&gt;" in wrong[0].data["text/html"]
    assert "<b>" not in wrong[0].data["text/html"]
    assert "✗" in wrong[0].data["text/html"]
    assert "✓ mlp.sigmoid: right." in kernel.says(SIGMOID)
    assert (kernel.work / "mlp" / "sigmoid.py").is_file()
    assert "SyntaxError in line 3 of the cell" in kernel.says(HEAD + "    return (\n")
    assert "your last passing version stands in" in kernel.says(HEAD + "    return x\n")
    broken = kernel.says(
        '@exercise("mlp.MLP")\nclass MLP(nn.Modul):\n    def forward(self, x):\n        return x\n'
    )
    assert "✗ mlp.MLP: AttributeError in line 2 of the cell" in broken
    assert "✗ mlp.MLP: AttributeError in line 3" in kernel.says(
        '@exercise("mlp.MLP")\nclass MLP(nn.Module):\n    x = nn.nothing\n'
    )


def test_class_of_another_cell_travels(kernel: Kernel) -> None:
    kernel.run("from dataclasses import dataclass")
    kernel.run("@dataclass\nclass Options:\n    scale: float = 1.0")
    shown = kernel.says(SIGMOID.replace("torch.exp(-x)", "torch.exp(-Options().scale * x)"))
    assert "Kept in" in shown
    assert "class Options:" in (kernel.work / "mlp" / "sigmoid.py").read_text("utf-8")


def test_asking_for_input_is_met_with_a_sentence(kernel: Kernel) -> None:
    shown = kernel.says(HEAD + "    return float(input('x?'))\n")
    assert "✗ mlp.sigmoid: it raises RuntimeError: input() cannot be used in an exercise" in shown
    assert "StdinNotImplementedError" in str(kernel.run("input()", fails=True)), (
        "elsewhere it asks as always"
    )


def test_stop_button(kernel: Kernel) -> None:
    """An interrupt stops the check, is raised like any, and the next cell works."""
    manager = kernel.client.km
    timer = threading.Timer(1.0, lambda: os.kill(manager.provisioner.pid, 2))
    timer.start()
    started = time.monotonic()
    outputs = kernel.run(HEAD + "    while True: pass\n", fails=True)
    assert [o.get("ename") for o in outputs] == ["KeyboardInterrupt"]
    assert time.monotonic() - started < 4.5, "before its own time limit"
    assert "✓ mlp.sigmoid: right." in kernel.says(SIGMOID)


def test_quiz_and_progress(kernel: Kernel) -> None:
    outputs = kernel.run("take_quiz(1)")
    assert "application/vnd.jupyter.widget-view+json" in outputs[-1].data
    assert "bumblebee quiz 1" in outputs[0].data["text/plain"]
    assert "<table" in kernel.run("progress(1)")[0].data["text/html"]


def test_killed_kernel_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    work = tmp_path / "my_work"
    first = Kernel(work)
    with first.client.setup_kernel(env={**os.environ, "BUMBLEBEE_WORK": str(work)}):
        first.run(OPEN)
        first.run(SIGMOID)
        os.kill(first.client.km.provisioner.pid, 9)
    second = Kernel(work)
    with second.client.setup_kernel(env={**os.environ, "BUMBLEBEE_WORK": str(work)}):
        second.run(OPEN)
        assert "✓ mlp.sigmoid: yours, from my_work/mlp/sigmoid.py" in second.says(
            "part('mlp.sigmoid', quietly=False);"
        )
        assert "your last passing version stands in" in second.says(HEAD + "    ...\n")
