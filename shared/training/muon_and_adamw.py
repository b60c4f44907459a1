"""Muon and AdamW behind one learning rate, for networks of blocks that the training loop `fit` trains. Week 8.

`shared.llm.training.optimize.Optimizers` is its relative for runs that are saved and resumed.
"""

from __future__ import annotations

import torch
from torch import nn

from shared.training.batched_muon import BatchedMuon


class MuonAndAdamW:
    """Muon moves the weight matrices of the blocks; AdamW moves embeddings, norms, biases and whatever else there is.

    lr: from 0 to 1, the share of both peaks that holds from now on; `fit` sets it
    blocks: the modules whose matrices (two axes, named "weight") are Muon's   muon_peak, adamw_peak: learning rates
    weight_decay: of the matrices alone
    """

    def __init__(
        self,
        model: nn.Module,
        blocks: nn.Module,
        muon_peak: float = 0.02,
        adamw_peak: float = 4e-3,
        weight_decay: float = 0.05,
    ) -> None:
        matrices = [
            p for name, p in blocks.named_parameters() if p.ndim == 2 and name.endswith("weight")
        ]
        taken = {id(p) for p in matrices}
        rest = [p for p in model.parameters() if id(p) not in taken]
        self.muon_peak, self.adamw_peak = muon_peak, adamw_peak
        self.muon = BatchedMuon(matrices, muon_peak, weight_decay=weight_decay)
        self.adamw = torch.optim.AdamW(rest, adamw_peak, betas=(0.9, 0.95), weight_decay=0.0)

    @property
    def lr(self) -> float:
        return self.muon.lr / self.muon_peak

    @lr.setter
    def lr(self, share: float) -> None:
        self.muon.lr = share * self.muon_peak
        self.adamw.param_groups[0]["lr"] = share * self.adamw_peak

    def zero_grad(self) -> None:
        self.adamw.zero_grad()
        for parameter in self.muon.parameters:
            parameter.grad = None

    def step(self) -> None:
        self.muon.step()
        self.adamw.step()
