"""Weights, caches and work read from a config.json, beside models that transformers builds."""

import pytest
import torch
import transformers

from shared.llm.known_models import CONFIGS, PUBLISHED, SOURCES
from shared.llm.shapes import count_weights, flops_per_token, kv_cache_bytes, shape_of
from shared.llm.writing.cache import cache_bytes


def built(config: dict) -> torch.nn.Module:
    """transformers' own model, without memory."""
    kind = transformers.AutoConfig.for_model(**config)
    with torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(kind)


def left_out(model: torch.nn.Module) -> int:
    """Numbers that `count_weights` says it leaves out: biases of experts and routers."""
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if "bias" in name and ("expert" in name or "router" in name)
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_all_weights_are_those_of_the_real_class(name: str) -> None:
    model = built(CONFIGS[name])
    expected = sum(p.numel() for p in model.parameters()) - left_out(model)
    assert count_weights(shape_of(CONFIGS[name]))[0] == expected


@pytest.mark.parametrize("name", CONFIGS)
def test_published_numbers(name: str) -> None:
    found = [number / 1e9 for number in count_weights(shape_of(CONFIGS[name]))]
    assert found[0] == pytest.approx(PUBLISHED[name][0], rel=0.01)
    # Makers differ in whether the embedding counts as active.
    embedding = CONFIGS[name]["vocab_size"] * CONFIGS[name]["hidden_size"] / 1e9
    low, high = found[1], found[1] + embedding
    assert low * 0.97 <= PUBLISHED[name][1] <= high * 1.03


def test_every_model_is_complete() -> None:
    assert set(CONFIGS) == set(PUBLISHED) == set(SOURCES)


def test_by_hand() -> None:
    config = {
        "vocab_size": 10, "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "intermediate_size": 8, "tie_word_embeddings": True,
    }  # fmt: skip
    block = (16 + 8 + 8 + 16) + 3 * 4 * 8 + 2 * 4
    assert count_weights(shape_of(config)) == (2 * block + 4 + 40, 2 * block + 4 + 40)
    untied = shape_of(config | {"tie_word_embeddings": False})
    assert count_weights(untied) == (2 * block + 4 + 80, 2 * block + 4 + 40)
    sparse = shape_of(
        config | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 3}
    )
    block = 48 + 8 + 4 * 4
    assert count_weights(sparse) == (2 * (block + 4 * 36) + 44, 2 * (block + 2 * 36) + 44)


def test_cache() -> None:
    shape = shape_of(CONFIGS["Qwen/Qwen3-0.6B"])
    assert kv_cache_bytes(shape, 300) == cache_bytes(1, 28, 8, 300, 128, torch.bfloat16)
    mistral = shape_of(CONFIGS["mistralai/Mistral-7B-v0.1"])
    assert kv_cache_bytes(mistral, 100_000) == kv_cache_bytes(mistral, 4_096)
    oss = shape_of(CONFIGS["openai/gpt-oss-20b"])
    assert kv_cache_bytes(oss, 1_000) == 2 * 8 * 64 * (12 * 128 + 12 * 1_000) * 2
    deepseek = shape_of(CONFIGS["deepseek-ai/DeepSeek-V3"])
    assert kv_cache_bytes(deepseek, 10, bytes_each=1) == 61 * 576 * 10


def test_work() -> None:
    shape = shape_of(CONFIGS["Qwen/Qwen3-0.6B"])
    assert flops_per_token(shape, 0) == 2 * count_weights(shape)[1]
    assert flops_per_token(shape, 10) - flops_per_token(shape, 0) == 28 * 4 * 16 * 128 * 10


def test_no_decoder() -> None:
    with pytest.raises(ValueError, match="config has no 'hidden_size'; it must be"):
        shape_of({"vocab_size": 3})
