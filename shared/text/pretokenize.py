"""Cutting text into pre-tokens, the pieces that byte-pair encoding never joins. Met in week 8.

A pre-token is roughly a word with the space before it: "Bees don't dance." → "Bees", " don", "'t", " dance", ".".
Without this step a vocabulary fills with pieces such as "dance." and "of the", and equal words get unlike tokens.
Sources of the two patterns: `encoder.py` of openai/gpt-2 (2019), and `tiktoken_ext/openai_public.py` of openai/tiktoken
(2023), where GPT-4's is called cl100k_base.
"""

import re
from functools import lru_cache

import regex

# GPT-2: English contractions; letters, digits, or other signs, each with one space before them; white space, of which
# the last space is left to the word that follows.
GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# GPT-4: contractions in capitals too; any one sign before letters; at most three digits; white space cut after its line
# ends, but whole where the text ends with it.
CL100K_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?![\s\S])|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# With these two, a single space between two characters that are none always begins a pre-token.
_BEGIN_AT_A_SPACE = {GPT2_PATTERN, CL100K_PATTERN}
_SINGLE_SPACE = re.compile(r" (?<=\S )(?=\S)")


def split(text: str, pattern: str = GPT2_PATTERN) -> list[str]:
    """The pre-tokens of a text, in order; joined, they are the text.

    pattern: a regular expression of the package `regex`, which knows \\p{L} (any letter) and \\p{N} (any number).
    What the pattern leaves out, if it leaves anything, is a pre-token too, so that nothing is lost.
    """
    pretokens = _compiled(pattern).findall(text)
    if sum(map(len, pretokens)) == len(text):
        return pretokens
    return _with_the_rest(text, pattern)


def split_at_spaces(text: str, pattern: str = GPT2_PATTERN) -> list[str]:
    """Pieces of a text that can be cut into pre-tokens one by one: the fast half of the work.

    A single space stands before every piece but the first; it is left out of them. Pieces repeat far more often than
    texts do, so whoever remembers what became of a piece needs the pattern for new pieces only. With a pattern of
    which it isn't known that this gives the same pre-tokens, the whole text is the one piece.
    """
    return _SINGLE_SPACE.split(text) if pattern in _BEGIN_AT_A_SPACE else [text]


def last_cut(text: str, pattern: str = GPT2_PATTERN) -> int:
    """Where the last piece begins, with its space: text[:cut] and text[cut:] can be cut into pre-tokens one by one.

    0 where there is no such place.
    """
    if pattern not in _BEGIN_AT_A_SPACE:
        return 0
    cut = text.rfind(" ", 1, len(text) - 1)
    while cut > 0 and (text[cut - 1].isspace() or text[cut + 1].isspace()):
        cut = text.rfind(" ", 1, cut)
    return max(cut, 0)


def sound(text: str) -> str:
    """The text as UTF-8 can hold it: half a character (a lone surrogate) becomes U+FFFD, two halves the character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> regex.Pattern:
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(
            f"pattern is {pattern!r}, which is no regular expression: {error}."
        ) from None
    if compiled.groups:
        raise ValueError(f"pattern is {pattern!r}; its groups must be written (?:…), not (…).")
    return compiled


def _with_the_rest(text: str, pattern: str) -> list[str]:
    found, end = [], 0
    for match in _compiled(pattern).finditer(text):
        found += [text[end : match.start()], match.group()]
        end = match.end()
    return [pretoken for pretoken in [*found, text[end:]] if pretoken]
