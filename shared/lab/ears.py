"""Who is heard: what a check's code prints is caught, and a thread that could not be stopped is heard no more.

Nor can it ask: `input()` in an answer would wait for somebody who does not know.

Without this, `while True: print(x)` inside a bare `try … except` would fill every later cell of the notebook.
"""

import builtins
import contextlib
import io
import sys
from collections.abc import Iterator
from threading import get_ident
from typing import Any

_MOST = 20_000  # characters that are kept of what one run prints

_closed_to: set[int] = set()  # threads that are heard no more


class Ear(io.TextIOBase):
    """Catches what is printed: its first characters, from every thread that is still heard."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = _MOST

    def writable(self) -> bool:
        """Always: this is a stream to print to."""
        return True

    def write(self, text: str) -> int:
        """Takes a text in, as long as there is room."""
        if self._room > 0 and get_ident() not in _closed_to:
            self._pieces.append(text[: self._room])
            self._room -= len(text)
        return len(text)

    def heard(self) -> str:
        """What was printed so far."""
        return "".join(self._pieces)


class _Gate:
    """The notebook's own stream, for every thread but those that are heard no more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if get_ident() in _closed_to else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def listening(ear: Ear) -> Iterator[None]:
    """Catches stdout and stderr. Afterwards the old ones are back, gated where a thread is heard no more."""
    before, ask = (sys.stdout, sys.stderr), builtins.input
    sys.stdout = sys.stderr = ear  # type: ignore[assignment]
    builtins.input = _nobody_answers
    try:
        yield
    finally:
        builtins.input = ask
        sys.stdout, sys.stderr = map(_gated, before) if _closed_to else before


def _nobody_answers(prompt: object = "") -> str:
    raise RuntimeError("input() cannot be used in an exercise: nobody answers while it is checked")


def _gated(stream: Any) -> Any:
    return stream if isinstance(stream, (_Gate, Ear)) else _Gate(stream)


def close_to(thread: int) -> None:
    """From now on nothing that this thread prints is caught; at the end of `listening`, nor is it shown."""
    _closed_to.add(thread)


def open_to(thread: int) -> None:
    """The thread has ended; a new one may get its number."""
    _closed_to.discard(thread)
