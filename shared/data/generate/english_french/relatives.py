"""Relative clauses: the one who does something, the thing that someone does something with.

Met in weeks 4 and 6. They ask for agreement over a distance (`la lettre qu'il a écrite est longue`), which attention
finds and a plain encoder–decoder forgets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from shared.data.generate.english_french.clauses import (
    Predicate,
    english_clause,
    french_clause,
    french_predicate,
)
from shared.data.generate.english_french.descriptions import UNSUITED
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import Sentence
from shared.data.generate.english_french.lexicon import MASS, Adjective, nouns
from shared.data.generate.english_french.phrases import PREDICATIVE, Phrase, build, subject
from shared.data.generate.english_french.predicates import (
    giving,
    intransitive,
    motion,
    transitive,
    with_pronoun,
)
from shared.data.generate.english_french.settings import Said, mood_for
from shared.data.generate.english_french.surface import Words, words
from shared.data.generate.english_french.verbs import INTRANSITIVE, TRANSITIVE, Verb

_PEOPLE = nouns(
    "man woman boy girl child king queen actress teacher doctor farmer artist student waitress"
)
_ANIMALS = nouns("cat dog horse bird bear rabbit")


@cache
def _verbs_of(noun: str, transitive_: bool) -> tuple[Verb, ...]:
    """What a noun does."""
    verbs = TRANSITIVE if transitive_ else INTRANSITIVE
    return tuple(verb for verb in verbs if any(noun == who.english for who in verb.subjects))


def _adjective(dice: Dice, noun: str, besides: Words = ()) -> Adjective | None:
    adjective = dice.pick(PREDICATIVE[noun])
    return None if adjective.english in UNSUITED or adjective.english in besides else adjective


def _is(what: Phrase, adjective: Adjective) -> tuple[Words, Words]:
    word = adjective.forms[2 * what.feminine + what.plural]
    be, is_ = ("are", "sont") if what.plural else ("is", "est")
    return (be, adjective.english), (is_, word)


def who_clause(dice: Dice) -> Sentence | None:
    """`The man who is reading is tired.` → `L'homme qui lit est fatigué.`; animals take that."""
    people = dice.chance(0.85)
    noun = dice.pick(_PEOPLE if people else _ANIMALS)
    who = build(noun, "the", dice.chance(0.3))
    adjective = _adjective(dice, noun.english)
    said = _done_by(dice, who, noun.english, people)
    if said is None or adjective is None:
        return None
    be, is_ = _is(who, adjective)
    does = english_clause((), who.person, said.predicate, said.mood)
    english = (*who.english, "who" if people else "that", *does, *be)
    french = (*who.french, "qui", *french_predicate(who, said.predicate, said.mood), *is_)
    key = ("who", noun.english, *said.predicate.lemmas, adjective.english)
    return Sentence(english, french, ".", key)


def _done_by(dice: Dice, who: Phrase, noun: str, people: bool) -> Said | None:
    roll = dice.random()
    if roll < 0.3 or not people:
        if not people and roll < 0.5:
            return transitive(dice, verbs=_verbs_of(noun, True), who=who)
        return intransitive(dice, verbs=_verbs_of(noun, False), who=who)
    if roll < 0.65:
        return transitive(dice, verbs=_verbs_of(noun, True), who=who)
    maker = with_pronoun if roll < 0.8 else motion if roll < 0.92 else giving
    return maker(dice, who=who)


def _things(verb: Verb) -> Sequence:
    return [
        noun
        for noun in verb.objects
        if noun.kind not in ("person", "kin") and PREDICATIVE[noun.english]
    ]


_DONE = words(
    "read write buy sell see find lose wash open wear paint make build bring clean hide choose break visit eat drink "
    "close follow look"
)
# (verb, what it is done to), for people's verbs whose object may stand before them
_RELATIVE = tuple(
    (verb, tuple(_things(verb)))
    for verb in TRANSITIVE
    if verb.base in _DONE and any(who.kind == "person" for who in verb.subjects) and _things(verb)
)
_JUDGING = ("open", "closed", "good", "bad")


def that_clause(dice: Dice) -> Sentence | None:
    """`The letter that he wrote is long.` → `La lettre qu'il a écrite est longue.`"""
    verb, things = dice.pick(_RELATIVE)
    noun, who, mood = (
        dice.pick(things),
        subject(dice, verb.subjects, plain=True),
        mood_for(dice, verb),
    )
    what = build(noun, "the", noun.kind not in MASS and dice.chance(0.25))
    adjective = _adjective(dice, noun.english, _JUDGING)
    if adjective is None or noun.english in who.lemmas or mood.negation or mood.frequency:
        return None
    if mood.tense in ("already", "want", "can", "must") or (
        verb.base == verb.past and who.person != 2
    ):
        return None
    done = Predicate(verb)
    be, is_ = _is(what, adjective)
    english = (*what.english, "that", *english_clause(who.english, who.person, done, mood), *be)
    french = (*what.french, "que", *french_clause(who, done, mood, object_first=what), *is_)
    key = ("that", noun.english, *who.lemmas, verb.base, verb.particle, adjective.english)
    return Sentence(english, french, ".", key)
