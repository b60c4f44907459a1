"""A trained model as a folder that transformers opens, and from there vLLM, llama.cpp and the rest. Week 9.

    record = export(model, "run/tokenizer", "run/export")
    transformers.AutoModelForCausalLM.from_pretrained("run/export")      # the same logits
    transformers.AutoTokenizer.from_pretrained("run/export")             # the same ids
The folder holds config.json, model.safetensors, the tokenizer's files, generation_config.json and a model card.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from shared.files import disk_full, file_sha256, is_full, write_whole
from shared.llm.checkpoints import state_to_transformers
from shared.llm.config import ModelConfig, bert, changes, gpt2, llama, qwen3
from shared.llm.exporting.card import model_card
from shared.llm.model import LanguageModel
from shared.llm.run import write_json
from shared.llm.tokenizer import load_tokenizer
from shared.llm.training.masked import MaskedModel
from shared.llm.training.second_question import Follows

KINDS = {"gpt2": gpt2, "llama": llama, "qwen3": qwen3, "bert": bert}
CLASSES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "bert": "BertForMaskedLM",
}
PRETRAINING = "BertForPreTraining"  # where pooler and judge of pairs are there too
# Switches in which models of one kind differ; all others make the kind.
_FREE = {
    "gpt2": {"activation", "norm_eps", "tied"},
    "bert": {"activation", "norm_eps", "tied", "token_types"},
    "llama": {
        "activation",
        "norm_eps",
        "tied",
        "rope_base",
        "attention_bias",
        "output_bias",
        "feed_forward_bias",
    },
    "qwen3": {"activation", "norm_eps", "tied", "rope_base", "attention_bias", "output_bias"},
}
_ACTIVATIONS = {"gelu_tanh": "gelu_new", "gelu": "gelu", "relu": "relu", "silu": "silu"}
# What the tokenizer's folder may hold.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "chat_template.jinja",
)


def export(
    model: LanguageModel | MaskedModel,
    tokenizer_folder: str | Path,
    folder: str | Path,
    records: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    name: str | None = None,
) -> dict[str, Any]:
    """Writes a model and its tokenizer in the format of transformers; returns the record, with the weights' SHA-256.

    dtype:   of the weights: float32, float16 or bfloat16; half precision makes the file half as large
    records: of the run's stages, for the model card: data, figures, how it was trained   name: of the model there

    Files are written whole or not at all, config.json last. Raises ValueError for a model that transformers doesn't
    have, a tokenizer with more tokens than the model, other dtypes, and float16 where a weight does not fit into it.
    """
    folder, tokenizer_folder = Path(folder), Path(tokenizer_folder)
    if dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise ValueError(f"dtype is {dtype}; it must be torch.float32, float16 or bfloat16.")
    whole = model
    if isinstance(model, MaskedModel):
        model = model.model
    kind = kind_of(model.config)
    pairs = isinstance(whole, MaskedModel) and isinstance(whole.second, Follows)
    class_name = PRETRAINING if pairs else CLASSES[kind]
    tokenizer = load_tokenizer(tokenizer_folder)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, and the model knows {model.config.vocab_size}: "
            "they are of different runs."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").unlink(missing_ok=True)  # what is being written anew does not open
    digest = _write_weights(whole, kind, folder / "model.safetensors", dtype)
    for file in TOKENIZER_FILES:
        if (tokenizer_folder / file).is_file():
            write_whole(folder / file, (tokenizer_folder / file).read_bytes())
    n_parameters = sum(p.numel() for p in whole.parameters())
    record = {
        "folder": str(folder),
        "kind": kind,
        "class": class_name,
        "dtype": str(dtype).removeprefix("torch."),
        "parameters": n_parameters,
        "bytes": (folder / "model.safetensors").stat().st_size,
        "sha256": digest,
    }
    eos_id = tokenizer.eos_id
    pad_id = next((i for token, i in tokenizer.special.items() if "pad" in token.lower()), eos_id)
    if kind != "bert":
        write_json(
            folder / "generation_config.json",
            {
                "bos_token_id": eos_id,
                "eos_token_id": eos_id,
                "pad_token_id": pad_id,
                "do_sample": True,
                "temperature": 0.8,
                "top_p": 0.95,
            },
        )
    name = name or f"bumblebee-{n_parameters / 1e6:.0f}m"
    write_whole(folder / "README.md", model_card(name, model.config, record, records or {}))
    settings = config_to_transformers(model.config, kind)
    settings |= {
        "architectures": [class_name],
        "dtype": record["dtype"],
        "bos_token_id": eos_id,
        "eos_token_id": eos_id,
        "pad_token_id": pad_id,
    }
    write_json(folder / "config.json", settings)
    return record


def kind_of(config: ModelConfig) -> str:
    """Which of transformers' kinds a model is: "gpt2", "llama", "qwen3" or "bert".

    Raises ValueError where its switches are those of none, with what keeps it from being the nearest.
    """
    differing = {
        kind: {
            name: pair for name, pair in changes(make(1), config).items() if name not in _FREE[kind]
        }
        for kind, make in KINDS.items()
    }
    if config.attention_bias != config.output_bias:
        for kind in ("llama", "qwen3"):
            differing[kind]["output_bias"] = (config.attention_bias, config.output_bias)
    for kind in ("gpt2", "bert"):
        plain = {
            "n_kv_heads": config.kv_heads == config.n_heads,
            "d_head": config.head_width * config.n_heads == config.d_model,
        }
        differing[kind] |= {
            name: (None, getattr(config, name)) for name, ok in plain.items() if not ok
        }
    kind = min(differing, key=lambda kind: len(differing[kind]))
    if differing[kind]:
        reasons = ", ".join(f"{name} is {new!r}" for name, (_, new) in differing[kind].items())
        raise ValueError(
            f"transformers has no model with these switches; nearest is {kind}, but {reasons} here. "
            "Export a model of the configurations gpt2, llama, qwen3 or bert."
        )
    return kind


def config_to_transformers(config: ModelConfig, kind: str) -> dict[str, Any]:
    """The content of config.json, which `config_from_transformers` reads back to the same configuration."""
    common = {
        "model_type": kind,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tied,
    }
    activation = _ACTIVATIONS[config.activation]
    if kind == "gpt2":
        dropped = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), config.dropout)
        return (
            common
            | dropped
            | {
                "n_positions": config.max_length,
                "n_embd": config.d_model,
                "n_layer": config.n_layers,
                "n_head": config.n_heads,
                "n_inner": config.hidden_width,
                "activation_function": activation,
                "layer_norm_epsilon": config.norm_eps,
            }
        )
    common |= {
        "max_position_embeddings": config.max_length,
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.hidden_width,
        "hidden_act": activation,
    }
    if kind == "bert":
        return common | {
            "layer_norm_eps": config.norm_eps,
            "type_vocab_size": config.token_types,
            "hidden_dropout_prob": config.dropout,
            "attention_probs_dropout_prob": config.dropout,
        }
    common |= {
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "rms_norm_eps": config.norm_eps,
        # The first name is read by transformers from 5 on, the second by those before and by llama.cpp.
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "rope_theta": config.rope_base,
        "attention_bias": config.attention_bias,
    }
    return common | ({"mlp_bias": config.feed_forward_bias} if kind == "llama" else {})


def _write_weights(
    whole: LanguageModel | MaskedModel, kind: str, path: Path, dtype: torch.dtype
) -> str:
    """Writes model.safetensors beside its place, then moves it there; returns its SHA-256."""
    state, tensors = {}, {}
    model = whole
    if isinstance(whole, MaskedModel):
        model = whole.model
        for name, tensor in whole.pooler.state_dict().items():
            tensors[f"bert.pooler.dense.{name}"] = tensor
        if isinstance(whole.second, Follows):
            for name, tensor in whole.second.judge.state_dict().items():
                # In BERT's layer of pairs the first output is "follows", in ours the second.
                tensors[f"cls.seq_relationship.{name}"] = tensor.flip(0)
    for name, tensor in {**state_to_transformers(model, kind), **tensors}.items():
        if model.config.tied and name in ("lm_head.weight", "cls.predictions.decoder.weight"):
            continue  # it is the embedding, which is there
        written = tensor.detach().to("cpu", dtype).contiguous()
        if not written.isfinite().all():
            raise ValueError(
                f"{name} has numbers that {str(dtype).removeprefix('torch.')} can't hold, or that are not finite: "
                "export in float32 or bfloat16, and look at the training's losses."
            )
        state[name] = written
    if kind == "bert":
        state["cls.predictions.bias"] = state["cls.predictions.decoder.bias"].clone()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(state, beside, metadata={"format": "pt"})
        os.replace(beside, path)
    except Exception as error:
        if is_full(error):
            raise disk_full(path, error) from error
        raise
    finally:
        beside.unlink(missing_ok=True)
    return file_sha256(path)
