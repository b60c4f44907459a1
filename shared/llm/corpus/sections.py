"""What is left of a wiki article's layout: headings, references, boilerplate, sentences with holes (week 9).

Extractors drop lists, formulas and templates, and what introduced them stays: a heading with nothing under it,
"The main types are:", "Let formula_4 be an interval". Text that a model is to learn from should have none of it.
"""

from __future__ import annotations

import re

HEADING_WORDS = 10
# What a heading hardly ever has and a short sentence often.
_VERBS = frozenset(
    ("is", "was", "are", "were", "has", "had", "have", "will", "would", "can", "does", "did")
)
_PRONOUNS = frozenset(
    ("He", "I", "It", "She", "There", "These", "They", "This", "Those", "We", "You")
)
# Sections that hold no prose: they go with all that stands under them, up to the next heading.
NOT_PROSE = frozenset(
    (
        "bibliography",
        "citations",
        "discography",
        "explanatory notes",
        "external link",
        "external links",
        "external sources",
        "filmography",
        "footnotes",
        "further reading",
        "gallery",
        "general references",
        "image gallery",
        "more reading",
        "notes",
        "notes and references",
        "other websites",
        "publications",
        "references",
        "references and notes",
        "related links",
        "related pages",
        "see also",
        "selected bibliography",
        "selected works",
        "sources",
        "sources and references",
        "works cited",
    )
)
_BOILERPLATE = re.compile(
    r"\W*(?:media related to\b.{0,200}wikimedia commons|listen to this article|this audio file was created from|"
    r"this (?:article|section) (?:incorporates|needs|does not cite|is based on)|coordinates: ?\d|"
    r"(?:file|image|category) ?:|thumb\||\^|for other uses,? see|this page (?:was|is) )",
    re.IGNORECASE,
)
_DEBRIS = re.compile(r"\{\{|\}\}|\[\[|\]\]|\|\||^[|!]|#if:")
_STYLE = re.compile(
    r"(?:\b(?:height|width|margin|padding|font|background)[\w-]* ?: ?[\d#.]|\b(?:em|px);$)"
)
_ATTRIBUTE = re.compile(r"\b(?:style|class|align|bgcolor|width) ?= ?[\"\w]", re.IGNORECASE)
_LINK_NOTE = re.compile(r" ?\(link will (?:display|take you to)[^()\n]{0,100}\)")
_PLACEHOLDER = re.compile(r"\b(?:formula|codice)_\d")
_MARK_AFTER_SPACE = re.compile(r" [.,;:)'\"](?= |$)(?! ?\.)|[ (]\"\"[ ,.;:)]")
# A little word right before a mark ("any definition of . The"), or quotation marks around nothing: a title is gone.
_HOLE = re.compile(
    r"\b(?:a|an|and|are|as|at|be|by|called|for|from|if|in|is|let|of|or|than|that|the|to|was|where|with)"
    r" [.,;:)](?! ?\.)|(?<= )['\"] |[ (]\"\"[ ,.;:)]"
)
_BEFORE_MARK = re.compile(r" ([,;:.])(?=\s|$)(?! ?\.)")
# {{rp|106}} leaves the page of a reference behind the sentence: "in 1837.:88–89"
_PAGE = re.compile(r"(?<=[.,;!?)\"”]):[\divxl]{1,7}(?:[–,-] ?[\divxl]{1,7}){0,8}(?=\s|$)")
# Not after an initial (U.S. Census) and the commonest abbreviations.
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<![A-Z]\.)(?<!\bMr\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\bvs\.)(?<!\bNo\.)(?<!\bMrs\.) (?=[A-Z\"(])"
)
_LETTER = re.compile(r"[^\W\d_]")
_YEAR = re.compile(r"\d{3,4}s?\.?(?:[–-]\d{2,4}\.?)?$")


def is_heading(line: str, next_line: str | None) -> bool:
    """Whether a line is a section's heading.

    WikiExtractor ends headings in a full stop ("Early life."), others leave them bare ("Early life"): a short line with
    no mark inside that would end a sentence or a clause, before a line or at the end of the article.
    """
    body = line.removesuffix(".")
    words = body.split()
    if not words or len(words) > HEADING_WORDS or len(line) > 90:
        return False
    if words[0] in _PRONOUNS or not _VERBS.isdisjoint(words):
        return False
    if body.endswith((":", ";", ",", "!", "?", '"', ".")) and not line.endswith("."):
        return False
    if not (line[0].isupper() or line[0].isdigit() or line[0] in "\"'("):
        return False
    return "; " not in body and next_line != "" and not _SENTENCE_END.search(body)


def without_layout(text: str) -> str:
    """The paragraphs of a wiki article, headings without their full stop, an empty line between all.

    Gone are: sections of references and the like, boilerplate, left-over markup, headings with nothing under them,
    sentences with a placeholder or a hole, and a last sentence that announces a list which is not there.
    """
    if "(link will" in text:
        text = _LINK_NOTE.sub("", text)
    lines = [line for line in map(str.strip, text.split("\n")) if line and not _is_debris(line)]
    blocks: list[tuple[bool, str]] = []
    skipping = False
    for place, line in enumerate(lines):
        after = lines[place + 1] if place + 1 < len(lines) else None
        if is_heading(line, after):
            heading = line.removesuffix(".").strip()
            skipping = heading.casefold() in NOT_PROSE
            if not skipping and not _PLACEHOLDER.search(heading):
                blocks.append((True, heading))
        elif not skipping:
            blocks.append((False, _PAGE.sub("", line) if ":" in line else line))
    blocks = [
        (heading, block if heading else without_holes(block, keep_first=place == 0))
        for place, (heading, block) in enumerate(_joined(blocks))
    ]
    blocks = _without_announcements([block for block in blocks if block[1]])
    kept: list[str] = []
    under = False  # whether something stands under the heading, seen from the end
    for heading, block in reversed(blocks):
        if not heading or under:
            kept.append(block)
        under = not heading
    return "\n\n".join(reversed(kept))


def _is_debris(line: str) -> bool:
    """Boilerplate, or a piece of a table or a template."""
    if len(line) < 3 or _BOILERPLATE.match(line) or _DEBRIS.search(line):
        return True
    if len(line) < 40 and not _LETTER.search(line):
        return not _YEAR.match(line)
    if line[-1] == ";" and _STYLE.search(line):
        return True
    return "=" in line and _ATTRIBUTE.search(line) is not None


def without_holes(paragraph: str, keep_first: bool = False) -> str:
    """A paragraph without its sentences that have lost a formula, a piece of code or a word.

    keep_first: keep the first all the same, as the one that says what the article is about.
    """
    marks = _MARK_AFTER_SPACE.search(paragraph)
    placeholder = ("formula_" in paragraph or "codice_" in paragraph) and _PLACEHOLDER.search(
        paragraph
    )
    if placeholder or (marks and _HOLE.search(paragraph)):
        paragraph = " ".join(
            sentence
            for place, sentence in enumerate(_SENTENCE_END.split(paragraph))
            if not _PLACEHOLDER.search(sentence)
            and (not _HOLE.search(sentence) or (keep_first and place == 0))
        )
    return _BEFORE_MARK.sub(r"\1", paragraph) if marks else paragraph


def _joined(blocks: list[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Lines that go on with the sentence of the line before are one paragraph with it."""
    joined: list[tuple[bool, str]] = []
    for heading, block in blocks:
        before = joined[-1][1] if joined and not joined[-1][0] else ""
        if (
            not heading
            and block[0].islower()
            and len(before) > 60
            and before[-1] not in ".!?:;\"'”)"
        ):
            joined[-1] = (False, f"{before} {block}")
        else:
            joined.append((heading, block))
    return joined


def _without_announcements(blocks: list[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Drop a last sentence that ends in a colon where what follows is no item of a list and no quotation."""
    found = []
    for place, (heading, block) in enumerate(blocks):
        if not heading and block.endswith(":"):
            after = blocks[place + 1] if place + 1 < len(blocks) else (True, "")
            if after[0] or not _is_item(after[1]):
                block = " ".join(_SENTENCE_END.split(block)[:-1])
                if not block:
                    continue
        found.append((heading, block))
    return found


def _is_item(block: str) -> bool:
    """Whether a paragraph may be an item of a list, or quoted: short, and not simply a sentence."""
    if block.endswith(":") or len(block) > 160:
        return block[0] in "\"“'‘"
    return not block.endswith(".") or not block[0].isupper()
