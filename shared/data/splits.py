"""The shapes that data comes in: what `dataset.train` and its siblings are.

Each is a small frozen record of parallel columns, so that `split.images[i]` belongs to `split.labels[i]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.data.rows import Article

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def _same_length(split: object, **columns: Any) -> None:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise ValueError(f"{type(split).__name__} needs columns of one length, but got {said}")


class Split:
    """What all kinds of split share: a short `repr` that never prints the data."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} rows)"  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False, repr=False)
class Images(Split):
    """Pictures and their classes. images: uint8 (n, height, width) or (n, 3, height, width); labels: int64 (n,)."""

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        _same_length(self, images=self.images, labels=self.labels)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False, repr=False)
class Texts(Split):
    """Texts and their classes. texts: n strings; labels: int64 (n,), None where texts have no class.

    kinds: n words such as "negation" that say what makes a text hard, where the data says so.
    """

    texts: list[str]
    labels: Tensor | None = None
    kinds: list[str] | None = None

    def __post_init__(self) -> None:
        _same_length(self, texts=self.texts, labels=self.labels, kinds=self.kinds)

    def __len__(self) -> int:
        return len(self.texts)

    def joined(self, between: str = "") -> str:
        """All texts as one string."""
        return between.join(self.texts)


@dataclass(frozen=True, eq=False, repr=False)
class Pairs(Split):
    """Sentences and their translations: `target[i]` says in the second language what `source[i]` says in the first."""

    source: list[str]
    target: list[str]

    def __post_init__(self) -> None:
        _same_length(self, source=self.source, target=self.target)

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, eq=False, repr=False)
class Table(Split):
    """Rows of numbers and one number to predict. features: float32 (n, d); targets: float32 (n,); d feature names."""

    features: Tensor
    targets: Tensor
    feature_names: tuple[str, ...]
    target_name: str

    def __post_init__(self) -> None:
        _same_length(self, features=self.features, targets=self.targets)

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, eq=False, repr=False)
class Series(Split):
    """Measurements in order of time. times: datetime64 (n,); values: float32 (n, d); d column names.

    `series[a:b]` is the series of those rows, so a split in time is `series[:8640]`, `series[8640:11520]`.
    """

    times: np.ndarray
    values: Tensor
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        _same_length(self, times=self.times, values=self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Series:
        if not isinstance(rows, slice):
            raise TypeError(f"a series is cut by a slice such as series[:100], not by {rows!r}")
        return Series(self.times[rows], self.values[rows], self.columns)

    def column(self, name: str) -> Tensor:
        """One column by its name, float32 (n,); a ValueError lists the names there are."""
        if name not in self.columns:
            raise ValueError(f"no column is called {name!r}; there are {', '.join(self.columns)}")
        return self.values[:, self.columns.index(name)]


@dataclass(frozen=True, eq=False, repr=False)
class Records(Split):
    """Rows of one kind, such as `Conversation`: iterate, take `records[i]` or `records[a:b]`."""

    rows: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __getitem__(self, index: int | slice) -> Any:
        return self.rows[index]


@dataclass(frozen=True, eq=False, repr=False)
class Questions(Records):
    """Rows of `Question`, and the paragraphs they are about: `paragraphs[question.paragraph]` is an `Article`."""

    paragraphs: tuple[Article, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Vocabulary(Split):
    """A tokenizer's tokens. ids: token → number; merges: BPE's pairs in their order, () for other kinds."""

    ids: dict[str, int]
    merges: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


class Articles:
    """Articles that are read as they are asked for: the corpus is never in memory as a whole.

    Every `for` starts again from the first article. `limit=n` (or `articles.limit(n)`) ends after n of them.
    count: how many there are, where that is known without reading them, otherwise None; files: from how many files.
    """

    def __init__(
        self,
        open_stream: Callable[[], Iterable[Article]],
        *,
        count: int | None = None,
        files: int = 0,
        limit: int | None = None,
    ) -> None:
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be 0 or more, or None for all articles; it was {limit}")
        self._open_stream = open_stream
        self._limit = limit
        self._all = count
        self.files = files

    @property
    def count(self) -> int | None:
        """How many articles an iteration gives, or None where only reading would tell."""
        if self._all is None or self._limit is None:
            return self._all
        return min(self._all, self._limit)

    def __iter__(self) -> Iterator[Article]:
        stream = iter(self._open_stream())
        try:
            yield from islice(stream, self._limit)
        finally:
            # A generator holds an open file: close it at once, not when the garbage collector comes by.
            if hasattr(stream, "close"):
                stream.close()

    def limit(self, limit: int | None) -> Articles:
        """The first `limit` articles of these (None: these), still read one at a time."""
        if limit is None or (self._limit is not None and limit >= self._limit):
            limit = self._limit
        return Articles(self._open_stream, count=self._all, files=self.files, limit=limit)

    def __repr__(self) -> str:
        return f"Articles({'streamed' if self.count is None else format(self.count, ',')})"
