"""Chance for the grammar of sentence pairs (weeks 4 and 6): the same throws on every platform."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Chance for the grammar. Only `random.Random.random` is used, whose stream Python promises to keep.

    polite: "you" is vous (someone is addressed as sir or madam) instead of tu; madam: and is feminine.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random
        self.polite = self.madam = False

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return self.random() < probability
