"""Judging classifiers beyond accuracy: per class, with an interval, and how far their probabilities can be trusted.

Met in week 7's challenge, `fit_temperature` in week 9's notebook on decoding. Shapes: n examples, c classes.
Sources: Efron, "Bootstrap Methods" (1979); Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks"
(1706.04599).
"""

import torch
from torch import Tensor

from shared.training.classify import confusion_matrix


def f1_scores(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """For each class 2 · right / (said + true): the harmonic mean of precision and recall.

    predicted, targets: (n,), class numbers   →   (classes,), from 0 to 1; 0 for a class that neither has

    precision = right / said: how many of those said to be of the class are; recall = right / true: how many of those
    that are of it were found.
    """
    table = confusion_matrix(predicted, targets, classes).double()  # row = truth, column = answer
    right, true, said = table.diagonal(), table.sum(dim=1), table.sum(dim=0)
    return 2 * right / (said + true).clamp(min=1)


def paired_bootstrap(
    right_a: Tensor, right_b: Tensor, repeats: int, generator: torch.Generator, share: float = 0.95
) -> tuple[float, float, float]:
    """How much more often a is right than b, and an interval for it, from examples drawn anew with replacement.

    right_a, right_b: (n,), True where each was right about the *same* n examples
    →  (difference, low, high): the difference of the two accuracies, and between which two values the middle `share` of
       the repeats lies

    Pairs are drawn, not answers: that both find the same examples hard must not look like noise.
    """
    difference = right_a.double() - right_b.double()  # (n,): 1, 0 or −1
    n = len(difference)
    drawn = torch.randint(n, (repeats, n), generator=generator)
    repeated = difference[drawn].mean(dim=1)  # (repeats,)
    tail = (1 - share) / 2
    low, high = torch.quantile(repeated, torch.tensor([tail, 1 - tail], dtype=torch.float64))
    return difference.mean().item(), low.item(), high.item()


def calibration_error(probabilities: Tensor, targets: Tensor, bins: int = 10) -> float:
    """Expected calibration error: how far confidence and accuracy are apart, weighted over bins of confidence.

    probabilities: (n, c), rows that sum to 1   targets: (n,)   →   a number from 0 to 1

    The confidence of an answer is its largest probability. Answers are sorted into bins of equal width from 0 to 1; in
    each, |accuracy − mean confidence| counts with the share of answers that lie in it. 0: of the answers given with
    80 % confidence, 80 % are right.
    """
    confidence, answers = probabilities.double().max(dim=-1)
    right = (answers == targets).double()
    # (low, high]: a confidence of exactly 1 belongs to the last bin
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.float64).index_add(0, place, right - confidence)
    return (gap.abs().sum() / len(targets)).item()


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Temperature scaling: the T at which softmax(logits / T) makes the targets likeliest, from 0.01 to 100.

    logits: (n, c), any that were not used in training   targets: (n,)   →   T: above 1 where the answers were too sure

    The mean of −ln P(target) is convex in 1/T, and its slope there is the difference of two means: the logit that the
    probabilities expect, Σ p · logit, minus the target's. Larger 1/T, sharper p, a larger expectation; so halve.
    """
    wanted = logits.gather(1, targets[:, None]).double().mean().item()
    low, high = 0.01, 100.0  # of 1/T
    for _ in range(30):
        middle = (low * high) ** 0.5
        p = torch.softmax(logits * middle, dim=-1)  # (n, c)
        expected = (p * logits).sum(dim=-1).double().mean().item()
        low, high = (middle, high) if expected <= wanted else (low, middle)
    return (low * high) ** -0.5
