"""Signals that end a command."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_ECHO_SECONDS = 1.0
"""Signals that come so soon after one are the same wish to end."""


@contextlib.contextmanager
def kills_as_interrupts() -> Iterator[None]:
    """Let a polite kill do what Ctrl-C does: keep the best network, leave nothing half-written."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                former[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signalled_once() -> Iterator[None]:
    """Let what ends the body from outside do so once.

    ``timeout``, job schedulers and hasty fingers send a signal twice, to a process and to its group, or one
    after the other. The second would end what the first has begun, the keeping of the results. One that comes a
    second later or more is meant: it ends that too.
    """
    last = -math.inf

    def passing(handler: Callable[[int, FrameType | None], object]) -> Callable[..., None]:
        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _ECHO_SECONDS:
                last = now
                handler(number, frame)

        return handle

    former = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            handler = None if number is None else signal.getsignal(number)
            if number is not None and callable(handler):
                former[number] = signal.signal(number, passing(handler))
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
