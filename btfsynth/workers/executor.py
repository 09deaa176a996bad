"""Executors: they run functions, sent by name, in processes that may die.

An `Executor` runs tasks; `completed` feeds it and yields their results; a task tells its state with `report`.
Those of this machine are this process (`Inline`), its `Threads`, and worker processes (`WorkerPool`).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_tasks
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_answers
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from btfsynth import errors
from btfsynth.errors import BtfsynthError, UsageError
from btfsynth.events import Note, OnEvent, ignore

NAP = 0.2
"""Seconds between two checks of running tasks, so that Ctrl-C takes effect at once."""

Answer = tuple[str, Any]
"""``value`` or the name of an error, and its content."""


class Common:
    """Base of constant arguments shared by many tasks, which are sent to a cluster once."""


@dataclass(frozen=True)
class Task:
    """A function that is sent by its name, and its arguments.

    ``arguments`` may also be a function that returns them, called whenever the task is started.
    """

    key: Hashable
    name: str  # what messages call it
    function: Callable[..., Any]
    arguments: tuple[Any, ...] | Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Finished:
    """A finished task; it has no value if its worker died."""

    key: Hashable
    value: Any = None
    died: bool = False


class Executor(Protocol):
    """Runs tasks."""

    on_report: Callable[[Hashable, Any], None]
    """Called while waiting, with the key of a task and its report."""

    @property
    def idle(self) -> int:
        """Tasks that can be submitted now."""

    @property
    def running(self) -> int:
        """Tasks submitted and not yet returned."""

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task; one must be idle."""

    def wait(self, timeout: float) -> list[Finished]:
        """Return the finished tasks, after at most `timeout` seconds; raise the exception of a task."""

    def clear(self) -> None:
        """Cancel all tasks; none of them is returned any more. The executor can be used again."""

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
    """Run tasks as capacity permits and yield each when it has finished.

    `tasks` gives the next task when there is capacity: an iterator, or a function that returns None while it
    must wait for running tasks. A task whose worker dies causes a `Note` and is run again, `attempts` times in
    all; then it is yielded as died. `in_order` yields results in the order of the tasks. `stop` is called
    between two waits. When the caller, `stop` or an error ends the loop, running tasks are cancelled; the
    executor stays open.
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
    """An executor of threads: tasks share memory, and should release the interpreter lock."""

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
        ended, _ = wait_for_tasks(self._tasks, timeout, FIRST_COMPLETED)
        return [Finished(self._tasks.pop(future), future.result()) for future in ended]

    def clear(self) -> None:
        """Forget all tasks; running ones continue to their end."""
        self._tasks.clear()

    def close(self) -> None:
        """Wait for running tasks."""
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
    """Return the prefix of messages about a machine: the worker on a cluster, else nothing."""
    return _place.get()


@contextmanager
def running_task(listener: Callable[[Any], None], where: str = "") -> Iterator[None]:
    """Run the body as a task whose reports go to the listener."""
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
    """Return the value of a task, or raise its exception from the worker."""
    kind, content = given
    if kind == "value":
        return content
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, BtfsynthError):
        error = known.__new__(known)
        error.args = (content,)
        raise error
    raise MemoryError if kind == "MemoryError" else RuntimeError(content)


# Worker processes that run functions, and that may die.
#
# Processes, not threads: the optimiser's Python code would hold the interpreter's lock. Each has one pipe and
# runs one task at a time, so that it is known which task a worker died of, and a task can be ended at any
# moment by ending its worker.
#
# This module imports nothing that computes: a worker sets its number of threads before anything else is loaded.

_THREAD_VARIABLES = (
    "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
_REPORT = "report"
"""Marks a report of a task, in the place of the kind of an answer."""
_PATIENCE = 2.0
"""Seconds to wait for the end of a worker before it is killed."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    key: Hashable | None = None


class WorkerPool:
    """An executor of `jobs` worker processes; one that dies or is ended is replaced when it is needed."""

    def __init__(self, jobs: int) -> None:
        refuse_in_workers()
        self._jobs = jobs
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None
        try:
            for _ in range(jobs):
                self._workers.append(self._start())
        except BaseException:
            self.close()
            raise

    @property
    def idle(self) -> int:
        return self._jobs - self.running

    @property
    def running(self) -> int:
        return sum(worker.key is not None for worker in self._workers)

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Give a task to an idle worker; the function is sent by name, so it must have one."""
        worker = next((worker for worker in self._workers if worker.key is None), None)
        if worker is None:
            worker = self._start()
            self._workers.append(worker)
        worker.key = key
        with contextlib.suppress(OSError):  # it has died: waiting finds out
            worker.connection.send((function, arguments))

    def wait(self, timeout: float) -> list[Finished]:
        busy = {id(worker.connection): worker for worker in self._workers if worker.key is not None}
        ready = (
            wait_for_answers([worker.connection for worker in busy.values()], timeout)
            if busy
            else []
        )
        finished = []
        for connection in ready:
            worker = busy[id(connection)]
            key = worker.key
            try:
                kind, content = worker.connection.recv()
            except (EOFError, OSError):
                self._drop(worker)
                finished.append(Finished(key, died=True))
                continue
            if kind == _REPORT:
                self.on_report(key, content)
                continue
            worker.key = None
            finished.append(Finished(key, value_of((kind, content))))
        return finished

    def clear(self) -> None:
        """End the workers that run a task."""
        for worker in [worker for worker in self._workers if worker.key is not None]:
            self._drop(worker)

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._end(worker)

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        with _interrupts_blocked():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _end(self, worker: _Worker) -> None:
        worker.connection.close()
        worker.process.terminate()
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()


def refuse_in_workers() -> None:
    """Refuse to start a search while a worker imports the script that started one.

    Raises
    ------
    UsageError
        In such a worker, which would otherwise start workers of its own.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UsageError(
            "worker processes import the script again: expected the call below "
            "`if __name__ == '__main__':`"
        )


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes that a Ctrl-C on the terminal does not reach: this one ends them itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _serve(connection: Connection) -> None:
    """Run tasks from the pipe until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    with contextlib.suppress(EOFError, OSError):
        while True:
            function, arguments = connection.recv()
            with running_task(lambda value: connection.send((_REPORT, value))):
                given = answer(function, arguments)
            # What the task holds must not be kept until the next one comes.
            del function, arguments
            connection.send(given)


def processors() -> int:
    """Return the number of processors available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def local_executor(jobs: int) -> Executor:
    """Return an executor for `jobs` parallel tasks: this process for one, else worker processes."""
    return Inline() if jobs == 1 else WorkerPool(jobs)
