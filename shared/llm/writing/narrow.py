"""The same model, quicker at reading a few tokens at a time, as it does while it writes.

A linear layer with 8 rows of input does little work on many weights, and torch, on a CPU, hands x Wᵀ to a kernel for
large products that first rearranges W, every time. Three ways around it: W may be kept rearranged (Intel's MKL can, for
one number of rows; it takes the memory of the weights once more), and W xᵀ, the same numbers, spares most of it. And
where there is a C++ compiler, a routine of our own (`few_rows`) reads W as it lies, which is faster than both.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.llm.model import LanguageModel
from shared.llm.writing import few_rows, one_query
from shared.llm.writing.straight import ATTENTIONS, StraightModel
from shared.nn import fused
from shared.nn.attention import fused_attention
from shared.nn.grouped_attention import GroupedQueryAttention

PACKED_ROWS = range(3, 13)  # where packing was measured to be faster than x Wᵀ and W xᵀ
WIDE = 4  # times as many outputs as inputs: here packing was faster for one row too, by a sixth; at 3 times it was not
TURNED_ROWS = range(5, 65)  # where W xᵀ was measured to be faster than x Wᵀ


class NarrowLinear(nn.Module):
    """`nn.Linear` for few rows, with the same weights, which are shared. (..., d_in) → (..., d_out)

    rows: the number of rows that is expected; for so many, and down to half of it, the weights are packed where MKL is
    there and packing pays. Numbers of rows and numbers of another kind than float32 on a CPU take the common way.
    compiled: few rows are the work of `few_rows`, whatever their number, and nothing is packed for them
    """

    def __init__(self, linear: nn.Linear, rows: int = 0, compiled: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.rows, self.compiled = (
            linear.weight,
            linear.bias,
            rows,
            compiled,
        )
        d_out, d_in = self.weight.shape
        worth = rows in PACKED_ROWS or (rows == 1 and d_out >= WIDE * d_in)
        worth = worth and not (compiled and rows in few_rows.ROWS)
        self._packed = _pack(self.weight.detach(), rows) if worth else None

    @classmethod
    def joined(
        cls, layers: Sequence[nn.Linear], rows: int = 0, compiled: bool = False
    ) -> NarrowLinear:
        """Several layers that read the same as one, with their outputs side by side: a copy of the weights."""
        weight, bias = (None if t is None else t.detach() for t in fused.side_by_side(layers))
        layer = nn.Linear(*reversed(weight.shape), bias is not None, device="meta")
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        return cls(layer, rows, compiled)

    def forward(self, x: Tensor) -> Tensor:
        rows, fits = x.shape[:-1].numel(), x.dtype == torch.float32 and not torch.is_grad_enabled()
        way = self.way(rows) if fits else None
        if way is None:
            return F.linear(x, self.weight, self.bias)
        return way(x.reshape(rows, -1)).view(*x.shape[:-1], -1)

    def way(self, rows: int) -> Callable[[Tensor], Tensor] | None:
        """The quickest function from x to the output for so many rows of float32 on a CPU: (rows, d_in) → (rows, d_out)

        It has no gradients. None where the weights are of another kind or in another place.
        """
        weight, bias, packed, most = self.weight, self.bias, self._packed, self.rows
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            return None
        if self.compiled and rows in few_rows.ROWS and weight.is_contiguous():
            return few_rows.few_rows(weight, bias)
        if packed is not None and most < 2 * rows <= 2 * most:
            product = torch.ops.mkl._mkl_linear.default
            if rows == most:
                return lambda x: product(x, packed, weight, bias, most)
            more = (0, 0, 0, most - rows)
            return lambda x: product(F.pad(x, more), packed, weight, bias, most)[:rows]
        if rows == 1:  # a product with one vector, for which there is a routine of its own
            if bias is None:
                return lambda x: weight.mv(x[0])[None]
            return lambda x: torch.addmv(bias, weight, x[0])[None]
        if rows not in TURNED_ROWS:
            return lambda x: F.linear(x, weight, bias)
        if bias is None:
            return lambda x: torch.mm(weight, x.T).T.contiguous()
        return lambda x: torch.mm(weight, x.T).T.contiguous().add_(bias)


class NarrowAttention(fused.GroupedQueryAttention):
    """`GroupedQueryAttention` with its three projections joined once and for all, and quick for one query a head.

    The queries of a group stand side by side as if they were several of one head, so that keys and values need not be
    repeated, which is a copy of the whole cache at each step. Measured on one core, 16 query heads on 8 of 128 numbers,
    8 texts of 512 tokens: 2 ms for a block instead of 45.
    """

    @property
    def can_join(self) -> bool:
        return getattr(self, "all_three", None) is not None

    def project(self, x: Tensor) -> Tensor:
        return self.all_three(x)

    def look(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        same_heads = self.n_heads == self.n_kv_heads
        if query.shape[-2] > 1 or same_heads or self.attention not in ATTENTIONS:
            return super().look(query, key, value, mask)
        # (..., n_heads, 1, d) → (..., n_kv_heads, times, d)
        grouped = query.squeeze(-2).unflatten(-2, (self.n_kv_heads, -1))
        return fused_attention(grouped, key, value, mask).flatten(-3, -2).unsqueeze(-2)


def rows_worth_packing(n: int, room: int) -> int:
    """How many rows to pack for where n texts grow by up to `room` tokens: none where packing takes longer than it
    saves. It takes as long as twenty steps; one row gains a tenth, several about a half."""
    return n if room >= (192 if n == 1 else 32) else 0


def narrow(model: nn.Module, rows: int = 0, compiled: bool = False) -> nn.Module:
    """A copy of a model, in evaluation mode, that shares its weights, with the classes of here in their places.

    rows: the number of rows to pack the weights for; 0: no packing
    compiled: products of few rows by `few_rows`, which this machine's C++ compiler builds

    A copy that was made before is given back as it is, so that one who generates often makes it once. Raises
    OSError where `compiled` is asked for and cannot be had.
    """
    if getattr(model, "is_narrow", False):
        return model
    if compiled:
        few_rows.load(), one_query.load()  # now, and not in the middle of a text
    shared = {id(tensor): tensor for tensor in [*model.parameters(), *model.buffers()]}
    model = copy.deepcopy(model, shared).eval()
    for module in list(model.modules()):
        if type(module) in (GroupedQueryAttention, fused.GroupedQueryAttention):
            module.__class__ = NarrowAttention
            module.all_three = _joined([module.query, module.key, module.value], rows, compiled)
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and not (
                getattr(module, "all_three", None) and name in ("query", "key", "value")
            ):
                setattr(module, name, NarrowLinear(child, rows, compiled))
    if type(model) is LanguageModel:
        model.__class__, model.steps, model.compiled = StraightModel, {}, compiled
    model.is_narrow = True
    return model


def _joined(layers: Sequence[nn.Module], rows: int, compiled: bool) -> nn.Module | None:
    """Layers that read the same as one: one product is the work of three, but it is begun once instead of three times.
    None where they are of a kind that cannot be joined."""
    kind = type(layers[0])
    if any(type(layer) is not kind for layer in layers):
        return None
    if kind is nn.Linear:
        return NarrowLinear.joined(layers, rows, compiled)
    return kind.joined(layers) if hasattr(kind, "joined") else None


def _pack(weight: Tensor, rows: int) -> Tensor | None:
    """The weights as MKL wants them; None where torch was built without it: these two operators are not public."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return None
    try:
        return torch.ops.mkl._mkl_reorder_linear_weight(weight, rows)
    except (AttributeError, RuntimeError):
        return None
