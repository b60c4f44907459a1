"""What happened, in order: one JSON line for each attempt, hint and quiz answer, in `my_work/journal.jsonl`.

Progress is computed from it. Appending a line needs no lock, and a process killed in the middle of a line costs that
line only: readers skip what is not JSON.
"""

import datetime
import json
from pathlib import Path
from typing import Any

from shared.lab.files import work_folder


def path() -> Path:
    """Where the journal lies."""
    return work_folder() / "journal.jsonl"


def note(kind: str, **facts: Any) -> bool:
    """Appends one event, with the time. Returns False, and loses only this event, where it cannot be written."""
    return append(
        {"time": datetime.datetime.now().astimezone().isoformat(timespec="seconds"), "kind": kind}
        | facts
    )


def append(event: dict[str, Any]) -> bool:
    """Appends an event as it is. Returns False where the folder cannot be written."""
    try:
        file_path = path()
        file_path.parent.mkdir(parents=True, exist_ok=True)
        with open(file_path, "ab+") as file:
            file.seek(0, 2)
            if file.tell() > 0:
                file.seek(-1, 2)
                unfinished = (
                    file.read(1) != b"\n"
                )  # the last writer was killed: start on a line of our own
            else:
                unfinished = False
            file.write(
                (b"\n" if unfinished else b"")
                + json.dumps(event, ensure_ascii=False).encode()
                + b"\n"
            )
        return True
    except OSError:
        return False


def parse(text: str) -> list[dict[str, Any]]:
    """The events of a journal's text; lines that are not whole are skipped."""
    found = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found


def events(kind: str | None = None) -> list[dict[str, Any]]:
    """All events, or those of one kind, oldest first."""
    try:
        found = parse(path().read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
    return [event for event in found if kind is None or event.get("kind") == kind]
