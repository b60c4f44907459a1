"""Articles on disk: one JSON object a line, in shards of about 16 MB, read and written one article at a time.

    articles-00000.jsonl     {"id": …, "title": …, "text": …, "url": …} a line, UTF-8
    articles-00000.json      its note: articles, bytes, SHA-256, and what the stage wants to remember of it

The note is written after the shard, so a shard with a note that fits it is whole; a killed stage makes the others anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from shared.files import digest_of, file_sha256, whole_file
from shared.llm.run import read_json, write_json

FIELDS = ("id", "title", "text", "url")
_AGAIN = "Run the stage that made it again; it goes on with the shards that are whole."


class Shard(NamedTuple):
    """One file of articles. bytes: of the file; note: all that was remembered of it."""

    path: Path
    articles: int
    bytes: int
    sha256: str
    note: dict[str, Any]


def shard_path(folder: Path, number: int) -> Path:
    """articles-00042.jsonl in the folder."""
    return Path(folder) / f"articles-{number:05d}.jsonl"


def note_path(path: Path) -> Path:
    """articles-00042.json of articles-00042.jsonl."""
    return path.with_suffix(".json")


def line_of(article: dict[str, Any]) -> bytes:
    """The line of an article. Half a surrogate pair, which UTF-8 has no bytes for, becomes "?"."""
    return json.dumps(article, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def write_shard(
    path: Path, articles: Iterable[dict[str, Any]], until: int | None = None, **note: Any
) -> Shard:
    """Write a shard and its note; nothing appears under their names before it is whole.

    until: take no further article after so many bytes; an iterator then still has the others.
    note: more to remember. A value that is a function is called after the last article, so that it may count them.
    """
    digest, count, size = hashlib.sha256(), 0, 0
    note_path(path).unlink(missing_ok=True)  # from here on the old shard counts as not done
    with whole_file(path) as file:
        for article in articles:
            line = line_of(article)
            file.write(line)
            digest.update(line)
            count, size = count + 1, size + len(line)
            if until is not None and size >= until:
                break
    more = {name: value() if callable(value) else value for name, value in note.items()}
    content = {"articles": count, "bytes": size, "sha256": digest.hexdigest(), **more}
    write_json(note_path(path), content)
    return Shard(path, count, size, content["sha256"], content)


def whole_shard(path: Path) -> Shard | None:
    """The shard if it is there and its size is what its note says, otherwise None."""
    if not (path.is_file() and note_path(path).is_file()):
        return None
    try:
        note = read_json(note_path(path))
        shard = Shard(path, note["articles"], note["bytes"], note["sha256"], note)
    except (ValueError, KeyError, TypeError):
        return None
    return shard if path.stat().st_size == shard.bytes else None


def shards_of(folder: Path) -> list[Shard]:
    """The shards of a folder in their order. Raises ValueError where there is none, one is missing, or one is cut off.

    A shard without a note (made by hand) is read once, to count its lines.
    """
    paths = sorted(Path(folder).glob("articles-*.jsonl"))
    if not paths:
        raise ValueError(
            f"{folder} has no articles-*.jsonl: run the stage before this one first, or name the folder it wrote to."
        )
    shards = []
    for number, path in enumerate(paths):
        if path != shard_path(folder, number):
            raise ValueError(f"{shard_path(folder, number)} is missing. {_AGAIN}")
        shard = whole_shard(path)
        if shard is None and note_path(path).exists():
            raise ValueError(
                f"{path} is not what its note {note_path(path).name} says: cut off or altered. {_AGAIN}"
            )
        shards.append(shard or _counted(path))
    return shards


def _counted(path: Path) -> Shard:
    with path.open("rb") as file:
        count = sum(1 for line in file if line.strip())
    return Shard(path, count, path.stat().st_size, file_sha256(path), {})


def read_articles(path: Path) -> Iterator[dict[str, Any]]:
    """The articles of a shard, one at a time. Raises ValueError that names file and line where one is damaged."""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield article_of(line, path, number)


def article_of(line: bytes, path: Path, number: int) -> dict[str, Any]:
    """An article from its line; `path` and `number` are for the message where it is damaged."""
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}, line {number} is no JSON ({error}): the file is cut off or altered. "
            "Remove that line, or make or copy the file again."
        ) from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError(
            f'{path}, line {number} must be an object with a "text", such as '
            '{"id": "1", "title": "Bee", "text": "A bee is …"}.'
        )
    return row


def remove_from(folder: Path, number: int) -> None:
    """Remove the shards from `number` on, which a run over a smaller corpus does not write."""
    for path in Path(folder).glob("articles-*.json*"):
        digits = path.stem.removeprefix("articles-")
        if digits.isdigit() and int(digits) >= number:
            path.unlink(missing_ok=True)


def shards_digest(shards: Iterable[Shard]) -> str:
    """One SHA-256 for all shards: names, sizes and hashes."""
    return digest_of(
        part for shard in shards for part in (shard.path.name, shard.bytes, shard.sha256)
    )
