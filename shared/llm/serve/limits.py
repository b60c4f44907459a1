"""What a server lets one request take, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Raises ValueError for limits that make no sense.

    max_rows:    texts that are written side by side          max_queue: texts that may wait for a row
    cache_gib:   memory of the KV cache                       context:   tokens of a text; None: what the model knows
    max_tokens:  that one answer may have; None: what fits into the context
    max_choices: texts that one request may ask for           max_body:  bytes of a request
    max_seconds: from a request to the end of its answer      max_idle:  seconds that a reader may stand still
    tokens_per_step: prompt tokens that are read between two steps of those that write
    """

    max_rows: int = 32
    max_queue: int = 256
    cache_gib: float = 1.0
    context: int | None = None
    max_tokens: int | None = None
    max_choices: int = 16
    max_body: int = 1 << 20
    max_seconds: float = 300.0
    max_idle: float = 60.0
    tokens_per_step: int = 512

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value}; it must be above 0.")
