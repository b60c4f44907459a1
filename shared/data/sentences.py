"""English sentences and their French translations (weeks 4 and 6)."""

from __future__ import annotations

import re
import zipfile
from functools import lru_cache
from pathlib import Path

from shared.data import places, transfer
from shared.data.errors import DownloadError, broken, reading
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Pairs
from shared.data.splitting import cut_by_group

FRACTIONS = {"train": 0.9, "validation": 0.05, "test": 0.05}
# D2L's copy does not change and has a checksum; ManyThings' own grows, so it is the second choice.
FIXED = "http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip"
FIXED_SHA1 = "94646ad1522d915e7b0f9296181140edcf86a4f5"
GROWING = "https://www.manythings.org/anki/fra-eng.zip"


def sentence_pairs() -> Dataset:
    """English–French sentence pairs of Tatoeba, as ManyThings collects them: `train`, `validation`, `test` of `Pairs`.

    source: English, target: French, shortest first as published; 142,787 pairs in the archive of 2017.
    Upstream has no split: 90/5/5 % of the distinct English sentences (compared without case and punctuation), seed 0;
    an English sentence and all its translations are in one split, so that no test sentence was trained on.
    Layout of the folder `tatoeba`: `fra-eng.zip`, or `fra.txt` out of it. Stand-in: `grammar_pairs()`.
    """
    return look_up(SENTENCE_PAIRS)


def grammar_pairs() -> Dataset:
    """English–French pairs from a grammar of two languages (`shared/data/generate/sentence_pairs.py`), seed 0.

    `train` (21,000), `validation` (1,000) and `test` (2,000) of `Pairs`; no test sentence has the frame and words of
    one in `train`.
    """
    splits = {
        split: Pairs([english for english, _ in pairs], [french for _, french in pairs])
        for split, pairs in _generated().items()
    }
    return ours("grammar_pairs", Found(splits), "Made by the course's two-language grammar.")


@lru_cache(maxsize=1)
def _generated() -> dict[str, list[tuple[str, str]]]:
    """The grammar's pairs, which take seconds to make, so once for each process."""
    from shared.data.generate.sentence_pairs import sentence_pairs as generate

    return {
        {"valid": "validation"}.get(split, split): pairs
        for split, pairs in generate(seed=0).items()
    }


def _read(folder: Path) -> Found | None:
    archive, loose = folder / "fra-eng.zip", folder / "fra.txt"
    if places.present(archive):
        with reading(archive), zipfile.ZipFile(archive) as opened:
            if "fra.txt" not in opened.namelist():
                raise broken(archive, "holds no fra.txt")
            return _parse(opened.read("fra.txt").decode("utf-8"), archive)
    if places.present(loose):
        with reading(loose):
            return _parse(loose.read_text(encoding="utf-8"), loose)
    return None


def _parse(text: str, path: Path) -> Found:
    english, french = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        columns = line.split("\t")  # newer archives have a third one: who wrote the sentences
        if len(columns) < 2:
            raise broken(path, f"lacks a tab between two languages in line {number}")
        english.append(columns[0])
        french.append(columns[1])
    if not english:
        raise broken(path, "is empty")
    groups = [re.sub(r"[^\w ]", "", sentence).lower().strip() for sentence in english]
    parts = cut_by_group(groups, list(FRACTIONS.values()))
    return Found(
        {
            split: Pairs([english[row] for row in rows], [french[row] for row in rows])
            for split, rows in zip(FRACTIONS, parts, strict=True)
        }
    )


def _fetch(folder: Path) -> None:
    try:
        transfer.download(FIXED, folder, "fra-eng.zip", f"sha1:{FIXED_SHA1}")
    except DownloadError as first:
        try:
            transfer.download(GROWING, folder, "fra-eng.zip")
        except DownloadError as second:
            raise DownloadError(f"{first}; {second}") from second


SENTENCE_PAIRS = Recipe("sentence_pairs", read=_read, fetch=_fetch, stand_in=grammar_pairs)
