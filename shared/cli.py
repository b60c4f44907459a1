"""The command `bumblebee`: quizzes, progress, data, grading, and notebooks that are run and made ready to commit."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared import cli_adapt, cli_index, cli_llm, cli_serve

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode="markdown"
)
work = typer.Typer(
    no_args_is_help=True, help="Your own work: pack it into one file, or bring it back."
)
data = typer.Typer(help="The data sets: what there is, and bringing it here.")
app.add_typer(work, name="work")
app.add_typer(data, name="data")
app.command()(cli_llm.llm)
app.command()(cli_adapt.finetune)
app.command()(cli_adapt.align)
app.command()(cli_adapt.compress)
app.command()(cli_serve.serve)
app.command()(cli_index.index)
app.command()(cli_index.ask)
console = Console()


@app.command()
def quiz(
    which: Annotated[
        str,
        typer.Argument(
            help="a week (1 to 9), review03, review07, review09, final; or review: what you missed"
        ),
    ],
    again: Annotated[bool, typer.Option("--again", help="ask all questions afresh")] = False,
) -> None:
    """Takes a quiz here; missed questions come back, and an interrupted quiz goes on where it stopped."""
    from shared.lab import quiz_terminal

    quiz_terminal.run(which, again, console)


@app.command()
def progress(
    week: Annotated[int | None, typer.Argument(help="one week only")] = None,
    sure: Annotated[
        tuple[str, int] | None,
        typer.Option("--sure", metavar="PIECE 1-5", help="note how sure you are of a piece"),
    ] = None,
    notes: Annotated[
        str | None, typer.Option(help="a word of your own about it, with --sure")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="also write the table to this file, as markdown")
    ] = None,
) -> None:
    """Shows what is done: each exercise and quiz, when, after how many tries, and how sure you are."""
    from shared.files import write_whole
    from shared.lab import progress_table as done
    from shared.lab.review import due

    if sure:
        done.set_confidence(sure[0], sure[1], notes)
    elif notes is not None:
        raise ValueError("--notes belongs to a piece: give --sure PIECE 1-5 with it.")
    rows = [row for row in done.rows() if week is None or row.week == week]
    table = Table(*done.HEAD)
    for row in rows:
        table.add_row(*map(escape, done.cells(row)))
    console.print(table)
    console.print(done.summary(rows))
    if waiting := len(due()):
        many = "question" if waiting == 1 else "questions"
        console.print(f"{waiting} {many} to review today: bumblebee quiz review")
    if markdown:
        write_whole(markdown, done.as_markdown(rows).encode())
        console.print(f"Written to {escape(str(markdown))}.")


@app.command()
def grade(
    notebooks: Annotated[list[Path], typer.Argument(help="notebooks, as handed in")],
    seconds: Annotated[float, typer.Option(help="the time that a notebook gets")] = 60.0,
    to: Annotated[
        Path | None, typer.Option("--csv", help="also write the table to this file")
    ] = None,
) -> None:
    """Grades a class: which exercises pass in each notebook, judged in a process of its own."""
    from shared.lab.grade import as_rows, labels
    from shared.lab.grade import grade as judge

    grades, unreadable, names = [], False, labels(notebooks)
    for path, label in names.items():
        try:
            grades += judge(path, seconds, label=label)
        except ValueError as error:
            _complain(error)
            unreadable = True
    table = Table("notebook", "exercise", "outcome", "why")
    colours = {"passed": "green", "not attempted": "dim"}
    for one in grades:
        table.add_row(
            escape(one.notebook),
            one.exercise,
            f"[{colours.get(one.outcome, 'red')}]{one.outcome}[/]",
            escape(one.why),
        )
    console.print(table)
    for label in names.values():
        own = [g for g in grades if g.notebook == label]
        if own:
            passed = sum(g.outcome == "passed" for g in own)
            console.print(f"{escape(label)}: {passed} of {len(own)} passed")
    if to and grades:
        with open(to, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(as_rows(grades)[0]))
            writer.writeheader()
            writer.writerows(as_rows(grades))
    if unreadable:
        raise typer.Exit(1)


@app.command()
def publish(
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="notebooks; without any, all of the course")
    ] = None,
    profile: Annotated[str, typer.Option(help="smoke, laptop or gpu")] = "laptop",
) -> None:
    """Runs notebooks from top to bottom with nothing attempted, and writes them back ready to commit."""
    from shared.lab.files import course_root
    from shared.lab.publish import publish as publish_one

    found = notebooks or sorted(course_root().glob("week*/*.ipynb"))
    wanting = False
    for path in found:
        path = path.resolve()
        try:
            complaints = publish_one(path, profile)
        except ValueError as error:  # the others can still be published
            complaints = ["left as it was"]
            _complain(error)
        wanting |= bool(complaints)
        said = "; ".join(complaints) or "ready"
        console.print(escape(f"{path.parent.name}/{path.name}: {said}"))
    if wanting:
        raise typer.Exit(1)


@data.callback(invoke_without_command=True)
def data_table(context: typer.Context) -> None:
    """Lists every data set: weeks, rows, licence, size, where it is now."""
    if context.invoked_subcommand is not None:
        return
    from shared.data import catalogue

    table = Table("name", "weeks", "rows", "licence", "size", "where it is now")
    for row in catalogue.table():
        table.add_row(row.name, row.weeks, row.rows, row.licence, row.size, row.where)
    console.print(table)


@data.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="without any, all of them")] = None,
) -> None:
    """Downloads data sets into the cache, for a classroom without internet."""
    from shared.data import catalogue

    raise typer.Exit(catalogue.report(catalogue.fetch(names or ())))


@data.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="without any, all of them")] = None,
) -> None:
    """Reads every byte of what is on disk, and says what is damaged."""
    from shared.data import catalogue

    raise typer.Exit(catalogue.report(catalogue.check(names or ())))


@work.command("export")
def export_(to: Annotated[Path, typer.Argument()] = Path("my_bumblebee_work.zip")) -> None:
    """Packs my_work/ into one file."""
    from shared.lab import export_work

    export_work(to)


@work.command("import")
def import_(source: Annotated[Path, typer.Argument()] = Path("my_bumblebee_work.zip")) -> None:
    """Brings exported work back; only pieces that pass their checks replace what is here."""
    from shared.lab import import_work

    import_work(source)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Opens JupyterLab on the course. What follows goes to JupyterLab: --no-browser --port 8890."""
    from shared.lab.classroom import open_classroom

    raise typer.Exit(open_classroom(context.args))


