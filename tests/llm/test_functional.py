"""Each building block as a stranger would call it, against torch and transformers."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import Qwen3Config, Qwen3ForCausalLM

from shared.llm import functional as blocks
from shared.llm.checkpoints import config_from_transformers, state_from_transformers
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def test_the_small_ones_are_torchs():
    x, weight, bias = torch.randn(2, 5, 8), torch.randn(6, 8), torch.randn(6)
    torch.testing.assert_close(blocks.linear(x, weight, bias), F.linear(x, weight, bias))
    torch.testing.assert_close(blocks.linear(x, weight), F.linear(x, weight))
    ids = torch.randint(6, (2, 5))
    torch.testing.assert_close(blocks.embedding(ids, weight), F.embedding(ids, weight))
    torch.testing.assert_close(blocks.silu(x), F.silu(x), **CLOSE)
    torch.testing.assert_close(blocks.softmax(x), F.softmax(x, -1), **CLOSE)
    gain, shift = torch.randn(8), torch.randn(8)
    torch.testing.assert_close(blocks.rms_norm(x, gain), F.rms_norm(x, (8,), gain, 1e-6), **CLOSE)
    expected = F.layer_norm(x, (8,), gain, shift, 1e-5)
    torch.testing.assert_close(blocks.layer_norm(x, gain, shift), expected, **CLOSE)


def test_gradients_reach_the_weights_that_were_given():
    gain = torch.ones(8, requires_grad=True)
    blocks.rms_norm(torch.randn(3, 8), gain).square().sum().backward()
    assert gain.grad is not None and gain.grad.abs().sum() > 0


def test_swiglu():
    x, gate, up, down = (
        torch.randn(3, 8),
        torch.randn(12, 8),
        torch.randn(12, 8),
        torch.randn(8, 12),
    )
    expected = (F.silu(x @ gate.T) * (x @ up.T)) @ down.T
    torch.testing.assert_close(blocks.swiglu(x, gate, up, down), expected, **CLOSE)


def test_cross_entropy_and_its_gradient():
    logits = torch.randn(4, 7, 11, requires_grad=True)
    twin = logits.detach().clone().requires_grad_()
    targets = torch.randint(11, (4, 7))
    ours, theirs = (
        blocks.cross_entropy(logits, targets),
        F.cross_entropy(twin.flatten(0, 1), targets.flatten()),
    )
    torch.testing.assert_close(ours, theirs)
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(logits.grad, twin.grad, **CLOSE)
    assert blocks.cross_entropy(torch.tensor([[1e4, -1e4]]), torch.tensor([1])) == 2e4


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        tie_word_embeddings=True,
    )
    return Qwen3ForCausalLM(config).eval()


def test_the_whole_model_from_a_dictionary_of_weights(theirs):
    config = config_from_transformers(theirs.config)
    weights = state_from_transformers(LanguageModel(config), "qwen3", theirs.state_dict())
    tokens = torch.randint(40, (2, 9))
    expected = theirs(tokens).logits
    torch.testing.assert_close(
        blocks.language_model(tokens, weights, config), expected, atol=1e-4, rtol=1e-4
    )


def test_a_block_and_its_attention_are_those_of_the_model():
    sizes = {"d_model": 32, "n_layers": 1, "n_heads": 4, "n_kv_heads": 2, "d_head": 8}
    config = qwen3(40, max_length=16, d_hidden=48, rope_base=10_000.0, **sizes)
    model = LanguageModel(config)
    block = model.stack.blocks[0]
    x = torch.randn(2, 9, 32)
    mask = blocks.causal_mask(9)
    torch.testing.assert_close(
        blocks.transformer_block(x, block.state_dict(), 4, 2), block(x, mask=mask), **CLOSE
    )
    torch.testing.assert_close(
        blocks.attention_layer(x, block.attention.state_dict(), 4, 2, mask),
        block.attention(x, mask=mask),
        **CLOSE,
    )


def test_batches_from_a_memory_map(tmp_path):
    np.arange(1000, dtype=np.uint16).tofile(tmp_path / "tokens.bin")
    tokens = np.memmap(tmp_path / "tokens.bin", dtype=np.uint16, mode="r")
    inputs, targets = blocks.sample_batch(tokens, 16, 8, np.random.default_rng(0))
    assert inputs.shape == targets.shape == (8, 16) and inputs.dtype == torch.int64
    assert (targets == inputs + 1).all()
    again, _ = blocks.sample_batch(tokens, 16, 8, np.random.default_rng(0))
    assert (again == inputs).all()
    last = blocks.sample_batch(tokens[:17], 16, 50, np.random.default_rng(0))[1]
    assert last.max() == 16
    with pytest.raises(ValueError, match="context is 16"):
        blocks.sample_batch(tokens[:16], 16, 8, np.random.default_rng(0))
