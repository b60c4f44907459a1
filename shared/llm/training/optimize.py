"""Which optimizer trains which parameter of a language model, and all of them as one. Week 9.

    optimizers = Optimizers(model, lr=0.02, adam_lr=3e-3)
    optimizers.set_lr(factor)        # 0 … 1 of the peak, at each step
    optimizers.step()

Muon moves the matrices of the blocks; embeddings, head, norms and biases are AdamW's. Weight decay is on matrices only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from shared.training.batched_muon import BatchedMuon

OPTIMIZERS = ("muon", "adamw")


def parameter_groups(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(the matrices of the blocks, all other parameters), each by name. What is used in two places counts once."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    matrices = {name: p for name, p in trained.items() if ".blocks." in name and p.ndim == 2}
    return matrices, {name: p for name, p in trained.items() if name not in matrices}


class Optimizers:
    """Muon for the matrices of the blocks and AdamW for the rest, behind one `step`.

    optimizer:    "muon", or "adamw": then AdamW has the matrices too, with the learning rate `lr`
    lr, adam_lr:  the peak learning rates of the matrices, and of the rest
    weight_decay: of the matrices; nothing else decays
    dtype:        what Muon's Newton-Schulz computes in; None: the parameters' own

    Its state is a flat dict of tensors by the parameters' names, the same on one process and on many, so that it fits
    into safetensors: "muon.NAME", "adamw.mean.NAME", "adamw.square.NAME", "adamw.step.NAME".
    Raises ValueError for an unknown optimizer.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: str = "muon",
        lr: float = 0.02,
        adam_lr: float = 3e-3,
        weight_decay: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.95),
        momentum: float = 0.95,
        newton_schulz_steps: int = 5,
        dtype: torch.dtype | None = None,
    ) -> None:
        if optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer is {optimizer!r}; it must be one of {', '.join(OPTIMIZERS)}."
            )
        matrices, rest = parameter_groups(model)
        self.lr, self.muon = lr, None
        groups = [{"params": list(rest.values()), "lr": adam_lr, "weight_decay": 0.0}]
        self._names = {p: name for name, p in {**matrices, **rest}.items()}
        if optimizer == "muon" and matrices:
            self.muon = BatchedMuon(
                matrices.values(), lr, momentum, weight_decay, newton_schulz_steps, dtype
            )
        elif matrices:
            groups.append(
                {"params": list(matrices.values()), "lr": lr, "weight_decay": weight_decay}
            )
        self.adamw = torch.optim.AdamW(groups, betas=betas, fused=_fused(rest.values()))
        for group in self.adamw.param_groups:
            group["peak_lr"] = group["lr"]

    def set_lr(self, factor: float) -> None:
        """Every learning rate becomes `factor` times its peak."""
        for group in self.adamw.param_groups:
            group["lr"] = factor * group["peak_lr"]
        if self.muon is not None:
            self.muon.lr = factor * self.lr

    def set_momentum(self, momentum: float) -> None:
        """Muon's momentum from now on."""
        if self.muon is not None:
            self.muon.momentum = momentum

    def step(self) -> None:
        """One step of each, with the gradients that stand in the parameters."""
        self.adamw.step()
        if self.muon is not None:
            self.muon.step()

    def zero_grad(self) -> None:
        """Removes the gradients."""
        for p in self._names:
            p.grad = None

    def state_dict(self) -> dict[str, Tensor]:
        """What the optimizers remember; parts that are sharded over processes stay so."""
        state = {}
        for p, of in self.adamw.state.items():
            name = self._names[p]
            state[f"adamw.mean.{name}"] = of["exp_avg"]
            state[f"adamw.square.{name}"] = of["exp_avg_sq"]
            state[f"adamw.step.{name}"] = of["step"]
        if self.muon is not None:
            for p, m in zip(self.muon.parameters, self.muon.m):
                state[f"muon.{self._names[p]}"] = m
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Takes whole tensors, as `state_dict` names them, and cuts them as the parameters are cut.

        Raises ValueError where a tensor of Muon's is missing: then the state is of another optimizer.
        """
        of_adamw = [p for group in self.adamw.param_groups for p in group["params"]]
        for p in of_adamw:
            name = self._names[p]
            if f"adamw.step.{name}" not in state:
                self.adamw.state.pop(p, None)  # it had not moved yet
                continue
            self.adamw.state[p] = {
                "step": state[f"adamw.step.{name}"].clone(),
                "exp_avg": like(state[f"adamw.mean.{name}"], p),
                "exp_avg_sq": like(state[f"adamw.square.{name}"], p),
            }
        for i, p in enumerate(self.muon.parameters if self.muon is not None else ()):
            name = f"muon.{self._names[p]}"
            if name not in state:
                raise ValueError(
                    f"the state has no {name!r}: it was saved by a run with another optimizer or another model."
                )
            self.muon.m[i] = like(state[name], p)


def like(whole: Tensor, parameter: Tensor) -> Tensor:
    """A copy of a whole tensor on the parameter's device and, where the parameter is sharded over processes, cut so."""
    with torch.no_grad():
        if not hasattr(parameter, "full_tensor"):
            return whole.to(parameter.device, parameter.dtype, copy=True)
        from torch.distributed.tensor import distribute_tensor

        whole = whole.to(parameter.device, parameter.dtype)
        return distribute_tensor(whole, parameter.device_mesh, parameter.placements)


def _fused(parameters: object) -> bool:
    """Whether torch's one-kernel AdamW can take these: plain tensors on a CPU or a GPU."""
    return all(
        not hasattr(p, "full_tensor") and p.device.type in ("cpu", "cuda") for p in parameters
    )
