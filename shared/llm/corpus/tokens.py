"""`Tokens`: the packed corpus as one long row of token ids that lies on disk and is read where it is needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from shared.files import file_sha256
from shared.llm.run import read_json

_OPEN_FILES = 64  # systems allow a process some hundreds; full Wikipedia has more shards than that
_AGAIN = "Run the stage `pack` again; it goes on with the shards that are whole."


class Tokens:
    """The tokens of one split, across its shards, memory-mapped: reading takes no memory that grows with the corpus.

        tokens = Tokens.open("run/pack", "validation")
        len(tokens), tokens.bytes, tokens.n_documents
        tokens.read(0, 256)      # int64 (256,)

    bytes: UTF-8 bytes of the text that the tokens stand for; eos_id ends each of the `n_documents` documents.
    """

    def __init__(self, folder: Path, split: str, index: dict[str, Any]) -> None:
        self.folder, self.split = folder, split
        self.vocab_size: int = index["vocab_size"]
        self.eos_id: int = index["eos_id"]
        self.dtype = np.dtype(index["dtype"]).newbyteorder("<")
        totals = index["splits"][split]
        self.shards: list[dict[str, Any]] = totals["shards"]
        self.bytes: int = totals["bytes"]
        self.n_documents: int = totals["documents"]
        self._ends = np.cumsum([0] + [shard["tokens"] for shard in self.shards])
        self._maps: OrderedDict[int, np.ndarray] = OrderedDict()

    @classmethod
    def open(cls, folder: str | Path, split: str) -> Tokens:
        """The split "train" or "validation" of what `pack` wrote to `folder`.

        Raises ValueError where the folder was not packed to its end, or a shard has another size than the index says.
        """
        folder = Path(folder)
        if not (folder / "index.json").is_file():
            raise ValueError(f"{folder} has no index.json: it was not packed to its end. {_AGAIN}")
        index = read_json(folder / "index.json")
        if split not in index["splits"]:
            raise ValueError(f"split must be one of {', '.join(index['splits'])}; it was {split!r}")
        tokens = cls(folder, split, index)
        for shard in tokens.shards:
            path, size = folder / shard["file"], shard["tokens"] * tokens.dtype.itemsize
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                what = "is missing" if found is None else f"has {found:,} bytes"
                raise ValueError(f"{path} {what}; it must have {size:,} bytes. {_AGAIN}")
        return tokens

    def verify(self) -> None:
        """Read every shard and compare its SHA-256 with the index. Raises ValueError naming one that differs."""
        for shard in self.shards:
            if file_sha256(self.folder / shard["file"]) != shard["sha256"]:
                raise ValueError(
                    f"{self.folder / shard['file']} has another SHA-256 than when it was packed: it was altered or "
                    f"the disk is failing. Remove it, then: {_AGAIN}"
                )

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __repr__(self) -> str:
        return f"Tokens({self.split}: {len(self):,} tokens, {self.n_documents:,} documents)"

    def read(self, start: int, length: int) -> np.ndarray:
        """The tokens [start, start + length) as int64 (length,), across shards. Raises ValueError past the end."""
        if start < 0 or length < 0 or start + length > len(self):
            raise ValueError(
                f"start and length must lie within the {len(self):,} tokens of the split; "
                f"they were {start} and {length}"
            )
        found = np.empty(length, dtype=np.int64)
        filled, number = 0, int(np.searchsorted(self._ends, start, side="right")) - 1
        while filled < length:
            offset = start + filled - int(self._ends[number])
            part = self._map(number)[offset : offset + length - filled]
            found[filled : filled + len(part)] = part
            filled, number = filled + len(part), number + 1
        return found

    def documents(self) -> Iterator[np.ndarray]:
        """The documents one by one, int64, each with its end-of-text token."""
        waiting: list[np.ndarray] = []
        for start in range(0, len(self), 1 << 20):
            block = self.read(start, min(1 << 20, len(self) - start))
            begin = 0
            for end in np.flatnonzero(block == self.eos_id) + 1:
                yield np.concatenate([*waiting, block[begin:end]])
                waiting, begin = [], end
            waiting.append(block[begin:])

    def _map(self, number: int) -> np.ndarray:
        if number in self._maps:
            self._maps.move_to_end(number)
        else:
            path = self.folder / self.shards[number]["file"]
            self._maps[number] = np.memmap(path, dtype=self.dtype, mode="r")
            if len(self._maps) > _OPEN_FILES:
                self._maps.popitem(last=False)
        return self._maps[number]

    def __getstate__(self) -> dict[str, Any]:
        """Goes to another process without its open files."""
        return self.__dict__ | {"_maps": OrderedDict()}
