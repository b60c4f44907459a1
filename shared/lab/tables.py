"""Small tables of results, as HTML in a notebook and as text elsewhere."""

import html
from collections.abc import Sequence

from shared.lab.lines import say


class Grid:
    """A header and rows of texts; `strong` is the number of a column that counts: bold, and the others after the
    first are pale."""

    def __init__(
        self, header: Sequence[str], rows: Sequence[Sequence[object]], strong: int | None = None
    ) -> None:
        self.header = [str(cell) for cell in header]
        self.rows = [[str(cell) for cell in row] for row in rows]
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(
                    f"a row has {len(row)} cells and the header {len(self.header)}: {row}"
                )
        self.strong = strong

    def __repr__(self) -> str:
        head = [f"[{t}]" if i == self.strong else t for i, t in enumerate(self.header)]
        lines = [head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        return "\n".join(
            "  ".join(t.ljust(w) for t, w in zip(line, widths)).rstrip() for line in lines
        )

    def _look(self, column: int) -> str:
        if column == self.strong:
            return "font-weight:bold"
        pale = self.strong is not None and column > 0
        return "font-weight:normal" + (";opacity:.6" if pale else "")

    def _repr_html_(self) -> str:
        def line(tag: str, cells: Sequence[str]) -> str:
            inside = "".join(
                f'<{tag} style="text-align:left;{self._look(i)}">{html.escape(cell)}</{tag}>'
                for i, cell in enumerate(cells)
            )
            return f"<tr>{inside}</tr>"

        body = "".join(line("td", row) for row in self.rows)
        return f"<table>{line('th', self.header)}{body}</table>"


def show_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Shows a table below the cell. Raises ValueError where a row and the header differ in length."""
    say(Grid(header, rows))
