"""Many strings in two files that are memory-mapped: all of them end to end as UTF-8, and where each begins (week 9).

Strings.of(["ant", "bee"]).save(folder, "words")
words = Strings.open(folder, "words");  words[1], words.find("bee")    # "bee", 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from shared.files import whole_file


def mapped(path: Path) -> np.ndarray:
    """The array in a .npy file, memory-mapped for reading. Raises ValueError, with its name, where it is damaged."""
    try:
        return np.asarray(np.load(path, mmap_mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"{path} is damaged or missing ({error}): build the index anew."
        ) from error


def save_array(path: Path, array: np.ndarray) -> None:
    """A .npy file, whole or not at all. A file that others have mapped is replaced, not written over: theirs stays."""
    with whole_file(path) as file:
        np.save(file, array)


class Strings:
    """data: (bytes,) uint8, UTF-8   offsets: (n + 1,) int64: string i is data[offsets[i]:offsets[i + 1]]

    Half a surrogate pair, which UTF-8 has no bytes for, becomes "?".
    """

    def __init__(self, data: np.ndarray, offsets: np.ndarray) -> None:
        self.data, self.offsets = data, offsets

    @classmethod
    def of(cls, strings: Iterable[str]) -> Strings:
        encoded = [string.encode("utf-8", "replace") for string in strings]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    @classmethod
    def joined(cls, parts: list[Strings]) -> Strings:
        """The strings of all parts, in order."""
        sizes = np.cumsum([0] + [len(part.data) for part in parts])
        offsets = [part.offsets[:-1] + size for part, size in zip(parts, sizes)]
        return cls(
            np.concatenate([part.data for part in parts]), np.concatenate([*offsets, sizes[-1:]])
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: int) -> str:
        return self._bytes(place).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[place] for place in range(len(self)))

    def find(self, string: str) -> int | None:
        """The place of a string, where the strings are sorted by code points (UTF-8 sorts the same); None: not there.

        By halving, so that nothing is read but about log2(n) strings.
        """
        wanted = string.encode("utf-8", "replace")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self._bytes(low) == wanted else None

    def save(self, folder: Path, name: str) -> None:
        """NAME.npy and NAME.offsets.npy."""
        save_array(Path(folder) / f"{name}.npy", self.data)
        save_array(Path(folder) / f"{name}.offsets.npy", self.offsets)

    @classmethod
    def open(cls, folder: Path, name: str) -> Strings:
        """What `save` wrote. Raises ValueError where it is not there whole."""
        data = mapped(Path(folder) / f"{name}.npy")
        offsets = mapped(Path(folder) / f"{name}.offsets.npy")
        if len(offsets) == 0 or int(offsets[-1]) != len(data):
            raise ValueError(f"{folder}: {name}.npy is damaged: build the index anew.")
        return cls(data, offsets)

    def _bytes(self, place: int) -> bytes:
        return self.data[self.offsets[place] : self.offsets[place + 1]].tobytes()
