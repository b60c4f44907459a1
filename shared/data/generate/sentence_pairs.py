"""English–French sentence pairs from a two-language grammar: week 4's and 6's stand-in for real sentence pairs.

    pairs = sentence_pairs()
    pairs["train"][0]       # ("The friends help us.", "Les amis nous aident.")

One English sentence has one French translation, so exact match is fair. For that, English must decide what French asks:
- "you" is tu; it is vous where the sentence ends in sir or madam, or begins a command that does;
- where English leaves the gender open, French is masculine: I, you, we, they, teacher, friend, two people of both;
- the simple past is the passé composé, except être and avoir, whose past is the imparfait; like is aimer, love adorer;
- yes/no questions are asked with est-ce que; apostrophes are straight; a plain space stands before a question mark.

The splits are cut by frame and content words (without tense, negation, question and number): no such combination is in
two of them, and no French sentence either. Every word of `valid` and `test` occurs in `train`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from shared.data.generate.english_french import compound, frames, scenes
from shared.data.generate.english_french.frames import Sentence
from shared.data.generate.english_french.phrases import Dice
from shared.data.generate.english_french.surface import Words, write_english, write_french

Pair = tuple[str, str]

SIZES = {"train": 21_000, "valid": 1_000, "test": 2_000}
# How many of 1,000 pairs have so many English words. Few short sentences exist; long ones are needed to show what
# length does to accuracy.
LENGTHS = {
    2: 12,
    3: 45,
    4: 95,
    5: 130,
    6: 140,
    7: 133,
    8: 118,
    9: 97,
    10: 78,
    11: 60,
    12: 44,
    13: 29,
    14: 19,
}
_SPARE = 1.02  # groups that do not fit a split are left out
_FRAMES: tuple[Callable[[Dice], Sentence | None], ...] = (
    *([frames.statement] * 34 + [frames.question] * 9),
    *([frames.adverb_question] * 4 + [frames.who_question] * 3 + [frames.what_question] * 3),
    *([frames.how_many_question] * 3 + [frames.where_question] * 2 + [frames.age_question]),
    *([scenes.command] * 5 + [scenes.existence] * 4 + [scenes.presentation] * 4),
    *([scenes.weather] + [scenes.comparison] * 5),
    *([compound.joined_clauses] * 8 + [compound.shared_subject] * 6 + [compound.opinion] * 6),
    *(
        [compound.who_clause] * 12
        + [compound.that_clause] * 8
        + [compound.errand] * 6
        + [compound.fronted] * 6
    ),
)


def sentence_pairs(seed: int = 0) -> dict[str, list[Pair]]:
    """Distinct (English, French) pairs: 21,000 `train`, 1,000 `valid` and 2,000 `test`.

    seed: other sentences from the same grammar. Sentences have 2 to 14 English words.
    """
    return _split(_generate(seed, round(sum(SIZES.values()) * _SPARE)), seed)


def _generate(seed: int, count: int) -> list[tuple[Pair, Words]]:
    """`count` distinct pairs with their keys, their English lengths shared out as LENGTHS says."""
    dice = Dice(seed)
    room = {length: round(share * count / 1000) for length, share in LENGTHS.items()}
    found: dict[str, tuple[str, Words]] = {}
    missing = sum(room.values())
    while missing:
        dice.polite = dice.chance(0.04)
        dice.madam = dice.chance(0.5)
        sentence = dice.pick(_FRAMES)(dice)
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
        missing -= 1
    return [((english, french), key) for english, (french, key) in found.items()]


def _address(sentence: Sentence, madam: bool) -> Sentence:
    english, french = ("madam", "madame") if madam else ("sir", "monsieur")
    return sentence._replace(
        english=(*sentence.english, ",", english), french=(*sentence.french, ",", french)
    )


def _split(pairs: Iterable[tuple[Pair, Words]], seed: int) -> dict[str, list[Pair]]:
    """Whole groups of one key (or one French sentence) go to one split, in the order of their hash."""
    groups = _groups(pairs)
    order = sorted(
        groups, key=lambda key: hashlib.blake2b(f"{seed}|{key}".encode(), digest_size=8).digest()
    )
    uses = Counter(word for group in groups.values() for pair in group for word in _words(pair))
    splits: dict[str, list[Pair]] = {name: [] for name in SIZES}
    for key in order:
        group = groups[key]
        own = Counter(word for pair in group for word in _words(pair))
        # What would take a word's last uses out of training stays in it.
        common = all(uses[word] - count >= 5 for word, count in own.items())
        for name in ("test", "valid", "train"):
            if len(splits[name]) + len(group) <= SIZES[name] and (common or name == "train"):
                splits[name] += group
                break
        else:
            common = False
        if common and name != "train":
            uses -= own
    return splits


def _words(pair: Pair) -> list[str]:
    return [
        *(word + "@en" for word in pair[0].lower().split()),
        *(word + "@fr" for word in pair[1].lower().split()),
    ]


def _groups(pairs: Iterable[tuple[Pair, Words]]) -> dict[str, list[Pair]]:
    """Pairs by key; keys whose groups share a French sentence are made one."""
    by_key: dict[str, list[Pair]] = defaultdict(list)
    first_key: dict[str, str] = {}
    merged: dict[str, str] = {}

    def root(key: str) -> str:
        while key in merged:
            key = merged[key]
        return key

    for pair, words in pairs:
        key = root(" ".join(word for word in words if word))
        other = root(first_key.setdefault(pair[1], key))
        if other != key:
            by_key[other] += by_key.pop(key, [])
            merged[key] = other
        by_key[other].append(pair)
    return by_key
