"""What a trained model is worth, in numbers beside others' numbers. A stage of `bumblebee llm`; week 9.

    record = evaluate(model, tokenizer, Run("my_work/llm/pocket"))
    print(*record["lines"], sep="\n")                 # report.md in the stage's folder says it at length

Bits per byte of held-out articles beside n-grams and packers; facts by cloze; whether it repeats itself, and what it
read. Corpora of any size are read as far as `Limits` says, and the record says how far that was.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.files import write_whole
from shared.llm.corpus.tokens import Tokens
from shared.llm.judging import baselines, repetition
from shared.llm.judging.cloze import answer, cloze_questions
from shared.llm.judging.likelihood import token_log_probabilities
from shared.llm.judging.report import lines, report
from shared.llm.model import LanguageModel
from shared.llm.run import Run
from shared.llm.tokenizer import Tokenizer
from shared.llm.writing.generate import Sampling, generate_tokens

Progress = Callable[[int, "int | None"], None]


@dataclass(frozen=True)
class Limits:
    """How much is done of each thing; the defaults take about a minute for a small model on two cores.

    held_out:       held-out tokens that are judged       train: training tokens that n-grams count and overlaps are
    train_bytes:    bytes that n-grams of bytes count     sought in
    packer_bytes:   bytes of training text that xz sees first
    token_order, byte_order: longest n-grams, less where the vocabulary doesn't allow them
    questions:      of each kind of cloze                 samples, sample_tokens: texts, and their tokens
    prefixes, prefix: beginnings of training text, and their tokens
    """

    held_out: int = 200_000
    train: int = 10_000_000
    train_bytes: int = 8_000_000
    packer_bytes: int = 4_000_000
    token_order: int = 5
    byte_order: int = 7
    questions: int = 100
    samples: int = 8
    sample_tokens: int = 200
    prefixes: int = 64
    prefix: int = 50


def evaluate(
    model: LanguageModel,
    tokenizer: Tokenizer,
    run: Run | str | Path,
    seed: int = 0,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything about a model, as a record that JSON can hold; writes `report.md` into the run's folder `evaluate`.

    run: has what the stage `pack` made. Raises ValueError where its tokens aren't the model's, or nothing is held out.
    """
    run, limits = run if isinstance(run, Run) else Run(Path(run)), limits or Limits()
    train, held_out = (Tokens.open(run.folder / "pack", s) for s in ("train", "validation"))
    if train.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"the corpus was packed with {train.vocab_size} tokens, and the model knows {model.config.vocab_size}: "
            "they are of different runs."
        )
    if len(held_out) == 0:
        raise ValueError("no article is held out: collect more, or hold out a larger share.")
    work = {
        "bits_per_byte": lambda: _bits_per_byte(model, tokenizer, train, held_out, limits),
        "cloze": lambda: {
            name: answer(model, tokenizer, cloze_questions(texts, limits.questions, seed))
            for name, texts in (
                ("train", _beginnings(train, tokenizer, limits.train)),
                ("validation", _beginnings(held_out, tokenizer, limits.train)),
            )
        },
        "repetition": lambda: _repetition(model, tokenizer, train, held_out, limits, seed),
        "memorization": lambda: _memorization(model, train, held_out, limits, seed),
    }
    record: dict[str, Any] = {"seed": seed, "limits": asdict(limits), "seconds": {}}
    for done, (name, do) in enumerate(work.items(), start=1):
        started = time.perf_counter()
        record[name] = do()
        record["seconds"][name] = round(time.perf_counter() - started, 2)
        if progress is not None:
            progress(done, len(work))
    record["lines"] = lines(record)
    write_whole(run.place("evaluate") / "report.md", report(record))
    return record


def _bits_per_byte(
    model: LanguageModel, tokenizer: Tokenizer, train: Tokens, held_out: Tokens, limits: Limits
) -> dict[str, Any]:
    """The same held-out documents for all. Each begins after the end of one before it, so every token is judged."""
    documents = _first_documents(held_out, limits.held_out)
    tokens = np.concatenate([[held_out.eos_id], *documents])
    texts = [tokenizer.decode(document[:-1].tolist()) for document in documents]
    n_bytes = sum(len(text.encode("utf-8")) for text in texts)
    log_p = token_log_probabilities(model, tokens)
    nats = -float(log_p.sum())
    bits = nats / math.log(2) / n_bytes
    text = baselines.joined(texts)
    counted = train.read(0, min(len(train), limits.train))
    order = baselines.highest_order(train.vocab_size, limits.token_order)
    seen, seen_bytes = [], 0
    for document in train.documents():
        seen.append(tokenizer.decode(document[:-1].tolist()))
        seen_bytes += len(seen[-1].encode("utf-8"))
        if seen_bytes >= max(limits.train_bytes, limits.packer_bytes):
            break
    before = baselines.joined(seen)
    bytes_seen = _first_bytes(before, limits.train_bytes)
    packer_seen = _first_bytes(before, limits.packer_bytes)
    others = {
        f"n-grams of tokens, order {order}": (
            baselines.n_gram_of_tokens(counted, tokens, n_bytes, train.vocab_size, order),
            f"modified Kneser-Ney, counted on {_of(len(counted), len(train))} training tokens",
        ),
        f"n-grams of bytes, order {limits.byte_order}": (
            baselines.n_gram_of_bytes(bytes_seen, text, n_bytes, limits.byte_order),
            f"modified Kneser-Ney, counted on {len(bytes_seen.encode('utf-8')):,} bytes of the training text",
        ),
        "xz after training text": (
            baselines.packed(text, "xz", n_bytes, packer_seen),
            f"what the held-out text adds to {len(packer_seen.encode('utf-8')):,} bytes of the training text",
        ),
        "xz": (baselines.packed(text, "xz", n_bytes), "the held-out text alone"),
        "gzip": (baselines.packed(text, "gzip", n_bytes), "the held-out text alone"),
    }
    return {
        "documents": len(documents),
        "tokens": len(log_p),
        "bytes": n_bytes,
        "perplexity": math.exp(nats / len(log_p)),
        "model": bits,
        "others": {
            name: {"bits_per_byte": found, "how": how} for name, (found, how) in others.items()
        },
        "best_n_gram": min(found for name, (found, _) in others.items() if "n-grams" in name),
    }


