"""What someone or something is: old, hungry, a doctor, in the garden.

Met in weeks 4 and 6. Adjectives agree in French; hunger and the like are had (avoir faim), a trade has no article.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.data.generate.english_french.clauses import Mood, Predicate
from shared.data.generate.english_french.lexicon import nouns
from shared.data.generate.english_french.phrases import (
    PERSON_ADJECTIVES,
    PREDICATIVE,
    Dice,
    build,
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
from shared.data.generate.english_french.verbs import BE, PEOPLE

_PEOPLE = nouns(PEOPLE)
_DEGREES = ((), (), (), ("very", "très"), ("too", "trop"))
_IDIOMS = (("hungry", "faim"), ("thirsty", "soif"), ("cold", "froid"), ("hot", "chaud"), ("right", "raison"),
           ("sleepy", "sommeil"))  # fmt: skip
_STATES = (("angry", "en colère"), ("late", "en retard"), ("on vacation", "en vacances"))
_DESCRIBED = tuple(noun for noun in nouns(PEOPLE + " @animal @text @clothing @thing @opening @vehicle @place @fruit "
                   "soup bread cheese meat coffee tea wine water milk") if PREDICATIVE[noun.english])  # fmt: skip


def description(dice: Dice, question: bool = False) -> Said | None:
    """Someone or something is very old, no longer sick, hungry, in the garden."""
    mood = mood_for(dice, BE, question)
    roll = dice.random()
    if roll < 0.25:
        who = subject(dice, _PEOPLE, plain=dice.chance(0.5))
        if roll < 0.12:
            english, french = dice.pick(_IDIOMS)
            verb = BE._replace(infinitive="avoir", tail=(french,))
        else:
            english, french = dice.pick(_STATES)
            verb = BE._replace(tail=tuple(french.split()))
        return Said(who, Predicate(verb, (*english.split(),), lemmas=(english,)), mood, "state")
    if roll < 0.45:
        return _location(dice, mood)
    noun = dice.pick(_DESCRIBED)
    if noun.kind in ("food", "drink"):
        who = (
            build(noun, "the")
            if dice.chance(0.6)
            else noun_phrase(dice, noun, "definite", plain=True)
        )
    else:
        who = subject(dice, (noun,), plain=dice.chance(0.6))
    if noun.english in who.lemmas and len(who.lemmas) == len(set(who.lemmas)):
        fitting: Sequence = PREDICATIVE[noun.english]
    else:
        fitting = PERSON_ADJECTIVES
    adjective = dice.pick(fitting)
    if adjective.english in who.lemmas or adjective.english == "little":
        return None
    degree = dice.pick(_DEGREES)
    # What is French, black, open or empty is not so to a degree, nor today, nor always, nor some day.
    if adjective.english in _ABSOLUTE:
        degree = ()
    if adjective.english not in _CHANGING:
        mood = mood._replace(time=None, frequency=None)
        if mood.tense == "future":
            mood = mood._replace(tense="present")
        if (
            mood.negation in ("never", "no longer")
            and mood.tense == "present"
            and adjective.english in _ABSOLUTE
        ):
            mood = mood._replace(negation="not")
    word = adjective.forms[2 * who.feminine + who.plural]
    english = (*degree[:1], adjective.english)
    french = (*degree[1:], word)
    return Said(
        who, Predicate(BE, english, french, french, ("be", adjective.english)), mood, "description"
    )


_CHANGING = frozenset(
    [
        "tired",
        "sick",
        "happy",
        "sad",
        "hot",
        "cold",
        "fresh",
        "open",
        "closed",
        "empty",
        "dirty",
        "kind",
        "quiet",
        "dangerous",
        "expensive",
    ]
)
_ABSOLUTE = frozenset(
    [
        "French",
        "English",
        "Italian",
        "black",
        "white",
        "red",
        "green",
        "blue",
        "gray",
        "brown",
        "open",
        "closed",
        "empty",
        "broken",
        "delicious",
    ]
)
_TRADES = nouns("teacher doctor artist student farmer baker")
_TRADES_FEMININE = nouns("teacher doctor artist actress waitress")
_TRADELESS = nouns("@kin man woman neighbor friend")
_PLACED = nouns(
    "key hat umbrella book letter bag ball lamp box glass plate knife watch newspaper cat bottle"
)


def _location(dice: Dice, mood: Mood) -> Said | None:
    mood = mood._replace(frequency=None) if mood.tense != "present" else mood
    roll = dice.random()
    if roll < 0.25:  # a trade has no article in French: elle est médecin
        who = subject(dice, _TRADELESS, plain=True)
        trade = dice.pick(_TRADES_FEMININE if who.feminine else _TRADES)
        if trade.english in who.lemmas:
            return None
        many = who.plural
        english = (trade.english_plural,) if many else ("a", trade.english)
        french = (trade.french_plural if many else trade.french,)
        mood = Mood("present", mood.negation if mood.negation != "never" else "not")
        return Said(
            who, Predicate(BE, english, french, french, ("be", trade.english)), mood, "trade"
        )
    if roll < 0.6:
        who, where = subject(dice, _PEOPLE, plain=dice.chance(0.5)), whereabouts(dice)
    else:
        who = noun_phrase(dice, dice.pick(_PLACED), "definite")
        where = _on_furniture(dice)
    if set(who.lemmas) & set(where.lemmas):
        return None
    mood = mood._replace(tense="present", time=None) if mood.tense == "future" else mood
    return Said(who, predicate_of(BE, (), where), mood, "location")


def _on_furniture(dice: Dice) -> Place:
    english, french, spec = dice.pick((("on", "sur", "table chair box"), ("in", "dans", "box bag kitchen house car"),
                                       ("under", "sous", "table chair tree"), ("near", "près de", "lamp door window")))  # fmt: skip
    noun = dice.pick(nouns_for(spec))
    phrase = noun_phrase(dice, noun, "definite", plain=dice.chance(0.6))
    return Place(
        (english, *phrase.english), (*french.split(), *phrase.french), (english, *phrase.lemmas)
    )


MAKERS: tuple[Callable[..., Said | None], ...] = (
    *([intransitive] * 5 + [transitive] * 9 + [with_pronoun] * 4),
    *([giving] * 2 + [motion] * 4 + [description] * 6),
)


def anything(dice: Dice, question: bool = False) -> Said | None:
    """A random subject with a random predicate."""
    return dice.pick(MAKERS)(dice, question)
