"""A local hub cache with small, randomly initialized models under the real names, in the layout of `huggingface_hub`.

The files are those of the real repositories, with the names that their weights have there: BERT's norms are called
gamma and beta, and GPT-2's weights have no prefix, as both were converted from TensorFlow.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BERT, GPT2 = "google-bert/bert-base-uncased", "openai-community/gpt2"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXTS = (
    "Paris is the capital of France. The river Seine flows through it, and the team won the cup.",
    "He was born in May 1950. She is a professor at the university and the president of a company.",
    "A bee dances to tell the others where the flowers are; the sun stands in the south at noon.",
)


def fill_hub_cache(folder: Path, names: Iterable[str] = (BERT, GPT2)) -> Path:
    """Writes the models of these names into a new hub cache, for HF_HUB_CACHE; returns its folder."""
    for name in names:
        repository = folder / f"models--{name.replace('/', '--')}"
        snapshot = repository / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(COMMIT, encoding="utf-8")
        {BERT: _bert, GPT2: _gpt2}[name](snapshot)
    return folder


def _bert(snapshot: Path) -> None:
    from transformers import BertConfig, BertForPreTraining

    words = sorted({word.strip(".,;") for text in TEXTS for word in text.lower().split()})
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    vocab = ["[PAD]", *(f"[unused{i}]" for i in range(5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab += [*letters, *(f"##{letter}" for letter in letters), *(w for w in words if len(w) > 1)]
    (snapshot / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    _write_json(
        snapshot / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 512}
    )
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(vocab_size=len(vocab), intermediate_size=64, **sizes))
    torch.nn.init.constant_(model.bert.embeddings.LayerNorm.weight, 1.5)  # not what a new one has
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    weights = {}
    for key, tensor in model.state_dict().items():
        for new_name, old_name in old.items():
            key = key.replace(new_name, old_name)
        weights[key] = tensor.clone()
    # The real file holds neither the copy of the embedding nor the count of the positions.
    for key in ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"):
        weights.pop(key, None)
    weights.pop("bert.embeddings.position_ids", None)
    save_file(weights, snapshot / "model.safetensors", metadata={"format": "pt"})
    _write_config(snapshot, model.config, "BertForMaskedLM")


def _gpt2(snapshot: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.save(str(snapshot / "tokenizer.json"))
    tokenizer.model.save(str(snapshot))  # vocab.json and merges.txt
    _write_json(snapshot / "tokenizer_config.json", {"model_max_length": 1024})
    torch.manual_seed(0)
    end = tokenizer.token_to_id("<|endoftext|>")
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "bos_token_id": end, "eos_token_id": end}
    config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), **sizes)
    model = GPT2LMHeadModel(config)
    weights = {k: t.clone() for k, t in model.transformer.state_dict().items()}
    save_file(weights, snapshot / "model.safetensors", metadata={"format": "pt"})
    _write_config(snapshot, config, "GPT2LMHeadModel")


def _write_config(snapshot: Path, config: object, architecture: str) -> None:
    content = {**config.to_diff_dict(), "architectures": [architecture]}
    _write_json(snapshot / "config.json", {**content, "model_type": config.model_type})


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
