"""Plain text for language models: WikiText-2 (weeks 4 and 9) and Tiny Shakespeare (week 4)."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from shared.data import hub, pack, places, readers, transfer
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Texts
from shared.data.splitting import cut

SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
WIKITEXT_FILES = {"train": "train.txt.gz", "validation": "valid.txt.gz", "test": "test.txt.gz"}


def wikitext2() -> Dataset:
    """WikiText-2 (Merity et al. 2016, 1609.07843): `train`, `validation`, `test` of `Texts`, one text for each article.

    Words are separated by spaces, rare ones are `<unk>`; `split.joined()` is the published file. Papers count one token
    for each word and each line end: 2,088,628 / 217,646 / 245,569, which is `count_tokens(split)`.
    From the hub: `Salesforce/wikitext`, `wikitext-2-v1`. Layout of the folder `wikitext-2`: `train.txt.gz`,
    `valid.txt.gz`, `test.txt.gz` (or unpacked), of which those that are there become splits.
    Stand-in: `encyclopedia_texts()`.
    """
    return look_up(WIKITEXT2)


def shakespeare() -> Dataset:
    """Tiny Shakespeare (Karpathy 2015): `train` and `validation` of `Texts`, each one text of 1,003,854 and 111,540
    characters: the first 90 % and the rest, as nanoGPT cuts it. `split.joined()` is the text, here and of the stand-in.

    Layout of the folder `text`: `tinyshakespeare.txt.gz` or `tinyshakespeare.txt`. Stand-in: `encyclopedia_texts()`.
    """
    return look_up(TINY_SHAKESPEARE)


def encyclopedia_texts() -> Dataset:
    """The pocket encyclopedia as plain texts: `train`, `validation`, `test`, 80/10/10 % of the articles, seed 0.

    Each text is a title, an empty line, the article, and an empty line.
    """
    texts = [f"{article.title}\n\n{article.text}\n\n" for article in pack.articles()]
    parts = zip(WIKITEXT_FILES, cut(len(texts), (0.8, 0.1, 0.1)), strict=True)
    return ours(
        "encyclopedia_texts",
        Found({split: Texts([texts[row] for row in rows]) for split, rows in parts}),
    )


def count_tokens(split: Texts) -> int:
    """Tokens as papers on WikiText count them: words between spaces, and one for each line end."""
    return sum(len(text.split()) + text.count("\n") for text in split.texts)


def _read_wikitext(folder: Path) -> Found | None:
    splits = {}
    for split, name in WIKITEXT_FILES.items():
        path = next(
            (path for path in (folder / name, folder / Path(name).stem) if places.present(path)),
            None,
        )
        if path is not None:
            splits[split] = _by_article(readers.read_text(path))
        else:
            table = hub.read_split(folder, split, ("text",))
            if table is not None:
                # the hub's copy has nothing where the published file has a blank line
                text = "".join(row or " \n" for row in table["text"].to_pylist())
                splits[split] = _by_article(text)
    return Found(splits) if splits else None


def _by_article(text: str) -> Texts:
    """Cut before each heading of the first rank, ` = Title = ` between empty lines; nothing is lost."""
    headings = re.finditer(r"(?m)^ \n = (?!=)[^\n]*(?<!= )= \n \n", text)
    ends = sorted({0, *(heading.start() for heading in headings), len(text)})
    return Texts([text[start:end] for start, end in pairwise(ends)])


def _read_shakespeare(folder: Path) -> Found | None:
    for name in ("tinyshakespeare.txt.gz", "tinyshakespeare.txt"):
        if places.present(folder / name):
            text = readers.read_text(folder / name)
            end = int(len(text) * 0.9)
            return Found({"train": Texts([text[:end]]), "validation": Texts([text[end:]])})
    return None


def _fetch_wikitext(folder: Path) -> None:
    hub.fetch(folder, "Salesforce/wikitext", "wikitext-2-v1", tuple(WIKITEXT_FILES))


def _fetch_shakespeare(folder: Path) -> None:
    transfer.download(SHAKESPEARE, folder, "tinyshakespeare.txt", f"sha256:{SHAKESPEARE_SHA256}")


WIKITEXT2 = Recipe(
    "wikitext2", read=_read_wikitext, fetch=_fetch_wikitext, stand_in=encyclopedia_texts
)
TINY_SHAKESPEARE = Recipe(
    "shakespeare", read=_read_shakespeare, fetch=_fetch_shakespeare, stand_in=encyclopedia_texts
)
