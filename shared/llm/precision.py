"""What a machine computes fastest: bfloat16 or float32, and how fast at best. Found by a short measurement. Week 9."""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import AbstractContextManager, nullcontext

import torch

PRECISIONS = ("auto", "float32", "bfloat16")


def product_speed(
    device: torch.device, dtype: torch.dtype, size: int, seconds: float = 0.05
) -> float:
    """Floating-point operations per second of the product of two size × size matrices, the best of several."""
    a = torch.randn(size, size, device=device).to(dtype)
    best, until = float("inf"), time.perf_counter() + seconds
    for turn in range(200):
        started = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn > 1:  # the first ones set the kernel up
            best = min(best, time.perf_counter() - started)
            if time.perf_counter() > until:
                break
    return 2 * size**3 / best


def choose_precision(precision: str, device: torch.device, d_model: int) -> tuple[torch.dtype, str]:
    """(what to compute in, why). precision: "float32", "bfloat16", or "auto":

    on a GPU bfloat16 from compute capability 8.0 on; on a CPU where a product of d_model wide matrices takes less than
    two thirds of float32's time, which needs AMX or AVX512-BF16. Raises ValueError for another word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; it must be one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return getattr(torch, precision), "as asked for"
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        chosen = torch.bfloat16 if major >= 8 else torch.float32
        return chosen, f"compute capability {major}.{minor}"
    if device.type != "cpu":
        return torch.float32, f"bfloat16 is not tried on {device.type}"
    size = min(1024, max(128, d_model))
    ratio = product_speed(device, torch.bfloat16, size) / product_speed(device, torch.float32, size)
    chosen = torch.bfloat16 if ratio > 1.5 else torch.float32
    return chosen, f"products of {size} × {size} are {ratio:.1f}× as fast in bfloat16"


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Inside it, products are computed in `dtype`; the weights stay float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def peak_speed(device: torch.device, dtype: torch.dtype) -> float:
    """The most floating-point operations per second that a large product reaches: what 100% of the machine is."""
    return product_speed(device, dtype, 4096 if device.type == "cuda" else 1024, seconds=0.15)


def keep_memory() -> bool:
    """Asks the C library to keep freed memory for this process, instead of giving it back at each step and fetching it
    again page by page. Only glibc (Linux) can be asked; returns whether it was. Measured: up to a tenth of a step."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        ask = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_threshold = -1, -3  # names in malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
    return bool(ask(mmap_threshold, 1 << 30)) and bool(ask(trim_threshold, (1 << 31) - 1))
