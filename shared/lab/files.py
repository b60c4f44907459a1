"""Where the learner's work lies, and how it is written so that a killed process never leaves half a file."""

import contextlib
import glob
import os
import secrets
import time
from pathlib import Path

_HOUR = 3600.0


def course_root() -> Path:
    """The folder that holds the week folders and `shared/`."""
    return Path(__file__).resolve().parents[2]


def work_folder() -> Path:
    """`my_work/` at the course's root, or the folder that BUMBLEBEE_WORK names. It need not exist yet."""
    return Path(os.environ.get("BUMBLEBEE_WORK") or course_root() / "my_work")


def shown(path: Path) -> str:
    """A path as a person reads it: from the course's root where it lies inside, with forward slashes."""
    with contextlib.suppress(ValueError):
        return path.resolve().relative_to(course_root()).as_posix()
    with contextlib.suppress(ValueError):
        return (work_folder().name / path.relative_to(work_folder())).as_posix()
    return path.name


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file completely or not at all: a temporary file beside it, flushed to disk, then renamed over it.

    Raises OSError where the folder cannot be written; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sweep(path)


def _rename(old: Path, new: Path) -> None:
    # On Windows another process that reads the file at this moment is in the way, for a moment.
    for _ in range(20 if os.name == "nt" else 0):
        try:
            os.replace(old, new)
            return
        except PermissionError:
            time.sleep(0.02)
    os.replace(old, new)


def _sweep(path: Path) -> None:
    """Removes what writers of this file left that were killed more than an hour ago."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _HOUR:
                left.unlink()
