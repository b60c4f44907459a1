"""Statements and questions of one clause.

Met in weeks 4 and 6. Each frame throws the dice and gives a `Sentence`, or None where the throw made no sense.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.data.generate.english_french.clauses import english_clause, french_clause
from shared.data.generate.english_french.conjugation import present
from shared.data.generate.english_french.descriptions import anything
from shared.data.generate.english_french.lexicon import COUNTRIES, MASS, NAMES, PREPOSITIONS, nouns
from shared.data.generate.english_french.phrases import (
    PRONOUNS,
    Dice,
    Phrase,
    noun_phrase,
    person,
    subject,
)
from shared.data.generate.english_french.predicates import giving, intransitive, motion, transitive
from shared.data.generate.english_french.settings import Said
from shared.data.generate.english_french.surface import Words


class Sentence(NamedTuple):
    """One meaning in both languages. end: "." or "?"; key: frame and content words, by which the splits are cut."""

    english: Words
    french: Words
    end: str
    key: Words


EST_CE_QUE = ("est-ce", "que")


def key_of(said: Said) -> Words:
    """Frame, subject, verb and what belongs to it; not tense, negation, question or number, which may vary freely."""
    return (said.frame, *said.subject.lemmas, "|", *said.predicate.lemmas)


def statement(dice: Dice) -> Sentence | None:
    """`She does not read.` → `Elle ne lit pas.`"""
    said = anything(dice)
    if said is None:
        return None
    who, what, mood, _ = said
    english = english_clause(who.english, who.person, what, mood)
    return Sentence(english, french_clause(who, what, mood), ".", key_of(said))


def question(dice: Dice) -> Sentence | None:
    """`Does she read?` → `Est-ce qu'elle lit ?`"""
    said = anything(dice, question=True)
    if said is None or _asks_me(said):
        return None
    who, what, mood, _ = said
    english = english_clause(who.english, who.person, what, mood, question=True)
    return Sentence(english, (*EST_CE_QUE, *french_clause(who, what, mood)), "?", key_of(said))


def _asks_me(said: Said) -> bool:
    """Nobody asks what he himself is doing, but "Must I …?" is asked."""
    return said.subject.person == 0 and said.mood.tense not in ("can", "must")


_WHERE_WORDS = (
    frozenset(PREPOSITIONS)
    | frozenset(country for country, _, _ in COUNTRIES)
    | {"home", "to", "from", "at"}
)
_PLACEABLE = frozenset(
    "sleep dance work swim play eat buy find lose read drink see wait sell sing wash".split()
)
_QUESTION_WORDS = (("why", "pourquoi"), ("when", "quand"), ("where", "où"))


def adverb_question(dice: Dice) -> Sentence | None:
    """`Why is he laughing?` → `Pourquoi est-ce qu'il rit ?`; also when and where."""
    said = dice.pick((intransitive, intransitive, transitive, transitive, motion))(
        dice, question=True
    )
    if said is None or _asks_me(said):
        return None
    who, what, mood, frame = said
    english, french = dice.pick(_QUESTION_WORDS)
    if mood.tense == "already" or (
        english != "why" and (mood.time or mood.frequency or mood.tense == "progressive")
    ):
        return None
    if english == "when" and (mood.tense in ("can", "must", "want") or what.verb.stative):
        return None
    says_where = not _WHERE_WORDS.isdisjoint(what.lemmas) or {"Paris", "London", "Rome"} & set(
        what.lemmas
    )
    if english == "where" and (frame == "motion" or says_where or what.verb.base not in _PLACEABLE):
        return None
    asked = (english, *english_clause(who.english, who.person, what, mood, question=True))
    return Sentence(
        asked, (french, *EST_CE_QUE, *french_clause(who, what, mood)), "?", (english, *key_of(said))
    )


_WHO = Phrase(("who",), ("qui",), (), (), 2, False, False, ("who",))
_HUMAN = frozenset(noun.english for noun in nouns("@person @kin")) | frozenset(NAMES)
_HUMAN |= frozenset(pronoun.lemmas[0] for pronoun in PRONOUNS)


def who_question(dice: Dice) -> Sentence | None:
    """`Who ate the cake?` → `Qui a mangé le gâteau ?`"""
    said = dice.pick((transitive, transitive, transitive, giving, intransitive))(
        dice, question=True
    )
    if (
        said is None
        or said.mood.tense in ("already", "want")
        or said.subject.lemmas[-1] not in _HUMAN
    ):
        return None
    what, mood = said.predicate, said.mood
    if what.verb.etre or what.verb.stative and mood.tense not in ("present", "past"):
        return None
    return Sentence(
        english_clause(("who",), 2, what, mood),
        french_clause(_WHO, what, mood),
        "?",
        ("who", *what.lemmas),
    )


_ASKABLE = frozenset(
    "eat drink read write buy sell find lose wash paint make bring choose hide break".split()
)


def what_question(dice: Dice) -> Sentence | None:
    """`What is she eating?` → `Qu'est-ce qu'elle mange ?`"""
    said = transitive(dice, question=True)
    if (
        said is None
        or _asks_me(said)
        or said.predicate.verb.base not in _ASKABLE
        or said.mood.tense == "already"
    ):
        return None
    who, what, mood, _ = said
    asked = what._replace(english=(), french=(), lemmas=(what.verb.base,))
    english = ("what", *english_clause(who.english, who.person, asked, mood, question=True))
    return Sentence(
        english,
        ("qu'est-ce", "que", *french_clause(who, asked, mood)),
        "?",
        ("what", *who.lemmas, *asked.lemmas),
    )


_COUNTABLE = frozenset("eat buy sell find lose have bring write read drink".split())


def how_many_question(dice: Dice) -> Sentence | None:
    """`How many pears did he buy?` → `Combien de poires est-ce qu'il a achetées ?`: the participle agrees."""
    said = transitive(dice, question=True)
    if said is None or said.subject.person == 0 or said.predicate.verb.base not in _COUNTABLE:
        return None
    who, what, mood, _ = said
    noun = dice.pick(what.verb.objects)
    if (
        noun.kind in ("person", "kin")
        or noun.english in who.lemmas
        or mood.tense in ("already", "must")
    ):
        return None
    mass = noun.kind in MASS
    counted = ("how", "much", noun.english) if mass else ("how", "many", noun.english_plural)
    bare = what._replace(english=(), french=(), lemmas=(what.verb.base, noun.english))
    english = (*counted, *english_clause(who.english, who.person, bare, mood, question=True))
    first = Phrase((), (), (), (), 5, noun.feminine, not mass, ())
    counted_french = ("combien", "de", noun.french if mass else noun.french_plural)
    french = (*counted_french, *EST_CE_QUE, *french_clause(who, bare, mood, object_first=first))
    return Sentence(english, french, "?", ("how many", *who.lemmas, *bare.lemmas))


_SOUGHT = nouns("key hat umbrella watch bag shoe book letter ball glass knife plate newspaper cat dog horse @kin doctor "
                "teacher station museum hospital hotel church market school library airport coat kitchen car bicycle")  # fmt: skip


def where_question(dice: Dice) -> Sentence:
    """`Where is my hat?` → `Où est mon chapeau ?`"""
    what = noun_phrase(dice, dice.pick(_SOUGHT), "definite") if dice.chance(0.8) else person(dice)
    french = ("où", present("être")[what.person], *what.french)
    return Sentence(
        ("where", "are" if what.plural else "is", *what.english),
        french,
        "?",
        ("where", *what.lemmas),
    )


_PEOPLE = nouns("@person @kin")
_AGE_OF = {1: "as-tu", 4: "avez-vous", 5: "ont-ils"}


def age_question(dice: Dice) -> Sentence | None:
    """`How old is she?` → `Quel âge a-t-elle ?`, `How old is Paul?` → `Quel âge a Paul ?`"""
    who = subject(dice, _PEOPLE, plain=True)
    if who.person in (0, 3) or dice.chance(0.5):
        return None
    is_ = "is" if who.person == 2 else "are"
    if who.lemmas[0] in ("you", "he", "she", "they"):
        french = _AGE_OF.get(who.person, "a-t-elle" if who.feminine else "a-t-il")
        return Sentence(
            ("how", "old", is_, *who.english),
            ("quel", "âge", french),
            "?",
            ("how old", *who.lemmas),
        )
    french = ("quel", "âge", present("avoir")[who.person], *who.french)
    return Sentence(("how", "old", is_, *who.english), french, "?", ("how old", *who.lemmas))
