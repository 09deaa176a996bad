"""End work when its time is up.

Passes and parsers have no clock of their own. In the main thread an alarm ends what runs; elsewhere, and on
systems without alarms, the clock is only looked at between two pieces of work.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

_AGAIN = 10.0
"""Seconds until an alarm rings once more: what is raised while an object is deleted is lost."""
_SOON = 1e-3
_RETRY = 0.05
"""Seconds until an alarm rings again that came while it must not (see `unbroken`)."""
_unbroken = False


class TimeUp(BaseException):
    """The time is up. No error, so that no handler of errors on the way takes it for one."""


def seconds_left(deadline: float | None) -> float | None:
    """Return the seconds until a `time.monotonic` value, 0 if it has passed; None if there is none."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def unbroken(now: bool) -> None:
    """Say that alarms have to wait from now on, or need no longer: what runs cannot be ended half-way."""
    global _unbroken  # noqa: PLW0603
    _unbroken = now


class _NoThread:
    @staticmethod
    def check() -> bool:
        return False


def solve_step(solver: Any, conflicts: int, assumptions: Sequence[int] = ()) -> bool | None:
    """Ask a solver of PySAT, for at most this number of conflicts; None if they do not suffice.

    Ctrl-C waits for the end of the step. In the main thread PySAT jumps out of the solver on Ctrl-C, with the
    locks it holds, and may be stuck when it deletes it; it does not where it takes the thread for another one.
    """
    from pysat import solvers

    solver.conf_budget(conflicts)
    main, solvers.MainThread = solvers.MainThread, _NoThread
    try:
        answer: bool | None = solver.solve_limited(assumptions=list(assumptions))
    finally:
        solvers.MainThread = main
    return answer


@contextlib.contextmanager
def time_box(deadline: float | None) -> Iterator[None]:
    """End the body when a `time.monotonic` value is reached."""
    try:
        with _ended_at(deadline):
            yield
    except SystemError as error:
        # How Python calls an end that came while Numba handed on what a kernel had returned.
        cause = error.__cause__
        while isinstance(cause, SystemError):
            cause = cause.__cause__
        if isinstance(cause, TimeUp | KeyboardInterrupt):
            raise cause from None
        raise


@contextlib.contextmanager
def _ended_at(deadline: float | None) -> Iterator[None]:
    if deadline is None:
        yield
        return
    end = deadline
    left = end - time.monotonic()
    if left <= 0:
        raise TimeUp
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer"):
        yield
        return

    begin = time.monotonic()
    is_armed = True
    others_at: float | None = None
    """When the alarm of who set one before rings: of a box around this one, say."""
    others_again = 0.0

    def ring(number: int, frame: FrameType | None) -> None:
        nonlocal others_at
        now = time.monotonic()
        if not is_armed:
            return
        if others_at is None or now < others_at:
            if _unbroken:
                signal.setitimer(signal.ITIMER_REAL, _RETRY, _AGAIN)
                return
            raise TimeUp
        others_at = now + others_again if others_again else None
        signal.setitimer(signal.ITIMER_REAL, max(_SOON, end - now), _AGAIN)
        if callable(former):
            former(number, frame)

    former = signal.signal(signal.SIGALRM, ring)
    try:
        pending, others_again = signal.setitimer(signal.ITIMER_REAL, left, _AGAIN)
        if pending:
            others_at = begin + pending
            signal.setitimer(signal.ITIMER_REAL, min(left, pending), _AGAIN)
        try:
            yield
        finally:
            is_armed = False  # from here on an alarm would cut short what restores the former one
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if others_at is not None:
            rest = max(_SOON, others_at - time.monotonic())
            signal.setitimer(signal.ITIMER_REAL, rest, others_again)
