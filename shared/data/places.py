"""The places where data can lie, as the environment names them: BUMBLEBEE_DATA, BUMBLEBEE_CACHE, BUMBLEBEE_OFFLINE."""

from __future__ import annotations

import os
from pathlib import Path

from shared.data.errors import DataError, reading

PACK = Path(__file__).parent / "pack"


def present(path: Path) -> bool:
    """Whether something lies at `path`; a folder that may not be looked into is an error, not an absence."""
    with reading(path):
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def listing(folder: Path, pattern: str) -> list[Path]:
    """The files in `folder` that fit `pattern`, in order of name; empty where there is no such folder."""
    if not present(folder):
        return []
    with reading(folder):
        os.listdir(folder)  # glob passes over a folder that may not be read without a word
        return sorted(folder.glob(pattern))


def data_root() -> Path | None:
    """The folder that BUMBLEBEE_DATA names, or None where it is not set; a folder that is not there is an error."""
    named = os.environ.get("BUMBLEBEE_DATA", "").strip()
    if not named:
        return None
    root = Path(named).expanduser()
    if not present(root) or not root.is_dir():
        raise DataError(
            f"BUMBLEBEE_DATA is {named!r}, which is no folder. Set it to a folder that exists, or unset it."
        )
    return root


def cache_root() -> Path:
    """The folder of downloads: BUMBLEBEE_CACHE, or the user's cache folder. It need not exist yet."""
    named = os.environ.get("BUMBLEBEE_CACHE", "").strip()
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("bumblebee", appauthor=False)


def offline() -> bool:
    """Whether BUMBLEBEE_OFFLINE forbids downloads (set to anything but 0, no or false)."""
    return os.environ.get("BUMBLEBEE_OFFLINE", "").strip().lower() not in ("", "0", "no", "false")
