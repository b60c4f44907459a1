"""The second stage of the pipeline: articles cleaned, and those that a model should not learn from left out (week 9).

    record = clean("run/collect", "run/clean")
    record["funnel"]        # how many articles and characters each rule left

`clean_text` does one article; the rules stand in `shared.llm.corpus.filters`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from shared.files import digest_of, remove_leftovers
from shared.llm.corpus.filters import RULES, Thresholds, first_complaint
from shared.llm.corpus.markup import plain_text
from shared.llm.corpus.sections import without_layout
from shared.llm.corpus.shards import (
    Shard,
    read_articles,
    remove_from,
    shard_path,
    shards_digest,
    shards_of,
    whole_shard,
    write_shard,
)
from shared.llm.workers import Cost, Progress, for_each

VERSION = 2  # goes up when cleaning changes, so that shards cleaned before are cleaned anew


class _Job(NamedTuple):
    shard: Shard
    path: str
    thresholds: Thresholds
    n_examples: int
    made_from: str


def clean_text(text: str, wiki: bool = True) -> str:
    """One article's text, cleaned: markup away; with `wiki` also its layout, as `sections.without_layout` says.

    Paragraphs are separated by an empty line. wiki=False keeps lines as they are, but for spaces at their ends and more
    than one empty line in a row: a poem or a play keeps its form.
    """
    text = plain_text(text)
    if wiki:
        return without_layout(text)
    lines: list[str] = []
    for line in map(str.rstrip, text.split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")


def is_wiki(article: dict[str, Any]) -> bool:
    """Whether an article comes from a Wikipedia: then its short lines are headings, and it ends in references."""
    return "wikipedia.org/" in (article.get("url") or "")


def clean(
    articles_folder: str | Path,
    folder: str | Path,
    thresholds: Thresholds | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    n_examples: int = 5,
) -> dict[str, Any]:
    """Clean the articles of each shard, leave out those that a rule complains of, and write shard i from shard i.

    thresholds: of the rules, `Thresholds()` if None. workers: processes, None for all cores. n_examples: of each rule,
    how many of the articles that it dropped the record keeps (title and first 200 characters).
    Shards that were cleaned before, from the same input by the same rules, are kept.
    Returns the record: its "funnel" is a list of steps, from "collected" over "cleaned" to the last rule, each with the
    articles and characters that it dropped and that were left. Raises ValueError where no article is left.
    """
    folder, cost = Path(folder), Cost()
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    thresholds = thresholds or Thresholds()
    shards = shards_of(Path(articles_folder))
    rules = digest_of((VERSION, n_examples, sorted(asdict(thresholds).items())))
    jobs = [
        _Job(
            shard,
            str(shard_path(folder, number)),
            thresholds,
            n_examples,
            digest_of((shard.sha256, rules)),
        )
        for number, shard in enumerate(shards)
    ]
    done = [_cleaned_before(job) for job in jobs]
    left = [number for number, shard in enumerate(done) if shard is None]
    kept = len(jobs) - len(left)
    advance = None if progress is None else (lambda n, total: progress(kept + n, len(jobs)))
    made = for_each(_clean_shard, [jobs[number] for number in left], workers, advance, cost)
    for number, shard in zip(left, made):
        done[number] = shard
    cleaned: list[Shard] = done  # type: ignore[assignment]
    remove_from(folder, len(jobs))
    record = {
        "funnel": _funnel([shard.note for shard in cleaned], n_examples),
        "articles": sum(shard.articles for shard in cleaned),
        "characters": sum(shard.note["characters"] for shard in cleaned),
        "bytes": sum(shard.bytes for shard in cleaned),
        "shards": len(jobs),
        "shards_kept": kept,
        "thresholds": asdict(thresholds),
        **cost.record(sum(shards[number].bytes for number in left)),
        "digest": shards_digest(cleaned),
    }
    if record["articles"] == 0:
        dropped = "; ".join(
            f"{step['rule']} dropped {step['dropped_articles']}"
            for step in record["funnel"]
            if step["dropped_articles"]
        )
        raise ValueError(
            f"no article of {articles_folder} is left ({dropped}): collect others, or relax `thresholds`."
        )
    return record


def _cleaned_before(job: _Job) -> Shard | None:
    shard = whole_shard(Path(job.path))
    return shard if shard is not None and shard.note.get("made_from") == job.made_from else None


def _clean_shard(job: _Job) -> Shard:
    counts: Counter[str] = Counter()
    examples: dict[str, list[dict[str, str]]] = {}
    return write_shard(
        Path(job.path),
        _kept(job, counts, examples),
        made_from=job.made_from,
        characters=lambda: counts["kept characters"],
        counts=lambda: dict(counts),
        examples=lambda: examples,
    )


def _kept(
    job: _Job, counts: Counter[str], examples: dict[str, list[dict[str, str]]]
) -> Iterator[dict[str, Any]]:
    """The cleaned articles that no rule complains of; counts and examples fill on the way."""
    for article in read_articles(job.shard.path):
        text = clean_text(article["text"], is_wiki(article))
        counts["raw characters"] += len(article["text"])
        counts["cleaned characters"] += len(text)
        title = article.get("title") or ""
        rule = first_complaint(title, text, job.thresholds)
        if rule is None:
            counts["kept characters"] += len(text)
            counts["kept articles"] += 1
            yield {
                "id": str(article.get("id", "")),
                "title": title,
                "text": text,
                "url": article.get("url") or "",
            }
            continue
        counts[f"{rule} articles"] += 1
        counts[f"{rule} characters"] += len(text)
        of_rule = examples.setdefault(rule, [])
        if len(of_rule) < job.n_examples:
            of_rule.append({"title": title, "text": (text or article["text"])[:200]})


def _funnel(notes: list[dict[str, Any]], n_examples: int) -> list[dict[str, Any]]:
    """From the shards' counts: what each rule dropped, what was left after it, and examples of what it dropped."""
    counts: Counter[str] = Counter()
    for note in notes:
        counts.update(note["counts"])
    articles = counts["kept articles"] + sum(counts[f"{rule} articles"] for rule in RULES)
    characters = counts["cleaned characters"]
    funnel = [
        _step("collected", "as it was collected", 0, 0, articles, counts["raw characters"], []),
        _step(
            "cleaned",
            "markup, references and boilerplate taken out of the text",
            0,
            counts["raw characters"] - characters,
            articles,
            characters,
            [],
        ),
    ]
    for rule, why in RULES.items():
        dropped, of_characters = counts[f"{rule} articles"], counts[f"{rule} characters"]
        articles, characters = articles - dropped, characters - of_characters
        shown = [example for note in notes for example in note["examples"].get(rule, [])]
        funnel.append(
            _step(rule, why, dropped, of_characters, articles, characters, shown[:n_examples])
        )
    return funnel


def _step(
    rule: str,
    why: str,
    dropped_articles: int,
    dropped_characters: int,
    articles: int,
    characters: int,
    examples: list[dict[str, str]],
) -> dict[str, Any]:
    return {
        "rule": rule,
        "why": why,
        "dropped_articles": dropped_articles,
        "dropped_characters": dropped_characters,
        "articles": articles,
        "characters": characters,
        "examples": examples,
    }
