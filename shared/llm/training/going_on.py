"""How a run of pretraining is kept, gone on with, taken back where its loss jumps, and told of. Week 9.

    begin(run, savepoint.load_latest(folder))     from a savepoint, or from the first step
    save(run)
    roll_back(run, "the loss is nan")

A savepoint holds all that a step depends on, so that what comes after it is the same, however often the run was
interrupted. Each function is called by every process; the first one writes.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shared.llm.run import read_json, write_json
from shared.llm.training import savepoint
from shared.llm.training.distributed import whole_tensors
from shared.llm.training.train_watch import Diverged
from shared.llm.training.validation import HeldOut

if TYPE_CHECKING:
    from shared.llm.training.pretrain import Pretraining

MOST_ROLLBACKS = 4  # in a row, without a savepoint between them


def begin(run: Pretraining, found: savepoint.Savepoint | None) -> None:
    """From a savepoint, or from the beginning, of which one is made at once: there is always one to go back to.

    Raises ValueError where the savepoint is of a model with other settings.
    """
    skips = run.folder / "skips.json"
    if found is None:
        if run.world.is_first:
            skips.unlink(missing_ok=True)
            run.log.cut(-1)
        save(run)
        return
    if found.state["config"] != asdict(run.config):
        raise ValueError(
            f"{run.checkpoints} holds a model with other settings. Take another folder, or remove this one."
        )
    run.skips = read_json(skips) if skips.exists() else []
    restore(run, found)
    run.seconds_before, run.saved_step = found.state["seconds"], found.step
    if run.world.is_first:
        again = run.log.cut(run.step)
        run.shares = {line["step"] - 1: line["share"] for line in again if "share" in line}
    run.world.wait()
    run.say(f"Goes on after step {run.step}, from {found.folder}.")


def save(run: Pretraining) -> None:
    """A savepoint of this moment."""
    started = time.monotonic()
    run.log.sync()
    weights = whole_tensors(dict(run.model.named_parameters()))
    remembered = whole_tensors(run.optimizers.state_dict())
    if run.world.is_first:
        state = {
            "config": asdict(run.config),
            "settings": asdict(run.settings),
            "choices": run.choices,
            "seconds": run.seconds,
            "tokens": run.tokens_seen,
            "share": run.share,
            "loss": run.loss,
            "recent_losses": run.spikes.recent,
            "held_out": run.held_out,
        }
        savepoint.save(run.checkpoints, run.step, weights, remembered, state, run.settings.keep)
    run.world.wait()
    run.saved_step, run.rollbacks = run.step, 0
    run.took["save"] = time.monotonic() - started


def restore(run: Pretraining, found: savepoint.Savepoint) -> None:
    """Weights, optimizers and counters as they were."""
    savepoint.load_weights(run.model, found.model)
    run.optimizers.zero_grad()
    run.optimizers.load_state_dict(found.optimizer)
    state, run.step = found.state, found.step
    run.tokens_seen, run.share, run.loss = state["tokens"], state["share"], state["loss"]
    run.spikes.recent = list(state["recent_losses"])
    if state["held_out"] is not None:
        step, numbers = state["held_out"]
        run.held_out = (step, HeldOut(*numbers))


def roll_back(run: Pretraining, why: str) -> None:
    """Back to the last savepoint; the batches since then, up to the one that did it, are never seen again.

    Raises `Diverged` at the fifth time in a row.
    """
    at = run.step
    run.rollbacks += 1
    if run.rollbacks > MOST_ROLLBACKS:
        raise Diverged(
            f"After step {at} {why}, also after going back {MOST_ROLLBACKS} times and taking other batches. "
            "Lower lr and adam_lr, or lengthen the warm-up; the last savepoint is whole."
        )
    number = run.batch_number(at)
    found = savepoint.load_latest(run.checkpoints, run.say)
    skipped = number - run.batch_number(found.step) + 1
    run.skips.append({"from": found.step, "count": skipped})
    if run.world.is_first:
        write_json(run.folder / "skips.json", run.skips)
    restore(run, found)
    if run.world.is_first:
        run.log.cut(run.step)
        event = {"step": run.step, "event": "rollback", "after": at, "why": why}
        run.log.write(event | {"skipped_batches": skipped})
    run.world.wait()
    run.say(f"After step {at} {why}: back to step {run.step}; {skipped} batches are left out.")


def record(run: Pretraining, ended: str, seconds: float, tokens: int) -> dict[str, Any]:
    """What was done, JSON-able. seconds, tokens: since it was last begun, for the speed"""
    speed = tokens / seconds if tokens else None
    found = run.held_out[1] if run.held_out else None
    return {
        "ended": ended,
        "steps": run.step,
        "tokens": run.tokens_seen,
        "loss": run.loss,
        "validation_loss": found and found.loss,
        "bits_per_byte": found and found.bits_per_byte,
        "seconds": round(run.seconds, 2),
        "tokens_per_second": speed and round(speed),
        "share_of_peak": speed and run.share_of_peak(speed),
        "processes": run.world.size,
        "device": str(run.world.device),
        "rollbacks": len(run.skips),
        "parameters": sum(p.numel() for p in run.model.parameters()),
        **run.choices,
        "checkpoint": str(savepoint.savepoints(run.checkpoints)[-1]),
    }
