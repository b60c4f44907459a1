"""The rules that leave an article out: lists, stubs, other languages, tables, repetition (week 9).

Each rule is a function of a `Page` and the `Thresholds` that is True where it complains; its docstring is the reason
that the funnel shows. Most come from Gopher (Rae et al. 2021, 2112.11446, appendix A.1); the bounds are for an
encyclopedia. Heuristics err in both directions: look at the examples that the record keeps of what each rule dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Thresholds:
    """The bounds of the rules. A share is of 1; language: "en", or None to let every language pass."""

    language: str | None = "en"
    min_words: int = 40
    min_sentences: int = 2
    min_stop_words: float = 0.15
    min_latin_letters: float = 0.80
    min_mean_word: float = 3.0
    max_mean_word: float = 8.0
    max_symbols_per_word: float = 0.10
    min_words_with_letters: float = 0.80
    max_digits: float = 0.12
    min_prose: float = 0.50
    max_repeated_lines: float = 0.20
    max_top_phrase: float = 0.16
    max_repeated_phrases: float = 0.30


@dataclass(frozen=True)
class Page:
    """An article, and what several rules look at: its words (of the first 20,000, so that no article takes too much
    memory), and its lines that are not empty."""

    title: str
    text: str
    n_words: int = field(default=20_000, repr=False)

    @cached_property
    def words(self) -> list[str]:
        return self.text.split(maxsplit=self.n_words)[: self.n_words]

    @cached_property
    def lower(self) -> list[str]:
        return [word.lower() for word in self.words]

    @cached_property
    def lines(self) -> list[str]:
        return [line for line in map(str.strip, self.text.split("\n")) if line]


# The most frequent words of English; about 40 % of any English text, a few per cent of any other.
_STOP_WORDS = (
    "the of and in to a is was for as on with by that it from at his are an be or which has were had this also not "
    "he have but their its they one other been who can more into her she most when all some may these than such there "
    "during between used i you we my me your our do so what no if about would them up out him could will"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
_NO_PROSE_TITLE = re.compile(
    r"(?:list|lists|index|outline|timeline|table|glossary|deaths|births) (?:of|in) |"
    r"\d{1,4}s?(?: (?:BC|AD|BCE|CE))?$|"
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}$|"
    r".*\(disambiguation\)$",
    re.IGNORECASE,
)
_MAY_REFER = re.compile(
    r"\b(?:may|can|could|might) (?:also )?(?:refer to|mean|stand for)\b[^.\n]{0,60}:"
)
_LETTER = re.compile(r"[^\W\d_]")
_NOT_LATIN = re.compile("[\u0250-\u1dff\u1f00-\U0010ffff]")
_SYMBOLS = re.compile(r"[#{}|<>=_\\^~*]|\.\.\.|…")
_DIGIT = re.compile(r"\d")
_SENTENCE_END = re.compile(r"[.!?…。।؟](?=[\"'”’)\]]{0,3}(?:\s|$))")


def prose_share(text: str, ends: tuple[str, ...] = tuple(".!?:…。।؟\"'”’)]")) -> float:
    """The share of a text that stands in lines which end as sentences do: near 1 for prose, near 0 for a list.

    text → from 0 to 1, counted in characters of lines without the spaces around them; an empty text has 0
    """
    lines = [line.strip() for line in text.split("\n")]
    prose = sum(len(line) for line in lines if line.endswith(ends))
    return prose / max(1, sum(map(len, lines)))


def no_article(page: Page, bounds: Thresholds) -> bool:
    """a list, a year, a day or a page that sends on to others, told by its title or by "may refer to:\""""
    return bool(_NO_PROSE_TITLE.match(page.title) or _MAY_REFER.search(page.text[:400]))


def too_short(page: Page, bounds: Thresholds) -> bool:
    """a stub: too few words or sentences to say anything"""
    if len(page.words) < bounds.min_words:
        return True
    return len(_SENTENCE_END.findall(page.text[:2000])) < bounds.min_sentences


def other_alphabet(page: Page, bounds: Thresholds) -> bool:
    """not English: too few of its letters are Latin"""
    if bounds.language != "en":
        return False
    shown = page.text[:20_000]
    letters = sum(map(str.isalpha, shown))
    other = 0 if shown.isascii() else sum(map(str.isalpha, _NOT_LATIN.findall(shown)))
    return letters - other < bounds.min_latin_letters * max(1, letters)


def other_language(page: Page, bounds: Thresholds) -> bool:
    """not English, or no sentences: too few of its words are the little words that English sentences are made of"""
    if bounds.language != "en":
        return False
    found = sum(1 for word in page.lower if word in STOP_WORDS)
    return found < bounds.min_stop_words * len(page.lower)


def odd_words(page: Page, bounds: Thresholds) -> bool:
    """words that are too short or too long on average: codes, tables, addresses"""
    mean = sum(map(len, page.words)) / max(1, len(page.words))
    return not bounds.min_mean_word <= mean <= bounds.max_mean_word


def symbols(page: Page, bounds: Thresholds) -> bool:
    """too many symbols for its words: left-over markup, code, formulas"""
    shown = page.text[:200_000]
    n_words = len(page.words) if shown is page.text else len(shown.split())
    return len(_SYMBOLS.findall(shown)) > bounds.max_symbols_per_word * max(1, n_words)


def no_letters(page: Page, bounds: Thresholds) -> bool:
    """too many words without a letter: numbers, dashes"""
    with_letter = sum(1 for word in page.words if word.isalpha() or _LETTER.search(word))
    return with_letter < bounds.min_words_with_letters * len(page.words)


def digits(page: Page, bounds: Thresholds) -> bool:
    """too many digits: a table or a chronicle"""
    shown = page.text[:200_000]
    return len(_DIGIT.findall(shown)) > bounds.max_digits * max(1, len(shown))


def no_prose(page: Page, bounds: Thresholds) -> bool:
    """too little of the text stands in lines that end as sentences do: a list"""
    return prose_share(page.text) < bounds.min_prose


def repeated_lines(page: Page, bounds: Thresholds) -> bool:
    """the same lines over and over"""
    total = sum(map(len, page.lines))
    once = sum(map(len, set(page.lines)))
    return total - once > bounds.max_repeated_lines * max(1, total)


def repeated_phrases(page: Page, bounds: Thresholds) -> bool:
    """the same phrases over and over: three words that are a large part of the text, or many runs of six that recur"""
    words = page.lower
    if len(words) < 12:
        return False
    phrase, times = Counter(zip(words, words[1:], words[2:])).most_common(1)[0]
    if times > 3 and times * sum(map(len, phrase)) > bounds.max_top_phrase * sum(map(len, words)):
        return True
    runs = [words[start:] for start in range(6)]
    n_runs = len(words) - 5
    return n_runs - len(set(zip(*runs))) > bounds.max_repeated_phrases * n_runs


_FUNCTIONS: tuple[Callable[[Page, Thresholds], bool], ...] = (
    no_article,
    too_short,
    other_alphabet,
    other_language,
    odd_words,
    symbols,
    no_letters,
    digits,
    no_prose,
    repeated_lines,
    repeated_phrases,
)
# Name → reason, in the order in which they are asked: an article counts for the first that complains.
RULES: dict[str, str] = {
    rule.__name__: " ".join((rule.__doc__ or "").split()) for rule in _FUNCTIONS
}


def first_complaint(title: str, text: str, thresholds: Thresholds) -> str | None:
    """The name of the first rule that complains of an article, or None where it may stay."""
    page = Page(title, text)
    return next((rule.__name__ for rule in _FUNCTIONS if rule(page, thresholds)), None)
