"""The floors of the house: no import runs up, and the lower floors know only torch, NumPy and the standard library."""

import ast
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1] / "shared"
MODULES = sorted(path for path in SHARED.rglob("*.py") if "__pycache__" not in path.parts)
# A package may import from its own floor and those below. `shared` itself holds only the version.
FLOORS = {
    "files": 0,
    "nn": 0,
    "text": 0,
    "training": 0,
    "data": 1,
    "llm": 2,
    "exercises": 3,
    "lab": 4,
    "cli_llm": 5,
    "cli_adapt": 5,
    "cli_index": 5,
    "cli_serve": 5,
    "cli": 6,
}
GROUND = {package for package, floor in FLOORS.items() if floor == 0}
# tqdm and safetensors: the training loop's progress bar and its checkpoints. regex: patterns that know every letter.
OF_THE_GROUND = {"torch", "numpy", "tqdm", "safetensors", "regex"} | set(sys.stdlib_module_names)


def name_of(path: Path) -> str:
    """shared/nn/mlp.py → shared.nn.mlp"""
    parts = path.relative_to(SHARED.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """shared.nn.mlp → nn"""
    return (module.split(".") + [""])[1]


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, module) for every import, also inside functions, under `if`, and by importlib with a plain name."""
    found = []
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            if base == "shared":  # from shared import llm
                found += [(node.lineno, f"shared.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, base))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.append((node.lineno, argument.value))
    return found


def complaints(path: Path) -> list[str]:
    """What a module imports and must not."""
    own = package_of(name_of(path))
    found = []
    for line, module in imports(path):
        top, floor = module.split(".")[0], FLOORS.get(package_of(module))
        if top == "shared" and floor is not None:
            # Neighbours on the ground may know each other; elsewhere a floor is one package.
            if floor > FLOORS.get(own, 0):
                found.append(f"line {line} imports {module}, which is above")
        elif own in GROUND and top != "shared" and top not in OF_THE_GROUND:
            found.append(
                f"line {line} imports {module}: {own} knows only torch, NumPy and the standard library"
            )
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    assert complaints(path) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_package_has_a_floor(path: Path) -> None:
    package = package_of(name_of(path))
    assert package in FLOORS or name_of(path) == "shared", (
        f"{package} is on no floor: give it one in FLOORS"
    )


def test_lab_knows_no_models() -> None:
    for path in MODULES:
        if package_of(name_of(path)) == "lab":
            known = {package_of(module) for _, module in imports(path)}
            assert not known & {"nn", "text", "training", "data", "llm"}, (
                f"{name_of(path)} knows a model"
            )


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("import shared.lab", 1),
        ("from shared import lab, training, text", 1),
        ("def f():\n    from shared.llm.model import Model", 1),
        ("from ..exercises import find", 1),
        ("from .. import cli", 1),
        ("import importlib\nimportlib.import_module('shared.data')", 1),
        ("import sklearn.datasets, pandas", 2),
        ("try:\n    from rich.table import Table\nexcept ImportError:\n    pass", 1),
        (
            "import math, torch.nn.functional as F\nfrom numpy import array\n"
            "from shared.text import x\nfrom . import mlp",
            0,
        ),
    ],
)
def test_the_measure_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, count: int
) -> None:
    monkeypatch.setattr(f"{__name__}.SHARED", tmp_path / "shared")
    path = tmp_path / "shared" / "nn" / "new.py"
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert len(complaints(path)) == count
