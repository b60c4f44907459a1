"""What a model is asked while it is pretrained, as `pretrain` sees it, and GPT's question: the next token. Week 9."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from shared.llm.config import ModelConfig
from shared.llm.corpus.batches import Batches
from shared.llm.model import LanguageModel, Parts
from shared.llm.training.distributed import World
from shared.llm.training.loss import NextTokenLoss
from shared.llm.training.validation import HeldOut, TokenSource, validation_loss


class Objective(Protocol):
    """check:    raises ValueError where a model cannot be asked so
    batches:   of a run: .batch(step, context) → a tuple of tensors, inputs and targets first
    module:    a new model (its attribute `model`) with its loss; called with `arguments`, it gives (loss to make small,
               loss to show)
    trained:   what of the module is saved and has its weights moved
    arguments: what the module is called with, out of a batch's tensors
    held_out:  the loss on held-out text
    """

    def check(self, config: ModelConfig) -> None: ...

    def batches(
        self, tokens: TokenSource, context: int, batch_size: int, seed: int, world: World
    ) -> Any: ...

    def module(self, config: ModelConfig, parts: Parts, z_loss: float) -> nn.Module: ...

    def trained(self, module: nn.Module) -> nn.Module: ...

    def arguments(self, batch: list[Tensor], mask_documents: bool) -> list[Tensor | None]: ...

    def held_out(
        self,
        module: nn.Module,
        tokens: TokenSource,
        context: int,
        limit: int,
        world: World,
        mask_documents: bool = False,
    ) -> HeldOut: ...


class NextToken:
    """At each place, the token after it: the objective of GPT and of every chat model since."""

    def check(self, config: ModelConfig) -> None:
        if not config.causal:
            raise ValueError(
                "config.causal is False; a model that says the next token must not see it."
            )

    def batches(
        self, tokens: TokenSource, context: int, batch_size: int, seed: int, world: World
    ) -> Batches:
        return Batches(tokens, context, batch_size, seed, world.rank, world.size)

    def module(self, config: ModelConfig, parts: Parts, z_loss: float) -> NextTokenLoss:
        return NextTokenLoss(LanguageModel(config, parts), z_loss)

    def trained(self, module: nn.Module) -> nn.Module:
        return module.model

    def arguments(self, batch: list[Tensor], mask_documents: bool) -> list[Tensor | None]:
        return [*batch[:2], batch[2] if mask_documents else None]

    def held_out(
        self,
        module: nn.Module,
        tokens: TokenSource,
        context: int,
        limit: int,
        world: World,
        mask_documents: bool = False,
    ) -> HeldOut:
        return validation_loss(module, tokens, context, limit, world, mask_documents=mask_documents)
