"""Tokens per second of a training step, forward and backward, beside nanoGPT and transformers' GPT-2.

    python bench/step.py --nanogpt CHECKOUT [--turns 40] [--kinds float32 bfloat16]

6 layers × 384, vocabulary 4,096, 8 × 256 tokens, in float32 and bfloat16. Each contestant has a process of its own, and
they take single steps in turns, so that a busy machine slows all alike: what counts is the ratio within a turn, in the
middle of all turns. Ours (Qwen3's switches) runs as `bumblebee llm` trains, which keeps freed memory (`keep_memory`):
as it is, with its blocks compiled, as for runs of more than five minutes, and compiled with 2 heads of keys and values
for 6 of queries, as our sizes have it. The others run as their documents run them on a CPU: not compiled. What nanoGPT
would gain from kept memory is shown beside.
Exit status 1 where ours, compiled or not, with as many heads as theirs, is less than 1.1 times as fast as the faster
of theirs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from pretrain import nanogpt_module
from torch import Tensor, nn

from shared.llm.config import qwen3
from shared.llm.model import LanguageModel, Parts
from shared.llm.training.loss import NextTokenLoss
from shared.llm.training.precision import keep_memory

ROWS, LENGTH, VOCABULARY, WIDTH, LAYERS, HEADS = 8, 256, 4096, 384, 6, 6
COMPILED, GROUPED, KEPT = "ours, compiled", "ours, compiled, grouped heads", "nanoGPT, memory kept"
NAMES = ("ours", COMPILED, GROUPED, "nanoGPT", KEPT, "transformers' GPT-2")
KINDS = ("float32", "bfloat16")
BAR = 1.1


class Ours(nn.Module):
    """Our language model with its loss."""

    def __init__(self, kv_heads: int = HEADS, compiled: bool = False) -> None:
        super().__init__()
        sizes = {"d_model": WIDTH, "n_layers": LAYERS, "d_hidden": 1024}
        heads = {"n_heads": HEADS, "n_kv_heads": kv_heads, "d_head": WIDTH // HEADS}
        config = qwen3(VOCABULARY, max_length=LENGTH, **sizes, **heads)
        self.loss = NextTokenLoss(LanguageModel(config, Parts.fused()))
        if compiled:
            for block in self.loss.model.stack.blocks:
                block.compile()

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.loss(inputs, targets)[0]


class NanoGPT(nn.Module):
    """nanoGPT's model, as its train.py makes it for a CPU."""

    def __init__(self, checkout: Path) -> None:
        super().__init__()
        module = nanogpt_module(checkout)
        sizes = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH}
        sizes |= {"block_size": LENGTH, "vocab_size": VOCABULARY}
        self.model = module.GPT(module.GPTConfig(**sizes, dropout=0.0, bias=False))

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.model(inputs, targets)[1]


class Transformers(nn.Module):
    """transformers' GPT-2."""

    def __init__(self) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        super().__init__()
        sizes = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH}
        sizes |= {"n_positions": LENGTH, "vocab_size": VOCABULARY}
        dropped = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        self.model = GPT2LMHeadModel(GPT2Config(**sizes, **dropped)).train()

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return self.model(inputs, labels=inputs).loss  # it moves the labels by one itself


def made(name: str, checkout: Path) -> nn.Module:
    if name.startswith("nanoGPT"):
        return NanoGPT(checkout)
    if name.startswith("ours"):
        return Ours(2 if name == GROUPED else HEADS, compiled=name != "ours")
    return Transformers()


def take_turns(name: str, checkout: Path, low: bool) -> None:
    """The child process: tells its number of parameters, and for each line that it is sent the seconds of a step."""
    if name.startswith("ours") or name == KEPT:
        keep_memory()
    model = made(name, checkout)
    x = torch.randint(VOCABULARY, (ROWS, LENGTH + 1))
    inputs, targets = x[:, :-1].contiguous(), x[:, 1:].contiguous()
    print(sum(p.numel() for p in model.parameters()), flush=True)
    for _ in sys.stdin:
        model.zero_grad(set_to_none=True)
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = model(inputs, targets)
        loss.backward()
        print(time.perf_counter() - began, flush=True)


class Contestant:
    """A process that takes a step when it is asked for one."""

    def __init__(self, name: str, checkout: Path, low: bool) -> None:
        words = [__file__, "--nanogpt", checkout, "--child", name, *(["--low"] if low else [])]
        self.process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.parameters = int(self.process.stdout.readline())
        self.first = self.step()

    def step(self) -> float:
        """Its seconds."""
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate()


def compare(checkout: Path, low: bool, turns: int) -> bool:
    """Prints the tokens per second of all; whether ours reaches the bar."""
    contestants = {name: Contestant(name, checkout, low) for name in NAMES}
    for _ in range(2):
        for contestant in contestants.values():
            contestant.step()
    found = [{name: one.step() for name, one in contestants.items()} for _ in range(turns)]
    for contestant in contestants.values():
        contestant.end()
    kind = "bfloat16" if low else "float32"
    middle = {name: statistics.median(turn[name] for turn in found) for name in NAMES}
    peer = min(("nanoGPT", "transformers' GPT-2"), key=lambda name: middle[name])
    for name, contestant in contestants.items():
        best = min(turn[name] for turn in found)
        low_, ratio, high = statistics.quantiles((turn[peer] / turn[name] for turn in found), n=4)
        print(
            f"{kind:9} {name:30} {ROWS * LENGTH / middle[name]:6,.0f} tokens/s (best {ROWS * LENGTH / best:6,.0f})   "
            f"{ratio:.2f}× {peer} (half of the turns {low_:.2f} to {high:.2f})   "
            f"{contestant.parameters:,} parameters   first step {contestant.first:.1f} s",
            flush=True,
        )
    ours = max(
        statistics.median(turn[peer] / turn[name] for turn in found) for name in ("ours", COMPILED)
    )
    return ours >= BAR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of nanoGPT")
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--low", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        take_turns(chosen.child, chosen.nanogpt, chosen.low)
        return 0
    reached = [compare(chosen.nanogpt, kind == "bfloat16", chosen.turns) for kind in chosen.kinds]
    print(f"Bar: {BAR}×. Reached: {', '.join(map(str, reached))}")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
