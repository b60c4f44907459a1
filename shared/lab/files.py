"""Where the learner's work lies, and how it is written so that a killed process never leaves half a file."""

import contextlib
import os
import tempfile
from pathlib import Path


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
    return path.name if path.parent == work_folder() else f"{work_folder().name}/{_inside(path)}"


def _inside(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return path.relative_to(work_folder()).as_posix()
    return path.name


def write_whole(path: Path, text: str) -> None:
    """Writes a file completely or not at all: a temporary file beside it, flushed to disk, then renamed over it.

    Raises OSError where the folder cannot be written; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
