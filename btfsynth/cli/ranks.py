"""A command that several processes run together under ``mpirun``: one of them speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click

from btfsynth.cli.output import say
from btfsynth.errors import BtfsynthError, InterruptedWorkError, TrainingError, UsageError
from btfsynth.train.ranks import Ranks, find_ranks

__all__ = ["guarded", "join_ranks", "prepared"]

T = TypeVar("T")


def join_ranks(wanted: bool) -> Ranks | None:
    """Return the processes of this run if it is to be shared; all but the first fall silent."""
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
    """Return what a function returns; if it fails in one process it does in all.

    Raises
    ------
    UsageError
        If it failed in another process.
    """
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
    """End all processes if this one fails alone: the others would wait for it for ever.

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
        problem = "interrupted before its first step" if interrupted else str(error)
        say(f"btfsynth: error: process {ranks.share.rank}: {problem or type(error).__name__}")
        ranks.abort()
