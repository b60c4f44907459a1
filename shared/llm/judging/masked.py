"""What a masked language model is worth: hidden tokens beside those who count words, and its second question. Week 8.

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
    length = min(objective.text_length(context), len(held_out) - 1)
    rows = max(1, rows * context // length)  # as many tokens, whatever a row is made of
    windows = Batches(held_out, length, rows, seed=0)
    n = max(1, min(len(windows), n_tokens // (rows * length)))
    found = {"nats": 0.0, "first": 0, "five": 0, "asked": 0, "judged": 0, "judged_right": 0}
    targets = []
    model.eval()
    with torch.no_grad():
        for step in range(n):
            generator = torch.Generator().manual_seed(step)
            batch = objective.rows(windows.batch(step).inputs, 0.15, generator, pieces=2)
            hidden = model.model.hidden(batch.inputs, token_types=batch.token_types)
            asked = batch.targets != -100
            right = batch.targets[asked]
            log_p = model.model.logits(hidden[asked]).float().log_softmax(-1)
            best = log_p.topk(5).indices == right[:, None]
            if model.second is not None:
                judged = model.second.right(model.pooled(hidden), batch.answers)
                found["judged"] += len(judged)
                found["judged_right"] += int(judged.sum())
                found["others"] = len(judged) - 1
            found["nats"] -= log_p.gather(1, right[:, None]).sum().item()
            found["first"] += int(best[:, 0].sum())
            found["five"] += int(best.any(1).sum())
            found["asked"] += len(right)
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
    }
    record["lines"] = [
        f"{asked:,} hidden tokens of held-out articles: {record['loss']:.3f} nats each; by frequency alone "
        f"{record['frequency_loss']:.3f}",
        f"first guess right {record['first_right']:.1%}, among the first five {record['five_right']:.1%}; the most "
        f"frequent token {record['frequency_first']:.1%}",
    ]
    if found["judged"]:
        record |= {
            "second": objective.second,
            "judged": found["judged"],
            "judged_right": found["judged_right"] / found["judged"],
        }
        asks = {
            "follows": "does the second piece follow?",
            "same text": f"which of {found.get('others', 0)} other rows is from the same text?",
        }
        chance = 0.5 if objective.second == "follows" else 1 / max(1, found.get("others", 1))
        error = 1.96 * math.sqrt(chance * (1 - chance) / found["judged"])
        record["lines"].append(
            f"{asks[objective.second]} {record['judged_right']:.1%} of {found['judged']:,} right (guessing: "
            f"{chance:.1%} ± {error:.1%})"
        )
    return record
