"""A task whose answers a program can judge, small enough for a model that trains in seconds: sorting letters. Week 9.

dbacf=abcdf.      given up to the "=", the model writes the rest and the "." that ends it
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from shared.llm.adapting.grpo import write_answers
from shared.llm.adapting.learn import learn
from shared.llm.adapting.preferences import Texts, log_probabilities, pad
from shared.llm.adapting.sft import Example
from shared.llm.config import qwen3
from shared.llm.model import LanguageModel, Parts

LETTERS = "abcdefghijkl"
SYMBOLS = LETTERS + "=."
EQUALS, END = len(LETTERS), len(LETTERS) + 1
LENGTH = 6  # letters of a prompt
MAX_TOKENS = LENGTH + 2  # of an answer: it may be too long


def draw_prompts(n: int, generator: torch.Generator, held_out: bool = False) -> list[list[int]]:
    """n prompts as tokens. Those whose letters sum to a multiple of 5 are held out: training never sees one."""
    prompts: list[list[int]] = []
    while len(prompts) < n:
        drawn = torch.randint(0, len(LETTERS), (2 * n + 10, LENGTH), generator=generator).tolist()
        prompts += [[*row, EQUALS] for row in drawn if (sum(row) % 5 == 0) == held_out]
    return prompts[:n]


def right_answer(prompt: Sequence[int]) -> list[int]:
    """The letters in their order, without the end."""
    return sorted(prompt[:-1])


def reward(prompt: Sequence[int], answer: Sequence[int]) -> float:
    """1 for exactly the right answer, else 0."""
    return float(list(answer) == right_answer(prompt))


def spell(tokens: Sequence[int]) -> str:
    """Tokens as text."""
    return "".join(SYMBOLS[token] for token in tokens)


def new_model(seed: int = 0, d_model: int = 64, n_layers: int = 2) -> LanguageModel:
    """A model with random weights."""
    torch.manual_seed(seed)
    sizes = {"d_model": d_model, "n_layers": n_layers, "n_heads": 4, "n_kv_heads": 2}
    config = qwen3(
        len(SYMBOLS),
        max_length=32,
        d_head=d_model // 4,
        d_hidden=2 * d_model,
        rope_base=1e4,
        **sizes,
    )
    return LanguageModel(config, Parts.fused())


def first_lessons(model: LanguageModel, steps: int, seed: int = 0, lr: float = 3e-3) -> list[float]:
    """Supervised training on right answers, `steps` batches of 64, in place. Cut short, the model sorts by half."""
    generator = torch.Generator().manual_seed(seed)

    def loss_of(step: int) -> torch.Tensor:
        prompts = draw_prompts(64, generator)
        texts = answered(prompts, [right_answer(prompt) for prompt in prompts])
        return -log_probabilities(model, texts).sum() / texts.own.sum()

    return learn(model, loss_of, steps, lr)


def answered(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Texts:
    """Prompts and answers as texts with their end."""
    return pad(
        [
            Example([*prompt, *answer, END], [False] * len(prompt) + [True] * (len(answer) + 1))
            for prompt, answer in zip(prompts, answers)
        ]
    )


def pairs(
    model: LanguageModel, n: int, seed: int = 0, held_out: bool = False
) -> tuple[Texts, Texts]:
    """n pairs (better, worse) of answers that the model itself wrote to one prompt: one right and one wrong."""
    generator = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(model).eval()
    prompts, better, worse = [], [], []
    for _ in range(4 + n // 8):
        if len(prompts) >= n:
            break
        drawn = draw_prompts(64, generator, held_out)
        tries = [write_answers(model, drawn, END, MAX_TOKENS, 1.0, generator) for _ in range(4)]
        for prompt, *answers in zip(drawn, *tries):
            ended = [answer[:-1] for answer in answers if answer[-1] == END]
            right = next((a for a in ended if reward(prompt, a)), None)
            wrong = next((a for a in ended if not reward(prompt, a)), None)
            if right is not None and wrong is not None:
                prompts.append(prompt)
                better.append(right)
                worse.append(wrong)
    if len(prompts) < n:
        raise ValueError(
            f"the model gave only {len(prompts)} of {n} pairs: it is nearly always right, or nearly always wrong."
        )
    return answered(prompts[:n], better[:n]), answered(prompts[:n], worse[:n])
