"""BPE of the course beside minbpe's RegexTokenizer and the library `tokenizers`: training, and encoding.

    python bench/tokenizer.py --minbpe ../minbpe --text ../shared/data/wikitext-2/valid.txt.gz

--minbpe is a checkout of github.com/karpathy/minbpe, which is not on PyPI; without it that row is left out. The same
text for all, GPT-4's pattern for all, every time a new tokenizer that has seen nothing. minbpe runs once (minutes), the
others in turns, of which the best counts. Exit code 1 where ours is below its bars: training 100 times as fast as
minbpe's, encoding 15 times.
"""

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from shared import data
from shared.text.bpe import BPETokenizer
from shared.text.bpe_training import train_bpe
from shared.text.pretokenize import CL100K_PATTERN


def library_tokenizer() -> tokenizers.Tokenizer:
    theirs = tokenizers.Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(CL100K_PATTERN), "isolated")
    signs = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    theirs.pre_tokenizer = pre_tokenizers.Sequence([cut, signs])
    return theirs


def library_training(text: str, vocab_size: int) -> tokenizers.Tokenizer:
    theirs = library_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator([text], trainer)
    return theirs


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def read(file: Path | None, size: int) -> str:
    """The first `size` bytes of a text, gzipped text, or gzipped JSON lines; None: the pocket encyclopedia."""
    if file is None:
        text = "\n\n".join(article.text for article in data.encyclopedia().articles)
    else:
        raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        text = raw.decode("utf-8")
        if ".jsonl" in file.name:
            text = "\n\n".join(json.loads(line)["text"] for line in text.splitlines()[:2_000])
    return text.encode("utf-8")[:size].decode("utf-8", "ignore")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minbpe", type=Path, help="a checkout of karpathy/minbpe")
    parser.add_argument("--text", type=Path, help="a text file, .txt.gz or .jsonl.gz")
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=1_024)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    text = read(chosen.text, chosen.bytes)
    megabytes = len(text.encode("utf-8")) / 1e6
    print(
        f"{megabytes:.3f} MB of {chosen.text or 'the pocket encyclopedia'}, {chosen.tokens} tokens"
    )

    training = dict.fromkeys(("ours", "tokenizers"), float("inf"))
    encoding, again = dict(training), dict(training)
    for _ in range(chosen.rounds):
        merges, seconds = timed(lambda: train_bpe([text], chosen.tokens, CL100K_PATTERN))
        training["ours"] = min(training["ours"], seconds)
        theirs, seconds = timed(lambda: library_training(text, chosen.tokens))
        training["tokenizers"] = min(training["tokenizers"], seconds)
        ours = BPETokenizer(merges, pattern=CL100K_PATTERN)
        fresh = tokenizers.Tokenizer.from_str(theirs.to_str())
        for best in (encoding, again):
            ids, seconds = timed(lambda ours=ours: ours.encode(text))
            best["ours"] = min(best["ours"], seconds)
            same, seconds = timed(lambda fresh=fresh: fresh.encode(text).ids)
            best["tokenizers"] = min(best["tokenizers"], seconds)
            assert ids == same
    if chosen.minbpe:
        sys.path.insert(0, str(chosen.minbpe))
        from minbpe import RegexTokenizer

        peer = RegexTokenizer()
        _, training["minbpe"] = timed(lambda: peer.train(text, chosen.tokens))
        ids, encoding["minbpe"] = timed(lambda: peer.encode(text))
        assert peer.decode(ids) == text

    for name in encoding:
        line = f"{name:12} training {training[name]:8.3f} s   encoding {megabytes / encoding[name]:6.2f} MB/s"
        if name in again:
            line += f", what it has seen before {megabytes / again[name]:6.2f} MB/s"
        if chosen.minbpe:
            line += (
                f"   ×{training['minbpe'] / training[name]:.0f} and "
                f"×{encoding['minbpe'] / encoding[name]:.1f} of minbpe's"
            )
        print(line)
    if not chosen.minbpe:
        return 0
    fast = training["minbpe"] >= 100 * training["ours"]
    return 0 if fast and encoding["minbpe"] >= 15 * encoding["ours"] else 1


if __name__ == "__main__":
    sys.exit(main())
