"""Says where two outcomes differ: tensors, arrays, numbers, strings, and nests of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Difference:
    """One place where `mine` is not `theirs`.

    kind: "type", "shape", "dtype", "device", "layout", "length", "value" or "not finite"
    path: where in a nest, e.g. "['gradient of x']" or "[2]"; empty at the top
    """

    kind: str
    path: str
    mine: Any
    theirs: Any


def difference(
    mine: Any, theirs: Any, rtol: float, atol: float, path: str = ""
) -> Difference | None:
    """The first place where `mine` differs from `theirs`, or None. `theirs` says what type is right.

    A plain number may stand for a 0-d tensor only where `theirs` is a plain number; lists and tuples are alike.
    """
    if isinstance(theirs, torch.Tensor):
        if not isinstance(mine, torch.Tensor):
            return Difference("type", path, mine, theirs)
        return _array_difference(mine.detach(), theirs.detach(), rtol, atol, path)
    if isinstance(theirs, np.ndarray):
        if not isinstance(mine, np.ndarray):
            return Difference("type", path, mine, theirs)
        return _numpy_difference(mine, theirs, rtol, atol, path)
    if isinstance(theirs, Mapping):
        return _mapping_difference(mine, theirs, rtol, atol, path)
    if isinstance(theirs, (list, tuple)):
        if not isinstance(mine, (list, tuple)):
            return Difference("type", path, mine, theirs)
        if len(mine) != len(theirs):
            return Difference("length", path, mine, theirs)
        return _first(
            difference(a, b, rtol, atol, f"{path}[{i}]")
            for i, (a, b) in enumerate(zip(mine, theirs))
        )
    if isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
        return _number_difference(mine, theirs, rtol, atol, path)
    if isinstance(theirs, bool) and isinstance(mine, np.bool_):
        mine = bool(mine)
    if type(mine) is not type(theirs):
        return Difference("type", path, mine, theirs)
    return None if mine == theirs else Difference("value", path, mine, theirs)


def _first(differences: Iterator[Difference | None]) -> Difference | None:
    return next((d for d in differences if d is not None), None)


def _numpy_difference(
    mine: np.ndarray, theirs: np.ndarray, rtol: float, atol: float, path: str
) -> Difference | None:
    if mine.shape != theirs.shape:
        return Difference("shape", path, mine, theirs)
    if mine.dtype != theirs.dtype:
        return Difference("dtype", path, mine, theirs)
    if theirs.dtype.kind not in "fc":  # whole numbers, booleans, texts, objects
        return None if np.array_equal(mine, theirs) else Difference("value", path, mine, theirs)
    # As tensors, on a copy in the machine's own byte order, which torch asks for.
    both = [torch.from_numpy(x.astype(x.dtype.newbyteorder("="))) for x in (mine, theirs)]
    return _array_difference(*both, rtol, atol, path)


def _array_difference(
    mine: torch.Tensor, theirs: torch.Tensor, rtol: float, atol: float, path: str
) -> Difference | None:
    if mine.shape != theirs.shape:
        return Difference("shape", path, mine, theirs)
    if mine.dtype != theirs.dtype:
        return Difference("dtype", path, mine, theirs)
    if mine.device != theirs.device:
        return Difference("device", path, mine.device, theirs.device)
    if mine.layout != theirs.layout:
        return Difference("layout", path, mine.layout, theirs.layout)
    if not theirs.is_floating_point() and not theirs.is_complex():
        return None if torch.equal(mine, theirs) else Difference("value", path, mine, theirs)
    if torch.allclose(mine, theirs, rtol=rtol, atol=atol, equal_nan=True):
        return None
    finite = torch.isfinite(mine) | ~torch.isfinite(theirs)
    return Difference("value" if finite.all() else "not finite", path, mine, theirs)


def _mapping_difference(
    mine: Any, theirs: Mapping, rtol: float, atol: float, path: str
) -> Difference | None:
    if not isinstance(mine, Mapping):
        return Difference("type", path, mine, theirs)
    if set(mine) != set(theirs):
        return Difference("length", path, sorted(map(str, mine)), sorted(map(str, theirs)))
    return _first(difference(mine[k], theirs[k], rtol, atol, f"{path}[{k!r}]") for k in theirs)


def _number_difference(
    mine: Any, theirs: float, rtol: float, atol: float, path: str
) -> Difference | None:
    if isinstance(mine, (torch.Tensor, np.ndarray)) and mine.ndim == 0:
        mine = mine.item()
    if isinstance(mine, bool) or not isinstance(mine, (int, float, np.number)):
        return Difference("type", path, mine, theirs)
    if math.isclose(mine, theirs, rel_tol=rtol, abs_tol=atol) or (
        math.isnan(mine) and math.isnan(theirs)
    ):
        return None
    return Difference("value" if math.isfinite(mine) else "not finite", path, mine, theirs)


def size(value: Any) -> int:
    """How many numbers a nest holds: the measure by which the smallest failing input is chosen."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return int(np.prod(value.shape))
    if isinstance(value, Mapping):
        return sum(size(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return sum(size(v) for v in value)
    return len(value) if isinstance(value, str) else 1


def brief(value: Any, most: int = 12) -> str:
    """A value in one short line: its numbers where they are few, otherwise its type and shape."""
    if isinstance(value, torch.nn.Parameter):
        value = value.detach()
    if isinstance(value, (torch.Tensor, np.ndarray)):
        if size(value) <= most and _has_numbers(value):
            return _numbers(value.tolist())
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        return f"{kind} {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {brief(v, most)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(brief(v, most) for v in value[:6]) + (", …" if len(value) > 6 else "")
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, (torch.device, torch.dtype, torch.layout)):
        return str(value)
    if isinstance(value, torch.nn.Module) or callable(value):
        return getattr(value, "__name__", type(value).__name__)
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an object of the learner's own whose text fails
        text = f"a {type(value).__name__}"
    return text if len(text) <= 70 else text[:67] + "…"


def _has_numbers(value: torch.Tensor | np.ndarray) -> bool:
    # A tensor on the device "meta" has a shape and no numbers; a sparse one does not give its own as a list.
    return isinstance(value, np.ndarray) or (
        value.device.type != "meta" and value.layout == torch.strided
    )


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_numbers(v) for v in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
