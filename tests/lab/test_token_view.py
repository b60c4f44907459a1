"""Tokens as coloured boxes, packed rows as a picture, and a line that somebody types."""

import numpy as np
import pytest

from shared.lab.token_view import TokenView, packed_rows
from shared.lab.typed import type_line


def test_what_counts_is_marked_in_text_and_in_html():
    view = TokenView(["Hi", "\n", "Ho", "<|im_end|>"], [False, False, True, True], "counts")
    assert repr(view) == "Hi\n[Ho<|im_end|>]\n([ ]: counts)"
    page = view._repr_html_()
    assert "&lt;|im_end|&gt;" in page and "<|im_end|>" not in page
    assert page.count("rgba(0,114,178,0.45)") == 2 and "⏎" in page and "Blue: counts." in page


def test_strengths_are_clamped_and_notes_are_tooltips():
    view = TokenView(["a", "b"], [-1.0, 7.0], notes=['"1"', "2"])
    assert view.strengths == [0.0, 1.0]
    assert 'title="&quot;1&quot;"' in view._repr_html_() and repr(view) == "a[b]"


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="1 strengths for 2 tokens"):
        TokenView(["a", "b"], [1.0])
    with pytest.raises(ValueError, match="3 notes for 1 tokens"):
        TokenView(["a"], [1.0], notes=["", "", ""])


def test_packed_rows():
    documents = np.array([[0, 0, 1, -1]])
    axes = packed_rows(documents, np.array([[False, True, False, True]]), "rows")
    assert axes.images[0].get_array().tolist() == [[1, 3, 2, 0]]
    with pytest.raises(ValueError, match=r"own \(1, 3\)"):
        packed_rows(documents, np.zeros((1, 3)), "rows")


def test_nobody_types_in_a_test(monkeypatch):
    assert type_line("You: ") is None
    monkeypatch.setenv("BUMBLEBEE_PROFILE", "smoke")
    assert type_line("You: ") is None
