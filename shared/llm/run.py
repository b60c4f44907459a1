"""The folder of a run of `bumblebee llm`: where each stage keeps what it made, and the record that says it is done.

    run = Run(Path("my_work/llm/pocket"))
    if run.record("collect") is None:
        run.finish("collect", collect("simple", run.place("collect")))

A record is written last and at once, so that it is there only if all that it speaks of is there.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from shared.files import write_whole

RECORD = "record.json"


def write_json(path: Path, content: Any) -> None:
    """Readable JSON, written whole or not at all."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


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
