"""What may come between a run and its end: a loss that jumps or is no number, Ctrl-C, the system's request. Week 9."""

from __future__ import annotations

import math
import signal
import statistics
from collections.abc import Sequence
from types import FrameType
from typing import Any


class Diverged(RuntimeError):
    """A run whose loss jumps again and again, also with other batches."""


class SpikeDetector:
    """Says of each loss whether it is out of line: not a number, or far above the median of the last `window` losses.

    limit: how far, in nats; None: only what is not a number
    recent: the last losses, which are part of a run's state
    """

    def __init__(
        self, limit: float | None = 2.0, window: int = 32, recent: Sequence[float] = ()
    ) -> None:
        self.limit, self.window, self.recent = limit, window, list(recent)

    def complaint(self, loss: float, gradient_norm: float) -> str | None:
        """What is wrong with a step's loss or gradient; None, and the loss is remembered, where nothing is."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient's length is {gradient_norm}"
        if self.limit is not None and len(self.recent) == self.window:
            usual = statistics.median(self.recent)
            if loss > usual + self.limit:
                return f"the loss jumped to {loss:.3f} from about {usual:.3f}"
        self.recent = [*self.recent, loss][-self.window :]
        return None


class Interruption:
    """Inside the `with`, SIGTERM and Ctrl-C only set `asked`, so that a step can be finished and saved.

    A second Ctrl-C interrupts at once. Outside the main thread, where Python takes no signals, nothing changes.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._before[number] = signal.signal(number, self._ask)
            except ValueError:  # not the main thread
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
