"""Byte-pair encoding at work: text to token ids and back, with any byte, any special token, any length. Met in week 8.

    merges = train_bpe(texts, 1_024)
    tokenizer = BPETokenizer(merges, special_tokens=["<|endoftext|>"])
    tokenizer.decode(tokenizer.encode("Bees dance.")) == "Bees dance."

Sources: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2, and its code,
`encoder.py` of openai/gpt-2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from shared.text import bpe_files
from shared.text.bpe_merging import Merges
from shared.text.bpe_training import BYTES
from shared.text.pretokenize import GPT2_PATTERN, last_cut, sound, split, split_at_spaces

_SHORT = 64  # up to this many bytes the plain way is the faster one
_MANY = 1_000  # from this many pieces on it pays to look at all of them together
_REMEMBERED = 200_000  # pieces of text, and none longer than the next number
_LONGEST_REMEMBERED = 100
_READ_AT_ONCE = 1 << 16  # characters that encode_iterable collects before it encodes


class BPETokenizer:
    """Byte-level BPE with given merges.

    merges:         pairs of tokens in the order in which they were learned, as `train_bpe` gives them
    special_tokens: tokens that stand for no text. A list: they get the ids after all others; a mapping: these ids
    pattern:        cuts the text into pre-tokens; merges stay within them
    ids:            token → id; None: the 256 bytes in GPT-2's order, then what each merge makes

    Raises ValueError for merges that can't have been learned: of tokens that aren't there yet, or that make one again.
    """

    def __init__(
        self,
        merges: Sequence[tuple[bytes, bytes]],
        special_tokens: Sequence[str] | Mapping[str, int] = (),
        pattern: str = GPT2_PATTERN,
        ids: Mapping[bytes, int] | None = None,
    ) -> None:
        self.merges = [(bytes(left), bytes(right)) for left, right in merges]
        self.pattern = pattern
        self._merging = Merges(self.merges)
        tokens = self._merging.tokens
        if ids is None:
            in_order = [tokens[byte] for byte in BYTES] + tokens[256:]
            ids = {token: number for number, token in enumerate(in_order)}
        missing = [token for token in tokens if token not in ids]
        if missing:
            raise ValueError(f"ids must hold every token; {missing[0]!r} is not among them.")
        self.ids = {token: ids[token] for token in tokens}
        if not isinstance(special_tokens, Mapping):
            if isinstance(special_tokens, str):
                raise ValueError(f"special_tokens is {special_tokens!r}; it must be a list.")
            first = 1 + max(self.ids.values())
            special_tokens = {token: first + i for i, token in enumerate(special_tokens)}
        self.special = dict(special_tokens)
        if "" in self.special:
            raise ValueError("special_tokens must not hold the empty string.")
        self._bytes_of = {number: token for token, number in self.ids.items()}
        self._bytes_of |= {number: token.encode() for token, number in self.special.items()}
        if len(self._bytes_of) < len(self.ids) + len(self.special) or min(self._bytes_of) < 0:
            raise ValueError("ids and special_tokens must be whole numbers from 0, each once.")
        self._ids_of_numbers = np.array([self.ids[token] for token in tokens])
        self._of_piece = _Remembering(self._encode_piece)
        self._of_pretoken = _Remembering(self._encode_pretoken)

    @property
    def n_vocab(self) -> int:
        """All ids are below it."""
        return 1 + max(self._bytes_of)

    def encode(self, text: str, allowed_special: Collection[str] | str = ()) -> list[int]:
        """The ids of a text.

        allowed_special: special tokens that, where the text spells them out, become their id; "all": every one. Where
                         several begin at one place, the longest counts. All others are text: nothing that a document
                         says can end it. (tiktoken raises an error there by default.)
        """
        text = sound(text)
        allowed = self._allowed(allowed_special)
        if not allowed:
            return self._encode_ordinary(text)
        ids: list[int] = []
        end = 0
        for found in _any_of(allowed).finditer(text):
            ids += self._encode_ordinary(text[end : found.start()])
            ids.append(self.special[found.group()])
            end = found.end()
        return ids + self._encode_ordinary(text[end:])

    def encode_bytes(self, data: bytes) -> list[int]:
        """The ids of any bytes; decode_bytes gives them back. Bytes that are UTF-8 get the ids of their text."""
        return self._encode_ordinary(data.decode("utf-8", "surrogateescape"))

    def encode_iterable(
        self, texts: Iterable[str], allowed_special: Collection[str] | str = ()
    ) -> Iterator[int]:
        """The ids of a text that comes in parts, such as an open file: those of the whole text, in constant memory.

        A part may end anywhere, also within a word or a special token. Only a text with no single space in it is
        collected whole; and with a pattern other than the two of `pretokenize`, so is every text.
        """
        allowed = self._allowed(allowed_special)
        waiting, enough = "", _READ_AT_ONCE
        parts: list[str] = []
        length = 0
        for text in texts:
            parts.append(text)
            length += len(text)
            if length < enough:
                continue
            waiting = "".join(parts)
            cut = self._cut(waiting, allowed)
            yield from self.encode(waiting[:cut], allowed)
            waiting = waiting[cut:]
            parts, length = [waiting], len(waiting)
            enough = max(
                _READ_AT_ONCE, 2 * length
            )  # so that a text without a cut is searched seldom
        yield from self.encode("".join(parts), allowed)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The bytes of the ids, special tokens spelled out. Raises ValueError for a number that is no id."""
        try:
            return b"".join([self._bytes_of[int(number)] for number in ids])
        except KeyError as error:
            raise ValueError(
                f"{error.args[0]} is no id of this tokenizer of {self.n_vocab} tokens."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids. Bytes that are no UTF-8, such as half a character, become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", "replace")

    def save(self, folder: str | Path) -> None:
        """Writes folder/tokenizer.json, which the library `tokenizers` opens too."""
        bpe_files.write_tokenizer_json(
            Path(folder), self.merges, self.ids, self.special, self.pattern
        )

    @classmethod
    def load(cls, folder: str | Path) -> BPETokenizer:
        """The tokenizer of folder/tokenizer.json, written by `save` or by `shared.llm.tokenizer.train_tokenizer`."""
        return cls(**bpe_files.read_tokenizer_json(Path(folder)))

    @classmethod
    def from_gpt2_files(cls, encoder_json: str | Path, vocab_bpe: str | Path) -> BPETokenizer:
        """GPT-2's tokenizer from the two files that OpenAI published with it."""
        return cls(**bpe_files.read_gpt2_files(Path(encoder_json), Path(vocab_bpe)))

    def _allowed(self, allowed_special: Collection[str] | str) -> frozenset[str]:
        if allowed_special == "all":
            return frozenset(self.special)
        if isinstance(allowed_special, str):
            raise ValueError(
                f'allowed_special is {allowed_special!r}; it must be "all" or a set of special tokens.'
            )
        unknown = set(allowed_special) - set(self.special)
        if unknown:
            raise ValueError(
                f"allowed_special holds {sorted(unknown)[0]!r}; the special tokens are {list(self.special)}."
            )
        return frozenset(allowed_special)

    def _cut(self, text: str, allowed: frozenset[str]) -> int:
        """A place at which a text whose end is still to come can be cut, ordinary text and special tokens alike."""
        cut = last_cut(text[: len(text) - max(map(len, allowed), default=0)], self.pattern)
        if allowed:
            for found in _any_of(allowed).finditer(text):
                if found.start() >= cut:
                    break
                if found.end() > cut:
                    return found.start()
        return cut

    def _encode_ordinary(self, text: str) -> list[int]:
        first, *rest = split_at_spaces(text, self.pattern)
        pretokens = split(first, self.pattern)
        ids = list(chain.from_iterable(map(self._of_pretoken.__getitem__, pretokens)))
        for begin in range(0, len(rest), _REMEMBERED):
            pieces = rest[begin : begin + _REMEMBERED]
            if len(pieces) >= _MANY:
                self._encode_many(set(pieces))
            ids.extend(chain.from_iterable(map(self._of_piece.__getitem__, pieces)))
        return ids

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        """The ids of a piece of text that a space stands before."""
        pretokens = split(" " + piece, self.pattern)
        if len(pretokens) == 1:
            return self._of_pretoken[pretokens[0]]
        return tuple(chain.from_iterable(map(self._of_pretoken.__getitem__, pretokens)))

    def _encode_pretoken(self, pretoken: str) -> tuple[int, ...]:
        data = pretoken.encode("utf-8", "surrogateescape")
        merge = self._merging.word if len(data) <= _SHORT else self._merging.long_word
        return tuple(self._ids_of_numbers[merge(data)].tolist())

    def _encode_many(self, pieces: set[str]) -> None:
        """Remembers the ids of these pieces; those that are new are cut and merged all at once."""
        new = pieces - self._of_piece.keys()
        if len(self._of_piece) + len(new) > _REMEMBERED:
            self._of_piece.clear()
            self._of_pretoken.clear()
            new = pieces
        # A piece that ends in white space could join the one that is put after it here.
        new = [p for p in new if len(p) <= _LONGEST_REMEMBERED and not p[-1:].isspace()]
        if not new:
            return
        pretokens = split(" " + " ".join(new), self.pattern)
        word_of = {pretoken: n for n, pretoken in enumerate(dict.fromkeys(pretokens))}
        words = [pretoken.encode("utf-8", "surrogateescape") for pretoken in word_of]
        tokens, counts = self._merging.many(words)
        # From the different words to the pre-tokens in their order, and which piece each of these belongs to: a piece
        # is as long as its pre-tokens, with the space before it.
        which = np.array(list(map(word_of.__getitem__, pretokens)))
        begins = (np.cumsum(counts) - counts)[which]
        counts = counts[which]
        ends = np.cumsum(counts)
        every = np.repeat(begins - (ends - counts), counts) + np.arange(ends[-1])
        ids = tuple(self._ids_of_numbers[tokens[every]].tolist())
        characters = np.cumsum(list(map(len, pretokens)))
        last = np.searchsorted(
            characters, np.cumsum(list(map(len, new))) + np.arange(1, len(new) + 1)
        )
        piece_ends = ends[last].tolist()
        for piece, begin, end in zip(new, [0, *piece_ends], piece_ends):
            self._of_piece[piece] = ids[begin:end]


class _Remembering(dict):
    """Text → ids: computes what it has not seen, and forgets everything when it is full."""

    def __init__(self, compute: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> tuple[int, ...]:
        ids = self._compute(text)
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = ids
        return ids


def _any_of(tokens: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the tokens; the first alternative that fits is taken, so the longest come first."""
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
