"""The pipeline's tokenizer: run by the library `tokenizers`, for volume, and opened again with one small interface.

    record = train_tokenizer(texts, 4_096, "my_llm/tokenizer")
    tokenizer = load_tokenizer("my_llm/tokenizer")          # or a name on the hub: "openai-community/gpt2"
    tokenizer.encode("Bees dance.")

What it does is written out in `shared.text.bpe` and `shared.text.wordpiece`. The library learns the same merges from
the same texts. WordPiece is learned by ours, since the library's trainer numbers its pieces differently each time.
The folder also opens with `transformers.AutoTokenizer.from_pretrained`. Met in week 9.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import tokenizers as library
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from shared.text.pretokenize import sound
from shared.text.wordpiece import BERT_SPECIAL_TOKENS, train_wordpiece

# Ids 0 to 3: the end of a document, the two marks around a turn of a chat, and padding.
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>")
# The library's trainer takes time quadratic in the length of a word, so that one line of a million dashes would never
# end. A run this long, of characters with no space among them or of spaces only, is cut before it counts.
LONGEST_RUN = 5_000
_ENDLESS = re.compile(rf"\S{{{LONGEST_RUN}}}|\s{{{LONGEST_RUN}}}")


class Tokenizer(Protocol):
    """What the pipeline asks of a tokenizer.

    vocab_size: number of ids: every id is below it       eos_id: the token that ends a document
    special:    the tokens that stand for no text → their ids

    encode and encode_batch put nothing around a text. With special=False a special token that is spelled out in a text
    is text like any other: right for documents, in which it must not end or open anything.
    """

    vocab_size: int
    eos_id: int
    special: dict[str, int]

    def encode(self, text: str, special: bool = True) -> list[int]: ...
    def encode_batch(self, texts: Sequence[str], special: bool = True) -> list[list[int]]: ...
    def decode(self, ids: Iterable[int]) -> str: ...


class LibraryTokenizer:
    """A tokenizer of the library `tokenizers` behind the `Tokenizer` protocol."""

    def __init__(self, backend: library.Tokenizer, eos_token: str | None = None) -> None:
        added = backend.get_added_tokens_decoder()
        self.special = {token.content: number for number, token in added.items() if token.special}
        self.vocab_size = 1 + max(backend.get_vocab(with_added_tokens=True).values())
        candidates = [eos_token, SPECIAL_TOKENS[0], "</s>", "[SEP]"]
        found = [token for token in candidates if token is not None and token in self.special]
        if not found:
            raise ValueError(
                "the tokenizer names no token that ends a text (eos_token), and the pipeline needs one; "
                f"its special tokens are {sorted(self.special)}."
            )
        self._eos_token = found[0]
        self.eos_id = self.special[found[0]]
        self._reading = backend
        self._plain = library.Tokenizer.from_str(backend.to_str())
        self._plain.encode_special_tokens = True  # the library's word for: they are text

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew in another process: the library's own way there forgets `encode_special_tokens`."""
        return _from_string, (self._reading.to_str(), self._eos_token)

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The ids of a text."""
        return self._which(special).encode(sound(text), add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str], special: bool = True) -> list[list[int]]:
        """The ids of each text, on all cores."""
        checked = [sound(text) for text in texts]
        encodings = self._which(special).encode_batch_fast(checked, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids, special tokens spelled out. Bytes that are no UTF-8 become U+FFFD."""
        numbers = [int(number) for number in ids]
        wrong = [number for number in numbers if not 0 <= number < self.vocab_size]
        if wrong:
            raise ValueError(f"{wrong[0]} is no id: they run from 0 to {self.vocab_size - 1}.")
        return self._reading.decode(numbers, skip_special_tokens=False)

    def _which(self, special: bool) -> library.Tokenizer:
        return self._reading if special else self._plain


def train_tokenizer(
    texts: Iterable[str],
    vocab_size: int,
    folder: str | Path,
    special_tokens: Sequence[str] | None = None,
    kind: str = "bpe",
) -> dict[str, Any]:
    """Trains a tokenizer on texts and saves it in a folder; returns the record of what was done.

    texts:          read once, one at a time: memory grows with the number of different words, not with the texts
    vocab_size:     how many ids at most, special tokens among them. Texts that hold too few different pairs end with
                    fewer: a warning says so, and so does the record.
    special_tokens: they get the first ids, in this order. None: SPECIAL_TOKENS, or BERT_SPECIAL_TOKENS for WordPiece
    kind:           "bpe": byte-level with GPT-2's pattern, so that any text can be written
                    "wordpiece": BERT's, lower case and without accents; an unknown character becomes [UNK]

    Raises ValueError for a vocabulary too small to hold the alphabet, for texts without a character, and for one
    string in place of several.
    """
    if kind not in ("bpe", "wordpiece"):
        raise ValueError(f'kind is {kind!r}; it must be "bpe" or "wordpiece".')
    if isinstance(texts, str):
        raise ValueError("texts is one string; it must be several: [text].")
    if special_tokens is None:
        special_tokens = SPECIAL_TOKENS if kind == "bpe" else BERT_SPECIAL_TOKENS
    special_tokens = _checked(special_tokens, vocab_size, kind)
    seen = {"texts": 0, "characters": 0}
    learn = _bpe if kind == "bpe" else _wordpiece
    backend = learn(_counted(texts, seen), vocab_size, special_tokens)
    if seen["characters"] == 0:
        raise ValueError(
            f"the {seen['texts']} texts hold no character; a tokenizer is trained on text. "
            "Look at what the stages before it kept."
        )
    size = backend.get_vocab_size()
    record = {
        "kind": kind,
        "vocab_size": size,
        "vocab_size_asked": vocab_size,
        "special_tokens": {token: backend.token_to_id(token) for token in special_tokens},
        **seen,
    }
    if size < vocab_size:
        record["note"] = (
            f"the texts allow only {size} tokens of the {vocab_size} asked for: every word is one token by then. "
            "More text, or a smaller vocabulary, would suit each other better."
        )
        warnings.warn(record["note"], stacklevel=2)
    _save(backend, Path(folder), kind, special_tokens)
    return record


