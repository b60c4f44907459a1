"""What a run will take, before it starts: parameters, tokens, FLOPs, memory and time. `bumblebee llm --dry-run`.

Sources: Kaplan et al. (2001.08361), section 2.1 (6 FLOPs for each parameter and token); Hoffmann et al. (2203.15556),
appendix F; Korthikanti et al. (2205.05198), section 4, for what the backward pass must keep.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from shared.llm.config import ModelConfig
from shared.llm.model import LanguageModel, Parts
from shared.llm.settings import TOKENS_FOR_EACH_PARAMETER, Settings
from shared.nn.transformer import count_parameters


@dataclass(frozen=True)
class Plan:
    """parameters: that learn   matrices: of those, in the matrices of the blocks   tokens: to train on
    flops_per_token: forward and backward   memory: bytes at the peak of a step   seconds: of training"""

    parameters: int
    matrices: int
    tokens: int
    flops_per_token: int
    memory: int
    tokens_per_second: float

    @property
    def seconds(self) -> float:
        """Of training alone."""
        return self.tokens / self.tokens_per_second

    @property
    def flops(self) -> int:
        """Of the whole training."""
        return self.flops_per_token * self.tokens

    def lines(self) -> list[tuple[str, str]]:
        """(what, how much), to be printed."""
        return [
            ("parameters", f"{self.parameters:,} ({self.matrices:,} in the blocks' matrices)"),
            ("tokens", f"{self.tokens:,} ({self.tokens / self.parameters:.1f} for each parameter)"),
            (
                "compute",
                f"{self.flops:.2e} FLOP ({self.flops_per_token / 1e6:,.1f} million for a token)",
            ),
            ("memory", f"about {self.memory / 1e9:,.2f} GB at the peak of a step"),
            ("speed", f"about {self.tokens_per_second:,.0f} tokens/s on this machine"),
            ("time", f"about {spell(self.seconds)} of training"),
        ]


def spell(seconds: float) -> str:
    """3725 → "1 h 2 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours / 24:.0f} days"


def flops_per_token(config: ModelConfig, context: int) -> int:
    """FLOPs of training on one token: forward, and twice that backward.

    A product with a matrix of p numbers takes 2p; attention looks at `context` keys, half of them masked, and takes
    2 · context · width for the scores and as many for the mixture, halved.
    """
    width = config.n_heads * config.head_width
    with torch.device("meta"):
        model = LanguageModel(config)
    head = config.d_model * config.vocab_size
    embedded = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Embedding))
    dense = count_parameters(model) - embedded + (head if config.tied else 0)
    attention = config.n_layers * 2 * 2 * context * width // 2
    return 3 * (2 * dense + attention)


def memory(config: ModelConfig, parameters: int, matrices: int, micro_tokens: int) -> int:
    """Bytes at the peak of a step: weights, gradients and optimizer in float32, and what the backward pass needs.

    Muon keeps one number for each weight of a matrix, AdamW two for each of the others. Each block keeps about
    16 · d_model + 4 · d_hidden numbers for a token; the logits stand three times (themselves, their softmax, their
    gradient). An estimate; a test holds it against what a run takes.
    """
    fixed = 4 * (2 * parameters + matrices + 2 * (parameters - matrices))
    kept = config.n_layers * (16 * config.d_model + 4 * config.hidden_width)
    return fixed + 4 * micro_tokens * (kept + 3 * config.vocab_size)


def plan(settings: Settings, tokens_per_second: float | None = None) -> Plan:
    """What a run with these settings takes on this machine.

    tokens_per_second: as measured; None: a step or two of the model are run, or, from 100 million parameters on, the
    speed follows from a matrix product and a usual share of the machine's peak.
    """
    config = settings.model()
    with torch.device("meta"):
        model = LanguageModel(config)
    parameters = count_parameters(model)
    matrices = sum(p.numel() for p in model.stack.parameters() if p.ndim == 2)
    micro = settings.micro_tokens or min(settings.batch_tokens, 8192)
    flops = flops_per_token(config, settings.context)
    if tokens_per_second is None:
        tokens_per_second = (
            _measured(settings, config) if parameters < 1e8 else 0.4 * _peak() / flops
        )
    tokens = settings.tokens or TOKENS_FOR_EACH_PARAMETER * parameters
    if settings.minutes is not None:
        tokens = min(tokens, int(60 * settings.minutes * tokens_per_second))
    return Plan(
        parameters,
        matrices,
        tokens,
        flops,
        memory(config, parameters, matrices, micro),
        tokens_per_second,
    )


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _peak(size: int = 2048) -> float:
    """FLOP/s of a matrix product in the precision that training would take here."""
    device = _device()
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    a = torch.randn(size, size, device=device, dtype=dtype)
    for _ in range(2):
        started = time.perf_counter()
        (a @ a).sum().item()
        seconds = time.perf_counter() - started
    return 2 * size**3 / seconds


def _measured(settings: Settings, config: ModelConfig) -> float:
    """Tokens per second of forward and backward, from the second of two small steps."""
    rows = max(1, min(settings.batch_tokens, 4096) // settings.context)
    model = LanguageModel(config, Parts.fused()).to(_device())
    tokens = torch.randint(config.vocab_size, (rows, settings.context), device=_device())
    for _ in range(2):
        started = time.perf_counter()
        logits = model(tokens).flatten(0, 1)
        torch.nn.functional.cross_entropy(logits, tokens.flatten()).backward()
        if _device() == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
    return tokens.numel() / seconds
