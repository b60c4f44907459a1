"""Running code we did not write: its time, its prints, what it raises, what it must not disturb."""

import random
import sys
import threading
import time

import numpy as np
import pytest
import torch

from shared.lab import ears
from shared.lab.run import Raised, describe, run_limited, seeded


def test_value_prints_and_seconds() -> None:
    def work() -> int:
        print("out")
        print("err", file=sys.stderr)
        return 7

    outcome = run_limited(work, 5)
    assert (outcome.value, outcome.raised, outcome.printed) == (7, None, "out\nerr\n")
    assert 0 <= outcome.seconds < 1
    assert not outcome.too_slow


@pytest.mark.parametrize(
    "error", [ValueError("a\nb"), KeyError("k"), SystemExit(2), KeyboardInterrupt(), MemoryError()]
)
def test_what_it_raises_is_data(error: BaseException) -> None:
    def work() -> None:
        raise error

    raised = run_limited(work, 5).raised
    assert raised is not None
    assert raised.type == type(error).__name__
    assert raised.message == str(error).split("\n")[0]


def test_raised_without_a_message_reads_well() -> None:
    assert str(Raised("MemoryError", "")) == "MemoryError"
    assert str(Raised("ValueError", "no", "f(x)")) == "ValueError: no  (at: f(x))"
    assert len(str(Raised("RuntimeError", "x" * 1000))) < 200
    assert Raised("A", "b", "here") == Raised("A", "b", "there")


def test_learners_line_is_found() -> None:
    scope: dict = {}
    exec(compile("def f():\n    return 1 / 0\n", "<cell>", "exec"), scope)
    outcome = run_limited(scope["f"], 5)
    assert outcome.raised == Raised("ZeroDivisionError", "division by zero")
    assert describe(ValueError()).line == ""


def test_stopped_in_time() -> None:
    def work() -> None:
        while True:
            pass

    started = time.monotonic()
    outcome = run_limited(work, 0.2)
    assert time.monotonic() - started < 2
    assert outcome.too_slow
    assert not outcome.left_behind
    assert outcome.value is None


def test_stopped_although_it_catches_exceptions() -> None:
    """The loop inside is in the reach of `except Exception` at every moment, and starts anew after it."""

    def work() -> None:
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass

    outcome = run_limited(work, 0.2)
    assert outcome.too_slow
    assert not outcome.left_behind


def test_no_time_at_all() -> None:
    assert run_limited(lambda: time.sleep(0.2), 0.0).too_slow


def test_value_that_comes_too_late_does_not_count() -> None:
    def work() -> int:
        time.sleep(0.9)
        return 7

    outcome = run_limited(work, 0.1)
    assert outcome.left_behind
    time.sleep(0.6)
    assert outcome.value is None
    assert outcome.raised is not None


def test_many_prints_are_cut() -> None:
    def work() -> None:
        for _ in range(100_000):
            print("a long line of text that is printed again and again")

    assert len(run_limited(work, 20).printed) == 20_000


def test_streams_are_back_afterwards() -> None:
    def streams() -> list:
        # Behind a gate, where an earlier test's thread is still being stopped.
        return [getattr(stream, "_stream", stream) for stream in (sys.stdout, sys.stderr)]

    before = streams()
    run_limited(lambda: print("x"), 5)
    run_limited(lambda: 1 / 0, 5)
    assert streams() == before


def test_a_thread_that_is_closed_out_is_not_heard(capsys: pytest.CaptureFixture[str]) -> None:
    talking, stop = threading.Event(), threading.Event()

    def talk() -> None:
        talking.set()
        while not stop.is_set():
            print("chatter")
            time.sleep(0.002)

    ear = ears.Ear()
    thread = threading.Thread(target=talk)
    with ears.listening(ear):
        thread.start()
        talking.wait()
        ears.close_to(thread.ident or 0)
    time.sleep(0.05)
    print("still open to others")
    second = ears.Ear()
    with ears.listening(second):
        time.sleep(0.05)
    stop.set()
    thread.join()
    assert capsys.readouterr().out == "still open to others\n"
    assert second.heard() == ""
    ears.open_to(thread.ident or 0)


def test_generators_are_put_back_also_after_an_error() -> None:
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(1).item()

    def work() -> None:
        draw()
        raise ValueError

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    run_limited(work, 5)
    run_limited(lambda: time.sleep(0.05) or draw(), 5)
    first, second = seeded(4, draw), seeded(4, draw)
    assert first == second
    assert draw() == expected


def test_gradients_are_recorded_whatever_the_notebook_says() -> None:
    with torch.no_grad():
        assert run_limited(torch.is_grad_enabled, 5).value


def test_runs_inside_runs() -> None:
    """A kept piece loads other pieces while it is itself checked."""
    inner = []

    def work() -> str:
        print("before")
        inner.append(run_limited(lambda: print("inside"), 5))
        print("after")
        return "done"

    outcome = run_limited(work, 5)
    assert outcome.value == "done"
    assert outcome.printed == "before\nafter\n"
    assert inner[0].printed == "inside\n"
