"""How far a text is from what it should be, in characters. Met in week 4, with translation."""

from collections.abc import Sequence


def edit_distance(a: Sequence, b: Sequence) -> int:
    """The fewest characters to insert, delete or replace that turn a into b (Levenshtein distance).

    edit_distance("chat", "chats") → 1   edit_distance("chat", "chien") → 3   edit_distance("", "mot") → 3

    A table whose entry (i, j) is the distance of the first i characters of a to the first j of b, row by row; only one
    row is kept. Each entry comes from its three neighbours. Source: Wagner & Fischer (1974).
    """
    row = list(range(len(b) + 1))  # from nothing to the first j of b: j insertions
    for i, x in enumerate(a, start=1):
        above, row = row, [i]  # from the first i of a to nothing: i deletions
        for j, y in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))
    return row[-1]


def character_error_rate(outputs: Sequence[str], references: Sequence[str]) -> float:
    """All edits that the outputs need, divided by all characters of the references: 0 is perfect, above 1 is possible.

    outputs, references: n strings each

    Sums are divided, not rates averaged: a wrong character counts the same in a short sentence and in a long one.
    """
    edits = sum(edit_distance(o, r) for o, r in zip(outputs, references, strict=True))
    return edits / sum(len(reference) for reference in references)


def exact_match(outputs: Sequence[str], references: Sequence[str]) -> float:
    """The share of outputs that are their reference, character for character."""
    pairs = list(zip(outputs, references, strict=True))
    return sum(output == reference for output, reference in pairs) / len(pairs)
