"""`shared.data` stands on files and libraries only, and importing it is quick."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "shared" / "data"
HEAVY = (
    "torch",
    "torchvision",
    "pandas",
    "pyarrow",
    "datasets",
    "sklearn",
    "PIL",
    "pooch",
    "requests",
    "transformers",
)


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, time; started = time.perf_counter(); import shared.data, shared.data.catalogue;"
        "print(time.perf_counter() - started); print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=FOLDER.parents[1],
    )
    seconds, modules = run.stdout.splitlines()
    assert float(seconds) < 1.5
    assert not set(HEAVY) & set(modules.split())


def test_nothing_above_is_imported():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("shared.") or name.startswith("shared.data"), (
                    f"{path.name}: {name}"
                )


def test_no_file_is_long():
    for path in FOLDER.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, path.name
