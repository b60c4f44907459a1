"""The stages of `bumblebee llm` in their order: each is done once, and only again where you say so.

    run = Run(Path("my_work/llm/nano"))
    pipeline(run, settings("nano"))                 # all that is not done yet
    pipeline(run, settings("nano"), ["tokenizer"])  # one stage

A stage notes the settings that it depends on before it begins. Asked for with others later, it refuses rather than
throw away hours of work: `again` names the stage to be made anew, and with it go all that stand on it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from shared.llm import stages
from shared.llm.run import Run, read_json, write_json
from shared.llm.settings import Settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """name: of its folder   depends_on: settings whose change would change what it makes   after: the stages it reads
    does: (run, settings, progress) → its record   says: its record → lines for a person"""

    name: str
    depends_on: tuple[str, ...]
    after: tuple[str, ...]
    does: Callable[..., dict[str, Any]]
    says: Callable[[dict[str, Any]], list[str]]


_TRAINING = (
    "second",
    "n_layers",
    "d_model",
    "n_heads",
    "n_kv_heads",
    "context",
    "tokens",
    "minutes",
    "batch_tokens",
    "micro_tokens",
    "muon_lr",
    "adam_lr",
    "weight_decay",
    "schedule",
    "warmup_share",
    "decay_share",
    "clip",
    "z_loss",
    "grow_context",
    "mask_documents",
    "precision",
    "seed",
)
STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "collect",
            ("source", "megabytes", "beginnings"),
            (),
            stages.do_collect,
            stages.say_collect,
        ),
        Stage("clean", (), ("collect",), stages.do_clean, stages.say_clean),
        Stage("deduplicate", (), ("clean",), stages.do_deduplicate, stages.say_deduplicate),
        Stage("split", ("validation_share",), ("deduplicate",), stages.do_split, stages.say_split),
        Stage(
            "tokenizer",
            ("objective", "vocab_size"),
            ("split",),
            stages.do_tokenizer,
            stages.say_tokenizer,
        ),
        Stage("pack", (), ("tokenizer",), stages.do_pack, stages.say_pack),
        Stage("pretrain", _TRAINING, ("pack",), stages.do_pretrain, stages.say_pretrain),
        Stage("evaluate", (), ("pretrain",), stages.do_evaluate, stages.say_evaluate),
        Stage("generate", ("seed",), ("pretrain",), stages.do_generate, stages.say_generate),
        Stage(
            "export", ("weights",), ("pretrain", "evaluate"), stages.do_export, stages.say_export
        ),
    )
}
MADE_WITH = "made_with.json"


def pipeline(
    run: Run,
    settings: Settings,
    wanted: Sequence[str] | None = None,
    again: str | None = None,
    say: Say = print,
    progress: Callable[[str], Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Does the wanted stages, by default all, and those before them that are not done. Returns the records.

    again: a stage to be made anew, with all that stand on it
    progress: stage → a context manager that gives progress(done, total), to show it; None: nothing is shown

    Raises ValueError for an unknown stage, for settings other than those a done stage was made with, and where another
    process works on the same run.
    """
    for name in (*(wanted or ()), *((again,) if again else ())):
        if name not in STAGES:
            raise ValueError(f"there is no stage {name!r}; there are {', '.join(STAGES)}.")
    with alone(run):
        anew = _standing_on(again) if again else []
        for stage in STAGES.values():  # all, before anything is removed or the settings are kept
            if stage.name not in anew:
                _agrees(run, stage, _made_with(settings, stage))
        for name in anew:
            run.forget(name)
        write_json(run.folder / "settings.json", dataclasses.asdict(settings))
        records = {}
        for name in _with_needed(wanted or list(STAGES)):
            records[name] = _do(run, settings, STAGES[name], say, progress)
        return records


@contextlib.contextmanager
def alone(run: Run) -> Iterator[None]:
    """Holds the run for this process. Raises ValueError where another one has it; the lock of a dead one is free."""
    run.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.folder / ".lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise ValueError(
            f"another process works on {run.folder}; wait for it, or name another folder with --to."
        ) from None


def saved_settings(run: Run) -> Settings | None:
    """The settings that the run was last called with; None: it is new.

    Raises ValueError where the file is damaged or from a version with other settings.
    """
    path = run.folder / "settings.json"
    if not path.exists():
        return None
    try:
        return Settings(**read_json(path))
    except TypeError as error:
        raise ValueError(
            f"{path} has other settings than this version knows ({error}); name another folder with --to."
        ) from error


def _do(
    run: Run, settings: Settings, stage: Stage, say: Say, progress: Callable[[str], Any] | None
) -> dict[str, Any]:
    record = run.record(stage.name)
    if record is None:
        write_json(run.place(stage.name) / MADE_WITH, _made_with(settings, stage))
        started = time.perf_counter()
        with progress(stage.name) if progress else contextlib.nullcontext() as tell:
            record = stage.does(run, settings, tell)
        record = {**record, "stage_seconds": round(time.perf_counter() - started, 1)}
        run.finish(stage.name, record)
        how = f"{record['stage_seconds']:,.0f} s"
    else:
        how = "done before"
    say(f"{stage.name} ({how})")
    for line in stage.says(record):
        say(f"    {line}")
    return record


def _made_with(settings: Settings, stage: Stage) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in stage.depends_on}


def _agrees(run: Run, stage: Stage, wanted: dict[str, Any]) -> None:
    path = run.folder / stage.name / MADE_WITH
    if not path.exists():
        return
    made_with = read_json(path)
    differing = [
        f"{name} {made_with[name]!r} (now {value!r})"
        for name, value in wanted.items()
        if made_with.get(name, value) != value
    ]
    if differing:
        raise ValueError(
            f"{stage.name} in {run.folder} was made with {', '.join(differing)}. Go on with those, or make it anew "
            f"with --again {stage.name}, or leave it and take another folder with --to."
        )


def _with_needed(wanted: Sequence[str]) -> list[str]:
    """The wanted stages and all that they stand on, in order."""
    needed: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += STAGES[name].after
    return [name for name in STAGES if name in needed]


def _standing_on(name: str) -> list[str]:
    """The stage and all that stand on it, the last first."""
    standing = {name}
    for stage in STAGES.values():
        if standing & set(stage.after):
            standing.add(stage.name)
    return [other for other in reversed(STAGES) if other in standing]
