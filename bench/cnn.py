"""Images per second of week 2's CNN: our optimizers and our training loop beside the plainest torch loop.

    python bench/cnn.py [--images 4096] [--width 16] [--rounds 5]

Both train the same net on the same pictures in turns; the best round of each counts. Exit status 1 below 0.9×.
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from shared.nn.cnn import SmallCNN
from shared.training import optimizers
from shared.training.classify import minibatches, train_epoch

BATCH = 128


def ours(net: SmallCNN, optimizer: object, x: torch.Tensor, y: torch.Tensor) -> None:
    train_epoch(net, minibatches(x, y, BATCH, torch.Generator().manual_seed(0)), optimizer)


def plainest(net: SmallCNN, optimizer: object, x: torch.Tensor, y: torch.Tensor) -> None:
    net.train()
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        F.cross_entropy(net(x[rows]), y[rows]).backward()
        optimizer.step()


def seconds(loop: Callable, *arguments: object) -> float:
    started = time.perf_counter()
    loop(*arguments)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    x = torch.randn(chosen.images, 3, 32, 32, device=device)
    x = x.contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (chosen.images,), device=device)
    pairs = {
        "SGD": (
            lambda p: optimizers.SGD(p, 0.01, momentum=0.9),
            lambda p: torch.optim.SGD(p, 0.01, momentum=0.9),
        ),
        "RMSProp": (lambda p: optimizers.RMSProp(p, 1e-3), lambda p: torch.optim.RMSprop(p, 1e-3)),
        "AdamW": (lambda p: optimizers.AdamW(p, 1e-3), lambda p: torch.optim.AdamW(p, 1e-3)),
    }
    worst = float("inf")
    print(f"{device}, {torch.get_num_threads()} threads, width {chosen.width}, batches of {BATCH}")
    for name, makers in pairs.items():
        best = []
        nets = [
            SmallCNN(chosen.width).to(device, memory_format=torch.channels_last) for _ in makers
        ]
        optimizer = [make(net.parameters()) for make, net in zip(makers, nets, strict=True)]
        for loop, net, one in zip((ours, plainest), nets, optimizer, strict=True):
            loop(net, one, x[:BATCH], y[:BATCH])  # warm up
            best.append(float("inf"))
        for _ in range(chosen.rounds):  # in turns, so that a busy machine slows both
            for i, loop in enumerate((ours, plainest)):
                best[i] = min(best[i], seconds(loop, nets[i], optimizer[i], x, y))
        rates = [chosen.images / t for t in best]
        worst = min(worst, rates[0] / rates[1])
        print(
            f"{name:8} ours {rates[0]:8,.0f} images/s   plainest {rates[1]:8,.0f}   ratio {rates[0] / rates[1]:.2f}"
        )
    return 0 if worst >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
