"""`shared.training.optimizers` and `clipping` against torch.optim, step for step."""

import copy

import pytest
import torch
from torch import nn

from shared.training import optimizers
from shared.training.clipping import clip_grad_norm
from shared.training.schedules import cosine_with_warmup, set_lr

STEPS = 200
PAIRS = [
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.05}),
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    (optimizers.SGD, torch.optim.SGD, {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.03}),
    (optimizers.RMSProp, torch.optim.RMSprop, {"lr": 0.003}),
    (optimizers.RMSProp, torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}),
    (optimizers.Adam, torch.optim.Adam, {"lr": 0.003}),
    (optimizers.Adam, torch.optim.Adam, {"lr": 0.01, "betas": (0.7, 0.95), "eps": 1e-4}),
    (optimizers.AdamW, torch.optim.AdamW, {"lr": 0.003}),
    (optimizers.AdamW, torch.optim.AdamW, {"lr": 0.01, "betas": (0.8, 0.9), "weight_decay": 0.3}),
]


def _network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)
    ).double()


def _walk(network, optimizer, steps, seed=1, schedule=False):
    """Trains on fresh random batches; yields the parameters after each step as one vector."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        if schedule:
            set_lr(optimizer, cosine_with_warmup(step, 0.01, steps, steps // 10))
        x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
        y = torch.randn(8, 3, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        (network(x) - y).square().mean().backward()
        optimizer.step()
        yield torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("schedule", [False, True], ids=["constant lr", "scheduled lr"])
@pytest.mark.parametrize(("ours", "theirs", "settings"), PAIRS)
def test_agrees_with_torch_step_for_step(ours, theirs, settings, schedule):
    a, b = _network(), _network()
    mine, torchs = ours(a.parameters(), **settings), theirs(b.parameters(), **settings)
    walks = zip(
        _walk(a, mine, STEPS, schedule=schedule), _walk(b, torchs, STEPS, schedule=schedule)
    )
    worst = max((x - y).abs().max().item() for x, y in walks)
    assert worst <= 1e-6
    assert worst <= 1e-9  # in float64 only rounding is left


def test_defaults_are_torchs():
    for ours, theirs in (
        (optimizers.RMSProp, torch.optim.RMSprop),
        (optimizers.Adam, torch.optim.Adam),
        (optimizers.AdamW, torch.optim.AdamW),
    ):
        mine, group = ours([torch.zeros(1)]), theirs([torch.zeros(1)]).param_groups[0]
        shared_settings = set(vars(mine)) & set(group)
        assert {"lr", "eps"} <= shared_settings
        assert all(getattr(mine, name) == group[name] for name in shared_settings)


@pytest.mark.parametrize(("ours", "theirs", "settings"), PAIRS)
def test_state_survives_a_round_trip(ours, theirs, settings, tmp_path):
    whole = _network()
    *_, expected = _walk(whole, ours(whole.parameters(), **settings), 20)

    first = _network()
    optimizer = ours(first.parameters(), **settings)
    for _ in zip(range(10), _walk(first, optimizer, 20)):
        pass
    torch.save(
        {"network": first.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.pt"
    )
    saved = torch.load(tmp_path / "c.pt", weights_only=True)

    second = _network(seed=9)
    second.load_state_dict(saved["network"])
    resumed = ours(second.parameters(), lr=123.0)
    resumed.load_state_dict(saved["optimizer"])
    generator = torch.Generator().manual_seed(1)
    for step in range(20):  # the same batches; the first ten are only drawn
        x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
        y = torch.randn(8, 3, generator=generator, dtype=torch.float64)
        if step >= 10:
            resumed.zero_grad()
            (second(x) - y).square().mean().backward()
            resumed.step()
    got = torch.cat([p.detach().flatten() for p in second.parameters()])
    torch.testing.assert_close(got, expected, rtol=0, atol=0)


def test_a_saved_state_is_a_copy():
    network = _network()
    optimizer = optimizers.Adam(network.parameters(), lr=0.1)
    *_, _ = _walk(network, optimizer, 3)
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    *_, _ = _walk(network, optimizer, 3)
    assert saved["steps"] == 3 and optimizer.steps == 6
    assert all(torch.equal(x, y) for x, y in zip(saved["m"], before["m"], strict=True))
    optimizer.load_state_dict(saved)
    optimizer.m[0].add_(1.0)
    assert torch.equal(saved["m"][0], before["m"][0])


def test_state_of_another_optimizer_is_refused():
    adam, sgd = (
        kind(_network().parameters(), lr=0.1) for kind in (optimizers.Adam, optimizers.SGD)
    )
    with pytest.raises(ValueError, match="Adam has"):
        adam.load_state_dict(sgd.state_dict())
    other = optimizers.SGD([torch.zeros(2)], lr=0.1)
    with pytest.raises(ValueError, match="velocity"):
        sgd.load_state_dict(other.state_dict())


@pytest.mark.parametrize(
    "kind", [optimizers.SGD, optimizers.RMSProp, optimizers.Adam, optimizers.AdamW]
)
def test_parameters_without_gradient_stay(kind):
    a, b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = kind([a, b], lr=0.1)
    a.sum().backward()
    optimizer.step()
    assert not torch.equal(a, torch.ones(3))
    assert torch.equal(b, torch.ones(3))
    optimizer.zero_grad()
    assert a.grad is None


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="parameters is empty"):
        optimizers.SGD(iter(()), lr=0.1)
    with pytest.raises(ValueError, match=r"lr is -0\.1"):
        optimizers.Adam([torch.zeros(1)], lr=-0.1)
    with pytest.raises(ValueError, match="must hold tensors"):
        optimizers.SGD(["weight"], lr=0.1)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 1e3])
def test_clip_grad_norm_is_torchs(max_norm):
    ours, theirs = _network(), _network()
    for network in (ours, theirs):
        network(torch.ones(4, 5, dtype=torch.float64)).square().sum().backward()
    norms = [
        clip_grad_norm(ours.parameters(), max_norm),
        nn.utils.clip_grad_norm_(theirs.parameters(), max_norm),
    ]
    torch.testing.assert_close(*norms)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert clip_grad_norm([torch.zeros(2, requires_grad=True)], 1.0) == 0
