"""The building blocks of a language model as plain functions: tensors in, tensors out, weights handed over by hand.

    y = rms_norm(x, weight)
    logits = language_model(tokens, weights, config)

Those that the course wrote as functions stand here under their own names; those it wrote as modules are called with
the weights given, so that there is one definition of each. Weights are laid out as in torch: a matrix is (out, in).
Shapes: n texts, length tokens, d_model numbers for each; "..." are any batch dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from shared.llm.config import ModelConfig
from shared.llm.model import LanguageModel, Parts
from shared.nn.attention import causal_mask, scaled_dot_product_attention, softmax
from shared.nn.feed_forward import GatedFeedForward, silu
from shared.nn.grouped_attention import GroupedQueryAttention
from shared.nn.norms import LayerNorm, RMSNorm
from shared.nn.positions import rotary
from shared.nn.transformer import TransformerBlock
from shared.text.bpe import BPETokenizer
from shared.text.bpe_training import train_bpe
from shared.training.clipping import clip_grad_norm
from shared.training.optimizers import AdamW
from shared.training.schedules import cosine_with_warmup

__all__ = [
    "AdamW",
    "BPETokenizer",
    "attention_layer",
    "causal_mask",
    "clip_grad_norm",
    "cosine_with_warmup",
    "cross_entropy",
    "embedding",
    "language_model",
    "layer_norm",
    "linear",
    "rms_norm",
    "rotary",
    "sample_batch",
    "scaled_dot_product_attention",
    "silu",
    "softmax",
    "swiglu",
    "train_bpe",
    "transformer_block",
]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b.   x: (..., d_in)   weight: (d_out, d_in)   bias: (d_out,)   →   (..., d_out)"""
    product = x @ weight.T
    return product if bias is None else product + bias


def embedding(ids: Tensor, weight: Tensor) -> Tensor:
    """The row of each id.   ids: (...) of integers   weight: (vocab_size, d_model)   →   (..., d_model)"""
    return weight[ids]


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    """x / √(mean of x² + ε) · weight.   x: (..., d)   weight: (d,)   →   (..., d)"""
    with torch.device("meta"):
        norm = RMSNorm(len(weight), eps)
    return functional_call(norm, {"weight": weight}, x)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """(x − mean) / √(variance + ε) · weight + bias.   x: (..., d)   weight, bias: (d,)   →   (..., d)"""
    with torch.device("meta"):
        norm = LayerNorm(len(weight), eps)
    return functional_call(norm, {"weight": weight, "bias": bias}, x)


def swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """(silu(x gateᵀ) ⊙ x upᵀ) downᵀ.   x: (..., d_model)   gate, up: (d_hidden, d_model)   down: (d_model, d_hidden)
    →   (..., d_model)"""
    with torch.device("meta"):
        layer = GatedFeedForward(gate.shape[1], gate.shape[0])
    weights = {"gate.weight": gate, "up.weight": up, "down.weight": down}
    return functional_call(layer, weights, x)


def attention_layer(
    x: Tensor,
    weights: Mapping[str, Tensor],
    n_heads: int,
    n_kv_heads: int | None = None,
    mask: Tensor | None = None,
    positions: Tensor | None = None,
    rope: bool = True,
) -> Tensor:
    """Multi-head attention, grouped where n_kv_heads is less than n_heads.

    x: (..., length, d_model)   →   the same shape
    weights: query.weight (n_heads · d, d_model), key.weight and value.weight (n_kv_heads · d, d_model), output.weight
    (d_model, n_heads · d); and query_norm.weight, key_norm.weight (d,) where queries and keys are normed
    mask: broadcastable to (..., length, length), True where a token may look; None: everywhere
    rope: rotary positions, at `positions` or 0, 1, 2, …
    """
    d_model = x.shape[-1]
    normed = "query_norm.weight" in weights
    with torch.device("meta"):
        layer = GroupedQueryAttention(
            d_model,
            n_heads,
            n_kv_heads,
            weights["query.weight"].shape[0] // n_heads,
            turn=rotary if rope else None,
            norm=RMSNorm if normed else None,
        )
    more = {"mask": mask, "positions": positions}
    return functional_call(layer, dict(weights), (x,), more, strict=True)


def transformer_block(
    x: Tensor, weights: Mapping[str, Tensor], n_heads: int, n_kv_heads: int | None = None
) -> Tensor:
    """A causal pre-norm block: x = x + attention(rms_norm(x)), then x = x + swiglu(rms_norm(x)).

    x: (..., length, d_model)   →   the same shape
    weights: attention_norm.weight, attention.… as in `attention_layer`, feed_forward_norm.weight, and
    feed_forward.gate.weight, feed_forward.up.weight, feed_forward.down.weight as in `swiglu`
    """
    length, d_model = x.shape[-2:]
    d_hidden = weights["feed_forward.gate.weight"].shape[0]
    d = weights["attention.query.weight"].shape[0] // n_heads
    norm = RMSNorm if "attention.query_norm.weight" in weights else None
    with torch.device("meta"):
        attention = GroupedQueryAttention(d_model, n_heads, n_kv_heads, d, norm=norm)
        block = TransformerBlock(d_model, attention, GatedFeedForward(d_model, d_hidden), RMSNorm)
    mask = causal_mask(length, device=x.device)
    return functional_call(block, dict(weights), (x,), {"mask": mask}, strict=True)


def language_model(
    tokens: Tensor, weights: Mapping[str, Tensor], config: ModelConfig, parts: Parts | None = None
) -> Tensor:
    """tokens: (n, length) of integers   →   logits (n, length, vocab_size). weights: a `LanguageModel`'s state_dict."""
    with torch.device("meta"):
        model = LanguageModel(config, parts)
    # A tied head is the embedding; to hand it over a second time would leave open which of the two counts.
    given = {k: w for k, w in weights.items() if not (config.tied and k == "head.weight")}
    return functional_call(model.eval(), given, (tokens,))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean of −log softmax(logits)[target], a scalar in nats.   logits: (..., vocab_size)   targets: (...)

    log Σ e^z − z[target], with the largest logit taken out first, so that nothing overflows. In float32 at least.
    """
    wide = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    chosen = wide.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (torch.logsumexp(wide, dim=-1) - chosen).mean()


def sample_batch(
    tokens: np.ndarray, context: int, batch_size: int, generator: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Windows at random places of a row of tokens, which may be a memory map: only the windows are read.

    →   inputs (batch_size, context) and targets, one token on, int64. Raises ValueError for too few tokens.
    Training uses `shared.llm.corpus.batches.Batches`, which comes by every window once before any twice.
    """
    if len(tokens) <= context:
        raise ValueError(f"context is {context}; it must be less than the {len(tokens)} tokens.")
    starts = generator.integers(0, len(tokens) - context, size=batch_size)
    windows = np.stack([tokens[start : start + context + 1] for start in starts]).astype(np.int64)
    return torch.from_numpy(windows[:, :-1].copy()), torch.from_numpy(windows[:, 1:].copy())
