"""Comparing training runs fairly: the rates to try, which is best, how fast a run got there, and runs that resume.

Met in week 2's challenge, and wherever two ways to train are compared.
"""

import inspect
import json
import math
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def learning_rates(low: float, high: float, count: int) -> list[float]:
    """count rates from low to high, each the same factor above the one before: even steps on a logarithmic scale.

    learning_rates(0.001, 0.1, 3)   →   [0.001, 0.01, 0.1]
    """
    factor = (high / low) ** (1 / (count - 1))
    return [low * factor**i for i in range(count)]


def best_rate(scores: Mapping[float, Sequence[float]]) -> float:
    """The rate whose runs have the highest mean validation accuracy; a rate with a run that gave nan cannot win.

    scores: rate → one accuracy for each seed
    Of rates with equal means the smallest is taken, which is furthest from where training breaks.
    """
    means = {rate: sum(values) / len(values) for rate, values in scores.items()}
    sound = {rate: mean for rate, mean in means.items() if not math.isnan(mean)}
    return min(sound, key=lambda rate: (-sound[rate], rate))


def steps_to_target(
    steps: Sequence[int], accuracies: Sequence[float], target: float
) -> float | None:
    """The step at which a curve first reaches the target, read off the straight line between two measurements.

    steps, accuracies: the same length, steps rising   →   a number of steps, or None where it never gets there
    """
    for i, accuracy in enumerate(accuracies):
        if accuracy >= target:
            if i == 0:
                return float(steps[0])
            share = (target - accuracies[i - 1]) / (accuracy - accuracies[i - 1])
            return steps[i - 1] + share * (steps[i] - steps[i - 1])
    return None


def band(curves: Sequence[Sequence[float]]) -> tuple[list[float], list[float], list[float]]:
    """Mean, lowest and highest of several runs at each measurement: the line and the band of a plot.

    curves: (runs, points)   →   three lists of `points` numbers
    """
    points = list(zip(*curves, strict=True))
    means = [sum(values) / len(values) for values in points]
    return means, [min(values) for values in points], [max(values) for values in points]


def code_of(*functions: Callable[..., Any]) -> str:
    """A short fingerprint of the functions' source, for the settings of a kept run: after a change it is another run.

    A function whose source cannot be had (typed into a plain Python shell) counts by its name.
    """
    texts = []
    for function in functions:
        try:
            texts.append(inspect.getsource(function).strip())
        except (OSError, TypeError):
            texts.append(function.__qualname__)
    return f"{zlib.crc32(chr(10).join(texts).encode()):08x}"


class Runs:
    """Results kept in a JSON file, keyed by their settings: a sweep that was interrupted goes on where it stopped.

    runs = Runs(folder / "sweep.json")
    result = runs.get({"optimizer": "Adam", "lr": 0.01, "seed": 0}, lambda: train(…))   # trains once, then reads
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results: dict[str, Any] = {}
        if path.is_file():
            try:
                self.results = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:  # a file that cannot be read is no result; its runs are done again
                self.results = {}

    def __len__(self) -> int:
        return len(self.results)

    def get(self, settings: Mapping[str, Any], work: Callable[[], Any]) -> Any:
        """The kept result of these settings; else what `work` returns, which is kept. It must fit into JSON."""
        key = json.dumps(dict(settings), sort_keys=True)
        if key not in self.results:
            self.results[key] = work()
            self._write()
        return self.results[key]

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(self.results), encoding="utf-8")
        os.replace(
            temporary, self.path
        )  # whole or not at all: a run that is killed leaves the old file
