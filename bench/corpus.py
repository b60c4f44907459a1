"""The corpus stages, collect to pack, on two cores: MB/s of each, and peak memory on ten times the corpus beside once.

    python bench/corpus.py                                   # the pocket encyclopedia, 1 MB and 10 MB
    python bench/corpus.py --source simple --megabytes 12    # Wikipedia from BUMBLEBEE_DATA, 12 MB and 120 MB
    python bench/corpus.py --source simple --whole           # all of it once, for the MB/s

Ten times: copies of the articles in which three words of ten are replaced, so that no copy is a duplicate of another.
Memory is the sum of the resident sizes of a fresh process and all its workers, the largest of samples every 20 ms.
Exit status 1 where ten times the corpus takes more than 1.2 times the memory.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import psutil

from shared.llm.corpus.clean import clean
from shared.llm.corpus.collect import collect
from shared.llm.corpus.deduplicate import deduplicate
from shared.llm.corpus.packing import document, pack
from shared.llm.corpus.shards import read_articles, shards_of
from shared.llm.corpus.split import split
from shared.llm.tokenizer import train_tokenizer

STAGES = ("collect", "clean", "deduplicate", "split", "pack")


def run_stages(source: str, folder: Path, tokenizer: str, workers: int, shard_bytes: int) -> None:
    """All stages, as `bumblebee llm` runs them; prints their records as JSON."""
    place = {name: folder / name for name in STAGES}
    records = {
        "collect": collect(source, place["collect"], shard_bytes=shard_bytes),
        "clean": clean(place["collect"], place["clean"], workers=workers),
        "deduplicate": deduplicate(place["clean"], place["deduplicate"], workers=workers),
        "split": split(place["clean"], place["deduplicate"], place["split"]),
        "pack": pack(
            tokenizer, place["clean"], place["split"] / "split.npy", place["pack"], workers=workers
        ),
    }
    print(json.dumps(records))


def measured(
    source: str, tokenizer: Path, workers: int, shard_bytes: int
) -> tuple[dict, float, float]:
    """The records, the seconds and the peak memory in MB of the stages in a process of their own."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, __file__, "--run", source, folder, str(tokenizer)]
        command += ["--workers", str(workers), "--shard-bytes", str(shard_bytes)]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        tree, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            peak = max(peak, resident(tree))
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        if process.returncode:
            sys.exit(process.returncode)
        output.seek(0)
        return json.loads(output.read()), seconds, peak / 1e6


def resident(tree: psutil.Process) -> int:
    total = 0
    for process in [tree, *children(tree)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
    return total


def children(tree: psutil.Process) -> list[psutil.Process]:
    try:
        return tree.children(recursive=True)
    except psutil.Error:
        return []


def grown(articles: list[dict], times: int, path: Path) -> None:
    """The articles, and `times` - 1 altered copies of each."""
    rng = random.Random(0)
    words = [word for article in articles for word in article["text"].split(" ")][:100_000]
    with path.open("w", encoding="utf-8") as file:
        for copy in range(times):
            for article in articles:
                text = article["text"]
                if copy:
                    drawn = iter(rng.choices(words, k=text.count(" ") + 1))
                    chances = iter(rng.choices((True, False), (3, 7), k=text.count(" ") + 1))
                    text = " ".join(
                        other if chance else word
                        for word, other, chance in zip(text.split(" "), drawn, chances)
                    )
                row = article | {"id": f"{copy}-{article['id']}", "text": text}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def told(name: str, records: dict, seconds: float, peak: float) -> None:
    size = records["collect"]["bytes"] / 1e6
    print(
        f"\n{name}: {size:,.1f} MB in {seconds:.1f} s, {size / seconds:.2f} MB/s, peak {peak:.0f} MB"
    )
    for stage in STAGES:
        record = records[stage]
        print(f"  {stage:<12}{record['seconds']:8.2f} s {record['mb_per_second']:9.2f} MB/s")
    kept, tokens = records["deduplicate"]["kept"], records["pack"]["splits"]["train"]["tokens"]
    print(
        f"  {records['collect']['articles']:,} articles, {kept:,} kept, {tokens:,} tokens to train on"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="encyclopedia")
    parser.add_argument("--megabytes", type=float, default=1.0)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shard-bytes", type=int)
    parser.add_argument("--whole", action="store_true", help="the source as it is, once")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        source, folder, tokenizer = chosen.run
        run_stages(source, Path(folder), tokenizer, chosen.workers, chosen.shard_bytes)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record = collect(chosen.source, folder / "sample", max_bytes=int(1e6 * chosen.megabytes))
        print(record["data"])
        shards = shards_of(folder / "sample")
        articles = [article for shard in shards for article in read_articles(shard.path)]
        started = time.perf_counter()
        texts = map(document, islice(articles, 2000))
        trained = train_tokenizer(texts, chosen.vocabulary, folder / "tokenizer")
        print(
            f"tokenizer of {trained['vocab_size']:,} trained in {time.perf_counter() - started:.1f} s"
        )
        if chosen.whole:
            size = chosen.shard_bytes or 16_000_000
            result = measured(chosen.source, folder / "tokenizer", chosen.workers, size)
            told("whole", *result)
            return 0
        # four shards of the single corpus, so that the workers have something to do there too
        size = chosen.shard_bytes or int(1e6 * chosen.megabytes / 4)
        peaks = []
        for times in (1, chosen.times):
            path = folder / f"{times}.jsonl"
            grown(articles, times, path)
            result = measured(str(path), folder / "tokenizer", chosen.workers, size)
            told(f"{times} ×", *result)
            peaks.append(result[2])
            path.unlink()
        ratio = peaks[1] / peaks[0]
        print(f"\npeak memory on {chosen.times} × beside 1 ×: {ratio:.2f} (at most 1.2)")
        return int(ratio > 1.2)


if __name__ == "__main__":
    sys.exit(main())
