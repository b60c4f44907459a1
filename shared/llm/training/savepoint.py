"""Savepoints: what a run in training needs to go on as if nothing had happened. Week 9.

    save(folder, step, model=…, optimizer=…, state={…})      folder/step-00000500/
    found = load_latest(folder)                              the newest that is whole
    model = load_model(folder)                               only the trained model of it

Each is a folder with model.safetensors, optimizer.safetensors and state.json. It is written under another name, brought
to the disk and then renamed, so that it is there whole or not at all; its files are known by their SHA-256, so that one
that was altered later is recognized, and the one before it is taken. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from shared.files import digest_of, disk_full, file_sha256, is_full, sync_folder
from shared.llm.config import ModelConfig
from shared.llm.model import LanguageModel, Parts
from shared.llm.training.optimize import like

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
_PARTIAL = ".partial-"


@dataclass
class Savepoint:
    """One savepoint, read: tensors by name, and what else the run has to know (`state`)."""

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]
    folder: Path


def save(
    folder: str | Path,
    step: int,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
    state: Mapping[str, Any],
    keep: int = 3,
) -> Path:
    """Writes folder/step-XXXXXXXX and then removes all but the newest `keep`. Returns its path.

    model, optimizer: whole tensors by name, none of which shares its memory with another   state: JSON-able
    Raises OSError with what to do where the disk is full, and ValueError for keep below 1; what was there stays.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}; it must be at least 1.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_PARTIAL}*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    place = folder / f"step-{step:08d}"
    beside = Path(tempfile.mkdtemp(dir=folder, prefix=_PARTIAL))
    try:
        for name, tensors in ((MODEL, model), (OPTIMIZER, optimizer)):
            whole = {key: t.detach().cpu().contiguous() for key, t in tensors.items()}
            save_file(whole, beside / name)
        content = {"step": step, "state": dict(state)}
        content["sha256"] = {name: file_sha256(beside / name) for name in (MODEL, OPTIMIZER)}
        content["digest"] = _digest(content)
        (beside / STATE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        for path in beside.iterdir():
            _sync_file(path)
        sync_folder(beside)
        if place.exists():  # a damaged one, or one that the run was taken back behind
            os.replace(place, Path(tempfile.mkdtemp(dir=folder, prefix=_PARTIAL)) / place.name)
        os.replace(beside, place)
        sync_folder(folder)
    except Exception as error:
        shutil.rmtree(beside, ignore_errors=True)
        full = is_full(error) or "No space left" in str(error)  # safetensors has errors of its own
        if full:
            error = error if isinstance(error, OSError) else OSError(28, str(error))
            raise disk_full(place, error) from error
        raise
    older = [path for path in savepoints(folder) if path != place]
    for path in older[: max(0, len(older) + 1 - keep)]:
        _remove(path)
    return place


def savepoints(folder: str | Path) -> list[Path]:
    """The savepoints in a folder, the oldest first, whether they are whole or not."""
    found = Path(folder).glob("step-*")
    return sorted((p for p in found if re.fullmatch(r"step-\d{8,}", p.name)), key=_step)


def load(place: str | Path) -> Savepoint:
    """Reads one savepoint. Raises ValueError, saying what is wrong, where it is not as it was written."""
    place = Path(place)
    try:
        content = json.loads((place / STATE).read_text(encoding="utf-8"))
        if content["digest"] != _digest(content):
            raise ValueError(f"{STATE} was altered")
        for name, digest in content["sha256"].items():
            if file_sha256(place / name) != digest:
                raise ValueError(f"{name} was altered or cut off")
    except FileNotFoundError as error:
        raise ValueError(f"{place} is damaged: {Path(error.filename).name} is missing.") from error
    except (KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{place} is damaged: {STATE} cannot be read ({error}).") from error
    except ValueError as error:
        raise ValueError(f"{place} is damaged: {error}.") from error
    return Savepoint(
        content["step"],
        load_file(place / MODEL),
        load_file(place / OPTIMIZER),
        content["state"],
        place,
    )


def load_latest(
    folder: str | Path, say: Callable[[str], object] = warnings.warn
) -> Savepoint | None:
    """The newest savepoint that is whole; None where there is none at all.

    say: is told about each damaged one that was passed over. Raises ValueError where all that there are are damaged.
    """
    places = savepoints(folder)
    for place in reversed(places):
        try:
            return load(place)
        except ValueError as error:
            say(f"{error} The savepoint before it is used.")
    if places:
        raise ValueError(
            f"All {len(places)} savepoints in {folder} are damaged. Remove the folder to train from the beginning."
        )
    return None


def load_model(folder: str | Path, parts: Parts | None = None) -> LanguageModel:
    """The model of the newest savepoint in a folder, in evaluation mode. Raises ValueError where there is none."""
    found = load_latest(folder)
    if found is None:
        raise ValueError(f"{folder} has no savepoint: train first, with the stage `pretrain`.")
    model = LanguageModel(ModelConfig(**found.state["config"]), parts)
    load_weights(model, found.model)
    return model.eval()


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts the weights of a savepoint into a model, whether that is whole or sharded over processes.

    Raises ValueError where they are those of another model.
    """
    wanted = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: tuple(t.shape) for name, t in weights.items()}
    if wanted != found:
        differing = sorted(set(wanted.items()) ^ set(found.items()))
        name, shape = differing[0]
        whose = "model" if wanted.get(name) == shape else "savepoint"
        raise ValueError(
            f"the savepoint is of a model with other settings: {len(differing)} differences, the first of them that "
            f"only the {whose} has {name} of shape {shape}."
        )
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # a tied head is in it once
            parameter.copy_(like(weights[name], parameter))


def _step(place: Path) -> int:
    return int(place.name.removeprefix("step-"))


def _digest(content: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in content.items() if key != "digest"}
    return digest_of([json.dumps(rest, sort_keys=True)])


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(place: Path) -> None:
    """Takes its name away first: what is half removed no longer looks like a savepoint."""
    away = Path(tempfile.mkdtemp(dir=place.parent, prefix=_PARTIAL))
    os.replace(place, away / place.name)
    shutil.rmtree(away, ignore_errors=True)
