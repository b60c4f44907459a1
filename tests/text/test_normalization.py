"""`shared.text.normalization` against the tokenizers library and scikit-learn, code point by code point."""

import unicodedata

import pytest
from sklearn.feature_extraction.text import CountVectorizer, strip_accents_unicode
from tokenizers import normalizers

from shared.text.normalization import normalize, words

# Characters that were assigned in Unicode 3.2: newer ones depend on the Unicode version of Python and of each library.
ASSIGNED = [
    chr(number)
    for number in range(0x30000)
    if unicodedata.ucd_3_2_0.category(chr(number)) not in ("Cn", "Cs", "Co")
]
# Folding turns the iota below a Greek letter into a letter of its own; libraries that only strip drop it.
IOTA_BELOW = "\u0345"


def between_letters(text: str) -> str:
    return f"a{text}b"


def spaced(text: str) -> str:
    return " ".join(text.split())


def test_joins_and_lowers_as_tokenizers_does() -> None:
    theirs = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.NFKC()])
    compared = 0
    for text in map(between_letters, ASSIGNED):
        # Lowering treats a sigma by its place in the word, folding does not; ϲ was once a sigma.
        special = IOTA_BELOW in unicodedata.normalize("NFKD", text) or "σ" in normalize(text)
        if not special and text.casefold() == text.lower():
            assert normalize(text) == spaced(theirs.normalize_str(text))
            compared += 1
    assert compared > 90_000


def test_strips_accents_as_scikit_learn_does() -> None:
    for character in map(between_letters, ASSIGNED):
        if IOTA_BELOW in unicodedata.normalize("NFKD", character):
            continue
        theirs = unicodedata.normalize("NFKC", strip_accents_unicode(character)).casefold()
        assert normalize(character, strip_accents=True) == spaced(
            unicodedata.normalize("NFKC", theirs)
        )


def test_a_second_time_changes_nothing() -> None:
    for character in map(between_letters, ASSIGNED):
        for strip_accents in (False, True):
            once = normalize(character, strip_accents)
            assert normalize(once, strip_accents) == once


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("naïve", "nai\u0308ve"),
        ("naïve", "ＮＡÏＶＥ"),
        ("Straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Å", "\u212b"),  # the sign for ångström
        ("10 km", "10\u00a0\n km"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
    ],
)
def test_what_readers_take_for_the_same_is_the_same(one: str, another: str) -> None:
    assert one != another
    assert normalize(one) == normalize(another)


def test_accents_stay_unless_asked() -> None:
    assert normalize("Résumé") == "résumé"
    assert normalize("Résumé", strip_accents=True) == "resume"
    assert normalize("東京, Москва", strip_accents=True) == "東京, москва"


def test_words_are_those_of_scikit_learn() -> None:
    text = "Ice-cream, isn't it? 3.14 and naïve_Bayes; Привет 東京 ½"
    theirs = CountVectorizer(token_pattern=r"(?u)\w+", lowercase=False).build_tokenizer()
    assert words(normalize(text)) == theirs(normalize(text))
    assert words("") == words(" ,. ") == []


def test_an_accent_that_stands_apart_cuts_a_word() -> None:
    assert words("nai\u0308ve") == ["nai", "ve"]
    assert words(normalize("nai\u0308ve")) == ["naïve"]
