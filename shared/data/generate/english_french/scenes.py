"""Sentences with a pattern of their own: commands, what there is, what this is, the weather.

Met in weeks 4 and 6. Here word-for-word translation fails most: there is → il y a, it is hot → il fait chaud.
"""

from __future__ import annotations

from shared.data.generate.english_french.conjugation import imperative, present
from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import EST_CE_QUE, Sentence
from shared.data.generate.english_french.lexicon import (
    CITIES,
    COUNTRIES,
    MASS,
    NUMBERS,
    Adjective,
    Noun,
    nouns,
)
from shared.data.generate.english_french.phrases import (
    ATTRIBUTIVE,
    Phrase,
    build,
    noun_phrase,
)
from shared.data.generate.english_french.settings import nouns_for, place, whereabouts
from shared.data.generate.english_french.surface import Words, words
from shared.data.generate.english_french.verbs import TRANSITIVE

_UNORDERED = words("lose find sell break build wear talk see eat drink wait take")
_ORDERED = tuple(
    verb
    for verb in TRANSITIVE
    if not verb.stative
    and verb.base not in _UNORDERED
    and any(noun.kind == "person" for noun in verb.subjects)
)
_STAYING = (("work", "travailler"), ("sing", "chanter"), ("dance", "danser"), ("sleep", "dormir"),
            ("wait", "attendre"), ("stay", "rester"), ("eat", "manger"))  # fmt: skip


def command(dice: Dice) -> Sentence:
    """`Close the door.` → `Ferme la porte.`, `Let us sing.` → `Chantons.`, also with not and please."""
    negative, please = dice.chance(0.3), dice.chance(0.25)
    together = not negative and not please and dice.chance(0.3)
    speaker = 3 if together else 4 if dice.polite else 1
    if dice.chance(0.7):
        verb = dice.pick(_ORDERED)
        what = noun_phrase(dice, dice.pick(verb.objects), "object", negative)
        rest = (verb.particle, *what.english) if verb.particle else what.english
        french = (
            (verb.preposition, *what.french)
            if verb.preposition
            else what.negated
            if negative
            else what.french
        )
        base, infinitive, lemmas = (
            verb.base,
            verb.infinitive,
            (verb.base, verb.particle, *what.lemmas),
        )
    else:
        base, infinitive = dice.pick(_STAYING)
        where = whereabouts(dice, abroad=False)
        rest, french, lemmas = where.english, where.french, (base, *where.lemmas)
    english, order = (base, *rest), (imperative(infinitive, speaker), *french)
    if together:
        return Sentence(("let", "us", *english), order, ".", ("let us", *lemmas))
    if negative:
        english, order = ("do", "not", *english), ("ne", order[0], "pas", *french)
    if please:
        english = ("please", *english)
        order = (*order, ",", "s'il", "vous" if dice.polite else "te", "plaît")
    return Sentence(english, order, ".", ("command", *lemmas))


# (English preposition, French, what there may be, where)
_CONTENTS = (
    (
        "on",
        "sur",
        "@fruit book letter key bag glass plate knife bottle lamp hat newspaper gift box flower",
        "table chair",
    ),
    (
        "in",
        "dans",
        "egg apple orange pear letter book key watch gift hat shirt knife scarf shoe",
        "box bag",
    ),
    ("in", "dans", "water milk wine beer tea coffee", "glass bottle"),
    (
        "in",
        "dans",
        "bread cheese meat butter rice honey fish milk table lamp chair clock cat",
        "kitchen",
    ),
    ("in", "dans", "tree flower dog cat rabbit bird horse chair table hen", "garden"),
    (
        "in",
        "dans",
        "dog cat horse car bicycle child actress doctor hotel church restaurant shop",
        "street village",
    ),
    (
        "near",
        "près de",
        "hotel restaurant school church shop library tree garden market",
        "station beach bridge museum",
    ),
    ("under", "sous", "cat dog bag ball box shoe hat mouse", "table chair tree"),
)


def existence(dice: Dice) -> Sentence:
    """`There is no milk in the bottle.` → `Il n'y a pas de lait dans la bouteille.`, also asked and in the past."""
    preposition, sur, things, places = dice.pick(_CONTENTS)
    where = build(dice.pick(nouns_for(places)), "the")
    asked, past = dice.chance(0.25), dice.chance(0.25)
    negative = not asked and dice.chance(0.35)
    noun = dice.pick(nouns_for(things))
    what = _something(dice, noun, counted=not negative, some=not asked and not negative)
    be = ("were" if past else "are") if what.plural else ("was" if past else "is")
    english, a = what.english, "avait" if past else "a"
    if negative:
        english = ("no", *(english[1:] if english[0] == "a" else english))
    there_is = (
        ("il", "ne", "y", a, "pas", *what.negated) if negative else ("il", "y", a, *what.french)
    )
    french = (*there_is, *sur.split(), *where.french)
    key = ("there is", *what.lemmas, preposition, *where.lemmas)
    end = (preposition, *where.english)
    if asked:
        return Sentence((be, "there", *english, *end), (*EST_CE_QUE, *french), "?", key)
    return Sentence(("there", be, *english, *end), french, ".", key)


def _adjectives(
    dice: Dice, noun: Noun, probability: float = 0.35
) -> tuple[Adjective | None, Adjective | None]:
    if not ATTRIBUTIVE[noun.english] or not dice.chance(probability):
        return None, None
    chosen = dice.pick(ATTRIBUTIVE[noun.english])
    return (chosen, None) if chosen.before_noun else (None, chosen)


