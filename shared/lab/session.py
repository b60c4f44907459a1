"""Opens a notebook: seed, device, profile and data root, told in one line; and the notebook's budgets."""

import os
import random
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from shared.lab.cell import protect_exercise_cells
from shared.lab.colab import install_missing
from shared.lab.figures import use_style
from shared.lab.lines import Line, say, shell
from shared.lab.tables import Grid

PROFILES = ("smoke", "laptop", "gpu")
T = TypeVar("T")


@dataclass(frozen=True)
class Lab:
    """An open notebook. `profile` is "smoke", "laptop" or "gpu"; `device` is where models belong."""

    name: str
    profile: str
    device: torch.device
    seed: int
    data_root: Path | None

    def budgets(self, **rows: tuple[Any, Any, Any]) -> types.SimpleNamespace:
        """Shows what this notebook spends in each profile, and gives this profile's column by attribute.

        budgets(epochs=(1, 5, 20)) → a namespace whose `epochs` is 1 in `smoke`, 5 in `laptop`, 20 in `gpu`.
        """
        for row, values in rows.items():
            if len(values) != len(PROFILES):
                raise ValueError(
                    f"{row}={values!r} must hold {len(PROFILES)} values, one for each of {PROFILES}."
                )
        column = PROFILES.index(self.profile)
        table = [[name.replace("_", " "), *map(_number, values)] for name, values in rows.items()]
        say(Grid(["", *PROFILES], table, strong=column + 1))
        return types.SimpleNamespace(**{row: values[column] for row, values in rows.items()})

    def track(self, items: Iterable[T], what: str = "") -> Iterable[T]:
        """Goes through items under a progress bar with the time that is left. It can be interrupted like any loop."""
        # On stdout: what stands on stderr is shown on red, like an error.
        return tqdm(items, desc=what, file=sys.stdout, ncols=88, mininterval=0.3, leave=True)

    def bar(self, what: str = "") -> Callable[[float, float | None], None]:
        """The same bar for work that tells how far it is: a function of (done, total), which ends at total."""
        shown = tqdm(desc=what, file=sys.stdout, ncols=88, mininterval=0.3, leave=True)

        def tell(done: float, total: float | None) -> None:
            shown.total = total
            shown.update(done - shown.n)
            if total is not None and done >= total:
                shown.close()

        return tell

    def seed_everything(self, offset: int = 0) -> torch.Generator:
        """Seeds Python, NumPy and torch with the notebook's seed + offset; returns a seeded generator of its own."""
        seed = self.seed + offset
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        return torch.Generator().manual_seed(seed)


def open_lab(name: str, seed: int = 1) -> Lab:
    """Opens the notebook of that name ("week01/guided"), and says in one line what it runs on.

    Raises ValueError for an unknown BUMBLEBEE_PROFILE, or for a BUMBLEBEE_DATA that is no folder.
    """
    device = _device()
    lab = Lab(name, _profile(device), device, seed, _data_root())
    lab.seed_everything()
    use_style()
    if "google.colab" in sys.modules:
        install_missing()
    ipython = shell()
    if ipython is not None:
        protect_exercise_cells(ipython)
    data = (
        "BUMBLEBEE_DATA"
        if lab.data_root
        else ("stand-ins, offline" if _offline() else "download, else stand-ins")
    )
    say(
        Line(
            "·",
            "",
            f"Bumblebee {name} · profile {lab.profile} · {_device_name(device)} · data: {data} · seed {seed}",
        )
    )
    return lab


def _profile(device: torch.device) -> str:
    asked = os.environ.get("BUMBLEBEE_PROFILE", "").strip().lower()
    if asked and asked not in PROFILES:
        raise ValueError(
            f"BUMBLEBEE_PROFILE is {asked!r}; it must be one of {', '.join(PROFILES)}, or not set."
        )
    return asked or ("gpu" if device.type == "cuda" else "laptop")


def _device() -> torch.device:
    """BUMBLEBEE_DEVICE where it is set, else a CUDA device where there is one, else the CPU.

    Apple's MPS lacks some operations and rounds differently; the course's sizes run well on its CPU.
    """
    asked = os.environ.get("BUMBLEBEE_DEVICE", "").strip().lower()
    try:
        device = torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise ValueError(
            f"BUMBLEBEE_DEVICE is {asked!r}; it must be cpu, cuda or mps, or not set."
        ) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"BUMBLEBEE_DEVICE is {asked!r}, but torch finds no CUDA device here.")
    return device


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    threads = torch.get_num_threads()
    return f"{device.type}, {threads} thread{'s' if threads > 1 else ''}"


def _data_root() -> Path | None:
    folder = os.environ.get("BUMBLEBEE_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise ValueError(
            f"BUMBLEBEE_DATA is {folder!r}, which is no folder here. Mend the path, or unset it."
        )
    return Path(folder)


def _offline() -> bool:
    return os.environ.get("BUMBLEBEE_OFFLINE", "") not in ("", "0")


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
