"""Milliseconds per step of our unrolled LSTM beside torch.nn.LSTM: the same weights, forward and backward.

    python bench/lstm.py [--hidden 256] [--inputs 256] [--batch 32] [--length 40] [--rounds 15]

Both run in turns on the same inputs; the best round of each counts. Exit status 1 above 3×.
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from shared.nn.recurrent import GRUCell, LSTMCell, unroll


def seconds(work: Callable[[], torch.Tensor]) -> float:
    """One forward and backward pass."""
    started = time.perf_counter()
    work().backward()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--inputs", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    x = torch.randn(chosen.batch, chosen.length, chosen.inputs, device=device, requires_grad=True)
    print(
        f"{device}, {torch.get_num_threads()} threads, {chosen.batch} sequences of {chosen.length} moments, "
        f"{chosen.inputs} inputs, {chosen.hidden} hidden"
    )
    worst = 0.0
    for name, make_cell, make_layer in (("LSTM", LSTMCell, nn.LSTM), ("GRU", GRUCell, nn.GRU)):
        cell = make_cell(chosen.inputs, chosen.hidden).to(device)
        layer = make_layer(chosen.inputs, chosen.hidden, batch_first=True).to(device)
        layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
        works = (
            lambda cell=cell: unroll(cell, x)[0].sum(),
            lambda layer=layer: layer(x)[0].sum(),
        )
        gap = (works[0]() - works[1]()).abs().item() / x.numel()
        best = [float("inf"), float("inf")]
        for _ in range(chosen.rounds):  # in turns, so that a busy machine slows both
            for i, work in enumerate(works):
                best[i] = min(best[i], seconds(work))
        ours, theirs = (1e3 * t / chosen.length for t in best)
        worst = max(worst, ours / theirs)
        print(
            f"{name:5} ours {ours:6.3f} ms/step   torch {theirs:6.3f}   ratio {ours / theirs:.2f}   "
            f"sums apart by {gap:.1e} per number"
        )
    return 0 if worst <= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
