"""Tokens per second of a training step, forward and backward, beside nanoGPT and transformers' GPT-2.

    python bench/step.py --nanogpt CHECKOUT [--rounds 3] [--seconds 8]

6 layers × 384, vocabulary 4,096, 8 × 256 tokens, in float32 and bfloat16. Each contestant has a process of its own, in
turns, so that a busy machine slows all alike; the best step of all its rounds counts. Ours (Qwen3's switches) runs as
`bumblebee llm` trains, which keeps freed memory (`keep_memory`): as it is, with its blocks compiled, as for runs of
more than five minutes, and compiled with 2 heads of keys and values for 6 of queries, as our sizes have it. The others
run as their documents run them on a CPU: not compiled. What nanoGPT would gain from kept memory is shown beside.
Exit status 1 where ours, compiled or not, with as many heads as theirs, is less than 1.1 times as fast as the faster
of theirs.
"""

from __future__ import annotations

import argparse
import json
import os
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


def measure(name: str, checkout: Path, low: bool, seconds: float) -> dict[str, float]:
    """The child process: {"first": seconds of the first step, "best": of the best one, "parameters": their number}."""
    if name.startswith("ours") or name == KEPT:
        keep_memory()
    model = made(name, checkout)
    x = torch.randint(VOCABULARY, (ROWS, LENGTH + 1))
    inputs, targets = x[:, :-1].contiguous(), x[:, 1:].contiguous()
    times: list[float] = []
    while len(times) < 4 or sum(times[1:]) < seconds:
        model.zero_grad(set_to_none=True)
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = model(inputs, targets)
        loss.backward()
        times.append(time.perf_counter() - began)
    count = sum(p.numel() for p in model.parameters())
    return {"first": times[0], "best": min(times[1:]), "parameters": count}


def told(name: str, checkout: Path, low: bool, seconds: float) -> dict[str, float]:
    """What `measure` finds in a process of its own."""
    words = [__file__, "--nanogpt", checkout, "--seconds", seconds, "--child", name]
    words += ["--low"] if low else []
    command = [sys.executable, *map(str, words)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ended.stdout.strip().splitlines()[-1])


def compare(checkout: Path, low: bool, rounds: int, seconds: float) -> bool:
    """Prints the tokens per second of all; whether ours reaches the bar."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
    for _ in range(rounds):
        for name in NAMES:
            found[name].append(told(name, checkout, low, seconds))
    best = {name: min(one["best"] for one in all_) for name, all_ in found.items()}
    kind = "bfloat16" if low else "float32"
    for name, all_ in found.items():
        print(
            f"{kind:9} {name:30} {ROWS * LENGTH / best[name]:8,.0f} tokens/s   "
            f"{all_[0]['parameters']:,} parameters   first step {all_[0]['first']:.1f} s"
        )
    peer = min(best["nanoGPT"], best["transformers' GPT-2"])
    ratios = ", ".join(f"{name} {peer / best[name]:.2f}×" for name in NAMES if name != "nanoGPT")
    print(f"{kind:9} beside the faster of the others: {ratios} (at least {BAR}×)", flush=True)
    return peer / min(best["ours"], best[COMPILED]) >= BAR


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of nanoGPT")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of steps in each process")
    parser.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--low", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(measure(chosen.child, chosen.nanogpt, chosen.low, chosen.seconds)))
        return 0
    reached = [compare(chosen.nanogpt, low, chosen.rounds, chosen.seconds) for low in (False, True)]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sys.exit(main())
