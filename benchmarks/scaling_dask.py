"""The part of scaling.py on trials that run on a Dask cluster."""

from __future__ import annotations

import heapq
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

from btfsynth.dataset.tasks import parse_task
from btfsynth.discovery.portfolio import make_portfolio
from btfsynth.discovery.search import DiscoverOptions, discover
from btfsynth.discovery.work import get_ready, run_trial
from btfsynth.training.session import TrainOptions, plan_for
from btfsynth.workers.cluster import connect
from btfsynth.workers.executor import Executor, Finished, Inline, Task, completed

TASKS = {"multiplier:3": 12, "multiplier:4": 3}
"""Trials to take the time of."""
VALIDATED = "multiplier:3"
WORKERS = (1, 2, 10, 100, 1000)
PASSES = "size"


def simulate(
    trials: list[float], workers: int, gap: float, client: float, first: float = 0.0
) -> float:
    """Return when the last trial has ended: each goes to the worker that is free first.

    Parameters
    ----------
    trials
        Seconds of each.
    workers
        How many.
    gap
        Seconds from the end of a task to the start of the worker's next.
    client
        Seconds of client and scheduler a task; they serve one after the other.
    first
        Seconds until a worker has loaded what it needs; one has before the search begins.
    """
    count = min(workers, len(trials))
    free = [0.0] + [first] * (count - 1)
    served = 0.0
    for seconds in trials:
        ready = heapq.heappop(free)
        served = max(served, ready) + client
        heapq.heappush(free, max(served, ready + gap) + seconds)
    return max(free)


