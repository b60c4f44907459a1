"""WordPiece, BERT's tokenizer: words from a vocabulary, and where a word isn't there, its longest known pieces.

    vocabulary = train_wordpiece(texts, 1_000)
    tokenizer = WordPieceTokenizer(vocabulary)
    tokenizer.tokenize("Beekeeping!") == ["bee", "##keep", "##ing", "!"]        # "##": goes on with the word

Met in week 8. Sources: Schuster & Nakajima, "Japanese and Korean Voice Search" (2012); Wu et al., "Google's Neural
Machine Translation System" (2016), section 4.1; Devlin et al., "BERT" (2019).
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import Path

from shared.text.bert_words import bert_words
from shared.text.bpe_training import learn_merges
from shared.text.pretokenize import sound

BERT_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_REMEMBERED = 200_000  # pieces of text


def train_wordpiece(
    texts: Iterable[str],
    vocab_size: int,
    special_tokens: Sequence[str] = BERT_SPECIAL_TOKENS,
    lower: bool = True,
    alphabet: int = 1_000,
) -> list[str]:
    """A vocabulary: the special tokens, the characters, then pieces in the order in which they were made.

    alphabet: at most so many different characters, the most frequent ones, and no more than half the vocabulary; a word
              with another character is not learned from. Each is there as "a" and, where it goes on with a word, "##a".

    Google never published its trainer. The papers join the two pieces that make the training text most probable, that
    is, with the greatest count(ab) / (count(a) count(b)). This joins the most frequent pair, by counts alone, as the
    library `tokenizers` does, whose vocabularies most BERTs of today are trained with; of equal pairs the older one.
    Fewer tokens than asked for, of which a warning tells, come out where every word is one token by then.
    Raises ValueError where not even one character has room, and without text.
    """
    room = vocab_size - len(special_tokens)
    if room < 2:
        raise ValueError(
            f"vocab_size is {vocab_size}; it must be at least {len(special_tokens) + 2}, "
            "for the special tokens and one character."
        )
    counts = count_words(texts, lower)
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    frequent = sorted(characters, key=lambda c: (-characters[c], c))[: min(alphabet, room // 2)]
    known = set(frequent)
    words = {word: count for word, count in counts.items() if known.issuperset(word)}
    going_on = {"##" + character for word in words for character in word[1:]}
    tokens = [*special_tokens, *sorted(known - set(special_tokens)), *sorted(going_on)]
    number = {token: n for n, token in enumerate(tokens)}
    rows = {
        (number[word[0]], *(number["##" + character] for character in word[1:])): count
        for word, count in words.items()
    }
    learn_merges(rows, tokens, vocab_size, join_pieces)
    if len(tokens) < vocab_size:
        warnings.warn(
            f"the texts allow only {len(tokens)} tokens of the {vocab_size} asked for: "
            "every word is one token by then.",
            stacklevel=2,
        )
    return tokens


def join_pieces(left: str, right: str) -> str:
    """("bee", "##s") → "bees", ("##k", "##eep") → "##keep"."""
    return left + right.removeprefix("##")


def count_words(texts: Iterable[str], lower: bool = True) -> Counter[str]:
    """How often each word, by `bert_words`, occurs in the texts. Raises ValueError where there is none."""
    if isinstance(texts, str):
        raise ValueError("texts is one string; it must be several: [text].")
    pieces: Counter[str] = Counter()
    for text in texts:
        pieces.update(_split_at_spaces(text))
    counts: Counter[str] = Counter()
    for piece, count in pieces.items():
        for word in bert_words(piece, lower):
            counts[word] += count
    if not counts:
        raise ValueError("the texts hold no word; a tokenizer is trained on text.")
    return counts


def longest_first(word: str, vocabulary: Collection[str]) -> list[str]:
    """The longest token that begins the word, then the longest that goes on with it, to its end; else ["[UNK]"].

    longest_first("beekeeping", {"bee", "##keep", "##k", "##ing"}) == ["bee", "##keep", "##ing"]
    """
    tokens, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            token = ("##" if start else "") + word[start:end]
            if token in vocabulary:
                break
        else:
            return ["[UNK]"]
        tokens.append(token)
        start = end
    return tokens


class WordPieceTokenizer:
    """WordPiece with a given vocabulary, the ids in its order.

    lower:        as for `bert_words`
    longest_word: a word of more characters becomes [UNK]
    """

    def __init__(
        self, vocabulary: Sequence[str], lower: bool = True, longest_word: int = 100
    ) -> None:
        self.vocabulary = list(vocabulary)
        self.ids = {token: number for number, token in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary):
            twice = next(t for t, n in Counter(self.vocabulary).items() if n > 1)
            raise ValueError(f"vocabulary holds {twice!r} more than once.")
        missing = [token for token in BERT_SPECIAL_TOKENS if token not in self.ids]
        if missing:
            raise ValueError(f"vocabulary must hold {missing[0]}.")
        self.special = {token: self.ids[token] for token in BERT_SPECIAL_TOKENS}
        self.lower, self.longest_word = lower, longest_word
        self._remembered: dict[str, list[int]] = {}

    @property
    def n_vocab(self) -> int:
        return len(self.vocabulary)

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text as strings."""
        return [self.vocabulary[number] for number in self.encode(text)]

    def encode(self, text: str, allowed_special: Collection[str] | str = ()) -> list[int]:
        """The ids of a text, without [CLS] and [SEP] around it.

        allowed_special: special tokens that become their id where the text spells them out; "all": every one
        """
        allowed = self.special if allowed_special == "all" else allowed_special
        if isinstance(allowed, str) or not set(allowed) <= self.special.keys():
            raise ValueError(
                f'allowed_special is {allowed_special!r}; it must be "all" or of {list(self.special)}.'
            )
        if not allowed:
            return self._encode_ordinary(text)
        ids: list[int] = []
        for part in re.split(f"({'|'.join(map(re.escape, allowed))})", text):
            ids += [self.special[part]] if part in allowed else self._encode_ordinary(part)
        return ids

    def encode_pair(self, text: str, other: str | None = None) -> tuple[list[int], list[int]]:
        """[CLS] text [SEP], or [CLS] text [SEP] other [SEP]: the ids, and 0 or 1 for each: the text it belongs to."""
        cls, sep = self.special["[CLS]"], self.special["[SEP]"]
        first = [cls, *self.encode(text), sep]
        second = [] if other is None else [*self.encode(other), sep]
        return first + second, [0] * len(first) + [1] * len(second)

    def decode(self, ids: Iterable[int]) -> str:
        """The tokens with spaces between, pieces joined to their words. What normalization took away stays away."""
        numbers = [int(number) for number in ids]
        wrong = [number for number in numbers if not 0 <= number < len(self.vocabulary)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no id: they run from 0 to {len(self.vocabulary) - 1}.")
        return " ".join([self.vocabulary[number] for number in numbers]).replace(" ##", "")

    def save(self, folder: str | Path) -> None:
        """Writes folder/vocab.txt, one token a line, as BERT has it."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{token}\n" for token in self.vocabulary)
        (Path(folder) / "vocab.txt").write_text(lines, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, file: str | Path, lower: bool = True) -> WordPieceTokenizer:
        """The tokenizer of a vocab.txt, or of the folder that holds one."""
        file = Path(file) / "vocab.txt" if Path(file).is_dir() else Path(file)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{file} can't be read: {error}.") from None
        return cls([line.rstrip("\r") for line in text.removesuffix("\n").split("\n")], lower)

    def _encode_ordinary(self, text: str) -> list[int]:
        pieces = _split_at_spaces(text)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.clear()
        for piece in set(pieces) - self._remembered.keys():
            words = bert_words(piece, self.lower)
            self._remembered[piece] = [i for word in words for i in self._longest_first(word)]
        return list(chain.from_iterable(map(self._remembered.__getitem__, pieces)))

    def _longest_first(self, word: str) -> list[int]:
        too_long = len(word) > self.longest_word
        tokens = ["[UNK]"] if too_long else longest_first(word, self.ids)
        return [self.ids[token] for token in tokens]


def _split_at_spaces(text: str) -> list[str]:
    """Pieces that can be cut into words one by one; they repeat, so that the work is done once for each."""
    return sound(text).replace("\n", " ").replace("\t", " ").replace("\r", " ").split(" ")
