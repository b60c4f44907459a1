"""How far a text is from what it should be, in characters. Met in week 4, with translation."""

from collections.abc import Sequence


def character_error_rate(outputs: Sequence[str], references: Sequence[str]) -> float:
    """The edits that the outputs need, divided by all characters of the references: 0 is perfect, above 1 is possible.

    outputs, references: n strings each

    The edit distance is the fewest characters to insert, delete or replace that turn one text into the other (of "chat"
    to "chien" 3). It comes from a table: entry (i, j) is the distance of the first i characters of the one to the first
    j of the other, and has three neighbours; one row at a time is kept. Source: Wagner & Fischer (1974).
    Sums are divided, not rates averaged: a wrong character counts the same in a short sentence and in a long one.
    """
    edits = 0
    for output, reference in zip(outputs, references, strict=True):
        row = list(range(len(reference) + 1))  # from nothing to the first j: j insertions
        for i, x in enumerate(output, start=1):
            above, row = row, [i]  # from the first i to nothing: i deletions
            for j, y in enumerate(reference, start=1):
                row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))
        edits += row[-1]
    return edits / sum(len(reference) for reference in references)


def exact_match(outputs: Sequence[str], references: Sequence[str]) -> float:
    """The share of outputs that are their reference, character for character."""
    pairs = list(zip(outputs, references, strict=True))
    return sum(output == reference for output, reference in pairs) / len(pairs)
