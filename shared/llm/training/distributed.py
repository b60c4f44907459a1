"""One process or many under `torchrun`: who am I, how is the model spread, how are numbers brought together. Week 9.

    torchrun --nproc-per-node 2 -m shared.cli llm pretrain …

DDP: every process has the whole model and a part of each batch; gradients are averaged. FSDP2: each has only its part
of every tensor, and gathers a block's weights while it needs them. Both give the curve of one process, to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

SPREADS = ("ddp", "fsdp")


@dataclass(frozen=True)
class World:
    """This process among all: its number, how many there are, what it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 a device never changes

    @property
    def is_first(self) -> bool:
        """Whether this is the one process that writes files and speaks."""
        return self.rank == 0

    def mean(self, numbers: Sequence[float]) -> list[float]:
        """The means over all processes: the same list on each."""
        if self.size == 1:
            return list(numbers)
        together = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        dist.all_reduce(together)
        return (together / self.size).tolist()

    def from_first(self, number: float) -> float:
        """The number that the first process has."""
        if self.size == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=self.device)
        dist.broadcast(told, 0)
        return told.item()

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


def find_device(device: str = "auto") -> torch.device:
    """The device of this process; "auto": its GPU where there is one, Apple's on a Mac, else the CPU."""
    if device != "auto":
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def join_world(device: str = "auto") -> World:
    """This process's world, from the variables that `torchrun` sets; without them, a world of one."""
    size, own = int(os.environ.get("WORLD_SIZE", "1")), find_device(device)
    if size == 1:
        return World(device=own)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if own.type == "cuda" else "gloo")
    return World(dist.get_rank(), dist.get_world_size(), own)


def spread_model(
    module: nn.Module, blocks: Sequence[nn.Module], world: World, how: str
) -> nn.Module:
    """The module to call in place of `module`, spread over all processes; with one process the module itself.

    how: "ddp" or "fsdp". Call it before the optimizers are made: FSDP2 puts sharded parameters in place of whole ones.
    blocks: the parts that FSDP2 gathers one after the other. Raises ValueError for another word.
    """
    if how not in SPREADS:
        raise ValueError(f"distributed is {how!r}; it must be one of {', '.join(SPREADS)}.")
    if world.size == 1:
        return module
    if how == "ddp":
        ids = [world.device.index] if world.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(world.device.type, (world.size,))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    return fully_shard(module, mesh=mesh)


def hold_gradients(module: nn.Module, last: bool) -> AbstractContextManager:
    """Around forward and backward of one part of a batch: gradients are exchanged only with the last part."""
    if isinstance(module, nn.parallel.DistributedDataParallel):
        return nullcontext() if last else module.no_sync()
    if hasattr(module, "set_requires_gradient_sync"):
        module.set_requires_gradient_sync(last)
    return nullcontext()


def whole_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sharded tensors gathered, on every process; all others as they are. Every process must call it."""
    with torch.no_grad():
        return {
            name: t.full_tensor() if hasattr(t, "full_tensor") else t.detach()
            for name, t in tensors.items()
        }
