"""Quantization: the same model with weights of 8 or 4 bits. Met in week 9's explore notebook on inference.

    small = quantize(model, bits=8)            # a new model; the old one stays as it is
    small = quantize(model, bits=4, group=64)

A model that writes reads all its weights for each token, so that it is as fast as memory is: a quarter of the bytes is
up to four times the speed. Only the large matrices are quantized; norms, biases and positions stay as they are.
Sources: 8 bits: Dettmers et al. (2208.07339); 4 bits by groups: Frantar et al. (2210.17323), Dettmers & Zettlemoyer
(2212.09720). What is here is the plainest of them: rounding to the nearest level.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from shared.llm.adapting.int_kernels import Int4Kernel, Int8Kernel

KERNELS = ("plain", "weight_only", "dynamic")


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """One scale for each row, so that its largest number becomes ±127: weight ≈ scale[:, None] · levels.

    weight: (d_out, d_in)   →   levels (d_out, d_in) int8 in −127 … 127, scale (d_out,)
    An error is at most half a scale. A row of zeros has the scale 1.
    """
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.round(weight / scale[:, None]).to(torch.int8), scale


def dequantize_int8(levels: Tensor, scale: Tensor) -> Tensor:
    """scale[:, None] · levels.   levels: (d_out, d_in)   scale: (d_out,)   →   (d_out, d_in)"""
    return levels.to(scale.dtype) * scale[:, None]


def quantize_int4(
    weight: Tensor, group: int = 64, symmetric: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """16 levels for each group of neighbours in a row: weight ≈ scale · levels + offset.

    weight: (d_out, d_in)   →   levels (d_out, d_in) uint8 in 0 … 15; scale, offset (d_out, d_in / group)
    symmetric: the levels lie around zero, −8 … 7 times the scale, so that offset is −8 · scale and need not be kept
               else they reach from the group's least number to its largest: finer where a group is not centred

    With only 16 levels one scale for a whole row would round most of it to zero: its largest number sets the scale.
    Raises ValueError where group does not divide d_in.
    """
    d_out, d_in = weight.shape
    if group < 2 or d_in % group:
        raise ValueError(
            f"group is {group}; it must be at least 2 and divide the {d_in} numbers of a row."
        )
    groups = weight.reshape(d_out, d_in // group, group)
    if symmetric:
        scale = groups.abs().amax(dim=-1) / 7
        offset = -8 * scale
    else:
        offset = groups.amin(dim=-1)
        scale = (groups.amax(dim=-1) - offset) / 15
    steps = torch.where(scale > 0, scale, torch.ones_like(scale))
    levels = torch.round((groups - offset[..., None]) / steps[..., None]).clamp(0, 15)
    return levels.to(torch.uint8).reshape(d_out, d_in), scale, offset


def dequantize_int4(levels: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """scale · levels + offset, group by group. Shapes as in `quantize_int4`.   →   (d_out, d_in)"""
    groups = levels.reshape(*scale.shape, -1).to(scale.dtype)
    return (groups * scale[..., None] + offset[..., None]).reshape(levels.shape)


def pack_int4(levels: Tensor) -> Tensor:
    """Two levels in a byte, the first in the low half: (..., d) uint8 in 0 … 15 → (..., d / 2) uint8."""
    return levels[..., 0::2] | (levels[..., 1::2] << 4)


def unpack_int4(packed: Tensor) -> Tensor:
    """What `pack_int4` packed: (..., d / 2) uint8 → (..., d) uint8."""
    return torch.stack([packed & 15, packed >> 4], dim=-1).flatten(-2)


class _Quantized(nn.Module):
    """What the layers of 8 and 4 bits share."""

    TENSORS: tuple[str, ...]  # what it is made of, each with a row for each output, or None

    @classmethod
    def joined(cls, layers: Sequence[_Quantized]) -> _Quantized | None:
        """Layers that read the same x as one, with their outputs side by side; None where the kernel is "plain".

        A product of one row with 768 × 768 bytes is over before two cores are awake. What was joined is kept with the
        first layer's kernel, which all copies of a model share, as long as they stay where they are.
        """
        kernel, scale = layers[0].kernel, layers[0].scale
        if kernel.name == "plain":
            return None
        kept = kernel.joint
        if kept is None or (kept.scale.device, kept.scale.dtype) != (scale.device, scale.dtype):
            parts = [[getattr(layer, name) for layer in layers] for name in cls.TENSORS]
            tensors = [None if part[0] is None else torch.cat(part) for part in parts]
            kernel.joint = cls(*tensors, kernel.name)
        return kernel.joint


class Int8Linear(_Quantized):
    """A linear layer whose weights are int8: (..., d_in) → (..., d_out). It is for use, not for training.

    kernel: "plain":       the weights are made float again and multiplied: what the others are compared with; gradients
                           of x flow only here
            "weight_only": a kernel of torch's that reads int8; x is rounded to bfloat16
            "dynamic":     x becomes int8 too, so that a processor multiplies integers, many at once. Fast; less exact
                           where few numbers of x are far larger than the rest, because all of x has one scale: texts
                           of one batch touch each other in the last digits. Its kernel keeps the weights a second time
    weight: an attribute: the float weights, made each time one asks
    """

    TENSORS = ("levels", "scale", "bias")

    def __init__(
        self, levels: Tensor, scale: Tensor, bias: Tensor | None = None, kernel: str = "dynamic"
    ) -> None:
        super().__init__()
        _check_kernel(kernel, KERNELS)
        self.register_buffer("levels", levels)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.kernel = Int8Kernel(kernel)

    @classmethod
    def of(cls, linear: nn.Linear, kernel: str = "dynamic") -> Int8Linear:
        """The same layer, quantized."""
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(*quantize_int8(linear.weight.detach()), bias, kernel)

    @property
    def weight(self) -> Tensor:
        return dequantize_int8(self.levels, self.scale)

    def way(self, rows: int) -> Callable[[Tensor], Tensor] | None:
        """The kernel alone, for float32 on a CPU, where nothing need be asked any more; None where it cannot be had."""
        fits = self.scale.device.type == "cpu" and self.scale.dtype == torch.float32
        return self.kernel.alone(self.levels, self.scale, self.bias) if fits else None

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel
        if kernel.suits(x):
            return kernel(x, self.levels, self.scale, self.bias)
        return nn.functional.linear(x, self.weight.to(x.dtype), self.bias)


class Int4Linear(_Quantized):
    """A linear layer whose weights have 4 bits, two in a byte: (..., d_in) → (..., d_out). For use, not for training.

    packed: (d_out, d_in / 2) uint8   scale, offset: (d_out, groups); offset None: symmetric, −8 · scale
    kernel: "plain" or "weight_only", as in `Int8Linear`. The kernel keeps the weights a second time, in its own order.
    """

    TENSORS = ("packed", "scale", "offset", "bias")

    def __init__(
        self,
        packed: Tensor,
        scale: Tensor,
        offset: Tensor | None = None,
        bias: Tensor | None = None,
        kernel: str = "weight_only",
    ) -> None:
        super().__init__()
        _check_kernel(kernel, KERNELS[:2])
        self.register_buffer("packed", packed)
        self.register_buffer("scale", scale)
        self.register_buffer("offset", offset)
        self.register_buffer("bias", bias)
        self.kernel = Int4Kernel(kernel)

    @classmethod
    def of(
        cls,
        linear: nn.Linear,
        group: int = 64,
        symmetric: bool = False,
        kernel: str = "weight_only",
    ) -> Int4Linear:
        """The same layer, quantized."""
        levels, scale, offset = quantize_int4(linear.weight.detach(), group, symmetric)
        bias = None if linear.bias is None else linear.bias.detach().clone()
        return cls(pack_int4(levels), scale, None if symmetric else offset, bias, kernel)

    @property
    def offsets(self) -> Tensor:
        """(d_out, groups), also where it is not kept."""
        return -8 * self.scale if self.offset is None else self.offset

    @property
    def weight(self) -> Tensor:
        return dequantize_int4(unpack_int4(self.packed), self.scale, self.offsets)

    def forward(self, x: Tensor) -> Tensor:
        if self.kernel.suits(x) and self.kernel.takes(self.scale, self.packed):
            return self.kernel(x, unpack_int4, self.packed, self.scale, self.offsets, self.bias)
        return nn.functional.linear(x, self.weight.to(x.dtype), self.bias)


class Int8Embedding(nn.Module):
    """An embedding of int8 rows, each with its scale: (...) of integers → (..., d)."""

    def __init__(self, levels: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", levels)
        self.register_buffer("scale", scale)

    @property
    def weight(self) -> Tensor:
        return dequantize_int8(self.levels, self.scale)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.levels[tokens].to(self.scale.dtype) * self.scale[tokens][..., None]


def quantize(
    model: nn.Module,
    bits: int = 8,
    group: int = 64,
    symmetric: bool = False,
    kernel: str | None = None,
    embedding: bool = True,
) -> nn.Module:
    """A copy of a model with quantized linear layers, in evaluation mode; the model itself stays as it is.

    bits:      8, or 4 in groups of `group`, around zero where `symmetric`
    kernel:    of `Int8Linear` or `Int4Linear`; None: the fastest, "dynamic" and "weight_only"
    embedding: embedding and head are quantized too, to 8 bits: of a small model they are a third or more, and where
               they are tied, one matrix serves both. False: both stay as they are.

    Raises ValueError for other bits, and for a group that does not divide the width of a layer.
    """
    if bits not in (4, 8):
        raise ValueError(f"bits is {bits}; it must be 4 or 8.")
    small = copy.deepcopy(model).eval().requires_grad_(False)
    head, embedded = getattr(small, "head", None), getattr(small, "embedding", None)
    quantized = {}
    for name, module in list(small.named_modules()):
        if type(module) is not nn.Linear or module is head:
            continue
        try:
            new = (
                Int8Linear.of(module, kernel or "dynamic")
                if bits == 8
                else Int4Linear.of(module, group, symmetric, kernel or "weight_only")
            )
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        quantized[name] = new
    if embedding and isinstance(head, nn.Linear):
        quantized["head"] = Int8Linear.of(head, kernel or "dynamic")
        if isinstance(embedded, nn.Embedding):
            if head.weight is embedded.weight:
                levels, scale = quantized["head"].levels, quantized["head"].scale
            else:
                levels, scale = quantize_int8(embedded.weight.detach())
            quantized["embedding"] = Int8Embedding(levels, scale)
    for name, new in quantized.items():
        owner, _, leaf = name.rpartition(".")
        setattr(small.get_submodule(owner), leaf, new)
    return small


def dequantize(model: nn.Module) -> nn.Module:
    """A copy of a quantized model in plain float32 layers, with the rounded weights: anything can open that.

    The outputs are those of the kernels "plain"; the faster ones round the inputs, too.
    """
    plain, weights = copy.deepcopy(model), {}
    for name, module in list(plain.named_modules()):
        if not isinstance(module, (Int8Linear, Int4Linear, Int8Embedding)):
            continue
        kept = (module.packed if isinstance(module, Int4Linear) else module.levels).data_ptr()
        if kept not in weights:  # a tied embedding and head stay one
            weights[kept] = nn.Parameter(module.weight.float())
        weight = weights[kept]
        if isinstance(module, Int8Embedding):
            new: nn.Module = nn.Embedding(*weight.shape)
        else:
            new = nn.Linear(*reversed(weight.shape), bias=module.bias is not None)
            if module.bias is not None:
                new.bias = nn.Parameter(module.bias.float())
        new.weight = weight
        owner, _, leaf = name.rpartition(".")
        setattr(plain.get_submodule(owner), leaf, new)
    return plain.requires_grad_(True)


def size_in_bytes(model: nn.Module) -> int:
    """What the parameters and buffers of a model take, each tensor once."""
    tensors = {t.data_ptr(): t for t in [*model.parameters(), *model.buffers()]}
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _check_kernel(kernel: str, allowed: tuple[str, ...]) -> None:
    if kernel not in allowed:
        raise ValueError(f"kernel is {kernel!r}; it must be one of {', '.join(allowed)}.")
