"""Tasks one after the other where there is room, results as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from btfsynth.events import Note, OnEvent, ignore
from btfsynth.workers.executor import Executor, Finished

__all__ = ["Task", "completed"]

_NAP = 0.2
"""Seconds between two looks, so that Ctrl-C is seen at once."""


@dataclass(frozen=True)
class Task:
    """A function that goes by its name, and its arguments.

    Parameters
    ----------
    key
        What its result comes back under.
    name
        What the user calls it.
    function, arguments
        What to run.
    """

    key: Hashable
    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def completed(
    executor: Executor, tasks: Iterable[Task], on_event: OnEvent = ignore
) -> Iterator[Finished]:
    """Run tasks and yield what each came to, as they end.

    A task whose worker dies is run once more. When the caller stops before the end, or an error does, what
    runs is taken back.

    Parameters
    ----------
    executor
        Runs them; it stays open.
    tasks
        Asked for the next one when there is room for it.
    on_event
        Gets a `Note` on every worker that died.

    Raises
    ------
    BtfsynthError
        If a task raised one, or the executor is lost.
    """
    waiting = iter(tasks)
    running: dict[Hashable, Task] = {}
    again: deque[Task] = deque()
    died: set[Hashable] = set()
    try:
        while True:
            while executor.idle:
                task = again.popleft() if again else next(waiting, None)
                if task is None:
                    break
                running[task.key] = task
                executor.submit(task.key, task.function, *task.arguments)
            if not running:
                return
            for finished in executor.wait(_NAP):
                task = running.pop(finished.key)
                if finished.died and task.key not in died:
                    died.add(task.key)
                    again.append(task)
                    on_event(Note(f"{task.name}: its worker died; it is run once more"))
                    continue
                if finished.died:
                    on_event(Note(f"{task.name}: its worker died again; it is left out"))
                yield finished
    finally:
        executor.clear()
