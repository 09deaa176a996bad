"""Report the compilation of kernels, which happens once per installation at the first run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

from btfsynth.time_box import unbroken

_KIND = "numba:compile"
"""Numba's event for a compilation; loading from the cache on disk has none."""


class _Watcher(event.Listener):  # type: ignore[misc]
    """Counts compilations under way; they nest, and may run in several threads."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._running = 0
        self._name = ""

    def name(self) -> str:
        """Return the module whose kernel is being compiled, "" if none is."""
        return self._name if self._running else ""

    def on_start(self, happening: event.Event) -> None:
        if not self._running:
            self._name = kernel_module(happening)
        self._count(1)

    def on_end(self, happening: event.Event) -> None:
        self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            # One that another thread began before may end here.
            before, now = self._running, max(0, self._running + change)
            self._running = now
        if bool(before) != bool(now):
            self._tell(now > 0)


def kernel_module(happening: event.Event) -> str:
    """Return the name, without packages, of the module whose kernel is compiled."""
    return str(happening.data["dispatcher"].py_func.__module__).rpartition(".")[2]


@contextmanager
def watch_compiling(tell: Callable[[bool], None]) -> Iterator[Callable[[], str]]:
    """Call ``tell(True)`` when a compilation begins in the body and ``tell(False)`` when it ends.

    A compilation within another one is not reported. Cached kernels are not compiled. Yields a function that
    returns the module whose kernel is being compiled, "" if none is.
    """
    watcher = _Watcher(tell)
    with event.install_listener(_KIND, watcher):
        yield watcher.name


@contextmanager
def compile_clock() -> Iterator[Callable[[], float]]:
    """Give a function that returns the seconds for which kernels have been compiled in the body so far.

    A time box around does not end a compilation.
    """
    seconds = begin = 0.0

    def tell(runs: bool) -> None:
        nonlocal seconds, begin
        unbroken(runs)  # a kernel compiled by half can never be used again
        if runs:
            begin = time.perf_counter()
        else:
            seconds += time.perf_counter() - begin

    with watch_compiling(tell):
        yield lambda: seconds
