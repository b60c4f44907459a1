"""Runs notebooks and makes them fit to be committed: `make notebooks`, or `bumblebee publish NOTEBOOK…`.

A published notebook was run from top to bottom in one go, holds no widget state (GitHub would not render it), no
timings, no machine's paths, and progress bars as they stood at the end.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python"}


class NotPublishable(ValueError):
    """A notebook that failed, or holds what must not be committed; the message says where."""


def run_notebook(
    notebook: nbformat.NotebookNode,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout: int = 1800,
) -> None:
    """Executes a notebook in place, in a fresh kernel that works in `folder`, with more environment variables.

    timeout: seconds that one cell may take. Raises NotPublishable, with the cell and its traceback, where one fails.
    """
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources)
    try:
        client.execute(env={**os.environ, **(environment or {})})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise NotPublishable(f"a cell failed: {error}") from None


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook from its file. Raises NotPublishable, in a sentence, where it is missing or not a notebook."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotPublishable(f"There is no notebook {path}.") from None
    except Exception as error:
        raise NotPublishable(
            f"{path.name} is not a readable notebook ({type(error).__name__}: {error})."
        ) from None


def publish(path: Path, profile: str = "laptop") -> list[str]:
    """Runs a notebook with nothing attempted and writes it back, clean. Returns what a person should still look at.

    Raises NotPublishable where it failed; the file is then untouched.
    """
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as empty:
        # The committed outputs show the reference stepping in, not the maintainer's own work.
        work = str(Path(empty) / "my_work")
        run_notebook(notebook, path.parent, {"BUMBLEBEE_PROFILE": profile, "BUMBLEBEE_WORK": work})
    clean(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    return list(complaints(notebook))


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out what a run leaves behind and a reader does not need."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k == "tags"}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [o for o in map(_clean_output, _merged(cell.outputs)) if o is not None]


def _merged(outputs: list) -> list:
    """Neighbouring pieces of one stream as one output, and progress bars (stderr) after what was printed."""
    merged: list = []
    for output in outputs:
        if (
            merged
            and output.output_type == "stream" == merged[-1].output_type
            and output.name == merged[-1].name
        ):
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def _clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream":
        # A progress bar writes over its line with \r: keep what stands there at the end.
        lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in output.text.split("\n")]
        output.text = "\n".join(lines)
        return output if output.text.strip() else None
    if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
        return None
    return output


def complaints(notebook: nbformat.NotebookNode) -> Iterable[str]:
    """What the rules for committed notebooks forbid, cell by cell."""
    home = re.escape(str(Path.home()))
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            text = nbformat.v4.writes(
                nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
            )
            if output.output_type == "error":
                yield f"cell {number} ends in {output.ename}"
            if output.get("name") == "stderr" and "Warning" in output.get("text", ""):
                yield f"cell {number} shows a warning"
            if re.search(rf"{home}/|/(work|tmp|home)/", text):
                yield f"cell {number} shows a path of this machine"
            if len(text) > 100_000:
                yield f"cell {number} has an output of {len(text) // 1000} KB, over 100"
    size = len(nbformat.writes(notebook))
    if size > 1_000_000:
        yield f"the notebook has {size // 1000} KB, over 1,000"