class _Late:
    """An executor whose results are handed back late."""

    def __init__(self, executor: Executor, seconds: float) -> None:
        self._executor = executor
        self._seconds = seconds
        self._held: list[tuple[float, Finished]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    @property
    def running(self) -> int:
        """Those that are held back run, as far as anybody knows."""
        return self._executor.running + len(self._held)

    @property
    def idle(self) -> int:
        """Nor are their workers free."""
        return max(0, self._executor.idle - len(self._held))

    def wait(self, timeout: float) -> list[Finished]:
        """Hold back what has ended until its time has come."""
        timeout = min(timeout, 0.01) if self._held else timeout
        now = time.monotonic
        self._held += [(now() + self._seconds, each) for each in self._executor.wait(timeout)]
        if not self._executor.running and self._held:
            time.sleep(max(0.0, min(at for at, _ in self._held) - now()))
        ready = [each for at, each in self._held if at <= now()]
        self._held = [(at, each) for at, each in self._held if at > now()]
        return ready


class _Known:
    """An executor that has all records already: what is left is what the client does with them."""

    def __init__(self, records: list[Any]) -> None:
        self._records = records
        self._keys: list[Hashable] = []
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None

    idle = property(lambda self: 2 - len(self._keys))
    running = property(lambda self: len(self._keys))

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Take a trial."""
        self._keys.append(key)

    def wait(self, timeout: float) -> list[Finished]:
        """Return it with a record of another one."""
        ended = [Finished(key, self._record(key)) for key in self._keys]
        self._keys.clear()
        return ended

    def _record(self, key: Any) -> Any:
        if not hasattr(key, "trial"):
            return None
        return replace(self._records[key.trial % len(self._records)], trial=key.trial)

    def clear(self) -> None:
        """Forget all."""
        self._keys.clear()

    close = clear


def _trials(task: str, count: int) -> tuple[list[float], list[Any]]:
    """Run trials in this process; return the seconds of processor time of each, and the records."""
    dataset = parse_task(task)
    options = TrainOptions(seed=1)
    portfolio = make_portfolio(dataset, plan_for(dataset, options), options)
    get_ready(PASSES, 32)
    seconds, records = [], []
    for trial in range(count):
        start = time.process_time()
        records.append(run_trial(dataset, portfolio, 1, PASSES, trial))
        seconds.append(time.process_time() - start)
    return seconds, records


def _discover(executor: Callable[[int], Executor], trials: int) -> float:
    """Return the seconds of a discovery, those of starting the workers not counted."""
    options = DiscoverOptions(
        training=TrainOptions(seed=1), trials=trials, time_limit=None, passes=PASSES, polish=False
    )
    with tempfile.TemporaryDirectory() as folder:
        report = discover(parse_task(VALIDATED), Path(folder) / "found", options, executor=executor)
    return report.seconds


def _empty_tasks(workers: int, count: int) -> tuple[float, float, float, float]:
    """Return what so many workers take for tasks that do nothing.

    Seconds until they are there, and until one has loaded what a trial needs; seconds of a task, and
    processor seconds of this process for it.
    """
    start = time.perf_counter()
    cluster = connect(f"local:{workers}")
    try:
        cluster._client.wait_for_workers(workers)
        joined = time.perf_counter() - start
        start = time.perf_counter()
        list(completed(cluster, [Task("ready", "ready", get_ready, (PASSES, 32))]))
        loaded = time.perf_counter() - start
        tasks = [Task(number, "nothing", pow, (number, 2)) for number in range(count)]
        list(completed(cluster, tasks[: count // 10]))
        start, busy = time.perf_counter(), time.process_time()
        list(completed(cluster, tasks))
        wall, busy = time.perf_counter() - start, time.process_time() - busy
    finally:
        cluster.close()
    return joined, loaded, wall / count, busy / count


def _settling(records: list[Any], results: int) -> float:
    """Return the seconds of the client for one more result, most of which it waits for the disk."""
    spent = []
    for count in (results // 4, results // 4, results):  # the first time all is loaded
        start = time.perf_counter()
        _discover(lambda _: _Known(records), count)
        spent.append(time.perf_counter() - start)
    return max(0.0, spent[2] - spent[1]) / (results - results // 4)


def measure(quick: bool) -> dict[str, Any]:
    """Return the length of trials, the cost of a task, and what one worker and two take."""
    found: dict[str, Any] = {"trials": {}, "validated": []}
    records: list[Any] = []
    _trials(VALIDATED, 1)  # what is compiled at the first trial is no part of one
    for task, count in TASKS.items():
        seconds, made = _trials(task, max(1, count // 3) if quick else count)
        found["trials"][task] = seconds
        records = records or made
    count = 200 if quick else 1000
    found["join"], found["first"], found["gap"], found["busy"] = _empty_tasks(1, count)
    found["settle"] = _settling(records, 200 if quick else 800)
    trials = len(records)
    found["inline"] = _discover(lambda _: Inline(), trials)
    for workers in range(1, min(2, len(os.sched_getaffinity(0))) + 1):
        for delay in (0.0, 1.0):
            taken = _discover(
                lambda _, n=workers, late=delay: _Late(connect(f"local:{n}"), late), trials
            )
            found["validated"].append((workers, delay, taken))
    return found


def tables(measured: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return constants, comparison and forecast as tables."""
    client = measured["busy"] + measured["settle"]
    gap = measured["gap"]
    constants = [
        (task, len(seconds), f"{statistics.mean(seconds):.2f}", f"{min(seconds):.2f}",
         f"{max(seconds):.2f}")
        for task, seconds in measured["trials"].items()
    ]  # fmt: skip
    trials = measured["trials"][VALIDATED]
    # What this process alone took for the same trials has no workers and no scheduler in it.
    compared = []
    for workers, delay, taken in measured["validated"]:
        expected = simulate(trials, workers, gap + delay, client, measured["first"])
        # A result that is held back at the very end is waited for too.
        expected += delay + max(0.0, measured["inline"] - sum(trials))
        compared.append(
            (workers, f"{delay:g}", f"{taken:.1f}", f"{expected:.1f}", f"{taken / expected - 1:+.0%}",
             f"{measured['inline'] / taken:.2f}")
        )  # fmt: skip
    foretold = []
    for task, seconds in measured["trials"].items():
        for count in (40, 1000, 10_000):
            many = (seconds * (count // len(seconds) + 1))[:count]
            gains = (
                sum(many) / simulate(many, workers, gap, client, measured["first"])
                for workers in WORKERS
            )
            foretold.append((task, count, *(f"{gain:.1f}" for gain in gains)))
        full = statistics.mean(seconds) / client
        foretold.append((task, "no end", *("" for _ in WORKERS[:-1]), f"at most {full:.0f}"))
    return [
        (
            f"Trials (a task costs the worker {gap * 1e3:.1f} ms, client and scheduler "
            f"{measured['busy'] * 1e3:.2f} ms, its result {measured['settle'] * 1e3:.2f} ms; "
            f"{measured['join']:.1f} s until the first worker is there, {measured['first']:.1f} s until it has "
            "loaded everything)",
            ("task", "trials", "s, mean", "least", "most"),
            constants,
        ),
        (
            f"{len(trials)} trials of {VALIDATED}: measured and by the model",
            ("workers", "held back s", "s", "model s", "off by", "times one process"),
            compared,
        ),
        (
            "Speed-up by the model",
            ("task", "trials", *(f"{workers} workers" for workers in WORKERS)),
            foretold,
        ),
    ]
