"""torch's kernels for weights of 8 and 4 bits on a CPU, behind the layers of `quantize`. Week 9.

Their names begin with an underscore or belong to older interfaces, so that a later torch may lack one: then, as on a
device that they don't know, the layers compute plainly. Which is used changes the speed, and the last digits.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

# From so many rows on, it pays to make the weights float once and to multiply with a kernel for large products.
MOST_ROWS = 16
INT4_GROUPS = (32, 64, 128, 256)
# Processors without VNNI add pairs of products in 16 bits, where two large ones do not fit: then x gets 7 bits.
SEVEN_BITS = not getattr(torch.cpu, "_is_vnni_supported", lambda: False)()


class _Kernel:
    """Which kernel a layer wants, and what was laid out for it, which copies of the layer share."""

    def __init__(self, name: str) -> None:
        self.name, self.laid_out, self.missing = name, None, False
        # A layer that does the work of several, of which the kernel's own is the first.
        self.joint: nn.Module | None = None

    def __deepcopy__(self, memo: dict) -> _Kernel:
        return self  # `Reader` copies a model each time it is used; the order of the weights need not be made again

    def suits(self, x: Tensor) -> bool:
        """Whether the kernel can, and should, take this input. None of them has gradients."""
        if self.missing or x.requires_grad or x.device.type != "cpu":
            return False
        return self.name == "dynamic" or (
            self.name == "weight_only" and x.shape[:-1].numel() <= MOST_ROWS
        )


class Int8Kernel(_Kernel):
    """(x, levels, scale, bias) → x Wᵀ + b for W = scale[:, None] · levels. x: (..., d_in)   →   (..., d_out)"""

    def __call__(self, x: Tensor, levels: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
        try:
            if self.name == "dynamic":
                if self.laid_out is None:
                    self.laid_out = _dynamic(levels, scale, bias)
                if x.dtype == torch.float32:
                    return torch.ops.quantized.linear_dynamic(x, self.laid_out, SEVEN_BITS)
                y = torch.ops.quantized.linear_dynamic(x.float(), self.laid_out, SEVEN_BITS)
                return y.to(x.dtype)
            if self.laid_out is None:
                self.laid_out = scale.to(torch.bfloat16)
            rows = x.reshape(-1, x.shape[-1]).to(torch.bfloat16)
            y = torch._weight_int8pack_mm(rows, levels, self.laid_out).to(x.dtype)
        except (AttributeError, RuntimeError, NotImplementedError):
            self.missing = True
            return nn.functional.linear(x, levels.to(x.dtype) * scale[:, None].to(x.dtype), bias)
        y = y.view(*x.shape[:-1], -1)
        return y if bias is None else y + bias

    def alone(
        self, levels: Tensor, scale: Tensor, bias: Tensor | None
    ) -> Callable[[Tensor], Tensor] | None:
        """The same for float32 as a function of x only, of the kernel "dynamic"; None: there is none."""
        if self.name != "dynamic" or not self.suits(levels):
            return None
        self(levels.new_zeros(1, levels.shape[1], dtype=scale.dtype), levels, scale, bias)
        product, laid_out = torch.ops.quantized.linear_dynamic, self.laid_out
        return None if self.missing else lambda x: product(x, laid_out, SEVEN_BITS)


def _dynamic(levels: Tensor, scale: Tensor, bias: Tensor | None) -> object:
    """The weights in the order that `linear_dynamic` wants them; it finds the scale of x anew at each call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would like us to move to another package
        zero = torch.zeros(len(scale), dtype=torch.long)
        weight = torch._make_per_channel_quantized_tensor(levels, scale.double(), zero, 0)
        return torch.ops.quantized.linear_prepack(weight, None if bias is None else bias.float())


class Int4Kernel(_Kernel):
    """(x, unpack, packed, scale, offset, bias) → x Wᵀ + b. x: (..., d_in)   →   (..., d_out)"""

    def takes(self, scale: Tensor, packed: Tensor) -> bool:
        """The kernel knows only some sizes of groups."""
        return 2 * packed.shape[1] // scale.shape[1] in INT4_GROUPS

    def __call__(
        self,
        x: Tensor,
        unpack: Callable[[Tensor], Tensor],
        packed: Tensor,
        scale: Tensor,
        offset: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        d_out, group = len(packed), 2 * packed.shape[1] // scale.shape[1]
        rows = x.reshape(-1, x.shape[-1]).to(torch.bfloat16)
        try:
            if self.laid_out is None:
                more = -d_out % 32  # the kernel wants rows by the 32
                levels = nn.functional.pad(unpack(packed).int(), (0, 0, 0, more))
                # It computes (level − 8) · scale + zero.
                pairs = torch.stack([scale, offset + 8 * scale], dim=-1)  # (d_out, groups, 2)
                pairs = nn.functional.pad(pairs, (0, 0, 0, 0, 0, more)).transpose(0, 1)
                ordered = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels, 1)
                self.laid_out = (ordered, pairs.to(torch.bfloat16).contiguous())
            y = torch.ops.aten._weight_int4pack_mm_for_cpu(
                rows, self.laid_out[0], group, self.laid_out[1]
            )
        except (AttributeError, RuntimeError, NotImplementedError):
            self.missing = True
            levels = unpack(packed).reshape(*scale.shape, -1).to(x.dtype)
            weight = (levels * scale[..., None] + offset[..., None]).flatten(1)
            return nn.functional.linear(x, weight, bias)
        y = y[:, :d_out].to(x.dtype)
        return (y if bias is None else y + bias).view(*x.shape[:-1], -1)
