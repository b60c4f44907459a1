"""What `bumblebee compress` does: from a folder with a model to a folder with a smaller one. Week 9.

    record = quantize_folder("my_work/llm/pocket", "my_work/llm/pocket-int8", bits=8)
    model, tokenizer = load_quantized("my_work/llm/pocket-int8")

In the folder: model.safetensors (a tied embedding once), quantized.json with the model's settings, the tokenizer, and
compressed.json with the record.
"""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from shared.llm.adapting.quantize import dequantize, quantize
from shared.llm.config import ModelConfig
from shared.llm.exporting.export import TOKENIZER_FILES, export
from shared.llm.judging.likelihood import token_log_probabilities
from shared.llm.model import LanguageModel, Parts
from shared.llm.run import read_json, write_json
from shared.llm.tokenizer import LibraryTokenizer, load_tokenizer

QUANTIZED, WEIGHTS, RECORD = "quantized.json", "model.safetensors", "compressed.json"
PLAIN = "plain"


def quantize_folder(
    which: str | Path,
    out: str | Path,
    bits: int = 8,
    group: int = 64,
    symmetric: bool = False,
    evaluate_tokens: int = 20_000,
    plain: bool = False,
) -> dict[str, Any]:
    """Quantizes the model in a folder, saves it in another, and measures what it costs.

    which: what `bumblebee serve` takes: a run's folder, one in transformers' format, a name on the hub
    plain: also write the rounded weights as float32 in transformers' format, into a folder `plain` in `out`
    The record has the sizes in bytes and, where `which` is a run, bits per byte of its held-out text before and after
    (of the first `evaluate_tokens` tokens). Raises ValueError where there is no model, or the settings don't fit it.
    """
    out = new_folder(which, out)
    if bits not in (4, 8):  # before a large model is read
        raise ValueError(f"bits is {bits}; it must be 4 or 8.")
    model, tokenizer_folder = _open(which)
    started = time.perf_counter()
    small = quantize(model, bits, group, symmetric)
    settings = {"bits": bits, "group": group, "symmetric": symmetric}
    record: dict[str, Any] = {**settings, "seconds": round(time.perf_counter() - started, 2)}
    save_quantized(small, out, settings)
    copy_tokenizer(tokenizer_folder, out)
    record["bytes_before"] = 4 * sum(p.numel() for p in model.parameters())
    record["bytes"] = (out / WEIGHTS).stat().st_size
    before = held_out_bits_per_byte(model, which, evaluate_tokens)
    if before is not None:
        record["bits_per_byte_before"] = before
        record["bits_per_byte"] = held_out_bits_per_byte(small, which, evaluate_tokens)
    if plain:
        export(dequantize(small), tokenizer_folder, out / PLAIN)
    write_json(out / RECORD, record)
    return record


def save_quantized(model: LanguageModel, folder: str | Path, settings: dict[str, Any]) -> None:
    """Writes a quantized model. settings: of `quantize`."""
    folder, seen, tensors = Path(folder), set(), {}
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:  # a tied embedding and head share one
            tensors[name] = tensor.contiguous()
            seen.add(tensor.data_ptr())
    save_file(tensors, folder / WEIGHTS)
    write_json(folder / QUANTIZED, {"config": asdict(model.config), "quantize": settings})


def load_quantized(folder: str | Path) -> tuple[LanguageModel, LibraryTokenizer]:
    """What `quantize_folder` wrote. Raises ValueError where a folder holds none, or its files do not fit together."""
    folder = Path(folder)
    if not (folder / QUANTIZED).is_file() or not (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} holds no quantized model; quantize_folder writes {QUANTIZED}.")
    content = read_json(folder / QUANTIZED)
    model = LanguageModel(ModelConfig(**content["config"]), Parts.fused())
    small = quantize(model, **content["quantize"])
    tensors = load_file(folder / WEIGHTS)
    own = small.state_dict()
    wrong = [name for name, t in tensors.items() if name not in own or own[name].shape != t.shape]
    if wrong:
        raise ValueError(
            f"{folder / WEIGHTS} does not fit {QUANTIZED}: {wrong[0]} is of another model."
        )
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)  # into the model's own memory, which embedding and head share
    return small, load_tokenizer(folder)


def held_out_bits_per_byte(
    model: LanguageModel, which: str | Path, limit: int = 20_000
) -> float | None:
    """Bits for each byte of a run's held-out text, of its first `limit` tokens; None where `which` is no run."""
    place = Path(which) / "pack"
    if not (place / "index.json").is_file():
        return None
    from shared.llm.corpus.tokens import Tokens

    tokens = Tokens.open(place, "validation")
    length = min(len(tokens), limit)
    if length < 2:
        return None
    log_p = token_log_probabilities(model, tokens.read(0, length)).sum()
    n_bytes = tokens.bytes * (length - 1) / len(tokens)
    return float(-log_p / math.log(2) / n_bytes)


def copy_tokenizer(source: str | Path, folder: str | Path) -> None:
    """Copies the files of a tokenizer, as far as they are there."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        if (Path(source) / name).is_file():
            shutil.copyfile(Path(source) / name, Path(folder) / name)


def tokenizer_folder_of(which: str | Path) -> Path:
    """Where the tokenizer of a run, of a folder in transformers' format, or of a model on the hub lies."""
    inside = Path(which) / "tokenizer"
    if inside.is_dir() or Path(which).exists():
        return inside if inside.is_dir() else Path(which)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(str(which), allow_patterns=list(TOKENIZER_FILES)))


def _open(which: str | Path) -> tuple[LanguageModel, Path]:
    from shared.llm.serve.loading import load

    if (Path(which) / QUANTIZED).is_file():
        raise ValueError(f"{which} is quantized already; name the model that it was made from.")
    return load(str(which), "cpu").model, tokenizer_folder_of(which)


def new_folder(which: str | Path, out: str | Path) -> Path:
    """`out` as a path. Raises ValueError where it is the model's own folder, or something is in it already."""
    out = Path(out)
    if out.resolve() == Path(which).resolve():
        raise ValueError(f"out is {out}, the folder of the model itself; it must be another one.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(
            f"out is {out}, where something is already; it must be a new or empty folder."
        )
    return out
