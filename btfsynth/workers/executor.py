"""What work is run on: functions that are sent by name, in processes that may die.

An `Executor` runs tasks; `completed` feeds it and yields their results; a task tells its state with `report`.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from btfsynth import errors
from btfsynth.errors import BtfsynthError
from btfsynth.events import Note, OnEvent, ignore

NAP = 0.2
"""Seconds between two looks at what runs, so that Ctrl-C is seen at once."""

Answer = tuple[str, Any]
"""``value`` or the name of an error, and what goes with it."""


class Common:
    """Base of what many tasks have as an argument and do not change: a cluster is sent it once."""


@dataclass(frozen=True)
class Task:
    """A function that is sent by its name, and its arguments.

    ``arguments`` may also be a function that returns them; it is called whenever the task is handed out.
    """

    key: Hashable
    name: str  # what messages call it
    function: Callable[..., Any]
    arguments: tuple[Any, ...] | Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Finished:
    """A task that has ended; there is no value if its worker died of it."""

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
        """Return the tasks that have ended, at most `timeout` seconds from now; raise what a task raised."""

    def clear(self) -> None:
        """Take back all tasks: none of them is handed back any more. The executor can be used again."""

    def close(self) -> None:
        """End everything at once, running tasks too."""


def completed(
    executor: Executor,
    tasks: Iterable[Task] | Callable[[], Task | None],
    on_event: OnEvent = ignore,
    *,
    attempts: int = 2,
    in_order: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Finished]:
    """Run tasks where there is room and yield each when it has ended.

    `tasks` is asked for the next one when there is room for it: an iterator, or a function that returns None
    while there is nothing to do beside what runs. A task whose worker dies gives a `Note` and is run again,
    `attempts` times in all; then it is yielded as died. `in_order` yields results as the tasks were handed
    out, not as they come. `stop` is asked between two waits. When the caller, `stop` or an error ends the
    loop, what still runs is taken back; the executor stays open.
    """
    waiting = None if callable(tasks) else iter(tasks)
    running: dict[Hashable, Task] = {}
    again: deque[Task] = deque()
    deaths: Counter[Hashable] = Counter()
    order: deque[Hashable] = deque()
    held: dict[Hashable, Finished] = {}

    def draw() -> Task | None:
        task = tasks() if callable(tasks) else next(waiting, None)  # type: ignore[arg-type]
        if task is not None:
            order.append(task.key)
        return task

    try:
        while not stop():
            while executor.idle and (task := again.popleft() if again else draw()) is not None:
                running[task.key] = task
                arguments = task.arguments() if callable(task.arguments) else task.arguments
                executor.submit(task.key, task.function, *arguments)
            if not running:
                return
            for finished in executor.wait(NAP):
                task = running.pop(finished.key)
                if finished.died:
                    deaths[task.key] += 1
                    times = "" if deaths[task.key] == 1 else " again"
                    if deaths[task.key] < attempts:
                        again.append(task)
                        on_event(Note(f"{task.name}: its worker died{times}; it is run again"))
                        continue
                    on_event(Note(f"{task.name}: its worker died{times}; it is skipped"))
                if not in_order:
                    yield finished
                    continue
                held[task.key] = finished
                while order and order[0] in held:
                    yield held.pop(order.popleft())
    finally:
        executor.clear()


class Inline:
    """An executor without workers: a task is run, in this process, when it is waited for."""

    def __init__(self) -> None:
        self._task: tuple[Hashable, Callable[..., Any], tuple[Any, ...]] | None = None
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None

    @property
    def idle(self) -> int:
        return int(self._task is None)

    @property
    def running(self) -> int:
        return int(self._task is not None)

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        self._task = key, function, arguments

    def wait(self, timeout: float) -> list[Finished]:
        if self._task is None:
            return []
        key, function, arguments = self._task
        self._task = None
        with running_task(lambda value: self.on_report(key, value)):
            return [Finished(key, function(*arguments))]

    def clear(self) -> None:
        self._task = None

    def close(self) -> None:
        self._task = None


class Threads:
    """An executor of this process: tasks share its memory, and should release the lock of the interpreter."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="task")
        self._tasks: dict[Future[Any], Hashable] = {}
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None

    @property
    def idle(self) -> int:
        return self._jobs - len(self._tasks)

    @property
    def running(self) -> int:
        return len(self._tasks)

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        self._tasks[self._pool.submit(function, *arguments)] = key

    def wait(self, timeout: float) -> list[Finished]:
        ended, _ = wait(self._tasks, timeout, FIRST_COMPLETED)
        return [Finished(self._tasks.pop(future), future.result()) for future in ended]

    def clear(self) -> None:
        """Forget all tasks; running ones continue to their end."""
        self._tasks.clear()

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)


# What a task can tell and ask while it runs, wherever that is.

_listener: ContextVar[Callable[[Any], None] | None] = ContextVar("listener", default=None)
_place: ContextVar[str] = ContextVar("place", default="")


def report(value: Any) -> None:
    """Send numbers and texts, alone or in tuples, lists and dictionaries, to whoever waits for the task."""
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


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """Run a task in a worker and return its result or its error."""
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
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, BtfsynthError):
        error = known.__new__(known)
        error.args = (content,)
        raise error
    raise MemoryError if kind == "MemoryError" else RuntimeError(content)
