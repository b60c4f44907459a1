"""Plain letters: an article in ASCII, without what an extraction left behind. Met in weeks 4 and 7.

A model of characters with a few minutes to learn should not spend them on ninety kinds of accents and dashes.
"""

import re
import unicodedata

_SIMPLE = str.maketrans({"–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "…": "..."})


def plain_text(text: str) -> str:
    """The text in ASCII: é → e, – → -, “ → "; tags, formula_12 and emptied brackets go, runs of blanks become one.

    Line ends stay, one at a time. Letters of other scripts are dropped, so this is for English text.
    """
    text = unicodedata.normalize("NFKD", text.translate(_SIMPLE)).encode("ascii", "ignore").decode()
    text = re.sub(r"<[^>]*>|\bformula_\d+|[{}|]|\(\W*\)", "", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" ([,.;:)])", r"\1", text)  # what stood before the full stop is gone
    return re.sub(r" ?\n\s*", "\n", text).strip()
