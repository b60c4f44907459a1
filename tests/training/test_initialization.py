"""`shared.training.initialization` against torch.nn.init."""

import pytest
import torch
from torch import nn

from shared.training import initialization

SHAPES = [(400, 300), (64, 2000), (64, 32, 5, 5)]


@pytest.mark.parametrize("shape", [(3, 7), (4, 3, 5, 2), (2, 3, 4)])
def test_fans_are_torchs(shape):
    assert initialization.fans(shape) == nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))


def test_a_bias_has_no_fans():
    with pytest.raises(ValueError, match=r"\(5,\)"):
        initialization.fans((5,))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (initialization.xavier_normal, nn.init.xavier_normal_),
        (initialization.kaiming_normal, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    ],
    ids=["xavier", "kaiming"],
)
def test_spread_is_torchs(ours, theirs, shape):
    generator = torch.Generator().manual_seed(0)
    a, b = ours(shape, generator), theirs(torch.empty(shape))
    assert a.shape == shape
    assert a.std().item() == pytest.approx(b.std().item(), rel=0.02)
    assert abs(a.mean().item()) < 0.02 * a.std().item()
    assert (a.abs() > 2 * a.std()).float().mean().item() == pytest.approx(0.0455, abs=0.005)
    assert torch.equal(a, ours(shape, torch.Generator().manual_seed(0)))


def test_variance_survives_thirty_layers():
    torch.manual_seed(0)
    x = torch.randn(256, 512)
    start = x.square().mean()
    for _ in range(30):
        x = torch.relu(x @ initialization.kaiming_normal((512, 512)).T)
    assert 0.2 < x.square().mean() / start < 5
