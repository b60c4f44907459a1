"""The passages of an index, on disk: which article and section each is from, and its text (week 9).

Texts of articles are kept whole, end to end, so a passage is a range of bytes; overlapping passages cost no more space.
Everything is memory-mapped: opening an index of all of Wikipedia reads next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.llm.retrieval.strings import Strings, mapped, save_array

# What is known of each passage. places: characters in its article's text; bytes: in the file of all texts.
FIELDS = np.dtype(
    [
        ("article", np.int32),
        ("section", np.int32),
        ("start", np.int32),
        ("end", np.int32),
        ("first_byte", np.int64),
        ("last_byte", np.int64),
    ]
)


class Passage(NamedTuple):
    """Where a text is from. article: the article's id; start, end: characters in its text."""

    article: str
    title: str
    section: str
    url: str
    start: int
    end: int
    text: str


class Passages:
    """table: (n,) of FIELDS   texts: the articles' texts   ids, titles, urls: one for each article   sections: heads"""

    def __init__(
        self,
        table: np.ndarray,
        texts: Strings,
        ids: Strings,
        titles: Strings,
        urls: Strings,
        sections: Strings,
    ) -> None:
        self.table, self.texts, self.sections = table, texts, sections
        self.ids, self.titles, self.urls = ids, titles, urls

    def __len__(self) -> int:
        return len(self.table)

    @property
    def n_articles(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> Passage:
        row = self.table[place]
        article = int(row["article"])
        return Passage(
            self.ids[article],
            self.titles[article],
            self.sections[int(row["section"])],
            self.urls[article],
            int(row["start"]),
            int(row["end"]),
            self.text(place),
        )

    def text(self, place: int) -> str:
        """What the passage says, without its heads."""
        row = self.table[place]
        return self.texts.data[row["first_byte"] : row["last_byte"]].tobytes().decode("utf-8")

    def headed(self, place: int) -> str:
        """Title, section and text: what is indexed, so that "his early life" is found under its person's name."""
        row = self.table[place]
        title = self.titles[int(row["article"])]
        return headed(title, self.sections[int(row["section"])], self.text(place))

    def save(self, folder: str | Path) -> None:
        """Written to a folder that is there."""
        save_array(Path(folder) / "passages.npy", self.table)
        for name in NAMES:
            getattr(self, name).save(Path(folder), name)

    @classmethod
    def open(cls, folder: str | Path) -> Passages:
        """What `save` wrote, memory-mapped. Raises ValueError where it is damaged."""
        table = mapped(Path(folder) / "passages.npy")
        if table.dtype != FIELDS:
            raise ValueError(
                f"{folder} was made by another version of the course: build the index anew."
            )
        return cls(table, *(Strings.open(Path(folder), name) for name in NAMES))


NAMES: Sequence[str] = ("texts", "ids", "titles", "urls", "sections")


def headed(title: str, section: str, text: str) -> str:
    """A passage under its heads, each on its line; heads that are empty are left out."""
    return "\n".join(part for part in (title, section, text) if part)
