"""Work on a Dask cluster: processes on this or other machines, which may join and leave.

A task is sent to the scheduler as the name of a function of this package and its arguments; data sets are sent
once and passed on from worker to worker. The scheduler runs the tasks of a lost worker again.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import sys
import time
import uuid
import warnings
import weakref
from collections.abc import Callable, Hashable
from importlib import metadata
from typing import Any, NamedTuple

from btfsynth import __version__
from btfsynth.errors import MissingToolError, ToolError, UsageError
from btfsynth.plugins import install_command
from btfsynth.workers.executor import Common, Finished, answer, running_task, value_of

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:[0-9]+")
_LOCAL = re.compile(r"local:([0-9]{1,3})")
_PATIENCE = 15.0
"""Seconds to wait for an answer of the scheduler."""
_WORKER_PATIENCE = 120.0
"""Seconds to wait for the first worker, which a batch system may start late."""
_GLANCE = 1.0
"""Seconds between two looks at which workers there are."""
_REPORTS = 1.0
"""Seconds between two reports of a task, which go through the scheduler."""
_MUST_AGREE = ("btfsynth", "numba", "numpy")
"""Packages on whose version results depend."""
_TIMEOUTS = (TimeoutError, asyncio.TimeoutError)  # one class only since Python 3.11
_INSTALL = f"dask is not installed; {install_command('distributed')}"


def require_scheduler(text: str) -> str:
    """Refuse text that is neither an address, nor ``local:N``, nor a scheduler file; return it."""
    local = _LOCAL.fullmatch(text)
    if (local and int(local[1])) or _ADDRESS.fullmatch(text) or text.endswith(".json"):
        return text
    raise UsageError(
        f"`scheduler`: expected tcp://HOST:PORT, tls://HOST:PORT, a scheduler file (.json) or local:N "
        f"for N workers here, got {text!r:.80}"
    )


def connect(scheduler: str) -> Cluster:
    """Join a scheduler, or start one here with workers of its own.

    The connection, including TLS, uses the configuration of Dask (``distributed.comm.tls`` and so on). Raises a
    `ToolError` if the scheduler does not answer, no worker joins, or one has other versions.
    """
    require_scheduler(scheduler)
    try:
        import distributed
    except ImportError:
        raise MissingToolError(_INSTALL) from None
    # Dask tells at length what is told here in one line.
    for name in ("distributed", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    local = _LOCAL.fullmatch(scheduler)
    own: Any = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if local:
                own = distributed.LocalCluster(
                    n_workers=int(local[1]), threads_per_worker=1, dashboard_address=None
                )
                client = distributed.Client(own, timeout=_PATIENCE)
            elif scheduler.endswith(".json"):
                client = distributed.Client(scheduler_file=scheduler, timeout=_PATIENCE)
            else:
                client = distributed.Client(scheduler, timeout=_PATIENCE)
    except (OSError, *_TIMEOUTS, ValueError, RuntimeError) as error:
        if own is not None:
            own.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ToolError(f"`scheduler={scheduler}`: cannot connect: {reason:.200}") from None
    cluster = Cluster(client, scheduler, own)
    try:
        cluster.meet()
    except BaseException:
        cluster.close()
        raise
    return cluster


class _Sent(NamedTuple):
    number: int
    worker: str | None


class Cluster:
    """A cluster as one executor; as many tasks run as its workers have threads.

    `own` is a cluster started here, None for an existing one.
    """

    def __init__(self, client: Any, name: str, own: Any = None) -> None:
        self._client = client
        self._name = name
        self._own = own
        self._tasks: dict[Any, _Sent] = {}
        self._keys: dict[int, Hashable] = {}
        self._data: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._session = uuid.uuid4().hex
        self._count = 0
        self._reports: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self.on_report: Callable[[Hashable, Any], None] = lambda _, __: None
        self._threads: dict[str, int] = {}
        self._looked = 0.0
        self._met: set[str] = set()
        self._gone = False

    @property
    def idle(self) -> int:
        """Threads without a task; at least one while nothing runs, which waits for a worker."""
        return max(0, max(1, sum(self._threads.values())) - len(self._tasks))

    @property
    def running(self) -> int:
        return len(self._tasks)

    def meet(self) -> None:
        """Wait for the first worker and compare versions."""
        try:
            self._client.wait_for_workers(1, timeout=_WORKER_PATIENCE)
        except _TIMEOUTS:
            raise ToolError(
                f"`scheduler={self._name}`: no worker has joined within {_WORKER_PATIENCE:.0f} s; start one "
                "with 'dask worker'"
            ) from None
        self._look()
        self._client.subscribe_topic(self._session, lambda event: self._reports.put(event[1]))

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        if self._gone:
            raise self._lost()
        self._count += 1
        number = self._count
        # Left to itself the scheduler gives all tasks to the worker that has their data already.
        worker = self._freest()
        future = self._client.submit(
            _work,
            self._session,
            number,
            function,
            *(self._shared(argument) for argument in arguments),
            key=f"btfsynth-{self._session}-{number}",
            pure=False,
            workers=worker,
            allow_other_workers=True,
        )
        self._tasks[future] = _Sent(number, worker)
        self._keys[number] = key

    def wait(self, timeout: float) -> list[Finished]:
        import distributed

        if time.monotonic() - self._looked >= _GLANCE:
            self._look()
        if not self._tasks:
            return []
        try:
            distributed.wait(list(self._tasks), timeout=timeout, return_when="FIRST_COMPLETED")
        except _TIMEOUTS:
            return []
        except distributed.CancelledError:
            raise self._lost() from None
        finally:
            self._hand_on_reports()
        return [self._settle(future) for future in list(self._tasks) if future.done()]

    def clear(self) -> None:
        """Cancel all tasks; running ones are not stopped, but their results are dropped."""
        if self._tasks and self._client.status == "running":
            self._client.cancel(list(self._tasks), force=True)
        self._tasks.clear()
        self._keys.clear()

    def close(self) -> None:
        """Take back all tasks and leave; a cluster that was started for this is ended."""
        try:
            self.clear()
            self._client.close(timeout=_PATIENCE)
        except (OSError, *_TIMEOUTS, RuntimeError):
            pass  # it is gone already
        if self._own is not None:
            self._own.close(timeout=_PATIENCE)

    def _shared(self, argument: Any) -> Any:
        """Return a data set as a reference to the cluster's copy; other arguments unchanged."""
        if not (isinstance(argument, Common) or hasattr(argument, "content_hash")):
            return argument
        if argument not in self._data:
            # A task, not scattered data: the scheduler can make it again when all who hold it are lost.
            self._count += 1
            key = f"btfsynth-{self._session}-data-{self._count}"
            future = self._client.submit(_held, argument, key=key)
            self._data[argument] = future
        return self._data[argument]

    def _freest(self) -> str | None:
        """Return the worker with the most free threads, None if there is none."""
        free = dict(self._threads)
        for sent in self._tasks.values():
            if sent.worker in free:
                free[sent.worker] -= 1
        return max(free, key=free.__getitem__, default=None)

    def _hand_on_reports(self) -> None:
        while not self._reports.empty():
            number, value = self._reports.get()
            if number in self._keys:
                self.on_report(self._keys[number], value)

    def _settle(self, future: Any) -> Finished:
        import distributed

        key = self._keys.pop(self._tasks.pop(future).number)
        if future.status == "finished":
            return Finished(key, value_of(future.result()))
        if future.status != "error":
            raise self._lost()
        error = future.exception()
        if isinstance(error, distributed.KilledWorker):
            return Finished(key, died=True)
        raise ToolError(f"`scheduler={self._name}`: a worker cannot run the work: {error}")

    def _lost(self) -> ToolError:
        self._gone = True
        return ToolError(
            f"`scheduler={self._name}`: the scheduler is gone, and the running work is lost"
        )

    def _look(self) -> None:
        """Update the list of workers and compare the versions of new ones."""
        try:
            threads = self._client.nthreads()
            new = [worker for worker in threads if worker not in self._met]
            if new:
                self._compare(new)
        except (OSError, *_TIMEOUTS):
            if self._client.status in ("closed", "closing"):
                raise self._lost() from None
            return  # it tries to join again
        self._threads = dict(threads)
        self._looked = time.monotonic()

    def _compare(self, workers: list[str]) -> None:
        for package in _MUST_AGREE:
            there = self._client.run(metadata.version, package, workers=workers, on_error="return")
            for worker, version in sorted(there.items()):
                if isinstance(version, metadata.PackageNotFoundError):
                    raise ToolError(f"worker {worker}: {package} is not installed there")
                if isinstance(version, Exception):
                    raise ToolError(f"worker {worker}: {version}")
                here = __version__ if package == "btfsynth" else metadata.version(package)
                if version != here:
                    raise ToolError(
                        f"worker {worker} has {package} {version}, this process has {here}; the results "
                        "would differ"
                    )
        self._met.update(workers)


def _held(data: Any) -> Any:
    return data


def _work(topic: str, number: int, function: Callable[..., Any], *arguments: Any) -> Any:
    import distributed

    numba = sys.modules.get("numba")
    if numba is not None:
        numba.set_num_threads(1)
    worker = distributed.get_worker()
    told = time.monotonic()

    def tell(value: Any) -> None:
        nonlocal told
        if time.monotonic() - told >= _REPORTS:
            told = time.monotonic()
            worker.log_event(topic, (number, value))

    with running_task(tell, f"worker {worker.address}: "):
        return answer(function, arguments)
