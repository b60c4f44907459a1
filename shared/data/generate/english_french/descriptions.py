"""What someone or something is: old, hungry, a doctor, in the garden.

Met in weeks 4 and 6. Adjectives agree in French; hunger and the like are had (avoir faim), a trade has no article.
"""

from __future__ import annotations

from collections.abc import Callable

from shared.data.generate.english_french.clauses import Mood, Predicate
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.lexicon import MASS, nouns
from shared.data.generate.english_french.phrases import (
    PERSON_ADJECTIVES,
    PREDICATIVE,
    noun_phrase,
    subject,
)
from shared.data.generate.english_french.predicates import (
    giving,
    intransitive,
    motion,
    transitive,
    with_pronoun,
)
from shared.data.generate.english_french.settings import (
    Place,
    Said,
    mood_for,
    nouns_for,
    predicate_of,
    whereabouts,
)
from shared.data.generate.english_french.surface import words
from shared.data.generate.english_french.verbs import BE, PEOPLE

_PEOPLE = nouns(PEOPLE)
_DEGREES = ((), (), (), ("very", "très"), ("too", "trop"))
_IDIOMS = (("hungry", "faim"), ("thirsty", "soif"), ("cold", "froid"), ("hot", "chaud"), ("right", "raison"),
           ("sleepy", "sommeil"))  # fmt: skip
_STATES = (("angry", "en colère"), ("late", "en retard"), ("on vacation", "en vacances"))
_DESCRIBED = tuple(noun for noun in nouns(PEOPLE + " @animal @text @clothing @thing @opening @vehicle @place @fruit "
                   "soup bread cheese meat coffee tea wine water milk") if PREDICATIVE[noun.english])  # fmt: skip


def description(dice: Dice, question: bool = False) -> Said | None:
    """Someone or something is very old, no longer sick, hungry, a doctor, in the garden."""
    mood = mood_for(dice, BE, question)
    roll = dice.random()
    if roll < 0.25:
        return state(dice, mood)
    if roll < 0.3:
        return _trade(dice, mood)
    if roll < 0.45:
        return _location(dice, mood)
    return _quality(dice, mood)


def state(dice: Dice, mood: Mood) -> Said:
    """Someone is hungry, late, tired or the like: what may be the reason for something."""
    who = subject(dice, _PEOPLE, plain=dice.chance(0.5))
    roll = dice.random()
    if roll < 0.45:
        english, french = dice.pick(_IDIOMS)
        verb = BE._replace(infinitive="avoir", tail=(french,))
    elif roll < 0.8:
        english, french = dice.pick(_STATES)
        verb = BE._replace(tail=tuple(french.split()))
    else:
        feeling = dice.pick(_FEELINGS)
        english, french = feeling.english, feeling.forms[2 * who.feminine + who.plural]
        return Said(who, Predicate(BE, (english,), (french,), (french,), (english,)), mood, "state")
    return Said(who, Predicate(verb, tuple(english.split()), lemmas=(english,)), mood, "state")


_FEELINGS = tuple(a for a in PERSON_ADJECTIVES if a.english in words("tired sick happy sad"))
_ABSOLUTE = words("French English Italian black white red green blue gray brown broken delicious")
_CHANGING = words(
    "tired sick happy sad hot cold fresh open closed empty dirty kind quiet dangerous"
)
_WHOLE = _ABSOLUTE | words("open closed empty")
# "My neighbor is new" says too little, and "little" only stands before a noun.
UNSUITED = words("little new")


def _quality(dice: Dice, mood: Mood) -> Said | None:
    noun = dice.pick(_DESCRIBED)
    if noun.kind in MASS:
        who = noun_phrase(dice, noun, "definite", plain=True)
    else:
        who = subject(dice, (noun,), plain=True)  # no "the big hen is small"
    fitting = PREDICATIVE[noun.english] if who.lemmas[-1] == noun.english else PERSON_ADJECTIVES
    adjective = dice.pick(fitting)
    if adjective.english in who.lemmas or adjective.english in UNSUITED:
        return None
    degree = () if adjective.english in _WHOLE else dice.pick(_DEGREES)
    if adjective.english not in _CHANGING:  # what lasts is not so today, always, or some day
        tense = "past" if mood.tense == "past" and adjective.english not in _ABSOLUTE else "present"
        mood = Mood(tense, "not" if mood.negation else "")
    word = adjective.forms[2 * who.feminine + who.plural]
    english, french = (*degree[:1], adjective.english), (*degree[1:], word)
    predicate = Predicate(BE, english, french, french, ("be", adjective.english))
    return Said(who, predicate, mood, "description")


_TRADES = nouns("teacher doctor artist student farmer baker")
_TRADES_FEMININE = nouns("teacher doctor artist actress waitress")
_TRADELESS = nouns("@kin man woman neighbor friend")


def _trade(dice: Dice, mood: Mood) -> Said | None:
    """A trade has no article in French: elle est médecin."""
    who = subject(dice, _TRADELESS, plain=True)
    trade = dice.pick(_TRADES_FEMININE if who.feminine else _TRADES)
    if trade.english in who.lemmas:
        return None
    english = (trade.english_plural,) if who.plural else ("a", trade.english)
    french = (trade.french_plural if who.plural else trade.french,)
    negation = mood.negation if mood.negation in ("not", "no longer") else ""
    predicate = Predicate(BE, english, french, french, ("be", trade.english))
    return Said(who, predicate, Mood("present", negation), "trade")


_PLACED = nouns(
    "key hat umbrella book letter bag ball lamp box glass plate knife watch newspaper cat bottle"
)
_FURNITURE = (
    ("on", "sur", "table chair box"),
    ("in", "dans", "box bag kitchen house car"),
    ("under", "sous", "table chair tree"),
    ("near", "près de", "lamp door window"),
)


def _location(dice: Dice, mood: Mood) -> Said | None:
    if dice.chance(0.5):
        who, where = subject(dice, _PEOPLE, plain=dice.chance(0.5)), whereabouts(dice)
    else:
        who = noun_phrase(dice, dice.pick(_PLACED), "definite")
        english, french, spec = dice.pick(_FURNITURE)
        there = noun_phrase(dice, dice.pick(nouns_for(spec)), "definite", plain=dice.chance(0.6))
        near = (*french.split(), *there.french)
        where = Place((english, *there.english), near, (english, *there.lemmas))
    if not set(who.lemmas).isdisjoint(where.lemmas):
        return None
    if mood.tense == "future":
        mood = Mood("present", mood.negation)
    return Said(who, predicate_of(BE, (), where), mood, "location")


MAKERS: tuple[Callable[..., Said | None], ...] = (
    *([intransitive] * 5 + [transitive] * 9 + [with_pronoun] * 4),
    *([giving] * 2 + [motion] * 4 + [description] * 6),
)


def anything(dice: Dice, question: bool = False) -> Said | None:
    """A random subject with a random predicate."""
    return dice.pick(MAKERS)(dice, question)
