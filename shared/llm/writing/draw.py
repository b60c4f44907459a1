"""`sampling.sample` for many texts at once, each with settings and chance of its own, and quick at it.

The distributions are the same. What is spared is the sorting of the whole vocabulary: without top-k and top-p no order
is needed, and with them the likeliest few hundred tokens almost always are enough; where they are not, all are sorted.
A text's token depends on its own row only, so that it is the same whatever is drawn beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from shared.llm.writing.sampling import repetition_penalty

if TYPE_CHECKING:
    from shared.llm.writing.generate import Sampling

ENOUGH = 256  # so many of the likeliest tokens are sorted first


def draw(
    logits: Tensor,
    settings: Sequence[Sampling],
    generators: Sequence[torch.Generator],
    texts: Sequence[Sequence[int]],
) -> list[int]:
    """The next token of each of n texts.

    logits: (n, vocab_size)   settings, generators (on the CPU), texts (their tokens so far): one for each
    """
    if all(one.temperature == 0 and one.repetition_penalty == 1 for one in settings):
        return logits.argmax(dim=-1).tolist()
    logits = logits.float().cpu()  # so that one seed is one text on every device
    if any(one.repetition_penalty != 1 for one in settings):
        logits = torch.stack(
            [
                repetition_penalty(row, torch.tensor(text), one.repetition_penalty)
                if one.repetition_penalty != 1
                else row
                for row, one, text in zip(logits, settings, texts)
            ]
        )
    tokens = [0] * len(settings)
    ways: dict[str, list[int]] = {"greedy": [], "whole": [], "sorted": []}
    for row, one in enumerate(settings):
        if one.temperature == 0:
            ways["greedy"].append(row)
        else:
            ways["whole" if one.top_k is None and one.top_p == 1 else "sorted"].append(row)
    for way, rows in ways.items():
        if not rows:
            continue
        of_rows = logits if len(rows) == len(settings) else logits[rows]
        if way == "greedy":
            found = of_rows.argmax(dim=-1).tolist()
        else:
            how = [settings[row] for row in rows]
            temperature = torch.tensor([[max(one.temperature, 1e-6)] for one in how])
            below = of_rows - of_rows.amax(dim=-1, keepdim=True)  # what is large must not overflow
            p = torch.softmax(below / temperature, dim=-1)
            chance = [
                torch.rand((), generator=generators[row], dtype=torch.float64) for row in rows
            ]
            found = (_of_whole if way == "whole" else _of_sorted)(p, how, torch.stack(chance))
        for row, token in zip(rows, found):
            tokens[row] = token
    return tokens


def _of_whole(p: Tensor, settings: Sequence[Sampling], chance: Tensor) -> list[int]:
    """Of all tokens, or of those that min_p leaves."""
    if any(one.min_p > 0 for one in settings):
        least = torch.tensor([[one.min_p] for one in settings])
        p = p * (p >= least * p.amax(dim=-1, keepdim=True))
    return _at(p, chance).tolist()


def _of_sorted(p: Tensor, settings: Sequence[Sampling], chance: Tensor) -> list[int]:
    """Of the likeliest that top_k, top_p and min_p leave."""
    vocab_size = p.shape[-1]
    top_k = torch.tensor([[min(one.top_k or vocab_size, vocab_size)] for one in settings])
    top_p = torch.tensor([[one.top_p] for one in settings])
    least = torch.tensor([[one.min_p] for one in settings])
    count = min(ENOUGH, vocab_size)
    values, tokens = p.topk(count)
    # Enough for a row where its top_k is among them, or where they have top_p together.
    enough = (top_k <= count) | ((top_k == vocab_size) & (values.sum(-1, keepdim=True) >= top_p))
    short = (~enough).squeeze(-1).nonzero().squeeze(-1).tolist()
    drawn = _of_likeliest(values, tokens, top_k, top_p, least, chance).tolist()
    if short and count < vocab_size:
        values, tokens = p[short].topk(vocab_size)
        of_short = (top_k[short], top_p[short], least[short], chance[short])
        for row, token in zip(short, _of_likeliest(values, tokens, *of_short).tolist()):
            drawn[row] = token
    return drawn


def _of_likeliest(
    values: Tensor, tokens: Tensor, top_k: Tensor, top_p: Tensor, least: Tensor, chance: Tensor
) -> Tensor:
    """values: (n, k), the largest probabilities, falling; tokens: whose they are   →   (n,)"""
    kept = values * (torch.arange(values.shape[-1]) < top_k)
    # What top_k leaves has 1 together again, as for `sample`. Without top_k the tokens that are not here count too.
    whole = torch.where(top_k <= values.shape[-1], kept.sum(-1, keepdim=True), 1.0)
    before = kept.cumsum(dim=-1) - kept
    kept = kept * (before < top_p * whole) * (kept >= least * kept[:, :1])
    return tokens.gather(-1, _at(kept, chance)[:, None]).squeeze(-1)


def _at(p: Tensor, chance: Tensor) -> Tensor:
    """Where chance, (n,) from 0 to 1, falls in the weights p, (n, k), laid end to end: (n,)."""
    ends = p.double().cumsum(dim=-1)
    place = torch.searchsorted(ends, (chance * ends[:, -1])[:, None], right=True).squeeze(-1)
    return place.clamp(max=p.shape[-1] - 1)
