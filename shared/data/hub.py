"""Data sets of the Hugging Face hub, by the `datasets` library: fetched as parquet files, or streamed.

What is fetched lies as `<split>-00000-of-00001.parquet`, the layout of the hub itself.
"""

from __future__ import annotations

import errno
import gc
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.data import places, readers, transfer
from shared.data.errors import DownloadError

if TYPE_CHECKING:
    import pyarrow

_DISK = {
    errno.ENOSPC,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    getattr(errno, "EDQUOT", errno.ENOSPC),
}


def fetch(
    folder: Path, repository: str, config: str | None = None, splits: tuple[str, ...] = ()
) -> None:
    """Download the splits (all, if none is named) of a data set into `folder`, one parquet file each.

    repository: "owner/name" on the hub. Raises `DownloadError`; a full disk stays an OSError.
    """
    _check_hub(repository)
    import datasets

    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
        try:
            loaded = datasets.load_dataset(repository, config, cache_dir=scratch)
            for split in splits or tuple(loaded):
                loaded[split].to_parquet(str(folder / f"{split}-00000-of-00001.parquet"))
        except Exception as error:
            raise _failed(repository, error) from error
        finally:
            loaded = None
            gc.collect()  # Windows removes no file that is still mapped into memory


def stream(repository: str, config: str, split: str = "train") -> Iterator[dict[str, Any]]:
    """The rows of a split as they come over the line; nothing is kept."""
    _check_hub(repository)
    import datasets

    try:
        yield from datasets.load_dataset(repository, config, split=split, streaming=True)
    except GeneratorExit:
        raise
    except Exception as error:
        raise _failed(repository, error) from error


def read_split(folder: Path, split: str, columns: Sequence[str]) -> pyarrow.Table | None:
    """The named columns of a split that lies in `folder` (or one folder below), None where it does not.

    As the hub lays it out (`train-*.parquet`, `train.parquet`), or as `save_to_disk` does (`train/data-*.arrow`).
    """
    patterns = [f"{split}-*.parquet", f"{split}.parquet", f"{split}/data-*.arrow"]
    for pattern in (*patterns, *(f"*/{pattern}" for pattern in patterns)):
        files = places.listing(folder, pattern)
        if files:
            return readers.read_columns(files, columns)
    return None


def _check_hub(repository: str) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE"):
        raise DownloadError(
            f"{repository} could not be downloaded, since HF_HUB_OFFLINE forbids it"
        )
    transfer.check_reachable(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")


def _failed(repository: str, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno in _DISK:
        return error
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return DownloadError(f"{repository} could not be downloaded by `datasets` ({lines[0][:200]})")
