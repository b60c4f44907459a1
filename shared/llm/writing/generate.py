"""Writing on: from prompts to what a language model makes of them. Met in week 9.

    generate(model, tokenizer, ["Bees", "The moon"], Sampling(max_tokens=50, temperature=0.8, top_p=0.95))
    for piece in stream(model, tokenizer, "Bees"):
        print(piece, end="", flush=True)

Each prompt of a batch gets what it would get alone, whatever stands beside it (up to the rounding of the kernels).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from shared.llm.model import LanguageModel
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing import sampling
from shared.llm.writing.cache import KVCache
from shared.llm.writing.draw import draw
from shared.llm.writing.reader import Reader
from shared.llm.writing.text_pieces import TextPieces


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen, and when to stop. Raises ValueError for settings that make no sense.

    max_tokens:  tokens to write, at most
    temperature, top_k, top_p, min_p: as in `sampling.sample`; temperature 0 always takes the likeliest (greedy)
    repetition_penalty: above 1, tokens that were there before become less likely, in the prompt too
    stop:        strings at which the text ends, themselves not part of it
    seed:        the same seed, the same text; equal prompts of one batch get different texts
    log_probabilities: also give the model's log-probability of each token, in nats, before temperature and filters
    """

    max_tokens: int = 128
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    log_probabilities: bool = False

    def __post_init__(self) -> None:
        for name, right, must in (
            ("max_tokens", self.max_tokens >= 0, "0 or more"),
            ("temperature", 0 <= self.temperature < float("inf"), "0 or more"),
            ("top_k", self.top_k is None or self.top_k >= 1, "1 or more, or None"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("min_p", 0 <= self.min_p <= 1, "from 0 to 1"),
            ("repetition_penalty", 0 < self.repetition_penalty < float("inf"), "above 0"),
            (
                "stop",
                not isinstance(self.stop, str) and all(self.stop),
                "several strings, none of them empty",
            ),
        ):
            if not right:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be {must}.")
        object.__setattr__(self, "stop", tuple(self.stop))


@dataclass
class Completion:
    """What was written after one prompt.

    prompt: its tokens   tokens: the written ones, without the token that ends a document   text: of the written tokens,
    up to the stop string; "" from `generate_tokens`
    reason: "stop": the model ended the document, or a stop string came; "length": max_tokens were written
    log_probabilities: of each token, where the settings ask for them
    note:   what a reader should know, e.g. that the prompt was longer than the context
    """

    prompt: list[int]
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    reason: str | None = None
    log_probabilities: list[float] = field(default_factory=list)
    note: str = ""


def generate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    settings: Sampling | None = None,
    **more: Any,
) -> list[Completion]:
    """Writes on after each prompt, also an empty one. more: of `write`. Raises ValueError for one string as prompts."""
    if isinstance(prompts, str):
        raise ValueError("prompts is one string; it must be several: [prompt].")
    settings = settings or Sampling()
    completions, pieces = {}, {}
    tokens = tokenizer.encode_batch(list(prompts)) if prompts else []
    for number, completion in write(model, tokens, settings, tokenizer.eos_id, **more):
        if number not in completions:
            completions[number] = completion
            pieces[number] = TextPieces(tokenizer, settings.stop)
        _spell(completion, pieces[number])
    return [completions[number] for number in range(len(prompts))]


def stream(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    settings: Sampling | None = None,
    **more: Any,
) -> Iterator[str]:
    """The text after one prompt, piece by piece as it is written: whole characters, nothing of a stop string.

    The pieces together are the text that `generate` gives.
    """
    settings = settings or Sampling()
    pieces = TextPieces(tokenizer, settings.stop)
    tokens = tokenizer.encode_batch([prompt])
    for _, completion in write(model, tokens, settings, tokenizer.eos_id, **more):
        piece = _spell(completion, pieces)
        if piece:
            yield piece


def generate_tokens(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    settings: Sampling | None = None,
    eos_id: int | None = None,
    **more: Any,
) -> list[Completion]:
    """The same on tokens. eos_id: ends a document, and begins an empty prompt; None: nothing ends but by length.

    Raises ValueError where the settings have stop strings: tokens alone spell nothing.
    """
    settings = settings or Sampling()
    if settings.stop:
        raise ValueError(f"stop is {settings.stop}; strings need a tokenizer: use `generate`.")
    written = dict(write(model, prompts, settings, eos_id, **more))
    return [written[number] for number in range(len(prompts))]


