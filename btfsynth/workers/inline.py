"""An executor without workers: a task is run, in this process, when it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from btfsynth.workers.executor import Finished
from btfsynth.workers.running import running_task

__all__ = ["Inline"]


class Inline:
    """Runs one task after the other."""

    def __init__(self) -> None:
        self._task: tuple[Hashable, Callable[..., Any], tuple[Any, ...]] | None = None
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None

    @property
    def idle(self) -> int:
        """1 if no task waits."""
        return int(self._task is None)

    @property
    def running(self) -> int:
        """1 if a task waits."""
        return int(self._task is not None)

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Keep a task until it is waited for."""
        self._task = key, function, arguments

    def wait(self, timeout: float) -> list[Finished]:
        """Run the task that waits."""
        if self._task is None:
            return []
        key, function, arguments = self._task
        self._task = None
        with running_task(lambda value: self.on_report(key, value)):
            return [Finished(key, function(*arguments))]

    def clear(self) -> None:
        """Forget the task that waits."""
        self._task = None

    def close(self) -> None:
        """Forget the task that waits."""
        self._task = None
