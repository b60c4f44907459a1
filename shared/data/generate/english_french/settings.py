"""When, where, with whom: the mood of a clause and the places and people around it.

Met in weeks 4 and 6. `mood_for` chooses tense, negation and adverbs that make sense with a verb; `place` and `company`
give adverbials in both languages.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from shared.data.generate.english_french.clauses import Mood, Predicate
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.lexicon import (
    CITIES,
    COUNTRIES,
    FREQUENCIES,
    NUMBERS,
    PREPOSITIONS,
    TIMES,
    Noun,
    nouns,
)
from shared.data.generate.english_french.phrases import Phrase, build, noun_phrase, person
from shared.data.generate.english_french.surface import Words
from shared.data.generate.english_french.verbs import BE, Verb


class Said(NamedTuple):
    """Someone, what is said of them, and how; `frame` names the pattern."""

    subject: Phrase
    predicate: Predicate
    mood: Mood
    frame: str


class Place(NamedTuple):
    """Where, in both languages."""

    english: Words
    french: Words
    lemmas: Words


_NO_PAST = frozenset({"love", "like", "hate", "know", "live"})
_LASTING = frozenset({"love", "like", "hate"})
_TIMELESS = _NO_PAST | {"have"}
_TIMELESS_NOW = _TIMELESS | {"be", "need", "see"}
# What happens to people: nobody wants to, can or must, and it is over at once.
_ACCIDENTS = frozenset({"fall", "lose", "break"})
_NEVER_DONE = frozenset({"stay", "cry", "laugh", "walk", "wait", "look", "listen", "follow"})
_TENSES = {
    "event": (
        *(["present"] * 6 + ["progressive"] * 5 + ["past"] * 6),
        *(["already"] * 2 + ["future"] * 4 + ["want", "can", "must"]),
    ),
    "state": ("present", "present", "present", "past", "future"),
    "perception": ("present", "present", "past", "past", "future", "want", "can"),
    "no past": ("present", "present", "present", "present", "present", "future"),
}
CLOCK = tuple((f"at {english} o'clock", f"à {french} heures") for english, french in NUMBERS)


def mood_for(dice: Dice, verb: Verb, question: bool = False) -> Mood:
    """A tense, negation and adverbs that make sense with a verb."""
    if verb.imparfait:
        kind = "state"
    elif verb.base in _NO_PAST:
        kind = "no past"
    else:
        kind = "perception" if verb.stative else "event"
    tense = dice.pick(_TENSES[kind])
    if verb.base in _LASTING:
        tense = "present"
    if tense == "already" and verb.base in _NEVER_DONE:
        tense = "past"
    if tense not in ("past", "already", "future") and verb.base in _ACCIDENTS:
        tense = "past"
    elif tense == "progressive" and verb.base == "find":
        tense = "present"
    negation = "" if question or dice.chance(0.75) else _negation(dice, verb, tense)
    roll = dice.random()
    if (
        tense == "present"
        and roll < 0.16
        and (not verb.stative or verb is BE or verb.base == "see")
    ):
        frequency = FREQUENCIES[int(roll * 100) % 3]
        if not negation or (negation == "not" and frequency[0] != "sometimes"):
            return Mood(tense, negation, frequency)
    elif roll > 0.75 and negation != "never":
        times = TIMES.get(tense, () if tense == "already" else TIMES["modal"])
        if times and verb.base not in (_TIMELESS_NOW if tense == "present" else _TIMELESS):
            return Mood(tense, negation, None, dice.pick(times))
    return Mood(tense, negation)


def _negation(dice: Dice, verb: Verb, tense: str) -> str:
    roll = dice.random()
    if tense == "already":
        return "not yet"
    if tense == "present" and roll < 0.35:
        return "never" if roll < 0.18 and verb.base not in _TIMELESS else "no longer"
    if tense == "past" and roll < 0.2 and not verb.imparfait:
        return "never"
    return "not"


def place(dice: Dice, preposition: str, only: str = "") -> Place:
    """`near the old church`; `only` narrows the nouns."""
    french, fitting = PREPOSITIONS[preposition]
    noun = dice.pick(nouns_for(only or fitting))
    if noun.english in ("house", "garden") and dice.chance(0.5):
        phrase = noun_phrase(dice, noun, "definite")
    else:
        phrase = noun_phrase(dice, noun, "definite", plain=dice.chance(0.6))
        if phrase.plural or dice.chance(0.5):
            phrase = build(noun, "the")
    after = phrase.after_de[1:] if french[-1] == "de" else phrase.french
    return Place(
        (*preposition.split(), *phrase.english), (*french, *after), (preposition, *phrase.lemmas)
    )


@cache
def nouns_for(spec: str) -> tuple[Noun, ...]:
    """`lexicon.nouns`, remembered."""
    return nouns(spec)


def whereabouts(dice: Dice, abroad: bool = True) -> Place:
    """Where someone is or does something."""
    roll = dice.random()
    if roll < 0.1:
        return Place(("at", "home"), ("à", "la", "maison"), ("home",))
    if abroad and roll < 0.25:
        english, french, _ = dice.pick(CITIES + COUNTRIES)
        return Place(("in", english), tuple(french.split()), (english,))
    return place(
        dice,
        dice.pick(
            (
                "in",
                "in",
                "in",
                "near",
                "near",
                "on",
                "at",
                "behind",
                "in front of",
                "next to",
                "under",
            )
        ),
    )


# Someone after with or for: (English, French, person of the same group as a subject).
_STRESSED = (
    ("me", "moi", 0),
    ("him", "lui", 2),
    ("her", "elle", 2),
    ("us", "nous", 3),
    ("them", "eux", 5),
)
FIRST = frozenset({0, 3})


def company(dice: Dice, who: Phrase, preposition: tuple[str, str]) -> Place | None:
    """`with us`, `for my brother`; None where it would be the subject itself."""
    if dice.chance(0.5):
        english, french, group = dice.pick(_STRESSED)
        if (group in FIRST and who.person in FIRST) or (group == 5 and who.person == 3):
            return None
        return Place((preposition[0], english), (preposition[1], french), (preposition[0], english))
    other = person(dice)
    if other.lemmas == who.lemmas:
        return None
    return Place(
        (preposition[0], *other.english),
        (preposition[1], *other.french),
        (preposition[0], *other.lemmas),
    )


def somewhere_else(dice: Dice, preposition: str, column: int) -> Place:
    chosen = dice.pick(CITIES + COUNTRIES)
    return Place((preposition, chosen[0]), tuple(chosen[column].split()), (chosen[0],))


def predicate_of(verb: Verb, lemmas: Words, *parts: Place, **more: object) -> Predicate:
    """A verb followed by adverbials; `lemmas` are the content words of its own."""
    english = tuple(word for part in parts for word in part.english)
    french = tuple(word for part in parts for word in part.french)
    words = (verb.base, *lemmas, *(word for part in parts for word in part.lemmas))
    return Predicate(verb, english, french, french, words, **more)  # type: ignore[arg-type]


def add(predicate: Predicate, part: Place) -> Predicate:
    """The predicate with one more adverbial at its end."""
    return predicate._replace(
        english=(*predicate.english, *part.english),
        french=(*predicate.french, *part.french),
        negated=(*predicate.negated, *part.french),
        lemmas=(*predicate.lemmas, *part.lemmas),
    )


def joined(first: Place, second: Place | None) -> Place:
    """One adverbial after another."""
    if second is None:
        return first
    return Place(
        (*first.english, *second.english),
        (*first.french, *second.french),
        (*first.lemmas, *second.lemmas),
    )
