"""Week 9: the learner's own pieces really run in the machine, and one that crawls does not make the notebook crawl."""

import json
import time
from pathlib import Path

import nbformat
import own_pieces
import pytest
from course import CHALLENGES, run

from shared.lab.publish import read_notebook
from shared.llm.machine import PIECES, names_of

ATTENTION = "attention.scaled_dot_product_attention"
WEEK9 = [path for path in CHALLENGES if path.parent.name.startswith("week09")]
COUNT = "import builtins, collections, json, pathlib\nbuiltins.own_calls = collections.Counter()"
TELL = "pathlib.Path({path!r}).write_text(json.dumps(own_calls)); own_calls.clear()"


def _cell(notebook: nbformat.NotebookNode, holds: str) -> int:
    return next(
        i for i, c in enumerate(notebook.cells) if c.cell_type == "code" and holds in c.source
    )


def _run(path: Path, work: Path, told: Path) -> tuple[dict[str, dict[str, int]], str, float]:
    """Runs the notebook up to its samples: calls while training and while writing, the table of parts, seconds."""
    notebook = read_notebook(path)
    trains, writes = _cell(notebook, "learn(chosen"), _cell(notebook, "= generate(")
    table = _cell(notebook, "machine.table()")
    code = nbformat.v4.new_code_cell
    cells = notebook.cells
    notebook.cells = [
        code(COUNT),
        *cells[:trains],
        code("own_calls.clear()"),
        cells[trains],
        code(TELL.format(path=str(told / "training"))),
        *cells[trains + 1 : writes],
        code("own_calls.clear()"),
        cells[writes],
        code(TELL.format(path=str(told / "writing"))),
    ]
    started = time.monotonic()
    run(notebook, path.parent, work)
    seconds = time.monotonic() - started
    calls = {name: json.loads((told / name).read_text()) for name in ("training", "writing")}
    shown = "".join(str(o.get("data", o).get("text/plain", "")) for o in cells[table].outputs)
    return calls, shown, seconds


@pytest.mark.parametrize("path", WEEK9, ids=lambda path: path.stem)
def test_own_parts_run(path: Path, tmp_path: Path) -> None:
    quick, slow = tmp_path / "quick", tmp_path / "slow"
    for folder in (quick, slow):
        (folder / "told").mkdir(parents=True)
    names = own_pieces.write(quick / "work")
    assert sorted(names) == sorted(PIECES), "a piece of the machine has no stand-in here"
    calls, table, seconds = _run(path, quick / "work", quick / "told")
    assert " ours" not in table, table
    for name in (*names_of("model"), *names_of("training")):
        assert calls["training"].get(name), f"{name} was not called while the model learnt"
    for name in (*names_of("model"), *names_of("writing")):
        assert calls["writing"].get(name), f"{name} was not called while the model wrote"

    own_pieces.write(slow / "work", slow_attention=True)
    calls, table, slower = _run(path, slow / "work", slow / "told")
    assert slower < 3 * seconds
    assert ATTENTION not in calls["training"], "it is far too slow to be trained with"
    (row,) = [line for line in table.splitlines() if "ours, as yours" in line]
    assert row.startswith(ATTENTION) and "makes a training step" in row, table
    assert calls["training"].get("positions.rotary"), "the others stay"
