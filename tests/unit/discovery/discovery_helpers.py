"""What tests of discovery share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from btfsynth.discovery.record import Circuit, Record
from btfsynth.netlist.views import NetlistStatistics
from btfsynth.workers.executor import Finished


class InProcess:
    """An executor without processes: runs a task when it is waited for, in an order of choice.

    Tasks named in ``deaths`` die so often before they run.
    """

    def __init__(
        self, jobs: int, latest_first: bool = False, deaths: dict[Hashable, int] | None = None
    ) -> None:
        self.jobs = jobs
        self.latest_first = latest_first
        self.deaths = dict(deaths or {})
        self.done: list[Hashable] = []
        self.interrupt_after: int | None = None
        self.tasks: deque[tuple[Hashable, Callable[..., Any], tuple[Any, ...]]] = deque()

    @property
    def idle(self) -> int:
        return self.jobs - len(self.tasks)

    @property
    def running(self) -> int:
        return len(self.tasks)

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        assert self.idle
        self.tasks.append((key, function, arguments))

    def wait(self, timeout: float) -> list[Finished]:
        if self.interrupt_after is not None and len(self.done) >= self.interrupt_after:
            raise KeyboardInterrupt
        key, function, arguments = self.tasks.pop() if self.latest_first else self.tasks.popleft()
        if self.deaths.get(key, 0):
            self.deaths[key] -= 1
            return [Finished(key, died=True)]
        self.done.append(key)
        return [Finished(key, function(*arguments))]

    def clear(self) -> None:
        self.tasks.clear()

    def close(self) -> None:
        self.tasks.clear()


def record(trial: int, costs: tuple[int, int, int] | None, key: str | None = None) -> Record:
    """A record with a circuit of these cells, depth and inverters; its netlist is not looked at."""
    base = Record(
        trial=trial, seed=1, method="network", widths=(2, 2, 1), sigma=3.0, beta=0.5, gamma=0.01,
        max_iterations=100, iterations=10,
        bits_right=4, bits=4, passes="size",
    )  # fmt: skip
    if costs is None:
        return base
    cells, depth, inverters = costs
    cost = NetlistStatistics(cells, cells, 0, 0, inverters, depth)
    return replace(base, circuit=Circuit(key or f"{trial:064x}", cost, "text"))
