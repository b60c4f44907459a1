"""`bumblebee serve`: a model behind an HTTP API like OpenAI's, and a page to chat on.

bumblebee serve                                  the newest run of `bumblebee llm`
bumblebee serve runs/mine --index runs/index     answers with sources
bumblebee serve Qwen/Qwen3-0.6B --port 8080      a model of the hub
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

console = Console()


def serve(
    model: Annotated[
        str | None,
        typer.Argument(
            help="the folder of a run, a folder in transformers' format, or OWNER/NAME on the hub; "
            "without one, the newest run"
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="0: any that is free")] = 8000,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines in; then a token is needed")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BUMBLEBEE_TOKEN", help="what requests must carry: Authorization: Bearer TOKEN"
        ),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="an index of `bumblebee index`, to answer from")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; by itself the best")] = None,
    max_rows: Annotated[int, typer.Option(help="texts that are written side by side")] = 32,
    max_queue: Annotated[int, typer.Option(help="texts that may wait")] = 256,
    max_tokens: Annotated[
        int | None, typer.Option(help="of one answer; without it, what the context holds")
    ] = None,
    max_context: Annotated[
        int | None, typer.Option(help="tokens of prompt and answer; without it, the model's")
    ] = None,
    max_body: Annotated[int, typer.Option(help="bytes of a request")] = 1 << 20,
    max_seconds: Annotated[float, typer.Option(help="that one request may take")] = 300.0,
    cache_gib: Annotated[float, typer.Option(help="memory of the KV cache")] = 1.0,
    compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="on a CPU: build the products of few rows with this machine's C++ compiler (2 seconds, once), "
            "so that several texts at once are written faster",
        ),
    ] = False,
) -> None:
    """Serves a model: http://127.0.0.1:8000 is a page to chat on, http://127.0.0.1:8000/v1 an API like OpenAI's."""
    from shared.llm.serve import running
    from shared.llm.serve.limits import Limits
    from shared.llm.serve.loading import load
    from shared.llm.serve.service import Service
    from shared.llm.writing.narrow import narrow

    limits = Limits(
        max_rows=max_rows,
        max_queue=max_queue,
        max_tokens=max_tokens,
        context=max_context,
        max_body=max_body,
        max_seconds=max_seconds,
        cache_gib=cache_gib,
    )
    _check_token(token, host, running.here(host))
    place = running.bound(host, port)
    finder = None
    if index is not None:
        from shared.llm.serve.sources import finder_of

        finder = finder_of(index)
    loaded = load(model or _newest_run(), device)
    written_by = narrow(loaded.model, compiled=True) if compile else loaded.model
    service = Service(loaded.name, written_by, loaded.tokenizer, loaded.chat, limits, finder)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    shown = f"http://{f'[{host}]' if ':' in host else host}:{place.getsockname()[1]}"
    size = sum(parameter.numel() for parameter in loaded.model.parameters())
    console.print(
        f"[bold]{escape(loaded.name)}[/] · {size / 1e6:,.1f} million parameters · "
        f"context {service.engine.context:,} · {loaded.model.embedding.weight.device}",
        soft_wrap=True,
    )
    console.print(f"chat     {shown}", soft_wrap=True)
    console.print(f"API      {shown}/v1", soft_wrap=True)
    if loaded.chat.name == "transcript":
        console.print("         (this model was trained to go on with texts, not to chat)")
    console.print("Ctrl+C stops.")
    running.server(service, token, host).run(sockets=[place])


def _check_token(token: str | None, host: str, here: bool) -> None:
    if token is not None and (
        not token.isascii() or not token.isprintable() or " " in token or not token
    ):
        raise ValueError("token must be at least one plain letter or digit, without spaces.")
    if token is None and not here:
        raise ValueError(
            f"host is {host}, which other machines reach; then a token is needed: --token, or BUMBLEBEE_TOKEN."
        )


def _newest_run() -> str:
    from shared.cli_llm import default_folder

    runs = [folder for folder in default_folder().glob("*") if (folder / "pretrain").is_dir()]
    if not runs:
        raise ValueError(
            f"there is no model in {default_folder()} yet: `bumblebee llm` makes one, or name another."
        )
    return str(max(runs, key=lambda folder: os.path.getmtime(folder / "pretrain")))
