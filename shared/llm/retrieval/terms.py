"""The terms that a keyword index counts: words in lower case, without stop words, plurals as singulars (week 9).

    Terms()("The Bees' dances, Poincaré said") → ["bee", "dance", "poincare", "said"]

Question and passage must go through the same; so an index remembers how its terms were made.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

# Words that carry grammar and no matter: articles, prepositions, pronouns, auxiliaries, and how questions begin.
_STOP_WORDS = """
    a about after all also am an and any are as at be because been before being both but by can could did do does
    doing for from had has have having he her here him his how i if in into is it its itself just me more most my no
    nor not of on only or other our out own s she should so some such t than that the their them then there these they
    this those through to too under until up very was we were what when where which while who whom whose why will with
    would you your"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
STEMS = ("none", "s")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Terms:
    """How a text becomes terms: called with a text, it gives the list of them, in order, with repetitions.

    stem:       "s", English plurals as singulars (`s_stem`), or "none"
    stop_words: whether the words of STOP_WORDS are left out
    accents:    whether é stays é; otherwise it is an e, so that Poincare finds Poincaré

    A word is a run of letters, digits and underscores in lower case. Raises ValueError for another stem.
    """

    stem: str = "s"
    stop_words: bool = True
    accents: bool = False
    _known: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.stem not in STEMS:
            raise ValueError(f"stem is {self.stem!r}; it must be one of {', '.join(STEMS)}.")

    def __call__(self, text: str) -> list[str]:
        known = self._known
        found = []
        for word in _WORD.findall(text.lower()):
            term = known.get(word)
            if term is None:
                if len(known) > 1_000_000:  # memory must not grow with the corpus
                    known.clear()
                term = known[word] = self._term(word)
            if term:
                found.append(term)
        return found

    def _term(self, word: str) -> str:
        """The term of a word; "" for one that is left out."""
        if not self.accents and not word.isascii():
            apart = unicodedata.normalize("NFKD", word)
            word = "".join(c for c in apart if not unicodedata.combining(c))
        if self.stop_words and word in STOP_WORDS:
            return ""
        return s_stem(word) if self.stem == "s" else word

    def settings(self) -> dict[str, str | bool]:
        """What makes another `Terms` like this one."""
        return {"stem": self.stem, "stop_words": self.stop_words, "accents": self.accents}


def s_stem(word: str) -> str:
    """An English plural as its singular, roughly: ponies → pony, horses → horse, bees → bee; glass and virus stay.

    Source: Harman, "How effective is suffixing?" (1991): the first of these rules that holds. Words of up to three
    letters stay as they are.
        -ies → -y   unless -eies, -aies
        -es  → -e   unless -aes, -ees, -oes
        -s   →      unless -us, -ss
    """
    if len(word) <= 3 or word[-1] != "s":
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word if word.endswith(("us", "ss")) else word[:-1]
