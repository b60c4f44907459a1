"""Long sentences: two clauses joined, relative clauses, what someone thinks, what one goes somewhere to do.

Met in weeks 4 and 6, where translation is harder the longer the sentence. Relative clauses ask for agreement over a
distance: `la lettre qu'il a écrite est longue`.
"""

from __future__ import annotations

from shared.data.generate.english_french.clauses import (
    Mood,
    Predicate,
    english_clause,
    french_clause,
    french_predicate,
)
from shared.data.generate.english_french.conjugation import present
from shared.data.generate.english_french.descriptions import anything, description
from shared.data.generate.english_french.frames import Sentence, key_of
from shared.data.generate.english_french.lexicon import MASS, nouns
from shared.data.generate.english_french.phrases import (
    PREDICATIVE,
    Dice,
    Phrase,
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
from shared.data.generate.english_french.settings import Said, mood_for, nouns_for
from shared.data.generate.english_french.surface import Words
from shared.data.generate.english_french.verbs import GO, PEOPLE, TRANSITIVE

_JOINTS = ((("and",), ("et",)), ((",", "but"), (",", "mais")), (("because",), ("parce", "que")))


def _both(said: Said) -> tuple[Words, Words]:
    who, what, mood, _ = said
    return english_clause(who.english, who.person, what, mood), french_clause(who, what, mood)


def joined_clauses(dice: Dice) -> Sentence | None:
    """`Paul is reading and Marie is sleeping.`, `She is not eating because she is not hungry.`"""
    first, second = anything(dice), anything(dice)
    if first is None or second is None or first.subject.lemmas == second.subject.lemmas:
        return None
    joint, french_joint = dice.pick(_JOINTS)
    if joint[0] == "because" and dice.chance(0.5):
        second = description(dice)
        if second is None or second.mood.time:
            return None
    english, french = _both(first)
    more, encore = _both(second)
    return Sentence(
        (*english, *joint, *more),
        (*french, *french_joint, *encore),
        ".",
        (joint[-1], *key_of(first), *key_of(second)),
    )


def shared_subject(dice: Dice) -> Sentence | None:
    """`The girl sings and dances with Paul.` → `La fille chante et danse avec Paul.`"""
    first, second = dice.pick(_ACTIONS)(dice), dice.pick(_ACTIONS)(dice)
    if first is None or second is None or first.predicate.verb.base == second.predicate.verb.base:
        return None
    mood = first.mood
    if (
        mood.tense not in ("present", "past")
        or mood.negation
        or mood.frequency
        or mood.time
        or second.mood.negation
    ):
        return None
    if second.predicate.verb.stative or first.predicate.verb.stative:
        return None
    who, word = first.subject, second.subject
    animal = not set(who.lemmas) & _PEOPLE_WORDS
    if (
        animal
        or not set(word.lemmas) & _PEOPLE_WORDS
        or set(who.lemmas) & set(second.predicate.lemmas)
    ):
        return None
    for verb in (first.predicate.verb, second.predicate.verb):
        if verb.base == verb.past and who.person != 2:
            return None
    clitic = second.predicate.clitic
    if clitic or "with" in second.predicate.lemmas or "for" in second.predicate.lemmas:
        return None
    english, french = _both(first)
    plain = Mood(mood.tense)
    more = english_clause((), who.person, second.predicate, plain)
    encore = french_predicate(who, second.predicate, plain)
    key = ("and", *key_of(first), *second.predicate.lemmas)
    return Sentence((*english, "and", *more), (*french, "et", *encore), ".", key)


_ACTIONS = (intransitive, transitive, motion)
_PEOPLE_WORDS = frozenset(noun.english for noun in nouns(PEOPLE))
_OPINIONS = (("think", "penser"), ("know", "savoir"), ("say", "dire"))


def opinion(dice: Dice) -> Sentence | None:
    """`She knows that you are late.` → `Elle sait que tu es en retard.`"""
    said = anything(dice)
    who = subject(dice, nouns(PEOPLE), plain=True)
    if said is None or who.lemmas == said.subject.lemmas or who.lemmas[-1] in said.predicate.lemmas:
        return None
    base, infinitive = dice.pick(_OPINIONS)
    finite = base + "s" if who.person == 2 else base
    english, french = _both(said)
    key = (base, *who.lemmas, *key_of(said))
    return Sentence(
        (*who.english, finite, "that", *english),
        (*who.french, present(infinitive)[who.person], "que", *french),
        ".",
        key,
    )


def who_clause(dice: Dice) -> Sentence | None:
    """`The man who is reading is tired.` → `L'homme qui lit est fatigué.`; animals take "that" in English."""
    said = dice.pick((intransitive, transitive, with_pronoun, giving, motion))(dice)
    if said is None:
        return None
    noun = dice.pick(_DESCRIBABLE)
    animal = noun.kind == "animal"
    fits = (
        any(candidate.english == noun.english for candidate in said.predicate.verb.subjects)
        or said.frame == "motion"
        and not animal
    )
    if (
        not fits
        or noun.english in said.predicate.lemmas
        or (animal and said.predicate.verb.base in ("eat", "drink", "play"))
    ):
        return None
    adjective = dice.pick(PREDICATIVE[noun.english])
    who = build(noun, "the", dice.chance(0.3))
    if adjective.english == "little":
        return None
    relative = "that" if animal else "who"
    english = (*who.english, relative, *english_clause((), who.person, said.predicate, said.mood))
    french = (*who.french, "qui", *french_predicate(who, said.predicate, said.mood))
    be, is_ = ("are", "sont") if who.plural else ("is", "est")
    word = adjective.forms[2 * who.feminine + who.plural]
    key = ("who is", noun.english, *said.predicate.lemmas, adjective.english)
    return Sentence((*english, be, adjective.english), (*french, is_, word), ".", key)


_DESCRIBABLE = nouns(
    "man woman boy girl child king queen actress teacher doctor farmer artist student waitress cat dog horse bird"
)
_RELATIVE = tuple(
    verb for verb in TRANSITIVE
    if verb.base in ("read", "write", "buy", "sell", "see", "find", "lose", "wash", "open", "wear", "paint", "make", "build",
                     "bring", "clean", "hide", "choose", "break", "visit", "eat", "drink", "close", "follow", "look")
    and any(noun.kind == "person" for noun in verb.subjects)
)  # fmt: skip
_UNSUITED = frozenset("new open closed full good bad little".split())


def that_clause(dice: Dice) -> Sentence | None:
    """`The letter that he wrote is long.` → `La lettre qu'il a écrite est longue.`"""
    verb = dice.pick(_RELATIVE)
    noun = dice.pick(verb.objects)
    if noun.kind in ("person", "kin") or not PREDICATIVE[noun.english]:
        return None
    who = subject(dice, verb.subjects, plain=True)
    mood = mood_for(dice, verb)
    if (
        noun.english in who.lemmas
        or mood.negation
        or mood.tense in ("already", "want", "can", "must")
        or mood.frequency
    ):
        return None
    if verb.base == verb.past and who.person != 2:
        return None
    what = build(noun, "the", noun.kind not in MASS and dice.chance(0.25))
    adjective = dice.pick(PREDICATIVE[noun.english])
    if adjective.english in _UNSUITED or who.person == 4:
        return None
    predicate = Predicate(verb)
    english = (*what.english, "that", *english_clause(who.english, who.person, predicate, mood))
    french = (*what.french, "que", *french_clause(who, predicate, mood, object_first=what))
    be, is_ = ("are", "sont") if what.plural else ("is", "est")
    word = adjective.forms[2 * what.feminine + what.plural]
    key = ("that", noun.english, *who.lemmas, verb.base, verb.particle, adjective.english)
    return Sentence((*english, be, adjective.english), (*french, is_, word), ".", key)


_ERRANDS = {
    "market": "@fruit bread cheese meat rice fish honey butter hat flower hen goat",
    "library": "@text",
    "beach": "boat bird",
    "station": "train @kin friend",
    "museum": "painting",
    "hospital": "doctor @kin friend",
    "castle": "king queen horse",
    "airport": "plane @kin friend",
    "restaurant": "soup fish meat cake cheese wine coffee tea beer",
}
_ERRAND_VERBS = {
    "market": "buy sell look",
    "library": "read look find",
    "restaurant": "eat drink",
}


def errand(dice: Dice) -> Sentence | None:
    """`She is going to the market to buy bread.` → `Elle va au marché pour acheter du pain.`"""
    goal = dice.pick(tuple(_ERRANDS))
    wanted = nouns_for(_ERRANDS[goal])
    verbs = tuple(
        v
        for v in _PEOPLES_VERBS
        if v.base in _ERRAND_VERBS.get(goal, "see wait").split() and v.particle in _ERRAND_PARTICLES
    )
    verb = dice.pick(verbs)
    things = tuple(noun for noun in verb.objects if noun in wanted)
    who, mood = subject(dice, nouns_for(PEOPLE), plain=dice.chance(0.7)), mood_for(dice, GO)
    if not things or mood.negation or mood.tense == "already":
        return None
    noun = dice.pick(things)
    what = noun_phrase(dice, noun, "definite" if noun.kind in ("person", "kin") else "object")
    if set(what.lemmas) & set(who.lemmas):
        return None
    place = build(nouns_for(goal)[0], "the")
    time, mood = mood.time, mood._replace(time=None)
    predicate = Predicate(GO, ("to", *place.english), ("à", *place.french), ("à", *place.french))
    particle = (verb.particle,) if verb.particle else ()
    english = (
        *english_clause(who.english, who.person, predicate, mood),
        "to",
        verb.base,
        *particle,
        *what.english,
    )
    french = (*french_clause(who, predicate, mood), "pour", verb.infinitive, *what.french)
    if time:
        english, french = (*english, *time[0].split()), (*french, *time[1].split())
    return Sentence(
        english, french, ".", ("errand", *who.lemmas, goal, verb.base, verb.particle, *what.lemmas)
    )


_ERRAND_PARTICLES = frozenset({"", "for"})
_PEOPLES_VERBS = tuple(
    verb for verb in TRANSITIVE if any(noun.kind == "person" for noun in verb.subjects)
)


def fronted(dice: Dice) -> Sentence | None:
    """`Yesterday, we ate at home.` → `Hier, nous avons mangé à la maison.`, `When it is raining, …` → `Quand il pleut, …`"""
    said = anything(dice)
    if said is None:
        return None
    who, what, mood, _ = said
    if mood.time and len(mood.time[0].split()) < 4:
        front, devant, key = tuple(mood.time[0].split()), tuple(mood.time[1].split()), "fronted"
        if front == ("now",):
            return None
    elif mood.tense == "present" and not mood.time and not what.verb.stative:
        english, french = dice.pick(_WHEN)
        front, devant, key = tuple(english.split()), tuple(french.split()), english
    else:
        return None
    english, french = _both(said._replace(mood=mood._replace(time=None)))
    return Sentence((*front, ",", *english), (*devant, ",", *french), ".", (key, *key_of(said)))


_WHEN = (
    ("when it is raining", "quand il pleut"),
    ("when it is snowing", "quand il neige"),
    ("when it is cold", "quand il fait froid"),
    ("when it is hot", "quand il fait chaud"),
)
