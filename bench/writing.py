"""What the benches of writing share: GPT-2's smallest sizes with random weights, and works that are timed in turns."""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from shared.llm.checkpoints import from_transformers
from shared.llm.model import LanguageModel, Parts


def gpt2_124m(seed: int = 0) -> tuple[GPT2LMHeadModel, LanguageModel]:
    """(transformers' model, ours with the same weights), 124 million random parameters that end no document."""
    torch.manual_seed(seed)
    theirs = GPT2LMHeadModel(GPT2Config()).eval()
    theirs.generation_config.eos_token_id = None
    return theirs, from_transformers(theirs, Parts.fused()).eval()


def in_turns(
    works: dict[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """(seconds of each work's best round, what it gave last). In turns, so that a busy machine slows all alike."""
    best, given = dict.fromkeys(works, float("inf")), {}
    for _ in range(rounds):
        for name, work in works.items():
            started = time.perf_counter()
            given[name] = work()
            best[name] = min(best[name], time.perf_counter() - started)
    return best, given
