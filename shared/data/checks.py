"""Checks that a program can decide on an answer: `satisfies({"type": "contains", "value": "Paris"}, answer)`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

NUMBER = re.compile(r"(?<![\w.])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?!\w)")
NUMBER_WORDS = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
}
ENDS = re.compile(r"^[\W_]+|[\W_]+$")


def plain(text: str) -> str:
    """`text` as the checks compare it: lower case, straight apostrophes, single spaces, no punctuation at the ends."""
    straight = text.replace("\u2019", "'").replace("\u2018", "'")
    return ENDS.sub("", " ".join(straight.casefold().split()))


def last_number(text: str) -> float | None:
    """The last number in `text` (`1,200` is 1200); where there are no digits, the last word from zero to twenty."""
    if found := NUMBER.findall(text):
        return float(found[-1].replace(",", "").replace("−", "-"))
    words = [word for word in re.findall(r"[a-z-]+", text.casefold()) if word in NUMBER_WORDS]
    return float(NUMBER_WORDS[words[-1]]) if words else None


def _contains(value: str, answer: str) -> bool:
    # The second look behind keeps "m" out of "I'm", while "Ada" is found in "'Ada'" and "Ada's".
    return re.search(rf"(?<!\w)(?<!\w'){re.escape(plain(value))}(?!\w)", plain(answer)) is not None


def _starts_with(value: str, answer: str) -> bool:
    start, said = (re.sub(r"^(?:the|an?) ", "", plain(text)) for text in (value, answer))
    return re.match(rf"{re.escape(start)}(?!\w)", said) is not None


def _lines(value: int, answer: str) -> bool:
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    items = {plain(line[2:]) for line in lines if line.startswith("- ")}
    return len(lines) == value == len(items - {""})


CHECKS: dict[str, Callable[[Any, str], bool]] = {
    "equals": lambda value, answer: plain(value) == plain(answer),
    "contains": _contains,
    "one_of": lambda value, answer: any(_contains(one, answer) for one in value),
    "starts_with": _starts_with,
    "number": lambda value, answer: last_number(answer) == value,
    "lines": _lines,
    "max_words": lambda value, answer: 0 < len(answer.split()) <= value,
    "all": lambda value, answer: all(satisfies(check, answer) for check in value),
}


def satisfies(check: dict[str, Any] | None, answer: str) -> bool:
    """Whether `answer` fulfils `check`, a record `{"type": …, "value": …}`; without a check every answer does.

    Texts are compared in lower case and without punctuation at the ends, words as whole words ("art" is not in "part").

    - equals: the answer is the value, no more; starts_with: it begins with it (a, an, the apart).
    - contains: the value occurs in it; one_of: at least one of the values occurs in it.
    - number: the last number in the answer is the value (digits, or where there are none a word from zero to twenty).
    - lines: the answer has just so many lines, all different, each "- " and something.
    - max_words: it has at least one and at most so many words.
    - all: it fulfils every check in the list.

    A type of another name raises ValueError.

    >>> satisfies({"type": "contains", "value": "Paris"}, "The capital is PARIS.")
    True
    >>> satisfies({"type": "number", "value": 12}, "7 plus 5 is 13.")
    False
    """
    if check is None:
        return True
    if check["type"] not in CHECKS:
        raise ValueError(f"unknown check type {check['type']!r}; the types are {', '.join(CHECKS)}")
    return CHECKS[check["type"]](check["value"], answer)
