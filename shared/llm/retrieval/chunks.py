"""An article in passages: what an index finds and an answer cites (week 9).

    for chunk in chunks({"id": "1", "title": "Bee", "text": "A bee is an insect.\\nDance.\\nIt dances. It hums."}):
        print(chunk.section, chunk.start, chunk.end, chunk.text)

A passage never runs over the head of a section, and is cut between sentences where that can be done.
Section heads are lines, in one of the forms that extractors leave:
    == Early life ==       MediaWiki's own             # Early life      Markdown's
    Early life.            WikiExtractor's: short, no verb, a full stop, text below
    Early life             the hub's: short, no stop, an empty line above, text below
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

SIZE = 800  # characters: about 130 words of English


class Chunk(NamedTuple):
    """A passage. text is article["text"][start:end]; section: the head that it stands under, "" above the first."""

    article: str
    title: str
    section: str
    start: int
    end: int
    text: str


def chunks(
    article: Mapping[str, Any],
    size: int = SIZE,
    overlap: int = 0,
    length: Callable[[str], int] = len,
) -> Iterator[Chunk]:
    """The passages of an article, in their order; together they hold all its text but heads and empty lines.

    article: a mapping with "text", and "id" and "title" where there are some.
    size: the most that a passage holds, by `length`, which gives characters; for tokens, give
    `lambda text: len(tokenizer.encode(text))`. A sentence that is longer than that is cut between words.
    overlap: a passage begins with as many of the last sentences of the one before it as this holds, and says them
    again, so that what belongs together stands together in one of them.
    Raises ValueError where size is under 1, or overlap is not under size.
    """
    if size < 1:
        raise ValueError(f"size must be 1 or more; it was {size}.")
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be 0 or more and under size, {size}; it was {overlap}.")
    text = article["text"]
    identity, title = str(article.get("id") or ""), str(article.get("title") or "")
    for head, first, last in sections(text):
        for start, end in _packed(text, first, last, size, overlap, length):
            yield Chunk(identity, title, head, start, end, text[start:end])


_HEAD = re.compile(
    r"^[ \t]*(?:={2,6}[ \t]*(?P<wiki>[^=\n][^\n]*?)[ \t]*={2,6}"
    r"|\#{1,6}[ \t]+(?P<markdown>[^\n]+?)"
    r"|(?P<stopped>[^\W_][^\n]{0,58}|[\"“‘'(][^\n]{1,58})\."
    r"|(?<=\n\n)(?P<bare>[^\W_][^\n]{0,58}))[ \t]*$",
    re.MULTILINE,
)
_MOST_WORDS = 8
# What makes a short line with a full stop a sentence: verbs, and pronouns, which want one.
_OF_SENTENCES_LINE = (
    "is are was were be been has have had can could will would may must does do did see died born became "
    "it he she they we"
)
_OF_SENTENCES = frozenset(_OF_SENTENCES_LINE.split())
_ENDS = tuple(".!?:;,…")


def sections(text: str) -> list[tuple[str, int, int]]:
    """[(head, start, end)]: the text of each section without its head; sections without text are left out.

    Above the first head the head is "". Levels of heads are not kept: a section ends where any other begins.
    """
    found, head, start = [], "", 0
    for match in _HEAD.finditer(text):
        name = _head_of(match, text)
        if name is None:
            continue
        found.append((head, start, match.start()))
        head, start = name, match.end()
    found.append((head, start, len(text)))
    return [part for part in found if not text[part[1] : part[2]].isspace() and part[1] < part[2]]


def _head_of(match: re.Match[str], text: str) -> str | None:
    """The head in a line that has the form of one; None where it is a short sentence or a line of a list."""
    if name := match["wiki"] or match["markdown"]:
        return name.strip()
    name = (match["stopped"] or match["bare"]).strip()
    words = name.split()
    if match.start() == 0 or not words or len(words) > _MOST_WORDS or words[0][0].islower():
        return None
    if not _OF_SENTENCES.isdisjoint(word.lower() for word in words):
        return None
    below = text[match.end() : match.end() + 3]
    if match["bare"]:
        return None if name.endswith(_ENDS) or not below.strip() else name
    return name if below[:1] == "\n" and below.strip() else None


_BREAK = re.compile(r"""[.!?…]+[)\]"'”’]*(\s+)(?=[("'“‘\[]*[^\W_a-z])|\s*\n\s*""")
# A full stop after these ends no sentence; nor does one after a single capital (initials).
_SHORT_LINE = (
    "mr mrs ms dr prof st mt ft sr jr no vs etc al eg ie ca cf fig vol op ed eds pp gen col lt sgt capt rev hon "
    "jan feb mar apr jun jul aug sep sept oct nov dec c b d r fl approx inc ltd co corp bros univ"
)
_SHORT = frozenset(_SHORT_LINE.split())
_LAST_WORD = re.compile(r"[^\W_]+\Z")


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """[(start, end)] of the sentences in text[start:end], without the spaces around them; a line end ends one too.

    A rule of thumb, good for English: a stop, perhaps a closing quote, spaces, and then no small letter; not after
    abbreviations that are known, nor after initials.
    """
    end = len(text) if end is None else end
    found, first = [], start
    for match in _BREAK.finditer(text, start, end):
        if text[match.start()] == "." and match.start() + 1 == match.start(1):
            word = _LAST_WORD.search(text, max(first, match.start() - 12), match.start())
            if word is not None:
                last = word.group()
                if last.lower() in _SHORT or (len(last) == 1 and last.isupper()):
                    continue
        stop = match.start() if match.group(1) is None else match.start(1)
        if not text[first:stop].isspace() and first < stop:
            found.append((first, stop))
        first = match.end()
    rest = text[first:end]
    if rest.strip():
        found.append((first, first + len(rest.rstrip())))
    return [(s + len(text[s:e]) - len(text[s:e].lstrip()), e) for s, e in found]


