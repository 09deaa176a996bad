"""The cluster that a command runs its work on, if it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from btfsynth.workers.cluster import connect
from btfsynth.workers.executor import Executor

__all__ = ["executor_of"]


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
