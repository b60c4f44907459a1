"""Documents side by side in rows of one length, without cutting any: best-fit packing (week 9).

    rows = best_fit([len(document) for document in documents], room=512)     # lists of documents' numbers

The usual way, everything in one line that is cut every `room` tokens, wastes no place but cuts documents in two; one
document to a row wastes most places. Best fit, the longest first, wastes hardly any and cuts none (Ding et al. 2024,
2404.10830; for the problem of packing boxes it is from the 1970s). `shared.llm.adapting.sft.pack_examples` does its
sister for conversations, first fit.
"""

from __future__ import annotations

from collections.abc import Sequence


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Which documents share a row: the longest first, each where it leaves the least room, or in a new row.

    lengths: of the documents, from 1 to room   room: places in a row   →   rows, lists of documents' numbers in the
    order in which they were put there. Of equally long documents the earlier comes first, of equally full rows too.
    Raises ValueError for a document that is longer than a row: cut it before.
    """
    if max(lengths, default=0) > room:
        raise ValueError(
            f"lengths has a document of {max(lengths)} tokens; it must be at most room, {room}."
        )
    rows, free = [], []
    for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = [row for row, left in enumerate(free) if left >= lengths[number]]
        if fitting:
            row = min(fitting, key=lambda row: free[row])
        else:
            row = len(rows)
            rows.append([])
            free.append(room)
        rows[row].append(number)
        free[row] -= lengths[number]
    return rows
