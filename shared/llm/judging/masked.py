"""What a masked language model is worth: hidden tokens beside those who count words, and pairs of pieces. Week 8.

record = evaluate_masked(model, objective, tokens, held_out)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from shared.llm.corpus.batches import Batches
from shared.llm.training.masked import Masked, MaskedModel
from shared.llm.training.validation import TokenSource


def evaluate_masked(
    model: MaskedModel,
    objective: Masked,
    tokens: TokenSource,
    held_out: TokenSource,
    n_tokens: int = 100_000,
    counted: int = 4_000_000,
    rows: int = 32,
) -> dict[str, Any]:
    """The record of the stage `evaluate`: figures on held-out text of which 15 % is hidden, the same 15 % each time.

    tokens: of the training split, whose first `counted` tokens tell how frequent each is   n_tokens: held-out tokens
    """
    context = model.model.config.max_length
    windows = Batches(held_out, min(context - 3, len(held_out) - 1), rows, seed=0)
    n = max(1, min(len(windows), n_tokens // (rows * context)))
    found = {"nats": 0.0, "first": 0, "five": 0, "asked": 0, "pairs": 0, "pairs_right": 0}
    targets = []
    model.eval()
    with torch.no_grad():
        for step in range(n):
            generator = torch.Generator().manual_seed(step)
            batch = objective.rows(windows.batch(step).inputs, 0.15, generator)
            hidden = model.model.hidden(batch.inputs, token_types=batch.token_types)
            asked = batch.targets != -100
            right = batch.targets[asked]
            log_p = model.model.logits(hidden[asked]).float().log_softmax(-1)
            best = log_p.topk(5).indices == right[:, None]
            judged = model.follows(torch.tanh(model.pooler(hidden[:, 0]))).argmax(-1)
            found["nats"] -= log_p.gather(1, right[:, None]).sum().item()
            found["first"] += int(best[:, 0].sum())
            found["five"] += int(best.any(1).sum())
            found["asked"] += len(right)
            found["pairs"] += len(judged)
            found["pairs_right"] += int((judged == batch.follows).sum())
            targets.append(right.numpy())
    answers = np.concatenate(targets)
    frequency = np.bincount(
        tokens.read(0, min(counted, len(tokens))), minlength=tokens.vocab_size
    ).astype(float)
    frequency[[objective.cls_id, objective.sep_id, objective.mask_id, objective.pad_id]] = 0
    share = (frequency + 1) / (frequency + 1).sum()
    asked = found["asked"]
    record = {
        "hidden_tokens": asked,
        "loss": found["nats"] / asked,
        "first_right": found["first"] / asked,
        "five_right": found["five"] / asked,
        "frequency_loss": float(-np.log(share[answers]).mean()),
        "frequency_first": float((answers == share.argmax()).mean()),
        "pairs": found["pairs"],
        "pairs_right": found["pairs_right"] / found["pairs"],
    }
    error = 1.96 * math.sqrt(0.25 / found["pairs"])
    record["lines"] = [
        f"{asked:,} hidden tokens of held-out articles: {record['loss']:.3f} nats each; by frequency alone "
        f"{record['frequency_loss']:.3f}",
        f"first guess right {record['first_right']:.1%}, among the first five {record['five_right']:.1%}; the most "
        f"frequent token {record['frequency_first']:.1%}",
        f"does the second piece follow? {record['pairs_right']:.1%} of {found['pairs']:,} right (guessing: 50 % "
        f"± {error:.1%})",
    ]
    return record
