"""Tell when kernels are compiled: the first run of all waits for it, and should say why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

from btfsynth.cli.output import say

__all__ = ["announced_compiling", "watch_compiling"]

_KIND = "numba:compile"
"""What Numba tells when it compiles; what comes from the cache on disk is not told."""


class _Watcher(event.Listener):  # type: ignore[misc]
    """Counts compilations under way; they nest, and may run in several threads."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._running = 0

    def on_start(self, happening: event.Event) -> None:
        self._count(1)

    def on_end(self, happening: event.Event) -> None:
        self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            before, self._running = self._running, self._running + change
        if not before or not self._running:
            self._tell(self._running > 0)


@contextmanager
def watch_compiling(tell: Callable[[bool], None]) -> Iterator[None]:
    """Call ``tell(True)`` when a compilation begins in the body and ``tell(False)`` when it ends.

    A compilation within another one is not told. Kernels that the cache holds are not compiled.
    """
    with event.install_listener(_KIND, _Watcher(tell)):
        yield


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
