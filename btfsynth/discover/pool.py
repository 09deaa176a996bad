"""Worker processes that run functions, and that may die.

Processes, not threads: the optimiser's Python would hold them up. Each has one pipe and runs one task at a
time, so that it is known which task a worker died of, and a task can be ended at any moment by ending
its worker.

This module imports nothing that computes: a worker sets its number of threads before anything else is loaded.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from btfsynth import errors
from btfsynth.errors import BtfsynthError

__all__ = ["Executor", "Finished", "WorkerPool"]

_THREAD_VARIABLES = (
    "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
_PATIENCE = 2.0
"""Seconds a worker has to end before it is killed."""


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
    """What a search runs its tasks on."""

    @property
    def idle(self) -> int:
        """Tasks that can be submitted now."""

    @property
    def running(self) -> int:
        """Tasks submitted and not yet handed back."""

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task; one must be idle."""

    def wait(self, timeout: float) -> list[Finished]:
        """Return the tasks that have ended; wait so many seconds for the first."""

    def close(self) -> None:
        """End everything at once, running tasks too."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    key: Hashable | None = None


class WorkerPool:
    """So many worker processes; one that dies is replaced.

    Parameters
    ----------
    jobs
        Workers.
    """

    def __init__(self, jobs: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        try:
            for _ in range(jobs):
                self._workers.append(self._start())
        except BaseException:
            self.close()
            raise

    @property
    def idle(self) -> int:
        """Workers without a task."""
        return sum(worker.key is None for worker in self._workers)

    @property
    def running(self) -> int:
        """Workers with a task."""
        return len(self._workers) - self.idle

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Give a task to an idle worker; the function goes by its name, so it must have one."""
        worker = next(worker for worker in self._workers if worker.key is None)
        worker.key = key
        with contextlib.suppress(OSError):  # it has died: waiting finds out
            worker.connection.send((function, arguments))

    def wait(self, timeout: float) -> list[Finished]:
        """Return the tasks that have ended; wait so many seconds for the first.

        Raises
        ------
        BtfsynthError
            If a task raised one.
        """
        busy = {id(worker.connection): worker for worker in self._workers if worker.key is not None}
        ready = wait([worker.connection for worker in busy.values()], timeout) if busy else []
        finished = []
        for connection in ready:
            worker = busy[id(connection)]
            key, worker.key = worker.key, None
            try:
                kind, *content = worker.connection.recv()
            except (EOFError, OSError):
                self._end(worker)
                self._workers[self._workers.index(worker)] = self._start()
                finished.append(Finished(key, died=True))
                continue
            if kind != "value":
                _raise(kind, content[0])
            finished.append(Finished(key, content[0]))
        return finished

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()

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
    """Run what comes through the pipe until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_answer(connection))


def _answer(connection: Connection) -> tuple[str, Any]:
    """Take a task and return what came of it: ``value`` or the name of an error, and what goes with it."""
    try:
        function, arguments = connection.recv()
        return "value", function(*arguments)
    except (EOFError, BrokenPipeError, ConnectionError):  # the other end is gone
        raise
    except BtfsynthError as error:
        return type(error).__name__, str(error)
    except MemoryError:
        return "MemoryError", ""
    except Exception:
        return "RuntimeError", traceback.format_exc()


def _raise(kind: str, text: str) -> None:
    """Raise what a task raised in its worker."""
    if kind in errors.__all__:
        error = getattr(errors, kind).__new__(getattr(errors, kind))
        error.args = (text,)
        raise error
    raise MemoryError if kind == "MemoryError" else RuntimeError(text)
