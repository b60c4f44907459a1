"""Real checkpoints in the course's own model: weights of transformers' GPT-2, BERT, Llama and Qwen3, by name.

    model = from_pretrained("openai-community/gpt2")      # from the hub, or a folder
    model = from_transformers(a_transformers_model)

One table says which of our tensors is which of theirs; it is read in both directions. Met in week 7's explore notebook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from shared.llm.config import ModelConfig, bert, gpt2, llama, qwen3
from shared.llm.model import LanguageModel, Parts

# Ours → theirs. {} is the number of a block. "T" after a name: theirs is transposed. "[k/3]": the k-th third of theirs.
_LLAMA = {
    "embedding": "model.embed_tokens",
    "stack.blocks.{}.attention_norm": "model.layers.{}.input_layernorm",
    "stack.blocks.{}.attention.query": "model.layers.{}.self_attn.q_proj",
    "stack.blocks.{}.attention.key": "model.layers.{}.self_attn.k_proj",
    "stack.blocks.{}.attention.value": "model.layers.{}.self_attn.v_proj",
    "stack.blocks.{}.attention.output": "model.layers.{}.self_attn.o_proj",
    "stack.blocks.{}.attention.query_norm": "model.layers.{}.self_attn.q_norm",
    "stack.blocks.{}.attention.key_norm": "model.layers.{}.self_attn.k_norm",
    "stack.blocks.{}.feed_forward_norm": "model.layers.{}.post_attention_layernorm",
    "stack.blocks.{}.feed_forward.gate": "model.layers.{}.mlp.gate_proj",
    "stack.blocks.{}.feed_forward.up": "model.layers.{}.mlp.up_proj",
    "stack.blocks.{}.feed_forward.down": "model.layers.{}.mlp.down_proj",
    "stack.norm": "model.norm",
    "head": "lm_head",
}
_GPT2 = {
    "embedding": "transformer.wte",
    "positions": "transformer.wpe",
    "stack.blocks.{}.attention_norm": "transformer.h.{}.ln_1",
    "stack.blocks.{}.attention.query": "transformer.h.{}.attn.c_attn T[0/3]",
    "stack.blocks.{}.attention.key": "transformer.h.{}.attn.c_attn T[1/3]",
    "stack.blocks.{}.attention.value": "transformer.h.{}.attn.c_attn T[2/3]",
    "stack.blocks.{}.attention.output": "transformer.h.{}.attn.c_proj T",
    "stack.blocks.{}.feed_forward_norm": "transformer.h.{}.ln_2",
    "stack.blocks.{}.feed_forward.up": "transformer.h.{}.mlp.c_fc T",
    "stack.blocks.{}.feed_forward.down": "transformer.h.{}.mlp.c_proj T",
    "stack.norm": "transformer.ln_f",
    "head": "lm_head",
}
_BERT = {
    "embedding": "bert.embeddings.word_embeddings",
    "positions": "bert.embeddings.position_embeddings",
    "token_types": "bert.embeddings.token_type_embeddings",
    "embedding_norm": "bert.embeddings.LayerNorm",
    "stack.blocks.{}.attention.query": "bert.encoder.layer.{}.attention.self.query",
    "stack.blocks.{}.attention.key": "bert.encoder.layer.{}.attention.self.key",
    "stack.blocks.{}.attention.value": "bert.encoder.layer.{}.attention.self.value",
    "stack.blocks.{}.attention.output": "bert.encoder.layer.{}.attention.output.dense",
    "stack.blocks.{}.attention_norm": "bert.encoder.layer.{}.attention.output.LayerNorm",
    "stack.blocks.{}.feed_forward.up": "bert.encoder.layer.{}.intermediate.dense",
    "stack.blocks.{}.feed_forward.down": "bert.encoder.layer.{}.output.dense",
    "stack.blocks.{}.feed_forward_norm": "bert.encoder.layer.{}.output.LayerNorm",
    "transform.dense": "cls.predictions.transform.dense",
    "transform.norm": "cls.predictions.transform.LayerNorm",
    "head": "cls.predictions.decoder",
}
TABLES: Mapping[str, Mapping[str, str]] = {
    "gpt2": _GPT2,
    "bert": _BERT,
    "llama": _LLAMA,
    "qwen3": _LLAMA,
}
_ACTIVATIONS = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
}


def config_from_transformers(theirs: Any) -> ModelConfig:
    """The `ModelConfig` of a transformers configuration of type gpt2, bert, llama or qwen3.

    Raises ValueError for another type, or for a setting that the course's model does not have.
    """
    kind = theirs.model_type
    if kind not in TABLES:
        raise ValueError(f"model_type is {kind!r}; it must be one of {', '.join(TABLES)}.")
    if kind == "gpt2":
        _refuse(theirs, scale_attn_by_inverse_layer_idx=False, scale_attn_weights=True)
        return gpt2(
            theirs.vocab_size,
            max_length=theirs.n_positions,
            d_model=theirs.n_embd,
            n_layers=theirs.n_layer,
            n_heads=theirs.n_head,
            d_hidden=theirs.n_inner,
            activation=_activation(theirs.activation_function),
            norm_eps=theirs.layer_norm_epsilon,
            tied=theirs.tie_word_embeddings,
        )
    shared = {
        "max_length": theirs.max_position_embeddings,
        "d_model": theirs.hidden_size,
        "n_layers": theirs.num_hidden_layers,
        "n_heads": theirs.num_attention_heads,
        "d_hidden": theirs.intermediate_size,
        "activation": _activation(theirs.hidden_act),
        "tied": theirs.tie_word_embeddings,
    }
    if kind == "bert":
        return bert(
            theirs.vocab_size,
            norm_eps=theirs.layer_norm_eps,
            token_types=theirs.type_vocab_size,
            **shared,
        )
    rope = theirs.rope_parameters
    if rope.get("rope_type", "default") != "default":
        raise ValueError(
            f"rope_type is {rope['rope_type']!r}; the course's rotary positions know only 'default'."
        )
    _refuse(theirs, use_sliding_window=False)
    more = {
        "n_kv_heads": theirs.num_key_value_heads,
        "d_head": theirs.head_dim,
        "norm_eps": theirs.rms_norm_eps,
        "rope_base": float(rope["rope_theta"]),
        "attention_bias": theirs.attention_bias,
        "output_bias": theirs.attention_bias,
        "feed_forward_bias": getattr(theirs, "mlp_bias", False),
    }
    return (llama if kind == "llama" else qwen3)(theirs.vocab_size, **shared, **more)


def _activation(name: str) -> str:
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"the activation is {name!r}; the course has {', '.join(sorted(_ACTIVATIONS))}."
        )
    return _ACTIVATIONS[name]


def _refuse(theirs: Any, **only: Any) -> None:
    for name, value in only.items():
        if getattr(theirs, name, value) != value:
            raise ValueError(
                f"{name} is {getattr(theirs, name)!r}; the course's model has it only as {value!r}."
            )


def correspondence(model: LanguageModel, kind: str) -> Iterator[tuple[str, str, bool, int | None]]:
    """For each of our tensors: (its name, their name, whether theirs is transposed, which third of theirs or None)."""
    table = TABLES[kind]
    for ours in model.state_dict():
        owner, _, leaf = ours.rpartition(".")
        number = re.search(r"\.(\d+)\.", owner)
        theirs = table[re.sub(r"\.\d+\.", ".{}.", owner)].format(number[1] if number else "")
        name, _, how = theirs.partition(" ")
        third = re.search(r"\[(\d)/3\]", how)
        # Only matrices are stored the other way round; a bias has one axis.
        yield (
            ours,
            f"{name}.{leaf}",
            how.startswith("T") and leaf == "weight",
            third and int(third[1]),
        )


def state_from_transformers(
    model: LanguageModel, kind: str, theirs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Our `state_dict` out of theirs. Raises ValueError, with the names, where something is missing."""
    state, missing = {}, []
    for ours, name, transposed, third in correspondence(model, kind):
        if name not in theirs and ours == "head.weight" and model.config.tied:
            state[ours] = state["embedding.weight"]
            continue
        if name not in theirs:
            missing.append(name)
            continue
        tensor = theirs[name].T if transposed else theirs[name]
        state[ours] = tensor if third is None else tensor.chunk(3, dim=0)[third]
    if missing:
        raise ValueError(
            f"the checkpoint lacks {len(missing)} tensors, first of them {missing[0]!r}: is it a {kind} with its head?"
        )
    return state


