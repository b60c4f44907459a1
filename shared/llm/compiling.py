"""C++ that this machine's compiler turns into machine code, once, when it is first asked for.

torch has a routine for nearly everything; where none is fast enough, a few lines of C++ are. Nothing in the course
needs them: who asks for them gets the same numbers sooner. It takes a compiler, as `torch.compile` does.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from shared.data.places import cache_root

FLAGS = ("-O3", "-std=c++17", "-fPIC", "-shared", "-fopenmp")
OF_PROCESSOR = {"AVX512": ("-mavx512f", "-mfma"), "AVX2": ("-mavx2", "-mfma")}


@cache
def compiled(source: Path) -> ctypes.CDLL:
    """The functions of a C++ file, and of the headers beside it: from the course's cache, or built now, in 2 seconds.

    Raises OSError, saying what to do, where there is no compiler or it fails.
    """
    flags = (*FLAGS, *OF_PROCESSOR.get(torch.backends.cpu.get_cpu_capability(), ()))
    told = hashlib.sha256("\0".join(flags).encode())
    for file in (source, *sorted(source.parent.glob("*.h"))):
        told.update(file.read_bytes())
    built = cache_root() / "compiled" / f"{source.stem}-{told.hexdigest()[:16]}.so"
    if not built.exists():
        _build(source, built, flags)
    return ctypes.CDLL(str(built))


def function(source: Path, addresses: int, sizes: int) -> Callable[..., None]:
    """The function that a C++ file is named after: it takes so many addresses, then so many sizes, then the number of
    threads, and gives nothing back. Raises OSError as `compiled` does."""
    found = getattr(compiled(source), source.stem)
    found.argtypes = [ctypes.c_void_p] * addresses + [ctypes.c_int64] * sizes + [ctypes.c_int]
    found.restype = None
    return found


def compiler() -> str | None:
    """Where the C++ compiler is: what CXX names, g++ or clang++."""
    names = filter(None, (os.environ.get("CXX"), "g++", "clang++"))
    return next(filter(None, map(shutil.which, names)), None)


def _build(source: Path, built: Path, flags: tuple[str, ...]) -> None:
    found = compiler()
    if found is None:
        raise OSError(
            "there is no C++ compiler: install g++ or clang++ (Debian: apt install g++), or go on without compiling."
        )
    built.parent.mkdir(parents=True, exist_ok=True)
    # Somewhere else first: a half-written file is never found, and two that build at once do not disturb each other.
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        new = Path(folder) / built.name
        command = [found, *flags, str(source), "-o", str(new)]
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode:
            raise OSError(
                f"{found} could not build {source.name}; go on without compiling. It says:\n{made.stderr.strip()}"
            )
        os.replace(new, built)
