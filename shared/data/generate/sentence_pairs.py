"""English–French sentence pairs from a two-language grammar: the stand-in for real ones in weeks 4 and 6.

    pairs = sentence_pairs()
    pairs["train"][0]       # ("…", "…"), English and French

One English sentence has one French translation, so that exact match is fair. English must decide what French asks:
- "you" is tu; it is vous in a sentence that ends in sir or madam;
- where English leaves the gender open, French is masculine: I, you, we, they, teacher, friend, Paul and Anne;
- the simple past is the passé composé, but être and avoir stand in the imparfait;
- to like is aimer; to love is adorer for things and aimer for people;
- yes/no questions are asked with est-ce que; des becomes de before an adjective; apostrophes are straight; a plain
  space stands before a question mark.

The splits are cut by frame and content words, whatever the tense, negation, question and number: no such combination
is in two of them, and no French sentence either. Every word of `valid` and `test` occurs in `train`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import accumulate

from shared.data.generate.english_french import (
    comparisons,
    compound,
    frames,
    questions,
    relatives,
    scenes,
)
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import Sentence
from shared.data.generate.english_french.surface import Words, write_english, write_french

Pair = tuple[str, str]
Frame = Callable[[Dice], "Sentence | None"]

SIZES = {"train": 21_000, "valid": 1_000, "test": 2_000}
# How many of 1,000 pairs have so many English words. There are few short sentences; long ones are needed to show what
# length does to accuracy.
LENGTHS = {
    2: 9,
    3: 42,
    4: 95,
    5: 132,
    6: 142,
    7: 135,
    8: 118,
    9: 97,
    10: 79,
    11: 60,
    12: 44,
    13: 29,
    14: 18,
}
_MADE = 1.01  # a few more than needed, since groups are not cut to fill a split
_POLITE = 0.04

# (frame, how often it is thrown while sentences of up to 4, 5 to 8, or more words are wanted)
_FRAMES: tuple[tuple[Frame, tuple[int, int, int]], ...] = (
    (frames.statement, (30, 40, 20)),
    (frames.question, (5, 10, 4)),
    (questions.why_question, (1, 3, 2)),
    (questions.where_or_when, (1, 4, 3)),
    (questions.who_question, (3, 3, 1)),
    (questions.what_question, (2, 4, 0)),
    (questions.how_many_question, (0, 3, 2)),
    (questions.where_is, (4, 1, 0)),
    (questions.age_question, (1, 1, 0)),
    (scenes.command, (9, 4, 0)),
    (scenes.existence, (0, 6, 0)),
    (scenes.presentation, (7, 1, 0)),
    (scenes.weather, (1, 1, 0)),
    (comparisons.comparison, (0, 7, 0)),
    (compound.joined_clauses, (0, 0, 16)),
    (compound.shared_subject, (0, 2, 14)),
    (compound.opinion, (0, 2, 8)),
    (compound.errand, (0, 0, 9)),
    (compound.fronted, (0, 4, 9)),
    (relatives.who_clause, (0, 4, 12)),
    (relatives.that_clause, (0, 4, 8)),
)
_BANDS = (range(2, 5), range(5, 9), range(9, 15))
_THROWN: tuple[tuple[Frame, ...], ...] = tuple(
    tuple(frame for frame, shares in _FRAMES for _ in range(shares[band]))
    for band in range(len(_BANDS))
)


def sentence_pairs(seed: int = 0) -> dict[str, list[Pair]]:
    """Distinct (English, French) pairs: 21,000 `train`, 1,000 `valid` and 2,000 `test`.

    seed: other sentences of the same grammar. Sentences have 2 to 14 English words.
    """
    return _split(_generate(seed, round(sum(SIZES.values()) * _MADE)), seed)


def _generate(seed: int, count: int) -> list[tuple[Pair, Words]]:
    """About `count` distinct pairs with their keys, their English lengths shared out as LENGTHS says."""
    dice = Dice(seed)
    room = {length: round(share * count / 1000) for length, share in LENGTHS.items()}
    found: dict[str, tuple[str, Words]] = {}
    missing = [sum(room[length] for length in band) for band in _BANDS]
    band_of = {length: number for number, band in enumerate(_BANDS) for length in band}
    while any(missing):
        throw = dice.random() * sum(missing)
        wanted = next(number for number, sum_ in enumerate(accumulate(missing)) if throw < sum_)
        dice.polite, dice.madam = dice.chance(_POLITE), dice.chance(0.5)
        sentence = dice.pick(_THROWN[wanted])(dice)
        if sentence is None:
            continue
        if dice.polite:
            sentence = _address(sentence, dice.madam)
        length = len(sentence.english) - sentence.english.count(",")
        if not room.get(length):
            continue
        english = write_english(sentence.english, sentence.end)
        if english in found:
            continue
        found[english] = (write_french(sentence.french, sentence.end), sentence.key)
        room[length] -= 1
        missing[band_of[length]] -= 1
    return [((english, french), key) for english, (french, key) in found.items()]


def _address(sentence: Sentence, madam: bool) -> Sentence:
    sir, monsieur = ("madam", "madame") if madam else ("sir", "monsieur")
    return sentence._replace(
        english=(*sentence.english, ",", sir), french=(*sentence.french, ",", monsieur)
    )


def _split(pairs: Iterable[tuple[Pair, Words]], seed: int) -> dict[str, list[Pair]]:
    """Whole groups go to one split, in the order of their hash; a split that is full takes no more."""
    groups = _groups(pairs)
    left = Counter(word for group in groups.values() for pair in group for word in words_of(pair))
    splits: dict[str, list[Pair]] = {name: [] for name in SIZES}
    for key in sorted(groups, key=lambda key: hashlib.blake2b(f"{seed}|{key}".encode()).digest()):
        group = groups[key]
        own = [word for pair in group for word in words_of(pair)]
        # Held out only where training keeps five uses of every word.
        common = min(left[word] for word in own) >= 5 + len(group) * 3
        for name in ("test", "valid", "train"):
            if len(splits[name]) + len(group) <= SIZES[name] and (common or name == "train"):
                splits[name] += group
                break
        else:
            name = "none"
        if name != "train":
            left.subtract(own)
    return splits


def words_of(pair: Pair) -> list[str]:
    """The words of both sides, without punctuation; an English word and its French twin are two."""
    english, french = (text.lower().replace(",", "") for text in pair)
    return [*(word + "@" for word in english[:-1].split()), *french[:-1].split()]


def _groups(pairs: Iterable[tuple[Pair, Words]]) -> dict[str, list[Pair]]:
    """Pairs by key; keys whose groups share a French sentence are made one."""
    merged: dict[str, str] = {}
    first_key: dict[str, str] = {}
    keyed: list[tuple[str, Pair]] = []

    def root(key: str) -> str:
        while key in merged:
            key = merged[key]
        return key

    for pair, words in pairs:
        key = root(" ".join(words))
        other = root(first_key.setdefault(pair[1], key))
        if other != key:
            merged[key] = other
        keyed.append((other, pair))
    groups: dict[str, list[Pair]] = defaultdict(list)
    for key, pair in keyed:
        groups[root(key)].append(pair)
    return groups
