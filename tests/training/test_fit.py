"""`shared.training.fit`: the loop that every later week calls."""

import copy
import functools

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from shared.training import fit as fit_module
from shared.training.classify import cross_entropy, minibatches, train_epoch
from shared.training.fit import fit
from shared.training.optimizers import AdamW


@pytest.fixture
def task():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=generator)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def network(dropout=0.0):
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


def sgd(net, lr=0.2):
    return torch.optim.SGD(net.parameters(), lr=lr)


quiet = functools.partial(fit, progress=None)


def test_it_is_the_plain_loop(task):
    x, y = task
    ours, theirs = network(), network()
    history = quiet(ours, lambda g: minibatches(x, y, 16, g), sgd(ours), 5, seed=3)
    generator, walker = torch.Generator().manual_seed(3), sgd(theirs)
    losses = [train_epoch(theirs, minibatches(x, y, 16, generator), walker) for _ in range(5)]
    assert history["train_loss"] == pytest.approx(losses)
    assert history.ended == "all epochs"
    assert history.best_epoch == 0
    for a, b in zip(ours.parameters(), theirs.parameters()):
        assert torch.equal(a, b)


def test_the_same_seed_gives_the_same_run(task):
    x, y = task
    runs = []
    for seed in (1, 1, 2):
        net = network(dropout=0.5)
        torch.randn(7)  # what happened before does not matter
        runs.append(
            quiet(net, lambda g: minibatches(x, y, 16, g), sgd(net), 3, seed=seed)["train_loss"]
        )
    assert runs[0] == runs[1] != runs[2]


def test_it_stops_early_and_gives_the_best_weights_back(task, tmp_path):
    x, y = task
    net, seen = network(), []

    def evaluate(net):
        assert not net.training
        assert not torch.is_grad_enabled()
        seen.append(copy.deepcopy(net.state_dict()))
        return {"val_loss": [3.0, 2.0, 2.5, 2.2, 2.1, 1.0][len(seen) - 1], "other": 7.0}

    path = tmp_path / "best.safetensors"
    history = quiet(
        net,
        lambda g: minibatches(x, y, 16, g),
        sgd(net),
        6,
        evaluate=evaluate,
        patience=3,
        save_to=path,
    )
    assert history.ended == "early"
    assert history.best_epoch == 2
    assert history["val_loss"] == [3.0, 2.0, 2.5, 2.2, 2.1]
    assert history["other"] == [7.0] * 5
    assert len(history["train_loss"]) == 5
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, seen[1][name])
        assert torch.equal(tensor, load_file(path)[name])
    assert [p.name for p in tmp_path.iterdir()] == ["best.safetensors"]


def test_without_patience_it_still_keeps_the_best(task):
    x, y = task
    net, losses = network(), iter([2.0, 1.0, 3.0, 4.0])
    history = quiet(
        net,
        lambda g: minibatches(x, y, 16, g),
        sgd(net),
        4,
        evaluate=lambda n: {"val_loss": next(losses)},
    )
    assert (history.best_epoch, history.ended, len(history["val_loss"])) == (2, "all epochs", 4)


def test_another_measure_can_be_watched(task):
    x, y = task
    net, errors = network(), iter([0.5, 0.1, 0.3])
    evaluate = lambda n: {"val_loss": 1.0, "error": next(errors)}  # noqa: E731
    history = quiet(
        net, lambda g: minibatches(x, y, 16, g), sgd(net), 3, evaluate=evaluate, watch="error"
    )
    assert history.best_epoch == 2


def test_interrupting_keeps_what_there_is(task):
    x, y = task
    net, epochs = network(), iter([2.0, 1.0])

    def evaluate(net):
        try:
            return {"val_loss": next(epochs)}
        except StopIteration:
            raise KeyboardInterrupt from None

    history = quiet(net, lambda g: minibatches(x, y, 16, g), sgd(net), 100, evaluate=evaluate)
    assert (history.ended, history.best_epoch) == ("interrupted", 2)


