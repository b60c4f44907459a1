"""What each stage of `bumblebee llm` does with the settings of a run, and the lines that it says to a person.

The work is done by the functions of the other files, which know nothing of a run: here their inputs are found in its
folder. Imports stand inside, so that asking for help or a plan does not load torch's training code.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shared.llm.run import Run
from shared.llm.settings import TOKENS_FOR_EACH_PARAMETER, Settings

if TYPE_CHECKING:
    from shared.llm.model import LanguageModel
    from shared.llm.tokenizer import LibraryTokenizer
    from shared.llm.training.masked import MaskedModel
    from shared.llm.training.next_token import Objective
    from shared.llm.training.train_settings import TrainSettings

Record = dict[str, Any]
TOKENIZER_CHARACTERS = 64_000_000  # more text than this no longer changes which pairs are frequent
MOST_EPOCHS = 4  # a text read more often than this teaches little that is new (Muennighoff et al., 2305.16264)
MICRO_TOKENS = 8192  # what two cores or a small GPU compute at once without running out of memory
SAVE_SECONDS = 120


class Stopped(Exception):
    """A stage was asked to stop (Ctrl-C, SIGTERM), saved what it had, and can be gone on with."""


def do_collect(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.collect import collect

    most = None if settings.megabytes is None else int(1e6 * settings.megabytes)
    return collect(
        settings.source,
        run.place("collect"),
        max_bytes=most,
        progress=progress,
        beginnings=settings.beginnings,
    )


def say_collect(record: Record) -> list[str]:
    lines = [record["data"]]
    if record["stand_in"]:
        lines.append("This is a stand-in, far smaller than the real thing; so will the model be.")
    return [
        *lines,
        f"{record['articles']:,} articles, {record['bytes'] / 1e6:,.1f} MB",
    ]


def do_clean(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.clean import clean

    return clean(run.place("collect"), run.place("clean"), progress=progress)


def say_clean(record: Record) -> list[str]:
    lines = []
    for step in record["funnel"]:
        if step["dropped_articles"] or step["rule"] in ("collected", "cleaned"):
            lines.append(
                f"{step['rule']:<18} −{step['dropped_articles']:>7,} articles   left {step['articles']:>9,}, "
                f"{step['characters'] / 1e6:8,.2f} million characters"
            )
    return lines


def do_deduplicate(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.deduplicate import deduplicate

    return deduplicate(run.place("clean"), run.place("deduplicate"), progress=progress)


def say_deduplicate(record: Record) -> list[str]:
    return [
        f"{record['exact_duplicates']:,} exact and {record['near_duplicates']:,} near duplicates left out, "
        f"{record['kept']:,} articles kept"
    ]


def do_split(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.split import split

    return split(
        run.place("clean"),
        run.place("deduplicate"),
        run.place("split"),
        validation_share=settings.validation_share,
        seed=settings.seed,
    )


def say_split(record: Record) -> list[str]:
    return [
        f"{name}: {part['articles']:,} articles, {part['characters'] / 1e6:,.2f} million characters"
        for name, part in record["splits"].items()
    ]


def do_tokenizer(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.tokenizer import train_tokenizer

    texts = _at_most(training_texts(run), TOKENIZER_CHARACTERS)
    kind = "wordpiece" if settings.objective == "masked" else "bpe"
    return train_tokenizer(texts, settings.vocab_size, run.place("tokenizer"), kind=kind)


def say_tokenizer(record: Record) -> list[str]:
    said = [
        f"{record['vocab_size']:,} tokens from {record['characters'] / 1e6:,.1f} million characters"
    ]
    return said + ([record["note"]] if "note" in record else [])


def do_pack(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.packing import pack

    return pack(
        run.place("tokenizer"),
        run.place("clean"),
        run.place("split") / "split.npy",
        run.place("pack"),
        progress=progress,
    )


def say_pack(record: Record) -> list[str]:
    train, held_out = record["splits"]["train"], record["splits"]["validation"]
    return [
        f"{train['tokens']:,} tokens to train on, {held_out['tokens']:,} held out, "
        f"{record['bytes_per_token']:.2f} bytes for each token"
    ]


def do_pretrain(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.corpus.tokens import Tokens
    from shared.llm.training.pretrain import pretrain

    tokens = Tokens.open(run.place("pack"), "train")
    held_out = Tokens.open(run.place("pack"), "validation")
    record = pretrain(
        settings.model(tokens.vocab_size),
        training(settings, len(tokens)),
        tokens,
        held_out,
        run.place("pretrain"),
        bar=sys.stderr.isatty(),
        objective=objective(run, settings),
    )
    if record["ended"] == "stopped":
        raise Stopped
    return record


def objective(run: Run, settings: Settings) -> Objective:
    """What the model is asked, with the ids of the run's own tokenizer."""
    from shared.llm.tokenizer import load_tokenizer
    from shared.llm.training.masked import Masked
    from shared.llm.training.next_token import NextToken

    if settings.objective == "next":
        return NextToken()
    tokenizer = load_tokenizer(run.place("tokenizer"))
    return Masked.of(tokenizer, second=settings.second)


