"""What each exercise is checked against: its reference, its cases, its known mistakes and its hints.

One package for each week; `find("mlp.sigmoid")` gives an exercise by name. How to add one: CONTRIBUTING.md.
"""

from shared.exercises.spec import (
    Case,
    Exercise,
    Mistake,
    call,
    call_with_gradients,
    find,
    for_week,
    names,
)

__all__ = [
    "Case",
    "Exercise",
    "Mistake",
    "call",
    "call_with_gradients",
    "find",
    "for_week",
    "names",
]