def test_a_loss_that_is_nan_ends_it(task):
    x, y = task
    net = network()
    history = quiet(net, lambda g: minibatches(x, y, 16, g), sgd(net, lr=1e30), 50)
    assert history.ended == "diverged"
    assert len(history["train_loss"]) < 10


def test_learning_rate_and_clipping_are_used(task):
    x, y = task
    net, rates, norms = network(), [], []

    class Spy(torch.optim.SGD):
        def step(self):
            rates.append(self.param_groups[0]["lr"])
            norms.append(torch.stack([p.grad.norm() for p in net.parameters()]).norm().item())
            super().step()

    quiet(
        net,
        lambda g: minibatches(x, y, 30, g),
        Spy(net.parameters(), lr=9.0),
        2,
        learning_rate=lambda step: 0.1 / (step + 1),
        clip=0.01,
    )
    assert rates == pytest.approx([0.1, 0.05, 0.1 / 3, 0.025])
    assert max(norms) <= 0.0101


def test_our_optimizers_do_as_torchs_do(task):
    x, y = task
    losses = []
    for kind in (AdamW, torch.optim.AdamW):
        net = network()
        history = quiet(
            net,
            lambda g: minibatches(x, y, 16, g),
            kind(net.parameters(), lr=0.0),
            5,
            learning_rate=lambda step: 0.01 / (step + 1),
            clip=0.5,
        )
        losses.append(history["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0]


def test_any_batch_will_do_and_a_small_one_counts_less():
    net = nn.Linear(1, 1)
    batches = [
        (torch.zeros(3, 1), torch.full((3, 1), 2.0), "a"),
        (torch.zeros(1, 1), torch.zeros(1, 1), "b"),
    ]
    loss = lambda n, batch: (0 * n(batch[0]) + batch[1]).mean()  # noqa: E731
    history = quiet(net, lambda g: batches, sgd(net), 1, loss=loss)
    assert history["train_loss"] == [1.5]


def test_a_write_that_fails_leaves_the_old_file(task, tmp_path, monkeypatch):
    x, y = task
    path, net = tmp_path / "best.safetensors", network()
    run = functools.partial(
        quiet, batches=lambda g: minibatches(x, y, 16, g), epochs=1, save_to=path
    )
    run(net, optimizer=sgd(net), evaluate=lambda n: {"val_loss": 1.0})
    before = path.read_bytes()

    def broken(tensors, name):
        name.write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(fit_module, "save_file", broken)
    with pytest.raises(OSError, match="the disk is full"):
        run(net, optimizer=sgd(net), evaluate=lambda n: {"val_loss": 0.5})
    assert path.read_bytes() == before


def test_what_is_missing_is_said(task):
    x, y = task
    net = network()
    with pytest.raises(ValueError, match="without 'val_loss'"):
        quiet(
            net, lambda g: minibatches(x, y, 16, g), sgd(net), 1, evaluate=lambda n: {"loss": 1.0}
        )
    with pytest.raises(ValueError, match="need evaluate"):
        quiet(net, lambda g: minibatches(x, y, 16, g), sgd(net), 1, patience=2)


def test_the_bar_is_on_stdout(task, capsys):
    x, y = task
    net = network()
    fit(net, lambda g: minibatches(x, y, 16, g), sgd(net), 2, evaluate=lambda n: {"val_loss": 1.0})
    shown = capsys.readouterr()
    assert "val_loss=1" in shown.out
    assert not shown.err


def test_it_learns(task):
    x, y = task
    net = network()
    evaluate = lambda n: {"val_loss": cross_entropy(n(x), y).item()}  # noqa: E731
    history = quiet(net, lambda g: minibatches(x, y, 16, g), sgd(net), 150, evaluate=evaluate)
    assert history["val_loss"][history.best_epoch - 1] < 0.1


def test_a_learner_can_read_it():
    with open(fit_module.__file__, encoding="utf-8") as file:
        assert len(file.readlines()) <= 150
