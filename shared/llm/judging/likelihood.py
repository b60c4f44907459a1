"""What a model thinks of a text: the log-probability of each of its tokens. Week 9's evaluation stands on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from shared.llm.model import LanguageModel

_NUMBERS_AT_ONCE = 1 << 25  # logits that are computed at once: 128 MB of float32


def token_log_probabilities(
    model: LanguageModel,
    tokens: np.ndarray,
    context: int | None = None,
    stride: int | None = None,
    rows: int = 16,
) -> np.ndarray:
    """log P of each token but the first, given those before it: (length,) of integers → (length − 1,), in nats.

    context: the most tokens that the model sees, by default its `max_length`
    stride:  how many new tokens each window brings, by default half the context: each token is judged once, with at
             least context − stride tokens before it where the text has so many. Small strides cost more.
    """
    context = model.config.max_length if context is None else context
    stride = max(1, context // 2) if stride is None else stride
    if not 1 <= stride <= context:
        raise ValueError(f"stride is {stride}; it must be from 1 to {context}, the context.")
    if len(tokens) < 2:
        raise ValueError(f"the text has {len(tokens)} tokens; it must have at least 2.")
    tokens = torch.as_tensor(np.asarray(tokens, dtype=np.int64))
    found = np.empty(len(tokens) - 1, dtype=np.float64)
    # The first window judges `context` tokens; each one after it ends `stride` later, and judges only those.
    ends = [min(context, len(found))]
    while ends[-1] < len(found):
        ends.append(min(ends[-1] + stride, len(found)))
    judged_from = [0, *ends[:-1]]
    starts = [max(0, end - context) for end in ends]
    whole = [i for i in range(len(ends)) if ends[i] - starts[i] == context]
    groups = [whole[i : i + rows] for i in range(0, len(whole), rows)]
    groups += [[i] for i in range(len(ends)) if ends[i] - starts[i] != context]
    for group in groups:
        inputs = torch.stack([tokens[starts[i] : ends[i]] for i in group])
        targets = torch.stack([tokens[starts[i] + 1 : ends[i] + 1] for i in group])
        judged = _log_p(model, inputs, targets).double().numpy()
        for i, row in zip(group, judged):
            found[judged_from[i] : ends[i]] = row[judged_from[i] - starts[i] :]
    return found


def continuation_log_probabilities(
    model: LanguageModel,
    beginnings: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[int]],
    rows: int = 32,
) -> Tensor:
    """log P of each continuation after its beginning, in nats: (n,). Beginnings lose their first tokens where they are
    too long. Raises ValueError for an empty beginning or continuation, or one longer than the context."""
    longest = model.config.max_length
    for beginning, continuation in zip(beginnings, continuations, strict=True):
        if not len(beginning) or not 0 < len(continuation) <= longest:
            raise ValueError(
                f"a beginning has {len(beginning)} tokens and its continuation {len(continuation)}; both must have at "
                f"least one, and a continuation at most {longest}."
            )
    found = torch.empty(len(beginnings), dtype=torch.float64)
    pairs = [[*b, *c][-longest - 1 :] for b, c in zip(beginnings, continuations)]
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i]))  # rows of like lengths together
    for first in range(0, len(order), rows):
        group = order[first : first + rows]
        width = max(len(pairs[i]) for i in group)
        # Filled up on the right, where no token of a causal model can look.
        padded = torch.tensor([pairs[i] + [0] * (width - len(pairs[i])) for i in group])
        judged = _log_p(model, padded[:, :-1], padded[:, 1:]).double()
        for i, row in zip(group, judged):
            end = len(pairs[i]) - 1
            found[i] = row[end - len(continuations[i]) : end].sum()
    return found


def continuation_log_p(logits: Tensor, tokens: Tensor, n: int) -> Tensor:
    """log P of the last n tokens of a text, each after all before it: Σ log softmax(logits)[token], a scalar in nats.

    logits: (length, vocab_size), what the model says after each token   tokens: (length,)   n: from 1 to length − 1
    """
    log_p = torch.log_softmax(logits, dim=-1)[
        :-1
    ]  # what is said after the last token is about none of them
    chosen = log_p.gather(-1, tokens[1:, None])[:, 0]  # (length − 1,)
    return chosen[-n:].sum()


@torch.inference_mode()
def _log_p(model: LanguageModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """(n, length), (n, length) → (n, length). The logits are made of few places at a time."""
    was_training = model.training
    model.eval()
    device = model.embedding.weight.device
    hidden = model.hidden(inputs.to(device)).flatten(0, 1)
    wanted = targets.to(device).flatten()
    step = max(1, _NUMBERS_AT_ONCE // model.config.vocab_size)
    parts = []
    for start in range(0, len(wanted), step):
        logits = model.logits(hidden[start : start + step]).float()
        there = logits.gather(-1, wanted[start : start + step, None])[:, 0]
        parts.append(there - logits.logsumexp(dim=-1))
    model.train(was_training)
    return torch.cat(parts).view(targets.shape).cpu()
