"""`bumblebee finetune`, `align` and `compress`: from a model to one that answers, answers better, or is smaller.

bumblebee finetune my_work/llm/nano chats.jsonl          into my_work/llm/nano-chat
bumblebee align my_work/llm/nano-chat pairs.jsonl        into my_work/llm/nano-chat-aligned
bumblebee compress my_work/llm/nano --bits 4             into my_work/llm/nano-int4
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shared.cli_llm import bar, default_folder

console = Console()
Model = Annotated[
    str,
    typer.Argument(
        help="the folder of a run, a folder in transformers' format, or OWNER/NAME on the hub",
        show_default=False,
    ),
]
To = Annotated[
    Path | None, typer.Option(help="a new folder for the result; without it, one beside MODEL")
]


def finetune(
    model: Model,
    data: Annotated[
        str,
        typer.Argument(
            help='a file of JSON lines, {"messages": [{"role": "user", "content": "…"}, …]} or '
            '{"instruction": "…", "output": "…"}; or a data set of the course: instructions, '
            "chat_instructions, conversations, chats"
        ),
    ] = "instructions",
    to: To = None,
    epochs: Annotated[int, typer.Option(help="times that the data is seen")] = 3,
    lr: Annotated[
        float, typer.Option(help="learning rate at its peak; 1e-5 to 1e-4 suits large models")
    ] = 1e-3,
    context: Annotated[
        int, typer.Option(help="tokens of a row; longer conversations are cut")
    ] = 256,
    batch_size: Annotated[int, typer.Option(help="rows for each step")] = 8,
    lora: Annotated[
        int | None,
        typer.Option(
            metavar="RANK",
            help="learn only a change of this rank to each layer (LoRA), e.g. 8: less memory, and the layers "
            "alone are kept for peft, too",
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(help="with --lora: the frozen weights have 4 or 8 while it learns (QLoRA)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the order of the data")] = 0,
) -> None:
    """Teaches a model to answer: supervised fine-tuning on conversations, with loss on the assistant's words only.

    The result is a folder in transformers' format, with a record of what was done in adapted.json. `bumblebee serve`
    and `bumblebee ask --model` take it, and AutoModelForCausalLM opens it.
    """
    from shared.llm.adapting.adapt import FinetuneSettings
    from shared.llm.adapting.adapt_folder import LORA, finetune_folder

    out = to or _beside(model, "chat")
    settings = FinetuneSettings(epochs, batch_size, context, lr, lora, seed=seed)
    with bar("finetune") as progress:
        record = finetune_folder(model, data, out, settings, bits, progress)
    _say(record["data"])
    _say(
        f"{record['conversations']:,} conversations, {record['own_tokens']:,} tokens of the assistant's, "
        f"{record['steps']:,} steps, {record['trained_parameters']:,} parameters learned, "
        f"{record['seconds']:,.0f} s"
    )
    if record["held_out_loss"] is not None:
        _say(
            f"loss on {record['held_out']:,} held-out answers: {record['held_out_loss_before']:.3f} → "
            f"{record['held_out_loss']:.3f} nats a token"
        )
    if lora is not None:
        _say(f"the LoRA layers alone, for peft: {out / LORA}")
    _next(out)


def align(
    model: Model,
    data: Annotated[
        str,
        typer.Argument(
            help='a file of JSON lines, {"prompt": "…", "chosen": "…", "rejected": "…"}; or a data set of '
            "the course: preferences, preference_pairs"
        ),
    ] = "preferences",
    to: To = None,
    steps: Annotated[int, typer.Option(help="of training")] = 200,
    lr: Annotated[float, typer.Option(help="learning rate at its peak")] = 1e-4,
    beta: Annotated[
        float, typer.Option(help="how dear it is to go away from the model as it came")
    ] = 0.1,
    batch_size: Annotated[int, typer.Option(help="pairs for each step")] = 8,
    keep: Annotated[
        float, typer.Option(help="weight of the better answers' own loss, where they get unlikely")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="of the order of the pairs")] = 0,
) -> None:
    """Teaches a model which of two answers is better: direct preference optimization (DPO) on pairs of answers.

    MODEL should answer already (`bumblebee finetune`). The result is a folder in transformers' format, with a record of
    what was done in adapted.json.
    """
    from shared.llm.adapting.adapt_folder import align_folder

    out = to or _beside(model, "aligned")
    with bar("align") as progress:
        record = align_folder(model, data, out, steps, lr, beta, batch_size, seed, keep, progress)
    _say(record["data"])
    _say(
        f"{record['pairs']:,} pairs, {steps:,} steps: loss {record['first_loss']:.3f} → {record['last_loss']:.3f}, "
        f"{record['seconds']:,.0f} s"
    )
    if "held_out_pairs" in record:
        _say(
            f"of {record['held_out_pairs']:,} held-out pairs the better answer is the likelier one in "
            f"{record['held_out_likelier_before']:.0%} → {record['held_out_likelier']:.0%}; it has gained more than "
            f"the worse one in {record['held_out_reward_in_order']:.0%}"
        )
    _next(out)


def compress(
    model: Model,
    bits: Annotated[int, typer.Option(help="of a weight: 8, or 4")] = 8,
    to: To = None,
    group: Annotated[
        int, typer.Option(help="with 4 bits: so many weights share a scale; fewer is more exact")
    ] = 64,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="with 4 bits: levels around zero, a little smaller")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="also write the rounded weights as float32 into the folder plain, for AutoModelForCausalLM",
        ),
    ] = False,
) -> None:
    """Makes a model smaller and faster: its weights rounded to 8 or 4 bits.

    `bumblebee serve` and `bumblebee ask --model` take the result; transformers can't read such weights (--plain). What
    it costs is measured on the held-out text, where MODEL is a run, and recorded in compressed.json.
    """
    from shared.llm.adapting.compress import PLAIN, quantize_folder

    out = to or _beside(model, f"int{bits}")
    with console.status("rounding, then measuring"):
        record = quantize_folder(model, out, bits, group, symmetric, plain=plain)
    before, after = record["bytes_before"], record["bytes"]
    _say(f"{before / 1e6:,.1f} MB → {after / 1e6:,.1f} MB ({before / after:.1f} times smaller)")
    if record.get("bits_per_byte") is not None:
        _say(
            f"bits per byte of held-out text: {record['bits_per_byte_before']:.4f} → "
            f"{record['bits_per_byte']:.4f}"
        )
    if plain:
        _say(f"the rounded weights as float32, for transformers: {out / PLAIN}")
    _next(out)


def _beside(model: str, what: str) -> Path:
    """my_work/llm/nano → my_work/llm/nano-chat. What is made of a model on the hub lies with the runs."""
    folder = Path(model)
    if not folder.exists():
        return default_folder() / f"{folder.name}-{what}"
    folder = folder.resolve() if folder.name in ("", "..") else folder
    return folder.with_name(f"{folder.name}-{what}")


def _say(line: str) -> None:
    console.print(escape(line), soft_wrap=True)


def _next(out: Path) -> None:
    _say(f"in {out}; try next: bumblebee serve {out}")
