"""The model card that goes out with an exported model: what it is, what it read, what it is worth. Week 9.

Source of the form: Mitchell et al., "Model Cards for Model Reporting" (1810.03993). Every figure is from a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.llm.config import ModelConfig

# Key in a record, what it is, how it is written.
_TRAINED = (
    ("steps", "steps", "{:,}"),
    ("tokens", "tokens read", "{:,}"),
    ("seconds", "seconds", "{:,.0f}"),
    ("device", "device", "{}"),
    ("precision", "precision", "{}"),
    ("validation_loss", "loss on held-out text, nats per token", "{:.3f}"),
    ("bits_per_byte", "bits per byte of held-out text, at the end of training", "{:.3f}"),
)
_ADAPTED = (
    ("conversations", "conversations", "{:,}"),
    ("pairs", "pairs of answers", "{:,}"),
    ("steps", "steps", "{:,}"),
    ("seconds", "seconds", "{:,.0f}"),
    ("held_out_loss_before", "loss on held-out answers before, nats per token", "{:.3f}"),
    ("held_out_loss", "loss on held-out answers afterwards", "{:.3f}"),
    (
        "held_out_likelier_before",
        "held-out pairs whose better answer was likelier before",
        "{:.1%}",
    ),
    ("held_out_likelier", "held-out pairs whose better answer is likelier afterwards", "{:.1%}"),
)
# How records name a licence → how the hub does.
_LICENCES = {"cc by-sa": "cc-by-sa-3.0", "cc by ": "cc-by-4.0", "cc0": "cc0-1.0", "mit": "mit"}


_DOES = {
    False: "It continues text in the manner of what it read; it knows little and makes up much.",
    True: "It fills in hidden words in the manner of what it read, and is a start for fine-tuning; it knows little.",
}


def model_card(
    name: str, config: ModelConfig, export: Mapping[str, Any], records: Mapping[str, Any]
) -> str:
    """README.md of the exported folder: (name, configuration, record of the export, records of the stages) → markdown.

    What no record tells is left out, or said to be unknown.
    """
    collect, packed, pretrain, evaluation = (
        records.get(stage) or {} for stage in ("collect", "pack", "pretrain", "evaluate")
    )
    licence = collect.get("licence") or "unknown"
    head = {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask" if export["kind"] == "bert" else "text-generation",
        "license": next(
            (hub for ours, hub in _LICENCES.items() if ours in licence.lower()), "other"
        ),
    }
    page = ["---", *(f"{key}: {value}" for key, value in head.items()), "---", "", f"# {name}", ""]
    page += [
        f"A small language model of {export['parameters']:,} parameters, made with the course Bumblebee by "
        f"`bumblebee llm`. {_DOES[export['kind'] == 'bert']} "
        "It is for learning how such models are made, not for answers that someone relies on.",
        "",
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer"
        if export["kind"] != "bert"
        else "from transformers import AutoModelForMaskedLM, AutoTokenizer",
        "",
        'folder = "."  # this folder',
        f"model = AutoModelFor{'CausalLM' if export['kind'] != 'bert' else 'MaskedLM'}.from_pretrained(folder)",
        "tokenizer = AutoTokenizer.from_pretrained(folder)",
        "```",
        "",
        "## Model",
        "",
        f"Layout of {export['class']}: {config.n_layers} blocks, {config.d_model} wide, {config.n_heads} heads "
        f"({config.kv_heads} of keys and values), context {config.max_length}, vocabulary {config.vocab_size:,}. "
        f"Weights in {export['dtype']}, SHA-256 `{export['sha256']}`.",
        "",
        "## Data",
        "",
        f"{collect.get('data', 'What it was trained on is not recorded.')}",
        "",
        f"Licence of the data: {licence}. What the model writes may come close to it; keep to its terms.",
    ]
    if collect.get("stand_in"):
        page += [
            "",
            "This text is a **stand-in** that was written for the course, not the real thing.",
        ]
    if "splits" in packed:
        train, held_out = (packed["splits"][split] for split in ("train", "validation"))
        page += [
            "",
            f"Trained on {train['documents']:,} articles ({train['tokens']:,} tokens, {train['bytes']:,} bytes); "
            f"{held_out['documents']:,} articles were held out.",
        ]
    if records.get("parts"):
        page += ["", "## Parts", "", *_parts(records["parts"])]
    if pretrain:
        page += ["", "## Training", "", *_facts(pretrain, _TRAINED)]
    if records.get("command"):
        page += ["", "Made by one command:", "", "```bash", records["command"], "```"]
    if records.get("log"):
        page += ["", "Loss on held-out text while training:", "", *_curve(records["log"])]
    adapted = records.get("adapted") or {}
    if adapted:
        page += ["", "## Adaptation", "", f"From {adapted['base']}, with {adapted['data']}."]
        page += ["", *_facts(adapted, _ADAPTED)]
    if evaluation:
        page += ["", "## Evaluation", "", *(f"- {line}" for line in evaluation.get("lines", []))]
    return "\n".join(page) + "\n"


def _curve(log: Sequence[Mapping[str, Any]], rows: int = 16) -> list[str]:
    """Lines of a training log → a table of the losses on held-out text, about `rows` of them at growing distances."""
    known = [line for line in log if line.get("validation_loss") is not None]
    tokens, chosen = 0.0, []
    growth = (known[-1]["tokens"] / known[0]["tokens"]) ** (1 / rows) if known else 1.0
    for line in known:
        if line is known[-1] or line["tokens"] >= tokens:
            chosen.append(line)
            tokens = line["tokens"] * growth
    with_bits = any(line.get("bits_per_byte") is not None for line in chosen)
    head = ["tokens read", "nats per token"] + (["bits per byte"] if with_bits else [])
    table = [f"| {' | '.join(head)} |", "|" + "---:|" * len(head)]
    for line in chosen:
        cells = [f"{line['tokens']:,}", f"{line['validation_loss']:.3f}"]
        cells += [f"{line['bits_per_byte']:.3f}"] if with_bits else []
        table.append(f"| {' | '.join(cells)} |")
    return table


def _parts(parts: Mapping[str, Any]) -> list[str]:
    """Whose pieces the model is made of, from `Machine.record`."""
    whole = len(parts["yours"]) + len(parts["ours"])
    found = [
        f"{len(parts['yours'])} of its {whole} pieces were written by the learner who trained it."
    ]
    for whose, title in (("yours", "Written by the learner"), ("ours", "The course's")):
        if parts[whose]:
            found += ["", f"- {title}: {', '.join(f'`{name}`' for name in parts[whose])}"]
    return found + [f"- `{name}` of theirs {why}" for name, why in parts["aside"].items()]


def _facts(record: Mapping[str, Any], named: Sequence[tuple[str, str, str]]) -> list[str]:
    """The figures of a record, those that it has."""
    return [
        f"- {what}: {form.format(record[key])}"
        for key, what, form in named
        if record.get(key) is not None
    ]
