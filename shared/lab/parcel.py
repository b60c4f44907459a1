"""Packs `my_work/` into one file and brings it back: for Colab, where nothing stays, and for a new computer."""

import importlib
import io
import re
import sys
import zipfile
import zlib
from pathlib import Path

from shared.exercises import find, names
from shared.files import write_whole
from shared.lab import journal
from shared.lab.carry import file_of, load_and_examine
from shared.lab.files import shown, work_folder
from shared.lab.lines import Line, say

# A piece has a few kilobytes, a journal of years a few hundred; what unpacks to more is no export.
_LARGEST = 10_000_000


def export_work(to: str | Path = "my_bumblebee_work.zip") -> Path:
    """Packs `my_work/` into one file, and offers it as a download in Colab.

    Raises ValueError where there is no work yet, or where the file cannot be written.
    """
    folder = work_folder()
    files = [path for pattern in ("*/*.py", "journal.jsonl") for path in folder.glob(pattern)]
    if not files:
        raise ValueError(
            f"There is no work to export yet: {shown(folder)} is empty. Solve an exercise first."
        )
    target, packed = Path(to), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files):
            archive.write(file, file.relative_to(folder).as_posix())
    try:
        write_whole(target, packed.getvalue())
    except OSError as error:
        raise ValueError(
            f"{str(to)!r} cannot be written ({error.strerror or error}). Give another path."
        ) from None
    many = "file" if len(files) == 1 else "files"
    sentence = (
        f"{len(files)} {many} of your work in `{target.name}`. `import_work(…)` brings them back."
    )
    say(Line("✓", "", sentence))
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.files").download(str(target))
    return target


def import_work(source: str | Path = "my_bumblebee_work.zip") -> list[str]:
    """Brings exported work back. A piece that is there already is replaced only by another that passes its checks.

    Returns the names of the pieces brought. Raises ValueError where the file is missing or no export, or where
    `my_work/` cannot be written.
    """
    path = Path(source)
    if not path.is_file():
        raise ValueError(
            f"There is no file {str(source)!r} here. Upload it beside the notebook, or give its path."
        )
    texts, left_out = _unpacked(path)
    by_file = {f"{e.family}/{e.piece}.py": e for e in map(find, names())}
    brought = []
    for name, text in texts.items():
        exercise = by_file.get(name)
        if exercise is None or load_and_examine(exercise, text, file_of(exercise.name))[1]:
            left_out.append(name)
            continue
        try:
            write_whole(file_of(exercise.name), text)
        except OSError as error:
            raise ValueError(
                f"{shown(work_folder())} cannot be written ({error.strerror or error}), so nothing could be kept."
            ) from None
        brought.append(exercise.name)
    many = "piece is" if len(brought) == 1 else "pieces are"
    foot = f"Left out, since they do not pass or belong to no exercise here: {', '.join(sorted(left_out))}."
    say(
        Line(
            "✓" if brought else "○",
            "",
            f"{len(brought) or 'no'} {many} yours again.",
            foot=foot if left_out else "",
        )
    )
    return brought


def _unpacked(path: Path) -> tuple[dict[str, str], list[str]]:
    """The pieces' texts by their place in `my_work/`, after the journal was taken in; and what was no piece."""
    texts: dict[str, str] = {}
    left_out: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                # Only what an export holds, where it holds it: no absolute path, no climbing out of the folder.
                expected = re.fullmatch(r"\w+/\w+\.py|journal\.jsonl", info.filename)
                if not expected or info.file_size > _LARGEST:
                    left_out.append(info.filename)
                    continue
                texts[info.filename] = archive.read(info).decode("utf-8")
    # RuntimeError: it is encrypted; NotImplementedError: packed in a way that Python does not know.
    except (
        zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, RuntimeError, OSError,
    ) as error:  # fmt: skip
        raise ValueError(
            f"{path.name!r} is not an export of my_work ({error}). export_work() makes one."
        ) from None
    journal.merge(texts.pop("journal.jsonl", ""))
    return texts, left_out
