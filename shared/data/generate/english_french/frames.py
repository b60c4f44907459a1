"""Statements and yes/no questions of one clause.

Met in weeks 4 and 6. A frame throws the dice and gives a `Sentence`, or None where the throw made no sense.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.data.generate.english_french.clauses import english_clause, french_clause
from shared.data.generate.english_french.descriptions import anything
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.settings import Said
from shared.data.generate.english_french.surface import Words


class Sentence(NamedTuple):
    """One meaning in both languages. end: "." or "?"; key: frame and content words, which cut the splits."""

    english: Words
    french: Words
    end: str
    key: Words


EST_CE_QUE = ("est-ce", "que")


def key_of(said: Said) -> Words:
    """Frame, subject, verb and what belongs to it; tense, negation, question and number may vary freely."""
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
    if said is None or asks_me(said):
        return None
    who, what, mood, _ = said
    english = english_clause(who.english, who.person, what, mood, question=True)
    return Sentence(english, (*EST_CE_QUE, *french_clause(who, what, mood)), "?", key_of(said))


def asks_me(said: Said) -> bool:
    """Nobody asks what he himself is doing, but "Must I …?" is asked."""
    return said.subject.person == 0 and said.mood.tense not in ("can", "must")
