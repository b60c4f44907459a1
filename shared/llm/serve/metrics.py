"""What the server has done so far, in the text format that Prometheus reads."""

from __future__ import annotations

import threading
from collections import Counter

from shared.llm.serve.engine import Engine

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds


class Metrics:
    """answered(path, status) counts a request; waited(seconds) a wait for a first token; text() is the page."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.waits: Counter[float] = Counter()
        self.waited_seconds, self.waited_times = 0.0, 0
        self.lock = threading.Lock()

    def answered(self, path: str, status: int) -> None:
        with self.lock:
            self.requests[path, status] += 1

    def waited(self, seconds: float) -> None:
        with self.lock:
            self.waited_seconds += seconds
            self.waited_times += 1
            for bucket in BUCKETS:
                self.waits[bucket] += seconds <= bucket

    def text(self, engine: Engine) -> str:
        lines: list[str] = []

        def add(name: str, kind: str, says: str, *samples: tuple[str, float]) -> None:
            name = f"bumblebee_{name}"
            lines.extend([f"# HELP {name} {says}", f"# TYPE {name} {kind}"])
            lines.extend(f"{name}{labels} {value!r}" for labels, value in samples)

        with self.lock:
            requests, waits = dict(self.requests), dict(self.waits)
            seconds, times = self.waited_seconds, self.waited_times
        add(
            "requests_total",
            "counter",
            "Requests answered.",
            *(
                (f'{{path="{path}",status="{status}"}}', count)
                for (path, status), count in sorted(requests.items())
            ),
        )
        add(
            "texts_total",
            "counter",
            "Texts ended, by reason.",
            *((f'{{reason="{reason}"}}', n) for reason, n in sorted(engine.ended.copy().items())),
        )
        add("written_tokens_total", "counter", "Tokens written.", ("", engine.written))
        add("read_tokens_total", "counter", "Tokens of prompts read.", ("", engine.read))
        add("steps_total", "counter", "Steps of the engine.", ("", engine.steps))
        add("step_seconds_total", "counter", "Time spent in steps.", ("", engine.seconds))
        add("writing_texts", "gauge", "Texts that have a row.", ("", len(engine.rows)))
        add("waiting_texts", "gauge", "Texts that wait for a row.", ("", len(engine.queue)))
        taken = engine.cache.rows * engine.cache.length
        add("cache_tokens", "gauge", "Tokens of room in the KV cache.", ("", taken))
        add("cache_tokens_limit", "gauge", "The most of them.", ("", engine.cache.max_tokens))
        name = "bumblebee_first_token_seconds"
        lines.append(f"# HELP {name} From a request to its first token.")
        lines.append(f"# TYPE {name} histogram")
        lines += [f'{name}_bucket{{le="{b:g}"}} {waits.get(b, 0)}' for b in BUCKETS]
        lines.append(f'{name}_bucket{{le="+Inf"}} {times}')
        lines += [f"{name}_sum {seconds!r}", f"{name}_count {times}"]
        return "\n".join(lines) + "\n"
