"""Learning from preferences: which of two answers people like better. Met in week 9's explore notebook on alignment.

    reward = RewardModel(copy of model)      learns to give the better answer the higher number
    dpo_loss                                 teaches the model itself, without a reward model between

Both begin with Bradley and Terry's model of comparisons: P(chosen is preferred) = σ(r(chosen) − r(rejected)).
Sources: Ouyang et al. (2203.02155), section 3.5; Rafailov et al., "Direct Preference Optimization" (2305.18290).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from shared.data.rows import Preference
from shared.llm.adapting.adapt import classification_head
from shared.llm.adapting.learn import learn, shuffled
from shared.llm.adapting.sft import Example, example
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer


class Texts(NamedTuple):
    """Texts padded on the right, all (n, length): tokens; own: the answer's tokens; real: all but the padding."""

    tokens: Tensor
    own: Tensor
    real: Tensor

    def rows(self, which: Sequence[int] | Tensor) -> Texts:
        """Some of the texts, with no more padding than they need."""
        index = torch.as_tensor(which, dtype=torch.long)
        longest = int(self.real[index].sum(1).max())
        return Texts(*(tensor[index, :longest] for tensor in self))


def pad(examples: Sequence[Example], pad_id: int = 0) -> Texts:
    """Texts of any lengths side by side."""
    longest = max(len(one.tokens) for one in examples)
    tokens = torch.full((len(examples), longest), pad_id)
    own = torch.zeros(len(examples), longest, dtype=torch.bool)
    for row, one in enumerate(examples):
        tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
        own[row, : len(one.own)] = torch.tensor(one.own)
    lengths = torch.tensor([len(one.tokens) for one in examples])
    return Texts(tokens, own, torch.arange(longest) < lengths[:, None])


def preference_texts(
    rows: Sequence[Preference], tokenizer: Tokenizer, context: int
) -> tuple[Texts, Texts]:
    """(better answers, worse answers) to the same prompts, as chats of at most `context` tokens.

    Pairs in which one is longer are left out. Raises ValueError where none is left.
    """
    chosen, rejected = [], []
    for row in rows:
        pair = [
            example(
                [
                    {"role": "user", "content": row.prompt},
                    {"role": "assistant", "content": answer},
                ],
                tokenizer,
            )
            for answer in (row.chosen, row.rejected)
        ]
        if max(len(one.tokens) for one in pair) <= context:
            chosen.append(pair[0])
            rejected.append(pair[1])
    if not chosen:
        raise ValueError(
            f"none of the {len(rows)} pairs fits into {context} tokens; nothing can be learned from them."
        )
    return pad(chosen), pad(rejected)


def log_probabilities(model: LanguageModel, texts: Texts) -> Tensor:
    """log P(answer | prompt) under a model: the sum over the answer's tokens. → (n,)"""
    return (token_log_probabilities(model, texts) * texts.own[:, 1:]).sum(dim=1)


def token_log_probabilities(model: LanguageModel, texts: Texts, temperature: float = 1.0) -> Tensor:
    """log P of each token given those before it, 0 where it is not the answer's. → (n, length − 1)"""
    hidden = model.hidden(texts.tokens[:, :-1])  # padding stands on the right, where nobody looks
    own, targets = texts.own[:, 1:], texts.tokens[:, 1:]
    logits = model.logits(hidden[own]).float() / temperature  # (answer tokens, vocab_size)
    found = torch.log_softmax(logits, dim=-1).gather(-1, targets[own][:, None]).squeeze(-1)
    return torch.zeros(own.shape, device=found.device).masked_scatter(own, found)


def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """−log σ(chosen − rejected), the mean: rewards of the better and of the worse answers, (n,) each → a scalar"""
    return -nn.functional.logsigmoid(chosen - rejected).mean()


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """Direct preference optimization: `bradley_terry_loss` with the reward β · log(π(answer) / π_reference(answer)).

    all (n,): log-probabilities of the better and the worse answers, under the model and under the reference → a scalar
    beta: how dear it is to go away from the reference. Each gradient step makes the better answer likelier and the
    worse one less likely, the more so the more the two rewards are the wrong way round. (2305.18290, equation 7)
    """
    return bradley_terry_loss(
        beta * (chosen - reference_chosen), beta * (rejected - reference_rejected)
    )


class RewardModel(nn.Module):
    """A language model that says how good a text is: (n, length) tokens, real → (n,), read from the last real token."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model
        self.weight = nn.Parameter(0.02 * torch.randn(1, model.config.d_model))

    def forward(self, texts: Texts) -> Tensor:
        hidden = self.model.hidden(texts.tokens)
        no_bias = self.weight.new_zeros(1)  # only differences count
        return classification_head(hidden, self.weight, no_bias, texts.real, "last").squeeze(-1)


def train_reward(
    model: RewardModel,
    chosen: Texts,
    rejected: Texts,
    steps: int = 200,
    lr: float = 3e-4,
    batch_size: int = 16,
    seed: int = 0,
    **more: Any,
) -> list[float]:
    """Trains a reward model on pairs, in place; the loss of each step. more: of `learn`."""
    batch = shuffled(len(chosen.tokens), batch_size, seed)

    def loss_of(step: int) -> Tensor:
        rows = batch(step)
        return bradley_terry_loss(model(chosen.rows(rows)), model(rejected.rows(rows)))

    return learn(model, loss_of, steps, lr, **more)


def train_dpo(
    model: LanguageModel,
    chosen: Texts,
    rejected: Texts,
    steps: int = 200,
    lr: float = 1e-4,
    beta: float = 0.1,
    batch_size: int = 16,
    seed: int = 0,
    keep: float = 0.0,
    **more: Any,
) -> list[float]:
    """Trains a model on pairs, in place; the loss of each step. The reference is the model as it comes.

    keep: weight of the better answers' own loss for each token. DPO alone only asks that the better answer loses less
          than the worse one; where the two are nearly alike, both become unlikely (Pang et al., 2404.19733).
    more: of `learn`
    """
    both = [
        in_batches(copy.deepcopy(model).eval(), texts, log_probabilities)
        for texts in (chosen, rejected)
    ]
    batch = shuffled(len(chosen.tokens), batch_size, seed)

    def loss_of(step: int) -> Tensor:
        rows = batch(step)
        now = [log_probabilities(model, texts.rows(rows)) for texts in (chosen, rejected)]
        loss = dpo_loss(*now, *(reference[rows] for reference in both), beta)
        return loss - keep * now[0].sum() / chosen.own[rows].sum() if keep else loss

    return learn(model, loss_of, steps, lr, **more)


def in_batches(
    model: nn.Module, texts: Texts, of: Callable[[Any, Texts], Tensor], batch_size: int = 64
) -> Tensor:
    """of(model, texts) without gradients, some texts at a time. → (n,)"""
    n = len(texts.tokens)
    with torch.no_grad():
        parts = [
            of(model, texts.rows(range(first, min(n, first + batch_size))))
            for first in range(0, n, batch_size)
        ]
    return torch.cat(parts)
