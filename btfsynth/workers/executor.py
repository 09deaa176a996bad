"""What work is run on: functions that are sent by name, in processes that may die.

An `Executor` runs tasks; `completed` feeds it and yields results; a task tells where it stands with `report`.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from btfsynth import errors
from btfsynth.errors import BtfsynthError
from btfsynth.events import Note, OnEvent, ignore

_listener: ContextVar[Callable[[Any], None] | None] = ContextVar("listener", default=None)
_place: ContextVar[str] = ContextVar("place", default="")


def report(value: Any) -> None:
    """Tell whoever waits for the task where it stands; outside of a task nobody is told.

    Parameters
    ----------
    value
        Numbers and texts, alone or in tuples, lists and dictionaries.
    """
    listener = _listener.get()
    if listener is not None:
        listener(value)


def place() -> str:
    """Return what to put before a complaint about the machine: the worker on a cluster, else nothing."""
    return _place.get()


@contextmanager
def running_task(listener: Callable[[Any], None], where: str = "") -> Iterator[None]:
    """Run the body as a task: what it reports goes to the listener."""
    heard, was = _listener.set(listener), _place.set(where)
    try:
        yield
    finally:
        _listener.reset(heard)
        _place.reset(was)


Answer = tuple[str, Any]
"""``value`` or the name of an error, and what goes with it."""


class Common:
    """Base of what many tasks have as an argument and do not change: a cluster is sent it once."""


@dataclass(frozen=True)
class Finished:
    """A task that came to an end.

    Parameters
    ----------
    key
        What it was submitted as.
    value
        What its function returned.
    died
        True if the worker died of it; there is no value then.
    """

    key: Hashable
    value: Any = None
    died: bool = False


class Executor(Protocol):
    """What runs tasks."""

    on_report: Callable[[Hashable, Any], None]
    """Called while tasks are waited for, with a key and what its task reported."""

    @property
    def idle(self) -> int:
        """Tasks that can be submitted now."""

    @property
    def running(self) -> int:
        """Tasks submitted and not yet handed back."""

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task; one must be idle."""

    def wait(self, timeout: float) -> list[Finished]:
        """Return the tasks that have ended; wait so many seconds for the first.

        Raises
        ------
        BtfsynthError
            If a task raised one.
        """

    def clear(self) -> None:
        """Take back all tasks: none of them is handed back any more. The executor can be used again."""

    def close(self) -> None:
        """End everything at once, running tasks too."""


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """Run a task in a worker and return what came of it."""
    try:
        return "value", function(*arguments)
    except BtfsynthError as error:
        return type(error).__name__, str(error)
    except MemoryError:
        return "MemoryError", ""
    except Exception:
        return "RuntimeError", traceback.format_exc()


def value_of(given: Answer) -> Any:
    """Return what a task returned, or raise what it raised in its worker."""
    kind, content = given
    if kind == "value":
        return content
    if kind in errors.__all__:
        error = getattr(errors, kind).__new__(getattr(errors, kind))
        error.args = (content,)
        raise error
    raise MemoryError if kind == "MemoryError" else RuntimeError(content)


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
