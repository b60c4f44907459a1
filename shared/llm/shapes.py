"""A model read from its config.json: how many weights it has, what it keeps of a text, how much work a token is. Met in
week 9's explore notebook on the landscape.

    shape = shape_of({"hidden_size": 1024, "num_hidden_layers": 28, …})
    count_weights(shape)             # (all of them, those that one token meets)
    kv_cache_bytes(shape, 4096)
    flops_per_token(shape, 4096)

It covers decoder-only models with gated feed-forward layers (SwiGLU): Llama, Mistral, Qwen3, DeepSeek-V3, gpt-oss and
their like. `known_models` holds some of their configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """The sizes that decide about weights, memory and work.

    vocab_size, d_model, n_layers, n_heads, n_kv_heads: as everywhere      d: numbers of a head
    d_hidden:    width inside a feed-forward layer
    n_dense:     blocks with one such layer; the others, n_layers − n_dense, have experts
    n_experts, n_chosen, n_shared, d_expert: experts of a block, how many a router chooses for each token, how many work
                 on every token, and the width inside one
    tied:        the head uses the embedding's table
    attention:   weights in one block's attention
    latent:      numbers that latent attention keeps of a token in each block; 0: keys and values are kept
    windows:     how many tokens back each block looks, its own place included; None: to the beginning
    """

    vocab_size: int
    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d: int
    d_hidden: int
    n_dense: int
    n_experts: int
    n_chosen: int
    n_shared: int
    d_expert: int
    tied: bool
    attention: int
    latent: int
    windows: tuple[int | None, ...]


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The shape of a model, from its config.json as a dict. Raises ValueError where a size is missing."""
    try:
        d_model, n_layers = config["hidden_size"], config["num_hidden_layers"]
        n_heads, vocab_size = config["num_attention_heads"], config["vocab_size"]
        d_hidden = config["intermediate_size"]
    except KeyError as missing:
        raise ValueError(f"config has no {missing}; it must be that of a decoder.") from None
    # The field has three names for one thing.
    names = ("num_experts", "n_routed_experts", "num_local_experts")
    n_experts = next((config[name] for name in names if config.get(name)), 0)
    window = config.get("sliding_window")
    kinds = (
        config.get("layer_types")
        or ["sliding_attention" if window else "full_attention"] * n_layers
    )
    return Shape(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=config.get("num_key_value_heads") or n_heads,
        d=config.get("head_dim") or d_model // n_heads,
        d_hidden=d_hidden,
        n_dense=config.get("first_k_dense_replace", 0) if n_experts else n_layers,
        n_experts=n_experts,
        n_chosen=config.get("num_experts_per_tok", 0) if n_experts else 0,
        n_shared=config.get("n_shared_experts", 0) if n_experts else 0,
        d_expert=(config.get("moe_intermediate_size") or d_hidden) if n_experts else 0,
        tied=bool(config.get("tie_word_embeddings", False)),
        attention=_attention_weights(config),
        latent=config.get("kv_lora_rank", 0)
        and config["kv_lora_rank"] + config["qk_rope_head_dim"],
        windows=tuple(window if kind == "sliding_attention" else None for kind in kinds),
    )


def _attention_weights(config: Mapping[str, Any]) -> int:
    """Weights in one block's attention: projections, and where there are such, biases, norms and sinks."""
    d_model, heads = config["hidden_size"], config["num_attention_heads"]
    if config.get("kv_lora_rank"):  # DeepSeek: queries, keys and values come out of short vectors
        short, latent = config["q_lora_rank"], config["kv_lora_rank"]
        plain, turned = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
        value = config["v_head_dim"]
        query = d_model * short + short + short * heads * (plain + turned)
        key_value = d_model * (latent + turned) + latent + latent * heads * (plain + value)
        return query + key_value + heads * value * d_model
    d = config.get("head_dim") or d_model // heads
    kv_heads = config.get("num_key_value_heads") or heads
    weights = 2 * d_model * d * (heads + kv_heads)
    if config.get("attention_bias"):
        weights += d * (heads + 2 * kv_heads) + d_model
    if str(config.get("model_type", "")).startswith("qwen3"):
        weights += 2 * d  # a norm of queries, and one of keys
    if config.get("model_type") == "gpt_oss":
        weights += heads  # a sink: a score to which attention may go instead of to a token
    return weights


def count_weights(shape: Shape) -> tuple[int, int]:
    """(all weights, those that one token meets)

    A token meets the router and the chosen experts of each block, and all of what is not in experts. The embedding it
    only looks up, one row of it, so that the table counts in the second number where it is the head's as well.
    Left out, where a model has them: biases of experts and routers.
    """
    table = shape.vocab_size * shape.d_model
    expert = 3 * shape.d_model * shape.d_expert  # gate, up and down
    n_sparse = shape.n_layers - shape.n_dense
    always = shape.n_layers * (shape.attention + 2 * shape.d_model)  # each block has two norms
    always += shape.n_dense * 3 * shape.d_model * shape.d_hidden
    always += n_sparse * (shape.d_model * shape.n_experts + shape.n_shared * expert)
    always += shape.d_model + table  # the last norm and the head
    all_of_them = always + n_sparse * shape.n_experts * expert + (0 if shape.tied else table)
    return all_of_them, always + n_sparse * shape.n_chosen * expert


def kv_cache_bytes(shape: Shape, length: int, bytes_each: int = 2) -> int:
    """Bytes that a model keeps of one text of `length` tokens, so as not to read it again for each token it writes.

    Each block keeps a key and a value for each of its heads of keys, or, where attention is latent, the short vector
    that they are made from; and a block with a window keeps no more tokens than it looks at.
    """
    each = shape.latent or 2 * shape.n_kv_heads * shape.d
    kept = sum(length if window is None else min(length, window) for window in shape.windows)
    return each * kept * bytes_each


def flops_per_token(shape: Shape, length: int) -> int:
    """Floating point operations for the token at place `length`: two for each weight that it meets, and the scores
    and mixtures of its attention, 4 · n_heads · d for each token that it looks at.

    (With latent attention as when it is trained: keys and values of all heads are there.)
    """
    seen = sum(length if window is None else min(length, window) for window in shape.windows)
    return 2 * count_weights(shape)[1] + 4 * shape.n_heads * shape.d * seen
