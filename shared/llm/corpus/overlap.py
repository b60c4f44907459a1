"""How much of a test stands word for word in the training text (week 9).

    seen = runs_of(training_words, 8)
    covered_share(test_words, seen, 8)        # 0.0: clean; 1.0: the test was in the textbook

A token counts as seen where a run of n tokens around it was seen, as in Llama 2's report (Touvron et al. 2023,
2307.09288, appendix A.6). Which n and which share make a text "contaminated" is a matter of taste: see Singh et al.
2024, 2411.03923, who compare such measures.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def runs_of(tokens: Sequence[Hashable], n: int) -> set[tuple[Hashable, ...]]:
    """All runs of n tokens that follow each other, each once; none where there are fewer.

    Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; a run must have at least 1 token.")
    return {tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)}


def covered_share(tokens: Sequence[Hashable], seen: set[tuple[Hashable, ...]], n: int) -> float:
    """The share of a text's tokens that lie in at least one run of n tokens which `seen` holds.

    tokens: a list of words or of token ids   seen: a set of tuples of n tokens   →   a number from 0 to 1
    A text without tokens has the share 0.
    """
    covered = [False] * len(tokens)
    for start in range(len(tokens) - n + 1):
        if tuple(tokens[start : start + n]) in seen:
            covered[start : start + n] = [True] * n
    return sum(covered) / max(1, len(tokens))
