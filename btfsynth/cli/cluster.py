"""The cluster that a command runs its work on, if it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from btfsynth.cli.options import is_default
from btfsynth.errors import UsageError
from btfsynth.workers.cluster import connect
from btfsynth.workers.executor import Executor
from btfsynth.workers.local import local_executor

__all__ = ["executor_of", "workers_of"]


@contextmanager
def executor_of(scheduler: str | None) -> Iterator[Executor | None]:
    """Give the cluster of a scheduler while the body runs, None if there is no scheduler."""
    if scheduler is None:
        yield None
        return
    cluster = connect(scheduler)
    try:
        yield cluster
    finally:
        cluster.close()


def workers_of(scheduler: str | None) -> Callable[[int], Executor]:
    """Return what makes the workers from a number of jobs: those of a scheduler, or this machine's.

    Raises
    ------
    UsageError
        If there is a scheduler and ``--jobs`` was given.
    """
    if scheduler is None:
        return local_executor
    if not is_default("jobs"):
        raise UsageError("--scheduler and --jobs: the cluster says how much runs at once")
    return lambda _: connect(scheduler)
