"""Training and judging a classifier: batches, the loss over classes, one epoch, accuracy, who is taken for whom.

Met in week 1's challenge, and used from then on. Shapes: n examples, c classes.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn


def minibatches(
    x: Tensor, targets: Tensor, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the data in a new random order, in batches; every example once, the last batch may be smaller.

    x: (n, …)   targets: (n, …)   →   pairs (batch_size, …), (batch_size, …)
    generator: where the order comes from; each pass draws the next order from it
    """
    order = torch.randperm(len(x), generator=generator)
    for start in range(0, len(x), batch_size):
        chosen = order[start : start + batch_size]
        yield x[chosen], targets[chosen]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of −log softmax(z)[target], in nats: what the network's probability for the right class costs.

    logits: (n, c)   targets: (n,), the number of the right class   →   a scalar

    The largest logit of a row is subtracted first: softmax does not change, and no exponential overflows.
    """
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    log_probabilities = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    return -log_probabilities[torch.arange(len(targets)), targets].mean()


def train_epoch(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], optimizer: torch.optim.Optimizer
) -> float:
    """One pass of training: for each batch the loss, its gradients, one step. Returns the mean loss per example.

    network: (batch, …) → logits (batch, c)
    """
    network.train()
    total, count = 0.0, 0
    for x, targets in batches:
        optimizer.zero_grad()  # gradients add up otherwise: the last batch's would push again
        loss = cross_entropy(network(x), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
        count += len(x)
    return total / count


def accuracy(logits: Tensor, targets: Tensor) -> float:
    """The share of examples whose largest logit is the right class's.

    logits: (n, c)   targets: (n,)   →   a number from 0 to 1
    """
    return (logits.argmax(dim=-1) == targets).double().mean().item()


def confusion_matrix(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often an example of class i was taken for class j.

    predicted, targets: (n,), class numbers   →   (classes, classes) of counts: row = truth, column = answer
    """
    pairs = targets * classes + predicted  # each (truth, answer) as one number
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