def _something(dice: Dice, noun: Noun, counted: bool, some: bool) -> Phrase:
    """An indefinite phrase: a, some, three, many, or no article."""
    before, after = _adjectives(dice, noun)
    roll = dice.random()
    if noun.kind in MASS:
        determiner = (
            "many" if counted and some and roll < 0.2 else "some" if some and roll < 0.5 else "none"
        )
        return build(noun, determiner, False, before, after)
    if roll < 0.45:
        return build(noun, "a", False, before, after)
    if counted and roll < 0.7:
        return build(noun, "number", True, before, after, number=dice.pick(NUMBERS))
    if counted and some and roll < 0.77:
        return build(noun, "many", True, before, after)
    return build(noun, "some" if some and roll < 0.9 else "none", True, before, after)


_SHOWN = nouns("@animal @fruit @drink @text @clothing @thing @vehicle @kin bread cheese honey butter teacher doctor "
               "friend house school hotel museum church castle library")  # fmt: skip


def presentation(dice: Dice) -> Sentence:
    """`This is an old hotel.` → `C'est un vieil hôtel.`, `These are not my keys.` → `Ce ne sont pas mes clés.`"""
    noun = dice.pick(_SHOWN)
    if noun.kind == "kin" or dice.chance(0.4):
        what = noun_phrase(dice, noun, "definite")
        if what.english[0] in ("this", "these"):
            what = build(noun, "a" if noun.kind not in MASS else "none")
    else:
        what = _something(dice, noun, counted=True, some=False)
    asked = dice.chance(0.25)
    negative = not asked and dice.chance(0.3) and what.english[0] not in _NUMBER_WORDS
    be, this = ("are", "these") if what.plural else ("is", "this")
    is_ = present("être")[5 if what.plural else 2]
    key = ("this is", *what.lemmas)
    if asked:
        return Sentence((be, this, *what.english), (*EST_CE_QUE, "ce", is_, *what.french), "?", key)
    if negative:  # not a negated object: the article stays
        return Sentence(
            (this, be, "not", *what.english), ("ce", "ne", is_, "pas", *what.french), ".", key
        )
    return Sentence((this, be, *what.english), ("ce", is_, *what.french), ".", key)


_NUMBER_WORDS = frozenset(english for english, _ in NUMBERS)

# (English, French, French in the past and in the future) without subject and ne
_WEATHER = (
    (("is", "raining"), ("pleut",), ("rained",), ("a", "plu"), ("rain",), ("pleuvoir",)),
    (("is", "snowing"), ("neige",), ("snowed",), ("a", "neigé"), ("snow",), ("neiger",)),
    *(
        (
            ("is", english),
            ("fait", french),
            ("was", english),
            ("faisait", french),
            ("be", english),
            ("faire", french),
        )
        for english, french in (
            ("hot", "chaud"),
            ("cold", "froid"),
            ("windy", "du vent"),
            ("dark", "noir"),
        )
    ),
)
_PAST_TIMES = (
    ("yesterday", "hier"),
    ("last week", "la semaine dernière"),
    ("this morning", "ce matin"),
)
_FUTURE_TIMES = (
    ("tomorrow", "demain"),
    ("this evening", "ce soir"),
    ("next week", "la semaine prochaine"),
)
_NOW = (("now", "maintenant"), ("today", "aujourd'hui"))


def weather(dice: Dice) -> Sentence:
    """`It is hot today.` → `Il fait chaud aujourd'hui.`, `Is it going to rain?` → `Est-ce qu'il va pleuvoir ?`"""
    now, maintenant, past, passé, base, infinitive = dice.pick(_WEATHER)
    roll, asked = dice.random(), dice.chance(0.25)
    negative = not asked and dice.chance(0.3)
    time: tuple[str, str] | None = None
    verbal = len(passé) == 2 and passé[0] == "a"
    if roll < 0.45:
        auxiliary, rest, french, times = (now[0],), now[1:], maintenant, _NOW
    elif roll < 0.7:
        french, times = passé, _PAST_TIMES
        if verbal:
            auxiliary, rest = ((), past) if not (asked or negative) else (("did",), base)
        else:
            auxiliary, rest = past[:1], past[1:]
    else:
        auxiliary, rest, times = ("is",), ("going", "to", *base), _FUTURE_TIMES
        french = ("va", *infinitive)
    if dice.chance(0.6):
        time = dice.pick(times)
    where = _outside(dice) if dice.chance(0.6) else ((), (), ())
    french = tuple(word for part in french for word in part.split())
    if negative:
        french = ("ne", french[0], "pas", *french[1:])
        rest = ("not", *rest)
        if french[-2:] == ("du", "vent"):
            french = (*french[:-2], "de", "vent")
    english = (*auxiliary, "it", *rest) if asked else ("it", *auxiliary, *rest)
    english = (*english, *where[0], *(time[0].split() if time else ()))
    french = ("il", *french, *where[1], *(time[1].split() if time else ()))
    key = ("weather", *base, *where[2])
    return Sentence(
        english, (*EST_CE_QUE, *french) if asked else french, "?" if asked else ".", key
    )


def _outside(dice: Dice) -> tuple[Words, Words, Words]:
    if dice.chance(0.5):
        english, french, _ = dice.pick(CITIES + COUNTRIES)
        return ("in", english), tuple(french.split()), (english,)
    found = place(
        dice,
        *dice.pick((("in", "forest village garden street park"), ("on", "beach island bridge"))),
    )
    return found.english, found.french, found.lemmas