def state_to_transformers(model: LanguageModel, kind: str) -> dict[str, Tensor]:
    """Their `state_dict` out of ours: what `save_pretrained` would write."""
    thirds: dict[str, list[Tensor]] = {}
    state = {}
    own = model.state_dict()
    for ours, name, transposed, third in correspondence(model, kind):
        if third is None:
            state[name] = own[ours].T.contiguous() if transposed else own[ours]
        else:
            thirds.setdefault(name, []).append(own[ours])
            if third == 2:
                joined = torch.cat(thirds[name], dim=0)
                state[name] = joined.T.contiguous() if transposed else joined
    return state


def from_transformers(theirs: Any, parts: Parts | None = None) -> LanguageModel:
    """The course's model with the configuration and the weights of a transformers model, in evaluation mode.

    theirs: GPT2LMHeadModel, BertForMaskedLM, LlamaForCausalLM or Qwen3ForCausalLM. Raises ValueError for others.
    """
    kind = theirs.config.model_type
    model = LanguageModel(config_from_transformers(theirs.config), parts)
    model.load_state_dict(state_from_transformers(model, kind, theirs.state_dict()))
    return model.eval()


def from_pretrained(name: str, parts: Parts | None = None) -> LanguageModel:
    """The course's model with the weights of a checkpoint on the hub, or in a folder.

    name: e.g. "openai-community/gpt2", "google-bert/bert-base-uncased", "Qwen/Qwen3-0.6B"; weights are read from
    safetensors only. Raises OSError from transformers where it cannot be had, ValueError for other kinds of models.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    config = AutoConfig.from_pretrained(name)
    config_from_transformers(config)  # says what is wrong before gigabytes are fetched
    auto = AutoModelForMaskedLM if config.model_type == "bert" else AutoModelForCausalLM
    theirs = auto.from_pretrained(name, use_safetensors=True, dtype=torch.float32)
    return from_transformers(theirs, parts)