def load_tokenizer(folder_or_name: str | Path) -> LibraryTokenizer:
    """The tokenizer in a folder that `train_tokenizer` or transformers wrote, or one of the hub, by its name.

    Raises ValueError where there is none, where its file is damaged, and where no token of it ends a text.
    """
    folder = Path(folder_or_name)
    file = folder / "tokenizer.json"
    if file.is_file():
        try:
            backend = library.Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises Exception itself
            raise ValueError(f"{file} is damaged ({error}). Make the tokenizer again.") from None
        return LibraryTokenizer(backend, _eos_token(folder / "tokenizer_config.json"))
    if folder.is_dir():
        raise ValueError(f"{folder} holds no tokenizer.json; train_tokenizer writes one.")
    from transformers import AutoTokenizer  # seconds to import, and only needed for names

    try:
        theirs = AutoTokenizer.from_pretrained(str(folder_or_name))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(folder_or_name)!r} is no folder, and from the hub it can't be had: {error}"
        ) from None
    if getattr(theirs, "backend_tokenizer", None) is None:
        raise ValueError(f"{folder_or_name} has no fast tokenizer, and the pipeline needs one.")
    return LibraryTokenizer(theirs.backend_tokenizer, theirs.eos_token)


def _from_string(written: str, eos_token: str) -> LibraryTokenizer:
    return LibraryTokenizer(library.Tokenizer.from_str(written), eos_token)


def _bpe(texts: Iterable[str], vocab_size: int, special_tokens: list[str]) -> library.Tokenizer:
    backend = library.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_without_endless_runs(texts), trainer)
    return backend


def _wordpiece(
    texts: Iterable[str], vocab_size: int, special_tokens: list[str]
) -> library.Tokenizer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few words: said by train_tokenizer itself
        vocabulary = train_wordpiece(texts, vocab_size, special_tokens)
    ids = {token: number for number, token in enumerate(vocabulary)}
    backend = library.Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    # Put on where it is asked for: [CLS] A [SEP], and [CLS] A [SEP] B [SEP].
    frame = ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    backend.post_processor = processors.BertProcessing(*frame)
    backend.add_special_tokens(special_tokens)
    return backend


def _checked(special_tokens: Sequence[str], vocab_size: int, kind: str) -> list[str]:
    if isinstance(special_tokens, str):
        raise ValueError(f"special_tokens is {special_tokens!r}; it must be a list of tokens.")
    special = list(special_tokens)
    if not special or "" in special or len(set(special)) < len(special):
        raise ValueError(
            f"special_tokens is {special}; it must hold at least one token, each once and none empty."
        )
    if kind == "wordpiece" and not set(BERT_SPECIAL_TOKENS) <= set(special):
        raise ValueError(
            f"special_tokens is {special}; WordPiece needs {', '.join(BERT_SPECIAL_TOKENS)} among them."
        )
    least = len(special) + (256 if kind == "bpe" else 2)
    if vocab_size < least:
        raise ValueError(
            f"vocab_size is {vocab_size}; it must be at least {least}: {len(special)} special tokens and "
            + ("the 256 bytes." if kind == "bpe" else "one character.")
        )
    return special


def _counted(texts: Iterable[str], seen: dict[str, int]) -> Iterator[str]:
    for text in texts:
        seen["texts"] += 1
        seen["characters"] += len(text)
        yield sound(text)


def _without_endless_runs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        start = 0
        for run in _ENDLESS.finditer(text):
            yield text[start : run.end()]
            start = run.end()
        yield text[start:]


def _save(backend: library.Tokenizer, folder: Path, kind: str, special_tokens: list[str]) -> None:
    """tokenizer.json holds everything; the two files beside it tell transformers which tokens play which part."""
    if kind == "wordpiece":
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        parts: dict[str, Any] = dict(zip(names, BERT_SPECIAL_TOKENS))
        more = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    else:
        end = SPECIAL_TOKENS[0] if SPECIAL_TOKENS[0] in special_tokens else special_tokens[0]
        parts = {"bos_token": end, "eos_token": end}
        if "<|pad|>" in special_tokens:
            parts["pad_token"] = "<|pad|>"
        more = {"tokenizer_class": "PreTrainedTokenizerFast"}
    rest = [token for token in special_tokens if token not in parts.values()]
    if rest:
        parts["additional_special_tokens"] = rest
    config = {**parts, **more, "clean_up_tokenization_spaces": False}
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "special_tokens_map.json", parts)
    _write(folder / "tokenizer_config.json", config)
    if kind == "wordpiece":
        ids = backend.get_vocab()
        lines = "".join(f"{token}\n" for token in sorted(ids, key=ids.__getitem__))
        (folder / "vocab.txt").write_text(lines, encoding="utf-8", newline="\n")
    backend.save(str(folder / "tokenizer.json"))


def _write(file: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8", newline="\n")


def _eos_token(file: Path) -> str | None:
    if not file.is_file():
        return None
    try:
        token = json.loads(file.read_text(encoding="utf-8")).get("eos_token")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{file} is damaged ({error}). Make the tokenizer again.") from None
    return token["content"] if isinstance(token, dict) else token