def write(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    settings: Sampling,
    eos_id: int | None,
    batch_size: int = 32,
    sample: Callable[..., Tensor] | None = None,
    cache: Callable[..., Any] | None = KVCache,
    context: int | None = None,
    slide: int | None = None,
) -> Iterator[tuple[int, Completion]]:
    """The loop: yields (number of the prompt, its completion) each time that one has grown or ended.

    Who reads it may end a completion by setting its `reason`. `batch_size` of them are written side by side; those that
    ended leave the batch. sample, cache: the pieces of week 9, yours or ours (sample None: `draw`, which is quicker);
    context, slide: of `Reader`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    completions = [Completion(_begun(prompt, eos_id)) for prompt in prompts]
    sources = _generators([completion.prompt for completion in completions], settings.seed)
    for first in range(0, len(completions), batch_size):
        going = list(range(first, min(first + batch_size, len(completions))))
        if settings.max_tokens == 0:
            for number in going:
                completions[number].reason = "length"
                yield number, completions[number]
            continue
        texts = [completions[number].prompt for number in going]
        reader = Reader(model, texts, settings.max_tokens, context, slide, cache)
        for number in going:
            completions[number].note = _note(len(completions[number].prompt), reader)
        while going:
            tokens = _choose(reader, settings, [sources[number] for number in going], sample)
            spread = reader.logits.float().log_softmax(-1) if settings.log_probabilities else None
            for row, (number, token) in enumerate(zip(going, tokens)):
                completion = completions[number]
                if token == eos_id:
                    completion.reason = "stop"
                else:
                    completion.tokens.append(token)
                    if spread is not None:
                        completion.log_probabilities.append(spread[row, token].item())
                    if len(completion.tokens) == settings.max_tokens:
                        completion.reason = "length"
                yield number, completion
            stay = [row for row, number in enumerate(going) if completions[number].reason is None]
            if len(stay) < len(going):
                going, tokens = [going[row] for row in stay], [tokens[row] for row in stay]
                if going:
                    reader.keep(stay)
            if going:
                reader.append(tokens)


def _begun(prompt: Sequence[int], eos_id: int | None) -> list[int]:
    if len(prompt):
        return [int(token) for token in prompt]
    if eos_id is None:
        raise ValueError("a prompt is empty, and without eos_id there is nothing to begin it with.")
    return [eos_id]  # a new document begins after the end of another


def _generators(prompts: list[list[int]], seed: int) -> list[torch.Generator]:
    """One for each prompt; equal prompts are told apart by how many like them stand before."""
    seen: dict[tuple[int, ...], int] = {}
    sources = []
    for prompt in prompts:
        copy = seen[tuple(prompt)] = seen.get(tuple(prompt), -1) + 1
        sources.append(generator(prompt, seed, copy))
    return sources


def generator(prompt: list[int], seed: int, copy: int = 0) -> torch.Generator:
    """Where chance comes from for the text after a prompt. copy: which of several texts after this prompt it is."""
    digest = hashlib.sha256(repr((seed, copy, prompt)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def _choose(
    reader: Reader,
    settings: Sampling,
    sources: list[torch.Generator],
    sample: Callable[..., Tensor] | None,
) -> list[int]:
    """The next token of each text."""
    if sample is None:
        return draw(reader.logits, [settings] * len(sources), sources, reader.texts)
    how = {
        name: getattr(settings, name)
        for name, off in (("top_k", None), ("top_p", 1), ("min_p", 0))
        if getattr(settings, name) != off and settings.temperature != 0
    }
    tokens = []
    for logits, text, source in zip(reader.logits.float().cpu(), reader.texts, sources):
        if settings.repetition_penalty != 1:
            seen = torch.tensor(text)
            logits = sampling.repetition_penalty(logits, seen, settings.repetition_penalty)
        tokens.append(
            int(sample(logits[None], temperature=settings.temperature, **how, generator=source))
        )
    return tokens


def _note(length: int, reader: Reader) -> str:
    skipped = reader.begin(length)
    if not skipped:
        return ""
    return (
        f"The prompt has {length:,} tokens and the model's context {reader.context:,}: "
        f"its first {skipped:,} tokens were not read."
    )


def _spell(completion: Completion, pieces: TextPieces) -> str:
    """The text of the tokens that a completion has got; where a stop string comes, it ends."""
    piece = ""
    for token in completion.tokens[len(pieces.tokens) :]:
        piece += pieces.add(token)
        if pieces.stopped is not None:
            completion.reason = "stop"
    if completion.reason is not None:
        piece += pieces.rest()
    completion.text = pieces.text
    return piece
