"""A Transformer that reads whole texts of unequal length. Met in week 7's challenge; week 8 pretrains one.

Shapes: n texts, t tokens (of the longest), d_model numbers for each.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from shared.nn.attention import padding_mask
from shared.nn.positions import sinusoidal


class TextEncoder(nn.Module):
    """√d_model · inputs + positions, then blocks in which every token sees all real tokens of its text, then a norm.

    forward(inputs, lengths): (n, t, d_model) embedded tokens, (n,) how many of each text are real → (n, t, d_model),
    with zeros past each end. No number that comes out depends on what stands in the padding, unless that is nan.

    blocks: modules called as block(x, mask=mask)   norm: the last norm, or None   max_length: the longest text

    The factor (1706.03762, section 3.4) lets embeddings of spread 1/√d_model stand level with the positions, and lets
    an optimizer's even steps move them √d_model times as far.
    It is a reader like week 5's recurrent ones, and takes their place in a classifier.
    Raises ValueError for a text longer than max_length.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        d_model: int,
        max_length: int,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.blocks, self.norm, self.max_length = nn.ModuleList(blocks), norm, max_length
        self.register_buffer("positions", sinusoidal(max_length, d_model), persistent=False)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        t = inputs.shape[1]
        if t > self.max_length:
            raise ValueError(f"a text has {t} tokens; this encoder reads up to {self.max_length}.")
        mask = padding_mask(lengths, t)  # (n, 1, t)
        x = math.sqrt(inputs.shape[-1]) * inputs + self.positions[:t].to(inputs.dtype)
        for block in self.blocks:
            x = block(x, mask=mask)
        x = x if self.norm is None else self.norm(x)
        return x.masked_fill(~mask.transpose(-2, -1), 0.0)  # (n, t, 1)
