"""What people and animals do: subjects with predicates that make sense together.

Met in weeks 4 and 6. Each maker gives a `Said` (subject, predicate, mood, frame), or None where the throw made no sense.
"""

from __future__ import annotations

from shared.data.generate.english_french.clauses import Clitic, Predicate
from shared.data.generate.english_french.lexicon import COUNTRIES, nouns
from shared.data.generate.english_french.phrases import (
    Dice,
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
    HAVE,
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


def intransitive(dice: Dice, question: bool = False) -> Said | None:
    """Someone sleeps, sings well, dances with them in the garden, leaves at five o'clock."""
    verb = dice.pick(INTRANSITIVE)
    mood, who = mood_for(dice, verb, question), subject(dice, verb.subjects)
    parts: list[Place] = []
    manner = None
    people = who.person != 2 or who.lemmas[-1] not in _THINGS
    if verb.base in MANNERS and dice.chance(0.3):
        manner = dice.pick(MANNERS[verb.base])
        mood = mood._replace(frequency=None)
    elif (
        people
        and verb.base in ("sing", "dance", "work", "play", "eat", "travel", "walk", "wait")
        and dice.chance(0.25)
    ):
        with_whom = company(
            dice, who, ("with", "avec") if verb.base != "wait" else ("with", "avec")
        )
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
    return Said(who, predicate_of(verb, (), *parts, manner=manner), mood, "intransitive")


_THINGS = frozenset(noun.english for noun in nouns("@animal @vehicle @thing"))


def transitive(dice: Dice, question: bool = False) -> Said | None:
    """Someone eats an apple, reads no newspaper, likes milk."""
    verb = dice.pick(TRANSITIVE)
    mood, who = mood_for(dice, verb, question), subject(dice, verb.subjects)
    noun = dice.pick(verb.objects)
    if noun.english in who.lemmas:
        return None
    people = noun.kind in ("person", "kin")
    if verb.base in GENERIC and not people and dice.chance(0.7):
        what = build(noun, "generic", noun.kind not in ("food", "drink"))
    elif people and dice.chance(0.4):
        what = person(dice)
    else:
        role = (
            "question"
            if question
            else "definite"
            if verb.base in GENERIC or verb.base == "know"
            else "object"
        )
        what = noun_phrase(dice, noun, role, bool(mood.negation))
    if set(what.lemmas) & set(who.lemmas) or (
        "dress" in what.lemmas and verb.base == "put" and not who.feminine
    ):
        return None
    french = negated = what.french
    if verb.preposition == "de":
        french = negated = what.after_de
        if (
            what.negated[0] == "de"
        ):  # besoin d'un chapeau: the article stays under negation, but not du and des
            negated = french
    elif verb.preposition:
        french = negated = (verb.preposition, *what.french)
    else:
        negated = what.negated
    predicate = Predicate(
        verb, what.english, french, negated, (verb.base, verb.particle, *what.lemmas)
    )
    if verb.base in ("buy", "make", "paint", "write", "build") and dice.chance(0.15):
        for_whom = company(dice, who, ("for", "pour"))
        if for_whom is None:
            return None
        predicate = add(predicate, for_whom)
    elif verb.base in (
        "see",
        "find",
        "lose",
        "buy",
        "eat",
        "read",
        "wait",
        "paint",
    ) and dice.chance(0.15):
        predicate = add(predicate, whereabouts(dice, verb.base != "eat"))
    return _clear(Said(who, predicate, mood, "transitive"), question)


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
    if same or (group == 5 and who.person == 5 and who.lemmas == ("they",)):
        return None
    word = accusative if direct else dative
    if group == 1 and dice.polite:
        word, feminine = "vous", dice.madam
    return Clitic((english,), word, direct, feminine, plural)


def with_pronoun(dice: Dice, question: bool = False) -> Said | None:
    """Someone sees her, talks to them, has waited for us: the French pronoun stands before the verb."""
    verb = dice.pick(PERSONAL)
    if verb is HAVE or verb.preposition == "de":
        return None
    mood = mood_for(dice, verb, question)
    who = subject(
        dice, tuple(noun for noun in verb.subjects if noun.kind != "animal"), plain=dice.chance(0.6)
    )
    clitic = _clitic(dice, who, not verb.preposition)
    if clitic is None:
        return None
    lemmas = (verb.base, verb.particle, *clitic.english)
    return _clear(
        Said(who, Predicate(verb, lemmas=lemmas, clitic=clitic), mood, "pronoun"), question
    )


def giving(dice: Dice, question: bool = False) -> Said | None:
    """Someone gives a book to the child, or gives her a book."""
    verb = dice.pick(GIVING)
    mood, who = mood_for(dice, verb, question), subject(dice, verb.subjects, plain=dice.chance(0.6))
    what = noun_phrase(
        dice, dice.pick(verb.objects), "question" if question else "object", bool(mood.negation)
    )
    if dice.chance(0.5):
        clitic = _clitic(dice, who, direct=False)
        if clitic is None:
            return None
        lemmas = (verb.base, *clitic.english, *what.lemmas)
        predicate = Predicate(verb, what.english, what.french, what.negated, lemmas, clitic)
    else:
        whom = person(dice)
        if set(whom.lemmas) & {*who.lemmas, *what.lemmas}:
            return None
        receiver = Place(("to", *whom.english), ("à", *whom.french), ("to", *whom.lemmas))
        predicate = add(
            Predicate(verb, what.english, what.french, what.negated, (verb.base, *what.lemmas)),
            receiver,
        )
    return Said(who, predicate, mood, "giving")


_PEOPLE = nouns(PEOPLE)


def motion(dice: Dice, question: bool = False) -> Said:
    """Someone goes to the market, comes back from Italy, lives in Paris, plays chess, speaks French."""
    verb = dice.pick((GO, GO, GO, COME_BACK, COME_BACK, LIVE, PLAY, PLAY, SPEAK, LEARN))
    mood = mood_for(dice, verb, question)
    who = subject(dice, _PEOPLE, plain=dice.chance(0.5))
    if verb in (PLAY, SPEAK, LEARN):
        english, french = dice.pick(GAMES if verb is PLAY else LANGUAGES)
        words = tuple(french.split())
        if verb is LEARN:  # apprendre l'anglais, but parler anglais
            words = ("le", *words)
        part = Place(tuple(english.split()), words, (english,))
        if verb is PLAY and dice.chance(0.2):
            part = joined(part, company(dice, who, ("with", "avec")))
    elif verb is LIVE:
        part = (
            place(dice, "in", "house castle village hotel")
            if dice.chance(0.3)
            else somewhere_else(dice, "in", 1)
        )
        if part.lemmas[0] == "in" and dice.chance(0.4):
            part = place(dice, "near")
    elif dice.chance(0.25):
        part = somewhere_else(dice, "to", 1) if verb is GO else somewhere_else(dice, "from", 2)
    else:
        part = place(dice, "to" if verb is GO else "from")
    if verb is GO and dice.chance(0.2):
        part = joined(part, company(dice, who, ("with", "avec")))
    return Said(who, predicate_of(verb, (), part), mood, "motion")
