"""Files that are whole or not there at all, whatever is killed or full; and how a file is known again.

write_whole(path, "text or bytes")
with whole_file(path) as file: ...        # for what is too large to hold in memory
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_HOUR = 3600.0


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to that appears under its name when the block ends, and never where it fails or is killed.

    Written beside it, brought to the disk, then renamed over it, so that at any moment there is the old one or the new
    one. The folder is made where it is missing. Raises OSError where it cannot be written, with a sentence that says
    what to do where the disk is full; the old file is then untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with open(beside, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _rename(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if is_full(error):
            raise disk_full(path, error) from error
        raise
    sync_folder(path.parent)
    _sweep(path)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a file completely or not at all, as `whole_file` does; text in UTF-8."""
    with whole_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk: a rename is safe only then. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        "The disk is full, and nothing was left half written. Free some space and do the same again: it goes on with "
        "what is whole",
        str(path),
    )


def remove_leftovers(folder: str | Path) -> None:
    """Removes what killed writers left in a folder. Only where no other process can be writing there."""
    for path in Path(folder).glob(".*.part"):
        path.unlink(missing_ok=True)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file as hexadecimal digits, read in pieces of 1 MB."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(parts: Iterable[object]) -> str:
    """One SHA-256 over parts in their order (names, sizes, other digests)."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


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
