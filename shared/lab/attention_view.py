"""Which token looks at which: a picture of attention that one can point at, and a still one beside it.

The moving picture is HTML with its numbers and a few lines of script inside, nothing from a network. Where scripts are
taken out (GitHub, a notebook that JupyterLab does not trust yet) it still shows one query, each query keeps a tooltip,
and the still picture shows them all. Used in weeks 6 and 7.
"""

import html
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from shared.lab.figures import COLOURS, panels
from shared.lab.lines import say

MOST_CHARACTERS = 90_000  # a committed output stays below 100 KB
_VISIBLE = {" ": "␣", "": "∅", "\n": "⏎", "\t": "⇥"}


def show_attention(
    weights: Any,
    queries: Sequence[str],
    keys: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    title: str = "Who looks at whom",
) -> None:
    """Shows attention weights twice below the cell: as a heat map for each head, and as a view to point at.

    weights: (q_len, k_len), (heads, q_len, k_len) or (layers, heads, q_len, k_len), anything that NumPy takes
    queries: the q_len tokens that look   keys: the k_len tokens that are looked at; None: the same ones
    names:   one for each head; by default "head 1", or "layer 1, head 1"

    Raises ValueError where the numbers do not fit, or where the view would take more than 90 KB.
    """
    view = AttentionView(weights, queries, keys, names, title)
    attention_maps(view.weights, view.queries, view.keys, view.names, title)
    say(view)


def attention_maps(
    weights: Any, queries: Sequence[str], keys: Sequence[str], names: Sequence[str], title: str
) -> Figure:
    """Heat maps, one for each head: a row for each query, a column for each key.

    weights: (heads, q_len, k_len)
    """
    weights = np.asarray(weights, dtype=float)
    count, q_len, k_len = weights.shape
    width = min(max(1.7, 0.2 * k_len + 0.9), 9.0)
    height = min(max(1.5, 0.2 * q_len + 1.0), 8.0)
    columns = max(1, min(count, 4, int(10 / width)))
    figure, axes = panels(count, width, height, columns)
    figure.set_layout_engine("constrained")  # also where the course's style is not set
    figure.suptitle(f"{title} (row: who looks; dark: much)", fontsize=11, x=0.01, ha="left")
    for number, (cell, grid, name) in enumerate(zip(axes, weights, names)):
        cell.imshow(grid, vmin=0, vmax=1, cmap="Blues", aspect="auto")
        cell.set_xticks(range(k_len), [_plain(token) for token in keys], rotation=90, fontsize=8)
        first = number % columns == 0
        cell.set_yticks(range(q_len), [_plain(t) for t in queries] if first else [], fontsize=8)
        cell.set_xlabel("looked at (token)", fontsize=8)
        if first:
            cell.set_ylabel("who looks (token)", fontsize=8)
        cell.set_title(name, fontsize=9)
        cell.grid(False)
    return figure


