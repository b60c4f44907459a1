"""From what stands on the command line to a model, its tokenizer, its name and its way to chat."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from shared.llm import chat
from shared.llm.adapting.compress import QUANTIZED, load_quantized
from shared.llm.model import LanguageModel
from shared.llm.serve.chat_forms import ChatForm, chatml, plain
from shared.llm.tokenizer import LibraryTokenizer, load_tokenizer


@dataclass
class Loaded:
    """What `load` found. name: under which it is served"""

    name: str
    model: LanguageModel
    tokenizer: LibraryTokenizer
    chat: ChatForm


def load(which: str, device: str | None = None) -> Loaded:
    """which: the folder of a run, one in transformers' format, one of `quantize_folder`, or a name on the hub.

    device: None: a GPU where there is one. Raises ValueError with one sentence where there is no model.
    """
    folder = Path(which)
    if (folder / "pretrain").is_dir():
        model, tokenizer, trained_on_chats = _of_run(folder)
    elif (folder / QUANTIZED).is_file():
        model, tokenizer = load_quantized(folder)
        trained_on_chats = chat.START in _chat_template(which)
    elif (folder / "config.json").is_file() or (
        not folder.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", which)
    ):
        model, tokenizer, trained_on_chats = _of_transformers(which)
    elif folder.exists():
        raise ValueError(
            f"{which} holds no model: it must be the folder of a run of `bumblebee llm`, or one in transformers' "
            "format, with config.json."
        )
    else:
        raise ValueError(
            f"there is no folder {which}; `bumblebee llm` makes a model, and a name on the hub is OWNER/NAME."
        )
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if model.config.vocab_size < tokenizer.vocab_size:
        raise ValueError(
            f"the tokenizer of {which} has {tokenizer.vocab_size:,} tokens and the model only "
            f"{model.config.vocab_size:,}: they do not belong together."
        )
    form = chatml(tokenizer) if trained_on_chats else plain(tokenizer)
    name = which if not folder.exists() else folder.resolve().name
    return Loaded(name, model.to(device).eval(), tokenizer, form)


def _of_run(folder: Path) -> tuple[LanguageModel, LibraryTokenizer, bool]:
    from shared.llm.run import Run
    from shared.llm.stages import trained

    return *trained(Run(folder)), False


def _of_transformers(which: str) -> tuple[LanguageModel, LibraryTokenizer, bool]:
    from shared.llm.checkpoints import from_pretrained
    from shared.llm.model import Parts

    tokenizer = load_tokenizer(which)
    try:
        model = from_pretrained(which, Parts.fused())
    except OSError as error:
        raise ValueError(f"{which} cannot be had: {str(error).splitlines()[0]}") from None
    marks = chat.START in tokenizer.special and chat.END in tokenizer.special
    return model, tokenizer, marks and chat.START in _chat_template(which)


def _chat_template(which: str) -> str:
    """The chat template of a model, or ""."""
    folder = Path(which)
    if not folder.is_dir():
        from transformers import AutoTokenizer

        template = AutoTokenizer.from_pretrained(which).chat_template
        return json.dumps(template) if template else ""
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            if name.endswith(".jinja"):
                return text
            return json.dumps(json.loads(text).get("chat_template") or "")
    return ""
