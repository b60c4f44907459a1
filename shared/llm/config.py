"""What a Transformer looks like, as plain settings. Met in week 7's explore notebook; the model of weeks 8 and 9.

GPT-2, BERT, Llama and Qwen3 are one model with different switches; `changes(a, b)` lists the switches between two.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu")
NORMS = ("layer", "rms")
POSITIONS = ("none", "learned", "rotary")


@dataclass(frozen=True)
class ModelConfig:
    """The settings of a `LanguageModel`. Raises ValueError for settings that do not fit together.

    Sizes
        vocab_size: tokens that it knows    max_length: longest text that it is made for, in tokens
        d_model:    numbers for each token  n_layers: blocks      n_heads: query heads of a block
        n_kv_heads: heads of keys and values; None: n_heads       d_head: numbers of a head; None: d_model / n_heads
        d_hidden:   width inside the feed-forward layers; None: 4 · d_model, and 8/3 · d_model where they are gated
    Switches
        norm, norm_eps: "layer" or "rms", and what stands under its root   pre_norm: norms before the layers, or after
        activation, gated: of the feed-forward layers
        positions, rope_base: "none", "learned" or "rotary", and the base of the rotary angles
        causal:     a token sees only what comes before it
        qk_norm:    norms of queries and keys
        attention_bias, output_bias, feed_forward_bias: biases of query, key and value; of the attention's output; of
                    the feed-forward layers
        tied:       the head uses the embedding's weights
        token_types, embedding_norm, head_transform: BERT's kinds of segments (0: none), its norm of the embeddings, and
                    the layer before its head
        dropout:    while training
    """

    vocab_size: int
    max_length: int = 1024
    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int | None = None
    d_head: int | None = None
    d_hidden: int | None = None
    norm: str = "rms"
    norm_eps: float = 1e-6
    pre_norm: bool = True
    activation: str = "silu"
    gated: bool = True
    positions: str = "rotary"
    rope_base: float = 10_000.0
    causal: bool = True
    qk_norm: bool = False
    attention_bias: bool = False
    output_bias: bool = False
    feed_forward_bias: bool = False
    tied: bool = True
    token_types: int = 0
    embedding_norm: bool = False
    head_transform: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("vocab_size", "max_length", "d_model", "n_layers", "n_heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name, allowed in (
            ("norm", NORMS),
            ("activation", ACTIVATIONS),
            ("positions", POSITIONS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}."
                )
        if self.d_head is None and self.d_model % self.n_heads:
            raise ValueError(
                f"n_heads is {self.n_heads}; it must divide d_model, which is {self.d_model}, "
                "where d_head is not given."
            )
        if self.n_heads % self.kv_heads:
            raise ValueError(
                f"n_kv_heads is {self.kv_heads}; it must divide n_heads, which is {self.n_heads}."
            )
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(
                f"a head has {self.head_width} numbers; rotary positions turn pairs, so it must be even."
            )

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.n_heads if self.n_kv_heads is None else self.n_kv_heads

    @property
    def head_width(self) -> int:
        """Numbers of one head."""
        return self.d_model // self.n_heads if self.d_head is None else self.d_head

    @property
    def hidden_width(self) -> int:
        """Numbers inside the feed-forward layers."""
        if self.d_hidden is not None:
            return self.d_hidden
        return 4 * self.d_model if not self.gated else round(8 * self.d_model / 3 / 8) * 8

    def with_(self, **settings: Any) -> ModelConfig:
        """The same with other settings."""
        return replace(self, **settings)


def gpt2(vocab_size: int = 50_257, **sizes: Any) -> ModelConfig:
    """GPT-2's switches (Radford et al. 2019); by default the sizes of its smallest, 124 million parameters."""
    switches = {
        "norm": "layer",
        "norm_eps": 1e-5,
        "activation": "gelu_tanh",
        "gated": False,
        "positions": "learned",
        "attention_bias": True,
        "output_bias": True,
        "feed_forward_bias": True,
    }
    smallest = {"max_length": 1024, "d_model": 768, "n_layers": 12, "n_heads": 12}
    return ModelConfig(vocab_size, **{**smallest, **switches, **sizes})


def bert(vocab_size: int = 30_522, **sizes: Any) -> ModelConfig:
    """BERT's switches (1810.04805), with the head of its masked language model; by default the sizes of bert-base."""
    base = {"max_length": 512, "d_model": 768, "n_layers": 12, "n_heads": 12}
    switches = {
        "norm_eps": 1e-12,
        "activation": "gelu",
        "causal": False,
        "pre_norm": False,
        "token_types": 2,
        "embedding_norm": True,
        "head_transform": True,
    }
    return gpt2(vocab_size, **{**base, **switches, **sizes})


def llama(vocab_size: int = 32_000, **sizes: Any) -> ModelConfig:
    """Llama's switches (2302.13971); by default the sizes of TinyLlama, 1.1 billion parameters (2401.02385)."""
    tiny = {
        "max_length": 2048,
        "d_model": 2048,
        "n_layers": 22,
        "n_heads": 32,
        "n_kv_heads": 4,
        "d_hidden": 5632,
        "norm_eps": 1e-5,
        "tied": False,
    }
    return ModelConfig(vocab_size, **{**tiny, **sizes})


def qwen3(vocab_size: int = 151_936, **sizes: Any) -> ModelConfig:
    """Qwen3's switches (2505.09388), which are also week 9's; by default the sizes of Qwen3-0.6B."""
    smallest = {
        "max_length": 40_960,
        "d_model": 1024,
        "n_layers": 28,
        "n_heads": 16,
        "n_kv_heads": 8,
        "d_head": 128,
        "d_hidden": 3072,
        "qk_norm": True,
        "rope_base": 1_000_000.0,
    }
    return ModelConfig(vocab_size, **{**smallest, **sizes})


SIZES = (
    "vocab_size",
    "max_length",
    "d_model",
    "n_layers",
    "n_heads",
    "n_kv_heads",
    "d_head",
    "d_hidden",
    "dropout",
)


def changes(old: ModelConfig, new: ModelConfig) -> dict[str, tuple[Any, Any]]:
    """The switches, not the sizes, in which two models differ: name → (old, new)."""
    before, after = asdict(old), asdict(new)
    return {
        field.name: (before[field.name], after[field.name])
        for field in fields(ModelConfig)
        if field.name not in SIZES and before[field.name] != after[field.name]
    }
