"""`Reader`: texts that a model has read, side by side, and the logits of what comes next in each.

It keeps the caches, lets texts of different lengths stand in one batch, and goes on past the end of the context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from shared.llm.model import LanguageModel
from shared.llm.writing.cache import KVCache
from shared.llm.writing.narrow import narrow, rows_worth_packing


class Reader:
    """n texts of tokens, of any lengths above 0, that grow at their ends.

        reader = Reader(model, [[5, 8], [7]], room=20)
        reader.logits                   # (n, vocab_size): of the next token of each
        reader.append([3, 4])           # one more token for each text; the logits are those after it
        reader.keep([1])                # only the second text goes on

    room:    how many tokens will be appended, at most: so much is the cache made for
    context: the most tokens that the model looks at, by default its `max_length`
    slide:   how far the window moves on where a text is longer than that, by default a quarter of the context
    cache:   makes the cache of one block, as `KVCache` does; None: without caches, everything is read again each time

    Texts stand with their ends in one column, filled up on the left; nobody looks at what fills up, and positions count
    from each text's own beginning. So every text gets the logits that it would get alone.

    Past the context, a text is read anew from a later beginning, at positions from 0 on, with rotary as with learned
    positions: what the model then says is what it says of that shorter text. To drop the oldest keys from the cache
    instead would be cheaper, but those that remain have looked at them, and models that were not trained for it go
    astray (Xiao et al. 2309.17453). Which tokens are seen depends on the text's length only, never on its neighbours.

    Raises ValueError for a model that is not causal, a text without tokens and tokens that the model does not know.
    """

    def __init__(
        self,
        model: LanguageModel,
        texts: Sequence[Sequence[int]],
        room: int,
        context: int | None = None,
        slide: int | None = None,
        cache: Callable[..., Any] | None = KVCache,
    ) -> None:
        config = model.config
        if not config.causal:
            raise ValueError("the model sees both sides of a token (BERT); it cannot write on.")
        _check(texts, config.vocab_size)
        self.context = config.max_length if context is None else context
        if self.context < 1 or (config.positions == "learned" and self.context > config.max_length):
            raise ValueError(
                f"context is {self.context}; it must be at least 1, and at most {config.max_length} "
                "where positions are learned."
            )
        self.slide = max(1, self.context // 4) if slide is None else slide
        if not 1 <= self.slide <= self.context:
            raise ValueError(f"slide is {slide}; it must be from 1 to {self.context}, the context.")
        self.model, self.cache = narrow(model, rows_worth_packing(len(texts), room)), cache
        self.device = next(model.parameters()).device
        self.texts = [list(text) for text in texts]
        self.room = room
        with torch.inference_mode():
            self.logits = self._read()

    def begin(self, length: int) -> int:
        """How many of a text's first tokens the model no longer looks at."""
        over = length - self.context
        return 0 if over <= 0 else -(-over // self.slide) * self.slide

    def append(self, tokens: Sequence[int]) -> None:
        """One more token at the end of each text."""
        moves = False
        for text, token in zip(self.texts, tokens, strict=True):
            text.append(token)
            moves |= self.begin(len(text)) != self.begin(len(text) - 1)
        self.room = max(0, self.room - 1)
        with torch.inference_mode():
            if moves or self.cache is None or self.end == self.capacity:
                self.logits = self._read()
                return
            self.end += 1
            new = torch.tensor(tokens, device=self.device)[:, None]  # (n, 1)
            positions = torch.tensor([self.end - 1], device=self.device)
            mask = None
            if self.filled is not None:
                columns = torch.arange(self.end, device=self.device)
                mask = (columns >= self.filled[:, None])[:, None]  # (n, 1, end)
                positions = positions - self.filled[:, None]
            self.logits = self._last(new, positions=positions, mask=mask, caches=self.caches)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these texts only: their numbers, in any order; a text may come twice."""
        self.texts = [list(self.texts[row]) for row in rows]
        index = torch.tensor(rows, dtype=torch.long, device=self.device)
        self.logits = self.logits[index]
        if self.filled is not None:
            self.filled = self.filled[index]
        for cache in self.caches or ():
            cache.keep(index)

    def _read(self) -> Tensor:
        """Reads the texts, as far as the model looks at them, into empty caches: → (n, vocab_size)."""
        texts = [text[self.begin(len(text)) :] for text in self.texts]
        self.end = max(map(len, texts))
        self.capacity = min(self.context, self.end + self.room)
        filled = [self.end - len(text) for text in texts]
        tokens = [[0] * fill + text for fill, text in zip(filled, texts)]
        tokens = torch.tensor(tokens, device=self.device)  # (n, end)
        self.caches = None
        if self.cache is not None:
            config, weight = self.model.config, next(self.model.parameters())
            sizes = (len(texts), config.kv_heads, self.capacity, config.head_width)
            self.caches = [
                self.cache(*sizes, dtype=weight.dtype, device=self.device)
                for _ in range(config.n_layers)
            ]
        if not any(filled):
            self.filled = None
            return self._last(tokens, caches=self.caches)
        self.filled = torch.tensor(filled, device=self.device)
        columns = torch.arange(self.end, device=self.device)
        real = columns >= self.filled[:, None]  # (n, end)
        # Fillers look at fillers: a row that may look nowhere has no softmax.
        mask = (columns[:, None] >= columns) & (real[:, None, :] | ~real[:, :, None])
        positions = (columns - self.filled[:, None]).clamp(min=0)
        return self._last(tokens, positions=positions, mask=mask, caches=self.caches)

    def _last(self, tokens: Tensor, **more: Any) -> Tensor:
        """The logits after the last token only: the head is a third of a small model's work."""
        return self.model.logits(self.model.hidden(tokens, **more)[:, -1])


def _check(texts: Sequence[Sequence[int]], vocab_size: int) -> None:
    if not texts or not all(len(text) for text in texts):
        raise ValueError("every text must have at least one token: begin an empty one with <eos>.")
    for number, text in enumerate(texts):
        wrong = next((token for token in text if not 0 <= token < vocab_size), None)
        if wrong is not None:
            raise ValueError(
                f"text {number} has the token {wrong}; the model knows 0 to {vocab_size - 1}: "
                "was it encoded with another tokenizer?"
            )
