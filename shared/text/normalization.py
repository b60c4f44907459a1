"""One spelling for what a reader sees as the same text, and the words of a text. Met in week 4.

A computer compares code points, numbers that the Unicode standard gives to characters. One word can be written with
different ones: é is one code point, or an e and a combining accent; ﬁ may be one sign. Before anything is counted, all
of these must become the same.
Sources: Unicode Standard Annex 15, "Unicode Normalization Forms"; the Unicode Standard, section 3.13, on case folding.
"""

import re
import unicodedata


def normalize(text: str, strip_accents: bool = False) -> str:
    """NFKC, case folded, single spaces; without accents where that is asked for.

    NFKC:          an accent joins its letter where one code point holds both, and mere looks are dropped: ﬁ → fi,
                   ² → 2, full-width Ａ → A, a non-breaking space → a space
    casefold:      lower case, and further where lower case does not suffice for comparing: ß → ss
    strip_accents: é → e. Letters are taken apart (NFD), and what combines with a letter is left out.
    whitespace:    every run of it becomes one space; at both ends it goes

    normalize(normalize(text)) is normalize(text).
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    if strip_accents:
        apart = unicodedata.normalize("NFD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c))
    text = unicodedata.normalize("NFKC", text)  # folding and stripping may leave letters apart
    return " ".join(text.split())


def words(text: str) -> list[str]:
    """Every run of letters, digits and underscores; what stands between them is dropped.

    Meant for normalized text: an accent that stands apart from its letter counts as no letter, and would cut a word.
    Languages that put no spaces between words come out as one long word; week 8 cuts text in a better way.
    """
    return re.findall(r"\w+", text)
