"""Where the course and the learner's work lie."""

import contextlib
import os
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
    with contextlib.suppress(ValueError):
        return (work_folder().name / path.relative_to(work_folder())).as_posix()
    return path.name
