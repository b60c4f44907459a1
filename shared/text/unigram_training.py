"""Learning the tokens of Unigram and their probabilities: begin with too many, take away those missed least. Week 8.

A word can be cut in many ways, and its probability is the sum over all of them. Expectation–maximization (EM) makes the
texts probable: how often is each token used, if every word is cut in all ways at once, each by its probability (E)?
These counts give new probabilities (M), under which other ways are likelier, and so on. Then the tokens go without
which the texts would lose least, and again, until the vocabulary is as small as asked.
Sources: Kudo, "Subword Regularization" (1804.10959), section 3.2; Dempster, Laird & Rubin 1977 for EM; the trainer of
google/sentencepiece, for the numbers below.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shared.text.unigram import LONGEST, split_words, viterbi

_SEEDS_PER_TOKEN = 20  # tokens to begin with, for each one that is to stay
_SHRINK = 0.75  # of the tokens stay, each time
_STEPS_OF_EM = 2  # before each pruning
_LEAST_COUNT = 0.5  # a token that is expected less often than this is dropped
_LONGEST_LEARNED = 100  # characters of a word that is learned from


def train_unigram(
    texts: Iterable[str], vocab_size: int, longest: int = LONGEST, alphabet: int = 1_000
) -> dict[str, float]:
    """Tokens and their scores, logarithms of probabilities, the most probable first; at most vocab_size.

    longest:  characters of a token
    alphabet: at most so many different characters, the most frequent ones, and no more than half the vocabulary; a
              word with another character is not learned from

    Texts too small for so many tokens give fewer, of which a warning tells. Raises ValueError for a vocabulary that has
    no room, and without text.
    """
    if vocab_size < 2:
        raise ValueError(f"vocab_size is {vocab_size}; it must be at least 2.")
    words = count_words(texts)
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    frequent = sorted(characters, key=lambda c: (-characters[c], c))
    known = set(frequent[: min(alphabet, max(1, vocab_size // 2))])
    words = {w: n for w, n in words.items() if known.issuperset(w) and len(w) <= _LONGEST_LEARNED}
    seeds = seed_counts(words, known, vocab_size, longest)
    tokens, lattices = list(seeds), lattices_of(words, list(seeds), longest)
    scores = maximize(np.array([*seeds.values()], dtype=float), tokens)
    while True:
        for _ in range(_STEPS_OF_EM):
            counts, _ = expect(lattices, scores)
            scores = maximize(counts, tokens)
        left = int(np.isfinite(scores).sum())
        if left <= vocab_size:
            break
        scores = prune(scores, counts, tokens, max(vocab_size, int(_SHRINK * left)))
    if left < vocab_size:
        warnings.warn(
            f"the texts allow only {left} tokens of the {vocab_size} asked for.", stacklevel=2
        )
    kept = [(token, score) for token, score in zip(tokens, scores.tolist()) if score > -np.inf]
    return dict(sorted(kept, key=lambda item: (-item[1], item[0])))


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, "▁" before it. Raises ValueError for one string, and where there is no word."""
    if isinstance(texts, str):
        raise ValueError("texts is one string; it must be several: [text].")
    words: Counter[str] = Counter()
    for text in texts:
        words.update(split_words(text))
    if not words:
        raise ValueError("the texts hold no character; a tokenizer is trained on text.")
    return words


def seed_counts(
    words: Mapping[str, int], characters: Iterable[str], size: int, longest: int = LONGEST
) -> dict[str, int]:
    """All characters, and of the parts of words that occur more than once those with the greatest count · length."""
    counts: Counter[str] = Counter(dict.fromkeys(sorted(characters), 0))
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + longest) + 1):
                counts[word[start:end]] += count
    parts = [part for part, count in counts.items() if len(part) > 1 and count > 1]
    parts.sort(key=lambda part: (-counts[part] * len(part), part))
    alone = [part for part in counts if len(part) == 1]
    return {part: counts[part] for part in [*alone, *parts[: _SEEDS_PER_TOKEN * size]]}


@dataclass(frozen=True)
class Lattice:
    """All ways to cut the words of one length, n of them, at once.

    parts:  (n, length, longest) numbers of tokens: of the part that ends with character i and has k + 1 characters;
            −1 where that is no token
    counts: (n,) how often each word occurs
    """

    parts: np.ndarray
    counts: np.ndarray


