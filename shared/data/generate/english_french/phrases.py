"""Noun phrases in both languages: determiner, adjectives in their places, agreement, possessor.

Met in weeks 4 and 6. A `Phrase` carries the same thing in both languages, and what French makes of it under
negation (`un chat` → `pas de chat`) and after de (`du lait` → `besoin de lait`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.lexicon import (
    ADJECTIVES,
    MASS,
    NAMES,
    NOUNS,
    NUMBERS,
    POSSESSABLE,
    Adjective,
    Noun,
    adjectives_for,
    nouns,
)
from shared.data.generate.english_french.surface import Words, vowel_sound, words


class Phrase(NamedTuple):
    """A noun phrase. person: 0 je … 5 ils; negated: as an object after ne … pas; after_de: with de before it."""

    english: Words
    french: Words
    negated: Words
    after_de: Words
    person: int
    feminine: bool
    plural: bool
    lemmas: Words


class Possessive(NamedTuple):
    english: str
    forms: tuple[str, str, str]  # masculine singular, feminine singular, plural


POSSESSIVES = tuple(
    Possessive(english, tuple(forms.split()))  # type: ignore[arg-type]
    for english, forms in (
        ("my", "mon ma mes"),
        ("your", "ton ta tes"),
        ("his", "son sa ses"),
        ("her", "son sa ses"),
        ("our", "notre notre nos"),
        ("their", "leur leur leurs"),
    )
)
POLITE_YOUR = Possessive("your", ("votre", "votre", "vos"))
ATTRIBUTIVE: dict[str, tuple[Adjective, ...]] = {
    # "my happy aunt" is odd: relatives are only young, old, little
    noun.english: tuple(
        a for a in adjectives_for(noun) if a.attributive and (a.before_noun or noun.kind != "kin")
    )
    for noun in NOUNS.values()
}
PREDICATIVE: dict[str, tuple[Adjective, ...]] = {
    noun.english: adjectives_for(noun) for noun in NOUNS.values()
}
_ONLY_ONE = words("mother father")
_ALONE = words("good bad")  # these judge the whole thing: no "bad delicious soup"
# Said of a person whose trade is unknown: I, she, Paul.
PERSON_ADJECTIVES = tuple(
    a for a in ADJECTIVES if a.english in words("tired sick happy sad tall kind intelligent")
)


def _definite(english: Words, french: Words, **more: object) -> Phrase:
    return Phrase(english, french, french, ("de", *french), **more)  # type: ignore[arg-type]


PRONOUNS = tuple(
    _definite(
        (english,),
        (french,),
        person=person,
        feminine=feminine,
        plural=person in (3, 5),
        lemmas=(english,),
    )
    for english, french, person, feminine in (
        ("I", "je", 0, False),
        ("you", "tu", 1, False),
        ("he", "il", 2, False),
        ("she", "elle", 2, True),
        ("we", "nous", 3, False),
        ("they", "ils", 5, False),
    )
)
_NAMES = tuple(
    _definite((name,), (name,), person=2, feminine=feminine, plural=False, lemmas=(name,))
    for name, feminine in NAMES.items()
)


def pronoun(dice: Dice) -> Phrase:
    """A subject pronoun; "you" is vous where someone is addressed politely."""
    chosen = dice.pick(PRONOUNS)
    if chosen.person == 1 and dice.polite:
        return chosen._replace(french=("vous",), person=4, feminine=dice.madam)
    return chosen


def name(dice: Dice) -> Phrase:
    return dice.pick(_NAMES)


def both(first: Phrase, second: Phrase) -> Phrase:
    """`my brother and my sister`: plural, and feminine only if both are."""
    return _definite(
        (*first.english, "and", *second.english),
        (*first.french, "et", *second.french),
        person=5,
        feminine=first.feminine and second.feminine,
        plural=True,
        lemmas=(*first.lemmas, *second.lemmas),
    )


def build(
    noun: Noun,
    determiner: str,
    plural: bool = False,
    before: Adjective | None = None,
    after: Adjective | None = None,
    own: Possessive | None = None,
    number: tuple[str, str] | None = None,
    possessor: Phrase | None = None,
) -> Phrase:
    """One noun phrase. determiner: the, a, this, some, any, many, all, none (mass or plural), generic, own, number, of.

    `none` is English without an article and French with du, de la or des; `generic` is French with le, la or les.
    `of` puts the possessor before the noun in English and after it in French.
    """
    noun_french = noun.french_plural if plural else noun.french
    english_core = (noun.english_plural if plural else noun.english,)
    core: Words = (noun_french,)
    form = 2 * noun.feminine + plural
    if after:
        english_core = (after.english, *english_core)
        core = (*core, after.forms[form])
    if before:
        english_core = (before.english, *english_core)
        word = before.before_vowel if form == 0 and vowel_sound(noun_french) else before.forms[form]
        core = (word, *core)
    lemmas = tuple(adjective.english for adjective in (before, after) if adjective) + (
        noun.english,
    )
    facts = {
        "person": 5 if plural else 2,
        "feminine": noun.feminine,
        "plural": plural,
        "lemmas": lemmas,
    }
    le = "les" if plural else "la" if noun.feminine else "le"
    if determiner in ("none", "some", "any", "a", "many"):
        english = english_core if determiner == "none" else (determiner, *english_core)
        bare = ("de", *core)
        if determiner == "many":
            if noun.kind in MASS:
                english = ("a", "lot", "of", *english_core)
            much = ("beaucoup", *bare)
            return Phrase(english, much, much, ("de", *much), **facts)  # type: ignore[arg-type]
        if determiner == "a":
            french = ("une" if noun.feminine else "un", *core)
            return Phrase(english, french, bare, ("de", *french), **facts)  # type: ignore[arg-type]
        if plural:  # des, but de before an adjective: des chats, de grands chats
            french = bare if before else ("des", *core)
        else:
            french = ("de", le, *core)
        return Phrase(english, french, bare, bare, **facts)  # type: ignore[arg-type]
    if determiner == "generic":
        return _definite(english_core, (le, *core), **facts)
    if determiner == "this":
        english = ("these" if plural else "this", *english_core)
        this = (
            "ces"
            if plural
            else "cette"
            if noun.feminine
            else "cet"
            if vowel_sound(core[0])
            else "ce"
        )
        return _definite(english, (this, *core), **facts)
    if determiner == "all":
        all_ = "toutes" if noun.feminine else "tous"
        return _definite(("all", "the", *english_core), (all_, le, *core), **facts)
    if number is not None:
        return _definite((number[0], *english_core), (number[1], *core), **facts)
    if own is not None:
        # ma becomes mon before a vowel sound: mon amie, mon écharpe
        word = own.forms[2 if plural else 1 if noun.feminine and not vowel_sound(core[0]) else 0]
        return _definite((own.english, *english_core), (word, *core), **facts)
    if possessor is not None:
        last = possessor.english[-1]
        genitive = last + ("'" if possessor.plural and last.endswith("s") else "'s")
        facts["lemmas"] = (*possessor.lemmas, *lemmas)
        return _definite(
            (*possessor.english[:-1], genitive, *english_core),
            (le, *core, *possessor.after_de),
            **facts,
        )
    return _definite(("the", *english_core), (le, *core), **facts)


def noun_phrase(
    dice: Dice, noun: Noun, role: str = "object", negative: bool = False, plain: bool = False
) -> Phrase:
    """A random phrase around a noun. role: subject, object, definite (the, my, this) or question (an object in one).

    negative: the clause is negated, so that "some" is "any"; plain: neither adjectives nor a possessor.
    """
    before = after = None
    if not plain and ATTRIBUTIVE[noun.english] and dice.chance(0.3):
        first, second = dice.pick(ATTRIBUTIVE[noun.english]), dice.pick(ATTRIBUTIVE[noun.english])
        before, after = (first, None) if first.before_noun else (None, first)
        if dice.chance(0.25) and first.english not in _ALONE:  # le petit chat noir
            if before and not second.before_noun:
                after = second
            elif after and second.before_noun and second.english not in _ALONE:
                before = second
    roll = dice.random()
    if noun.kind == "kin" or (noun.english in POSSESSABLE and roll < 0.4):
        plural = noun.english not in _ONLY_ONE and dice.chance(0.15)
        return build(noun, "own", plural, before, after, own=_own(dice))
    if noun.kind in MASS:
        if role == "definite" or roll < 0.35:
            return build(noun, "the", False, before, after)
        if roll < 0.45 and noun.english != "grass":
            return build(noun, "own", False, before, after, own=_own(dice))
        if roll < 0.52 and not negative:
            return build(noun, "many", False, before, after)
        some = "any" if negative else "none" if role == "question" else "some"
        return build(noun, some if roll < 0.64 else "none", False, before, after)
    plural = noun.english == "shoe" or dice.chance(0.3)
    if roll < 0.38:
        return build(noun, "the", plural, before, after)
    if roll < 0.46:
        return build(noun, "this", plural, before, after)
    if roll < 0.52 and not plain and not (before or after) and role != "question":
        owner = (
            name(dice)
            if dice.chance(0.4)
            else noun_phrase(dice, dice.pick(_OWNERS), "definite", plain=True)
        )
        if (
            noun.kind not in ("person", "place")
            or noun.english in POSSESSABLE
            or noun.english in ("house", "garden")
        ):
            return build(noun, "of", plural, possessor=owner)
    if roll < 0.62 and (
        noun.kind not in ("person", "place") or noun.english in ("house", "garden", "school")
    ):
        return build(noun, "own", plural, before, after, own=_own(dice))
    if role == "definite":
        return build(noun, "the", plural, before, after)
    if plural:
        if roll < 0.76 and not negative:
            return build(noun, "number", True, before, after, number=dice.pick(NUMBERS))
        if roll < 0.80:
            return build(noun, "all", True, before, after)
        if roll < 0.84 and not negative:
            return build(noun, "many", True, before, after)
        if role == "subject":
            return build(noun, "the", True, before, after)
        some = "any" if negative else "none" if role == "question" else "some"
        return build(noun, some if roll < 0.92 else "none", True, before, after)
    return build(noun, "a" if role != "subject" or roll > 0.85 else "the", False, before, after)


_OWNERS = nouns(
    "mother father brother sister uncle aunt neighbor friend teacher doctor farmer king queen child "
    "artist student"
)


def _own(dice: Dice) -> Possessive:
    own = dice.pick(POSSESSIVES)
    return POLITE_YOUR if own.english == "your" and dice.polite else own


def subject(dice: Dice, allowed: Sequence[Noun], plain: bool = False) -> Phrase:
    """A random subject: a pronoun, a name, two people, or a noun phrase. Only people have the first three."""
    noun = dice.pick(allowed)
    roll = dice.random()
    if noun.kind in ("person", "kin"):
        if roll < 0.42:
            return pronoun(dice)
        if roll < 0.52:
            return name(dice)
        if roll < 0.58:
            first, second = person(dice), person(dice)
            if first.lemmas != second.lemmas:
                return both(first, second)
    return noun_phrase(dice, noun, "subject", plain=plain)


def person(dice: Dice) -> Phrase:
    """A name or a plain, definite person: `Anne`, `my brother`, `the teacher`."""
    if dice.chance(0.4):
        return name(dice)
    return noun_phrase(dice, dice.pick(_PEOPLE), "definite", plain=True)


_PEOPLE = tuple(noun for noun in NOUNS.values() if noun.kind in ("person", "kin"))
