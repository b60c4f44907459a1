"""The one training loop of the course. Met in week 3; every later week calls it.

An epoch is: for each batch the loss, its gradients, one step. Around it stand a progress bar, a history, an evaluation,
early stopping, and a copy of the best weights. It can be interrupted (the stop button): it then ends as if done.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from shared.training.classify import cross_entropy
from shared.training.clipping import clip_grad_norm
from shared.training.regularization import EarlyStopping
from shared.training.schedules import set_lr


@dataclass
class History:
    """What happened: history["train_loss"], and one list for each number that `evaluate` returned, epoch by epoch.

    best_epoch: the epoch, from 1, whose weights the network has at the end; 0 where there was none
    ended:      "all epochs", "early" (patience ran out), "interrupted" or "diverged" (the loss became nan or inf)
    """

    values: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    ended: str = "all epochs"
    seconds: float = 0.0

    def __getitem__(self, name: str) -> list[float]:
        return self.values[name]

    def note(self, **numbers: float) -> None:
        """Appends a number to each list."""
        for name, number in numbers.items():
            self.values.setdefault(name, []).append(float(number))


def classification_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The usual loss: cross-entropy of network(x) against the targets, for a batch (x, targets)."""
    x, targets = batch
    return cross_entropy(network(x), targets)


def fit(
    network: nn.Module,
    batches: Callable[[torch.Generator], Iterable[Any]],
    optimizer: Any,
    epochs: int,
    *,
    loss: Callable[[nn.Module, Any], Tensor] = classification_loss,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    watch: str = "val_loss",
    patience: int | None = None,
    learning_rate: Callable[[int], float] | None = None,
    clip: float | None = None,
    save_to: str | Path | None = None,
    seed: int = 0,
    progress: str | None = "training",
) -> History:
    """Trains a network in place and returns its history.

    batches(generator): the batches of one epoch, in an order drawn from `generator`; a batch is whatever `loss` takes,
                   and its first part has one entry for each example
    optimizer:     one of ours, or of torch's
    loss(network, batch) → the mean loss of a batch, a scalar
    evaluate(network) → numbers by name, after each epoch, in evaluation mode and without gradients
    watch:         the one of them (lower is better) that says which epoch was best: its weights are kept in memory,
                   and the network has them at the end. Without `evaluate` the last weights stay.
    patience:      epochs without a new best after which training ends; None: never early
    learning_rate(step) → the rate of step 0, 1, 2, …; None: the optimizer's own
    clip:          the largest norm of all gradients together; None: any
    save_to:       a .safetensors file that always holds the best weights so far, whole or not at all
    seed:          of the order of the batches and of torch's generator (dropout)
    progress:      the name of the progress bar; None shows none

    Raises ValueError where `evaluate` does not return `watch`, or where it is needed and missing.
    """
    if evaluate is None and (patience is not None or save_to is not None):
        raise ValueError("patience and save_to need evaluate: without it there is no best epoch.")
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    history, started, step = History(), time.monotonic(), 0
    stopper = EarlyStopping(epochs if patience is None else patience)
    # On stdout: what stands on stderr is shown on red, like an error.
    bar = tqdm(range(1, epochs + 1), progress, file=sys.stdout, ncols=88, disable=progress is None)
    try:
        for epoch in bar:
            network.train()
            total, count = 0.0, 0
            for batch in batches(generator):
                if learning_rate is not None:
                    set_lr(optimizer, learning_rate(step))
                optimizer.zero_grad()
                value = loss(network, batch)
                value.backward()
                if clip is not None:
                    clip_grad_norm(network.parameters(), clip)
                optimizer.step()
                step += 1
                total += value.item() * len(batch[0])  # a smaller last batch counts less
                count += len(batch[0])
            numbers = {"train_loss": total / count}
            if evaluate is not None:
                network.eval()
                with torch.no_grad():
                    numbers |= evaluate(network)
                if watch not in numbers:
                    raise ValueError(f"evaluate returned {sorted(numbers)}, without {watch!r}.")
            history.note(**numbers)
            bar.set_postfix({name: f"{number:.3g}" for name, number in numbers.items()})
            if evaluate is not None:
                over = stopper.update(numbers[watch], network)
                if stopper.waited == 0:
                    history.best_epoch = epoch
                    if save_to is not None:
                        _save(network, Path(save_to))
                if over and epoch < epochs:
                    history.ended = "early"
                    break
            if not abs(total) < float("inf"):
                history.ended = "diverged"
                break
    except KeyboardInterrupt:
        history.ended = "interrupted"
    bar.close()
    if stopper.best_state is not None:
        network.load_state_dict(stopper.best_state)
    network.eval()
    history.seconds = time.monotonic() - started
    return history


def _save(network: nn.Module, path: Path) -> None:
    """Writes beside the file first and then renames: whoever pulls the plug leaves the old one or the new one."""
    unfinished = path.with_name(path.name + ".part")
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, unfinished)
    os.replace(unfinished, path)
