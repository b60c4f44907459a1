"""How a language model is pretrained, as plain settings, and what follows from them at each moment of a run. Week 9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.llm.training.distributed import SPREADS
from shared.llm.training.optimize import OPTIMIZERS
from shared.llm.training.precision import PRECISIONS
from shared.training.schedules import constant, cosine_with_warmup, warmup_stable_decay

SCHEDULES = ("wsd", "cosine", "constant")
CHOICES = ("auto", "yes", "no")


@dataclass(frozen=True)
class TrainSettings:
    """The settings of `pretrain`. Raises ValueError for settings that do not fit together.

    Length
        steps:   optimizer steps; None: as many as fit into `seconds`
        seconds: the run ends when they are spent, its last evaluation and savepoint included; None: after `steps`
    Data
        batch_size:  rows of a step, over all processes    context: tokens of a row
        micro_batch: rows that a process computes at once, for less memory; None: all of its own
        context_growth: ((share of the run, context), …): from that share on rows have that many tokens, the last one
                     up to the end; () is `context` throughout. Fewer tokens a step at first: cheaper and as good there.
        mask_documents: a token sees only its own document
    Optimizers
        optimizer:   "muon" (the matrices; AdamW for the rest) or "adamw"
        lr, adam_lr: peak rates of the matrices and of the rest    weight_decay: of the matrices
        betas, momentum, clip: AdamW's, Muon's, the largest norm of all gradients together (None: any)
        momentum_warmup: steps over which Muon's momentum rises from 0.85
        newton_schulz_steps: 5, or fewer for speed
        schedule:    "wsd" (warm-up, stable, decay), "cosine" or "constant"
        warmup, decay, final: shares of the run that the rise and the fall take, and share of the peak at its end
        z_loss:      weight of log² of the softmax's denominator; 1e-4 where logits drift
    Machine
        precision:   "auto" (measured), "float32" or "bfloat16"   device: "auto", "cpu", "cuda", …
        compile:     torch.compile of the blocks; "auto": where the run is long enough to win back what it costs
        recompute:   activation checkpointing    distributed: "ddp" or "fsdp", under torchrun
    Watching and saving
        evaluate_every, evaluate_tokens: steps between evaluations (0: only at the end), tokens of each
        save_every, keep: steps between savepoints (0: only at the beginning and the end), how many stay
        log_every:   steps between lines of the log      tensorboard: written too, where it is installed
        measure_peak: the machine's peak is measured once, so that the share of it can be shown
        spike:       a loss this far above the median of the last 32 (nats) takes the run back to the last savepoint,
                     and so does one that is not a number; None: only the latter
        seed:        of the weights, the order of the data and dropout
    """

    steps: int | None = None
    seconds: float | None = None
    batch_size: int = 16
    micro_batch: int | None = None
    context: int = 256
    context_growth: tuple[tuple[float, int], ...] = ()
    mask_documents: bool = False
    optimizer: str = "muon"
    lr: float = 0.02
    adam_lr: float = 3e-3
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.95
    momentum_warmup: int = 100
    newton_schulz_steps: int = 5
    clip: float | None = 1.0
    schedule: str = "wsd"
    warmup: float = 0.02
    decay: float = 0.4
    final: float = 0.0
    z_loss: float = 0.0
    precision: str = "auto"
    compile: str = "auto"
    recompute: bool = False
    distributed: str = "ddp"
    device: str = "auto"
    evaluate_every: int = 250
    evaluate_tokens: int = 65_536
    save_every: int = 250
    keep: int = 3
    log_every: int = 1
    tensorboard: bool = True
    measure_peak: bool = True
    spike: float | None = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        # Settings that were read from JSON have lists where there were tuples.
        object.__setattr__(self, "betas", tuple(self.betas))
        object.__setattr__(self, "context_growth", tuple(map(tuple, self.context_growth)))
        if self.steps is None and self.seconds is None:
            raise ValueError("steps and seconds are both None; give one of them.")
        for name, least in (
            ("steps", 0),
            ("batch_size", 1),
            ("micro_batch", 1),
            ("context", 1),
            ("evaluate_every", 0),
            ("evaluate_tokens", 1),
            ("save_every", 0),
            ("keep", 1),
            ("log_every", 1),
            ("momentum_warmup", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}.")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError(f"seconds is {self.seconds}; it must be more than 0.")
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("compile", CHOICES),
            ("distributed", SPREADS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}."
                )
        if not (self.warmup >= 0 and self.decay >= 0 and self.warmup + self.decay <= 1):
            raise ValueError(
                f"warmup and decay are {self.warmup} and {self.decay}; they are shares of the run, together at most 1."
            )
        shares = [share for share, _ in self.context_growth]
        if shares and (shares[0] != 0 or shares != sorted(shares) or shares[-1] >= 1):
            raise ValueError(
                f"context_growth has the shares {shares}; they must begin with 0, rise, and stay below 1."
            )

    @property
    def longest_context(self) -> int:
        """The most tokens that a row has at any time of the run."""
        return max([self.context, *(context for _, context in self.context_growth)])

    def context_at(self, share: float) -> int:
        """Tokens of a row when this share of the run is over."""
        reached = [context for start, context in self.context_growth if start <= share]
        return reached[-1] if reached else self.context

    def lr_factor(
        self, share: float, step: int, cosine: Callable[..., float] = cosine_with_warmup
    ) -> float:
        """Learning rate as a share of its peak, at a step of which the run's `share` is over."""
        total = 10_000 if self.seconds is not None else max(1, self.steps or 0)
        at = share * total if self.seconds is not None else step
        rise, fall = int(self.warmup * total), int(self.decay * total)
        if self.schedule == "constant":
            return constant(step, 1.0)
        if self.schedule == "cosine":
            return cosine(at, 1.0, total, min(rise, total - 1), self.final)
        return warmup_stable_decay(at, 1.0, total, rise, fall, self.final)

    def momentum_at(self, step: int) -> float:
        """Muon's momentum: from 0.85 up, as early gradients are soon out of date."""
        if step >= self.momentum_warmup:
            return self.momentum
        start = min(0.85, self.momentum)
        return start + (self.momentum - start) * step / self.momentum_warmup
