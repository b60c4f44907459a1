"""Reading one file, of any of the formats that data comes in; whatever is wrong becomes a `DataError`."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.data.errors import broken, reading

if TYPE_CHECKING:
    import pandas
    import pyarrow


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz; an empty one is an error."""
    with reading(path):
        data = path.read_bytes()
        if path.suffix == ".gz" and data:
            data = gzip.decompress(data)
    if not data:
        raise broken(path, "is empty")
    return data


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file, unpacked where its name ends in .gz, with line ends as \\n."""
    with reading(path):
        text = read_bytes(path).decode(encoding)
    return text.replace("\r\n", "\n")


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    with reading(path):
        return json.loads(read_text(path))


def stream_jsonl(path: Path, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One dictionary for each line of a JSONL file (.jsonl or .jsonl.gz), each with all `fields`; read line by line."""
    number = 0
    with reading(path):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise broken(path, f"has no JSON in line {number} ({error})") from error
                missing = [
                    field for field in fields if not isinstance(row, dict) or field not in row
                ]
                if missing:
                    raise broken(path, f"lacks the field {missing[0]!r} in line {number}")
                yield row
    if number == 0:
        raise broken(path, "is empty")


def read_csv(path: Path, columns: Sequence[str]) -> pandas.DataFrame:
    """A CSV file with a header that has at least `columns`, and no empty cell in them."""
    import pandas

    with reading(path):
        try:
            table = pandas.read_csv(path, encoding="utf-8", index_col=False)
        except pandas.errors.EmptyDataError as error:
            raise broken(path, "is empty") from error
        except pandas.errors.ParserError as error:
            raise broken(path, f"is no CSV table ({error})") from error
    _check_columns(path, columns, list(table.columns))
    if table.empty:
        raise broken(path, "has a header but no row")
    holes = table[list(columns)].isna().any(axis=1)
    if holes.any():
        raise broken(path, f"lacks a value in row {int(holes.to_numpy().argmax()) + 1}")
    return table


def read_plain_csv(path: Path, width: int) -> list[list[str]]:
    """The rows of a CSV file without a header, each of `width` cells."""
    with reading(path), path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    if not rows:
        raise broken(path, "is empty")
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise broken(path, f"has {len(row)} columns in row {number}, not {width}")
    return rows


def read_columns(paths: Sequence[Path], columns: Sequence[str]) -> pyarrow.Table:
    """The named columns of one or more parquet or arrow files, one below the other."""
    import pyarrow
    import pyarrow.parquet

    tables = []
    for path in paths:
        if path.suffix == ".parquet":
            check_parquet(path, columns)
        with reading(path):
            try:
                if path.suffix == ".parquet":
                    table = pyarrow.parquet.read_table(path, columns=list(columns))
                else:
                    with pyarrow.OSFile(str(path)) as file:
                        table = pyarrow.ipc.open_stream(file).read_all()
            except pyarrow.ArrowInvalid as error:
                raise broken(path, f"is damaged ({str(error).splitlines()[0]})") from error
        _check_columns(path, columns, table.column_names)
        tables.append(table.select(list(columns)))
    return pyarrow.concat_tables(tables)


def check_parquet(path: Path, columns: Sequence[str]) -> None:
    """Raise unless the end of the file is that of a whole parquet file with these columns."""
    import pyarrow
    import pyarrow.parquet

    with reading(path):
        if path.stat().st_size == 0:
            raise broken(path, "is empty")
        try:
            there = pyarrow.parquet.read_schema(path).names
        except pyarrow.ArrowInvalid as error:
            raise broken(
                path, f"is no whole parquet file ({str(error).splitlines()[0]})"
            ) from error
    _check_columns(path, columns, there)


def _check_columns(path: Path, columns: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in columns if name not in there]
    if missing:
        raise broken(path, f"lacks the column {missing[0]!r}; it has {', '.join(map(str, there))}")


def check_md5(path: Path, expected: str, publisher: str) -> None:
    """Raise unless the file has the MD5 sum that its publisher states."""
    with reading(path):
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != expected:
        raise broken(path, f"has the checksum {found}, but {publisher} states {expected}")
