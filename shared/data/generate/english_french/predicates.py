"""What people and animals do: subjects with predicates that make sense together.

Met in weeks 4 and 6. Each maker gives a `Said`, or None where the throw made no sense.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.data.generate.english_french.clauses import Clitic, Mood, Predicate
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.lexicon import COUNTRIES, MASS, nouns
from shared.data.generate.english_french.phrases import (
    Phrase,
    build,
    noun_phrase,
    person,
    subject,
)
from shared.data.generate.english_french.settings import (
    CLOCK,
    FIRST,
    Place,
    Said,
    add,
    company,
    joined,
    mood_for,
    place,
    predicate_of,
    somewhere_else,
    whereabouts,
)
from shared.data.generate.english_french.verbs import (
    COME_BACK,
    GAMES,
    GENERIC,
    GIVING,
    GO,
    INTRANSITIVE,
    LANGUAGES,
    LEARN,
    LIVE,
    MANNERS,
    PEOPLE,
    PERSONAL,
    PLAY,
    SPEAK,
    STAY,
    TRANSITIVE,
    Verb,
)


def _clear(said: Said, question: bool) -> Said | None:
    """`I read the book` is present or past: without an adverb of time nobody can tell, so it is not said."""
    verb, mood = said.predicate.verb, said.mood
    if (
        verb.base == verb.past
        and not question
        and said.subject.person != 2
        and mood.negation != "not"
    ):
        if mood.tense in ("present", "past") and not mood.time:
            return None
    return said


_PLACELESS = frozenset({"swim", "fall", "leave", "arrive", "go", "travel", "walk", "run"})
_SOCIABLE = frozenset({"sing", "dance", "work", "play", "eat", "travel", "walk", "wait"})
_NOT_PEOPLE = frozenset(noun.english for noun in nouns("@animal @vehicle @thing"))


def intransitive(
    dice: Dice,
    question: bool = False,
    verbs: Sequence[Verb] = INTRANSITIVE,
    who: Phrase | None = None,
    mood: Mood | None = None,
) -> Said | None:
    """Someone sleeps, sings well, dances with them in the garden, leaves at five o'clock."""
    verb = dice.pick(verbs)
    mood, who = mood or mood_for(dice, verb, question), who or subject(dice, verb.subjects)
    parts: list[Place] = []
    manner = None
    if verb.base in MANNERS and dice.chance(0.3):
        manner = dice.pick(MANNERS[verb.base])
        mood = mood._replace(frequency=None)
    elif verb.base in _SOCIABLE and who.lemmas[-1] not in _NOT_PEOPLE and dice.chance(0.25):
        with_whom = company(dice, who, ("with", "avec"))
        if with_whom is None:
            return None
        parts.append(with_whom)
    if verb.base not in _PLACELESS and (verb is STAY or dice.chance(0.4)):
        parts.append(whereabouts(dice))
    elif verb.base == "travel" and dice.chance(0.5):
        english, french, _ = dice.pick(COUNTRIES)
        parts.append(Place(("in", english), tuple(french.split()), (english,)))
    elif verb.base in ("leave", "arrive") and dice.chance(0.5) and mood.tense != "already":
        mood = mood._replace(time=dice.pick(CLOCK))
    predicate = predicate_of(verb, (), *parts, manner=manner)
    if not _reasonable(who, predicate):
        return None
    return Said(who, predicate, mood, "intransitive")


def _reasonable(who: Phrase, predicate: Predicate) -> bool:
    """Nobody meets, follows or gives himself: no noun or name stands on both sides."""
    return set(who.lemmas).isdisjoint(predicate.lemmas)


def transitive(
    dice: Dice,
    question: bool = False,
    verbs: Sequence[Verb] = TRANSITIVE,
    who: Phrase | None = None,
    mood: Mood | None = None,
) -> Said | None:
    """Someone eats an apple, reads no newspaper, likes milk."""
    verb = dice.pick(verbs)
    mood, who = mood or mood_for(dice, verb, question), who or subject(dice, verb.subjects)
    what = _object(dice, verb, question, bool(mood.negation))
    if "dress" in what.lemmas and verb.base == "put" and not who.feminine:
        return None
    if verb.preposition == "de":
        # Besoin d'un chapeau keeps its article under negation, besoin de lait never has one.
        french = negated = what.after_de
    elif verb.preposition:
        french = negated = (verb.preposition, *what.french)
    else:
        french, negated = what.french, what.negated
    lemmas = (verb.base, verb.particle, *what.lemmas)
    predicate = Predicate(verb, what.english, french, negated, lemmas)
    if verb.base in _FOR_OTHERS and dice.chance(0.15):
        for_whom = company(dice, who, ("for", "pour"))
        if for_whom is None:
            return None
        predicate = add(predicate, for_whom)
    elif verb.base in _SOMEWHERE and dice.chance(0.15):
        predicate = add(predicate, whereabouts(dice, verb.base != "eat"))
    if not _reasonable(who, predicate):
        return None
    return _clear(Said(who, predicate, mood, "transitive"), question)


