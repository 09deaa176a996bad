"""End work on a netlist when its time is up.

Passes have no clock of their own. In the main thread an alarm ends what runs; elsewhere, and on systems without
alarms, it is only looked at between two pieces of work.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

__all__ = ["TimeUp", "seconds_left", "time_box"]


class TimeUp(BaseException):
    """The time is up. No error, so that no handler of errors on the way takes it for one."""


def seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until a `time.monotonic` value, 0 if it has passed; None if there is none."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


@contextlib.contextmanager
def time_box(deadline: float | None) -> Iterator[None]:
    """End the body when a `time.monotonic` value is reached.

    Raises
    ------
    TimeUp
        Out of the body, at once if the time is up already.
    """
    left = seconds_left(deadline)
    if left is None:
        yield
        return
    if not left:
        raise TimeUp
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeUp

    begin = time.monotonic()
    former = signal.signal(signal.SIGALRM, ring)
    pending, _ = signal.setitimer(signal.ITIMER_REAL, left)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if pending:  # somebody else's alarm
            rest = max(1e-3, pending - (time.monotonic() - begin))
            signal.setitimer(signal.ITIMER_REAL, rest)
