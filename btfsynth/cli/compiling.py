"""Tell when kernels are compiled: the first run of all waits for it, and should say why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from btfsynth.cli.output import say
from btfsynth.passes.compile_clock import watch_compiling

__all__ = ["announced_compiling"]


@contextmanager
def announced_compiling(title: str) -> Iterator[None]:
    """Write a line to standard error at the first compilation in the body."""
    told = False

    def tell(runs: bool) -> None:
        nonlocal told
        if runs and not told:
            told = True
            say(f"{title}: compiling the kernels (once) ...")

    with watch_compiling(tell):
        yield
