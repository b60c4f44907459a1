"""The record of `evaluate` as a text that people read. Week 9."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]


def lines(record: Record) -> list[str]:
    """The few lines that a terminal shows."""
    held_out, memory = record["bits_per_byte"], record["memorization"]
    best = held_out["best_n_gram"]
    verdict = "below" if held_out["model"] < best else "NOT below"
    found = [
        f"bits per byte of {held_out['documents']:,} held-out articles: {held_out['model']:.3f}, {verdict} the best "
        f"n-gram model's {best:.3f} (perplexity {held_out['perplexity']:.1f} for a token)",
    ]
    for split, cloze in record["cloze"].items():
        together = cloze["kinds"].get("together")
        if together:
            found.append(
                f"cloze, {split} articles: {_share(together['likelihood'])} of {together['questions']} by likelihood, "
                f"{_share(together['lift'])} by lift; chance 25 %"
            )
    samples, articles = (record["repetition"][n] for n in ("samples", "held-out articles"))
    found.append(
        f"repeated 4-grams: {samples['repeated_4']:.1%} in samples, {articles['repeated_4']:.1%} in held-out articles"
    )
    if memory["train"]["prefixes"]:
        found.append(
            f"training text that comes out as it went in: {memory['train']['exact']} of "
            f"{memory['train']['prefixes']} continuations of {memory['prefix']} tokens"
        )
    return found


def report(record: Record) -> str:
    """A page in markdown."""
    held_out, repeats, memory = (
        record[name] for name in ("bits_per_byte", "repetition", "memorization")
    )
    page = [
        "# What the model is worth",
        "",
        *(f"- {line}" for line in record["lines"]),
        "",
        "## Bits per byte",
        "",
        f"{held_out['documents']:,} held-out articles, {held_out['tokens']:,} tokens, {held_out['bytes']:,} bytes. "
        "Fewer bits are better. The model reads in windows that overlap by half, and judges each token once.",
        "",
        *_table(
            ["who", "bits per byte", "how"],
            [
                [
                    "**the model**",
                    f"**{held_out['model']:.3f}**",
                    "its context of the packed tokens",
                ],
                *(
                    [name, f"{other['bits_per_byte']:.3f}", other["how"]]
                    for name, other in held_out["others"].items()
                ),
            ],
        ),
        "",
        "## Facts by cloze",
        "",
        "Which of four ways to go on is likeliest, after an article's own words up to the fact; three come from other "
        "articles. Chance is 25 %. Lift: how much the prompt raises a choice above its likelihood alone.",
        "",
        *_table(
            ["articles", "kind", "questions", "by likelihood", "95 %", "by lift", "95 %"],
            [
                [
                    split,
                    kind,
                    str(found["questions"]),
                    _share(found["likelihood"]),
                    _interval(found["likelihood"]),
                    _share(found["lift"]),
                    _interval(found["lift"]),
                ]
                for split, cloze in record["cloze"].items()
                for kind, found in cloze["kinds"].items()
            ],
        ),
        "",
        *_examples(record["cloze"]),
        "## Repetition, and what it read",
        "",
        f"Samples at temperature {repeats['temperature']} and top-p {repeats['top_p']} after nothing. Overlap: "
        f"the longest run of tokens that a text shares with the training text ({repeats['searched']} tokens searched).",
        "",
        *_table(
            [
                "texts",
                "different 1-, 2-, 3-, 4-grams",
                "repeated 4-grams",
                "overlap, mean",
                "longest",
            ],
            [
                [
                    name,
                    ", ".join(f"{repeats[name][f'distinct_{n}']:.0%}" for n in (1, 2, 3, 4)),
                    f"{repeats[name]['repeated_4']:.1%}",
                    f"{repeats[name]['mean_longest_overlap']:.1f}",
                    f"{repeats[name]['longest_overlap']}",
                ]
                for name in ("samples", "likeliest texts", "held-out articles")
            ],
        ),
        "",
        "The longest run of the samples that stands in the training text:",
        "",
        *_quoted(repeats["samples"]["longest_overlap_text"]),
        "",
        f"After {memory['prefix']} tokens of a text, are the likeliest next {memory['prefix']} exactly the text's?",
        "",
        *_table(
            ["text", "beginnings", "went on exactly", "tokens until it differs, mean"],
            [
                [
                    name,
                    str(found["prefixes"]),
                    str(found["exact"]),
                    f"{found['tokens_until_it_differs']:.1f}",
                ]
                for name, found in ((n, memory[n]) for n in ("train", "validation"))
                if found["prefixes"]
            ],
        ),
        "",
        "## Samples, unpicked",
    ]
    for text in repeats["texts"]:
        page += ["", *_quoted(text)]
    return "\n".join(page) + "\n"


def _examples(cloze: Record) -> list[str]:
    page = []
    for split, found in cloze.items():
        for example in found["examples"][:2]:
            choices = " ·".join(example["choices"])
            prompt, chosen = " ".join(example["prompt"].split()), example["chosen"].strip()
            page += [
                f"From {split}: “{prompt}” …{choices}: it chose “{chosen}”, "
                f"right is “{example['right'].strip()}”.",
                "",
            ]
    return page


def _share(found: Record) -> str:
    return f"{found['share']:.0%}"


def _interval(found: Record) -> str:
    low, high = found["interval"]
    return f"{low:.0%} to {high:.0%}"


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.strip().splitlines() or ["(nothing)"]]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    if not rows:
        return ["(nothing to show)"]
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]