def _repetition(
    model: LanguageModel,
    tokenizer: Tokenizer,
    train: Tokens,
    held_out: Tokens,
    limits: Limits,
    seed: int,
) -> dict[str, Any]:
    """Samples from nothing but the beginning of a document, and the likeliest texts after held-out titles; beside them
    held-out articles of the same length. And the longest run that each shares with the training text."""
    sampling = Sampling(max_tokens=limits.sample_tokens, seed=seed)
    drawn = generate_tokens(model, [[]] * limits.samples, sampling, tokenizer.eos_id)
    documents = [
        document[:-1].tolist() for document in _first_documents(held_out, 50 * limits.sample_tokens)
    ]
    titles = [document[:12] for document in documents[: limits.samples]]
    greedy = generate_tokens(
        model, titles, Sampling(limits.sample_tokens, temperature=0), tokenizer.eos_id
    )
    corpus = train.read(0, min(len(train), limits.train))
    found: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "searched": _of(len(corpus), len(train)),
    }
    groups = {
        "samples": [completion.tokens for completion in drawn],
        "likeliest texts": [completion.tokens for completion in greedy],
        "held-out articles": [d[: limits.sample_tokens] for d in documents[: limits.samples]],
    }
    every = iter(
        repetition.longest_overlaps([t for texts in groups.values() for t in texts], corpus)
    )
    for name, texts in groups.items():
        overlaps = [next(every) for _ in texts]
        length, begin = max(overlaps, default=(0, 0))
        of = texts[overlaps.index((length, begin))] if texts else []
        found[name] = {
            **{f"distinct_{n}": repetition.distinct(texts, n) for n in (1, 2, 3, 4)},
            "repeated_4": repetition.repeated(texts, 4),
            "mean_longest_overlap": float(np.mean([n for n, _ in overlaps])) if overlaps else 0.0,
            "longest_overlap": length,
            "longest_overlap_text": tokenizer.decode(of[begin : begin + length]),
        }
    found["texts"] = [tokenizer.decode(completion.tokens) for completion in drawn[:3]]
    return found


def _memorization(
    model: LanguageModel, train: Tokens, held_out: Tokens, limits: Limits, seed: int
) -> dict[str, Any]:
    """How many of some beginnings the model goes on with exactly as the text did, and how far it agrees with it."""
    found: dict[str, Any] = {"prefix": limits.prefix}
    rng = np.random.default_rng(seed)
    for name, tokens in (("train", train), ("validation", held_out)):
        reach = len(tokens) - 2 * limits.prefix
        if reach < 1:
            found[name] = {"prefixes": 0}
            continue
        places = rng.integers(0, reach, limits.prefixes)
        texts = np.stack([tokens.read(int(place), 2 * limits.prefix) for place in places])
        greedy = Sampling(max_tokens=limits.prefix, temperature=0)
        written = generate_tokens(model, texts[:, : limits.prefix].tolist(), greedy)
        same = np.array([c.tokens for c in written]) == texts[:, limits.prefix :]
        found[name] = {
            "prefixes": len(texts),
            "exact": int(same.all(axis=1).sum()),
            "share": float(same.all(axis=1).mean()),
            "tokens_until_it_differs": float(np.cumprod(same, axis=1).sum(axis=1).mean()),
        }
    return found


def _first_documents(tokens: Tokens, limit: int) -> list[np.ndarray]:
    """Whole documents from the beginning, until they have `limit` tokens; a longer first one is cut."""
    documents: list[np.ndarray] = []
    count = 0
    for document in tokens.documents():
        if documents and count + len(document) > limit:
            break
        if len(document) > limit:
            document = np.append(document[: limit - 1], tokens.eos_id)
        documents.append(document)
        count += len(document)
    return documents


def _beginnings(tokens: Tokens, tokenizer: Tokenizer, limit: int) -> Iterator[str]:
    """The first words of each document, as far as the limit of tokens goes."""
    count = 0
    for document in tokens.documents():
        yield tokenizer.decode(document[:-1][:128].tolist())
        count += len(document)
        if count >= limit:
            return


def _first_bytes(text: str, n: int) -> str:
    """The first n bytes of a text, less what would be half a character."""
    return text.encode("utf-8")[:n].decode("utf-8", "ignore")


def _of(part: int, whole: int) -> str:
    return f"all {whole:,}" if part == whole else f"the first {part:,} of {whole:,}"
