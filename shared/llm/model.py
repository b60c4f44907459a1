"""The language model of weeks 7 to 9, put together from the course's own pieces by a `ModelConfig`.

Which pieces, `Parts` says: by default the references; week 9 gives it the learner's own.
Shapes: n texts, length tokens, vocab_size logits for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shared.llm.config import ModelConfig
from shared.nn import fused
from shared.nn.attention import causal_mask, fused_attention, scaled_dot_product_attention
from shared.nn.feed_forward import FeedForward, GatedFeedForward, gelu, gelu_tanh, silu
from shared.nn.grouped_attention import Cache, GroupedQueryAttention
from shared.nn.mlp import relu
from shared.nn.norms import LayerNorm, RMSNorm
from shared.nn.positions import LearnedPositions, rotary
from shared.nn.transformer import Stack, TransformerBlock
from shared.training.regularization import dropout


@dataclass(frozen=True)
class Parts:
    """The pieces that a model is made of: each may be the learner's own, or a faster one that gives the same numbers.

    attention:    `scaled_dot_product_attention`, or `fused_attention` where speed counts
    masks_future: whether `attention`, where it is given no mask, masks the future by itself; then no mask is made
    """

    attention: Callable[..., Tensor] = scaled_dot_product_attention
    causal_mask: Callable[..., Tensor] = causal_mask
    rotary: Callable[..., Tensor] = rotary
    layer_norm: Callable[..., nn.Module] = LayerNorm
    rms_norm: Callable[..., nn.Module] = RMSNorm
    feed_forward: Callable[..., nn.Module] = FeedForward
    gated_feed_forward: Callable[..., nn.Module] = GatedFeedForward
    grouped_attention: Callable[..., nn.Module] = GroupedQueryAttention
    block: Callable[..., nn.Module] = TransformerBlock
    relu: Callable[[Tensor], Tensor] = relu
    gelu: Callable[[Tensor], Tensor] = gelu
    gelu_tanh: Callable[[Tensor], Tensor] = gelu_tanh
    silu: Callable[[Tensor], Tensor] = silu
    dropout: Callable[..., Tensor] = dropout
    masks_future: bool = False

    @classmethod
    def fused(cls, **others: Any) -> Parts:
        """torch's kernels in the place of ours: the same numbers to rounding, in less time and memory."""
        quick = {
            "attention": fused.attention,
            "masks_future": True,
            "layer_norm": fused.LayerNorm,
            "rms_norm": fused.RMSNorm,
            "relu": fused.relu,
            "gelu": fused.gelu,
            "gelu_tanh": fused.gelu_tanh,
            "silu": fused.silu,
            "rotary": fused.rotary,
            "grouped_attention": fused.GroupedQueryAttention,
            "block": fused.TransformerBlock,
            "dropout": fused.dropout,
        }
        return cls(**{**quick, **others})


