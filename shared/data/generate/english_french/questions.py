"""Questions with a question word: why, when, where, who, what, how many, how old.

Met in weeks 4 and 6. French keeps the order of a statement behind est-ce que.
"""

from __future__ import annotations

from shared.data.generate.english_french.clauses import Predicate, english_clause, french_clause
from shared.data.generate.english_french.conjugation import present
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import EST_CE_QUE, Sentence, asks_me, key_of
from shared.data.generate.english_french.lexicon import CITIES, COUNTRIES, MASS, PREPOSITIONS, nouns
from shared.data.generate.english_french.phrases import (
    Phrase,
    build,
    noun_phrase,
    person,
    subject,
)
from shared.data.generate.english_french.predicates import giving, intransitive, motion, transitive
from shared.data.generate.english_french.settings import Said, mood_for
from shared.data.generate.english_french.surface import words
from shared.data.generate.english_french.verbs import INTRANSITIVE, PEOPLES_ACTIONS, TRANSITIVE

_WHERE_WORDS = {*PREPOSITIONS, "home", *(place[0] for place in CITIES + COUNTRIES)}
_PLACEABLE = words("sleep dance work play eat buy find lose read drink see wait sell sing wash")
_ACTING = tuple(verb for verb in PEOPLES_ACTIONS if verb.base in _PLACEABLE)
_BEING = tuple(verb for verb in INTRANSITIVE if verb.base in _PLACEABLE)
_HOW_SAID = frozenset({"present", "past", "future"})


def why_question(dice: Dice) -> Sentence | None:
    """`Why is he laughing?` → `Pourquoi est-ce qu'il rit ?`"""
    maker = dice.pick((intransitive, intransitive, transitive, transitive, motion))
    said = maker(dice, question=True)
    if said is None or said.mood.tense == "already":
        return None
    return _ask("why", "pourquoi", said)


def where_or_when(dice: Dice) -> Sentence | None:
    """`Where did you sleep?` → `Où est-ce que tu as dormi ?`, `When is she going to arrive?`"""
    if dice.chance(0.5):
        acting = dice.chance(0.5)
        said = (transitive if acting else intransitive)(dice, True, _ACTING if acting else _BEING)
        if said is None or not _WHERE_WORDS.isdisjoint(said.predicate.lemmas):
            return None
        asked = ("where", "où")
    else:
        maker = dice.pick((intransitive, transitive, motion))
        said = maker(dice, question=True)
        if said is None or said.predicate.verb.stative or said.mood.time:
            return None
        asked = ("when", "quand")
    if said.mood.tense not in _HOW_SAID or said.mood.frequency:
        return None
    return _ask(*asked, said)


def _ask(english: str, french: str, said: Said) -> Sentence | None:
    if asks_me(said):
        return None
    who, what, mood, _ = said
    asked = (english, *english_clause(who.english, who.person, what, mood, question=True))
    answer = (french, *EST_CE_QUE, *french_clause(who, what, mood))
    return Sentence(asked, answer, "?", (english, *key_of(said)))


_WHO = Phrase(("who",), ("qui",), (), (), 2, False, False, ("who",))
_SOMEONES = tuple(v for v in TRANSITIVE if any(noun.kind == "person" for noun in v.subjects))
_ALONE = tuple(v for v in INTRANSITIVE if any(noun.kind == "person" for noun in v.subjects))


def who_question(dice: Dice) -> Sentence | None:
    """`Who ate the cake?` → `Qui a mangé le gâteau ?`"""
    roll = dice.random()
    if roll < 0.2:
        said = giving(dice, question=True, who=_WHO)
    else:
        maker, verbs = (transitive, _SOMEONES) if roll < 0.8 else (intransitive, _ALONE)
        said = maker(dice, True, verbs, _WHO)
    if said is None or said.mood.tense in ("already", "want"):
        return None
    what, mood = said.predicate, said.mood
    english, french = english_clause(("who",), 2, what, mood), french_clause(_WHO, what, mood)
    return Sentence(english, french, "?", ("who", *what.lemmas))


_FOUND = words("eat drink read write buy sell find lose wash paint make bring choose hide break")
_ASKABLE = tuple(verb for verb in PEOPLES_ACTIONS if verb.base in _FOUND)


def what_question(dice: Dice) -> Sentence | None:
    """`What is she eating?` → `Qu'est-ce qu'elle mange ?`"""
    verb = dice.pick(_ASKABLE)
    said = Said(
        subject(dice, verb.subjects), Predicate(verb), mood_for(dice, verb, question=True), "what"
    )
    if asks_me(said) or said.mood.tense == "already":
        return None
    who, what, mood, _ = said
    english = ("what", *english_clause(who.english, who.person, what, mood, question=True))
    french = ("qu'est-ce", "que", *french_clause(who, what, mood))
    return Sentence(english, french, "?", ("what", *who.lemmas, verb.base))


_COUNTED = words("eat buy sell find lose have bring write read drink")
_COUNTABLE = tuple(verb for verb in _SOMEONES if verb.base in _COUNTED)


def how_many_question(dice: Dice) -> Sentence | None:
    """`How many pears did he buy?` → `Combien de poires est-ce qu'il a achetées ?`: it agrees."""
    verb = dice.pick(_COUNTABLE)
    noun, who = dice.pick(verb.objects), subject(dice, verb.subjects)
    mood = mood_for(dice, verb, question=True)
    if who.person == 0 or noun.english in who.lemmas or mood.tense in ("already", "must"):
        return None
    counted = build(noun, "none", noun.kind not in MASS)
    bare = Predicate(verb)
    how_many = ("how", "much" if noun.kind in MASS else "many", *counted.english)
    english = (*how_many, *english_clause(who.english, who.person, bare, mood, question=True))
    statement = french_clause(who, bare, mood, object_first=counted)
    french = ("combien", *counted.negated, *EST_CE_QUE, *statement)
    return Sentence(english, french, "?", ("how many", *who.lemmas, verb.base, noun.english))


_SOUGHT = nouns(
    "key hat umbrella watch bag shoe book letter ball glass knife plate newspaper cat dog horse @kin doctor teacher "
    "station museum hospital hotel church market school library airport coat kitchen car bicycle"
)


def where_is(dice: Dice) -> Sentence:
    """`Where is my hat?` → `Où est mon chapeau ?`"""
    what = noun_phrase(dice, dice.pick(_SOUGHT), "definite") if dice.chance(0.8) else person(dice)
    english = ("where", "are" if what.plural else "is", *what.english)
    french = ("où", present("être")[what.person], *what.french)
    return Sentence(english, french, "?", ("where", *what.lemmas))


_PEOPLE = nouns("@person @kin")
_AGE_OF = {1: "as-tu", 4: "avez-vous", 5: "ont-ils"}


def age_question(dice: Dice) -> Sentence | None:
    """`How old is she?` → `Quel âge a-t-elle ?`, `How old is Paul?` → `Quel âge a Paul ?`"""
    who = subject(dice, _PEOPLE, plain=True)
    if who.person in (0, 3):
        return None
    english = ("how", "old", "is" if who.person == 2 else "are", *who.english)
    if who.lemmas[0] in ("you", "he", "she", "they"):
        inverted = _AGE_OF.get(who.person, "a-t-elle" if who.feminine else "a-t-il")
        return Sentence(english, ("quel", "âge", inverted), "?", ("how old", *who.lemmas))
    french = ("quel", "âge", present("avoir")[who.person], *who.french)
    return Sentence(english, french, "?", ("how old", *who.lemmas))
