"""The course's own pretrained models, for where no hub can be reached: pocket-bert and pocket-gpt. Weeks 8 and 9.

    name = pretrained("google-bert/bert-base-uncased")      # the name, or the folder of pocket-bert
    model = AutoModelForSequenceClassification.from_pretrained(name, num_labels=4)

Their folders, which lie here, hold weights, tokenizer and a model card with data, licence, command and figures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from shared.data import places
from shared.data.errors import DownloadError
from shared.data.transfer import check_reachable

HERE = Path(__file__).parent
STAND_INS = {
    "google-bert/bert-base-uncased": "pocket-bert",
    "openai-community/gpt2": "pocket-gpt",
}


def pretrained(
    name: str,
    say: Callable[[str], object] = print,
    device: str | torch.device | None = None,
) -> str:
    """What to give to `from_pretrained`: the name, where transformers can have that model, else our model's folder.

    name: "google-bert/bert-base-uncased" or "openai-community/gpt2"
    say:  is told in one line which of the two it is, and why
    device: where it is going to be trained. On a CPU that takes hours with the hub's models of more than a hundred
          million parameters, so ours stands in there, unless BUMBLEBEE_HUB=1 says otherwise. None: it does not matter

    A model in the hub's local cache, or in a folder of the same name, is used without asking the network; with
    HF_HUB_OFFLINE=1 or BUMBLEBEE_OFFLINE=1 the network is never asked. Raises ValueError for other names.
    """
    if name not in STAND_INS:
        raise ValueError(
            f"there is no stand-in for {name!r}; there are those for {' and '.join(map(repr, STAND_INS))}."
        )
    why = _too_slow(device)
    if why is None and (Path(name).is_dir() or _cached(name)):
        say(f"{name} · from this machine")
        return name
    why = why or _unreachable()
    if why is None:
        say(f"{name} · from the hub")
        return name
    say(f"{STAND_INS[name]}, the course's own small model, stands in for {name}: {why}.")
    return str(HERE / STAND_INS[name])


def _too_slow(device: str | torch.device | None) -> str | None:
    """Why the hub's model is not for this device; None: it is."""
    if device is None or torch.device(device).type != "cpu":
        return None
    if os.environ.get("BUMBLEBEE_HUB", "") not in ("", "0"):
        return None
    return "to train more than a hundred million numbers takes a GPU (BUMBLEBEE_HUB=1 does it all the same)"


def _cached(name: str) -> bool:
    """Whether the hub's cache has the model whole: configuration, tokenizer, and weights as safetensors."""
    from huggingface_hub import try_to_load_from_cache

    def has(file: str) -> bool:
        return isinstance(try_to_load_from_cache(name, file), str)

    weights = has("model.safetensors") or has("model.safetensors.index.json")
    words = has("tokenizer.json") or has("vocab.txt") or has("vocab.json")
    return has("config.json") and words and weights


def _unreachable() -> str | None:
    """Why the hub cannot be asked; None: it can."""
    if places.offline():
        return "BUMBLEBEE_OFFLINE forbids to ask the hub"
    if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "ON", "YES", "TRUE"):
        return "HF_HUB_OFFLINE forbids to ask the hub"
    try:
        check_reachable(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    except DownloadError as error:
        return str(error)
    return None
