"""What `bumblebee finetune` and `bumblebee align` do: from a folder with a model to one with a model that answers.

    finetune_folder("my_work/llm/pocket", "instructions", "my_work/llm/pocket-chat")
    align_folder("my_work/llm/pocket-chat", "preferences", "my_work/llm/pocket-aligned")

Data: `shared.llm.adapting.adapt_data`. The result is in transformers' format, with the record in adapted.json. Week 9.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from shared.llm.adapting.adapt import FinetuneSettings, finetune
from shared.llm.adapting.adapt_data import conversations, preferences
from shared.llm.adapting.compress import QUANTIZED, new_folder, tokenizer_folder_of
from shared.llm.adapting.lora import merge_lora
from shared.llm.adapting.lora_files import save_lora
from shared.llm.adapting.preferences import (
    in_batches,
    log_probabilities,
    preference_texts,
    train_dpo,
)
from shared.llm.adapting.quantize import dequantize, quantize
from shared.llm.chat import save_chat_template
from shared.llm.exporting.export import export
from shared.llm.run import Run, write_json

RECORD, LORA = "adapted.json", "lora"
Progress = Callable[[int, int | None], None]


def finetune_folder(
    which: str | Path,
    data: str | Path,
    out: str | Path,
    settings: FinetuneSettings | None = None,
    bits: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teaches the model in a folder to answer, and saves it in transformers' format.

    which: what `bumblebee serve` takes   data: of `adapt_data.conversations`   out: a new or empty folder
    bits:  with settings.lora_rank: the frozen weights have 4 or 8 bits while it learns (QLoRA)
    LoRA layers are merged into the model, which opens like any other; by themselves, for peft, they are in out/lora.
    Returns the record: that of `finetune`, and what it was made from. Raises ValueError for bad input, before training.
    """
    out = new_folder(which, out)
    settings = settings or FinetuneSettings()
    if bits not in (None, 4, 8):
        raise ValueError(f"bits is {bits}; it must be 4 or 8.")
    if bits is not None and settings.lora_rank is None:
        raise ValueError(
            f"bits is {bits}, but quantized weights cannot learn: set lora_rank, too (--lora)."
        )
    rows, held_out, source = conversations(data)
    loaded, started = _load(which), time.perf_counter()
    model = loaded.model if bits is None else quantize(loaded.model, bits, group=32)
    done = finetune(model, loaded.tokenizer, rows, settings, held_out, progress)
    record: dict[str, Any] = {
        "base": str(which),
        "data": source,
        "conversations": len(rows),
        "held_out": len(held_out),
        **done,
        "seconds": round(time.perf_counter() - started, 2),
        "settings": asdict(settings) | {"bits": bits},
    }
    if settings.lora_rank is not None:
        save_lora(model, out / LORA, base=_base(which))
        model = merge_lora(model)
    _save(model if bits is None else dequantize(model), which, out, record)
    return record


def align_folder(
    which: str | Path,
    data: str | Path,
    out: str | Path,
    steps: int = 200,
    lr: float = 1e-4,
    beta: float = 0.1,
    batch_size: int = 8,
    seed: int = 0,
    keep: float = 0.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """DPO on pairs of answers, from the model in a folder to one in another, in transformers' format.

    data: of `adapt_data.preferences`   out: a new or empty folder   beta, keep: of `preferences.train_dpo`
    The record has the loss and, on held-out pairs, how often the model prefers the better answer, before and after.
    """
    out = new_folder(which, out)
    for name, value, least in (
        ("steps", steps, 1),
        ("batch_size", batch_size, 1),
        ("keep", keep, 0),
    ):
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}.")
    for name, value in (("lr", lr), ("beta", beta)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0.")
    rows, held_out, source = preferences(data)
    loaded, started = _load(which), time.perf_counter()
    model, context = loaded.model, loaded.model.config.max_length
    pairs = preference_texts(rows, loaded.tokenizer, context)
    judged = preference_texts(held_out, loaded.tokenizer, context) if held_out else None
    before = (
        None if judged is None else [in_batches(model, t, log_probabilities, 8) for t in judged]
    )
    losses = train_dpo(model, *pairs, steps, lr, beta, batch_size, seed, keep, progress=progress)
    record: dict[str, Any] = {
        "base": str(which),
        "data": source,
        "pairs": len(pairs[0].tokens),
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }
    if judged is not None:
        after = [in_batches(model, texts, log_probabilities, 8) for texts in judged]
        # The reward that DPO gives an answer: how much likelier it has become.
        gained = [new - old for new, old in zip(after, before)]
        record["held_out_pairs"] = len(after[0])
        record["held_out_reward_in_order"] = (gained[0] > gained[1]).float().mean().item()
        record["held_out_likelier_before"] = (before[0] > before[1]).float().mean().item()
        record["held_out_likelier"] = (after[0] > after[1]).float().mean().item()
    record["seconds"] = round(time.perf_counter() - started, 2)
    record["settings"] = {
        "steps": steps,
        "lr": lr,
        "beta": beta,
        "batch_size": batch_size,
        "seed": seed,
        "keep": keep,
    }
    _save(model, which, out, record)
    return record


def _load(which: str | Path) -> Any:
    from shared.llm.serve.loading import load

    if (Path(which) / QUANTIZED).is_file():
        raise ValueError(
            f"{which} is quantized, and rounded weights cannot learn: name the model that it was made from "
            "(LoRA layers learn beside weights of 4 or 8 bits: --lora 8 --bits 4)."
        )
    loaded = load(str(which), "cuda" if torch.cuda.is_available() else "cpu")
    if not loaded.model.config.causal:
        raise ValueError(
            f"{which} sees both sides of a word, like BERT, and cannot write an answer; name a model that "
            "goes on with texts."
        )
    return loaded


def _save(model: Any, which: str | Path, out: Path, record: dict[str, Any]) -> None:
    """The whole model, and its tokenizer with the template of chats. Where there were LoRA layers, they are in it."""
    records = {}
    if (Path(which) / "pretrain").is_dir():
        run = Run(Path(which))
        records = {name: run.record(name) for name in ("collect", "pack", "pretrain")}
    export(
        model.cpu(), tokenizer_folder_of(which), out, records | {"adapted": record}, name=out.name
    )
    save_chat_template(out)
    write_json(out / RECORD, record)


def _base(which: str | Path) -> str:
    """What peft is told to put the LoRA layers on: a run has its model in transformers' format in `export`."""
    exported = Path(which) / "export"
    return str(exported if (exported / "config.json").is_file() else which)
