"""Long sentences: two clauses joined, what someone thinks, when something is done, and what for.

Met in weeks 4 and 6, where translation is harder the longer the sentence.
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
from shared.data.generate.english_french.descriptions import anything, state
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import Sentence, key_of
from shared.data.generate.english_french.lexicon import nouns
from shared.data.generate.english_french.phrases import build, noun_phrase, subject
from shared.data.generate.english_french.predicates import (
    intransitive,
    motion,
    transitive,
    with_pronoun,
)
from shared.data.generate.english_french.settings import Said, mood_for, nouns_for
from shared.data.generate.english_french.surface import Words, words
from shared.data.generate.english_french.verbs import (
    COME_BACK,
    GO,
    INTRANSITIVE,
    PEOPLE,
    PEOPLES_ACTIONS,
    Verb,
)

_PEOPLE = nouns(PEOPLE)
_JOINTS = (
    (("and",), ("et",)),
    ((",", "but"), (",", "mais")),
    (("because",), ("parce", "que")),
    (("because",), ("parce", "que")),
)


_ACTIONS = (intransitive, intransitive, transitive, transitive, with_pronoun, motion)
_TENSE_OF_REASON = {"past": "past", "already": "past"}


def _write(said: Said) -> tuple[Words, Words]:
    who, what, mood, _ = said
    return english_clause(who.english, who.person, what, mood), french_clause(who, what, mood)


def joined_clauses(dice: Dice) -> Sentence | None:
    """`Paul is reading and Marie is sleeping.`, `She is not eating because she is not hungry.`"""
    joint, french_joint = dice.pick(_JOINTS)
    if joint[0] == "because":
        first = dice.pick(_ACTIONS)(dice)
        second = (
            state(dice, Mood(_TENSE_OF_REASON.get(first.mood.tense, "present"))) if first else None
        )
    else:
        first, second = anything(dice), anything(dice)
    if first is None or second is None or first.subject.lemmas == second.subject.lemmas:
        return None
    english, french = _write(first)
    more, encore = _write(second)
    key = (joint[-1], *key_of(first), *key_of(second))
    return Sentence((*english, *joint, *more), (*french, *french_joint, *encore), ".", key)


_FIRST_VERBS = tuple(v for v in INTRANSITIVE if v.base not in words("fall arrive stay leave wait"))
_SECOND_VERBS = tuple(v for v in _FIRST_VERBS if v.base != "go")


def shared_subject(dice: Dice) -> Sentence | None:
    """`The girl went to the park and sang.` → `La fille est allée au parc et a chanté.`"""
    who, mood = subject(dice, _PEOPLE), Mood(dice.pick(("present", "past")))
    roll = dice.random()
    if who.person == 0:  # French says je again
        return None
    if roll < 0.4:
        first = motion(dice, verbs=(GO, COME_BACK), who=who, mood=mood)
    elif roll < 0.75:
        first = transitive(dice, verbs=PEOPLES_ACTIONS, who=who, mood=mood)
    else:
        first = intransitive(dice, verbs=_FIRST_VERBS, who=who, mood=mood)
    if dice.chance(0.7):
        second = transitive(dice, verbs=PEOPLES_ACTIONS, who=who, mood=mood)
    else:
        second = intransitive(dice, verbs=_SECOND_VERBS, who=who, mood=mood)
    if first is None or second is None:
        return None
    if not set(first.predicate.lemmas).isdisjoint(second.predicate.lemmas):
        return None
    english, french = _write(first)
    more = english_clause((), who.person, second.predicate, mood)
    encore = french_predicate(who, second.predicate, mood)
    key = ("and", *key_of(first), *second.predicate.lemmas)
    return Sentence((*english, "and", *more), (*french, "et", *encore), ".", key)


_OPINIONS = (("think", "penser"), ("know", "savoir"), ("say", "dire"))


def opinion(dice: Dice) -> Sentence | None:
    """`She knows that you are late.` → `Elle sait que tu es en retard.`"""
    said, who = anything(dice), subject(dice, _PEOPLE, plain=True)
    if said is None or not set(who.lemmas).isdisjoint(
        (*said.subject.lemmas, *said.predicate.lemmas)
    ):
        return None
    base, infinitive = dice.pick(_OPINIONS)
    finite = base + "s" if who.person == 2 else base
    english, french = _write(said)
    french = (*who.french, present(infinitive)[who.person], "que", *french)
    key = (base, *who.lemmas, *key_of(said))
    return Sentence((*who.english, finite, "that", *english), french, ".", key)


# Where one goes for what, and what one does with it there.
_ERRANDS: tuple[tuple[str, str, str], ...] = (
    ("market", "buy", "@fruit bread cheese meat rice fish honey butter hat flower"),
    ("market", "sell", "@fruit bread cheese meat fish honey flower horse"),
    ("library", "read", "@text"),
    ("library", "find", "book"),
    ("beach", "see", "boat"),
    ("station", "see", "train @kin friend"),
    ("station", "wait", "train bus @kin friend"),
    ("museum", "see", "painting"),
    ("hospital", "see", "doctor @kin friend"),
    ("castle", "see", "king queen"),
    ("airport", "see", "plane"),
    ("airport", "wait", "@kin friend"),
    ("restaurant", "eat", "soup fish meat cake cheese"),
    ("restaurant", "drink", "wine coffee tea beer"),
    ("park", "see", "tree flower @animal"),
    ("school", "help", "teacher student child"),
)


def errand(dice: Dice) -> Sentence | None:
    """`She is going to the market to buy bread.` → `Elle va au marché pour acheter du pain.`"""
    goal, base, wanted = dice.pick(_ERRANDS)
    verb = _VERBS_BY_BASE[base]
    who, mood = subject(dice, _PEOPLE, plain=dice.chance(0.7)), mood_for(dice, GO)
    noun = dice.pick(nouns_for(wanted))
    people = noun.kind in ("person", "kin", "animal")
    what = noun_phrase(dice, noun, "definite" if people else "object")
    if mood.negation or mood.tense == "already" or not set(what.lemmas).isdisjoint(who.lemmas):
        return None
    place = build(nouns_for(goal)[0], "the")
    going = Predicate(GO, ("to", *place.english), ("à", *place.french), ("à", *place.french))
    time, mood = mood.time or ("", ""), mood._replace(time=None)
    particle = (verb.particle,) if verb.particle else ()
    aim = ("to", verb.base, *particle, *what.english, *time[0].split())
    pour = ("pour", verb.infinitive, *what.french, *time[1].split())
    english = (*english_clause(who.english, who.person, going, mood), *aim)
    french = (*french_clause(who, going, mood), *pour)
    return Sentence(english, french, ".", ("errand", *who.lemmas, goal, base, *what.lemmas))


_VERBS_BY_BASE: dict[str, Verb] = {}
for _verb in PEOPLES_ACTIONS:
    _VERBS_BY_BASE.setdefault(_verb.base, _verb)

_WHEN = (
    ("when it is raining", "quand il pleut"),
    ("when it is snowing", "quand il neige"),
    ("when it is cold", "quand il fait froid"),
    ("when it is hot", "quand il fait chaud"),
)


def fronted(dice: Dice) -> Sentence | None:
    """`Yesterday, we slept.` → `Hier, nous avons dormi.`, `When it is cold, …` → `Quand il fait froid, …`"""
    said = anything(dice)
    if said is None:
        return None
    mood = said.mood
    if mood.time and mood.time[0] != "now" and "o'clock" not in mood.time[0]:
        time, key = mood.time, "fronted"
    elif mood.tense == "present" and not mood.time and not said.predicate.verb.stative:
        time = dice.pick(_WHEN)
        key = time[0]
    else:
        return None
    english, french = _write(said._replace(mood=mood._replace(time=None)))
    front, devant = (*time[0].split(), ","), (*time[1].split(), ",")
    return Sentence((*front, *english), (*devant, *french), ".", (key, *key_of(said)))
