"""Unigram, SentencePiece's own tokenizer: each token has a probability, and a word is cut where that is greatest.

    scores = train_unigram(texts, 1_000)                # of `unigram_training`: token → log-probability
    tokenizer = UnigramTokenizer(scores)
    tokenizer.tokenize("Bees dance.") == ["▁Be", "es", "▁dance", "."]       # "▁": a space stood here

BPE has one way to cut a word, by its merges. Here every way has a probability, the product over its tokens: the best is
found without trying all of them, and others can be drawn. Met in week 8.
Sources: Kudo, "Subword Regularization" (1804.10959); Kudo & Richardson, "SentencePiece" (1808.06226), whose
normalization of Unicode is left out.
"""

from __future__ import annotations

import math
import random
import re
from collections import ChainMap
from collections.abc import Iterable, Mapping

from shared.text.pretokenize import sound

SPACE = "▁"  # U+2581, which few texts hold
UNKNOWN = "<unk>"
LONGEST = 16  # characters of a token
_UNKNOWN_PENALTY = 10.0  # below the least score of a token


def viterbi(word: str, scores: Mapping[str, float], longest: int = LONGEST) -> list[str]:
    """The tokens of the most probable way to cut a word: those with the greatest sum of scores.

    scores:  token → log-probability; every character of the word is among them
    longest: no token has more characters

    The best way to cut word[:end] ends in some token word[start:end], and before that it is the best way to cut
    word[:start]: so each is found from those before it. Of equally good ways the one with the longer last token.
    Source: Viterbi 1967, "Error bounds for convolutional codes".
    """
    best, begin = [0.0], [0]  # of word[:end]: the score, and where the last token begins
    for end in range(1, len(word) + 1):
        score, start = -math.inf, end - 1
        for place in range(max(0, end - longest), end):
            token = word[place:end]
            if token in scores and best[place] + scores[token] > score:
                score, start = best[place] + scores[token], place
        best.append(score)
        begin.append(start)
    tokens, end = [], len(word)
    while end > 0:
        tokens.append(word[begin[end] : end])
        end = begin[end]
    return tokens[::-1]


def log_likelihood(word: str, scores: Mapping[str, float], longest: int = LONGEST) -> float:
    """The logarithm of a word's probability: the sum over all ways to cut it of the product over the tokens."""
    return _forward(word, scores, longest)[-1]


def sample(
    word: str,
    scores: Mapping[str, float],
    alpha: float = 1.0,
    generator: random.Random | None = None,
    longest: int = LONGEST,
) -> list[str]:
    """The tokens of one way to cut a word, drawn by (probability of the way)^alpha.

    alpha: 0 draws any way, 1 by its probability, and the larger, the more often the best one. A model that is trained
           on texts cut anew each time (Kudo used 0.2 to 0.5) sees that "▁bee" + "s" and "▁bees" are the same.
    Drawn from the back: the last token by all ways to cut what stands before it, then the one before that.
    Raises ValueError where a character of the word is no token.
    """
    generator = generator or random.Random()
    ends = range(1, len(word) + 1)
    parts = {word[start:end] for end in ends for start in range(max(0, end - longest), end)}
    tempered = {part: alpha * scores[part] for part in parts if part in scores}
    forward = _forward(word, tempered, longest)
    if forward[-1] == -math.inf:
        raise ValueError(f"word is {word!r}; there is no way to cut it into the tokens of scores.")
    tokens, end = [], len(word)
    while end > 0:
        starts = [s for s in range(max(0, end - longest), end) if word[s:end] in tempered]
        chances = [math.exp(forward[s] + tempered[word[s:end]] - forward[end]) for s in starts]
        start = generator.choices(starts, chances)[0]
        tokens.append(word[start:end])
        end = start
    return tokens[::-1]


def split_words(text: str) -> list[str]:
    """ "Bees dance" → ["▁Bees", "▁dance"]: a space becomes the beginning of the word that follows it.

    One is put before the text, also before one that begins with a space (there the library does not, and forgets it).
    """
    if not text:
        return []
    return re.findall(f"{SPACE}[^{SPACE}]*", SPACE + sound(text).replace(" ", SPACE))


class UnigramTokenizer:
    """Unigram with given scores; ids in their order, after <unk>.

    A character that no token has becomes <unk>, with neighbours of its kind in one, as in the library `tokenizers`.
    """

    def __init__(self, scores: Mapping[str, float], longest: int = LONGEST) -> None:
        if not scores or UNKNOWN in scores:
            raise ValueError(f"scores must hold tokens, and not {UNKNOWN}, which is added.")
        self.scores = dict(scores)
        self.ids = {token: number for number, token in enumerate([UNKNOWN, *scores])}
        self._tokens, self.longest = list(self.ids), longest
        self._penalized = min(scores.values()) - _UNKNOWN_PENALTY

    @property
    def n_vocab(self) -> int:
        return len(self.ids)

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text as strings; what is unknown stays as it is."""
        return [token for word in split_words(text) for token in self.tokenize_word(word)]

    def tokenize_word(self, word: str) -> list[str]:
        """The tokens of a word as `split_words` gives it."""
        unknown = {c: self._penalized for c in word if c not in self.scores}
        tokens = viterbi(
            word, ChainMap(unknown, self.scores) if unknown else self.scores, self.longest
        )
        joined: list[str] = []
        for before, token in zip([None, *tokens], tokens):
            if token in unknown and before in unknown:
                joined[-1] += token
            else:
                joined.append(token)
        return joined

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        return [self.ids.get(token, 0) for token in self.tokenize(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; <unk> becomes U+FFFD. Raises ValueError for a number that is no id."""
        numbers = [int(number) for number in ids]
        wrong = [number for number in numbers if not 0 <= number < self.n_vocab]
        if wrong:
            raise ValueError(f"{wrong[0]} is no id: they run from 0 to {self.n_vocab - 1}.")
        tokens = ["\ufffd" if number == 0 else self._tokens[number] for number in numbers]
        return "".join(tokens).replace(SPACE, " ").removeprefix(" ")


def _forward(word: str, scores: Mapping[str, float], longest: int) -> list[float]:
    """For each end: the logarithm of the sum over all ways to cut word[:end]."""
    forward = [0.0]
    for end in range(1, len(word) + 1):
        ways = [
            forward[start] + scores[token]
            for start in range(max(0, end - longest), end)
            if (token := word[start:end]) in scores
        ]
        most = max(ways, default=-math.inf)
        if most > -math.inf:  # so that no exponential is too small for a float
            most += math.log(sum([math.exp(way - most) for way in ways]))
        forward.append(most)
    return forward
