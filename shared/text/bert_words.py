"""The words of a text as BERT sees them: cleaned, lower case, without accents, every punctuation mark by itself.

    bert_words("Don't panic, Zoë!") == ["don", "'", "t", "panic", ",", "zoe", "!"]

Met in week 8. Source: Devlin et al., "BERT" (2019), and its code, `tokenization.py` of google-research/bert.
"""

import unicodedata

# Blocks of Chinese characters, also used for Japanese and Korean. Each character stands as a word by itself.
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def bert_words(text: str, lower: bool = True) -> list[str]:
    """The words and punctuation marks of a text, in order; white space goes.

    lower: lower case and no accents, for the models called uncased
    """
    text = bert_normalize(text, lower)
    if text.isalnum():  # one plain word, the usual case
        return [text]
    apart = "".join([f" {c} " if is_punctuation(c) else c for c in text])
    return apart.split()


def bert_normalize(text: str, lower: bool = True) -> str:
    """White space becomes spaces, control characters go, spaces stand around Chinese characters.

    With lower: letters are taken apart (NFD), their accents left out, and each character made lower case by itself.
    """
    if text.isascii() and text.isprintable():
        return text.lower() if lower else text
    text = "".join(map(_cleaned, text))
    if lower:
        apart = unicodedata.normalize("NFD", text)
        text = "".join([c.lower() for c in apart if unicodedata.category(c) != "Mn"])
    return text


def is_punctuation(character: str) -> bool:
    """Every ASCII sign that is no letter, digit or space ("$" too), and what Unicode counts as punctuation."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def _cleaned(character: str) -> str:
    if character.isalpha() and not _is_chinese(character):
        return character
    category = unicodedata.category(character)
    if character in "\t\n\r" or category.startswith("Z"):
        return " "
    if character == "\ufffd" or category in ("Cc", "Cf", "Co", "Cs"):
        return ""
    return f" {character} " if _is_chinese(character) else character


def _is_chinese(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _CHINESE)
