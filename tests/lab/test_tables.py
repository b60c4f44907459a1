"""Tables and lines: the same facts as text and as HTML, with nothing that a text could break."""

import io
import sys

import pytest

from shared.lab.lines import Line, say
from shared.lab.tables import Grid, show_table


def test_grid() -> None:
    grid = Grid(["", "a", "b"], [["<x>", 1, 2.5], ["row & two", "", "…"]], strong=2)
    assert repr(grid).splitlines() == ["           a  [b]", "<x>        1  2.5", "row & two     …"]
    html = grid._repr_html_()
    assert "&lt;x&gt;" in html
    assert "row &amp; two" in html
    assert html.count("font-weight:bold") == 3
    assert html.count("opacity:.6") == 3
    assert html.count("<tr>") == html.count("</tr>") == 3


def test_rows_of_another_length() -> None:
    with pytest.raises(ValueError, match="a row has 1 cells and the header 2"):
        Grid(["a", "b"], [["x"]])


def test_show_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["a"], [])
    assert capsys.readouterr().out == "a\n"


def test_line_as_text_and_html() -> None:
    line = Line(
        "✗", "mlp.relu", "it says `<b>` & stops.", [("input", "x = <1>"), ("", "y")], "See `hint`."
    )
    assert str(line).splitlines() == [
        "✗ mlp.relu: it says `<b>` & stops.", "    input     x = <1>", "              y", "  See `hint`.",
    ]  # fmt: skip
    html = line._repr_html_()
    assert "<code>&lt;b&gt;</code> &amp; stops." in html
    assert "x = &lt;1&gt;" in html
    assert "<b>" not in html


def test_old_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252"))
    say(Line("✓", "mlp.relu", "right … 日"))
    sys.stdout.flush()
    assert raw.getvalue().decode("cp1252").strip() == "ok mlp.relu: right ... ?"