@app.command()
def address(new: Annotated[str, typer.Argument(help="https://github.com/YOU/YOUR-FORK")]) -> None:
    """Points badges, setup cells and texts at a fork."""
    from shared.lab.address import set_address

    changed = set_address(new)
    console.print(f"{len(changed)} files now point at {new}.")


@app.command()
def doctor() -> None:
    """Looks at this machine: Python, packages, device, data, whether my_work/ can be written."""
    from shared.lab.doctor import examine_machine

    table = Table("", "what", "found")
    checks = examine_machine()
    for check in checks:
        mark = "[green]✓[/]" if check.well else "[red]✗[/]"
        table.add_row(mark, escape(check.what), escape(check.found))
    console.print(table)
    if not all(check.well for check in checks):
        raise typer.Exit(1)


def main() -> None:
    """Runs the command. What the user got wrong is one sentence on stderr, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows terminal's code page may lack ✓
            stream.reconfigure(errors="replace")
    try:
        app()
    except (ValueError, OSError) as error:
        _complain(error)
        sys.exit(2)


def _complain(error: Exception) -> None:
    # Escaped: in `[/tmp/a]` rich would see a tag that closes nothing, and fail.
    Console(stderr=True).print(f"[red]{escape(str(error))}[/]", soft_wrap=True)


if __name__ == "__main__":  # for torchrun, which starts a module
    main()
