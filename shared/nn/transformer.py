"""The Transformer: blocks of attention and feed-forward layers around a residual stream. Met in week 7.

A block is put together from what it is given: which attention, which feed-forward layer, which norm, and whether the
norm stands before a layer (as in GPT-2 and all since) or after it (as in the paper and BERT). Nothing else tells
GPT-2's block from Llama's.
Shapes: n sequences, length tokens, d_model numbers for each; "..." are any batch dimensions.
Source: Vaswani et al., "Attention Is All You Need" (1706.03762); pre-norm: Xiong et al. (2002.04745).
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from shared.nn.attention import MultiHeadAttention
from shared.nn.feed_forward import FeedForward
from shared.nn.norms import LayerNorm
from shared.training.regularization import dropout

Norm = Callable[[int], nn.Module]


class TransformerBlock(nn.Module):
    """Two steps, each added to the stream: tokens look at each other, then each thinks for itself.

        pre-norm:   x = x + attention(norm(x))           x = x + feed_forward(norm(x))
        post-norm:  x = norm(x + attention(x))           x = norm(x + feed_forward(x))

    forward(x, mask=None, **more): (..., length, d_model) → the same shape; mask and what else there is (positions, a
    cache) go to the attention
    attention, feed_forward: modules from (..., length, d_model) to the same
    norm:    makes a norm for d_model numbers, e.g. LayerNorm or RMSNorm
    dropout: on what each step adds, while training
    """

    def __init__(
        self,
        d_model: int,
        attention: nn.Module,
        feed_forward: nn.Module,
        norm: Norm = LayerNorm,
        pre_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward
        self.attention_norm, self.feed_forward_norm = norm(d_model), norm(d_model)
        self.pre_norm, self.dropout = pre_norm, dropout

    def forward(self, x: Tensor, mask: Tensor | None = None, **more: object) -> Tensor:
        if self.pre_norm:
            x = x + self._drop(self.attention(self.attention_norm(x), mask=mask, **more))
            return x + self._drop(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self._drop(self.attention(x, mask=mask, **more)))
        return self.feed_forward_norm(x + self._drop(self.feed_forward(x)))

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.dropout, self.training)


class CrossAttentionBlock(TransformerBlock):
    """A decoder's block: between the two steps, each token also looks at the encoder's output.

    forward(x, context, mask=None, context_mask=None): x (..., length, d_model), context (..., source_length, d_model)
    → (..., length, d_model); context_mask is True where the source may be looked at, mask usually the causal one
    cross_attention: a module called with (x, context=…, mask=…)
    """

    def __init__(
        self,
        d_model: int,
        attention: nn.Module,
        cross_attention: nn.Module,
        feed_forward: nn.Module,
        norm: Norm = LayerNorm,
        pre_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(d_model, attention, feed_forward, norm, pre_norm, dropout)
        self.cross_attention, self.cross_attention_norm = cross_attention, norm(d_model)

    def forward(
        self,
        x: Tensor,
        context: Tensor,
        mask: Tensor | None = None,
        context_mask: Tensor | None = None,
    ) -> Tensor:
        if self.pre_norm:
            x = x + self._drop(self.attention(self.attention_norm(x), mask=mask))
            look = self.cross_attention_norm(x)
            x = x + self._drop(self.cross_attention(look, context=context, mask=context_mask))
            return x + self._drop(self.feed_forward(self.feed_forward_norm(x)))
        x = self.attention_norm(x + self._drop(self.attention(x, mask=mask)))
        looked = self.cross_attention(x, context=context, mask=context_mask)
        x = self.cross_attention_norm(x + self._drop(looked))
        return self.feed_forward_norm(x + self._drop(self.feed_forward(x)))


class Stack(nn.Module):
    """Blocks one after the other, and with pre-norm a last norm: an encoder, or a decoder.

    forward(x, *rest, **more): each block is called with (x, *rest, **more); (..., length, d_model) → the same shape
    norm: applied to the last block's output; None: nothing is
    """

    def __init__(self, blocks: Sequence[nn.Module], norm: nn.Module | None = None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm

    def forward(self, x: Tensor, *rest: Tensor | None, **more: object) -> Tensor:
        for block in self.blocks:
            x = block(x, *rest, **more)
        return x if self.norm is None else self.norm(x)


def encoder(
    n_layers: int, d_model: int, n_heads: int, d_hidden: int | None = None, **settings: object
) -> Stack:
    """A stack of plain blocks: multi-head attention, ReLU layers of d_hidden (by default 4 · d_model), LayerNorm.

    settings: of `TransformerBlock` (pre_norm, dropout, norm), and `attention`, the function inside each head. With a
    causal mask the same stack is a decoder-only model, such as GPT.
    """
    return _stack(TransformerBlock, 1, n_layers, d_model, n_heads, d_hidden, **settings)


def decoder(
    n_layers: int, d_model: int, n_heads: int, d_hidden: int | None = None, **settings: object
) -> Stack:
    """The same of blocks that also look at an encoder's output. forward(x, context, mask=…, context_mask=…)."""
    return _stack(CrossAttentionBlock, 2, n_layers, d_model, n_heads, d_hidden, **settings)


def _stack(
    block: type[TransformerBlock],
    attentions: int,
    n_layers: int,
    d_model: int,
    n_heads: int,
    d_hidden: int | None,
    norm: Norm = LayerNorm,
    pre_norm: bool = True,
    dropout: float = 0.0,
    activation: Callable[[Tensor], Tensor] | None = None,
    **of_attention: object,
) -> Stack:
    chosen = {} if activation is None else {"activation": activation}
    blocks = []
    for _ in range(n_layers):
        looks = [MultiHeadAttention(d_model, n_heads, **of_attention) for _ in range(attentions)]
        thinks = FeedForward(d_model, d_hidden or 4 * d_model, **chosen)
        blocks.append(block(d_model, *looks, thinks, norm, pre_norm, dropout))
    return Stack(blocks, norm(d_model) if pre_norm else None)


class EncoderDecoder(nn.Module):
    """The Transformer of the paper: an encoder reads the source, a decoder writes the target while looking at it.

    forward(source, target, source_mask=None, target_mask=None): (..., source_length, d_model) and
    (..., length, d_model), both embedded, with positions → (..., length, d_model)
    source_mask: where the source may be looked at (padding)   target_mask: usually the causal mask
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> Tensor:
        context = self.encoder(source, mask=source_mask)
        return self.decoder(target, context, mask=target_mask, context_mask=source_mask)


def count_parameters(module: nn.Module) -> int:
    """How many numbers the module learns; a tensor that is used in two places counts once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
