"""Before the first step of pretraining: does all fit together, what is found out once, and what is built. Week 9."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from shared.llm.compiling import compiler
from shared.llm.config import ModelConfig
from shared.llm.model import Parts
from shared.llm.plan import flops_per_token
from shared.llm.training.distributed import World, spread_model
from shared.llm.training.learning import Learning
from shared.llm.training.next_token import Objective
from shared.llm.training.optimize import Optimizers
from shared.llm.training.precision import choose_precision, peak_speed
from shared.llm.training.train_settings import TrainSettings
from shared.llm.training.validation import TokenSource

COMPILE_FROM = (
    300  # seconds of training from which on torch.compile wins back the 10 to 30 that it takes
)


def check_fit(
    config: ModelConfig,
    settings: TrainSettings,
    tokens: TokenSource,
    validation: TokenSource,
    objective: Objective,
) -> None:
    """Raises ValueError, saying what to do, where model, settings and data do not fit together."""
    for split, read in (("training", tokens), ("validation", validation)):
        if read.vocab_size > config.vocab_size:
            raise ValueError(
                f"the {split} split has a vocabulary of {read.vocab_size:,}; the model's vocab_size is "
                f"{config.vocab_size:,} and must be at least as large."
            )
    if len(validation) < 2:
        raise ValueError(
            f"the validation split has {len(validation)} tokens; it must have at least 2: hold out more of the corpus."
        )
    if config.positions == "learned" and settings.longest_context > config.max_length:
        raise ValueError(
            f"context is {settings.longest_context}; a model with learned positions and max_length "
            f"{config.max_length} cannot read more than that."
        )
    objective.check(config)


def choose(config: ModelConfig, settings: TrainSettings, world: World) -> dict[str, Any]:
    """What is found out once, at the beginning of a run, and kept: {"precision", "why", "compile"}."""
    dtype, why = choose_precision(settings.precision, world.device, config.d_model)
    low = world.from_first(float(dtype == torch.bfloat16)) > 0
    compiled = settings.compile == "yes"
    if settings.compile == "auto" and _can_compile(world.device):
        seconds = settings.seconds
        if seconds is None:
            tokens = settings.steps * settings.batch_size * settings.longest_context
            flops = tokens * flops_per_token(config, settings.longest_context)
            seconds = flops / (0.4 * world.size * peak_speed(world.device, dtype))
        compiled = world.from_first(seconds) > COMPILE_FROM
    return {"precision": "bfloat16" if low else "float32", "why": why, "compile": compiled}


def _can_compile(device: torch.device) -> bool:
    """Whether torch.compile has what it needs: Triton comes with a GPU's torch, a CPU needs a C++ compiler."""
    if device.type == "cuda":
        return sys.platform.startswith("linux")
    return device.type == "cpu" and compiler() is not None


def build(
    config: ModelConfig,
    settings: TrainSettings,
    choices: dict[str, Any],
    world: World,
    parts: Parts | None,
    objective: Objective,
    learning: Learning,
) -> tuple[nn.Module, nn.Module, Optimizers]:
    """(what is trained and saved, that and the loss spread over all processes, the optimizers).

    Weights are drawn from the seed.
    """
    torch.manual_seed(settings.seed)
    module = objective.module(config, parts or Parts.fused(), settings.z_loss)
    learning.prepare(module)
    module, model = module.to(world.device), module.model
    model.recompute = settings.recompute
    module.train()
    if choices["compile"]:
        for block in model.stack.blocks:  # they are all alike: one is compiled, and serves for all
            block.compile()
    loss_module = spread_model(module, model.stack.blocks, world, settings.distributed)
    trained = objective.trained(module)
    optimizers = learning.optimizers(
        trained,
        settings.optimizer,
        settings.lr,
        settings.adam_lr,
        settings.weight_decay,
        settings.betas,
        settings.momentum,
        settings.newton_schulz_steps,
        torch.bfloat16 if choices["precision"] == "bfloat16" else None,
    )
    return trained, loss_module, optimizers
