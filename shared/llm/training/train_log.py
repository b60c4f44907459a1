"""What a run writes and shows while it trains: a log of JSON lines, TensorBoard where it is installed, a bar. Week 9.

The log reads as one run, however often that was interrupted: on resuming, lines after the savepoint are cut.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from shared.files import write_whole


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """The lines of a log; a last one that was cut off by a crash is left out. No file: []."""
    if not Path(path).exists():
        return []
    lines = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return lines


class TrainLog:
    """One JSON object a line, each with its "step": how many steps were done when it was written.

    tensorboard: a folder for its files as well; None, or where it is not installed: none
    """

    def __init__(self, path: str | Path, tensorboard: str | Path | None = None) -> None:
        self.path, self._board_folder, self._board = Path(path), tensorboard, None
        self._file = None

    def cut(self, step: int) -> list[dict[str, Any]]:
        """Removes the lines after a step and returns them; what follows is written from there on."""
        self.close()
        lines = read_log(self.path)
        kept = [line for line in lines if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_whole(self.path, text)
        if self._board_folder is not None:
            self._board = _board(Path(self._board_folder), step + 1)
        return [line for line in lines if line["step"] > step]

    def write(self, line: dict[str, Any]) -> None:
        """Adds a line. A reader sees it at once, and it survives a kill."""
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in line.items():
                if name != "step" and isinstance(value, (int, float)):
                    self._board.add_scalar(name, value, line["step"])

    def sync(self) -> None:
        """Brings all lines to the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the files; writing opens them again."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._board is not None:
            self._board.close()
            self._board = None


def _board(folder: Path, purge_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=purge_step)


class Bar:
    """A progress bar with loss, speed, time left and the share of the machine's peak; it counts steps, or seconds.

    on_progress(done, total): told as well   show: whether the bar is seen
    """

    def __init__(
        self, total: float, show: bool, on_progress: Callable[[int, int | None], None] | None
    ) -> None:
        self.total, self.on_progress = total, on_progress
        # On stdout: what stands on stderr is shown on red in a notebook, like an error.
        self.bar = tqdm(
            total=round(total), desc="pretrain", file=sys.stdout, ncols=100, disable=not show
        )

    def update(self, done: float, loss: float, speed: float, share: float | None) -> None:
        """done: steps or seconds   speed: tokens per second   share: of the machine's peak"""
        if not self.bar.disable:
            of_peak = "" if share is None else f", {share:.0%} of peak"
            self.bar.set_postfix_str(f"loss {loss:.3f}, {speed:,.0f} tokens/s{of_peak}", False)
            self.bar.update(min(round(done), self.bar.total) - self.bar.n)
        if self.on_progress is not None:
            self.on_progress(round(done), round(self.total))

    def close(self) -> None:
        """Ends the bar."""
        self.bar.close()
