"""Clauses in both languages: tense, negation, questions, object pronouns, the places of adverbs.

Met in weeks 4 and 6. English builds (auxiliary, rest) so that a question turns the two around the subject (do-support);
French builds ne, pronoun, finite verb, pas, adverb, second verb, and asks with est-ce que.
"""

from __future__ import annotations

from typing import NamedTuple

from shared.data.generate.english_french.conjugation import IMPARFAIT, participle, present
from shared.data.generate.english_french.phrases import Phrase
from shared.data.generate.english_french.surface import Words, agree
from shared.data.generate.english_french.verbs import Verb

_AM = ("am", "are", "is", "are", "are", "are")
_WAS = ("was", "were", "was", "were", "were", "were")
# never and no longer stand where not does, but need no do; the French pair of each word
NEGATIONS = {
    "not": ("pas",),
    "never": ("jamais",),
    "no longer": ("plus",),
    "not yet": ("pas", "encore"),
}
MODALS = {"want": "vouloir", "can": "pouvoir", "must": "devoir"}


class Clitic(NamedTuple):
    """An object pronoun: `English` words after the verb, French word before it, and whether it is the direct object."""

    english: Words
    french: str
    direct: bool
    feminine: bool = False
    plural: bool = False


class Predicate(NamedTuple):
    """What is said of a subject.

    english, french: what follows the verb; negated: the French after ne … pas; manner: an adverb.
    """

    verb: Verb
    english: Words = ()
    french: Words = ()
    negated: Words = ()
    lemmas: Words = ()
    clitic: Clitic | None = None
    manner: tuple[str, str] | None = None


class Mood(NamedTuple):
    """How it is said. tense: present, progressive, past, already, future, want, can or must.

    negation: a key of NEGATIONS or ""; frequency, time: (English, French) adverbs or None.
    """

    tense: str = "present"
    negation: str = ""
    frequency: tuple[str, str] | None = None
    time: tuple[str, str] | None = None


PRESENT = Mood()


def english_verb(person: int, verb: Verb, mood: Mood, question: bool) -> tuple[Words, Words]:
    """(auxiliary, rest): `((), ("eats",))`, `(("does",), ("not", "eat"))`, `(("is",), ("eating",))`."""
    third, tense = person == 2, mood.tense
    middle: Words = tuple(mood.negation.replace(" yet", "").split())
    if mood.frequency:
        middle = (*middle, mood.frequency[0])
    if tense == "future":
        return (_AM[person],), (*middle, "going", "to", verb.base)
    if verb.base == "be":
        return ((_WAS if tense == "past" else _AM)[person],), middle
    if tense == "progressive":
        return (_AM[person],), (*middle, verb.ing)
    if tense == "already":
        have = "has" if third else "have"
        return (have,), (*(middle or ("already",)), verb.participle)
    if tense == "can" and mood.negation == "not" and not question:
        return ("cannot",), (verb.base,)
    if tense in ("can", "must"):
        return (tense,), (*middle, verb.base)
    if tense == "want":
        finite, base, rest = ("wants" if third else "want"), "want", ("to", verb.base)
    else:
        finite, base, rest = (
            (verb.past if tense == "past" else verb.third if third else verb.base),
            verb.base,
            (),
        )
    if question or mood.negation == "not":
        do = "did" if tense == "past" else "does" if third else "do"
        return (do,), (*middle, base, *rest)
    return (), (*middle, finite, *rest)


def english_clause(
    subject: Words, person: int, predicate: Predicate, mood: Mood, question: bool = False
) -> Words:
    """Subject, verb, complements and adverbs in English order."""
    auxiliary, rest = english_verb(person, predicate.verb, mood, question)
    start = (*auxiliary, *subject, *rest) if question else (*subject, *auxiliary, *rest)
    end: Words = (predicate.verb.particle,) if predicate.verb.particle else ()
    if predicate.clitic:
        end = (*end, *predicate.clitic.english)
    if predicate.manner:
        end = (*end, predicate.manner[0])
    end = (*end, *predicate.english)
    if mood.negation == "not yet":
        end = (*end, "yet")
    if mood.time:
        end = (*end, *mood.time[0].split())
    return (*start, *end)


def french_clause(
    subject: Phrase, predicate: Predicate, mood: Mood, object_first: Phrase | None = None
) -> Words:
    """Subject, verb, complements and adverbs in French order.

    object_first: the direct object where it stands before the verb (`la lettre qu'il a écrite`): the participle agrees.
    """
    return (*subject.french, *french_predicate(subject, predicate, mood, object_first))


def french_predicate(
    subject: Phrase, predicate: Predicate, mood: Mood, object_first: Phrase | None = None
) -> Words:
    """`french_clause` without its subject, as after qui."""
    verb, tense, person = predicate.verb, mood.tense, subject.person
    second: Words = ()  # the verb that is not finite
    clitic: Words = (predicate.clitic.french,) if predicate.clitic else ()
    first_clitic, second_clitic = clitic, ()
    if tense in ("past", "already") and not verb.imparfait:
        finite = present("être" if verb.etre else "avoir")[person]
        second = (_participle(subject, predicate, object_first),)
    elif tense == "past":
        finite = IMPARFAIT[verb.infinitive][person]
    elif tense in ("present", "progressive"):
        finite = present(verb.infinitive)[person]
    else:
        finite = present(MODALS.get(tense, "aller"))[person]
        second = (verb.infinitive,)
        first_clitic, second_clitic = (), clitic
    negation = NEGATIONS[mood.negation] if mood.negation else ()
    middle: Words = negation
    if mood.frequency:
        middle = (*middle, mood.frequency[1])
    if tense == "already" and not negation:
        middle = (*middle, "déjà")
    manner: Words = (predicate.manner[1],) if predicate.manner else ()
    early: Words = (
        manner if manner in (("bien",), ("mal",)) else ()
    )  # a bien dormi, but a couru vite
    late: Words = () if early else manner
    ne: Words = ("ne",) if negation else ()
    time = tuple(mood.time[1].split()) if mood.time else ()
    rest = predicate.negated if negation else predicate.french
    verbs = (*ne, *first_clitic, finite, *middle, *early, *second_clitic, *second)
    return (*verbs, *verb.tail, *late, *rest, *time)


def _participle(subject: Phrase, predicate: Predicate, object_first: Phrase | None) -> str:
    form = participle(predicate.verb.infinitive)
    if predicate.verb.etre:
        return agree(form, subject.feminine, subject.plural)
    clitic = predicate.clitic
    if clitic and clitic.direct:
        return agree(form, clitic.feminine, clitic.plural)
    if object_first:
        return agree(form, object_first.feminine, object_first.plural)
    return form
