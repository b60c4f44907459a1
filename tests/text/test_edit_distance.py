"""`shared.text.edit_distance` against sacrebleu's edit distance, and against trying everything."""

import random
from functools import cache

import pytest
from sacrebleu.metrics.lib_ter import BeamEditDistance

from shared.text.edit_distance import character_error_rate, exact_match


def edit_distance(a: str, b: str) -> int:
    """From the rate of one sentence. A character that both have at the end changes no distance."""
    return round(character_error_rate([a + "|"], [b + "|"]) * (len(b) + 1))


def _by_trying_everything(a: str, b: str) -> int:
    @cache
    def least(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j
        if a[i] == b[j]:
            return least(i + 1, j + 1)
        return 1 + min(least(i + 1, j), least(i, j + 1), least(i + 1, j + 1))

    return least(0, 0)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("chat", "chats", 1), ("chat", "chien", 3), ("", "mot", 3), ("mot", "", 3), ("", "", 0)]
    + [("kitten", "sitting", 3), ("intention", "execution", 5), ("été", "ete", 2)],
)
def test_known_distances(a, b, distance):
    assert edit_distance(a, b) == distance


def test_as_sacrebleu_and_as_trying_everything():
    draw = random.Random(0)
    for _ in range(300):
        a, b = ("".join(draw.choices("abc ", k=draw.randrange(1, 14))) for _ in range(2))
        assert edit_distance(a, b) == BeamEditDistance(list(b))(list(a))[0]
        assert edit_distance(a, b) == _by_trying_everything(a, b)


def test_is_a_distance():
    draw = random.Random(1)
    for _ in range(200):
        a, b, c = ("".join(draw.choices("ab", k=draw.randrange(8))) for _ in range(3))
        assert edit_distance(a, b) == edit_distance(b, a)
        assert (edit_distance(a, b) == 0) == (a == b)
        assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_rates_are_of_all_characters_together():
    outputs, references = ["oui", "abcdefghix"], ["non", "abcdefghij"]
    assert character_error_rate(outputs, references) == pytest.approx((3 + 1) / 13)
    assert character_error_rate(references, references) == 0
    assert character_error_rate(["a long answer"], ["no"]) > 1
    assert exact_match(["a", "b", "c", "d"], ["a", "b", "c", "x"]) == 0.75


def test_refuses_columns_of_different_length():
    for measure in (character_error_rate, exact_match):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            measure(["a"], ["a", "b"])
