"""Generalization: a split, dropout, weight decay, early stopping, bias and variance; augmentation, label smoothing.
Met in week 3.

Shapes: n examples, m test points, c classes; everything is a torch tensor.
Sources: Goodfellow, Bengio & Courville, *Deep Learning*, "Regularization for Deep Learning"; Srivastava, Hinton,
Krizhevsky, Sutskever & Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014);
Geman, Bienenstock & Doursat, "Neural Networks and the Bias/Variance Dilemma" (1992).
"""

import copy
import math
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


def train_val_split(
    x: Tensor, targets: Tensor, val_share: float, generator: torch.Generator
) -> tuple[Pair, Pair]:
    """Splits examples at random into those that train and those that judge; each is in exactly one of the two.

    x: (n, …)   targets: (n, …)   val_share: from 0 to 1; round(n · val_share) examples are kept back
    →  (x_train, targets_train), (x_val, targets_val)
    """
    n_val = round(len(x) * val_share)
    order = torch.randperm(len(x), generator=generator)
    val, train = order[:n_val], order[n_val:]
    return (x[train], targets[train]), (x[val], targets[val])


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """While training: each number becomes 0 with probability p, and the others grow by 1 / (1 − p). Otherwise: x.

    x: any shape   p: 0 ≤ p < 1   →   the same shape

    The factor keeps the expected value at x ("inverted" dropout), so that nothing has to be done in evaluation.
    Chance comes from torch's own generator. Raises ValueError for another p.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p is {p}; it must be at least 0 and below 1.")
    if not training:
        return x
    keep = torch.rand_like(x) >= p  # True with probability 1 - p
    return x * keep / (1 - p)


def l2_penalty(parameters: Iterable[Tensor], strength: float) -> Tensor:
    """strength / 2 · Σ w², over the weights: parameters with two or more dimensions. Biases are left out.

    parameters: tensors of any shape   →   a scalar, to be added to the loss

    The half makes its gradient strength · w: one gradient step then shrinks w by lr · strength of itself,
    hence "weight decay". It is what torch.optim.SGD(weight_decay=strength) does.
    """
    weights = [p for p in parameters if p.ndim >= 2]
    return strength / 2 * sum((w**2).sum() for w in weights)


class EarlyStopping:
    """Says when the validation loss has not fallen for `patience` evaluations in a row, and keeps the best weights.

    update(loss, network) → True when training should stop
    best: the lowest loss   best_state: a copy of the network's state at that moment   waited: evaluations since then

    A loss counts as lower when it is so by more than `min_delta`. A loss that is nan never does.
    Source: Prechelt, "Early Stopping: But When?" (1998).
    """

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        self.patience, self.min_delta = patience, min_delta
        self.best, self.best_state, self.waited = math.inf, None, 0

    def update(self, loss: float, network: nn.Module) -> bool:
        if loss < self.best - self.min_delta:
            self.best, self.waited = loss, 0
            # A copy: state_dict() hands out the network's own tensors, which the next step changes.
            self.best_state = copy.deepcopy(network.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience


def bias_variance(
    fit: Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]],
    resample: Callable[[], Pair],
    x: Tensor,
    truth: Tensor,
    repeats: int,
) -> Pair:
    """bias² and variance of a way of learning, from many models, each trained on training data drawn anew.

    fit(x_train, y_train) → a function from x to predictions (m,)     resample() → a new x_train, y_train
    x: (m, …), the test points   truth: (m,), what a perfect model would say there, without noise
    →  two scalars, averaged over the test points

    bias²:    how far the mean prediction is from the truth, squared
    variance: how far single predictions are from their mean, squared and averaged over the models
    Both divide by `repeats`, so bias² + variance is exactly the models' mean squared distance from the truth.
    """
    predictions = torch.stack([fit(*resample())(x) for _ in range(repeats)])  # (repeats, m)
    mean = predictions.mean(dim=0)
    bias_squared = ((mean - truth) ** 2).mean()
    variance = ((predictions - mean) ** 2).mean()
    return bias_squared, variance


def random_shift(pictures: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each picture moved by a whole number of pixels, from −most to most, in both directions; what comes in is 0.

    pictures: (n, h, w)   most: from 0   generator: where all chance comes from   →   (n, h, w)

    The picture gets an empty border of `most` pixels, and a window of the old size is laid somewhere on it.
    """
    n, h, w = pictures.shape
    bordered = F.pad(pictures, (most, most, most, most))  # (n, h + 2 most, w + 2 most)
    corners = torch.randint(0, 2 * most + 1, (n, 2), generator=generator).tolist()
    return torch.stack(
        [b[i : i + h, j : j + w] for b, (i, j) in zip(bordered, corners, strict=True)]
    )


def smoothed_cross_entropy(logits: Tensor, targets: Tensor, eps: float) -> Tensor:
    """Cross-entropy against targets that are not quite sure: a share eps of each is spread evenly over all classes.

        q = (1 − eps) · [k = target] + eps / c          − Σₖ qₖ log softmax(logits)ₖ, mean over the examples

    logits: (n, c)   targets: (n,), class numbers   eps: from 0 to below 1   →   a scalar, in nats
    Source: Szegedy et al. 2015, arXiv 1512.00567, section 7. As torch's cross_entropy with label_smoothing=eps.
    """
    log_p = torch.log_softmax(logits, dim=-1)
    c = logits.shape[-1]
    q = (1 - eps) * F.one_hot(targets, c).to(log_p) + eps / c  # (n, c); each row sums to 1
    return -(q * log_p).sum(dim=-1).mean()
