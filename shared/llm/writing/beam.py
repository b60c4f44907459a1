"""Beam search with a language model: the text that is likeliest as a whole, as far as a few beginnings show. Week 9.

    beams = beam_search(model, prompt, n_beams=4, max_tokens=30, eos_id=tokenizer.eos_id)
    beams[0].tokens, beams[0].score

Week 4's `shared.text.decoding.beam_search` asks a step function and keeps a state; here the beginnings share one
`Reader`, whose caches are put in a new order at each step, and the beam stays as wide as it was when some have ended.
Sources: Sutskever, Vinyals & Le (1409.3215); Wu et al. (1609.08144), section 7, on length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

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


def beam_search(
    model: LanguageModel,
    prompt: Sequence[int],
    n_beams: int = 4,
    max_tokens: int = 64,
    eos_id: int | None = None,
    length_penalty: float = 1.0,
    cache: Callable[..., Any] | None = KVCache,
    context: int | None = None,
) -> list[Beam]:
    """The n_beams best texts that it found after the prompt, the best first.

    At each step the n_beams likeliest beginnings that have not ended go on. Of the n_beams likeliest continuations,
    those that end are kept aside. At max_tokens, what has not ended counts as it stands. The search is over earlier
    when no beginning could come to more than the worst of n_beams texts aside.
    length_penalty: 0 compares log-probabilities, which favours short texts; 1 their mean for a token; more favours
    long ones. Where n_beams is the number of all possible texts, the search is exhaustive.

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
        together = totals[:, None] + reader.logits.float().log_softmax(dim=-1)  # (k, vocab_size)
        # Each beginning has one continuation that ends, so twice as many hold n_beams that go on.
        best = together.flatten().topk(min(2 * n_beams, together.numel()))
        parents, tokens = best.indices // together.shape[1], best.indices % together.shape[1]
        going = []
        for rank, (log_p, parent, token) in enumerate(
            zip(best.values.tolist(), parents.tolist(), tokens.tolist())
        ):
            ends, text = token == eos_id, beginnings[parent]
            if (ends or length == max_tokens) and rank < n_beams:
                text, reason = (text, "stop") if ends else ([*text, token], "length")
                found.append(Beam(text, log_p, log_p / length**length_penalty, reason))
            elif not ends and len(going) < n_beams:
                going.append(rank)
        found = sorted(found, key=lambda beam: -beam.score)[:n_beams]
        if length == max_tokens or not going:
            break
        chosen = torch.tensor(going, device=reader.device)
        totals, parents, tokens = best.values[chosen], parents[chosen].tolist(), tokens[chosen]
        # log P only falls, so this is the most that a beginning can come to.
        longest = max_tokens if length_penalty > 0 else length
        hope = totals[0].item() / longest**length_penalty
        if len(found) == n_beams and hope <= found[-1].score:
            break
        tokens = tokens.tolist()
        beginnings = [[*beginnings[parent], token] for parent, token in zip(parents, tokens)]
        reader.keep(parents)
        reader.append(tokens)
    return found
