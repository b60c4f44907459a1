"""LoRA layers on disk, in peft's format: adapter_config.json and adapter_model.safetensors. Week 9.

    save_lora(model, "my_lora")
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(exported_base), "my_lora")     # the same logits

transformers' GPT-2 has one matrix for queries, keys and values. There the three small layers become one of three times
the rank: its A holds the three one above the other, its B has each one's b in its own rows.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from shared.llm.adapting.lora import LoRALinear, add_lora, lora_layers
from shared.llm.checkpoints import TABLES
from shared.llm.exporting.export import kind_of
from shared.llm.model import LanguageModel
from shared.llm.run import read_json, write_json

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
OURS = "bumblebee_lora.json"
_TASKS = {"bert": None}  # peft has no word for masked language models


def save_lora(model: LanguageModel, folder: str | Path, base: str | Path | None = None) -> Path:
    """Writes the LoRA layers of a model for transformers' model of the same kind. Returns the folder.

    base: name or folder of the model without them, which peft writes down and shows
    """
    folder, kind = Path(folder), kind_of(model.config)
    folder.mkdir(parents=True, exist_ok=True)
    joined: dict[str, dict[int | None, LoRALinear]] = {}
    layers = lora_layers(model)
    for name, layer in layers:
        theirs, third = _their_name(kind, name)
        joined.setdefault(theirs, {})[third] = layer
    tensors, ranks, alphas = {}, {}, {}
    for theirs, thirds in joined.items():
        a, b, alpha = _as_one(thirds)
        tensors[f"base_model.model.{theirs}.lora_A.weight"] = a
        tensors[f"base_model.model.{theirs}.lora_B.weight"] = b
        ranks[theirs], alphas[theirs] = len(a), alpha
    rank, alpha = next(iter(ranks.values())), next(iter(alphas.values()))
    config = {
        "peft_type": "LORA",
        "task_type": _TASKS.get(kind, "CAUSAL_LM"),
        "base_model_name_or_path": None if base is None else str(base),
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {name: r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {name: x for name, x in alphas.items() if x != alpha},
        # Each name in full: "c_proj" alone would also be the feed-forward layer's.
        "target_modules": sorted(ranks),
        "fan_in_fan_out": kind == "gpt2",
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
    }
    save_file({name: t.contiguous() for name, t in tensors.items()}, folder / WEIGHTS)
    write_json(folder / CONFIG, config)
    # What peft need not know: which of our layers its matrices are.
    ours = {
        "rank": layers[0][1].rank,
        "alpha": layers[0][1].alpha,
        "targets": sorted({name.rpartition(".")[2] for name, _ in layers}),
    }
    write_json(folder / OURS, ours)
    return folder


def load_lora(model: LanguageModel, folder: str | Path) -> LanguageModel:
    """Adds the LoRA layers that `save_lora` wrote to a model of the same sizes. In place; returns the model.

    Raises ValueError where the folder holds none, and where they are another model's.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} holds no LoRA layers; save_lora writes {CONFIG} and {WEIGHTS}.")
    if not (folder / OURS).is_file():
        raise ValueError(f"{folder} was not written by save_lora; open it with peft.")
    ours = read_json(folder / OURS)
    tensors, kind = load_file(folder / WEIGHTS), kind_of(model.config)
    add_lora(model, ours["rank"], ours["alpha"], ours["targets"])
    joined: dict[str, dict[int | None, LoRALinear]] = {}
    for name, layer in lora_layers(model):
        theirs, third = _their_name(kind, name)
        joined.setdefault(theirs, {})[third] = layer
    with torch.no_grad():
        for theirs, layers in joined.items():
            a = tensors.get(f"base_model.model.{theirs}.lora_A.weight")
            b = tensors.get(f"base_model.model.{theirs}.lora_B.weight")
            wanted = [tuple(t.shape) for t in _as_one(layers)[:2]]
            found = [None if t is None else tuple(t.shape) for t in (a, b)]
            if wanted != found:
                raise ValueError(
                    f"the LoRA layers in {folder} are another model's: {theirs} has {found}, and the model {wanted}."
                )
            column = 0
            for third, layer in layers.items():
                rows = slice(None) if third is None else _rows(layer, third)
                columns = slice(column, column + layer.rank)
                layer.a.copy_(a[columns])
                layer.b.copy_(b[rows, columns])
                column += layer.rank
    return model


def _their_name(kind: str, name: str) -> tuple[str, int | None]:
    """(their module, which third of it or None) for one of our layers."""
    number = re.search(r"\.(\d+)\.", name)
    pattern = TABLES[kind][re.sub(r"\.\d+\.", ".{}.", name)]
    theirs, _, how = pattern.format(number[1] if number else "").partition(" ")
    third = re.search(r"\[(\d)/3\]", how)
    return theirs, third and int(third[1])


def _as_one(layers: dict[int | None, LoRALinear]) -> tuple[Tensor, Tensor, float]:
    """(A, B, α) of one LoRA layer that does what these do to their thirds of one matrix."""
    if None in layers:
        return layers[None].a.detach(), layers[None].b.detach(), layers[None].alpha
    a = torch.cat([layer.a.detach() for layer in layers.values()])
    d_out = len(next(iter(layers.values())).b)
    b, column = a.new_zeros(3 * d_out, len(a)), 0
    for third, layer in layers.items():
        b[_rows(layer, third), column : column + layer.rank] = layer.b.detach()
        column += layer.rank
    return a, b, sum(layer.alpha for layer in layers.values())  # α / r stays the same


def _rows(layer: LoRALinear, third: int) -> slice:
    d_out = len(layer.b)
    return slice(third * d_out, (third + 1) * d_out)
