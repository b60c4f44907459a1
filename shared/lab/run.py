"""Runs code we did not write: with a time limit, its prints caught, and the notebook's random state left alone.

The time limit works on every platform: the code runs in a thread of its own, and when its time is up an exception is
raised inside that thread. Code that never comes back to Python (one endless C call) is left behind as a daemon.
"""

import contextlib
import ctypes
import io
import random
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch


class TookTooLong(Exception):
    """Raised inside code whose time is up."""


@dataclass
class Raised:
    """An exception as an outcome: compared by type and message, shown with the learner's own line."""

    type: str
    message: str
    line: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raised) and (self.type, self.message) == (
            other.type,
            other.message,
        )

    def __str__(self) -> str:
        where = f"  (at: {self.line})" if self.line else ""
        return f"{self.type}: {self.message}{where}"


@dataclass
class Outcome:
    """What came of a run: `value`, or `raised`; `printed` is what the code wrote to stdout."""

    value: Any = None
    raised: Raised | None = None
    printed: str = ""
    seconds: float = 0.0


@dataclass
class Deadline:
    """A budget of seconds that several runs share."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - (time.monotonic() - self.started))


def seeded(seed: int, work: Callable[[], Any]) -> Any:
    """Runs `work` with Python's, NumPy's and torch's generators seeded, and puts their states back afterwards."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            return work()
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


def run_limited(work: Callable[[], Any], seconds: float) -> Outcome:
    """Runs `work` for at most that many seconds. It never raises what `work` raises: that is in the outcome."""
    outcome, printed = Outcome(), io.StringIO()
    started = time.monotonic()

    def body() -> None:
        try:
            outcome.value = work()
        except BaseException as error:
            outcome.raised = describe(error)

    thread = threading.Thread(target=body, daemon=True, name="exercise")
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the verdict speaks, not a library's warning about what it already names
        thread.start()
        try:
            thread.join(seconds)
            if thread.is_alive():
                _stop(thread)
                outcome.value = None
                outcome.raised = Raised("TookTooLong", f"still running after {seconds:.3g} s")
        except KeyboardInterrupt:  # the learner pressed stop
            _stop(thread)
            raise
    outcome.printed = printed.getvalue()
    outcome.seconds = time.monotonic() - started
    return outcome


def describe(error: BaseException) -> Raised:
    """An exception as data: type, first line of its message, and the last line of learner's code it passed through."""
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_learners(frame.filename)
    ]
    message = str(error).strip().splitlines()
    return Raised(
        type(error).__name__,
        message[0] if message else "",
        lines[-1] if lines and lines[-1] else "",
    )


def _is_learners(filename: str) -> bool:
    # A notebook cell's file is made up by ipykernel ("…/ipykernel_123/456.py") or IPython ("<ipython-input-…>").
    return "ipykernel_" in filename or filename.startswith("<") or "my_work" in filename


def _stop(thread: threading.Thread) -> None:
    """Raises TookTooLong inside the thread, several times, since code may catch it; gives up after half a second."""
    for _ in range(10):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TookTooLong)
        )
        thread.join(0.05)
        if not thread.is_alive():
            return
