"""Facts by cloze: an article up to the fact, four ways to go on, and the model's likelihood chooses. Week 9.

    questions = cloze_questions(documents, per_kind=50, seed=0)
    record = answer(model, tokenizer, questions)

A question is made from the article itself, e.g. "Kyoto\\n\\nKyoto is a city in" · " Japan" or one of three answers to
questions of the same kind from other articles. Chance is one in four. Articles that the model was trained on tell what
it keeps; others, what it can guess from the title and the words before.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.llm.judging.likelihood import continuation_log_probabilities
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer

N_CHOICES = 4
_NAME = r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*"
# What is asked, in the first sentence after the title: the group is the answer, all before it the question.
KINDS = {
    "what it is": re.compile(
        r"[^.\n]{2,80}? (?:is|was) an?( [a-z][a-z'-]*(?: [a-z][a-z'-]*){0,3}?)"
        r"(?=[.,;(]| (?:that|who|which|in|of|from|by|for|and)\b)"
    ),
    "where it is": re.compile(
        rf"[^.\n]{{2,80}}? (?:is|was) an? [a-z' -]{{3,40}} (?:in|of|from)( {_NAME})(?=[.,;)]| )"
    ),
    "year of birth": re.compile(
        r"[^.\n]{2,80}?\(?born[^.)\n0-9]{0,20}(?:[0-9]{1,2}[^.)\n0-9]{0,14})?( 1[0-9]{3}| 20[0-9]{2})\b"
    ),
    "capital of": re.compile(rf"[^.\n]{{2,80}}? capital(?: city)? of( {_NAME})"),
}


@dataclass(frozen=True)
class Question:
    """kind: of KINDS   prompt: the article up to the fact   choices: four   right: the number of the right one"""

    kind: str
    prompt: str
    choices: tuple[str, ...]
    right: int


def cloze_questions(documents: Iterable[str], per_kind: int = 50, seed: int = 0) -> list[Question]:
    """Questions from documents (title, empty line, text): at most `per_kind` of each kind, drawn with the seed.

    The wrong choices are right answers of other documents to the same kind of question, after the same last word. Kinds
    with fewer than four different answers are left out.
    """
    facts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for document in documents:
        title, _, text = document.partition("\n\n")
        for kind, pattern in KINDS.items():
            found = pattern.match(text[:300])
            if found is None:
                continue
            prompt, answer = f"{title}\n\n{text[: found.start(1)]}", found.group(1)
            if answer.strip().lower() not in title.lower():
                last = prompt.split()[-1] if kind != "year of birth" else ""
                facts.setdefault((kind, last), []).append((prompt, answer))
    rng = random.Random(seed)
    questions: dict[str, list[Question]] = {kind: [] for kind in KINDS}
    for (kind, _), pairs in facts.items():
        answers = sorted({answer for _, answer in pairs})
        if len(answers) < N_CHOICES:
            continue
        for prompt, answer in pairs:
            wrong = rng.sample([other for other in answers if other != answer], N_CHOICES - 1)
            right = rng.randrange(N_CHOICES)
            choices = (*wrong[:right], answer, *wrong[right:])
            questions[kind].append(Question(kind, prompt, choices, right))
    return [
        question
        for made in questions.values()
        for question in rng.sample(made, min(per_kind, len(made)))
    ]


def answer(
    model: LanguageModel, tokenizer: Tokenizer, questions: Sequence[Question]
) -> dict[str, Any]:
    """How often the model's likeliest choice is the right one, for each kind and together.

    A choice is judged twice: by its log-probability after the prompt, and by how much the prompt raises it above its
    log-probability at the start of a text, so that common words are not preferred for being common ("lift"; Holtzman
    et al. 2104.08315). Returns counts, shares with their 95 % intervals (Wilson), chance, and three examples.
    """
    choices = [choice for question in questions for choice in question.choices]
    ends = tokenizer.encode_batch(choices)
    prompts = tokenizer.encode_batch([question.prompt for question in questions])
    after = [prompt for prompt in prompts for _ in range(N_CHOICES)]
    alone = [[tokenizer.eos_id]] * len(choices)
    likely = continuation_log_probabilities(model, after, ends).view(-1, N_CHOICES)
    lift = likely - continuation_log_probabilities(model, alone, ends).view(-1, N_CHOICES)
    picked = {"likelihood": likely.argmax(1).tolist(), "lift": lift.argmax(1).tolist()}
    kinds: dict[str, Any] = {}
    for kind in [*KINDS, "together"]:
        of_kind = [i for i, q in enumerate(questions) if kind in (q.kind, "together")]
        if not of_kind:
            continue
        kinds[kind] = {"questions": len(of_kind)}
        for way, chosen in picked.items():
            right = sum(chosen[i] == questions[i].right for i in of_kind)
            kinds[kind][way] = {
                "right": right,
                "share": right / len(of_kind),
                "interval": wilson(right, len(of_kind)),
            }
    examples = [
        {
            "prompt": question.prompt,
            "choices": list(question.choices),
            "right": question.choices[question.right],
            "chosen": question.choices[number],
        }
        for question, number in list(zip(questions, picked["likelihood"]))[
            :: max(1, len(questions) // 3)
        ][:3]
    ]
    return {"chance": 1 / N_CHOICES, "kinds": kinds, "examples": examples}


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, spread = right / n, z * z / n
    middle = share + spread / 2
    half = z * (share * (1 - share) / n + spread / (4 * n)) ** 0.5
    return (middle - half) / (1 + spread), (middle + half) / (1 + spread)
