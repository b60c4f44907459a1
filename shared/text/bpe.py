"""Byte-pair encoding at work: text to token ids and back, with any byte, any special token, any length. Met in week 8.

    merges = train_bpe(texts, 1_024)
    tokenizer = BPETokenizer(merges, special_tokens=["<|endoftext|>"])
    tokenizer.decode(tokenizer.encode("Bees dance.")) == "Bees dance."

Sources: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2, and its code,
`encoder.py` of openai/gpt-2.
"""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path

from shared.text import bpe_files
from shared.text.bpe_training import BYTES
from shared.text.pretokenize import GPT2_PATTERN, last_cut, sound, split, split_at_spaces

_NOTHING = 1 << 62  # where a pair becomes nothing: above the number of any token
_SHORT = 64  # up to this many bytes the plain way is the faster one
_END = -1
_INSIDE = -2
_REMEMBERED = 200_000  # pieces of text, and none longer than the next number
_LONGEST_REMEMBERED = 100
_READ_AT_ONCE = 1 << 16  # characters that encode_iterable collects before it encodes


class BPETokenizer:
    """Byte-level BPE with given merges.

    merges:         pairs of tokens in the order in which they were learned, as `train_bpe` gives them
    special_tokens: tokens that stand for no text. A list: they get the ids after all others; a mapping: these ids
    pattern:        cuts the text into pre-tokens; merges stay within them
    ids:            token → id; None: the 256 bytes in GPT-2's order, then what each merge makes

    Raises ValueError for merges that can't have been learned: of tokens that are not there yet, or twice the same.
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
        # Within, a token is a number: a byte is its value, and the token of merge i is 256 + i. So of two pairs the one
        # that was learned first becomes the smaller number.
        self._tokens = [bytes([byte]) for byte in range(256)]
        self._pairs: list[tuple[int, int]] = []
        self._becomes: dict[tuple[int, int], int] = {}
        self._read_merges()
        if ids is None:
            in_order = [self._tokens[byte] for byte in BYTES] + self._tokens[256:]
            ids = {token: number for number, token in enumerate(in_order)}
        missing = [token for token in self._tokens if token not in ids]
        if missing:
            raise ValueError(f"ids must hold every token; {missing[0]!r} is not among them.")
        self.ids = {token: ids[token] for token in self._tokens}
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
        self._id_of_number = [self.ids[token] for token in self._tokens]
        self._of_piece = _Remembering(self._encode_piece)
        self._of_pretoken = _Remembering(self._merged)

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

    def _read_merges(self) -> None:
        number = {token: byte for byte, token in enumerate(self._tokens)}
        for i, (left, right) in enumerate(self.merges):
            if left not in number or right not in number:
                raise ValueError(
                    f"merge {i} is of {left!r} and {right!r}, which are not both there yet."
                )
            if left + right in number:
                raise ValueError(f"merge {i} makes {left + right!r}, which is there already.")
            pair = number[left], number[right]
            number[left + right] = self._becomes[pair] = len(self._tokens)
            self._pairs.append(pair)
            self._tokens.append(left + right)

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
        ids.extend(chain.from_iterable(map(self._of_piece.__getitem__, rest)))
        return ids

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        """The ids of a piece of text that a space stands before."""
        if _is_plain(piece):
            return self._merged(" " + piece)
        ids: tuple[int, ...] = ()
        for pretoken in split(" " + piece, self.pattern):
            word = pretoken[1:] if pretoken[0] == " " else ""
            ids += self._of_piece[word] if _is_plain(word) else self._of_pretoken[pretoken]
        return ids

    def _merged(self, pretoken: str) -> tuple[int, ...]:
        """The ids of a pre-token: its bytes, and the merges, the first learned first."""
        numbers = list(pretoken.encode("utf-8", "surrogateescape"))
        merged = self._merge(numbers) if len(numbers) <= _SHORT else self._merge_long(numbers)
        return tuple([self._id_of_number[number] for number in merged])

    def _merge(self, numbers: list[int]) -> list[int]:
        """Joins the pair that was learned first, the leftmost where it stands several times, until there is none."""
        becomes = self._becomes.get
        found = list(map(becomes, zip(numbers, numbers[1:]), repeat(_NOTHING)))
        while found and (new := min(found)) != _NOTHING:
            i = found.index(new)
            numbers[i : i + 2] = [new]
            del found[i]
            if i > 0:
                found[i - 1] = becomes((numbers[i - 1], new), _NOTHING)
            if i < len(found):
                found[i] = becomes((new, numbers[i + 1]), _NOTHING)
        return numbers

    def _merge_long(self, numbers: list[int]) -> list[int]:
        """The same for a million bytes without a space: no place is looked at again unless its pair has changed.

        A new token's pairs are all learned after it. So one merge is done at all its places before the next begins.
        As in `learn_merges`, a token's number stands at its first and at its last place.
        """
        row = [_END, *numbers, _END]
        places: dict[int, list[int]] = defaultdict(
            list
        )  # what a pair becomes → where such pairs begin
        for place, pair in enumerate(zip(row, row[1:])):
            if pair in self._becomes:
                places[self._becomes[pair]].append(place)
        queue = list(places)
        heapq.heapify(queue)
        while queue:
            new = heapq.heappop(queue)
            left, right = self._pairs[new - 256]
            for place in places.pop(new):
                middle = place + len(self._tokens[left])
                end = place + len(self._tokens[new])
                if row[place] != left or row[middle] != right:
                    continue  # one of the two has merged with its other neighbour since
                before, after = row[place - 1], row[end]
                row[middle] = _INSIDE
                row[place] = row[end - 1] = new
                for pair, begin in (
                    ((before, new), place - len(self._tokens[before])),
                    ((new, after), place),
                ):
                    if pair in self._becomes:
                        if self._becomes[pair] not in places:
                            heapq.heappush(queue, self._becomes[pair])
                        places[self._becomes[pair]].append(begin)
        merged, place = [], 1
        while row[place] != _END:
            merged.append(row[place])
            place += len(self._tokens[row[place]])
        return merged


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


def _is_plain(word: str) -> bool:
    """Letters only: with the space before it, it is one pre-token by both patterns."""
    return word.isascii() and word.isalpha()


def _any_of(tokens: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the tokens; the first alternative that fits is taken, so the longest come first."""
    return re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