class LanguageModel(nn.Module):
    """Tokens in, logits for a token at each place out: of the next one where `config.causal`, else of this one.

    forward(tokens, …): (n, length) of integers → (n, length, vocab_size)
    real:        (n, length), True at real tokens, where a batch is padded on the right; None: all are
    token_types: (n, length), the kind of segment of each token, for BERT; None: 0
    documents:   (n, length), a number for each token's document: a token sees only its own. None: all is one document
    caches:      one `Cache` for each block, which hold what was read before; then `tokens` is only what comes next,
                 and `start` its first position
    positions:   (length,) or (n, length), where a token stands; None: start, start + 1, …
    mask:        (…, length, keys), where each token may look, in place of the mask that the model would make
    recompute:   an attribute: while training, keep only what goes into each block and compute the rest again in the
                 backward pass; a third more time, far less memory (Chen et al. 2016, 1604.06174)

    Raises ValueError for a text longer than `max_length` where positions are learned.
    """

    def __init__(self, config: ModelConfig, parts: Parts | None = None) -> None:
        super().__init__()
        self.config, self.parts, self.recompute = config, parts or Parts(), False
        norm = self._norm()
        d = config.d_model
        self.embedding = nn.Embedding(config.vocab_size, d)
        learned = config.positions == "learned"
        self.positions = LearnedPositions(config.max_length, d) if learned else None
        self.token_types = nn.Embedding(config.token_types, d) if config.token_types else None
        self.embedding_norm = norm(d) if config.embedding_norm else None
        self.stack = Stack(
            [self._block(norm) for _ in range(config.n_layers)],
            norm(d) if config.pre_norm else None,
        )
        self.transform = _Transform(d, self._activation(), norm) if config.head_transform else None
        self.head = nn.Linear(d, config.vocab_size, bias=config.head_transform)
        if config.tied:
            self.head.weight = self.embedding.weight
        self.start_weights()

    def forward(self, tokens: Tensor, real: Tensor | None = None, **more: Any) -> Tensor:
        return self.logits(self.hidden(tokens, real, **more))

    def hidden(
        self,
        tokens: Tensor,
        real: Tensor | None = None,
        token_types: Tensor | None = None,
        documents: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
        start: int = 0,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The stream after the last block: (n, length) → (n, length, d_model). The arguments are those of `forward`."""
        if positions is None:
            positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self._embed(tokens, positions, token_types)
        if mask is None:
            mask = self._mask(tokens, real, documents, start)
        x = self._through(x, mask, positions, caches)
        return x if self.stack.norm is None else self.stack.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., d_model) → (..., vocab_size)"""
        return self.head(hidden if self.transform is None else self.transform(hidden))

    def start_weights(self, spread: float = 0.02) -> None:
        """Weights normal with the given spread; the last layer of each step by √(2 · n_layers) less, so that the
        stream does not grow with depth (Radford et al. 2019, section 2.3). Biases start at zero."""
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                if name.endswith("bias"):
                    nn.init.zeros_(parameter)
                continue
            last = name.endswith(("attention.output.weight", "feed_forward.down.weight"))
            shrink = (2 * self.config.n_layers) ** -0.5 if last else 1.0
            nn.init.normal_(parameter, std=spread * shrink)

    def _embed(self, tokens: Tensor, positions: Tensor, token_types: Tensor | None) -> Tensor:
        x = self.embedding(tokens)
        if self.positions is not None:
            if int(positions.max()) >= self.config.max_length:
                raise ValueError(
                    f"tokens reach position {int(positions.max())}; the model knows {self.config.max_length} positions."
                )
            x = x + self.positions(positions)
        if self.token_types is not None:
            x = x + self.token_types(
                torch.zeros_like(tokens) if token_types is None else token_types
            )
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        return self.parts.dropout(x, self.config.dropout, self.training)

    def _through(
        self, x: Tensor, mask: Tensor | None, positions: Tensor, caches: Sequence[Cache] | None
    ) -> Tensor:
        """The stream through all blocks: (n, length, d_model) → the same shape."""
        for i, block in enumerate(self.stack.blocks):
            more = {} if caches is None else {"cache": caches[i]}
            if self.recompute and self.training:
                x = checkpoint(block, x, mask=mask, positions=positions, use_reentrant=False)
            else:
                x = block(x, mask=mask, positions=positions, **more)
        return x

    def _mask(
        self, tokens: Tensor, real: Tensor | None, documents: Tensor | None, start: int
    ) -> Tensor | None:
        """Where each token may look: (length, start + length), or (n, length, …) where it differs from text to text."""
        length, mask = tokens.shape[1], None
        unmasked = self.parts.masks_future and real is None and documents is None
        if self.config.causal and length > 1 and not unmasked:
            mask = self.parts.causal_mask(length, start + length).to(tokens.device)
        if real is not None:
            mask = real[:, None, :] if mask is None else mask & real[:, None, :]
        if documents is not None:
            same = documents[:, :, None] == documents[:, None, :]
            mask = same if mask is None else mask & same
        return mask

    def _block(self, norm: Callable[[int], nn.Module]) -> nn.Module:
        config, parts = self.config, self.parts
        turn = (
            partial(parts.rotary, base=config.rope_base) if config.positions == "rotary" else None
        )
        attention = parts.grouped_attention(
            config.d_model,
            config.n_heads,
            config.kv_heads,
            config.head_width,
            bias=config.attention_bias,
            output_bias=config.output_bias,
            turn=turn,
            norm=norm if config.qk_norm else None,
            attention=self._attention(),
        )
        thinks = parts.gated_feed_forward if config.gated else parts.feed_forward
        thinks = thinks(
            config.d_model, config.hidden_width, self._activation(), config.feed_forward_bias
        )
        return parts.block(config.d_model, attention, thinks, norm, config.pre_norm, config.dropout)

    def _attention(self) -> Callable[..., Tensor]:
        """A model that sees both sides must not be masked by a kernel that masks the future by itself."""
        if self.parts.masks_future and not self.config.causal:
            return fused_attention
        return self.parts.attention

    def _norm(self) -> Callable[[int], nn.Module]:
        make = self.parts.layer_norm if self.config.norm == "layer" else self.parts.rms_norm
        return partial(make, eps=self.config.norm_eps)

    def _activation(self) -> Callable[[Tensor], Tensor]:
        return getattr(self.parts, self.config.activation)


class _Transform(nn.Module):
    """What BERT does before its head: a layer, the activation, a norm. (..., d) → (..., d)"""

    def __init__(
        self, d: int, activation: Callable[[Tensor], Tensor], norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.dense, self.activation, self.norm = nn.Linear(d, d), activation, norm(d)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.activation(self.dense(x)))
