"""Products of few rows with many weights, as fast as the weights can be read: what a model does while it writes.

Nothing in torch does it for several rows: 8 of them take it more than twice as long, and a third longer where it keeps
the weights rearranged, which is twice the memory. The work is done in `few_rows.cpp`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from shared.llm.compiling import function

ROWS = range(1, 17)  # for so many this was measured to be as fast as any other way, or faster


def few_rows(weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """The function from x to x Wᵀ + bias: (n, d_in) → (n, d_out), which has no gradients.

    weight: (d_out, d_in)   bias: (d_out,)   both float32 on a CPU, as x must be; they are not copied

    Raises ValueError for other tensors, and OSError where there is no compiler.
    """
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and not (
            tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
        ):
            raise ValueError(
                f"{name} is {tensor.dtype} on {tensor.device}; it must be float32 on a CPU, without gaps."
            )
    if weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shapes = ", ".join(str(tuple(t.shape)) for t in (weight, bias) if t is not None)
        raise ValueError(f"shapes are {shapes}; they must be (d_out, d_in) and (d_out,).")
    product = load()
    d_out, d_in = weight.shape

    def multiply(x: Tensor) -> Tensor:
        if x.dtype is not torch.float32 or x.ndim != 2 or x.shape[1] != d_in:
            raise ValueError(
                f"x is {x.dtype} of {tuple(x.shape)}; it must be float32 of (n, {d_in})."
            )
        x = x.contiguous()
        y = x.new_empty(len(x), d_out)
        places = (x.data_ptr(), weight.data_ptr(), bias.data_ptr() if bias is not None else None)
        product(*places, y.data_ptr(), len(x), d_in, d_out, torch.get_num_threads())
        return y

    return multiply


@cache
def load() -> Callable[..., None]:
    """The compiled function. Raises OSError where there is no compiler."""
    return function(Path(__file__).with_suffix(".cpp"), addresses=4, sizes=3)
