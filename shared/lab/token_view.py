"""Tokens of a text as coloured boxes: which of them count, or how much. Used in week 9.

The view is HTML of its own, nothing from a network; where HTML is not shown, its text marks what stands out with [ ].
Boxes are outlined as well as coloured, so that the difference does not hang on colour; both read on light and dark.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from shared.lab.figures import COLOURS, panels
from shared.lab.lines import say

_VISIBLE = {"\n": "⏎", "\t": "⇥"}
_BLUE = "0,114,178"


class TokenView:
    """Tokens in a row, each with a strength from 0 (plain) to 1 (blue).

    pieces: the tokens as texts   strengths: a number or a bool for each   legend: what blue means
    notes:  a text for each token, shown when one points at it

    Raises ValueError where there are not as many strengths, or notes, as tokens.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        strengths: Sequence[float],
        legend: str = "",
        notes: Sequence[str] | None = None,
    ) -> None:
        for name, given in (("strengths", strengths), ("notes", notes)):
            if given is not None and len(given) != len(pieces):
                raise ValueError(f"there are {len(given)} {name} for {len(pieces)} tokens.")
        self.pieces, self.legend = [str(piece) for piece in pieces], legend
        self.strengths = [min(1.0, max(0.0, float(one))) for one in strengths]
        self.notes = list(notes) if notes is not None else [""] * len(self.pieces)

    def __repr__(self) -> str:
        text, open_ = "", False
        for piece, strength in zip(self.pieces, self.strengths):
            if (strength >= 0.5) != open_:
                text, open_ = text + ("]" if open_ else "["), not open_
            text += piece
        text += "]" if open_ else ""
        return f"{text.rstrip()}\n([ ]: {self.legend})" if self.legend else text.rstrip()

    def _repr_html_(self) -> str:
        boxes = ""
        for piece, strength, note in zip(self.pieces, self.strengths, self.notes):
            shown = "".join(_VISIBLE.get(letter, letter) for letter in piece)
            edge = f"rgba({_BLUE},{strength:.2g})" if strength >= 0.05 else "rgba(128,128,128,.35)"
            title = f' title="{html.escape(note)}"' if note else ""
            boxes += (
                f'<span{title} style="white-space:pre;background:rgba({_BLUE},{0.45 * strength:.2g});'
                f'border:1px solid {edge};border-radius:3px;padding:0 1px;margin:1px 0">{html.escape(shown)}</span>'
            )
            boxes += "<br>" * piece.count("\n")
        foot = (
            f'<div style="opacity:.75">Blue: {html.escape(self.legend)}.</div>'
            if self.legend
            else ""
        )
        return f'<div style="line-height:1.9;max-width:60em;padding:.4em .2em">{boxes}</div>{foot}'


def show_tokens(
    pieces: Sequence[str],
    strengths: Sequence[float],
    legend: str = "",
    notes: Sequence[str] | None = None,
) -> None:
    """Shows a `TokenView` below the cell."""
    say(TokenView(pieces, strengths, legend, notes))


def packed_rows(documents: Any, own: Any, title: str) -> Axes:
    """Rows into which several texts are packed, as a picture: a grey for each text, blue where a token counts.

    documents: (rows, length), the number of each place's text in its row, below 0 where nothing stands
    own:       (rows, length), True where the token counts

    Anything that NumPy takes. Raises ValueError where the two differ in shape.
    """
    documents, own = np.asarray(documents), np.asarray(own, dtype=bool)
    if documents.ndim != 2 or documents.shape != own.shape:
        raise ValueError(
            f"documents have the shape {documents.shape} and own {own.shape}; both must be (rows, length)."
        )
    colour = np.where(documents < 0, 0, 1 + documents % 2)
    colour = np.where(own & (documents >= 0), 3, colour)
    ground = ["#FFFFFF", "#DADAD5", "#BBBBB5", COLOURS["blue"]]
    _, (axes,) = panels(1, 8.0, 0.22 * len(documents) + 1.2)
    axes.imshow(
        colour, cmap=ListedColormap(ground), vmin=0, vmax=3, aspect="auto", interpolation="nearest"
    )
    axes.set(xlabel="place in the row (tokens)", ylabel="row", title=title)
    axes.set_yticks(range(0, len(documents), max(1, len(documents) // 6)))
    axes.grid(False)
    names = ("nothing", "given", "given (the next text)", "counts")
    axes.legend(
        handles=[Patch(facecolor=c, edgecolor="#888888", label=n) for c, n in zip(ground, names)],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.18),
        ncols=4,
    )
    return axes
