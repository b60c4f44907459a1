"""Markup away: what extractors leave of Wikipedia's markup becomes plain text, Unicode as it was (week 9).

Templates, tables, references, tags, links, entities, invisible characters, and the holes that removed templates leave:
`Ramadan (; Arabic: رمضان)`, `Soong ()`, `As of 2014[ [update]]`. Every step is linear in the length of the text.
"""

from __future__ import annotations

import html
import re
import unicodedata

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# Elements that go with all they hold; a tag that is never closed goes alone.
_ELEMENT = re.compile(
    r"<(/?)(ref|math|gallery|timeline|score|imagemap|syntaxhighlight)\b[^<>]{0,500}>",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<\s*br\s*/?\s*>", re.IGNORECASE)
# Only names that wikis use, so that "if a<b and c>d" stays.
_TAG = re.compile(
    r"</?(?:abbr|b|bdi|big|blockquote|center|cite|code|dd|del|div|dl|dt|em|font|gallery|h[1-6]|hiero|hr|i|"
    r"imagemap|includeonly|ins|kbd|li|math|noinclude|nowiki|ol|onlyinclude|p|poem|pre|q|ref|references|s|samp|score|"
    r"section|small|span|strike|strong|sub|sup|syntaxhighlight|table|tbody|td|th|timeline|tr|tt|u|ul|var)"
    r"(?:\s+[^<>=]{1,100}=[^<>]{0,500})?\s{0,9}/?>",
    re.IGNORECASE,
)
_PAIRS = re.compile(r"\{\{|\}\}|\{\||\|\}")
_MEDIA = re.compile(r"\[\[(?:File|Image|Category)\s*:[^\[\]]*\]\]", re.IGNORECASE)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_OUTER_LINK = re.compile(r"\[(?:https?|ftp)://[^\s\[\]]+\s*([^\[\]]*)\]")
_ADDRESS = re.compile(r"\(?\b(?:https?|ftp)://[^\s<>\"]+")
_EMPHASIS = re.compile(r"'{2,5}")
# Zero-width space, direction marks, soft hyphen, byte order mark. Joiners stay: emoji and Indic scripts need them.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\u00ad\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# "s of July 2014[ [update]]" was {{As of|2014|7}}
_AS_OF = re.compile(r"(?<!\w)A?s of ((?:[A-Z][a-z]+ )?\d{4})\[ ?\[?update\]\]?")
_NOTE = re.compile(r"\[(?: ?\[?update\]\]?|(?:variations|citation needed|note \d+|\d{1,3})\])")
_BRACKETS = re.compile(r"\([^()\n]*\)|\[[^()\[\]\n]{0,20}\]")
_STRAY_BRACKET = re.compile(r"(?:^|(?<=[;, \"”])) ?\]")
# (German:, abbreviated NSDAP): the name of a language, and what was said in it is gone
_LABEL = re.compile(r"(?:^|(?<=[;,] ))[A-Z][\w -]{2,30}: ?(?:\" ?\")? ?(?=[;,]|$)")
# What the innermost brackets leave in those around them: ( or Russian: … (same in Ukrainian); )
_OPENED = re.compile(r"\((?: or | and | ?[;,] ?| )+")
_CLOSED = re.compile(r"[;,]? \)")
_SEPARATORS = re.compile(r"([;,])(?: ?[;,])+")
_BEFORE_END = re.compile(r"[,;]+ ?\.(?=\s|$)")
_MARKS = " ;,:./–—-"
_GONE = "\x00"  # stands for brackets that were empty, until the space before them is gone too


def plain_text(text: str) -> str:
    """Text without markup; lines stay lines. NFC, and every kind of space is a space or a line end.

    A template or table that is opened and never closed takes the rest of its line with it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    if "<" in text:
        text = _COMMENT.sub("", text)
        text = _without_elements(text)
    if "{{" in text or "{|" in text or "}}" in text or "|}" in text:
        text = without_templates(text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n", text))
    if "&" in text:
        text = html.unescape(text)
    text = _spaces(text)
    if "[" in text or "]" in text:
        if "update]" in text:
            text = _AS_OF.sub(r"As of \1", text)
        text = _LINK.sub(r"\1", _MEDIA.sub("", _NOTE.sub("", text)))
        text = _OUTER_LINK.sub(r"\1", text)
    if "://" in text:
        text = _ADDRESS.sub("", text)
    if "''" in text:
        text = _EMPHASIS.sub("", text)
    return unicodedata.normalize("NFC", _without_holes(text))


def without_templates(text: str) -> str:
    """Remove {{templates}} and {| tables |}, also one in another; one pass, however deep.

    A closing mark without an opening one goes with what precedes it on its line: it ends a template that was cut off.
    """
    kept: list[str] = []
    depth, start = 0, 0
    for mark in _PAIRS.finditer(text):
        if mark.group() in ("{{", "{|"):
            if depth == 0:
                kept.append(text[start : mark.start()])
                opened = mark.start()
            depth += 1
        elif depth > 0:
            depth -= 1
            start = mark.end()
        else:
            line = text.rfind("\n", start, mark.start()) + 1
            kept.append(text[start : max(start, line)])
            start = mark.end()
    if depth > 0:
        # never closed: it would take the whole rest of the article, so take its line only
        end = text.find("\n", opened)
        start = len(text) if end == -1 else end
    kept.append(text[start:])
    return "".join(kept)


def _without_elements(text: str) -> str:
    """Remove <ref>…</ref> and the like, from the last opening tag before each closing one; one pass."""
    kept: list[str] = []
    start, opened, name = 0, None, ""
    for tag in _ELEMENT.finditer(text):
        if tag.group(1):
            if opened is not None and tag.group(2).lower() == name:
                kept.append(text[start:opened])
                start, opened = tag.end(), None
        elif not tag.group().endswith("/>"):
            opened, name = tag.start(), tag.group(2).lower()
    kept.append(text[start:])
    return "".join(kept)


def _spaces(text: str) -> str:
    """One kind of space, one at a time; no invisible and no control characters."""
    if not text.isascii():
        text = _ODD_SPACE.sub(" ", _INVISIBLE.sub("", text))
    text = _CONTROL.sub("", text.replace("\t", " "))
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def _without_holes(text: str) -> str:
    """Brackets without the separators that nothing stands between any more, and without brackets that are empty."""
    if "(" in text or "[" in text:
        for _ in range(2):  # (; ()) needs a second turn
            text = _BRACKETS.sub(_mended, text)
        text = _OPENED.sub("(", text)
        if " )" in text:
            text = _CLOSED.sub(")", text)
        if _GONE in text:
            text = text.replace(" " + _GONE, "").replace(_GONE, "")
    return _BEFORE_END.sub(".", _SEPARATORS.sub(r"\1", text))


def _mended(match: re.Match[str]) -> str:
    """(; Arabic: x, ) as (Arabic: x); () and (, or ) as nothing."""
    whole = match.group()
    inside = whole[1:-1]
    if whole[0] == "[":
        return whole if inside.strip(" ;,") else _GONE
    if "]" in inside and "[" not in inside:
        inside = _STRAY_BRACKET.sub("", inside)
    inside = inside.strip(" ;,").lstrip(":") if inside.strip(_MARKS) else ""
    if ":" in inside:
        inside = _LABEL.sub("", inside)
    inside = _SEPARATORS.sub(r"\1", inside).strip(" ;,")
    return f"({inside})" if inside not in ("", "or", "and") else _GONE
