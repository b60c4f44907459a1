"""The cache: a data set is in it whole and verified, or not at all.

A download is written to a folder of its own, given a manifest with each file's SHA-256, and only then renamed to its
place, which the file system does in one step: whoever kills the process leaves no half copy behind. A lock lets one
process download while the others wait, and they find its copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from shared.data import places
from shared.data.errors import DownloadError, reading, writing_failed

MANIFEST = "manifest.json"
LOCK_SECONDS = 3600.0  # another process may be downloading all of this time
WHOLE_CHECK_BYTES = (
    1 << 30
)  # above this a load compares sizes only; `bumblebee data check` always reads every byte

Fetch = Callable[[Path], None]


def cached(folder: str) -> Path | None:
    """The folder of a whole, verified copy in the cache, or None where there is none; a damaged copy raises."""
    place = places.cache_root() / folder
    if not places.present(place / MANIFEST):
        return None
    files = _manifest(place)
    verify(place, whole=sum(entry["size"] for entry in files.values()) <= WHOLE_CHECK_BYTES)
    return place


def obtain(folder: str, fetch: Fetch) -> Path:
    """The folder of a copy in the cache, downloaded by `fetch` first where there is none.

    fetch writes the data set into the empty folder it is given, and raises where it cannot.
    Any failure is a `DownloadError`, and the cache is as it was.
    """
    from filelock import FileLock, Timeout

    root, flat = places.cache_root(), folder.replace("/", "-")
    place, staging = root / folder, root / ".staging" / flat
    try:
        (root / ".locks").mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".locks" / f"{flat}.lock", timeout=LOCK_SECONDS):
            try:
                whole = cached(folder)
            except DownloadError:
                whole = None  # a damaged copy is replaced below
            if whole is None:
                _clear(staging)  # what a killed process left
                staging.mkdir(parents=True)
                try:
                    fetch(staging)
                    _write_manifest(staging)
                    _put(staging, place)
                finally:
                    _clear(staging)
    except Timeout as error:
        raise DownloadError(
            f"{place} is being downloaded by another process since more than an hour. End that process, then try again."
        ) from error
    except OSError as error:
        raise writing_failed(place, error) from error
    return place


def verify(place: Path, whole: bool = True) -> None:
    """Compare a cached copy with its manifest: sizes and, if `whole`, every byte. A difference is a `DownloadError`."""
    for name, entry in _manifest(place).items():
        path = place / name
        if not path.is_file() or path.stat().st_size != entry["size"]:
            raise _damaged(path, "is missing or has another size than when it was downloaded")
        if whole and _sha256(path, path.stat().st_mtime_ns) != entry["sha256"]:
            raise _damaged(path, "has another checksum than when it was downloaded")


def remove(folder: str) -> None:
    """Take a data set out of the cache; nothing happens where it is not there."""
    _clear(places.cache_root() / folder)


def _manifest(place: Path) -> dict[str, dict]:
    try:
        with reading(place / MANIFEST):
            files = json.loads((place / MANIFEST).read_text(encoding="utf-8"))["files"]
            return {
                name: {"size": int(entry["size"]), "sha256": entry["sha256"]}
                for name, entry in files.items()
            }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(place / MANIFEST, "cannot be read") from error


def _damaged(path: Path, fault: str) -> DownloadError:
    return DownloadError(
        f"{path} {fault}. Delete its folder, or run `bumblebee data fetch`, which replaces it."
    )


def _write_manifest(folder: Path) -> None:
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        files[path.relative_to(folder).as_posix()] = {
            "size": size,
            "sha256": _sha256(path, path.stat().st_mtime_ns),
        }
    if not files:
        raise DownloadError(f"the download of {folder.name} brought no file. Try again later.")
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=1), encoding="utf-8")


def _put(staging: Path, place: Path) -> None:
    """Rename the finished copy to its place; what lay there (no manifest, or damaged) is moved aside first."""
    old = staging.with_name(staging.name + ".old")
    _clear(old)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        os.replace(place, old)
    os.replace(staging, place)
    _clear(old)


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=512)
def _sha256(path: Path, changed: int) -> str:
    """SHA-256 of a file; `changed` (its time of change) makes an altered file a new question."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
