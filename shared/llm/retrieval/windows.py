"""Passages of a fixed length, which may overlap: the plainest way to cut a text (week 9, explore).

    words = text.split()
    [" ".join(words[start:end]) for start, end in windows(len(words), 100, 20)]

`chunks` cuts between sentences and under heads; this one does not look at the text at all, and is what it is compared
with.
"""

from __future__ import annotations


def windows(n: int, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """[(start, end)] of windows over n words: each holds `size` of them, and the last one what is left.

    A window begins with the last `overlap` words of the one before it. No window holds only words that the one before
    it had.
    """
    step = size - overlap
    return [
        (start, min(start + size, n))
        for start in range(0, n, step)
        if start == 0 or start + overlap < n  # else it would only repeat
    ]