def _packed(
    text: str, first: int, last: int, size: int, overlap: int, length: Callable[[str], int]
) -> Iterator[tuple[int, int]]:
    """Sentences put together until `size` is reached."""
    held: list[tuple[int, int]] = []
    for sentence in _not_too_long(text, sentences(text, first, last), size, length):
        if held and length(text[held[0][0] : sentence[1]]) > size:
            yield held[0][0], held[-1][1]
            held = _repeated(text, held, overlap, length)
            while held and length(text[held[0][0] : sentence[1]]) > size:
                held.pop(0)
        held.append(sentence)
    if held:
        yield held[0][0], held[-1][1]


def _repeated(
    text: str, held: list[tuple[int, int]], overlap: int, length: Callable[[str], int]
) -> list[tuple[int, int]]:
    """The last sentences that fit into `overlap`, never all of them."""
    first = len(held)
    while first > 1 and length(text[held[first - 1][0] : held[-1][1]]) <= overlap:
        first -= 1
    return held[first:]


def _not_too_long(
    text: str, found: list[tuple[int, int]], size: int, length: Callable[[str], int]
) -> Iterator[tuple[int, int]]:
    """The same sentences; those over `size` in pieces, cut at a space where there is one."""
    for start, end in found:
        while length(text[start:end]) > size:
            cut = _longest(text, start, end, size, length)
            space = text.rfind(" ", start + 1, cut + 1)
            yield start, (space if space > start else cut)
            start = space + 1 if space > start else cut
            while start < end and text[start].isspace():
                start += 1
        if start < end:
            yield start, end


def _longest(text: str, start: int, end: int, size: int, length: Callable[[str], int]) -> int:
    """The furthest place that text[start:place] fits into `size`, by halving; at least one character on."""
    low, high = start + 1, end
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[start:middle]) <= size:
            low = middle
        else:
            high = middle - 1
    return low
