"""What goes wrong with data, said in one sentence that names the file and the remedy."""

from __future__ import annotations

import errno
import json
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike


class DataError(ValueError):
    """A file, folder or setting that cannot be used; the message names it and says what to do."""


class DownloadError(DataError):
    """A data set that could not be brought into the cache; the cache is as it was before."""


AGAIN = "Copy or download it again, or remove it so that the course looks elsewhere."


def broken(path: str | PathLike[str], fault: str, remedy: str = AGAIN) -> DataError:
    """The error for a file that is there but of no use: `<path> <fault>. <remedy>`"""
    return DataError(f"{path} {fault}. {remedy}")


@contextmanager
def reading(path: str | PathLike[str]) -> Iterator[None]:
    """Turn what Python says about an unreadable file into a `DataError` that names `path` and the remedy.

    A `DataError` raised inside passes unchanged, and so does every error that is not about the file.
    """
    try:
        yield
    except DataError:
        raise
    except PermissionError as error:
        raise broken(
            path, "may not be read by you", "Give yourself the right to read it and its folder."
        ) from error
    except FileNotFoundError as error:
        raise broken(
            path, "is missing", "Copy the whole data set there, or remove its folder."
        ) from error
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise broken(path, "is cut off: its compressed data ends early or is damaged") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        fault = f"is not {error.encoding} text: byte {byte:#04x} at position {error.start} has no meaning there"
        raise broken(path, fault, f"Save it as {error.encoding}, or copy it again.") from error
    except (zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise broken(path, f"cannot be read ({error})") from error
    except OSError as error:
        # gzip and tarfile report a wrong magic number as OSError too, without an errno.
        fault = error.strerror if error.errno else str(error)
        raise broken(path, f"cannot be read ({fault})") from error


def writing_failed(path: str | PathLike[str], error: OSError) -> DownloadError:
    """The error for a copy that could not be written, with the remedy that fits its cause."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DownloadError(
            f"{path} could not be written: the disk is full. Free some space, or set BUMBLEBEE_CACHE to another disk."
        )
    if isinstance(error, PermissionError):
        return DownloadError(
            f"{path} may not be written by you. Give yourself the right to write there, or set BUMBLEBEE_CACHE."
        )
    return DownloadError(
        f"{path} could not be written ({error}). Set BUMBLEBEE_CACHE to a folder you can write to."
    )
