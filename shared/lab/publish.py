"""Runs notebooks and makes them fit to be committed: `make notebooks`, or `bumblebee publish NOTEBOOK…`.

A published notebook was run from top to bottom in one go, holds no widget state (GitHub would not render it), no
timings, no machine's paths, and progress bars as they stood at the end.
"""

import base64
import io
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

from shared.files import write_whole
from shared.lab.session import PROFILES

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python"}
NO_PICTURES = "no-pictures"  # a cell with this tag shows pictures that may not be handed on, so they are not stored


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbformat mends missing cell ids, and says so
        try:
            notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    cell.setdefault("outputs", [])
                    cell.setdefault("execution_count", None)
            nbformat.validate(notebook)
        except FileNotFoundError:
            raise NotPublishable(f"There is no notebook {path}.") from None
        except Exception as error:
            why = str(error).strip().split("\n")[0][:200]
            raise NotPublishable(
                f"{path.name} is not a readable notebook ({type(error).__name__}: {why})."
            ) from None
    return notebook


def publish(path: Path, profile: str = "laptop") -> list[str]:
    """Runs a notebook with nothing attempted and writes it back, clean. Returns what a person should still look at.

    Raises NotPublishable where it failed, ValueError for an unknown profile; the file is then untouched.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; it must be one of {', '.join(PROFILES)}.")
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as empty:
        # The committed outputs show the reference stepping in, not the maintainer's own work.
        work = str(Path(empty) / "my_work")
        run_notebook(notebook, path.parent, {"BUMBLEBEE_PROFILE": profile, "BUMBLEBEE_WORK": work})
    clean(notebook)
    nbformat.validate(notebook)
    write_whole(path, nbformat.writes(notebook) + "\n")
    return list(complaints(notebook))


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out what a run leaves behind and a reader does not need."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number}")
        kept = {k: v for k, v in cell.metadata.items() if k == "tags"}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [o for o in map(_clean_output, _merged(cell.outputs)) if o is not None]
            if NO_PICTURES in cell.metadata.get("tags", ()):
                cell.outputs = [o for o in cell.outputs if "image/png" not in o.get("data", {})]


def _merged(outputs: list) -> list:
    """Neighbouring pieces of one stream as one output."""
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
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        return None
    if len(data.get("image/png", "")) > _LARGE_PICTURE:
        data["image/png"] = _smaller(data["image/png"])
    return output


_LARGE_PICTURE = 60_000  # characters of base64


def _smaller(png: str) -> str:
    """A plot with 256 colours instead of 16 million: a person sees no difference, and it takes about half the space."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    packed = io.BytesIO()
    picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        packed, "png", optimize=True
    )
    smaller = base64.b64encode(packed.getvalue()).decode()
    return min(png, smaller, key=len)


def complaints(notebook: nbformat.NotebookNode) -> Iterable[str]:
    """What the rules for committed notebooks forbid, cell by cell."""
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            text = json.dumps(output, ensure_ascii=False)
            readable = json.dumps(_without_pictures(output), ensure_ascii=False)
            if output.output_type == "error":
                yield f"cell {number} ends in {output.ename}"
            if output.get("name") == "stderr" and "warning" in output.get("text", "").lower():
                yield f"cell {number} shows a warning"
            if _MACHINE.search(readable):
                yield f"cell {number} shows a path of this machine"
            if len(text) > 100_000:
                yield f"cell {number} has an output of {len(text) // 1000} KB, over 100"
    size = len(nbformat.writes(notebook))
    if size > 1_000_000:
        yield f"the notebook has {size // 1000} KB, over 1,000"


# Linux, macOS and Windows (in JSON a backslash is written twice), and the home of whoever publishes.
_MACHINE = re.compile(
    r"(?<![\w.~])/(?:work|tmp|home|root|Users|var/folders)/|[A-Z]:\\\\(?:Users|Temp)|"
    + re.escape(str(Path.home()) + os.sep)
)


def _without_pictures(output: Mapping) -> dict:
    """An output without its encoded images, in which any few letters occur by chance."""
    data = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/png")}
    return {**output, "data": data}