_FOR_OTHERS = frozenset({"buy", "make", "paint", "write", "build"})
_SOMEWHERE = frozenset({"see", "find", "lose", "buy", "eat", "read", "wait", "paint"})


def _object(dice: Dice, verb: Verb, question: bool, negative: bool) -> Phrase:
    noun = dice.pick(verb.objects)
    people = noun.kind in ("person", "kin")
    if verb.base in GENERIC and not people and dice.chance(0.7):
        return build(noun, "generic", noun.kind not in MASS)
    if people and dice.chance(0.4):
        return person(dice)
    if verb.base in GENERIC or verb.base == "know":
        return noun_phrase(dice, noun, "definite", negative)
    return noun_phrase(dice, noun, "question" if question else "object", negative)


# (English object, French direct, French indirect, person, feminine, plural)
_OBJECTS = (
    ("me", "me", "me", 0, False, False),
    ("you", "te", "te", 1, False, False),
    ("him", "le", "lui", 2, False, False),
    ("her", "la", "lui", 2, True, False),
    ("us", "nous", "nous", 3, False, True),
    ("them", "les", "leur", 5, False, True),
)


def _clitic(dice: Dice, who: Phrase, direct: bool) -> Clitic | None:
    english, accusative, dative, group, feminine, plural = dice.pick(_OBJECTS)
    same = (group in FIRST and who.person in FIRST) or (group == 1 and who.person in (1, 4))
    if same or (group == 5 and who.lemmas == ("they",)):
        return None
    word = accusative if direct else dative
    if group == 1 and dice.polite:
        word, feminine = "vous", dice.madam
    return Clitic((english,), word, direct, feminine, plural)


def with_pronoun(
    dice: Dice, question: bool = False, who: Phrase | None = None, mood: Mood | None = None
) -> Said | None:
    """Someone sees her, talks to them, waited for us: the French pronoun is before the verb."""
    verb = dice.pick(PERSONAL)
    mood = mood or mood_for(dice, verb, question)
    who = who or subject(dice, _PEOPLE, plain=dice.chance(0.6))
    clitic = _clitic(dice, who, not verb.preposition)
    if clitic is None:
        return None
    lemmas = (verb.base, verb.particle, *clitic.english)
    said = Said(who, Predicate(verb, lemmas=lemmas, clitic=clitic), mood, "pronoun")
    return _clear(said, question)


def giving(
    dice: Dice, question: bool = False, who: Phrase | None = None, mood: Mood | None = None
) -> Said | None:
    """Someone gives a book to the child, or gives her a book."""
    verb = dice.pick(GIVING)
    mood = mood or mood_for(dice, verb, question)
    who = who or subject(dice, _PEOPLE, plain=dice.chance(0.6))
    role = "question" if question else "object"
    what = noun_phrase(dice, dice.pick(verb.objects), role, bool(mood.negation))
    given = (what.english, what.french, what.negated)
    if dice.chance(0.5):
        clitic = _clitic(dice, who, direct=False)
        if clitic is None:
            return None
        lemmas = (verb.base, *clitic.english, *what.lemmas)
        predicate = Predicate(verb, *given, lemmas, clitic)
    else:
        whom = person(dice)
        if not set(whom.lemmas).isdisjoint(what.lemmas):
            return None
        receiver = Place(("to", *whom.english), ("à", *whom.french), ("to", *whom.lemmas))
        predicate = add(Predicate(verb, *given, (verb.base, *what.lemmas)), receiver)
    return Said(who, predicate, mood, "giving") if _reasonable(who, predicate) else None


_PEOPLE = nouns(PEOPLE)
_DIRECTED = (GO, GO, GO, COME_BACK, COME_BACK)


def motion(
    dice: Dice,
    question: bool = False,
    verbs: Sequence[Verb] = (*_DIRECTED, LIVE, PLAY, PLAY, SPEAK, LEARN),
    who: Phrase | None = None,
    mood: Mood | None = None,
) -> Said | None:
    """Someone goes to the market, comes back from Italy, lives in Paris, plays chess."""
    verb = dice.pick(verbs)
    mood = mood or mood_for(dice, verb, question)
    who = who or subject(dice, _PEOPLE, plain=dice.chance(0.5))
    if verb in (PLAY, SPEAK, LEARN):
        english, french = dice.pick(GAMES if verb is PLAY else LANGUAGES)
        words = tuple(french.split())
        if verb is LEARN:  # apprendre l'anglais, but parler anglais
            words = ("le", *words)
        part = Place(tuple(english.split()), words, (english,))
    elif verb is LIVE:
        part = somewhere_else(dice, "in", 1)
        if dice.chance(0.5):
            near = dice.chance(0.5)
            part = place(dice, "near") if near else place(dice, "in", "house castle village hotel")
    elif dice.chance(0.25):
        to = verb is GO
        part = somewhere_else(dice, "to" if to else "from", 1 if to else 2)
    else:
        part = place(dice, "to" if verb is GO else "from")
    if verb in (GO, PLAY) and dice.chance(0.2):
        part = joined(part, company(dice, who, ("with", "avec")))
    predicate = predicate_of(verb, (), part)
    return Said(who, predicate, mood, "motion") if _reasonable(who, predicate) else None
