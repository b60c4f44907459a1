"""Comparisons: bigger than, as tall as.

Met in weeks 4 and 6. The French adjective agrees with what is compared, and good has a comparative of its own.
"""

from __future__ import annotations

from shared.data.generate.english_french.dice import Dice
from shared.data.generate.english_french.frames import EST_CE_QUE, Sentence
from shared.data.generate.english_french.lexicon import ADJECTIVES, NAMES, adjectives_for, nouns
from shared.data.generate.english_french.phrases import name, noun_phrase
from shared.data.generate.english_french.surface import words

_COMPARABLE = nouns(
    "@person @kin @animal @fruit @text @clothing @thing @vehicle @place soup wine cheese bread"
)
# (adjective, what it may compare)
_COMPARED = tuple(
    (adjective, tuple(noun for noun in _COMPARABLE if adjective in adjectives_for(noun)))
    for adjective in ADJECTIVES
    if adjective.comparative
)
_BETTER = {"bon": "meilleur", "bonne": "meilleure", "bons": "meilleurs", "bonnes": "meilleures"}
_SUITS_NAMES = words("tall kind happy intelligent strong")


def comparison(dice: Dice) -> Sentence | None:
    """`My sister is taller than Paul.` → `Ma sœur est plus grande que Paul.`; as … as → aussi … que."""
    adjective, fitting = dice.pick(_COMPARED)
    ends = []
    for _ in range(2):
        if adjective.english in _SUITS_NAMES and dice.chance(0.4):
            ends.append(name(dice))
        else:
            ends.append(noun_phrase(dice, dice.pick(fitting), "definite", plain=True))
    first, second = ends
    if set(first.lemmas) & set(second.lemmas):
        return None
    if first.lemmas[-1] not in NAMES and second.lemmas[-1] not in NAMES:
        kinds = {
            noun.kind.replace("kin", "person")
            for noun in fitting
            if noun.english in (first.lemmas[-1], second.lemmas[-1])
        }
        if len(kinds) > 1:
            return None
    word = adjective.forms[2 * first.feminine + first.plural]
    be, is_ = ("are", "sont") if first.plural else ("is", "est")
    asked, negative = dice.chance(0.2), dice.chance(0.25)
    if dice.chance(0.35):
        english, french = ("as", adjective.english, "as"), ("aussi", word, "que")
    else:
        english = (*adjective.comparative.split(), "than")
        french = (_BETTER[word], "que") if word in _BETTER else ("plus", word, "que")
    key = ("comparison", *first.lemmas, adjective.english, *second.lemmas)
    if asked:
        return Sentence((be, *first.english, *english, *second.english),
                        (*EST_CE_QUE, *first.french, is_, *french, *second.french), "?", key)  # fmt: skip
    nots, pas = (("not",), ("ne", is_, "pas")) if negative else ((), (is_,))
    return Sentence((*first.english, be, *nots, *english, *second.english),
                    (*first.french, *pas, *french, *second.french), ".", key)  # fmt: skip
