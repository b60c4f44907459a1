"""Learning from rewards that a program gives: group relative policy optimization (GRPO). Met in week 9's explore
notebook on alignment.

    history = train_grpo(model, prompts, reward, GRPOSettings(steps=100))

For each prompt the model writes several answers; those that earn more than their group's mean become likelier, the
others less likely. No reward model, and no network that guesses how much reward is to come: the group's mean does.
Sources: Shao et al., "DeepSeekMath" (2402.03300), section 4.1; the clipped ratio: Schulman et al., PPO (1707.06347).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.llm.adapting.preferences import Texts, pad, token_log_probabilities
from shared.llm.adapting.sft import Example
from shared.llm.model import LanguageModel
from shared.llm.training.optimize import Optimizers
from shared.llm.writing.reader import Reader
from shared.llm.writing.sampling import sample
from shared.training.schedules import linear

Prompt = Sequence[int]


def group_advantages(rewards: Tensor) -> Tensor:
    """How much better than its group each answer did: (reward − mean) / standard deviation.

    rewards: (n_prompts, group)   →   the same shape; zeros where all of a group earned the same
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return centred / (rewards.std(dim=1, keepdim=True) + 1e-4)


def policy_loss(new: Tensor, old: Tensor, advantages: Tensor, clip: float = 0.2) -> Tensor:
    """PPO's clipped loss of each token: −min(ratio · A, clip(ratio, 1 − ε, 1 + ε) · A) with ratio = π_new / π_old

    new, old: (n, length) log-probabilities of the tokens, now and when they were drawn   advantages: (n,)
    →         (n, length). Its gradient is zero where a token has become likelier or less likely enough.
    """
    ratio = torch.exp(new - old)
    a = advantages[:, None]
    return -torch.minimum(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a)


def kl_estimate(new: Tensor, reference: Tensor) -> Tensor:
    """An estimate of KL(π ‖ π_reference) from tokens that π drew: e^d − d − 1 with d = log π_reference − log π

    Any shape → the same. Never negative, and its mean over draws is the divergence. (Schulman 2020, "Approximating KL
    divergence", its third estimator; 2402.03300, equation 4)
    """
    difference = reference - new
    return torch.exp(difference) - difference - 1


@dataclass(frozen=True)
class GRPOSettings:
    """steps: of writing, judging, learning   prompts, group: prompts of a step, and answers to each
    epochs: updates with what one step wrote   lr: reached after warmup_steps, then falling to 0
    beta: weight of the divergence from the reference, the model as it came
    max_tokens, temperature: of the answers   clip: ε of `policy_loss`
    """

    steps: int = 100
    prompts: int = 32
    group: int = 8
    epochs: int = 1
    lr: float = 3e-4
    warmup_steps: int = 20
    beta: float = 0.02
    clip: float = 0.2
    max_tokens: int = 16
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("steps", 1),
            ("prompts", 1),
            ("group", 2),
            ("epochs", 1),
            ("warmup_steps", 1),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}.")


