"""Worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from btfsynth.errors import DataError, UsageError
from btfsynth.workers.executor import WorkerPool


def double(number: int) -> int:
    """Do some work."""
    return 2 * number


def threads() -> str:
    """Tell what a worker computes with."""
    return os.environ["NUMBA_NUM_THREADS"]


def die() -> None:
    """End the worker outright."""
    os.kill(os.getpid(), signal.SIGKILL)


def complain(kind: str) -> None:
    """Fail in one of several ways."""
    if kind == "data":
        raise DataError("expected a table", "file.csv", 3)
    if kind == "usage":
        raise UsageError("no such thing")
    raise ZeroDivisionError(kind)


@pytest.fixture(scope="module")
def pool():
    """Two workers."""
    made = WorkerPool(2)
    yield made
    made.close()
    assert not multiprocessing.active_children()


def results(pool: WorkerPool, count: int) -> dict:
    """Wait for so many tasks."""
    found: dict = {}
    end = time.monotonic() + 60
    while len(found) < count and time.monotonic() < end:
        found.update({finished.key: finished for finished in pool.wait(0.5)})
    return found


def test_tasks_run_side_by_side(pool):
    """Each comes back under its key; a worker has one thread for its arithmetic."""
    assert (pool.idle, pool.running) == (2, 0)
    pool.submit("a", double, 4)
    pool.submit("b", threads)
    assert (pool.idle, pool.running) == (0, 2)
    found = results(pool, 2)
    assert (found["a"].value, found["b"].value) == (8, "1")
    assert pool.idle == 2


def test_a_worker_that_dies_is_replaced(pool):
    """It is told which task it died of; the others are not touched."""
    pool.submit("bad", die)
    pool.submit("good", double, 1)
    found = results(pool, 2)
    assert (found["bad"].died, found["good"].died, found["good"].value) == (True, False, 2)
    pool.submit("c", double, 2)
    pool.submit("d", double, 3)
    assert {key: each.value for key, each in results(pool, 2).items()} == {"c": 4, "d": 6}


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("data", DataError, "file.csv:3: expected a table"),
        ("usage", UsageError, "no such thing"),
        ("other", RuntimeError, "ZeroDivisionError: other"),
    ],
)
def test_errors_come_through(pool, kind, error, words):
    """An error of a task is raised where it is waited for, with its text."""
    pool.submit("x", complain, kind)
    with pytest.raises(error, match=words):
        results(pool, 1)


def test_closing_ends_running_tasks():
    """Nothing is waited for, and no process is left."""
    before = set(multiprocessing.active_children())
    pool = WorkerPool(1)
    pool.submit("long", time.sleep, 6000)
    pool.close()
    assert set(multiprocessing.active_children()) == before