def lattices_of(
    words: Mapping[str, int], tokens: Sequence[str], longest: int = LONGEST
) -> list[Lattice]:
    """One lattice for each length of words. The numbers of the tokens are their places in `tokens`."""
    number = {token: n for n, token in enumerate(tokens)}
    of_length = defaultdict(list)
    for word in words:
        of_length[len(word)].append(word)
    lattices = []
    for length, these in sorted(of_length.items()):
        parts = np.full((len(these), length, min(longest, length)), -1)
        for row, word in zip(parts, these):
            for end in range(1, length + 1):
                for size in range(1, min(longest, end) + 1):
                    row[end - 1, size - 1] = number.get(word[end - size : end], -1)
        lattices.append(Lattice(parts, np.array([words[word] for word in these], dtype=float)))
    return lattices


def expect(lattices: Iterable[Lattice], scores: np.ndarray) -> tuple[np.ndarray, float]:
    """The E-step: the expected count of each token, and the log-likelihood of all words, Σ count · log p(word).

    scores: for each token, −inf for one that is gone   →   counts, of the same length

    forward[i]: log of the sum over all ways to cut the first i characters; backward[i]: those after them. A token from
    i to j is used with the probability forward[i] · p(token) · backward[j] / p(word), here in logarithms.
    """
    scores = np.append(scores, -np.inf)  # number −1: no token
    expected, total = np.zeros(len(scores)), 0.0
    for lattice in lattices:
        ways = scores[lattice.parts]  # (n, length, longest)
        n, length, longest = ways.shape
        forward, backward = np.zeros((n, length + 1)), np.zeros((n, length + 1))
        for i in range(1, length + 1):
            sizes = range(1, min(longest, i) + 1)
            sums = [forward[:, i - k] + ways[:, i - 1, k - 1] for k in sizes]
            forward[:, i] = np.logaddexp.reduce(sums)
        for i in reversed(range(length)):
            sizes = range(1, min(longest, length - i) + 1)
            sums = [ways[:, i + k - 1, k - 1] + backward[:, i + k] for k in sizes]
            backward[:, i] = np.logaddexp.reduce(sums)
        for k in range(1, longest + 1):
            used = forward[:, : length + 1 - k] + ways[:, k - 1 :, k - 1] + backward[:, k:]
            used = np.exp(used - forward[:, -1:]) * lattice.counts[:, None]
            numbers = lattice.parts[:, k - 1 :, k - 1]
            expected += np.bincount(numbers.ravel() % len(scores), used.ravel(), len(scores))
        total += float(lattice.counts @ forward[:, -1])
    return expected[:-1], total


def maximize(counts: np.ndarray, tokens: Sequence[str]) -> np.ndarray:
    """The M-step: scores from expected counts. A token expected less than half a time goes; single characters stay.

    Plainly a score would be log(count / total). As in SentencePiece, the digamma function ψ stands in for the logarithm
    (ψ(n) is about log(n − ½), so rare tokens lose most): Bayes' estimate where most tokens are expected to be rare.
    """
    alone = np.array([len(token) == 1 for token in tokens])
    counts = np.where(alone, np.maximum(counts, _LEAST_COUNT), counts)
    stays = counts >= _LEAST_COUNT
    numbers = torch.from_numpy(np.append(counts[stays], counts[stays].sum()))
    digamma = torch.special.digamma(numbers).numpy()
    scores = np.full(len(counts), -np.inf)
    scores[stays] = digamma[:-1] - digamma[-1]
    return scores


def prune(scores: np.ndarray, counts: np.ndarray, tokens: Sequence[str], size: int) -> np.ndarray:
    """The scores with −inf for all but `size` tokens: those that would be missed most, and the single characters.

    Without a token its places are cut in the next best way. The texts lose count · (its score − that way's), about.
    """
    left = {t: s for t, s in zip(tokens, scores.tolist()) if s > -np.inf}
    loss, alone = {}, 0
    for number, token in enumerate(tokens):
        if len(token) == 1:
            alone += 1
        elif token in left:
            instead = viterbi(token, left, len(token) - 1)
            loss[number] = counts[number] * (left[token] - sum([left[t] for t in instead]))
    fewest = sorted(loss, key=lambda number: (loss[number], tokens[number]))
    pruned = scores.copy()
    pruned[fewest[: max(0, len(loss) - max(0, size - alone))]] = -np.inf
    return pruned
