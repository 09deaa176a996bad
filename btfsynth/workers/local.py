"""Workers of this machine."""

from __future__ import annotations

from btfsynth.workers.executor import Executor
from btfsynth.workers.inline import Inline
from btfsynth.workers.pool import WorkerPool

__all__ = ["local_executor"]


def local_executor(jobs: int) -> Executor:
    """Return what runs so many tasks side by side: this process alone for one, else as many others."""
    return Inline() if jobs == 1 else WorkerPool(jobs)
