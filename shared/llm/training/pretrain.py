"""Pretraining: the loop in which a language model learns to say the next token. Week 9.

    settings = TrainSettings(steps=2000, batch_size=16, context=256)
    record = pretrain(qwen3(4096, …), settings, tokens, validation, folder)

On one process or, under `torchrun`, on many. Called again with the same folder, it goes on from the last savepoint, and
what it then does is what it would have done: the batch of a step is a function of the step's number alone, and all else
that a step depends on is in the savepoint. In `folder`: log.jsonl, checkpoints/, tensorboard/, skips.json.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from shared.llm.config import ModelConfig
from shared.llm.corpus.batches import Batch
from shared.llm.model import Parts
from shared.llm.plan import flops_per_token
from shared.llm.training import going_on, savepoint
from shared.llm.training.distributed import hold_gradients, join_world
from shared.llm.training.learning import Learning
from shared.llm.training.next_token import NextToken, Objective
from shared.llm.training.precision import autocast, keep_memory, peak_speed
from shared.llm.training.train_log import Bar, TrainLog
from shared.llm.training.train_settings import TrainSettings
from shared.llm.training.train_setup import build, check_fit, choose
from shared.llm.training.train_watch import Interruption, SpikeDetector
from shared.llm.training.validation import HeldOut, TokenSource


def pretrain(
    config: ModelConfig,
    settings: TrainSettings,
    tokens: TokenSource,
    validation: TokenSource,
    folder: str | Path,
    parts: Parts | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    bar: bool = False,
    say: Callable[[str], object] = print,
    objective: Objective | None = None,
    learning: Learning | None = None,
) -> dict[str, Any]:
    """Trains a model, or goes on training it, and returns what was done, JSON-able.

    tokens, validation: what `Tokens.open` gives, or `ArrayTokens`   parts: of the model; None: the fused ones
    progress(done, total): told after each step (steps, or seconds where the settings have `seconds`)
    bar: shows a progress bar   say: is given the sentences that a person should read
    objective: what the model is asked: the next token (None), or `Masked`, BERT's two questions
    learning: pieces of training in the place of torch's, e.g. the learner's own

    The record's "ended" is "all steps", "time is up", or "stopped" (SIGTERM, Ctrl-C: saved, and to be gone on with).
    Raises ValueError for data that does not fit the model, and `Diverged` where the loss jumps again and again.
    """
    run = Pretraining(config, settings, tokens, validation, folder, parts, say, objective, learning)
    return run.run(progress, bar)


class Pretraining:
    """A run: what it is made of, and its steps one by one. `pretrain` makes one and runs it.

    step: steps done   loss_module: model and loss, spread over processes   optimizers, spikes, log: as named
    How it is kept and gone on with stands in `going_on`.
    """

    def __init__(
        self,
        config: ModelConfig,
        settings: TrainSettings,
        tokens: TokenSource,
        validation: TokenSource,
        folder: str | Path,
        parts: Parts | None = None,
        say: Callable[[str], object] = print,
        objective: Objective | None = None,
        learning: Learning | None = None,
    ) -> None:
        self.started = time.monotonic()
        self.objective, self.learning = objective or NextToken(), learning or Learning()
        check_fit(config, settings, tokens, validation, self.objective)
        self.config, self.settings = config, settings
        self.tokens, self.validation = tokens, validation
        self.folder, self.checkpoints = Path(folder), Path(folder) / "checkpoints"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.world = join_world(settings.device)
        self.say = say if self.world.is_first else lambda _: None
        if self.world.device.type == "cpu":
            keep_memory()
        found = savepoint.load_latest(self.checkpoints, self.say)
        if found is None:  # a run begins: no shard may have been altered since it was packed
            tokens.verify()
            validation.verify()
        self.choices = found.state["choices"] if found else choose(config, settings, self.world)
        self.dtype = getattr(torch, self.choices["precision"])
        self.peak = peak_speed(self.world.device, self.dtype) if settings.measure_peak else None
        self.model, self.loss_module, self.optimizers = build(
            config, settings, self.choices, self.world, parts, self.objective, self.learning
        )
        self.flops_per_token = flops_per_token(config, settings.longest_context)
        self.batches = self.objective.batches(
            tokens, settings.longest_context, settings.batch_size, settings.seed, self.world
        )
        self.step, self.tokens_seen, self.share = 0, 0, 0.0
        self.loss: float | None = None
        self.spikes, self.interruption = SpikeDetector(settings.spike), Interruption()
        self.held_out: tuple[int, HeldOut] | None = None
        self.log = TrainLog(
            self.folder / "log.jsonl",
            self.folder / "tensorboard" if settings.tensorboard else None,
        )
        # What was skipped: "count" batches from the step "from" on
        self.skips: list[dict[str, int]] = []
        # Of a run over time: how far it was at steps that are done again
        self.shares: dict[int, float] = {}
        self.rollbacks, self.saved_step, self.seconds_before = 0, 0, 0.0
        self.took: dict[str, float] = {}  # seconds of the last evaluation and the last savepoint
        going_on.begin(self, found)

    # The run

    def run(
        self, progress: Callable[[int, int | None], None] | None = None, bar: bool = False
    ) -> dict[str, Any]:
        """Steps until the run is over or someone asks to stop, then the last evaluation and savepoint."""
        settings, world, ended = self.settings, self.world, None
        shown = Bar(settings.seconds or settings.steps or 0, bar and world.is_first, progress)
        began, before = time.monotonic(), self.tokens_seen
        with self.interruption:
            while (ended := self._over()) is None:
                asked, complaint = self.train_step()
                if complaint is not None:
                    going_on.roll_back(self, complaint)
                    continue
                done = self.seconds if settings.seconds else self.step
                speed = (self.tokens_seen - before) / (time.monotonic() - began)
                shown.update(done, self.loss, speed, self.share_of_peak(speed))
                if asked:
                    ended = "stopped"
                    break
                if settings.save_every and self.step % settings.save_every == 0:
                    going_on.save(self)
            shown.close()
            if ended != "stopped" and (self.held_out is None or self.held_out[0] != self.step):
                self.evaluate()
            if self.saved_step != self.step:
                going_on.save(self)
        self.log.close()
        if ended == "stopped":
            self.say(
                f"Stopped after step {self.step} and saved in {self.checkpoints}. Start the same command again "
                "and it goes on from there."
            )
        return going_on.record(self, ended, time.monotonic() - began, self.tokens_seen - before)

    @property
    def seconds(self) -> float:
        """Spent on this run, before interruptions too."""
        return self.seconds_before + time.monotonic() - self.started

    def share_of_peak(self, speed: float) -> float | None:
        """Of the machine's measured peak, at so many tokens per second over all processes."""
        if self.peak is None:
            return None
        return speed * self.flops_per_token / (self.peak * self.world.size)

    def _over(self) -> str | None:
        """Why there is no further step; None: there is one. Sets how far the run is."""
        settings = self.settings
        if settings.steps is not None and self.step >= settings.steps:
            return "all steps"
        if settings.seconds is None:
            self.share = self.step / settings.steps
            return None
        now = max(self.share, self.seconds / max(1e-9, settings.seconds - sum(self.took.values())))
        if settings.steps:  # whichever comes first ends the run, and the schedule is laid over it
            now = max(now, self.step / settings.steps)
        # A step that was done before an interruption is done again as it was.
        self.share = self.world.from_first(self.shares.get(self.step, now))
        return "time is up" if self.share >= 1 else None

    # One step

    def train_step(self) -> tuple[bool, str | None]:
        """One step: (whether any process was asked to stop, what is wrong with the loss or None).

        Where something is wrong, the weights are left as they were.
        """
        settings, started = self.settings, time.monotonic()
        context = settings.context_at(self.share)
        factor = settings.lr_factor(self.share, self.step, self.learning.cosine)
        if self.config.dropout:
            torch.manual_seed((settings.seed << 32) + self.step * self.world.size + self.world.rank)
        batch = self.batches.batch(self.batch_number(self.step), context)
        self._check_tokens(batch)
        loss = self._gradients(batch)
        norm = self._clip()
        loss, stop, norm = self.world.mean([loss, float(self.interruption.asked), norm])
        complaint = self.spikes.complaint(loss, norm)
        if complaint is None:
            self.optimizers.set_lr(factor)
            self.optimizers.set_momentum(settings.momentum_at(self.step))
            self.optimizers.step()
            self.optimizers.zero_grad()
            self.loss, self.step = loss, self.step + 1
            self.tokens_seen += settings.batch_size * context
            line = {"step": self.step, "loss": loss, "gradient_norm": norm, "lr": factor}
            line |= {"tokens": self.tokens_seen, "context": context}
            if settings.seconds is not None:
                line["share"] = self.share
            if settings.evaluate_every and self.step % settings.evaluate_every == 0:
                line |= self.evaluate()
            line["seconds"] = round(time.monotonic() - started, 4)
            if self.world.is_first and (
                self.step % settings.log_every == 0 or "bits_per_byte" in line
            ):
                self.log.write(line)
        return stop > 0, complaint

    def _check_tokens(self, batch: Batch) -> None:
        """A shard that was altered during the run must not be learned from, as far as it can be told."""
        largest = max(int(batch.inputs.max()), int(batch.targets.max()))
        if largest >= self.config.vocab_size:
            self.tokens.verify()  # names the shard
            raise ValueError(
                f"batch {self.batch_number(self.step)} has the token {largest}; the model knows "
                f"{self.config.vocab_size:,}. Run the stage `pack` again."
            )

    def batch_number(self, step: int) -> int:
        """Which batch of the order a step learns from: its own number, and what was skipped before it."""
        return step + sum(skip["count"] for skip in self.skips if skip["from"] <= step)

    def _gradients(self, batch: Batch) -> float:
        """Forward and backward over the rows of a batch, in parts; the cross-entropy of this process's rows."""
        settings, device, total = self.settings, self.world.device, 0.0
        rows = settings.micro_batch or len(batch.inputs)
        for first in range(0, len(batch.inputs), rows):
            part = [t[first : first + rows].to(device, non_blocking=True) for t in batch]
            share = len(part[0]) / len(batch.inputs)
            last = first + rows >= len(batch.inputs)
            with hold_gradients(self.loss_module, last):
                with self._autocast():
                    asked = self.objective.arguments(part, settings.mask_documents)
                    loss, cross_entropy = self.loss_module(*asked)
                (loss * share).backward()
            total += cross_entropy.item() * share
        return total

    def _clip(self) -> float:
        """Shortens the gradient where it is too long; its length before."""
        limit = math.inf if self.settings.clip is None else self.settings.clip
        norm = self.learning.clip_grad_norm(self.model.parameters(), limit)
        norm = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        return norm.item()

    def _autocast(self) -> Any:
        return autocast(self.world.device, self.dtype)

    def evaluate(self) -> dict[str, float]:
        """The loss on held-out text now, for the log."""
        started = time.monotonic()
        with self._autocast():
            found = self.objective.held_out(
                self.loss_module,
                self.validation,
                self.settings.longest_context,
                self.settings.evaluate_tokens,
                self.world,
                mask_documents=self.settings.mask_documents,
            )
        self.held_out = (self.step, found)
        self.took["evaluate"] = time.monotonic() - started
        return {"validation_loss": found.loss, "bits_per_byte": found.bits_per_byte}
