"""How words are written next to each other: elision, contraction, plural, gender, a or an.

Met in weeks 4 and 6, behind the English and French sentence pairs. Phrases are tuples of separate words such as
`("de", "le", "enfant")`; only `write_french` turns them into `de l'enfant`. So no other module thinks about elision.
"""

from __future__ import annotations

from functools import cache

Words = tuple[str, ...]

# le → l' and so on before a vowel sound. `ce` is the pronoun here: the determiner is already `cet` by then.
ELIDED = {
    "le": "l'",
    "la": "l'",
    "je": "j'",
    "me": "m'",
    "te": "t'",
    "ne": "n'",
    "de": "d'",
    "que": "qu'",
    "ce": "c'",
}
CONTRACTED = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
_VOWELS = frozenset("aàâeéèêëiîïoôuùûœ")
# An h is mute unless the word is listed here; dictionaries mark these "h aspiré".
_ASPIRATED = frozenset(
    {"hibou", "hiboux", "hamster", "hamsters", "huit", "haut", "haute", "hauts", "hautes"}
)


def words(text: str) -> frozenset[str]:
    """A set of words, written with spaces between them."""
    return frozenset(text.split())


@cache
def vowel_sound(word: str) -> bool:
    """Whether a French word makes the word before it elide: `homme`, `œuf` and the pronoun `y` do, `hibou` does not."""
    word = word.lower().rstrip(",")
    if not word or word in _ASPIRATED:
        return False
    return word[0] in _VOWELS or word[0] == "h" or word == "y"


def write_french(words: Words, end: str = "") -> str:
    """`("de", "le", "enfant")` → `de l'enfant`, `("à", "le", "roi")` → `au roi`; `end` closes a sentence."""
    written: list[
        str
    ] = []  # from the last word to the first, since a word changes with the one after it
    for word in reversed(words):
        after = written[-1] if written else ""
        if word in ELIDED and vowel_sound(after):
            written[-1] = ELIDED[word] + after
        elif (word, after) in CONTRACTED:
            written[-1] = CONTRACTED[word, after]
        elif after == ",":
            written[-1] = word + ","
        else:
            written.append(word)
    return _sentence(" ".join(reversed(written)), " ?" if end == "?" else end)


def write_english(words: Words, end: str = "") -> str:
    """`("a", "old", "man")` → `an old man`; `end` closes a sentence."""
    written: list[str] = []
    for word, after in zip(words, (*words[1:], "")):
        written.append("an" if word == "a" and after[:1] in tuple("aeiouEI") else word)
    return _sentence(" ".join(written).replace(" ,", ","), end)


def _sentence(text: str, end: str) -> str:
    return text[:1].upper() + text[1:] + end if end else text


def english_plural(noun: str) -> str:
    """The regular English plural: `boxes`, `stories`, `keys`."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def french_plural(word: str) -> str:
    """The regular French plural of a noun or a masculine adjective: `souris`, `chapeaux`, `chevaux`, `chats`."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("au"):
        return word + "x"
    if word.endswith("al"):
        return word[:-2] + "aux"
    return word + "s"


def french_feminine(word: str) -> str:
    """The regular feminine of an adjective or participle: `rouge`, `heureuse`, `chère`, `italienne`, `verte`."""
    if word.endswith("e"):
        return word
    if word.endswith("eux"):
        return word[:-1] + "se"
    if word.endswith("er"):
        return word[:-2] + "ère"
    if word.endswith("en"):
        return word + "ne"
    return word + "e"


@cache
def agree(masculine: str, feminine: bool, plural: bool) -> str:
    """A past participle in gender and number: `agree("vu", True, True)` → `vues`."""
    word = masculine + "e" if feminine else masculine
    return french_plural(word) if plural else word
