"""`bumblebee llm`: an LLM from articles, stage by stage. Week 9 opens each stage up.

bumblebee llm                                    everything, in minutes, into my_work/llm/nano
bumblebee llm --dry-run --size gpt2              what it would take
bumblebee llm tokenizer --to runs/mine           one stage, and what it needs
torchrun --nproc-per-node 2 -m shared.cli llm pretrain --to runs/mine
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()


def llm(
    stage: Annotated[
        str | None,
        typer.Argument(
            help="collect, clean, deduplicate, split, tokenizer, pack, pretrain, evaluate, generate or export; "
            "without one, all of them"
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="nano, pocket, small, gpt2 or medium, or pocket-bert: all else follows"),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="the folder of the run")] = None,
    source: Annotated[
        str | None,
        typer.Option(help="simple or en (Wikipedia), encyclopedia, or a folder of your own texts"),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="of training, at most")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="any other setting")
    ] = None,
    again: Annotated[
        str | None, typer.Option(metavar="STAGE", help="make it anew, and all that stand on it")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would take")] = False,
    prompt: Annotated[
        list[str] | None, typer.Option(help="for generate: go on from this; may be repeated")
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="for --prompt")] = 120,
    temperature: Annotated[float, typer.Option(help="for --prompt; 0 takes the likeliest")] = 0.8,
    top_p: Annotated[float, typer.Option(help="for --prompt")] = 0.95,
) -> None:
    """Makes a language model out of articles: collects, cleans, tokenizes, trains, judges, samples, exports.

    Each stage is done once and can be interrupted at any moment; the same command goes on.
    """
    from shared.llm.pipeline import pipeline, saved_settings
    from shared.llm.plan import plan
    from shared.llm.run import Run
    from shared.llm.settings import changed, from_words, settings
    from shared.llm.stages import Stopped

    others = from_words(set_ or [])
    others |= {
        name: value
        for name, value in {"source": source, "minutes": minutes}.items()
        if value is not None
    }
    run = Run(to or default_folder() / (size or "nano"))
    before = saved_settings(run)
    if before is None or (size is not None and size != before.size):
        chosen = settings(size or "nano", **others)
    else:
        chosen = changed(before, **others)
    if dry_run:
        _show_plan(chosen, plan(chosen))
        return
    if prompt:
        _answer(run, prompt, max_tokens, temperature, top_p)
        return
    rank = int(os.environ.get("RANK", "0"))
    if "RANK" in os.environ:
        _in_many_processes(run, chosen, stage, rank)
        return
    console.print(f"[bold]{escape(str(run.folder))}[/] · size {chosen.size}")
    try:
        pipeline(run, chosen, [stage] if stage else None, again, _say, bar)
    except Stopped:
        raise typer.Exit(130) from None  # it has said how to go on
    except KeyboardInterrupt:
        _say("Interrupted. What is whole is kept; the same command goes on.")
        raise typer.Exit(130) from None
    if stage is None:
        for line in _what_next(run, chosen.size):
            _say(line)


def default_folder() -> Path:
    """Where runs go that are not told where: beside the learner's own work, which git ignores."""
    from shared.lab.files import work_folder

    return work_folder() / "llm"


def _say(line: str) -> None:
    console.print(escape(line), soft_wrap=True)


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A progress bar, where a terminal is; pretraining and the stages after it draw their own or none."""
    if what in ("pretrain", "evaluate", "generate", "export"):
        yield None
        return
    from tqdm import tqdm

    with tqdm(desc=what, leave=False, unit="", disable=None) as shown:  # None: no terminal, no bar

        def tell(done: int, total: int | None = None) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield tell


def _show_plan(chosen: Any, planned: Any) -> None:
    table = Table(show_header=False)
    for what, how_much in planned.lines():
        table.add_row(what, how_much)
    console.print(table)
    console.print(
        f"{chosen.n_layers} layers × {chosen.d_model}, {chosen.n_heads} heads ({chosen.n_kv_heads} of keys and "
        f"values), vocabulary {chosen.vocab_size:,}, context {chosen.context:,}. Nothing was run."
    )


def _answer(
    run: Any, prompts: list[str], max_tokens: int, temperature: float, top_p: float
) -> None:
    from shared.llm.stages import trained
    from shared.llm.writing.generate import Sampling, generate

    model, tokenizer = trained(run)
    sampling = Sampling(max_tokens=max_tokens, temperature=temperature, top_p=top_p)
    for text, made in zip(prompts, generate(model, tokenizer, prompts, sampling)):
        console.print(f"[bold]{escape(text)}[/]{escape(made.text)}\n", soft_wrap=True)


def _in_many_processes(run: Any, chosen: Any, stage: str | None, rank: int) -> None:
    """Under torchrun only pretraining runs, and the stages before it must be done: they use all cores by themselves."""
    from shared.llm.pipeline import STAGES, pipeline

    if stage != "pretrain":
        raise ValueError(
            "torchrun is for pretraining only: run `bumblebee llm pack` first, then "
            f"`torchrun --nproc-per-node N -m shared.cli llm pretrain --to {run.folder}`."
        )
    missing = [name for name in STAGES["pretrain"].after if run.record(name) is None]
    if missing:
        raise ValueError(
            f"{', '.join(missing)} is not done in {run.folder}: run `bumblebee llm pack --to {run.folder}` first."
        )
    if rank == 0:
        pipeline(run, chosen, ["pretrain"], None, _say)
    else:
        STAGES["pretrain"].does(run, chosen, None)


def _what_next(run: Any, size: str) -> list[str]:
    folder = run.folder
    if size == "pocket-bert":
        return ["", "Try next: week 8's notebooks fine-tune it."]
    larger = {"nano": "pocket", "pocket": "small", "small": "gpt2"}.get(size, "medium")
    return [
        "",
        "Try next:",
        f'  bumblebee llm --prompt "The moon is" --to {folder}        ask it to go on',
        f"  bumblebee llm --minutes 60 --to {folder}-longer             train longer",
        f"  bumblebee llm --size {larger} --dry-run                     what the next size takes",
    ]
