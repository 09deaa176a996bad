"""Where a command runs its work, if it was asked: a cluster, or several processes under ``mpirun``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import click

from btfsynth.cli.options import is_given
from btfsynth.cli.output import say
from btfsynth.errors import BtfsynthError, InterruptedWorkError, TrainingError, UsageError

if TYPE_CHECKING:
    from btfsynth.training.parallel import Ranks
    from btfsynth.workers.executor import Executor


def executor_of(scheduler: str | None) -> AbstractContextManager[Executor | None]:
    """Return the cluster of a scheduler, which is closed after use; None if there is no scheduler."""
    from btfsynth.workers.cluster import connect

    return nullcontext() if scheduler is None else closing(connect(scheduler))


def workers_of(scheduler: str | None) -> Callable[[int], Executor]:
    """Return what makes the workers from a number of jobs: those of a scheduler, or this machine's."""
    from btfsynth.workers.cluster import connect
    from btfsynth.workers.executor import local_executor

    if scheduler is None:
        return local_executor
    if is_given("jobs"):
        raise UsageError("`scheduler` and `jobs`: the number of workers is the cluster's")
    return lambda _: connect(scheduler)


T = TypeVar("T")


def join_ranks(wanted: bool) -> Ranks | None:
    """Return the processes of this run if it is to be shared; all but the first fall silent."""
    from btfsynth.training.parallel import find_ranks

    if not wanted:
        return None
    ranks = find_ranks()
    if not ranks.is_root:
        sys.stdout.flush()
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)
    return ranks


def prepared(ranks: Ranks | None, prepare: Callable[[], T]) -> T:
    """Return what a function returns; if it fails in one process it does in all."""
    if ranks is None:
        return prepare()
    result: T
    problem: Exception | None = None
    try:
        result = prepare()
    except (BtfsynthError, click.ClickException) as error:
        problem = error
    failed = ranks.failures("" if problem is None else str(problem) or "failed")
    if problem is not None:
        raise problem
    if failed:
        rank, text = failed[0]
        raise UsageError(f"process {rank}: {text}")
    return result


@contextmanager
def guarded(ranks: Ranks | None) -> Iterator[None]:
    """End all processes if this one fails alone: the others would wait for it forever.

    What ends a training ends it in all processes alike and passes.
    """
    try:
        yield
    except (InterruptedWorkError, TrainingError, UsageError):
        raise
    except BaseException as error:
        if ranks is None:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)
        problem = "interrupted before its first iteration" if interrupted else str(error)
        say(f"btfsynth: error: process {ranks.share.rank}: {problem or type(error).__name__}")
        ranks.abort()
