"""An answer from an index, with where it is from; or that nothing relevant was found (week 9).

    print(ask("runs/mine/index", "Who taught the bees to dance?"))

Without a model, the answer is the sentence that says most of what the question says. With one, the model is given the
passages and writes. Either way the passages are cited, and whether there is an answer at all is decided before: a
search always finds something, so a small logistic model of the best passages says how likely they are the right ones
(`relevance`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from shared.llm.retrieval.chunks import sentences
from shared.llm.retrieval.relevance import relevance, seen, stands_out
from shared.llm.retrieval.rerank import Question, stem_share
from shared.llm.retrieval.retrieve import Hit, Index

# From a prompt to what is written after it; or a `LanguageModel`, its tokenizer and whether it was taught to chat.
Writer = Callable[[str], str] | tuple[Any, Any] | tuple[Any, Any, bool]
NOTHING = "Nothing relevant was found."
# Of the questions whose best passage is right, answered; of those with nothing on their subject in the index, answered
# all the same:
#   0.3: 90 % and 31 % of the encyclopedia's held-out questions; 95 % and 51 % of SQuAD's among 9,358 articles
#   0.4: 84 % and 22 %; 90 % and 33 %       0.5: 76 % and 17 %; 84 % and 22 %
# Of SQuAD's questions that look answerable and are not, whose paragraph is there: 86 %, 77 %, 67 %.
THRESHOLD = 0.4


@dataclass(frozen=True)
class Answer:
    """text: the answer, or NOTHING. found: whether there is one. relevance: how likely the best passage is right.

    sources: the passages that the answer is from, cited as [1], [2] … in `str(answer)`.
    """

    question: str
    text: str
    found: bool
    relevance: float
    sources: tuple[Hit, ...]

    def __str__(self) -> str:
        cited = [f"[{number}] {hit.citation}" for number, hit in enumerate(self.sources, start=1)]
        return "\n".join([self.text, *cited])


def chances(index: Index, question: str, hits: Sequence[Hit]) -> list[float]:
    """How likely it is of each passage that it is the right one, from 0 to 1, by how much of the question it says.

    How far the best passage stands out above the others of the index counts for each of them.
    """
    places = np.array([hit.place for hit in hits], dtype=np.int64)
    table = index.features(question, places, np.ones(len(hits)))
    out = stands_out(index.bm25.scores(index.terms(question)))
    return [relevance(seen(row, out)) for row in table]


def answer(
    index: Index,
    question: str,
    model: Writer | None = None,
    k: int = 3,
    how: str | None = None,
    threshold: float = THRESHOLD,
) -> Answer:
    """The answer to a question from an index.

    model: None, the best sentence; a function from a prompt to what is written after it; or a `LanguageModel` and its
    tokenizer, which write at most 100 tokens (and True, for one that was taught to chat).
    k: so many passages are looked at, or given to the model.
    threshold: from 0 (always answer) to 1 (never). Raises ValueError for bad arguments, as `Index.search` does.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be from 0 to 1; it was {threshold}.")
    hits = index.search(question, k, how)
    likely = max(chances(index, question, hits), default=0.0)
    if not hits or likely < threshold:
        return Answer(question, NOTHING, False, likely, ())
    if model is not None:
        text, given = _written(model, question, hits)
        return Answer(question, text, True, likely, tuple(given))
    asked = Question(question, index.terms, index.idf)
    sentence, hit = _sentence(index, asked, hits)
    return Answer(question, sentence, True, likely, (hit,))


def _sentence(index: Index, question: Question, hits: Sequence[Hit]) -> tuple[str, Hit]:
    """The sentence of these passages that says most of the question, by stems and together with its heads.

    It holds the answer for 69 % of 300 held-out questions on the encyclopedia and 64 % of 250 of SQuAD's. More for a
    sentence with the year or name that is asked for, and less for the lower passages, changed these by a point or less.
    """
    best, most = ("", hits[0]), -math.inf
    for hit in hits:
        heads = {*index.terms(hit.title), *index.terms(hit.section)}
        for start, end in sentences(hit.passage):
            sentence = hit.passage[start:end]
            share = stem_share(question, {*index.terms(sentence), *heads})
            if share > most:
                best, most = (" ".join(sentence.split()), hit), share
    return best


def prompt(question: str, hits: Sequence[Hit]) -> str:
    """What a model is given: the passages, numbered, then the question."""
    passages = [
        f"[{number}] {hit.title}{f', {hit.section}' if hit.section else ''}\n{hit.passage}"
        for number, hit in enumerate(hits, start=1)
    ]
    return "\n\n".join(
        [
            "Answer the question from these passages only, in one or two sentences.",
            *passages,
            f"Question: {question.strip()}\nAnswer:",
        ]
    )


def _written(model: Writer, question: str, hits: Sequence[Hit]) -> tuple[str, Sequence[Hit]]:
    """What the model writes, and the passages that it was given: as many as its context has room for."""
    if not isinstance(model, tuple):
        return model(prompt(question, hits)).strip(), hits
    from shared.llm import chat
    from shared.llm.writing.generate import Sampling, generate, generate_tokens

    network, tokenizer, *chats = model
    n_new, kept = 100, list(hits)

    def tokens() -> list[int]:
        asked = prompt(question, kept)
        if not any(chats):
            return tokenizer.encode(asked)
        return chat.encode([{"role": "user", "content": asked}], tokenizer, True)

    while len(kept) > 1 and len(tokens()) > network.config.max_length - n_new:
        kept.pop()
    greedy = Sampling(max_tokens=n_new, temperature=0.0)
    if any(chats):
        (written,) = generate_tokens(network, [tokens()], greedy, tokenizer.special[chat.END])
        return tokenizer.decode(written.tokens).strip(), kept
    greedy = replace(greedy, stop=("\n\n", "\nQuestion:"))
    return generate(network, tokenizer, [prompt(question, kept)], greedy)[0].text.strip(), kept


def ask(
    folder: str | Path,
    question: str,
    k: int = 3,
    how: str | None = None,
    model: Writer | None = None,
    encoder: Any = None,
    threshold: float = THRESHOLD,
) -> Answer:
    """`bumblebee ask`: a question to an index that `build_index` made. Raises ValueError for bad input."""
    return answer(Index.open(folder, encoder), question, model, k, how, threshold)
