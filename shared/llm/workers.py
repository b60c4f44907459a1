"""Work on many shards at once, in processes, with what it cost: seconds and peak memory.

Every job is a function of plain values that reads a shard and writes a shard, so the number of workers changes
nothing but the time. Processes are started afresh (`spawn`), as Windows and macOS do, so nothing is shared by chance.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import psutil

Progress = Callable[[int, "int | None"], None]


def n_workers(workers: int | None, n_jobs: int) -> int:
    """How many processes to use: `workers`, or the cores this process may use, and never more than there are jobs."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be 1 or more, or None for all cores; it was {workers}")
    if workers is None:
        try:
            workers = len(os.sched_getaffinity(0))
        except AttributeError:  # macOS and Windows
            workers = os.cpu_count() or 1
    return max(1, min(workers, n_jobs))


class Cost:
    """What a stage cost: made at its start, read at its end. Peak memory adds up this process and its workers."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.of_workers: dict[int, int] = {}

    def record(self, n_bytes: int) -> dict[str, Any]:
        """seconds, MB/s of `n_bytes`, and peak memory: this process's, and with that of all its workers together."""
        seconds = time.perf_counter() - self.started
        own = peak_memory()
        return {
            "seconds": round(seconds, 3),
            "mb_per_second": round(n_bytes / 1e6 / max(seconds, 1e-9), 3),
            "peak_memory_mb": round(own / 1e6, 1),
            "peak_memory_with_workers_mb": round((own + sum(self.of_workers.values())) / 1e6, 1),
        }


def for_each(
    work: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: int | None = None,
    progress: Progress | None = None,
    cost: Cost | None = None,
) -> list[Any]:
    """[work(job) for job in jobs], in processes where there are several jobs and cores; results in the jobs' order.

    work: a function at the top of a module. progress(done, total) is called here after each job.
    An error in one job stops the jobs that have not begun, and is raised as it was.
    """
    results: list[Any] = [None] * len(jobs)
    count = n_workers(workers, len(jobs))
    if count == 1:
        for index, job in enumerate(jobs):
            results[index] = work(job)
            if progress is not None:
                progress(index + 1, len(jobs))
        return results
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
    try:
        futures = {pool.submit(_measured, work, job): index for index, job in enumerate(jobs)}
        for done, future in enumerate(as_completed(futures), start=1):
            process, memory, results[futures[future]] = future.result()
            if cost is not None:
                cost.of_workers[process] = max(memory, cost.of_workers.get(process, 0))
            if progress is not None:
                progress(done, len(jobs))
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a worker process ended unexpectedly: it was killed, memory ran out, or the calling script lacks "
            '`if __name__ == "__main__":`. Run the stage again (it goes on), with workers=1 if it happens again.'
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return results


def _begin() -> None:
    """In a new worker: one thread for libraries, since the cores are taken, and an end if the parent is killed."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _measured(work: Callable[[Any], Any], job: Any) -> tuple[int, int, Any]:
    result = work(job)
    return os.getpid(), peak_memory(), result


def peak_memory() -> int:
    """The most memory this process has ever held, in bytes (resident set size)."""
    if sys.platform == "linux":
        # not getrusage: a process started by another counts the other's memory there
        for line in _status_lines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _status_lines() -> Iterator[str]:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        yield from file
