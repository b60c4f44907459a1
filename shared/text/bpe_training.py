"""Learning the merges of byte-pair encoding: join the most frequent pair, again and again. Met in week 8.

Every text is a row of bytes. The two neighbours that stand side by side most often become one token, everywhere; then
the next pair, which may contain the token just made; until the vocabulary is full.
Sources: Gage, "A New Algorithm for Data Compression" (1994); Sennrich, Haddow & Birch, "Neural Machine Translation of
Rare Words with Subword Units" (2016); Radford et al., "Language Models are Unsupervised Multitask Learners" (2019),
section 2.2, for bytes in place of characters.
"""

import heapq
import operator
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from shared.text.pretokenize import GPT2_PATTERN, sound, split, split_at_spaces

Token = TypeVar("Token", bytes, str)

# GPT-2's order of the 256 bytes: first those that print as one sign, then the rest. Ties are broken by it.
BYTES = [
    *range(ord("!"), ord("~") + 1),
    *range(ord("¡"), ord("¬") + 1),
    *range(ord("®"), ord("ÿ") + 1),
]
BYTES += sorted(set(range(256)) - set(BYTES))

_GAP = -1  # between two words
_INSIDE = -2  # within a token, where none begins


def train_bpe(
    texts: Iterable[str], vocab_size: int, pattern: str = GPT2_PATTERN
) -> list[tuple[bytes, bytes]]:
    """The merges, in the order in which they were learned: each a pair of tokens that became one.

    vocab_size: the 256 bytes and the merges: there are vocab_size − 256 of these, or fewer where the texts end first
                (every pre-token is one token then), of which a warning tells

    Of two equally frequent pairs the one of older tokens is taken, so that the same texts, in any order, give the same
    merges: those of the library `tokenizers`. Raises ValueError for a smaller vocabulary than 256, and without text.
    """
    if vocab_size < 256:
        raise ValueError(f"vocab_size is {vocab_size}; it must be at least 256, one for each byte.")
    counts = count_pretokens(texts, pattern)
    number = {byte: n for n, byte in enumerate(BYTES)}
    words = {
        tuple(number[byte] for byte in pretoken.encode("utf-8")): count
        for pretoken, count in counts.items()
    }
    tokens = [bytes([byte]) for byte in BYTES]
    merges = learn_merges(words, tokens, vocab_size, operator.add)
    if len(tokens) < vocab_size:
        warnings.warn(
            f"the texts allow only {len(tokens)} tokens of the {vocab_size} asked for: "
            "every pre-token is one token by then.",
            stacklevel=2,
        )
    return merges


def count_pretokens(texts: Iterable[str], pattern: str = GPT2_PATTERN) -> Counter[str]:
    """How often each pre-token occurs in the texts; only its different pre-tokens are kept of a text.

    Raises ValueError where texts is one string, and where there is no text.
    """
    if isinstance(texts, str):
        raise ValueError("texts is one string; it must be several: [text].")
    beginnings: Counter[str] = Counter()
    pieces: Counter[str] = Counter()
    for text in texts:
        first, *rest = split_at_spaces(sound(text), pattern)
        beginnings[first] += 1
        pieces.update(rest)
    counts: Counter[str] = Counter()
    for before, counted in (("", beginnings), (" ", pieces)):
        for piece, count in counted.items():
            for pretoken in split(before + piece, pattern):
                counts[pretoken] += count
    if not counts:
        raise ValueError("the texts hold no character; a tokenizer is trained on text.")
    return counts


def learn_merges(
    words: Mapping[Sequence[int], int],
    tokens: list[Token],
    vocab_size: int,
    join: Callable[[Token, Token], Token],
) -> list[tuple[Token, Token]]:
    """The most frequent pair becomes a token until there are vocab_size tokens, or no pair is left.

    words:  each a row of token numbers → how often it occurs; no pair reaches over the end of a word
    tokens: token of each number; the new ones are appended
    join:   the token that two make together: bytes a + b, or WordPiece's "a" + "##b" → "ab"

    Nothing is counted twice. All words stand in one row, and a merge visits only the places where its pair stands;
    there it changes the counts of the pairs to the left and right. The row holds a token's number at its first and at
    its last place, so that both neighbours are found at once, however long the tokens are:

        w i d e r | w i d e          ("e" and "r" have merged into 7)
        0 1 2 3 4 | 0 1 2 3    →     0 1 2 7 7 | 0 1 2 3
    """
    row, weights = [_GAP], [0]  # the weight of a place: how often its word occurs
    for word, count in words.items():
        row += [*word, _GAP]
        weights += [count] * (len(word) + 1)
    counts: dict[tuple[int, int], int] = defaultdict(int)
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, pair in enumerate(zip(row, row[1:])):
        if _GAP not in pair:
            counts[pair] += weights[place]
            places[pair].append(place)

    numbers = {token: number for number, token in enumerate(tokens)}
    lengths = [1] * len(tokens)  # in places of the row
    # The largest count first, then the smaller pair. An entry is out of date once its pair's count has changed.
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    merges = []
    while queue and len(tokens) < vocab_size:
        negative, pair = heapq.heappop(queue)
        if counts[pair] != -negative:
            if counts[pair] > 0:
                heapq.heappush(queue, (-counts[pair], pair))
            continue
        left, right = pair
        token = join(tokens[left], tokens[right])
        merges.append((tokens[left], tokens[right]))
        new = numbers.setdefault(token, len(tokens))
        if new == len(tokens):
            tokens.append(token)
            lengths.append(lengths[left] + lengths[right])
        grown = set()
        for place in places.pop(pair):
            middle = place + lengths[left]
            end = middle + lengths[right]
            if row[place] != left or row[middle] != right:
                continue  # one of the two has merged with its other neighbour since
            weight, before, after = weights[place], row[place - 1], row[end]
            if before != _GAP:
                counts[before, left] -= weight
                counts[before, new] += weight
                places[before, new].append(place - lengths[before])
                grown.add((before, new))
            if after != _GAP:
                counts[right, after] -= weight
                counts[new, after] += weight
                places[new, after].append(place)
                grown.add((new, after))
            row[middle] = _INSIDE
            row[place] = row[end - 1] = new
        counts[pair] = 0
        for changed in grown:
            if counts[changed] > 0:
                heapq.heappush(queue, (-counts[changed], changed))
    return merges
