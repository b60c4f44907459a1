"""Byte-pair encoding in its shortest form: the whole idea in three functions, which the learner of week 8 writes.

    merges = train_bpe({"hug": 3, "pug": 1, "hugs": 2}, n_merges=2)     # [("u", "g"), ("h", "ug")]
    encode("hugs", {pair: place for place, pair in enumerate(merges)})  # ["hug", "s"]

A word is a string, and so is a token. Written with one sign for each byte (`bpe_files.signs`), these are the merges of
GPT-2's byte-level BPE. To count all pairs anew for every merge is slow: `bpe_training` counts once; and `bpe` finds the
tokens of any text; tests say that they give the same.
Sources: Sennrich, Haddow & Birch, "Neural Machine Translation of Rare Words with Subword Units" (1508.07909); Radford
et al. (2019), section 2.2.
"""

from collections import Counter
from collections.abc import Mapping, Sequence


def merge_pair(tokens: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """The tokens with the pair joined wherever it stands, from left to right.

    merge_pair(["a", "a", "a", "b"], ("a", "a")) == ["aa", "a", "b"]
    """
    merged, place = [], 0
    while place < len(tokens):
        found = tuple(tokens[place : place + 2]) == pair
        merged.append(pair[0] + pair[1] if found else tokens[place])
        place += 2 if found else 1
    return merged


def train_bpe(words: Mapping[str, int], n_merges: int) -> list[tuple[str, str]]:
    """The first n_merges merges, or fewer where every word is one token by then.

    words: word → how often it occurs

    Each time the most frequent pair. Of equally frequent ones that whose left token is older, then whose right one is:
    the signs in their order by code, then what was merged, in that order.
    """
    rows = {word: list(word) for word in words}
    tokens = sorted(set("".join(words)))  # the oldest first
    merges = []
    while len(merges) < n_merges:
        counts = Counter()
        for word, row in rows.items():
            for pair in zip(row, row[1:]):
                counts[pair] += words[word]
        if not counts:
            break
        best = max(counts, key=lambda p: (counts[p], -tokens.index(p[0]), -tokens.index(p[1])))
        merges.append(best)
        tokens.append("".join(best))
        rows = {word: merge_pair(row, best) for word, row in rows.items()}
    return merges


def encode(word: str, ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """The tokens of a word: of the pairs that stand in it, the one learned first is joined, until none is known.

    ranks: pair → its place among the merges, 0 for the first
    """
    tokens = list(word)
    while known := [pair for pair in zip(tokens, tokens[1:]) if pair in ranks]:
        tokens = merge_pair(tokens, min(known, key=ranks.__getitem__))
    return tokens
