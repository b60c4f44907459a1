"""What the classroom says: one short box, as HTML where a notebook shows it and as plain text everywhere else."""

import html
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_COLOURS = {"✓": "#009E73", "✗": "#D55E00", "○": "#8A8A8A", "?": "#0072B2", "·": "#8A8A8A"}
_WIDTH = 100


@dataclass(frozen=True, repr=False)
class Line:
    """A mark (✓ ✗ ○ ? ·), a name, a sentence, rows of (label, text) in a fixed-width font, and a last line."""

    mark: str
    name: str
    sentence: str
    rows: Sequence[tuple[str, str]] = field(default_factory=tuple)
    foot: str = ""

    def __str__(self) -> str:
        head = (
            f"{self.mark} {self.name}: {self.sentence}"
            if self.name
            else f"{self.mark} {self.sentence}"
        )
        parts = textwrap.wrap(head, _WIDTH, subsequent_indent="  ")
        parts += [f"    {label:<10}{text}" for label, text in self.rows]
        parts += textwrap.wrap(self.foot, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        return "\n".join(parts)

    __repr__ = __str__  # what a notebook keeps beside the HTML

    def _repr_html_(self) -> str:
        colour = _COLOURS.get(self.mark, "#8A8A8A")
        name = f"<code>{html.escape(self.name)}</code>&ensp;" if self.name else ""
        head = f'<span style="color:{colour};font-weight:bold">{self.mark}</span>&ensp;{name}{_code(self.sentence)}'
        cells = "".join(
            f'<tr style="background:none"><td style="text-align:left;padding:0 1em 0 0;opacity:.7">{html.escape(label)}'
            f'</td><td style="text-align:left;padding:0"><code style="white-space:pre-wrap">{html.escape(text)}</code>'
            "</td></tr>"
            for label, text in self.rows
        )
        table = f'<table style="margin:.3em 0 .2em 1.6em;border:0">{cells}</table>' if cells else ""
        foot = (
            f'<div style="margin-left:1.6em;opacity:.75">{_code(self.foot)}</div>'
            if self.foot
            else ""
        )
        return f'<div style="border-left:4px solid {colour};padding:.25em .8em;margin:.2em 0">{head}{table}{foot}</div>'


def _code(text: str) -> str:
    """Escapes a sentence and sets what stands between backticks as code."""
    pieces = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def in_notebook() -> bool:
    """True inside a Jupyter or Colab kernel."""
    return shell() is not None and hasattr(shell(), "kernel")


def shell() -> Any:
    """The IPython shell that runs this code, or None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def say(line: Any) -> None:
    """Shows a Line, or anything with text and HTML of its own: as a box in a notebook, as text elsewhere."""
    if in_notebook():
        from IPython.display import display

        display(line)
        return
    text = str(line)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:  # an old Windows terminal knows no ✓
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(
            {ord("✓"): "ok", ord("✗"): "x", ord("○"): "o", ord("·"): "-", ord("…"): "..."}
        )
        text = text.encode(encoding, "replace").decode(encoding)
    print(text)
