"""`bumblebee index` and `bumblebee ask`: passages of an encyclopedia, found and cited.

bumblebee index                                   Simple English Wikipedia, into my_work/index
bumblebee ask "Why do bees dance?"
bumblebee ask "Why do bees dance?" --model my_work/llm/nano
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shared.cli_llm import bar

console = Console()


def index(
    source: Annotated[
        str,
        typer.Argument(
            help="simple or en (Wikipedia), encyclopedia, the folder of a run, or your own texts"
        ),
    ] = "simple",
    to: Annotated[Path | None, typer.Option(help="the folder of the index")] = None,
    articles: Annotated[int | None, typer.Option(help="so many articles at most")] = None,
    encoder: Annotated[
        str,
        typer.Option(help="lsa, or a model of sentences: a folder, or OWNER/NAME on the hub"),
    ] = "lsa",
) -> None:
    """Builds an index of passages, by their words and by their meaning; `bumblebee ask` and `serve --index` use it."""
    from shared.llm.retrieval.build import build_index

    folder = to or default_index()
    with bar("index") as progress:
        built = build_index(source, folder, articles, encoder, progress=progress)
    console.print(
        escape(
            f"{built.data}\n{built.passages:,} passages of {built.articles:,} articles, {built.terms:,} words, "
            f"{built.bytes / 1e6:,.1f} MB in {folder}, {built.seconds:,.0f} s"
        ),
        soft_wrap=True,
    )


def ask(
    question: Annotated[str, typer.Argument(help="in words")],
    index: Annotated[
        Path | None, typer.Option("--index", help="what `bumblebee index` built")
    ] = None,
    passages: Annotated[int, typer.Option(help="to answer from")] = 3,
    model: Annotated[
        str | None,
        typer.Option(
            help="a model, as for `bumblebee serve`: it writes the answer from the passages; without one, "
            "the answer is a sentence of theirs"
        ),
    ] = None,
) -> None:
    """Answers from an index, names article and passage, and says so where nothing relevant was found."""
    from shared.llm.retrieval.answer import ask as look_up

    writer = None
    if model is not None:
        from shared.llm.serve.loading import load

        loaded = load(model)
        writer = (loaded.model, loaded.tokenizer, loaded.chat.name == "chatml")
    console.print(
        escape(str(look_up(index or default_index(), question, passages, model=writer))),
        soft_wrap=True,
    )


def default_index() -> Path:
    """Where an index goes that is not told where."""
    from shared.lab.files import work_folder

    return work_folder() / "index"
