"""Pruning: beside torch's own, and models that become smaller without changing where they can."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as theirs

from shared.llm.adapting.prune import (
    cut_small,
    cut_structure,
    hold_zeros,
    magnitude_mask,
    n_of_m_mask,
    sparsity,
)
from shared.llm.checkpoints import from_transformers, state_to_transformers
from shared.llm.model import Parts
from tests.llm.test_checkpoints import random_model


@pytest.fixture
def tokens():
    return torch.randint(0, 101, (2, 12), generator=torch.Generator().manual_seed(1))


def test_one_layer_is_torchs_l1_unstructured():
    torch.manual_seed(0)
    layer = nn.Linear(20, 12)
    mask = magnitude_mask(layer.weight.detach(), 0.3)
    theirs.l1_unstructured(layer, "weight", 0.3)
    assert torch.equal(mask, layer.weight_mask.bool())
    assert magnitude_mask(torch.zeros(4), 0.5).sum() == 2  # ties too


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
@pytest.mark.parametrize("together", [True, False])
def test_a_model_is_torchs_pruning(kind, together):
    model, other = (from_transformers(random_model(kind)) for _ in range(2))
    layers = [(m, "weight") for m in other.stack.blocks.modules() if type(m) is nn.Linear]
    if together:
        theirs.global_unstructured(layers, theirs.L1Unstructured, amount=0.4)
    else:
        for layer, name in layers:
            theirs.l1_unstructured(layer, name, 0.4)
    masks = cut_small(model, 0.4, together)
    ours = [m for m in model.stack.blocks.modules() if type(m) is nn.Linear]
    assert all(torch.equal(a.weight, b.weight) for a, (b, _) in zip(ours, layers))
    assert abs(sparsity(model) - 0.4) < 0.001 and len(masks) == len(layers)


def test_two_of_four():
    weight = torch.tensor([[1.0, -3.0, 2.0, 0.5, 0.1, 0.2, -0.3, 0.4]])
    assert n_of_m_mask(weight).tolist() == [[False, True, True, False, False, False, True, True]]
    model = from_transformers(random_model("qwen3"))
    masks = cut_small(model, n_of_m=(2, 4))
    assert sparsity(model) == pytest.approx(0.5)
    assert all((mask.reshape(-1, 4).sum(1) == 2).all() for mask in masks.values())


def test_zeros_stay_while_training_goes_on(tokens):
    model = from_transformers(random_model("qwen3")).train()
    masks = cut_small(model, 0.6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(tokens).square().mean().backward()
    optimizer.step()
    assert sparsity(model) < 0.1
    hold_zeros(model, masks)
    assert sparsity(model) == pytest.approx(0.6, abs=0.001)


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
@pytest.mark.parametrize("parts", [None, Parts.fused()])
def test_what_does_nothing_goes_first(kind, parts, tokens):
    """Hidden numbers and heads whose outputs are zero: without them the logits are the same."""
    model = from_transformers(random_model(kind), parts)
    group = model.config.n_heads // model.config.kv_heads * model.config.head_width
    with torch.no_grad():
        for block in model.stack.blocks:
            block.feed_forward.down.weight[:, 3:20] = 0
            block.attention.output.weight[:, group : 2 * group] = 0
        before = model(tokens)
        smaller = cut_structure(model, model.config.hidden_width - 17, model.config.kv_heads - 1)
        torch.testing.assert_close(smaller(tokens), before, atol=1e-4, rtol=1e-4)
    count = [sum(p.numel() for p in m.parameters()) for m in (smaller, model)]
    assert count[0] < count[1]
    assert smaller.stack.blocks[0].feed_forward.up.weight.shape[0] == model.config.hidden_width - 17


def test_the_important_ones_stay_and_the_old_model_is_as_it_was(tokens):
    model = from_transformers(random_model("qwen3"))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    kept = {h: cut_structure(model, d_hidden=h) for h in (8, 40, 70)}
    with torch.no_grad():
        exact = model(tokens)
        off = [(kept[h](tokens) - exact).norm().item() for h in kept]
    assert off == sorted(off, reverse=True)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_the_smaller_model_opens_in_transformers(tokens):
    from transformers import Qwen3Config, Qwen3ForCausalLM

    theirs = random_model("qwen3")
    smaller = cut_structure(from_transformers(theirs), 40, 1)
    config = smaller.config
    opened = Qwen3ForCausalLM(
        Qwen3Config(
            **{
                **theirs.config.to_dict(),
                "intermediate_size": config.d_hidden,
                "num_attention_heads": config.n_heads,
                "num_key_value_heads": config.n_kv_heads,
            }
        )
    ).eval()
    opened.load_state_dict(state_to_transformers(smaller, "qwen3"))
    with torch.no_grad():
        torch.testing.assert_close(opened(tokens).logits, smaller(tokens), atol=1e-4, rtol=1e-4)


def test_bad_input_is_refused():
    model = from_transformers(random_model("qwen3"))
    with pytest.raises(ValueError, match=r"share is 1\.5"):
        cut_small(model, 1.5)
    with pytest.raises(ValueError, match="d_hidden is 81; it must be from 1 to 80"):
        cut_structure(model, d_hidden=81)
    with pytest.raises(ValueError, match="n_kv_heads is 0"):
        cut_structure(model, n_kv_heads=0)
    with pytest.raises(ValueError, match="n_of_m is"):
        n_of_m_mask(torch.zeros(2, 6))
