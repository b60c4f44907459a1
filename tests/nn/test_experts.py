"""Mixture of experts beside transformers' Mixtral, and its load balance loss."""

import pytest
import torch
from torch import nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import (
    MixtralSparseMoeBlock,
    load_balancing_loss_func,
)

from shared.nn.experts import MixtureOfExperts, load_balance_loss, route
from shared.nn.feed_forward import GatedFeedForward

D, HIDDEN, EXPERTS, TOP = 16, 24, 4, 2


@pytest.fixture
def pair():
    """Mixtral's block and ours with the same random weights."""
    torch.manual_seed(0)
    config = MixtralConfig(
        hidden_size=D, intermediate_size=HIDDEN, num_local_experts=EXPERTS, num_experts_per_tok=TOP
    )
    config._experts_implementation = "eager"
    theirs = MixtralSparseMoeBlock(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) / 4)
    ours = MixtureOfExperts(D, EXPERTS, TOP, lambda: GatedFeedForward(D, HIDDEN))
    with torch.no_grad():
        ours.router.weight.copy_(theirs.gate.weight)
        for number, expert in enumerate(ours.experts):
            gate, up = theirs.experts.gate_up_proj[number].chunk(2, dim=0)
            expert.gate.weight.copy_(gate)
            expert.up.weight.copy_(up)
            expert.down.weight.copy_(theirs.experts.down_proj[number])
    return ours, theirs


def test_same_numbers_as_mixtral(pair):
    ours, theirs = pair
    x = torch.randn(3, 7, D)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    mine, expected = ours(one), theirs(other)
    expected = expected[0] if isinstance(expected, tuple) else expected
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn_like(mine)
    (mine * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        ours.router.weight.grad, theirs.gate.weight.grad, atol=1e-5, rtol=1e-5
    )


def test_same_load_balance_loss_as_mixtral():
    logits = torch.randn(50, EXPERTS, generator=torch.Generator().manual_seed(0))
    _, experts = route(logits, TOP)
    # theirs sums the shares of the first and of the second choices; ours is their mean
    expected = load_balancing_loss_func((logits,), EXPERTS, TOP) / TOP
    torch.testing.assert_close(load_balance_loss(logits, experts), expected)


def test_balance_is_one_where_even_and_grows():
    even = torch.eye(EXPERTS).repeat(5, 1) * 50
    assert load_balance_loss(even, route(even, 1)[1]).item() == pytest.approx(1, abs=1e-5)
    uneven = torch.zeros(20, EXPERTS)
    uneven[:, 0] = 50
    assert load_balance_loss(uneven, route(uneven, 1)[1]).item() == pytest.approx(EXPERTS, abs=1e-4)


def test_one_expert_is_that_expert():
    expert = GatedFeedForward(D, HIDDEN)
    mixture = MixtureOfExperts(D, 1, 1, lambda: expert)
    x = torch.randn(2, 5, D)
    torch.testing.assert_close(mixture(x), expert(x))


def test_an_expert_that_nobody_chose_gets_no_gradient():
    mixture = MixtureOfExperts(D, EXPERTS, 1, lambda: nn.Linear(D, D))
    with torch.no_grad():
        mixture.router.weight.zero_()
        mixture.router.weight[2] = 1
    mixture(torch.ones(6, D)).sum().backward()
    assert mixture.experts[2].weight.grad is not None
    assert mixture.experts[0].weight.grad is None


@pytest.mark.parametrize("top_k", [0, 5])
def test_top_k_must_fit(top_k):
    with pytest.raises(ValueError, match="top_k"):
        route(torch.randn(3, 4), top_k)
