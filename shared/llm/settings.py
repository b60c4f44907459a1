"""The settings of a run of `bumblebee llm`: one dial, `size`, from which all others follow, and any of them by name.

    settings("nano")                                  # minutes on two cores
    settings("pocket", minutes=300, vocab_size=8192)
Settings are plain values, kept as JSON beside the run.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any

from shared.llm.config import ModelConfig, bert, qwen3

# What one word decides. Depth and width grow together, about 64 wide for each layer and 64 for each head; the
# vocabulary grows with the text that a model of the size can read; the batch with the tokens of the whole run.
SIZES: dict[str, dict[str, Any]] = {
    "nano": {
        "n_layers": 4,
        "d_model": 192,
        "n_heads": 3,
        "n_kv_heads": 1,
        "vocab_size": 2048,
        "context": 256,
        "batch_tokens": 2048,
        "megabytes": 6.0,
        "minutes": 5.0,
    },
    "pocket": {
        "n_layers": 6,
        "d_model": 192,
        "n_heads": 3,
        "n_kv_heads": 1,
        "vocab_size": 4096,
        "context": 512,
        "batch_tokens": 8192,
        "weights": "float16",
    },
    "pocket-bert": {
        "objective": "masked",
        "second": "same text",
        "n_layers": 4,
        "d_model": 192,
        "n_heads": 3,
        "n_kv_heads": 3,
        "vocab_size": 8192,
        "context": 128,
        "batch_tokens": 4096,
        "grow_context": False,
        "weights": "float16",
    },
    "small": {
        "n_layers": 10,
        "d_model": 512,
        "n_heads": 8,
        "n_kv_heads": 4,
        "vocab_size": 16_384,
        "context": 1024,
        "batch_tokens": 65_536,
    },
    "gpt2": {
        "n_layers": 12,
        "d_model": 768,
        "n_heads": 12,
        "n_kv_heads": 12,
        "vocab_size": 50_304,
        "context": 1024,
        "batch_tokens": 524_288,
    },
    "medium": {
        "n_layers": 24,
        "d_model": 1024,
        "n_heads": 16,
        "n_kv_heads": 8,
        "vocab_size": 50_304,
        "context": 2048,
        "batch_tokens": 524_288,
    },
}
TOKENS_FOR_EACH_PARAMETER = 20  # compute-optimal, after Hoffmann et al. (2203.15556), table 3


@dataclass(frozen=True)
class Settings:
    """All settings of a run. Raises ValueError for values that do not fit together.

    text       source: "simple" or "en" (Wikipedia), "encyclopedia", or a folder or file of your own
               megabytes: read so much text, None: all   validation_share: of the text, held out
               beginnings: of each article only about so many characters, None: whole articles
    objective  "next" (GPT: the next token) or "masked" (BERT: hidden tokens, and a second question)
               second: "follows" (does the second piece follow the first?), "same text" (which rows are from the same
               text?) or "none"
    tokenizer  vocab_size
    model      n_layers, d_model, n_heads, n_kv_heads, context (tokens)
    training   tokens: to train on, None: 20 for each parameter, but no text more than four times
               minutes: end after so many, None: after the tokens
               batch_tokens: of one step of the optimizer   micro_tokens: of one forward pass, None: what is quick here
               muon_lr, adam_lr: peak learning rates of the matrices, and of all else   weight_decay: of the matrices
               schedule: "wsd" (warm-up, stable, decay) or "cosine"   warmup_share, decay_share: of the steps
               clip: of the gradient's norm   z_loss: its weight, 0: none   grow_context: begin with short texts
               mask_documents: tokens see only their own article
    machine    precision: "auto", "float32" or "bfloat16"   compile: "auto", "yes" or "no"   recompute: save memory
    save_every: steps between checkpoints, None: about once in two minutes   seed
    weights: of the exported model: "float32", or "float16" or "bfloat16" for half the size
    """

    size: str = "nano"
    source: str = "simple"
    megabytes: float | None = None
    beginnings: int | None = None
    validation_share: float = 0.02
    objective: str = "next"
    second: str = "follows"
    vocab_size: int = 2048
    n_layers: int = 4
    d_model: int = 192
    n_heads: int = 3
    n_kv_heads: int = 1
    context: int = 256
    tokens: int | None = None
    minutes: float | None = None
    batch_tokens: int = 2048
    micro_tokens: int | None = None
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    weight_decay: float = 0.1
    schedule: str = "wsd"
    warmup_share: float = 0.02
    decay_share: float = 0.4
    clip: float = 1.0
    z_loss: float = 0.0
    grow_context: bool = True
    mask_documents: bool = False
    precision: str = "auto"
    compile: str = "auto"
    recompute: bool = False
    save_every: int | None = None
    weights: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        at_least = {
            "vocab_size": 260,  # 256 bytes and the special tokens
            "n_layers": 1,
            "d_model": 2,
            "n_heads": 1,
            "n_kv_heads": 1,
            "context": 8,
            "beginnings": 1,
            "tokens": 1,
            "batch_tokens": self.context,
            "micro_tokens": 1,
            "save_every": 1,
            "seed": 0,
        }
        for name, least in at_least.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}.")
        for name in ("megabytes", "minutes", "muon_lr", "adam_lr", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0.")
        for name in ("validation_share", "warmup_share", "decay_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be from 0 to below 1.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}."
                )
        self.model()  # says what does not fit together

    def model(self, vocab_size: int | None = None) -> ModelConfig:
        """The model, in the layout of Qwen3, or of BERT.

        vocab_size: what the tokenizer really has, by default what was asked for
        """
        if self.objective == "masked":
            return bert(
                vocab_size or self.vocab_size,
                max_length=self.context,
                d_model=self.d_model,
                n_layers=self.n_layers,
                n_heads=self.n_heads,
            )
        return qwen3(
            vocab_size or self.vocab_size,
            max_length=self.context,
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            n_kv_heads=self.n_kv_heads,
            d_head=self.d_model // self.n_heads,
            d_hidden=round(8 * self.d_model / 3 / 64) * 64 or 64,
            rope_base=10_000.0,
        )


_CHOICES = {
    "size": tuple(SIZES),
    "objective": ("next", "masked"),
    "second": ("follows", "same text", "none"),
    "schedule": ("wsd", "cosine"),
    "precision": ("auto", "float32", "bfloat16"),
    "compile": ("auto", "yes", "no"),
    "weights": ("float32", "float16", "bfloat16"),
}
_TYPES = typing.get_type_hints(Settings)


def settings(size: str = "nano", **others: Any) -> Settings:
    """The settings of a size, with others in place of its own. Raises ValueError for names that are no settings."""
    if size not in SIZES:
        raise ValueError(f"size is {size!r}; it must be one of {', '.join(SIZES)}.")
    _known(others)
    return Settings(size=size, **{**SIZES[size], **others})


def changed(old: Settings, **others: Any) -> Settings:
    """The same settings with some others."""
    _known(others)
    return dataclasses.replace(old, **others)


def from_words(words: list[str]) -> dict[str, Any]:
    """["muon_lr=0.03", "tokens=none"] → {"muon_lr": 0.03, "tokens": None}: settings as they are typed.

    Raises ValueError that names the word.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is no setting; write NAME=VALUE, e.g. muon_lr=0.03.")
        _known([name])
        found[name] = _value(name, value.strip())
    return found


def as_words(chosen: Settings) -> list[str]:
    """What to type after `bumblebee llm` for these settings: the size, and what differs from what follows from it."""
    usual = settings(chosen.size)
    words = ["--size", chosen.size]
    for field in dataclasses.fields(Settings):
        value = getattr(chosen, field.name)
        if value != getattr(usual, field.name):
            if field.name in ("source", "minutes"):
                words += [f"--{field.name}", str(value)]
            else:
                words += ["--set", f"{field.name}={value}"]
    return words


def _known(names: Any) -> None:
    for name in names:
        if name not in _TYPES:
            raise ValueError(f"{name!r} is no setting; there are {', '.join(sorted(_TYPES))}.")


def _value(name: str, text: str) -> Any:
    wanted = _TYPES[name]
    kinds = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    if type(None) in kinds and text.lower() == "none":
        return None
    kind = next(k for k in kinds if k is not type(None))
    try:
        if kind is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[text.lower()]
        if kind is int:
            return int(text.replace("_", "").replace(",", ""))
        return kind(text)
    except (KeyError, ValueError):
        needed = {bool: "yes or no", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{name} is {text!r}; it must be {needed}.") from None
