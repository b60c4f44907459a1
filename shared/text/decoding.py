"""Writing a sentence when only the next character's probabilities are known: greedy and beam search. Met in week 4.

Both ask a function `step` and know nothing of the network behind it:

    step(previous, state): (k,) ids, (k, …) → logits of the next token (k, c), new state (k, …)

k sentences, or k beginnings of one sentence, are continued side by side; row i of the state belongs to row i of
`previous`. Sources: Sutskever, Vinyals & Le (1409.3215); Wu et al. (1609.08144), section 7, on length.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def greedy(step: Step, state: Tensor, start: int, end: int, max_length: int) -> list[list[int]]:
    """Always the most probable next token, for n sentences side by side.

    state: (n, …)   →   n lists of ids, without `start`, without `end` and what comes after it

    A sentence that has not ended after max_length tokens is cut there.
    """
    previous = torch.full((len(state),), start, device=state.device)
    written, ended = [], torch.zeros(len(state), dtype=torch.bool, device=state.device)
    for _ in range(max_length):
        logits, state = step(previous, state)
        previous = logits.argmax(dim=-1)  # (n,)
        written.append(previous)
        ended |= previous == end
        if ended.all():
            break
    rows = torch.stack(written, dim=1).tolist()  # n lists of equal length
    return [row[: row.index(end)] if end in row else row for row in rows]


def beam_search(
    step: Step,
    state: Tensor,
    start: int,
    end: int,
    max_length: int,
    beam: int = 5,
    length_power: float = 1.0,
) -> list[int]:
    """The `beam` most probable beginnings are kept, and the best sentence that ended is returned.

    state: (1, …), of one sentence   →   its ids, without `start` and `end`

    Sentences are compared by log P / length^length_power, where the length counts `end`; beginnings, which are all
    equally long, by log P. A beginning that has ended leaves the beam. The search is over when nothing that is still
    in the beam could win, or after max_length tokens; if nothing has ended by then, the best beginning is returned.
    """
    beginnings: list[list[int]] = [[]]
    totals = torch.zeros(1, device=state.device)  # log P of each beginning
    best, best_score = None, -float("inf")
    for length in range(1, max_length + 1):
        previous = [tokens[-1] if tokens else start for tokens in beginnings]
        logits, state = step(torch.tensor(previous, device=state.device), state)
        candidates = totals[:, None] + torch.log_softmax(logits, dim=-1)  # (k, c)
        totals, places = candidates.flatten().topk(min(beam, candidates.numel()))
        parents, tokens = places // logits.shape[1], places % logits.shape[1]

        longer = [[*beginnings[p], t] for p, t in zip(parents.tolist(), tokens.tolist())]
        over = tokens == end
        if over.any():  # topk sorts, so the first that ended is the best of this length
            first = int(over.nonzero()[0])
            score = totals[first].item() / length**length_power
            if score > best_score:
                best, best_score = longer[first][:-1], score

        going = [i for i, ended in enumerate(over.tolist()) if not ended]
        beginnings, totals, state = [longer[i] for i in going], totals[going], state[parents[going]]
        # log P only falls, so no beginning can come to more than it would have at the greatest length.
        if not going or totals[0].item() / max_length**length_power <= best_score:
            break
    return beginnings[0] if best is None else best
