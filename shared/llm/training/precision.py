"""What a machine computes fastest: bfloat16 or float32, and how fast at best. Found by a short measurement. Week 9."""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import AbstractContextManager, nullcontext

import torch

PRECISIONS = ("auto", "float32", "bfloat16")


def product_speed(
    device: torch.device, dtype: torch.dtype, rows: int, width: int, seconds: float = 0.05
) -> float:
    """Floating-point operations per second of the product of a rows × width matrix with a width × 4 width one, the best
    of several: what a feed-forward layer does with `rows` tokens."""
    a = torch.randn(rows, width, device=device).to(dtype)
    b = torch.randn(width, 4 * width, device=device).to(dtype)
    best, until = float("inf"), time.perf_counter() + seconds
    for turn in range(200):
        started = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn > 1:  # the first ones set the kernel up
            best = min(best, time.perf_counter() - started)
            if time.perf_counter() > until:
                break
    return 8 * rows * width**2 / best


def choose_precision(precision: str, device: torch.device, d_model: int) -> tuple[torch.dtype, str]:
    """(what to compute in, why). precision: "float32", "bfloat16", or "auto":

    on a GPU bfloat16 from compute capability 8.0 on; on a CPU where a product with d_model wide matrices takes less
    than half of float32's time, which needs AMX or AVX512-BF16 and some width. Raises ValueError for another word.
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
    width = min(1024, max(16, d_model))
    low, full = (product_speed(device, t, 1024, width) for t in (torch.bfloat16, torch.float32))
    chosen = torch.bfloat16 if low > 2 * full else torch.float32
    return chosen, f"products with {width} wide matrices are {low / full:.1f}× as fast in bfloat16"


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Inside it, products are computed in `dtype`; the weights stay float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def peak_speed(device: torch.device, dtype: torch.dtype) -> float:
    """The most floating-point operations per second that a large product reaches: what 100% of the machine is."""
    size = 2048 if device.type == "cuda" else 512
    return product_speed(device, dtype, 4 * size, size, seconds=0.15)


def keep_memory() -> bool:
    """Asks the C library to keep freed memory for this process, instead of giving it back at each step and fetching it
    again page by page. Only glibc (Linux) can be asked; returns whether it was.

    Measured on two cores: cross-entropy of 2,048 × 4,096 logits, forward and backward, 52 ms without and 24 with it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        ask = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim_threshold, mmap_threshold = -1, -3  # names in malloc.h: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
    return bool(ask(mmap_threshold, 1 << 30)) and bool(ask(trim_threshold, (1 << 31) - 1))
