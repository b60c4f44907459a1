"""The vocabularies of GPT-2 and BERT (weeks 8 and 9): oracles for the tokenizers that the learner writes."""

from __future__ import annotations

from pathlib import Path

from shared.data import pack, places, readers, transfer
from shared.data.errors import broken
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Vocabulary

OPENAI = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main"
GPT2_SHA256 = {
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
BERT = "https://huggingface.co/google-bert/bert-base-uncased/resolve/main/vocab.txt"
BERT_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def gpt2_vocabulary() -> Dataset:
    """GPT-2's byte-level BPE (Radford et al. 2019): one split, `tokens`, a `Vocabulary` of 50,257 ids, 50,000 merges.

    Tokens are written in GPT-2's alphabet of visible characters, one for each byte (`Ġ` is the space).
    Layout of the folder `tokenizers/gpt2`: `encoder.json` and `vocab.bpe`. Stand-in: `byte_vocabulary()`.
    """
    return look_up(GPT2)


def bert_vocabulary() -> Dataset:
    """BERT's WordPiece vocabulary, uncased (Devlin et al. 2018): one split, `tokens`, a `Vocabulary` of 30,522 ids.

    Layout of the folder `tokenizers/bert-base-uncased`: `vocab.txt`, one token in each line.
    Stand-in: `letter_vocabulary()`.
    """
    return look_up(BERT_UNCASED)


def byte_vocabulary() -> Dataset:
    """A BPE without a merge: the 256 bytes in GPT-2's alphabet and `<|endoftext|>`; one split, `tokens`."""
    # GPT-2 writes a printable byte as itself and the n-th other byte as the character 256 + n.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = [chr(byte) for byte in printable] + [
        chr(256 + place) for place in range(len(others))
    ]
    ids = {token: number for number, token in enumerate([*alphabet, "<|endoftext|>"])}
    return ours("byte_vocabulary", Found({"tokens": Vocabulary(ids)}), "Made from the 256 bytes.")


def letter_vocabulary() -> Dataset:
    """A WordPiece vocabulary of single characters, those of the pocket encyclopedia: one split, `tokens`.

    Small letters, each alone and as a continuation (`##a`), after BERT's five special tokens.
    """
    letters = sorted(
        {
            letter
            for article in pack.articles()
            for letter in article.text.lower()
            if not letter.isspace()
        }
    )
    tokens = [*BERT_SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    return ours(
        "letter_vocabulary",
        Found({"tokens": Vocabulary({token: n for n, token in enumerate(tokens)})}),
    )


def _read_gpt2(folder: Path) -> Found | None:
    encoder, merges = folder / "encoder.json", folder / "vocab.bpe"
    if not places.present(encoder) and not places.present(merges):
        return None
    ids = readers.read_json(encoder)
    if not isinstance(ids, dict) or not ids:
        raise broken(encoder, "holds no table of tokens and their numbers")
    pairs = []
    for number, line in enumerate(readers.read_text(merges).split("\n"), start=1):
        if line and not (number == 1 and line.startswith("#version")):
            pair = tuple(line.split(" "))
            if len(pair) != 2:
                raise broken(merges, f"has no pair of tokens in line {number}")
            pairs.append(pair)
    return Found({"tokens": Vocabulary(ids, tuple(pairs))})


def _read_bert(folder: Path) -> Found | None:
    path = folder / "vocab.txt"
    if not places.present(path):
        return None
    tokens = readers.read_text(path).rstrip("\n").split("\n")
    missing = [token for token in BERT_SPECIAL if token not in tokens]
    if missing:
        raise broken(path, f"lacks the special token {missing[0]}")
    return Found({"tokens": Vocabulary({token: number for number, token in enumerate(tokens)})})


def _fetch_gpt2(folder: Path) -> None:
    for name, sha256 in GPT2_SHA256.items():
        transfer.download(f"{OPENAI}/{name}", folder, name, f"sha256:{sha256}")


def _fetch_bert(folder: Path) -> None:
    transfer.download(BERT, folder, "vocab.txt", f"sha256:{BERT_SHA256}")


GPT2 = Recipe("gpt2_vocabulary", read=_read_gpt2, fetch=_fetch_gpt2, stand_in=byte_vocabulary)
BERT_UNCASED = Recipe(
    "bert_vocabulary", read=_read_bert, fetch=_fetch_bert, stand_in=letter_vocabulary
)
