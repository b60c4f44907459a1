"""The folder of a run of `bumblebee llm`: where each stage keeps what it made, and the record that says it is done.

    run = Run(Path("my_work/llm/pocket"))
    if run.record("collect") is None:
        run.finish("collect", collect("simple", run.place("collect")))

A record is written last and at once, so that it is there only if all that it speaks of is there.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

RECORD = "record.json"


def atomic_write(path: Path, content: bytes | str) -> None:
    """Writes a file so that at any moment there is the old one or the new one, whole, also after a power cut.

    Written beside it, brought to the disk, then renamed. Raises OSError where the disk is full; the old file stays.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(path, error) from error
        raise
    sync_folder(path.parent)


def is_full(error: BaseException) -> bool:
    """Whether a disk or a quota is full."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        getattr(errno, "EDQUOT", errno.ENOSPC),
    )


def disk_full(path: Path, error: OSError) -> OSError:
    """The same error, saying what to do."""
    return OSError(
        error.errno,
        "The disk is full, and nothing was left half written. Free some space and run this stage again: "
        "it goes on with what is whole",
        str(path),
    )


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk: a rename is safe only then. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, content: Any) -> None:
    """`atomic_write` of readable JSON."""
    atomic_write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises ValueError, with the file's name, where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); remove it, and the stage that made it will make it anew."
        ) from error


class Run:
    """A folder with one folder for each stage."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def place(self, stage: str) -> Path:
        """The folder of a stage, made where it is not there yet."""
        folder = self.folder / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def record(self, stage: str) -> dict[str, Any] | None:
        """What the stage did; None: it has not been done to its end."""
        path = self.folder / stage / RECORD
        return read_json(path) if path.exists() else None

    def finish(self, stage: str, record: dict[str, Any]) -> dict[str, Any]:
        """Says that a stage is done."""
        write_json(self.place(stage) / RECORD, record)
        return record

    def forget(self, stage: str) -> None:
        """Removes what a stage made. The record goes first: what is half removed does not count as done."""
        (self.folder / stage / RECORD).unlink(missing_ok=True)
        if (self.folder / stage).exists():
            shutil.rmtree(self.folder / stage)
