"""A trained model as one file for llama.cpp, LM Studio, Ollama and others: GGUF, with the tokenizer in it. Week 9.

    export_gguf(model, "run/tokenizer", "run/model.gguf")        # needs `pip install gguf`

llama.cpp's own converter knows tokenizers by a list of digests, and so refuses one that was trained here; the file is
written directly instead. Only the pipeline's own kind, Qwen3's layout with byte-level BPE in GPT-2's pattern.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import torch

from shared.files import file_sha256
from shared.llm.exporting.export import kind_of
from shared.llm.model import LanguageModel
from shared.llm.tokenizer import load_tokenizer

# Ours → theirs, for Qwen3's layout. {} is the number of a block.
_NAMES = {
    "embedding": "token_embd",
    "stack.blocks.{}.attention_norm": "blk.{}.attn_norm",
    "stack.blocks.{}.attention.query": "blk.{}.attn_q",
    "stack.blocks.{}.attention.key": "blk.{}.attn_k",
    "stack.blocks.{}.attention.value": "blk.{}.attn_v",
    "stack.blocks.{}.attention.output": "blk.{}.attn_output",
    "stack.blocks.{}.attention.query_norm": "blk.{}.attn_q_norm",
    "stack.blocks.{}.attention.key_norm": "blk.{}.attn_k_norm",
    "stack.blocks.{}.feed_forward_norm": "blk.{}.ffn_norm",
    "stack.blocks.{}.feed_forward.gate": "blk.{}.ffn_gate",
    "stack.blocks.{}.feed_forward.up": "blk.{}.ffn_up",
    "stack.blocks.{}.feed_forward.down": "blk.{}.ffn_down",
    "stack.norm": "output_norm",
    "head": "output",
}


def export_gguf(
    model: LanguageModel,
    tokenizer_folder: str | Path,
    path: str | Path,
    dtype: torch.dtype = torch.float32,
    name: str = "bumblebee",
) -> dict[str, Any]:
    """Writes the file; returns its size and SHA-256. dtype: of the matrices, float32 or float16; norms stay float32.

    Raises ImportError, with what to install, where the package `gguf` is missing, and ValueError for a model of another
    kind than Qwen3's, a tokenizer that is no byte-level BPE, one of another run, and other dtypes.
    """
    try:
        import gguf
    except ImportError as error:
        raise ImportError("GGUF files are written by the package gguf: pip install gguf") from error
    config, path = model.config, Path(path)
    if kind_of(config) != "qwen3" or config.attention_bias or config.activation != "silu":
        raise ValueError(
            f"the model is of the kind {kind_of(config)}; only Qwen3's layout is written as GGUF here. "
            "Export it for transformers and use llama.cpp's convert_hf_to_gguf.py."
        )
    types = {
        torch.float32: gguf.LlamaFileType.ALL_F32,
        torch.float16: gguf.LlamaFileType.MOSTLY_F16,
    }
    if dtype not in types:
        raise ValueError(f"dtype is {dtype}; it must be torch.float32 or torch.float16.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(beside, "qwen3")
    try:
        writer.add_name(name)
        writer.add_file_type(types[dtype])
        writer.add_context_length(config.max_length)
        writer.add_embedding_length(config.d_model)
        writer.add_block_count(config.n_layers)
        writer.add_feed_forward_length(config.hidden_width)
        writer.add_head_count(config.n_heads)
        writer.add_head_count_kv(config.kv_heads)
        writer.add_key_length(config.head_width)
        writer.add_value_length(config.head_width)
        writer.add_layer_norm_rms_eps(config.norm_eps)
        writer.add_rope_freq_base(config.rope_base)
        _add_tokenizer(writer, gguf, Path(tokenizer_folder), config.vocab_size)
        for ours, tensor in model.state_dict().items():
            if ours == "head.weight" and config.tied:
                continue
            owner, _, leaf = ours.rpartition(".")
            number = re.search(r"\.(\d+)\.", owner)
            theirs = _NAMES[re.sub(r"\.\d+\.", ".{}.", owner)].format(number[1] if number else "")
            kept = tensor.detach().to("cpu", dtype if tensor.ndim > 1 else torch.float32)
            writer.add_tensor(f"{theirs}.{leaf}", kept.contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return {"file": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _add_tokenizer(writer: Any, gguf: Any, folder: Path, vocab_size: int) -> None:
    """Tokens, merges and special tokens, out of tokenizer.json."""
    tokenizer = load_tokenizer(folder)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    pattern = content.get("pre_tokenizer") or {}
    if content["model"].get("type") != "BPE" or pattern.get("type") != "ByteLevel":
        raise ValueError(
            f"{folder} holds no byte-level BPE in GPT-2's pattern, which llama.cpp would take it for."
        )
    if tokenizer.vocab_size > vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, and the model knows {vocab_size}: they are of different "
            "runs."
        )
    ids = {**content["model"]["vocab"], **tokenizer.special}
    names = {number: token for token, number in ids.items()}
    special, tokens, kinds = set(tokenizer.special.values()), [], []
    for number in range(vocab_size):
        tokens.append(names.get(number, f"[unused{number}]"))
        kind = gguf.TokenType.CONTROL if number in special else gguf.TokenType.NORMAL
        kinds.append(kind if number in names else gguf.TokenType.UNUSED)
    merges = [
        pair if isinstance(pair, str) else " ".join(pair) for pair in content["model"]["merges"]
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokenizer.eos_id)
    writer.add_eos_token_id(tokenizer.eos_id)
    if "<|pad|>" in tokenizer.special:
        writer.add_pad_token_id(tokenizer.special["<|pad|>"])
    writer.add_add_bos_token(False)
