"""Beam search with a language model: the text that is likeliest as a whole, as far as a few beginnings show. Week 9.

    beams = beam_search(model, prompt, n_beams=4, max_tokens=30, eos_id=tokenizer.eos_id)
    beams[0].tokens, beams[0].score

Week 4's `shared.text.decoding.beam_search` asks a step function and keeps a state; here the beginnings share one
`Reader`, whose caches are put in a new order at each step, and the beam stays as wide as it was when some have ended.
Its heart, `beam_step`, is written in week 9's explore notebook on decoding.
Sources: Sutskever, Vinyals & Le (1409.3215); Wu et al. (1609.08144), section 7, on length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from shared.llm.model import LanguageModel
from shared.llm.writing.cache import KVCache
from shared.llm.writing.reader import Reader


@dataclass(frozen=True)
class Beam:
    """One text that was found.

    tokens: without the prompt and without eos   log_p: log-probability of the tokens, of eos too, in nats
    score:  log_p / length^length_penalty, where the length counts eos   reason: "stop" or "length"
    """

    tokens: list[int]
    log_p: float
    score: float
    reason: str


def beam_step(
    totals: Tensor,
    logits: Tensor,
    n_beams: int,
    eos_id: int | None,
    length: int,
    length_penalty: float = 1.0,
) -> tuple[list[tuple[float, int, int]], list[tuple[float, float, int]]]:
    """One step of beam search: which continuations go on, and which have ended.

    totals: (k,), log P of each beginning   logits: (k, vocab_size), of the token after each
    length: tokens of a text that ends now, eos included
    →  going: at most n_beams of (log_p, parent, token), the likeliest that do not end, the best first
       ended: (score, log_p, parent) of each of the n_beams likeliest continuations that ends, the best first

    parent is the number of the beginning that goes on; score = log_p / length^length_penalty.
    """
    log_p = totals[:, None] + torch.log_softmax(logits.float(), dim=-1)  # (k, vocab_size)
    # Each beginning has one continuation that ends, so twice as many hold n_beams that go on.
    best = log_p.flatten().topk(min(2 * n_beams, log_p.numel()))
    going, ended = [], []
    for rank, (total, place) in enumerate(zip(best.values.tolist(), best.indices.tolist())):
        parent, token = divmod(place, logits.shape[-1])
        if token != eos_id:
            going.append((total, parent, token))
        elif rank < n_beams:
            ended.append((total / length**length_penalty, total, parent))
    return going[:n_beams], ended


def beam_search(
    model: LanguageModel,
    prompt: Sequence[int],
    n_beams: int = 4,
    max_tokens: int = 64,
    eos_id: int | None = None,
    length_penalty: float = 1.0,
    cache: Callable[..., Any] | None = KVCache,
    context: int | None = None,
    step: Callable[..., Any] = beam_step,
) -> list[Beam]:
    """The n_beams best texts that it found after the prompt, the best first.

    At each step the n_beams likeliest beginnings that have not ended go on. Of the n_beams likeliest continuations,
    those that end are kept aside. At max_tokens, what has not ended counts as it stands. The search is over earlier
    when no beginning could come to more than the worst of n_beams texts aside.
    length_penalty: 0 compares log-probabilities, which favours short texts; 1 their mean for a token; more favours
    long ones. Where n_beams is the number of all possible texts, the search is exhaustive. step: yours, or ours.

    Raises ValueError for settings that make no sense, and what `Reader` raises. An empty prompt begins with eos.
    """
    if n_beams < 1 or max_tokens < 1:
        raise ValueError(
            f"n_beams is {n_beams} and max_tokens {max_tokens}; both must be at least 1."
        )
    if not len(prompt):
        if eos_id is None:
            raise ValueError("the prompt is empty, and without eos_id nothing can begin it.")
        prompt = [eos_id]
    reader = Reader(model, [prompt], max_tokens, context, cache=cache)
    beginnings: list[list[int]] = [[]]
    totals = torch.zeros(1, device=reader.device)  # log P of each beginning
    found: list[Beam] = []
    for length in range(1, max_tokens + 1):
        going, ended = step(totals, reader.logits, n_beams, eos_id, length, length_penalty)
        found += [Beam(beginnings[k], log_p, score, "stop") for score, log_p, k in ended]
        if length == max_tokens:  # the rest of the n_beams likeliest, as they stand
            for log_p, k, token in going[: max(0, n_beams - len(ended))]:
                text = [*beginnings[k], token]
                found.append(Beam(text, log_p, log_p / length**length_penalty, "length"))
        found = sorted(found, key=lambda beam: -beam.score)[:n_beams]
        if length == max_tokens or not going:
            break
        # log P only falls, so this is the most that a beginning can come to.
        longest = max_tokens if length_penalty > 0 else length
        hope = going[0][0] / longest**length_penalty
        if len(found) == n_beams and hope <= found[-1].score:
            break
        totals = torch.tensor([log_p for log_p, _, _ in going], device=reader.device)
        beginnings = [[*beginnings[k], token] for _, k, token in going]
        reader.keep([k for _, k, _ in going])
        reader.append([token for _, _, token in going])
    return found