class AttentionView:
    """The view to point at: HTML in a notebook, and as text each query's strongest key."""

    def __init__(
        self,
        weights: Any,
        queries: Sequence[str],
        keys: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
        title: str = "Who looks at whom",
    ) -> None:
        self.queries = [_visible(token) for token in queries]
        self.keys = self.queries if keys is None else [_visible(token) for token in keys]
        self.title = title
        grids = np.asarray(weights, dtype=float)
        expected = (len(self.queries), len(self.keys))
        if not 2 <= grids.ndim <= 4 or grids.shape[-2:] != expected:
            raise ValueError(
                f"weights have the shape {grids.shape}; they must end in (queries, keys), which is {expected}, with at "
                "most layers and heads before that."
            )
        self.names = _names(grids.shape[:-2]) if names is None else list(names)
        self.weights = grids.reshape(-1, *expected)  # (heads, q_len, k_len)
        if len(self.names) != len(self.weights):
            raise ValueError(
                f"there are {len(self.names)} names for {len(self.weights)} heads: {self.names}."
            )
        if len(self._repr_html_()) > MOST_CHARACTERS:
            raise ValueError(
                f"{self.weights.size:,} weights make a view of over {MOST_CHARACTERS // 1000} KB: show fewer heads or "
                "a shorter text."
            )

    def __repr__(self) -> str:
        lines = [f"{self.title} ({self.names[0]}; each token and the one it looks at most)"]
        wide = max(map(len, self.queries), default=0)
        for token, row in zip(self.queries, self.weights[0]):
            best = int(row.argmax())
            lines.append(f"  {token:<{wide}} → {self.keys[best]} {row[best]:.0%}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = len(self.queries) // 2  # the query that is seen before anybody points
        numbers = np.rint(self.weights * 1000).astype(int).tolist()  # per mille
        choice = "".join(f"<option>{html.escape(name)}</option>" for name in self.names)
        chooser = f'<select style="margin-left:1em">{choice}</select>' if len(numbers) > 1 else ""
        looking = "".join(self._query(i, i == shown) for i in range(len(self.queries)))
        seen = "".join(map(_key, self.keys, numbers[0][shown]))
        return (
            f'<div data-w="{json.dumps(numbers, separators=(",", ":"))}" data-q="{shown}" '
            f'onmouseover="{_SCRIPT}" onclick="this.onmouseover(event)" onchange="this.onmouseover(event)" '
            'style="padding:.4em .2em;max-width:60em">'
            f"<div><b>{html.escape(self.title)}</b>{chooser}</div>"
            f'<div style="margin:.5em 0"><span style="opacity:.7">who looks: </span>{looking}</div>'
            f'<div><span style="opacity:.7">at what (%): </span>{seen}</div>'
            '<div style="opacity:.7;font-size:85%">Point at a token of the upper line, or click it.</div></div>'
        )

    def _query(self, i: int, shown: bool) -> str:
        strongest = np.argsort(-self.weights[0, i])[:3]
        most = ", ".join(f"{self.keys[j]} {self.weights[0, i, j]:.0%}" for j in strongest)
        return (
            f'<button type="button" data-q="{i}" title="{html.escape(most)}" style="{_BUTTON};'
            f'outline:{"2px solid " + COLOURS["blue"] if shown else "none"}">'
            f"<bdi>{html.escape(self.queries[i])}</bdi></button>"
        )


def _key(token: str, per_mille: int) -> str:
    """A token under a bar and a number. The script below sets both anew."""
    percent = f"{round(per_mille / 10)}" if per_mille >= 10 else ""
    return (
        f'<span data-k style="display:inline-block;vertical-align:bottom;text-align:center;margin:0 .2em">'
        f'<span style="display:block;font-size:75%;height:1.3em">{percent}</span>'
        f'<span style="display:block;height:44px;position:relative"><span style="{_BAR};'
        f'height:{per_mille / 10:g}%"></span></span><bdi>{html.escape(token)}</bdi></span>'
    )


_BAR = f"position:absolute;bottom:0;left:15%;right:15%;background:{COLOURS['blue']}"
_BUTTON = (
    "font:inherit;color:inherit;background:none;border:1px solid rgba(128,128,128,.5);border-radius:3px;"
    "padding:0 .3em;margin:.1em;cursor:pointer"
)
# `this` is the outer <div>, whose data-w holds all numbers and whose data-q holds the query that is shown.
_SCRIPT = html.escape(
    " ".join(
        f"""
var t = event.target.closest('button[data-q]'), d = this.dataset, s = this.querySelector('select');
if (!t && event.type != 'change') return;
if (t) d.q = t.dataset.q;
var row = JSON.parse(d.w)[s ? s.selectedIndex : 0][d.q];
this.querySelectorAll('button[data-q]').forEach(function(b) {{
  b.style.outline = b.dataset.q == d.q ? '2px solid {COLOURS["blue"]}' : 'none'; }});
this.querySelectorAll('[data-k]').forEach(function(k, i) {{
  k.children[0].textContent = row[i] >= 10 ? Math.round(row[i] / 10) : '';
  k.children[1].firstChild.style.height = row[i] / 10 + '%'; }});
""".split()
    )
)


def _names(leading: tuple[int, ...]) -> list[str]:
    if len(leading) == 2:
        return [
            f"layer {i + 1}, head {j + 1}" for i in range(leading[0]) for j in range(leading[1])
        ]
    return [f"head {i + 1}" for i in range(leading[0])] if leading else ["attention"]


def _visible(token: str) -> str:
    """A token that is only white space gets a sign of its own."""
    return _VISIBLE.get(token, token.replace("\n", "⏎").replace("\t", "⇥"))


def _plain(token: str) -> str:
    """For matplotlib, which takes what stands between two dollars as a formula."""
    return token.replace("$", r"\$")
