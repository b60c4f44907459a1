"""Supervised fine-tuning: a model that writes on learns to answer. Met in week 9.

    examples = [example(row, tokenizer) for row in shared.data.instructions()["train"]]
    packed = pack_examples(examples, context=256)
    loss = sft_loss(model, packed.rows([0, 1, 2]))

Two things differ from pretraining. The loss counts only the tokens that the assistant wrote: the questions are given,
nobody has to learn to ask them. And conversations are short, so that several stand in one row; none sees the others.
Source: Ouyang et al., "Training language models to follow instructions" (2203.02155), section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shared.data.rows import Conversation, Instruction
from shared.llm.chat import assistant_mask, check_marks, check_messages
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer
from shared.llm.training.loss import linear_cross_entropy


class Example(NamedTuple):
    """A conversation as tokens, and which of them the assistant wrote."""

    tokens: list[int]
    own: list[bool]


class Packed(NamedTuple):
    """Rows of several conversations each, all (n, context).

    inputs, targets: a token and the one after it   own: whether the target is the assistant's
    documents: number of the conversation within the row, −1 where nothing stands   positions: from 0 in each
    """

    inputs: Tensor
    targets: Tensor
    own: Tensor
    documents: Tensor
    positions: Tensor

    def rows(self, which: Sequence[int] | Tensor) -> Packed:
        """Some of the rows."""
        index = torch.as_tensor(which, dtype=torch.long)
        return Packed(*(tensor[index] for tensor in self))

    def to(self, device: torch.device | str) -> Packed:
        return Packed(*(tensor.to(device) for tensor in self))


def messages_of(row: Any) -> list[dict[str, str]]:
    """The messages of a `Conversation` or an `Instruction` of `shared.data`, of {"messages": …}, or of messages."""
    if isinstance(row, Instruction):
        return [
            {"role": "user", "content": row.prompt},
            {"role": "assistant", "content": row.output},
        ]
    if isinstance(row, Conversation):
        return [{"role": m.role, "content": m.content} for m in row.messages]
    messages = row.get("messages") if isinstance(row, Mapping) else row
    check_messages(messages)
    return [{"role": m["role"], "content": m["content"]} for m in messages]


def example(row: Any, tokenizer: Tokenizer) -> Example:
    """One row of data as tokens. row: what `messages_of` takes. Raises ValueError for other rows."""
    check_marks(tokenizer)
    return Example(*assistant_mask(messages_of(row), tokenizer))


def pack_examples(examples: Sequence[Example], context: int, pad_id: int = 0) -> Packed:
    """Conversations side by side in rows of `context` places, the longest first, each where it first fits.

    A conversation that is longer than a row is cut at its end. The last token of one never predicts the first of the
    next. Raises ValueError where nothing is left that the assistant wrote.
    """
    if context < 1:
        raise ValueError(f"context is {context}; it must be at least 1.")
    kept = [Example(e.tokens[: context + 1], e.own[: context + 1]) for e in examples]
    kept = [e for e in kept if any(e.own[1:])]
    if not kept:
        raise ValueError(
            f"none of the {len(examples)} examples has a token of the assistant's within {context} tokens; "
            "nothing can be learned from them."
        )
    rows: list[list[Example]] = []
    room: list[int] = []
    for one in sorted(kept, key=lambda e: -len(e.tokens)):
        places = len(one.tokens) - 1
        fits = next((r for r, free in enumerate(room) if free >= places), None)
        if fits is None:
            rows.append([])
            room.append(context)
            fits = len(rows) - 1
        rows[fits].append(one)
        room[fits] -= places
    shape = (len(rows), context)
    packed = Packed(
        torch.full(shape, pad_id),
        torch.full(shape, pad_id),
        torch.zeros(shape, dtype=torch.bool),
        torch.full(shape, -1),
        torch.zeros(shape, dtype=torch.long),
    )
    for r, row in enumerate(rows):
        start = 0
        for number, one in enumerate(row):
            span = slice(start, start + len(one.tokens) - 1)
            packed.inputs[r, span] = torch.tensor(one.tokens[:-1])
            packed.targets[r, span] = torch.tensor(one.tokens[1:])
            packed.own[r, span] = torch.tensor(one.own[1:])
            packed.documents[r, span] = number
            packed.positions[r, span] = torch.arange(len(one.tokens) - 1)
            start = span.stop
    return packed


def sft_loss(model: LanguageModel, batch: Packed) -> Tensor:
    """Mean cross-entropy of the assistant's tokens in a batch, a scalar: each token counts the same."""
    hidden = model.hidden(batch.inputs, documents=batch.documents, positions=batch.positions)
    hidden, targets = (
        hidden[batch.own],
        batch.targets[batch.own],
    )  # (own tokens, d_model), (own tokens,)
    if type(model.head) is nn.Linear and model.head.bias is None and model.transform is None:
        return linear_cross_entropy(hidden, model.head.weight, targets)[0]
    return nn.functional.cross_entropy(model.logits(hidden).float(), targets)