def write_answers(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    end_id: int,
    max_tokens: int,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[list[int]]:
    """An answer to each prompt, the token that ends it included where it comes before max_tokens are written."""
    reader, answers = Reader(model, prompts, max_tokens), [[] for _ in prompts]
    for turn in range(max_tokens):
        drawn = sample(reader.logits.cpu(), temperature, generator=generator).tolist()
        for answer, token in zip(answers, drawn):
            if not answer or answer[-1] != end_id:
                answer.append(token)
        if all(answer[-1] == end_id for answer in answers):
            break
        if turn < max_tokens - 1:
            reader.append(drawn)
    return answers


def train_grpo(
    model: LanguageModel,
    draw_prompts: Callable[[int, torch.Generator], Sequence[Prompt]],
    reward: Callable[[Prompt, list[int]], float],
    end_id: int,
    settings: GRPOSettings | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[dict[str, float]]:
    """Trains a model in place, and tells of each step: mean reward, divergence from the reference, length of answers.

    draw_prompts(n, generator): n prompts   reward(prompt, answer): a number; the answer is without the end's token, and
    may have no end   kl: nats for each token, estimated on the answers
    """
    settings = settings or GRPOSettings()
    reference = copy.deepcopy(model).eval().requires_grad_(False)
    optimizers = Optimizers(model, "adamw", settings.lr, settings.lr, 0.0, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(settings.seed)
    history = []
    for step in range(settings.steps):
        drawn = draw_prompts(settings.prompts, generator)
        prompts = [prompt for prompt in drawn for _ in range(settings.group)]
        answers = write_answers(
            model, prompts, end_id, settings.max_tokens, settings.temperature, generator
        )
        earned = [
            float(reward(prompt, answer[:-1] if answer[-1] == end_id else answer))
            for prompt, answer in zip(prompts, answers)
        ]
        rewards = torch.tensor(earned).view(-1, settings.group)
        texts = as_texts(prompts, answers)
        with torch.no_grad():
            old = token_log_probabilities(model, texts, settings.temperature)
            of_reference = token_log_probabilities(reference, texts, settings.temperature)
        advantages, own = group_advantages(rewards).flatten(), texts.own[:, 1:]
        model.train()
        for _ in range(settings.epochs):
            new = token_log_probabilities(model, texts, settings.temperature)
            divergence = kl_estimate(new, of_reference)
            losses = policy_loss(new, old, advantages, settings.clip) + settings.beta * divergence
            optimizers.zero_grad()
            losses[own].mean().backward()
            # AdamW's first steps are all of one size, whatever the gradient: they begin small. And they end small:
            # the rewards of a few prompts are noise for the most part, which a steady rate would keep in the weights.
            optimizers.set_lr(linear(step, 1.0, settings.steps, settings.warmup_steps))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizers.step()
        model.eval()
        history.append(
            {
                "reward": rewards.mean().item(),
                "kl": kl_estimate(old, of_reference)[own].mean().item(),
                "length": own.sum(1).float().mean().item(),
            }
        )
        if progress is not None:
            progress(step + 1, settings.steps)
    return history


def mean_reward(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    reward: Callable[[Prompt, list[int]], float],
    end_id: int,
    max_tokens: int,
    temperature: float = 1.0,
    seed: int = 0,
) -> float:
    """What answers to these prompts earn in the mean: at temperature 1 as the model draws them, at 0 its likeliest."""
    generator = torch.Generator().manual_seed(seed)
    answers = write_answers(model, prompts, end_id, max_tokens, temperature, generator)
    earned = [
        float(reward(prompt, answer[:-1] if answer[-1] == end_id else answer))
        for prompt, answer in zip(prompts, answers)
    ]
    return sum(earned) / len(earned)


def divergence_from(
    model: LanguageModel,
    reference: LanguageModel,
    prompts: Sequence[Prompt],
    end_id: int,
    max_tokens: int,
    seed: int = 0,
) -> float:
    """KL(π ‖ π_reference) in nats for each answer, exact at each place of answers that the model draws."""
    generator = torch.Generator().manual_seed(seed)
    texts = as_texts(prompts, write_answers(model, prompts, end_id, max_tokens, 1.0, generator))
    with torch.no_grad():
        log_p, log_q = (
            torch.log_softmax(m(texts.tokens[:, :-1]).float(), dim=-1) for m in (model, reference)
        )
    at_each_place = (log_p.exp() * (log_p - log_q)).sum(dim=-1)
    return (at_each_place * texts.own[:, 1:]).sum(dim=1).mean().item()


def as_texts(prompts: Sequence[Prompt], answers: Sequence[Sequence[int]]) -> Texts:
    """Prompts and answers, as they were written, side by side."""
    return pad(
        [
            Example([*prompt, *answer], [False] * len(prompt) + [True] * len(answer))
            for prompt, answer in zip(prompts, answers)
        ]
    )
