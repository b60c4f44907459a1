"""`shared.training.classify` against torch and scikit-learn."""

import copy

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix
from torch import nn

from shared.training import classify


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (12, 4), (1, 5), (7, 7)])
def test_minibatches_cover_each_example_once(n, batch_size):
    generator = torch.Generator().manual_seed(0)
    x, targets = torch.randn(n, 2), torch.arange(n)
    seen = []
    for batch, rows in classify.minibatches(x, targets, batch_size, generator):
        assert 0 < len(batch) <= batch_size
        assert torch.equal(batch, x[rows])
        seen += rows.tolist()
    assert sorted(seen) == list(range(n))


def test_minibatches_are_repeatable():
    x = torch.arange(50)
    orders = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(7)
        orders.append(
            [b.tolist() for _ in range(2) for b, _ in classify.minibatches(x, x, 8, generator)]
        )
    assert orders[0] == orders[1]


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_cross_entropy_is_torchs_with_gradients(scale):
    logits = (torch.randn(40, 10, dtype=torch.float64) * scale).requires_grad_()
    targets = torch.randint(0, 10, (40,))
    ours, theirs = classify.cross_entropy(logits, targets), F.cross_entropy(logits, targets)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(*[torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)])


def test_train_epoch_is_the_plain_loop():
    ours = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
    theirs = copy.deepcopy(ours)
    batches = [(torch.randn(n, 6), torch.randint(0, 4, (n,))) for n in (5, 5, 2)]
    mean = classify.train_epoch(ours, iter(batches), torch.optim.SGD(ours.parameters(), lr=0.3))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.3)
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        each = F.cross_entropy(theirs(x), y, reduction="none")
        each.mean().backward()
        optimizer.step()
        losses += each.tolist()
    assert mean == pytest.approx(sum(losses) / len(losses), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_accuracy_and_confusions_are_scikit_learns():
    logits, targets = torch.randn(200, 6), torch.randint(0, 6, (200,))
    predicted = logits.argmax(-1)
    assert classify.accuracy(logits, targets) == pytest.approx(accuracy_score(targets, predicted))
    theirs = sklearn_confusion_matrix(targets, predicted, labels=range(7))
    assert classify.confusion_matrix(predicted, targets, 7).tolist() == theirs.tolist()
