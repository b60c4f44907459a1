"""Predict, then run: what the learner guessed beside what was measured."""

from typing import Any

from shared.lab import journal
from shared.lab.lines import Line, say


def reveal(guess: Any, measured: Any, what: str) -> None:
    """Says the guess beside the measured value. `guess` may still be `...` or None: nothing was guessed.

    reveal(3, 0, "of 100,000 lines split XOR") → "You said 3; measured: 0 of 100,000 lines split XOR."
    """
    if guess is None or guess is ...:
        said = "No guess yet (it works better with one)"
    else:
        said = f"You said {_short(guess)}"
        journal.note("guess", what=what, guess=_short(guess), measured=_short(measured))
    say(Line("?", "", f"{said}; measured: {_short(measured)} {what}."))


def _short(value: Any) -> str:
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
