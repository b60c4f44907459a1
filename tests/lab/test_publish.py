"""Making notebooks ready to commit: what is taken out, what is complained of, and that a failure changes nothing."""

import base64
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from shared.lab.publish import NotPublishable, clean, complaints, publish, read_notebook


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return new_output("stream", name=name, text=text)


def cleaned(*outputs: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    notebook = new_notebook(cells=[new_code_cell("1", outputs=list(outputs))])
    clean(notebook)
    return notebook.cells[0].outputs


def test_metadata() -> None:
    cell = new_code_cell(
        "1", metadata={"tags": ["a"], "execution": {"iopub.status.busy": "x"}, "scrolled": True}
    )
    notebook = new_notebook(
        cells=[cell, new_markdown_cell("x", metadata={"editable": False})],
        metadata={
            "widgets": {},
            "colab": {},
            "kernelspec": {"name": "mine", "display_name": "Mine"},
        },
    )
    notebook.nbformat_minor = 4
    for one in notebook.cells:
        del one["id"]
    clean(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert [dict(c.metadata) for c in notebook.cells] == [{"tags": ["a"]}, {}]
    assert notebook.nbformat_minor == 5
    nbformat.validate(notebook)


def test_pictures_that_may_not_be_handed_on_are_left_out() -> None:
    picture = new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"})
    for tags, kept in (([], [stream("a"), picture]), (["no-pictures"], [stream("a")])):
        cell = new_code_cell("1", metadata={"tags": tags}, outputs=[stream("a"), picture])
        clean(new_notebook(cells=[cell]))
        assert cell.outputs == kept


def test_progress_bars_stand_as_they_ended() -> None:
    (output,) = cleaned(
        stream("a\n 0%|    |\r 50%|██  |\r100%|████|\n"), stream("b\n"), stream("\r\n")
    )
    assert output.text == "a\n100%|████|\nb\n\n"


def test_streams_are_merged_and_empty_ones_go() -> None:
    outputs = cleaned(stream("a"), stream("b"), stream("w", "stderr"), stream(" \n"), stream("c"))
    assert [(o.name, o.text) for o in outputs] == [
        ("stdout", "ab"),
        ("stderr", "w"),
        ("stdout", " \nc"),
    ]
    assert cleaned(stream("\r\n")) == []


def test_widgets_go() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "VBox()"}
    assert cleaned(new_output("display_data", data=view), stream("a"))[0].text == "a"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (
            new_output("error", ename="ValueError", evalue="", traceback=[]),
            "cell 1 ends in ValueError",
        ),
        (stream("x.py:3: UserWarning: no\n", "stderr"), "cell 1 shows a warning"),
        (stream("[W] warning: odd\n", "stderr"), "cell 1 shows a warning"),
        (stream("saved to /home/me/a.txt"), "cell 1 shows a path of this machine"),
        (stream("saved to /tmp/a.txt"), "cell 1 shows a path of this machine"),
        (stream("in /work/main/x"), "cell 1 shows a path of this machine"),
        (stream("in /Users/ann/x"), "cell 1 shows a path of this machine"),
        (stream("in C:\\Users\\ann"), "cell 1 shows a path of this machine"),
        (stream(f"in {Path.home()}/x"), "cell 1 shows a path of this machine"),
        (
            new_output("display_data", data={"text/html": "<a href='/tmp/x'>"}),
            "cell 1 shows a path",
        ),
        (stream("x" * 100_001), "cell 1 has an output of 100 KB, over 100"),
    ],
)
def test_complaints(output: nbformat.NotebookNode, says: str) -> None:
    found = list(complaints(new_notebook(cells=[new_code_cell("1", outputs=[output])])))
    assert len(found) == 1
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    "output",
    [
        stream("my_work/mlp/sigmoid.py and ~/work/x, https://x.org/home/page, 3/work/day"),
        stream("a Warning that is printed on purpose"),
        stream("progress", "stderr"),
        new_output(
            "display_data", data={"image/png": base64.b64encode(b"x").decode() + "/tmp/ab+/home/"}
        ),
    ],
)
def test_no_complaint(output: nbformat.NotebookNode) -> None:
    assert list(complaints(new_notebook(cells=[new_code_cell("1", outputs=[output])]))) == []


def test_whole_size() -> None:
    cells = [new_code_cell("1", outputs=[stream("x" * 90_000)]) for _ in range(12)]
    (found,) = complaints(new_notebook(cells=cells))
    assert found == f"the notebook has {found.split()[3]} KB, over 1,000"


def written(path: Path, *cells: str) -> bytes:
    notebook = new_notebook(cells=[new_code_cell(text) for text in cells])
    nbformat.write(notebook, path)
    return path.read_bytes()


def test_runs_and_writes_back(tmp_path: Path, my_work: Path) -> None:
    path = tmp_path / "a.ipynb"
    written(
        path,
        "import os\nprint(os.environ['BUMBLEBEE_PROFILE'], 'my_work' in os.environ['BUMBLEBEE_WORK'])",
        "1 + 1",
    )
    assert publish(path, "laptop") == []
    notebook = nbformat.read(path, as_version=4)
    assert [c.execution_count for c in notebook.cells] == [1, 2]
    assert notebook.cells[0].outputs[0].text == "laptop True\n"
    assert not my_work.exists(), "the maintainer's own work is not used"
    assert path.read_text("utf-8").endswith("}\n")
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_a_failing_notebook_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    before = written(path, "print('first')", "1 / 0")
    with pytest.raises(NotPublishable, match=r"a cell failed(.|\n)*ZeroDivisionError"):
        publish(path, "smoke")
    assert path.read_bytes() == before


def test_unknown_profile(tmp_path: Path) -> None:
    before = written(tmp_path / "a.ipynb", "1")
    with pytest.raises(ValueError, match="profile is 'fast'; it must be one of smoke, laptop, gpu"):
        publish(tmp_path / "a.ipynb", "fast")
    assert (tmp_path / "a.ipynb").read_bytes() == before


def test_old_notebooks_are_read_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(
        '{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": '
        '[{"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": null}]}'
    )
    notebook = read_notebook(path)
    clean(notebook)
    nbformat.validate(notebook)
    assert notebook.cells[0].id
