"""Speculative decoding: a small model writes ahead, the large one checks several tokens in one reading, and what is
written is distributed exactly as if the large one had written alone. Met in week 9's explore notebook on inference.

A large model that writes is as slow as its weights are read from memory; to read them for five tokens takes hardly
longer than for one. So a draft model proposes some tokens, and `accept` keeps as many as may stand.
Source: Leviathan, Kalman & Matias, "Fast Inference from Transformers via Speculative Decoding" (2211.17192).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from shared.llm.model import LanguageModel
from shared.llm.writing.cache import KVCache
from shared.llm.writing.narrow import narrow
from shared.llm.writing.sampling import keep_top_k, keep_top_p


def accept(
    target: Tensor, draft: Tensor, drafted: Tensor, generator: torch.Generator | None = None
) -> tuple[int, int]:
    """How many of the drafted tokens stand, and the token after them.

    target:  (k + 1, vocab_size), the large model's probabilities at each place, the last one after all drafted tokens
    draft:   (k, vocab_size), the small model's   drafted: (k,), what it drew from them
    →        (n, token): the first n of the drafted tokens, then this one

    With p for the large model's and q for the small one's, a drafted token x stands with probability min(1, p(x)/q(x)).
    The first that does not is drawn anew from what p has more of than q, max(p − q, 0), made to sum to 1. So a token x
    is written with probability min(p, q) + (p − min(p, q)) = p(x), whatever q is. (2211.17192, algorithm 1, appendix A)
    """
    for n, x in enumerate(drafted.tolist()):
        p, q = target[n], draft[n]
        chance = torch.rand((), generator=generator, dtype=p.dtype)
        if chance * q[x] >= p[x]:
            more = (p - q).clamp(min=0)
            return n, int(torch.multinomial(more, 1, generator=generator))
    return len(drafted), int(torch.multinomial(target[-1], 1, generator=generator))


@dataclass
class Written:
    """tokens: what was written, without the token that ends a document   proposed, accepted: of the draft's tokens
    rounds: how often the large model read   reason: "stop" or "length" """

    tokens: list[int] = field(default_factory=list)
    proposed: int = 0
    accepted: int = 0
    rounds: int = 0
    reason: str = "length"


def speculate(
    model: LanguageModel,
    draft: LanguageModel,
    prompt: Sequence[int],
    max_tokens: int = 128,
    ahead: int = 4,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    eos_id: int | None = None,
    seed: int = 0,
) -> Written:
    """Writes on after one prompt, of one token or more, with a draft model `ahead` tokens ahead.

    temperature, top_k, top_p: as in `sampling.sample`, put on both models. At temperature 0 the text is the one that
    the large model writes greedily, token for token (up to the rounding of kernels for one token and for several).

    Raises ValueError where the models don't share a vocabulary, or prompt and max_tokens exceed a model's context.
    """
    _check(model, draft, prompt, max_tokens, ahead)
    generator = torch.Generator().manual_seed(seed)
    how = (temperature, top_k, top_p)
    capacity = len(prompt) + max_tokens + ahead + 1
    large, small = (Memory(narrow(one), capacity) for one in (model, draft))
    text, written = list(prompt), Written()
    with torch.inference_mode():
        while len(written.tokens) < max_tokens:
            k = min(ahead, max_tokens - len(written.tokens) - 1)
            proposals, q = [], []
            for _ in range(k):
                logits = small.read([*text, *proposals])
                q.append(probabilities(logits[-1], *how))
                proposals.append(int(torch.multinomial(q[-1], 1, generator=generator)))
            p = probabilities(large.read([*text, *proposals])[-k - 1 :], *how)
            drafted = torch.tensor(proposals, dtype=torch.long)
            n, token = accept(p, torch.stack(q) if q else p[:0], drafted, generator)
            written.rounds += 1
            written.proposed += k
            written.accepted += n
            new = [*proposals[:n], token]
            if eos_id in new:
                written.tokens += new[: new.index(eos_id)]
                written.reason = "stop"
                return written
            written.tokens += new
            text += new
            large.forget(len(text) - 1)  # the last token has not been read by either
            small.forget(len(text) - 1)
    return written


def probabilities(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> Tensor:
    """What `sampling.sample` draws from: (..., vocab_size) → (..., vocab_size) float64 on the CPU, rows that sum to 1.

    At temperature 0 the likeliest token has it all.
    """
    logits = logits.double().cpu()
    if temperature == 0:
        return torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    return torch.softmax(keep_top_p(logits / temperature, top_p), dim=-1)


class Memory:
    """A model with its caches: what it has read of the text, so that only what is new is read."""

    def __init__(self, model: LanguageModel, capacity: int) -> None:
        config, self.model = model.config, model
        weight = next(model.parameters())
        sizes = (1, config.kv_heads, capacity, config.head_width)
        self.device = weight.device
        self.caches = [
            KVCache(*sizes, dtype=weight.dtype, device=weight.device)
            for _ in range(config.n_layers)
        ]

    def read(self, text: list[int]) -> Tensor:
        """The logits after each token that was not read before: (new, vocab_size)."""
        start = self.caches[0].length
        tokens = torch.tensor([text[start:]], device=self.device)
        return self.model(tokens, caches=self.caches, start=start)[0]

    def forget(self, length: int) -> None:
        """Goes back to the first `length` tokens: what was refused is written over."""
        for cache in self.caches:
            cache.length = min(cache.length, length)


def _check(
    model: LanguageModel, draft: LanguageModel, prompt: Sequence[int], max_tokens: int, ahead: int
) -> None:
    sizes = model.config.vocab_size, draft.config.vocab_size
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"the model knows {sizes[0]} tokens and the draft {sizes[1]}; they must share one vocabulary."
        )
    if not model.config.causal or not draft.config.causal:
        raise ValueError("a model that sees both sides of a token (BERT) cannot write on.")
    if not len(prompt):
        raise ValueError("prompt is empty; begin an empty one with the token that ends a document.")
    wrong = next((token for token in prompt if not 0 <= token < sizes[0]), None)
    if wrong is not None:
        raise ValueError(f"prompt has the token {wrong}; the model knows 0 to {sizes[0] - 1}.")
    if ahead < 1:
        raise ValueError(f"ahead is {ahead}; it must be at least 1.")
    context = min(model.config.max_length, draft.config.max_length)
    if len(prompt) + max_tokens > context:
        raise ValueError(
            f"prompt and max_tokens are {len(prompt)} + {max_tokens} tokens; the models' context has {context}."
        )
