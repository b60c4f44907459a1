"""LoRA: merged and not the same, beside peft on transformers' models, and over a base of 4 bits."""

import numpy as np
import pytest
import torch
from torch import nn

from shared.llm.adapting.lora import (
    LoRALinear,
    add_lora,
    lora_layers,
    low_rank,
    merge_lora,
    remove_lora,
    trainable,
)
from shared.llm.adapting.lora_files import load_lora, save_lora
from shared.llm.adapting.quantize import Int4Linear, quantize
from shared.llm.checkpoints import from_transformers
from shared.llm.model import Parts
from tests.llm.test_checkpoints import random_model

TARGETS = ("query", "value", "up")


def adapted(kind, targets=TARGETS, parts=None):
    """(their model, ours with random LoRA layers)."""
    theirs = random_model(kind)
    ours = add_lora(from_transformers(theirs, parts), rank=3, alpha=5, targets=targets)
    torch.manual_seed(1)
    for _, layer in lora_layers(ours):
        nn.init.normal_(layer.b, std=0.3)
    return theirs, ours


@pytest.fixture
def tokens():
    return torch.randint(0, 101, (2, 12), generator=torch.Generator().manual_seed(1))


def test_at_first_nothing_changes():
    base, x = nn.Linear(8, 6), torch.randn(2, 3, 8)
    layer = LoRALinear(base, rank=2)
    assert torch.equal(layer(x), base(x))
    assert [name for name, _ in trainable(layer)] == ["a", "b"]


def test_the_formula():
    torch.manual_seed(0)
    base, x = nn.Linear(8, 6), torch.randn(2, 3, 8)
    layer = LoRALinear(base, rank=2, alpha=5)
    nn.init.normal_(layer.b)
    weight = base.weight + 5 / 2 * layer.b @ layer.a
    expected = nn.functional.linear(x, weight, base.bias)
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.merged()(x), expected)


@pytest.mark.parametrize("kind", ["gpt2", "qwen3", "bert"])
@pytest.mark.parametrize("parts", [None, Parts.fused()])
def test_merged_it_gives_the_same_logits(kind, parts, tokens):
    theirs, ours = adapted(kind, parts=parts)
    with torch.no_grad():
        before, plain = ours(tokens), from_transformers(theirs)(tokens)
        assert (before - plain).norm() > 0.01 * plain.norm()
        torch.testing.assert_close(merge_lora(ours)(tokens), before, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, LoRALinear) for module in ours.modules())
    assert all(p.requires_grad for p in ours.parameters())


def test_removed_it_is_as_before(tokens):
    theirs, ours = adapted("qwen3")
    with torch.no_grad():
        assert torch.equal(remove_lora(ours)(tokens), from_transformers(theirs)(tokens))


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen3"])
def test_peft_opens_it(kind, tokens, tmp_path):
    peft = pytest.importorskip("peft")
    theirs, ours = adapted(kind)
    save_lora(ours, tmp_path)
    opened = peft.PeftModel.from_pretrained(theirs, tmp_path).eval()
    with torch.no_grad():
        torch.testing.assert_close(opened(tokens).logits, ours(tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_saved_and_loaded(kind, tokens, tmp_path):
    theirs, ours = adapted(kind, ("query", "key", "down"))
    save_lora(ours, tmp_path)
    again = load_lora(from_transformers(theirs), tmp_path)
    with torch.no_grad():
        assert torch.equal(again(tokens), ours(tokens))


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_only_the_small_layers_learn(kind, tokens):
    _, ours = adapted(kind)
    assert {name.rpartition(".")[2] for name, _ in trainable(ours)} == {"a", "b"}
    before = {name: t.clone() for name, t in ours.state_dict().items()}
    optimizer = torch.optim.AdamW([p for _, p in trainable(ours)], lr=0.1)
    ours(tokens).square().mean().backward()
    optimizer.step()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, before[name]) != name.endswith((".a", ".b")), name


def test_over_a_base_of_four_bits(tokens):
    """QLoRA: gradients as over the same weights in float, and training lowers the loss."""
    torch.manual_seed(0)
    small = quantize(from_transformers(random_model("qwen3"), Parts.fused()), 4, group=16)
    plain = add_lora(quantize(from_transformers(random_model("qwen3")), 4, group=16))
    merge_lora(plain)  # float layers with the weights that 4 bits allow
    assert type(plain.stack.blocks[0].attention.query) is nn.Linear
    add_lora(small, rank=4)
    assert isinstance(small.stack.blocks[0].attention.query.base, Int4Linear)
    with torch.no_grad():
        torch.testing.assert_close(small.train()(tokens), plain(tokens), atol=0.05, rtol=0.05)
    losses = []
    optimizer = torch.optim.AdamW([p for _, p in trainable(small)], lr=0.02)
    for _ in range(15):
        logits = small(tokens[:, :-1]).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_no_two_small_matrices_are_nearer():
    change = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = np.linalg.svd(change.numpy(), compute_uv=False)
    for rank in range(1, 6):
        b, a = low_rank(change, rank)
        assert b.shape == (7, rank) and a.shape == (rank, 5)
        lost = (change - b @ a).square().sum().item()
        assert lost == pytest.approx((values[rank:] ** 2).sum(), abs=1e-12)


def test_bad_input_is_refused(tmp_path):
    theirs, ours = adapted("qwen3")
    with pytest.raises(ValueError, match="LoRA layers already"):
        add_lora(ours)
    with pytest.raises(ValueError, match="named down, gate, head, key"):
        add_lora(from_transformers(theirs), targets=["q_proj"])
    with pytest.raises(ValueError, match="no LoRA layers"):
        merge_lora(from_transformers(theirs))
    with pytest.raises(ValueError, match="rank is 0"):
        LoRALinear(nn.Linear(2, 2), 0)
    with pytest.raises(ValueError, match="holds no LoRA layers"):
        load_lora(from_transformers(theirs), tmp_path)
    save_lora(ours, tmp_path)
    with pytest.raises(ValueError, match="another model's"):
        load_lora(
            from_transformers(random_model("llama")),
            tmp_path,
        )
