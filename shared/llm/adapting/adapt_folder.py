"""What `bumblebee llm adapt` and `bumblebee llm align` do: from a folder with a model to one with a model that answers.

    finetune_folder("my_work/llm/pocket", "instructions", "my_work/llm/pocket-chat")
    align_folder("my_work/llm/pocket-chat", "preferences", "my_work/llm/pocket-aligned")

Data is the name of a data set of the course, or a file of JSON lines: {"messages": […]}, {"instruction", "input",
"output"}, or for alignment {"prompt", "chosen", "rejected"}. Week 9.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from shared.data.rows import Instruction, Preference
from shared.llm.adapting.adapt import FinetuneSettings, finetune
from shared.llm.adapting.compress import copy_tokenizer, new_folder, tokenizer_folder_of
from shared.llm.adapting.lora_files import save_lora
from shared.llm.adapting.preferences import (
    in_batches,
    log_probabilities,
    preference_texts,
    train_dpo,
)
from shared.llm.adapting.quantize import quantize
from shared.llm.chat import save_chat_template
from shared.llm.exporting.export import export
from shared.llm.run import write_json

CHATS = ("instructions", "chat_instructions", "conversations", "chats")
PREFERENCES = ("preferences", "preference_pairs")
Progress = Callable[[int, int | None], None]


def finetune_folder(
    which: str | Path,
    data: str | Path,
    out: str | Path,
    settings: FinetuneSettings | None = None,
    bits: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Teaches the model in a folder to answer, and saves it in transformers' format, or as LoRA layers for peft.

    which: what `bumblebee serve` takes   data: one of CHATS, or a file   out: a new or empty folder
    bits:  with settings.lora_rank: the frozen weights have 4 or 8 bits while it learns (QLoRA)
    Returns the record of `finetune` and where the data was from. Raises ValueError for bad input, before training.
    """
    out = new_folder(which, out)
    settings = settings or FinetuneSettings()
    if bits is not None and settings.lora_rank is None:
        raise ValueError(f"bits is {bits}, but quantized weights cannot learn: set lora_rank, too.")
    rows, held_out, source = _rows(data, CHATS, _chat)
    loaded = _load(which)
    model = loaded.model if bits is None else quantize(loaded.model, bits, group=32)
    record = finetune(model, loaded.tokenizer, rows, settings, held_out, progress)
    record["data"] = source
    _save(model, which, out, record, settings.lora_rank is not None)
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
    progress: Progress | None = None,
) -> dict[str, Any]:
    """DPO on pairs of answers, from the model in a folder to one in another, in transformers' format.

    The record has the loss and, on held-out pairs, how often the model prefers the better answer, before and after.
    """
    out = new_folder(which, out)
    rows, held_out, source = _rows(data, PREFERENCES, _preference)
    loaded = _load(which)
    model, context = loaded.model, loaded.model.config.max_length
    pairs = preference_texts(rows, loaded.tokenizer, context)
    judged = preference_texts(held_out, loaded.tokenizer, context) if held_out else None
    before = (
        None if judged is None else [in_batches(model, t, log_probabilities, 8) for t in judged]
    )
    losses = train_dpo(model, *pairs, steps, lr, beta, batch_size, seed, progress=progress)
    record: dict[str, Any] = {
        "data": source,
        "pairs": len(pairs[0].tokens),
        "steps": steps,
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
    _save(model, which, out, record, lora=False)
    return record


def _load(which: str | Path) -> Any:
    from shared.llm.serve.loading import load

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return load(str(which), device)


def _save(model: Any, which: str | Path, out: Path, record: dict[str, Any], lora: bool) -> None:
    tokenizer = tokenizer_folder_of(which)
    if lora:
        save_lora(model, out, base=which)
        copy_tokenizer(tokenizer, out)
    else:
        export(model.cpu(), tokenizer, out)
    save_chat_template(out)
    write_json(out / "adapted.json", record)


def _rows(
    data: str | Path, names: tuple[str, ...], row_of: Callable[[dict[str, Any]], Any]
) -> tuple[list[Any], list[Any], str]:
    """(training rows, held-out rows, where they are from)."""
    if str(data) in names:
        from shared import data as datasets

        found = getattr(datasets, str(data))()
        return list(found.splits["train"]), list(found.splits["test"]), found.source.line()
    path = Path(data)
    if not path.is_file():
        raise ValueError(
            f"data is {str(data)!r}; it must be one of {', '.join(names)}, or a file of JSON lines."
        )
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(row_of(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"line {number} of {path} is no row of this kind: {error!r}."
            ) from None
    if not rows:
        raise ValueError(f"{path} has no rows; nothing can be learned from it.")
    kept = len(rows) // 10  # held out, where there are ten or more
    return rows[kept:], rows[:kept], str(path)


def _chat(row: dict[str, Any]) -> Any:
    if "instruction" in row:
        return Instruction("", row["instruction"], row.get("input", ""), row["output"])
    from shared.llm.adapting.sft import messages_of

    return messages_of(row["messages"])


def _preference(row: dict[str, Any]) -> Preference:
    return Preference("", row["prompt"], row["chosen"], row["rejected"])
