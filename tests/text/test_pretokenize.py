"""`shared.text.pretokenize`: the patterns against tiktoken's forms of them, and the cuts, which must change nothing."""

import random
import sys

import pytest
import regex

from shared.text.pretokenize import (
    CL100K_PATTERN,
    GPT2_PATTERN,
    last_cut,
    sound,
    split,
    split_at_spaces,
)

PATTERNS = {"gpt2": GPT2_PATTERN, "cl100k": CL100K_PATTERN}
# As tiktoken writes them today (tiktoken_ext/openai_public.py, 0.14).
TIKTOKENS = {
    "gpt2": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""",
    "cl100k": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"""
    r"""| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
}
TEXTS = [
    "",
    " ",
    "Bees don't dance.",
    "DON'T we'Ll they'VE 'S",
    "one  two   three    ",
    "a \n b\n\n  c\t\td \r\n\r\n",
    "12 345 67890 ½ ٣٤",
    "naïve café Ελλάς 東京タワー हिन्दी",
    "🐝🐝 👩\u200d👩\u200d👧 !?… — “x”",
    "x\x1cy \x1c z\x85 \u2028 \u00a0 \u3000 w",
    "<|endoftext|>",
    "'s's 't 'ſ",
]


def random_texts(n, seed=0):
    draw = random.Random(seed)
    signs = "ab Zé1٣.,'!\n\t\r  \x1c\x85\u00a0\u2028\u3000東🐝\u0301sStT_"
    for _ in range(n):
        yield "".join(draw.choice(signs) for _ in range(draw.randrange(40)))


def joined(pieces):
    return " ".join(pieces)


@pytest.mark.parametrize("name", PATTERNS)
def test_same_pretokens_as_by_tiktokens_pattern(name):
    theirs = regex.compile(TIKTOKENS[name])
    for text in [*TEXTS, *random_texts(3_000)]:
        assert split(text, PATTERNS[name]) == theirs.findall(text), repr(text)


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, CL100K_PATTERN, r"\p{L}+", "b"])
def test_nothing_is_lost(pattern):
    for text in [*TEXTS, *random_texts(500)]:
        assert "".join(split(text, pattern)) == text
        assert joined(split_at_spaces(text, pattern)) == text


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_cut_piece_by_piece_gives_the_same(pattern):
    for text in [*TEXTS, *random_texts(5_000, seed=1)]:
        first, *rest = split_at_spaces(text, pattern)
        apart = split(first, pattern)
        for piece in rest:
            apart += split(" " + piece, pattern)
        assert apart == split(text, pattern), repr(text)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_last_cut(pattern):
    cuts = 0
    for text in [*TEXTS, *random_texts(5_000, seed=2)]:
        cut = last_cut(text, pattern)
        cuts += cut > 0
        assert split(text[:cut], pattern) + split(text[cut:], pattern) == split(text, pattern)
    assert cuts > 1_000
    assert last_cut("a b c", "b") == 0


def test_white_space_by_the_pattern_is_white_space_by_python():
    """A cut needs two neighbours that are no white space, by Python's word; so Python's must be the wider one."""
    white = regex.compile(r"\s")
    for code in range(sys.maxunicode + 1):
        if white.match(chr(code)):
            assert chr(code).isspace(), hex(code)


def test_patterns_that_are_none():
    with pytest.raises(ValueError, match="no regular expression"):
        split("a", "(")
    with pytest.raises(ValueError, match="groups must be written"):
        split("a", "(a)")


def test_sound():
    assert sound("a\ud83d\udc1db\ud800c") == "a🐝b\ufffdc"
    text = "naïve 🐝"
    assert sound(text) is text
