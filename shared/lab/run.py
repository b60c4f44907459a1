"""Runs code we did not write: with a time limit, its prints caught, and the notebook's random state left alone.

The time limit works on every platform: the code runs in a thread of its own, and when its time is up an exception is
raised inside that thread. Code that never comes back to Python (one endless C call, a long sleep), or that catches
everything, is left behind: it meets that exception again and again, is heard no more (`shared.lab.ears`), and nothing
that it holds is needed by what follows.
"""

import _thread
import contextlib
import ctypes
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from shared.lab import ears


class TookTooLong(SystemExit):
    """Raised inside code whose time is up.

    No `except Exception` swallows it, and a thread that ends by a SystemExit ends silently, however late.
    """


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
        message = self.message if len(self.message) <= 160 else self.message[:159] + "…"
        return (f"{self.type}: {message}" if message else self.type) + where


@dataclass
class Outcome:
    """What came of a run: `value`, or `raised`; `printed` is what the code wrote to stdout and stderr.

    left_behind: its time was up and it could not be stopped, so it still runs in the background
    """

    value: Any = None
    raised: Raised | None = None
    printed: str = ""
    seconds: float = 0.0
    left_behind: bool = False

    @property
    def too_slow(self) -> bool:
        """True where the time was up before the code came to an end."""
        return self.raised is not None and self.raised.type == TookTooLong.__name__


@dataclass
class Deadline:
    """A budget of seconds that several runs share."""

    seconds: float
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - (time.monotonic() - self.started))


@contextlib.contextmanager
def generators_kept():
    """Puts the states of Python's, NumPy's and torch's random generators back at the end."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def seed_generators(seed: int) -> None:
    """Seeds Python's, NumPy's and torch's generators; torch's on the CPU only, since no check runs elsewhere."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)


def seeded(seed: int, work: Callable[[], Any]) -> Any:
    """Runs `work` with the generators seeded, and puts their states back afterwards."""
    with generators_kept():
        seed_generators(seed)
        return work()


def run_limited(work: Callable[[], Any], seconds: float) -> Outcome:
    """Runs `work` for at most that many seconds. It never raises what `work` raises: that is in the outcome.

    The generators' states are put back here and not in the thread: one that is left behind would do it at any time.
    """
    found, printed, ended = Outcome(), ears.Ear(), _thread.allocate_lock()
    started = time.monotonic()
    ended.acquire()

    def body() -> None:
        ears.open_to(
            _thread.get_ident()
        )  # the number may have been that of a thread that was closed out
        try:
            found.value = work()
        except BaseException as error:
            found.raised = describe(error)
        finally:
            ended.release()

    with ears.listening(printed), warnings.catch_warnings(), generators_kept():
        # The verdict speaks, not a library's warning about what it already names.
        warnings.simplefilter("ignore")
        thread = _thread.start_new_thread(body, ())
        try:
            in_time = _wait(ended, seconds)
        except BaseException:  # the learner pressed stop
            _stop(thread, ended)
            raise
        stopped = in_time or _stop(thread, ended)
        if not stopped:
            _leave_behind(thread, ended)
    # What the thread found is read only where it ended in time: later it may still be writing.
    outcome = found if in_time else Outcome(left_behind=not stopped)
    if not in_time:
        outcome.raised = Raised(TookTooLong.__name__, f"still running after {seconds:.3g} s")
    outcome.printed = printed.heard()
    outcome.seconds = time.monotonic() - started
    return outcome


def _wait(ended: Any, seconds: float) -> bool:
    """Waits for a thread's end, in slices: on Windows a wait cannot be interrupted, the moment between two can."""
    until = Deadline(seconds)
    while not ended.acquire(timeout=min(0.2, until.left)):
        if until.left == 0:
            return False
    return True


def _stop(thread: int, ended: Any, seconds: float = 0.5, pause: float = 0.002) -> bool:
    """Raises TookTooLong inside the thread, again and again, since code may catch it. True where it then ended."""
    until = Deadline(seconds)
    while until.left > 0:
        if not _is_alive(thread, ended):
            return True
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(TookTooLong)
        )
        if ended.acquire(timeout=pause):
            return True
    return False


def _is_alive(thread: int, ended: Any) -> bool:
    """Whether the thread still runs. Its number alone does not tell: a later thread may have got it."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code.co_name == "body" and frame.f_locals.get("ended") is ended:
            return True
        frame = frame.f_back
    return False


def _leave_behind(thread: int, ended: Any) -> None:
    """Lets nobody hear a thread that did not stop, and goes on stopping it in the background."""
    ears.close_to(thread)

    def until_it_ends() -> None:
        while not _stop(thread, ended, seconds=60.0, pause=0.05):
            pass
        ears.open_to(thread)

    _thread.start_new_thread(until_it_ends, ())


def describe(error: BaseException) -> Raised:
    """An exception as data: type, first line of its message, and the last line of learner's code it passed through."""
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_learners(frame.filename)
    ]
    try:
        message = str(error).strip().splitlines()
    except Exception:  # an exception of the learner's own whose text fails
        message = []
    return Raised(
        type(error).__name__,
        message[0] if message else "",
        lines[-1] if lines and lines[-1] else "",
    )


def _is_learners(filename: str) -> bool:
    # A notebook cell's file is made up by ipykernel ("…/ipykernel_123/456.py") or IPython ("<ipython-input-…>").
    return "ipykernel_" in filename or filename.startswith("<") or "my_work" in filename
