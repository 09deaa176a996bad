"""Tell the compilation of kernels, once for an installation, from the work that waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event

__all__ = ["compile_clock"]

_KIND = "numba:compile"


class _Clock(event.Listener):  # type: ignore[misc]
    """Adds up the time in which something is compiled; compilations nest, and run in several threads."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._running = 0
        self._begin = 0.0

    def on_start(self, happening: event.Event) -> None:
        with self._lock:
            if not self._running:
                self._begin = time.perf_counter()
            self._running += 1

    def on_end(self, happening: event.Event) -> None:
        with self._lock:
            if not self._running:  # another thread began it before there was this clock
                return
            self._running -= 1
            if not self._running:
                self.seconds += time.perf_counter() - self._begin


@contextmanager
def compile_clock() -> Iterator[Callable[[], float]]:
    """Give a function that returns the seconds for which kernels have been compiled in the body so far."""
    clock = _Clock()
    with event.install_listener(_KIND, clock):
        yield lambda: clock.seconds
