"""Fill in the blank: what a masked language model thinks stands at [MASK]. Week 8.

fill_in(model, tokenizer, "Paris is the capital of [MASK].")  →  [("france", 0.61), …]
"""

from __future__ import annotations

import re

import torch

from shared.llm.model import LanguageModel
from shared.llm.tokenizer import LibraryTokenizer


@torch.no_grad()
def fill_in(
    model: LanguageModel, tokenizer: LibraryTokenizer, text: str, k: int = 5
) -> list[tuple[str, float]]:
    """The k likeliest tokens for the first [MASK] of a text, with their probabilities.

    Raises ValueError where the text has no [MASK], or is too long for the model to see it.
    """
    special = tokenizer.special
    ids = [special["[CLS]"], *tokenizer.encode(text), special["[SEP]"]][: model.config.max_length]
    if special["[MASK]"] not in ids:
        raise ValueError(
            f"no [MASK] stands within the first {model.config.max_length} tokens of {text[:60]!r}."
        )
    logits = model(torch.tensor([ids]))[0, ids.index(special["[MASK]"])]
    best = logits.float().softmax(-1).topk(k)
    return [(tokenizer.decode([int(i)]), float(p)) for p, i in zip(best.values, best.indices)]


def hide_a_word(text: str, words: int = 30) -> str:
    """The first words of a text with the 8th of its longer words hidden, or the last where it has fewer."""
    beginning = " ".join(text.split()[:words])
    longer = list(re.finditer(r"[A-Za-z]{4,}", beginning))
    if not longer:
        return f"{beginning} [MASK]".strip()
    hidden = longer[min(7, len(longer) - 1)]
    return f"{beginning[: hidden.start()]}[MASK]{beginning[hidden.end() :]}"