def say_pretrain(record: Record) -> list[str]:
    share = record["share_of_peak"]
    return [
        f"{record['parameters']:,} parameters, {record['steps']:,} steps, {record['tokens']:,} tokens in "
        f"{record['seconds']:,.0f} s on {record['device']} ({record['precision']})",
        *(
            [
                f"{record['tokens_per_second']:,} tokens/s"
                + (f", {share:.0%} of this machine's peak" if share else "")
            ]
            if record["tokens_per_second"]
            else []
        ),
        f"held out: {record['validation_loss']:.3f} nats per "
        + (
            f"token, {record['bits_per_byte']:.3f} bits per byte"
            if record["bits_per_byte"] is not None
            else "hidden token"
        ),
    ]


def training(settings: Settings, n_tokens: int) -> TrainSettings:
    """The settings of `pretrain` out of those of the run. n_tokens: in the training split, of which a row needs some.

    Context grows in three steps, from a quarter: short rows are cheaper, and at first there is little to look back for.
    """
    from shared.llm.plan import plan
    from shared.llm.training.train_settings import TrainSettings

    context = min(settings.context, max(8, n_tokens // 8))
    rows = max(1, settings.batch_tokens // context)
    grows = settings.grow_context and context >= 128
    growth = ((0.0, context // 4), (0.2, context // 2), (0.5, context)) if grows else ()
    tokens_per_step = rows * (
        sum(
            (end - start) * tokens
            for (start, tokens), end in zip(growth, [s for s, _ in growth[1:]] + [1.0])
        )
        or context
    )
    planned = plan(settings)
    wanted = settings.tokens or min(
        TOKENS_FOR_EACH_PARAMETER * planned.parameters, MOST_EPOCHS * n_tokens
    )
    steps = math.ceil(wanted / tokens_per_step)
    every = max(10, round(SAVE_SECONDS * planned.tokens_per_second / tokens_per_step))
    return TrainSettings(
        steps=steps,
        seconds=None if settings.minutes is None else 60 * settings.minutes,
        batch_size=rows,
        micro_batch=max(1, min(rows, (settings.micro_tokens or MICRO_TOKENS) // context)),
        context=context,
        context_growth=growth,
        mask_documents=settings.mask_documents,
        lr=settings.muon_lr,
        adam_lr=settings.adam_lr,
        weight_decay=settings.weight_decay,
        clip=settings.clip,
        schedule=settings.schedule,
        warmup=settings.warmup_share,
        decay=settings.decay_share if settings.schedule == "wsd" else 0.0,
        z_loss=settings.z_loss,
        precision=settings.precision,
        compile=settings.compile,
        recompute=settings.recompute,
        evaluate_every=every,
        save_every=settings.save_every or every,
        seed=settings.seed,
    )


def trained(run: Run) -> tuple[LanguageModel, LibraryTokenizer]:
    """The model of the newest savepoint, of fused parts, and its tokenizer. Raises ValueError where there is none."""
    from shared.llm.model import Parts
    from shared.llm.tokenizer import load_tokenizer
    from shared.llm.training.savepoint import load_model

    if not (run.folder / "pretrain").exists():
        raise ValueError(
            f"{run.folder} has no trained model: run `bumblebee llm --to {run.folder}` first."
        )
    model = load_model(run.place("pretrain") / "checkpoints", Parts.fused())
    return model, load_tokenizer(run.place("tokenizer"))


def training_texts(run: Run) -> Iterator[str]:
    """The documents of the training split, as they are packed: title, empty line, text."""
    return _texts(run, "train")


def held_out_texts(run: Run) -> Iterator[str]:
    """The documents that are held out."""
    return _texts(run, "validation")


def _texts(run: Run, split: str) -> Iterator[str]:
    from shared.llm.corpus.packing import document

    for article in articles_of(run, split):
        yield document(article)


def articles_of(run: Run, split: str) -> Iterator[dict[str, Any]]:
    """The articles of a split, "train" or "validation", in their order."""
    import numpy as np

    from shared.llm.corpus.packing import SPLITS
    from shared.llm.corpus.shards import read_articles, shards_of

    which = np.load(run.place("split") / "split.npy", mmap_mode="r")
    number = 0
    for shard in shards_of(run.place("clean")):
        for article in read_articles(shard.path):
            if which[number] == SPLITS[split]:
                yield article
            number += 1


def _at_most(texts: Iterable[str], characters: int) -> Iterator[str]:
    for text in texts:
        if characters <= 0:
            return
        characters -= len(text)
        yield text


def do_evaluate(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.judging.evaluate import evaluate

    if settings.objective == "masked":
        return _evaluate_masked(run, settings)
    model, tokenizer = trained(run)
    return evaluate(model, tokenizer, run, seed=settings.seed)


def _evaluate_masked(run: Run, settings: Settings) -> Record:
    from shared.llm.corpus.tokens import Tokens
    from shared.llm.judging.masked import evaluate_masked

    splits = (Tokens.open(run.place("pack"), split) for split in ("train", "validation"))
    return evaluate_masked(_trained_masked(run, settings), objective(run, settings), *splits)


def _trained_masked(run: Run, settings: Settings) -> MaskedModel:
    from shared.llm.model import Parts
    from shared.llm.training.masked import load_masked

    place = run.place("pretrain") / "checkpoints"
    return load_masked(place, objective(run, settings), Parts.fused())


def say_evaluate(record: Record) -> list[str]:
    return record["lines"]


def do_generate(run: Run, settings: Settings, progress: Any) -> Record:
    from shared.llm.writing.generate import Sampling, generate

    if settings.objective == "masked":
        return _fill_in(run, settings)
    model, tokenizer = trained(run)
    titles = [article["title"] for article, _ in zip(articles_of(run, "validation"), range(3))]
    prompts = [f"{title}\n\n" for title in titles if title] or [""] * 3
    sampling = Sampling(max_tokens=100, seed=settings.seed)
    made = generate(model, tokenizer, prompts, sampling)
    samples = [{"prompt": p, "text": m.text} for p, m in zip(prompts, made)]
    return {"samples": samples, "temperature": sampling.temperature, "top_p": sampling.top_p}


def _fill_in(run: Run, settings: Settings) -> Record:
    """The first lines of held-out articles, with one word hidden: a BERT fills in where a GPT would write."""
    from shared.llm.judging.fill_in import fill_in, hide_a_word
    from shared.llm.tokenizer import load_tokenizer

    model, tokenizer = _trained_masked(run, settings).model, load_tokenizer(run.place("tokenizer"))
    texts = [
        hide_a_word(article["text"]) for article, _ in zip(articles_of(run, "validation"), range(3))
    ]
    return {"filled": [{"text": t, "guesses": fill_in(model, tokenizer, t)} for t in texts]}


def say_generate(record: Record) -> list[str]:
    if "filled" in record:
        return [
            line
            for sample in record["filled"]
            for line in (
                sample["text"],
                "    " + ", ".join(f"{token} {p:.0%}" for token, p in sample["guesses"]),
            )
        ]
    lines = [
        f"After the titles of held-out articles, at temperature {record['temperature']}, unpicked:"
    ]
    for sample in record["samples"]:
        lines += ["", *(sample["prompt"] + sample["text"]).splitlines()]
    return lines


def do_export(run: Run, settings: Settings, progress: Any) -> Record:
    import torch

    from shared.llm.exporting.export import export
    from shared.llm.settings import as_words
    from shared.llm.training.train_log import read_log

    model = _trained_masked(run, settings) if settings.objective == "masked" else trained(run)[0]
    records = {name: run.record(name) for name in ("collect", "pack", "pretrain", "evaluate")}
    records |= {
        "command": f"bumblebee llm {' '.join(as_words(settings))}",
        "log": read_log(run.place("pretrain") / "log.jsonl"),
    }
    return export(
        model,
        run.place("tokenizer"),
        run.place("export"),
        records=records,
        dtype=getattr(torch, settings.weights),
    )


def say_export(record: Record) -> list[str]:
    which = "MaskedLM" if record["kind"] == "bert" else "CausalLM"
    return [f"opens with transformers: AutoModelFor{which}.from_pretrained({record['folder']!r})"]
