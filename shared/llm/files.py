"""Files of the pipeline: written whole or not at all, known by their SHA-256, and a full disk said in one sentence."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared.llm.run import disk_full, is_full, sync_folder


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that appears under its name when the block ends, and never where it fails or is killed.

    The same as `run.atomic_write` for what is too large to hold in memory.
    Raises OSError with a sentence that says what to do where the disk is full.
    """
    path = Path(path)
    beside = None
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)
    except BaseException as error:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)
        if is_full(error):
            raise disk_full(path, error) from error
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left beside the files that it was about to write: `.name.suffix.xxxxxxxx`."""
    for path in Path(folder).glob(".*"):
        if path.is_file() and path.name.count(".") >= 3:
            path.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits, read in pieces of 1 MB."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_of(parts: Iterable[object]) -> str:
    """One SHA-256 over parts in their order (names, sizes, other digests): what a later stage compares."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
