"""Plain letters."""

import pytest

from shared.text.plain import plain_text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Café – “déjà vu”…", 'Cafe - "deja vu"...'),
        ("a formula_12 , b", "a, b"),
        ("one<br>two<ref name=x>", "onetwo"),
        ("Jules ( , ) Verne", "Jules Verne"),
        ("kept (1905)", "kept (1905)"),
        ("a  b\t c \n\n  d", "a b c\nd"),
        ("Москва is Moscow", "is Moscow"),
        ("{{x|y}}", "xy"),
        ("", ""),
    ],
)
def test_plain(given, expected):
    assert plain_text(given) == expected


def test_twice_is_once():
    text = "“Zoë” ( ; ) – formula_3 . <i>x</i>\n\n\ny"
    assert plain_text(plain_text(text)) == plain_text(text)
    assert plain_text(text).isascii()
