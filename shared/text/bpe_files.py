"""Byte-level BPE in files: GPT-2's two, and tokenizer.json of the library `tokenizers`. Met in week 8.

In both formats a token is written as text, one printable sign for each byte: a space is Ġ, a line end Ċ. What stands in
a file is checked; a file that isn't as it should be is a ValueError that names it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.text.bpe_training import BYTES
from shared.text.pretokenize import GPT2_PATTERN

# Bytes that print as one sign stand for themselves; the 68 others take the signs from 256 on, in order.
_SHOWN = 188
SIGN_OF_BYTE = {byte: chr(byte if i < _SHOWN else 256 + i - _SHOWN) for i, byte in enumerate(BYTES)}
BYTE_OF_SIGN = {sign: byte for byte, sign in SIGN_OF_BYTE.items()}


def signs(token: bytes) -> str:
    """b" bee" → "Ġbee"."""
    return "".join([SIGN_OF_BYTE[byte] for byte in token])


def unsigned(token: str) -> bytes:
    """ "Ġbee" → b" bee". Raises ValueError for a sign that stands for no byte."""
    try:
        return bytes([BYTE_OF_SIGN[sign] for sign in token])
    except KeyError as error:
        raise ValueError(f"the token {token!r} holds {error}, which stands for no byte") from None


def read_gpt2_files(encoder_json: Path, vocab_bpe: Path) -> dict[str, Any]:
    """The arguments of `BPETokenizer` from GPT-2's files.

    encoder_json: token → id, as JSON; "<|endoftext|>" among them
    vocab_bpe:    a line with the version, then a merge on each line, its two tokens apart by a space
    """
    encoder = _json(encoder_json)
    lines = _text(vocab_bpe).split("\n")
    if lines[0].startswith("#"):
        del lines[0]
    pairs = [line.split(" ") for line in lines if line]
    try:
        special = {"<|endoftext|>": encoder.pop("<|endoftext|>")}
        ids = {unsigned(token): int(number) for token, number in encoder.items()}
        merges = [(unsigned(left), unsigned(right)) for left, right in pairs]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{encoder_json} and {vocab_bpe} are not GPT-2's files: {error}."
        ) from None
    return {"merges": merges, "special_tokens": special, "pattern": GPT2_PATTERN, "ids": ids}


def write_tokenizer_json(
    folder: Path,
    merges: Sequence[tuple[bytes, bytes]],
    ids: Mapping[bytes, int],
    special: Mapping[str, int],
    pattern: str,
) -> None:
    """folder/tokenizer.json: written beside it and then put in place, so that it is never half there."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    cut: dict[str, Any] = {**byte_level, "use_regex": True}
    if pattern != GPT2_PATTERN:
        own = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
        cut = {
            "type": "Sequence",
            "pretokenizers": [{**own, "invert": False}, {**byte_level, "use_regex": False}],
        }
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": token, **plain, "special": True}
            for token, number in sorted(special.items(), key=lambda item: item[1])
        ],
        "normalizer": None,
        "pre_tokenizer": cut,
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {**{signs(token): number for token, number in ids.items()}, **special},
            "merges": [[signs(left), signs(right)] for left, right in merges],
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "tokenizer.json.part"
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(part, folder / "tokenizer.json")


def read_tokenizer_json(folder: Path) -> dict[str, Any]:
    """The arguments of `BPETokenizer` from folder/tokenizer.json.

    Raises ValueError for a tokenizer that does something which `BPETokenizer` does not: another model than byte-level
    BPE, a normalizer, a space put before the text.
    """
    file = folder / "tokenizer.json"
    content = _json(file)
    try:
        model, added = content["model"], content["added_tokens"]
        special = {token["content"]: token["id"] for token in added}
        pattern = _pattern(content["pre_tokenizer"])
        asks = {
            f"the model {model.get('type', 'BPE')}": model.get("type", "BPE") != "BPE",
            f"the pre-tokenizer {content['pre_tokenizer']}": pattern is None,
            "a normalizer": content.get("normalizer") is not None,
            "ignore_merges": bool(model.get("ignore_merges")),
        }
        if any(asks.values()):
            what = next(what for what, asked in asks.items() if asked)
            raise ValueError(f"it asks for {what}, which is no byte-level BPE as here")
        ids = {unsigned(t): number for t, number in model["vocab"].items() if t not in special}
        pairs = [p.split(" ") if isinstance(p, str) else p for p in model["merges"]]
        merges = [(unsigned(left), unsigned(right)) for left, right in pairs]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{file} can't be read as byte-level BPE: {error}.") from None
    return {"merges": merges, "special_tokens": special, "pattern": pattern, "ids": ids}


def _pattern(cut: dict[str, Any]) -> str | None:
    """The pattern of a pre-tokenizer: ByteLevel, which means GPT-2's, or a pattern of its own and then ByteLevel."""
    if cut["type"] == "ByteLevel" and cut.get("use_regex", True) and not cut["add_prefix_space"]:
        return GPT2_PATTERN
    if cut["type"] == "Sequence" and len(cut["pretokenizers"]) == 2:
        own, byte_level = cut["pretokenizers"]
        if own["type"] == "Split" and own["behavior"] == "Isolated" and not own["invert"]:
            if byte_level["type"] == "ByteLevel" and not byte_level["add_prefix_space"]:
                return own["pattern"]["Regex"] if not byte_level["use_regex"] else None
    return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} can't be read: {error}.") from None


def _json(file: Path) -> dict[str, Any]:
    text = _text(file)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{file} is damaged: {error}.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file} is damaged: it holds a {type(content).__name__}.")
    return content
