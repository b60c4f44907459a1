"""A notebook's shell without a kernel: cells run as in a notebook, what they show is printed as text."""

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from shared.lab import carry
from shared.lab.cell import protect_exercise_cells

SETUP = "import torch, math, time, sys\nfrom torch import nn\nfrom shared.lab import exercise\n"
SIGMOID = """@exercise("mlp.sigmoid")
def sigmoid(x, derivative=False):
    value = 1 / (1 + torch.exp(-x))
    return value * (1 - value) if derivative else value
"""


@dataclass
class Notebook:
    """An open notebook: `run` runs a cell and returns what it showed; `names` are its global names."""

    shell: InteractiveShell
    read_output: Callable[[], str]
    folder: Path

    def run(self, text: str) -> str:
        """What a cell shows. A cell that fails makes the test fail."""
        result = self.shell.run_cell(text, store_history=True)
        shown = self.read_output()
        assert result.success, f"the cell failed: {result.error_in_exec!r}\n{shown}"
        return shown

    def fails(self, text: str) -> BaseException:
        """The exception that ends a cell."""
        result = self.shell.run_cell(text, store_history=True)
        self.read_output()
        error = result.error_before_exec or result.error_in_exec
        assert error is not None, "the cell did not fail"
        return error

    @property
    def names(self) -> dict[str, Any]:
        return self.shell.user_ns

    def kept(self, name: str = "mlp.sigmoid") -> str | None:
        """The text of the file that keeps a piece, or None."""
        path = self.folder / f"{name.replace('.', '/')}.py"
        return path.read_text(encoding="utf-8") if path.is_file() else None


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that makes the classroom forget what this process knows, as a new kernel does."""

    def forget() -> None:
        for known in (carry._opened, carry._in_memory, carry._handed_out, carry._kept_alive):
            known.clear()

    forget()
    return forget


@pytest.fixture
def notebook(
    my_work: Path,
    forgetful: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Notebook]:
    """A fresh notebook with an empty my_work/, its first cells run."""
    in_memory = Config({"HistoryManager": {"hist_file": ":memory:"}})
    # The shell puts its own module in the place of __main__, which later tests that start processes would stumble over.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    shell = InteractiveShell.instance(config=in_memory)
    protect_exercise_cells(shell)
    opened = Notebook(shell, lambda: capsys.readouterr().out, my_work)
    opened.run(SETUP)
    yield opened
    shell.user_ns.clear()
    InteractiveShell.clear_instance()


@pytest.fixture
def shuffle() -> random.Random:
    """The same shuffle each time."""
    return random.Random(3)
