"""`bumblebee index` and `bumblebee ask`, as they are typed."""

import pytest


def test_an_index_is_built_and_answers_with_its_source(bumblebee):
    code, out, err = bumblebee("index", "encyclopedia", "--articles", 200)
    assert code == 0, err
    assert "passages of 200 articles" in out and "stand-in" not in err
    code, out, _ = bumblebee("ask", "What do bees tell each other by dancing?")
    assert code == 0
    assert "[1]" in out or "nothing" in out.lower()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ask", "Why?"], "holds no index: build one there first"),
        (["index", "/nowhere/at/all"], "/nowhere/at/all"),
        (["index", "encyclopedia", "--articles", "0"], "limit"),
    ],
)
def test_bad_input_meets_one_sentence(bumblebee, words, message):
    code, _, err = bumblebee(*words)
    assert code == 2 and message in err and "Traceback" not in err
