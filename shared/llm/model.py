"""The language model of weeks 7 to 9, put together from the course's own pieces by a `ModelConfig`.

Which pieces, `Parts` says: by default the references; week 9 gives it the learner's own.
Shapes: n texts, length tokens, vocab_size logits for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from shared.llm.config import ModelConfig
from shared.nn.attention import causal_mask, scaled_dot_product_attention
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

    attention: `scaled_dot_product_attention`, or `fused_attention` where speed counts
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


class LanguageModel(nn.Module):
    """Tokens in, logits for a token at each place out: of the next one where `config.causal`, else of this one.

    forward(tokens, real=None, token_types=None, caches=None): (n, length) of integers → (n, length, vocab_size)
    real:        (n, length), True at real tokens, where a batch is padded on the right; None: all are
    token_types: (n, length), the kind of segment of each token, for BERT; None: 0
    caches:      one `Cache` for each block, which hold what was read before; then `tokens` is only what comes next,
                 and `start` its first position

    Raises ValueError for a text longer than `max_length` where positions are learned.
    """

    def __init__(self, config: ModelConfig, parts: Parts | None = None) -> None:
        super().__init__()
        self.config, self.parts = config, parts or Parts()
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

    def forward(
        self,
        tokens: Tensor,
        real: Tensor | None = None,
        token_types: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
        start: int = 0,
    ) -> Tensor:
        return self.logits(self.hidden(tokens, real, token_types, caches, start))

    def hidden(
        self,
        tokens: Tensor,
        real: Tensor | None = None,
        token_types: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
        start: int = 0,
    ) -> Tensor:
        """The stream after the last block: (n, length) → (n, length, d_model)."""
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        x = self._embed(tokens, positions, token_types)
        mask = self._mask(tokens, real, start)
        for i, block in enumerate(self.stack.blocks):
            more = {} if caches is None else {"cache": caches[i]}
            x = block(x, mask=mask, positions=positions, **more)
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
            if int(positions[-1]) >= self.config.max_length:
                raise ValueError(
                    f"tokens reach position {int(positions[-1])}; the model knows {self.config.max_length} positions."
                )
            x = x + self.positions(positions)
        if self.token_types is not None:
            x = x + self.token_types(
                torch.zeros_like(tokens) if token_types is None else token_types
            )
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        return dropout(x, self.config.dropout, self.training)

    def _mask(self, tokens: Tensor, real: Tensor | None, start: int) -> Tensor | None:
        """Where each token may look: (length, start + length), or (n, length, …) where the batch is padded."""
        mask = None
        if self.config.causal and tokens.shape[1] > 1:
            length = tokens.shape[1]
            mask = self.parts.causal_mask(length, start + length).to(tokens.device)
        if real is not None:
            mask = real[:, None, :] if mask is None else mask & real[:, None, :]
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
            attention=parts.attention,
        )
        thinks = parts.gated_feed_forward if config.gated else parts.feed_forward
        thinks = thinks(
            config.d_model, config.hidden_width, self._activation(), config.feed_forward_bias
        )
        return parts.block(config.d_model, attention, thinks, norm, config.pre_norm, config.dropout)

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
