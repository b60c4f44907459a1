"""The loss on held-out text, in nats for each token and in bits for each byte of the text. Week 9."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from shared.llm.training.distributed import World


class TokenSource(Protocol):
    """What is read from: `Tokens` of the stage `pack`, or `ArrayTokens`."""

    bytes: int
    vocab_size: int
    eos_id: int

    def __len__(self) -> int: ...

    def read(self, start: int, length: int) -> np.ndarray: ...

    def verify(self) -> None: ...


class HeldOut(NamedTuple):
    """loss: nats for each token   tokens: how many were predicted
    bits_per_byte: of the text that they stand for; None for a model that fills in hidden tokens
    """

    loss: float
    bits_per_byte: float | None
    tokens: int


def validation_loss(
    module: nn.Module,
    tokens: TokenSource,
    context: int,
    limit: int,
    world: World | None = None,
    rows: int = 16,
    mask_documents: bool = False,
) -> HeldOut:
    """The loss of a `NextTokenLoss` on windows of `context` tokens that follow each other from the beginning.

    limit: at most about so many tokens   world: processes share the windows   rows: windows of a process at once
    Every token is predicted once, from what stands before it in its window, except the very first. Bytes are counted
    as the whole split has them for each token. Raises ValueError where the split is shorter than two tokens.
    """
    world = world or World()
    length = min(len(tokens), limit + 1)
    if length < 2:
        raise ValueError(
            f"the validation split has {len(tokens)} tokens; it must have at least 2: hold out more of the corpus."
        )
    context = min(context, length - 1)
    n_windows = (length - 1) // context
    total, count = 0.0, 0
    was_training = module.training
    module.eval()
    with torch.no_grad():
        for first in range(0, n_windows, rows * world.size):
            own = range(first + world.rank, min(n_windows, first + rows * world.size), world.size)
            # Every process computes something, also where windows run out: under FSDP2 they must keep step.
            windows = [tokens.read(k * context, context + 1) for k in own or [0]]
            total_here = _summed(module, windows, tokens.eos_id, world, mask_documents)
            if own:
                total, count = total + total_here, count + len(own) * context
        rest = (length - 1) % context
        if rest:  # the last, shorter window; every process computes it, one counts it
            window = tokens.read(n_windows * context, rest + 1)
            last = _summed(module, [window], tokens.eos_id, world, mask_documents)
            if world.is_first:
                total, count = total + last, count + rest
    module.train(was_training)
    total, count = (mean * world.size for mean in world.mean([total, count]))
    loss = total / count
    bits = loss / math.log(2) * len(tokens) / max(1, tokens.bytes)
    return HeldOut(loss, bits, round(count))


def _summed(
    module: nn.Module, windows: list[np.ndarray], eos_id: int, world: World, mask_documents: bool
) -> float:
    """The losses of all tokens of the windows, added up."""
    read = torch.from_numpy(np.stack(windows)).to(world.device)
    inputs, targets = read[:, :-1], read[:, 1:]
    documents = document_numbers(inputs, eos_id) if mask_documents else None
    _, loss = module(inputs, targets, documents)
    return loss.item() * targets.numel()


def document_numbers(inputs: Tensor, eos_id: int) -> Tensor:
    """(n, length) of tokens → the number of each one's document within its row; an end belongs to what it ends."""
    ends = (inputs == eos_id).long()
    return ends.cumsum(1) - ends
