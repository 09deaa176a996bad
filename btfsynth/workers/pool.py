"""Worker processes that run functions, and that may die.

Processes, not threads: the optimiser's Python code would hold the interpreter's lock. Each has one pipe and
runs one task at a time, so that it is known which task a worker died of, and a task can be ended at any
moment by ending its worker.

This module imports nothing that computes: a worker sets its number of threads before anything else is loaded.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from btfsynth.errors import UsageError
from btfsynth.workers.executor import Executor, Finished, Inline, answer, running_task, value_of

_THREAD_VARIABLES = (
    "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
_REPORT = "report"
"""Comes before what a task reports, where an answer has its kind."""
_PATIENCE = 2.0
"""Seconds a worker has to end before it is killed."""


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
        ready = wait([worker.connection for worker in busy.values()], timeout) if busy else []
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
        In such a worker: else it would start workers of its own.
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
    """Run what comes through the pipe until its other end is closed."""
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
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def local_executor(jobs: int) -> Executor:
    """Return what runs `jobs` tasks side by side: this process alone for one, else as many others."""
    return Inline() if jobs == 1 else WorkerPool(jobs)
