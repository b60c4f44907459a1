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
            unfinished = False  # the last writer was killed in its line: start on one of our own
            if file.seek(0, 2) > 0:
                file.seek(-1, 2)
                unfinished = file.read(1) != b"\n"
            # Half a surrogate pair is no UTF-8, but its escape is JSON.
            line = json.dumps(event, ensure_ascii=False, default=str)
            whole = line.encode("utf-8", "backslashreplace") + b"\n"
            file.write(b"\n" + whole if unfinished else whole)
        return True
    except OSError:
        return False


def parse(text: str) -> list[dict[str, Any]]:
    """The events of a journal's text; lines that are not whole are skipped."""
    found = []
    # splitlines() would also split at U+2028, which may stand in an answer.
    for line in text.split("\n"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found


def merge(text: str) -> None:
    """Takes in the events of another journal that this one lacks."""
    have = {json.dumps(event, sort_keys=True) for event in events()}
    for event in parse(text):
        if json.dumps(event, sort_keys=True) not in have:
            append(event)


def events(kind: str | None = None) -> list[dict[str, Any]]:
    """All events, or those of one kind, oldest first, also where an older journal was merged in later."""
    try:
        found = parse(path().read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
    return sorted((e for e in found if kind is None or e.get("kind") == kind), key=_seconds)


def _seconds(event: dict[str, Any]) -> float:
    try:
        return datetime.datetime.fromisoformat(str(event.get("time"))).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0
