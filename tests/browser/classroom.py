"""JupyterLab on a copy of the course, and a browser that drives it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = "week01_mlp/1_guided_xor.ipynb"
BUSY_SECONDS = 75


def copy_of_the_course(target: Path, notebook_path: str = NOTEBOOK) -> Path:
    """What a learner's folder holds. JupyterLab saves notebooks as it likes, so it gets its own."""
    target.mkdir(parents=True)
    for name in ("shared", "quizzes", notebook_path.split("/")[0]):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "pack")
            )
    for name in ("README.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, target / name)
    # No outputs, no counts: what is seen later was made in the browser.
    path = target / notebook_path
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
    return target


@contextlib.contextmanager
def jupyterlab(course: Path, scratch: Path) -> Iterator[str]:
    """The command of `make lab`, without a window; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(course), os.environ.get("PYTHONPATH", "")]),
        "BUMBLEBEE_WORK": str(course / "my_work"),
        **{f"JUPYTER_{what}_DIR": str(scratch / what) for what in ("CONFIG", "RUNTIME", "DATA")},
        **{f"JUPYTERLAB_{what}_DIR": str(scratch / what) for what in ("SETTINGS", "WORKSPACES")},
    }
    start = "import sys; from shared.cli import main; sys.argv = ['bumblebee', 'lab', *sys.argv[1:]]; main()"
    arguments = ["--no-browser", f"--port={port}", "--port-retries=0"]
    with open(scratch / "server.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", start, *arguments],
            cwd=course,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"{address}/api/status", timeout=2).read()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > until:
                        said = (scratch / "server.log").read_text("utf-8", "replace")[-2000:]
                        raise AssertionError(f"JupyterLab did not start:\n{said}") from None
                    time.sleep(0.2)
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


class Desk:
    """One page with JupyterLab in it."""

    def __init__(
        self, page: Any, address: str, course: Path, shots: Path, notebook_path: str = NOTEBOOK
    ) -> None:
        self.page, self.address, self.course, self.shots = page, address, course, shots
        self.notebook_path = notebook_path

    def open(self, path: str) -> None:
        """Opens a file and waits until its tab stands there."""
        self.page.goto(f"{self.address}/lab/tree/{path}")
        self.page.wait_for_selector(
            "#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current", timeout=60_000
        )

    def shot(self, name: str) -> Path:
        path = self.shots / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def menu(self, *steps: str) -> None:
        """Clicks through the menus: menu("Run", "Run All Cells")."""
        for i, step in enumerate(steps):
            where = ".lm-MenuBar-itemLabel" if i == 0 else ".lm-Menu-itemLabel"
            self.page.locator(where).get_by_text(step, exact=True).click()

    def ran(self) -> int:
        return sum(bool(cell.get("execution_count")) for cell in self.saved().cells)

    def saved(self) -> nbformat.NotebookNode:
        return nbformat.read(self.course / self.notebook_path, as_version=4)

    def wait_until_run(self, cells: int) -> None:
        """Until that many code cells carry a number, in what JupyterLab saves."""
        until = time.monotonic() + BUSY_SECONDS
        while time.monotonic() < until:
            time.sleep(0.5)
            with urllib.request.urlopen(f"{self.address}/api/kernels", timeout=5) as answer:
                if all(kernel["execution_state"] == "idle" for kernel in json.load(answer)):
                    self.page.keyboard.press("Control+s")
                    time.sleep(0.3)
                    if self.ran() >= cells:
                        return
        picture = self.shot("not-run")
        raise AssertionError(f"{self.ran()} of {cells} cells ran in {BUSY_SECONDS} s: {picture}")

    def cell(self, text: str) -> Any:
        """The cell that holds a text, scrolled into view. Cells far away may not be drawn yet."""
        found = self.page.locator(".jp-Notebook .jp-Cell", has_text=text).first
        for _ in range(60):
            if found.count():
                found.scroll_into_view_if_needed()
                return found
            self.page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollBy(0, 600)")
            time.sleep(0.1)
        raise AssertionError(f"no cell holds {text!r}")
