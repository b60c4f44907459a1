"""Tries a learner's piece in the machine before a run: does it fit, does it say the same, does it take long? Week 9.

A piece that passed its exercise is right on small inputs. In the machine it meets gradients, half precision, other
pieces and thousands of repetitions; what would fail or crawl there is found here, in seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from shared.llm.machine import PIECES, Machine, put_together
from shared.llm.model import LanguageModel
from shared.llm.settings import Settings
from shared.llm.training.loss import NextTokenLoss
from shared.llm.training.precision import autocast, choose_precision, keep_memory
from shared.llm.writing.generate import Sampling, write

SAME = 1e-3  # largest difference of two logits that rounding explains, in float32
HOPELESS = 12.0  # what is so many times as slow on few tokens is not tried on more
LEAST_SECONDS = 0.02  # but a step that is this short is no harm
TOKENS = 256  # of a step that is timed
PAIRS = 3  # so often ours and theirs take turns: a machine's speed drifts, the fastest of each is compared


class Tried(NamedTuple):
    """slowdown: how many times as long as ours   why: it does not fit, in a clause; "": it does"""

    slowdown: float
    why: str = ""


class Trial:
    """Of pieces in the model that these settings make, on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.config = settings, settings.model()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cpu":
            keep_memory()
        self.dtype, _ = choose_precision(settings.precision, self.device, self.config.d_model)
        generator = torch.Generator().manual_seed(0)
        shape = (max(2, TOKENS // settings.context), settings.context + 1)
        self.tokens = torch.randint(self.config.vocab_size, shape, generator=generator)
        self.tokens = self.tokens.to(self.device)
        self.ours = put_together({})
        model = self._model(self.ours)
        self.weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        self.logits = self._logits(model)

    def of(self, name: str, piece: Any) -> Tried:
        """How a piece does alone among ours."""
        return self.together(put_together({name: piece}), PIECES[name].group == "writing")

    def together(self, machine: Machine, writing: bool = False) -> Tried:
        """How a machine does. writing: what is timed is writing, not a training step."""
        try:
            model = self._model(machine)
            shapes = {name: weight.shape for name, weight in model.state_dict().items()}
            wanted = {name: weight.shape for name, weight in self.weights.items()}
            if shapes != wanted:
                other = sorted(set(shapes) ^ set(wanted))[0]
                return Tried(float("inf"), f"names its weights in another way ({other})")
            model.load_state_dict(self.weights)
            context = self.settings.context
            for length in (max(8, context // 16), max(8, context // 4)):
                # From few tokens to many, so that what crawls is known soon.
                seconds, ours = (_timed(self._step(m, length)) for m in (machine, self.ours))
                if seconds > max(HOPELESS * ours, LEAST_SECONDS):
                    return Tried(
                        seconds / ours, f"makes a training step {seconds / ours:.0f}× as long"
                    )
            apart = (self._logits(model) - self.logits).abs().max().item()
            if not apart <= SAME:
                return Tried(float("inf"), f"gives other logits in the machine (by {apart:.2g})")
            make = self._writing if writing else lambda m: self._step(m, context)
            return Tried(_ratio(make(machine), make(self.ours)))
        except Exception as error:  # a learner's code may raise anything
            said = f"{type(error).__name__}: {error}".splitlines()[0][:120]
            return Tried(float("inf"), f"passes its checks but fails in the machine ({said})")

    def _model(self, machine: Machine) -> LanguageModel:
        torch.manual_seed(0)
        module = NextTokenLoss(LanguageModel(self.config, machine.parts))
        machine.learning.prepare(module)
        return module.model.to(self.device)

    @torch.no_grad()
    def _logits(self, model: LanguageModel) -> Tensor:
        return model.eval()(self.tokens[:, :16])

    def _step(self, machine: Machine, length: int) -> Callable[[], float]:
        """A function that does one step of training, as `pretrain` does it, and says how long it takes.

        It reads a part of a batch; forward and backward count as often as a whole one needs them.
        """
        learning = machine.learning
        module = NextTokenLoss(self._model(machine)).train()
        module.cross_entropy = learning.cross_entropy
        optimizers = learning.optimizers(module.model, "muon", 1e-3, 1e-3)
        rows = max(1, TOKENS // length) if length == self.settings.context else 1
        inputs, targets = self.tokens[:rows, :length], self.tokens[:rows, 1 : length + 1]
        share = max(1.0, self.settings.batch_tokens / inputs.numel())

        def step() -> float:
            started = time.perf_counter()
            with autocast(self.device, self.dtype):
                loss, _ = module(inputs, targets)
            loss.backward()
            self._wait()
            middle = time.perf_counter()
            learning.clip_grad_norm(module.model.parameters(), 1.0)
            optimizers.set_lr(learning.cosine(1, 1.0, 10, 2, 0.0))
            optimizers.step()
            optimizers.zero_grad()
            self._wait()
            return share * (middle - started) + time.perf_counter() - middle

        return step

    def _writing(self, machine: Machine) -> Callable[[], float]:
        """The same for writing a few tokens after two texts."""
        model = self._model(machine).eval()
        prompts = [self.tokens[0, :5].tolist(), self.tokens[1, :3].tolist()]

        def writing() -> float:
            started = time.perf_counter()
            list(write(model, prompts, Sampling(8), None, **machine.writing()))
            return time.perf_counter() - started

        return writing

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _timed(step: Callable[[], float]) -> float:
    """The second of two: the first one sets the kernels up. One that takes long is not asked again."""
    first = step()
    return first if first > 10 * LEAST_SECONDS else step()


def _ratio(theirs: Callable[[], float], ours: Callable[[], float]) -> float:
    theirs(), ours()
    pairs = [(theirs(), ours()) for _ in range(PAIRS)]
    return min(a for a, _ in pairs) / min(b for _, b in pairs)
