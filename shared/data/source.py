"""`Dataset` and `Source`: what a loader returns, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Origin = Literal["BUMBLEBEE_DATA", "download", "embedded"]


@dataclass(frozen=True)
class Source:
    """Where a data set came from.

    real: public data as its publishers made it; False for what was written or generated for this course.
    origin: "BUMBLEBEE_DATA", "download" (just now or earlier) or "embedded" (shipped with the course or a dependency).
    detail: one sentence: where it lay or, for a stand-in, why the real thing was not to be had.
    shipped_with: who brings an embedded one: "scikit-learn" or "this course".
    """

    real: bool
    origin: Origin
    detail: str
    shipped_with: str = "this course"

    def line(self, stand_in: bool = False) -> str:
        """The end of a data set's line, such as `real, from BUMBLEBEE_DATA`."""
        if self.origin == "BUMBLEBEE_DATA":
            return "real, from BUMBLEBEE_DATA"
        if self.origin == "download":
            return "real, downloaded"
        if self.real or stand_in:
            return f"{'real' if self.real else 'stand-in'}, shipped with {self.shipped_with}"
        return "written for this course"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Mapping[str, Any]):
    """A data set: its splits by attribute (`mnist.train`) or by key (`mnist["train"]`), and where they came from.

    name: the loader's name; title: what a person calls it; splits: name → `Images`, `Texts`, …;
    class_names: the name of each label, in order; licence: of the data; stands_in_for: the title of the real thing.
    """

    name: str
    title: str
    splits: Mapping[str, Any]
    source: Source
    licence: str
    class_names: tuple[str, ...] = ()
    stands_in_for: str | None = None

    def __getitem__(self, split: str) -> Any:
        try:
            return self.splits[split]
        except KeyError:
            raise KeyError(
                f"{self.title} has no split {split!r}; it has {', '.join(self.splits)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    def __getattr__(self, name: str) -> Any:
        # `splits` itself is missing while copy and pickle rebuild the object: looking for it here would never end.
        if name.startswith("_") or name == "splits":
            raise AttributeError(name)
        if name in self.splits:
            return self.splits[name]
        raise AttributeError(f"{self.title} has no split {name!r}; it has {', '.join(self.splits)}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.splits})

    def __repr__(self) -> str:
        title = (
            f"{self.title} (stand-in for {self.stands_in_for})"
            if self.stands_in_for
            else self.title
        )
        sizes = " / ".join(size_of(name, split) for name, split in self.splits.items())
        return f"{title} · {sizes} · {self.source.line(stand_in=self.stands_in_for is not None)}"


def size_of(name: str, split: Any) -> str:
    """How large a split is, in words: `10,000 test`, or `articles streamed from 6 files`."""
    try:
        if len(split) == 1 and hasattr(split, "texts"):  # one long text: its rows say nothing
            return f"{len(split.texts[0]):,} characters {name}"
        return f"{len(split):,} {name}"
    except TypeError:  # a stream has no length
        if split.count is not None:
            return f"{split.count:,} {name}"
        files = (
            f" from {split.files} {'file' if split.files == 1 else 'files'}" if split.files else ""
        )
        return f"{name} streamed{files}"
