"""The same model, quicker at reading a few tokens at a time, as it does while it writes several texts side by side.

A linear layer with 8 rows of input does little work on many weights, and torch, on a CPU, hands x Wᵀ to a kernel for
large products that first rearranges W, every time. Two ways around it: W may be kept rearranged (Intel's MKL can, for
one number of rows; it takes the memory of the weights once more), and W xᵀ, the same numbers, spares most of it.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from shared.nn import fused
from shared.nn.attention import fused_attention, scaled_dot_product_attention
from shared.nn.grouped_attention import GroupedQueryAttention

PACKED_ROWS = range(3, 13)  # where packing was measured to be faster than x Wᵀ and W xᵀ
TURNED_ROWS = range(5, 65)  # where W xᵀ was measured to be faster than x Wᵀ


class NarrowLinear(nn.Module):
    """`nn.Linear` for few rows, with the same weights, which are shared. (..., d_in) → (..., d_out)

    rows: the number of rows that is expected; for so many, and down to half of it, the weights are packed where MKL is
    there. Numbers of rows and numbers of another kind than float32 on a CPU take the common way.
    """

    def __init__(self, linear: nn.Linear, rows: int = 0) -> None:
        super().__init__()
        self.weight, self.bias, self.rows = linear.weight, linear.bias, rows
        self._packed = _pack(self.weight.detach(), rows) if rows in PACKED_ROWS else None

    def forward(self, x: Tensor) -> Tensor:
        rows = x.shape[:-1].numel()
        if x.device.type != "cpu" or x.dtype != torch.float32 or torch.is_grad_enabled():
            return nn.functional.linear(x, self.weight, self.bias)
        if self._packed is not None and self.rows < 2 * rows <= 2 * self.rows:
            flat = nn.functional.pad(x.reshape(rows, -1), (0, 0, 0, self.rows - rows))
            y = torch.ops.mkl._mkl_linear(flat, self._packed, self.weight, self.bias, self.rows)
            return y[:rows].view(*x.shape[:-1], -1)
        if rows == 1:  # a product with one vector, for which there is a routine of its own
            y = (
                self.weight.mv(x.flatten())
                if self.bias is None
                else self.bias.addmv(self.weight, x.flatten())
            )
            return y.view(*x.shape[:-1], -1)
        if rows not in TURNED_ROWS:
            return nn.functional.linear(x, self.weight, self.bias)
        y = torch.mm(self.weight, x.reshape(rows, -1).T).T.contiguous()  # (rows, d_out)
        if self.bias is not None:
            y += self.bias
        return y.view(*x.shape[:-1], -1)


class NarrowAttention(fused.GroupedQueryAttention):
    """`GroupedQueryAttention` with its three projections joined once and for all, and quick for one query a head.

    The queries of a group stand side by side as if they were several of one head, so that keys and values need not be
    repeated, which is a copy of the whole cache at each step. Measured on one core, 16 query heads on 8 of 128 numbers,
    8 texts of 512 tokens: 2 ms for a block instead of 45.
    """

    def project(self, x: Tensor) -> Tensor:
        return self.all_three(x)

    def look(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        known = (scaled_dot_product_attention, fused_attention, fused.attention)
        if query.shape[-2] > 1 or self.n_heads == self.n_kv_heads or self.attention not in known:
            return super().look(query, key, value, mask)
        # (..., n_heads, 1, d) → (..., n_kv_heads, times, d)
        grouped = query.squeeze(-2).unflatten(-2, (self.n_kv_heads, -1))
        return fused_attention(grouped, key, value, mask).flatten(-3, -2).unsqueeze(-2)


def narrow(model: nn.Module, rows: int = 0) -> nn.Module:
    """A copy of a model, in evaluation mode, that shares its weights, with the two narrow classes in their places.

    rows: the number of rows to pack the weights for; 0: no packing. A copy that was made before is given back as it is,
    so that one who generates often makes it once.
    """
    if getattr(model, "is_narrow", False):
        return model
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    model = copy.deepcopy(model, shared).eval()
    for module in list(model.modules()):
        if type(module) in (GroupedQueryAttention, fused.GroupedQueryAttention):
            module.__class__ = NarrowAttention
            if module.is_plain:
                module.all_three = _joined(module, rows)
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and not (
                hasattr(module, "all_three") and name in ("query", "key", "value")
            ):
                setattr(module, name, NarrowLinear(child, rows))
    model.is_narrow = True
    return model


def _joined(attention: fused.GroupedQueryAttention, rows: int) -> NarrowLinear:
    """The three projections as one layer: a copy of their weights, of GPT-2's smallest a sixth. One product is the work
    of three, but it is begun once instead of three times."""
    weight, bias = (None if t is None else t.detach() for t in attention.joined())
    layer = nn.Linear(*reversed(weight.shape), bias is not None, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    return NarrowLinear(layer, rows)


def _pack(weight: Tensor, rows: int) -> Tensor | None:
    """The weights as MKL wants them; None where torch was built without it: these two operators are not public."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return None
    try:
        return torch.ops.mkl._mkl_reorder_linear_weight(weight, rows)
    except (AttributeError, RuntimeError):
        return None
