"""What a running pass has so far, for whoever ends it or watches it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from btfsynth.netlist.netlist import Netlist
from btfsynth.time_box import TimeUp

_SECONDS_BETWEEN = 1.0
"""Time between two looks at the netlist of a running pass."""


class BestSoFar:
    """The netlist that a pass would return if it ended now."""

    def __init__(self, tell: Callable[[Netlist], None] | None, deadline: float | None) -> None:
        self._tell = tell
        self._deadline = deadline
        self._told = time.monotonic()
        self._make: Callable[[], Netlist] | None = None

    def netlist(self) -> Netlist | None:
        """Return it, None if the pass has none yet."""
        return None if self._make is None else self._make()

    def keep_time(self) -> float:
        """Return the time, or end the pass."""
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TimeUp
        return now

    def keep(self, make: Callable[[], Netlist]) -> None:
        self._make = make
        now = self.keep_time()
        if self._tell is not None and now - self._told >= _SECONDS_BETWEEN:
            self._told = now
            self._tell(make())


_PRESENT: ContextVar[BestSoFar | None] = ContextVar("best_so_far", default=None)


@contextmanager
def best_so_far(
    tell: Callable[[Netlist], None] | None = None, deadline: float | None = None
) -> Iterator[BestSoFar]:
    """Collect what passes in the body `keep`; passes within a pass keep theirs for themselves.

    `tell` gets the netlist now and then. After `deadline`, a `time.monotonic` value, the next `keep` raises
    `TimeUp`: that ends passes where no alarm can (see `time_box`).
    """
    best = BestSoFar(tell, deadline)
    token = _PRESENT.set(best)
    try:
        yield best
    finally:
        _PRESENT.reset(token)


def keep_time() -> None:
    """End what runs where its time is up and no alarm can."""
    best = _PRESENT.get()
    if best is not None:
        best.keep_time()


def keep(make: Callable[[], Netlist]) -> None:
    """Say between two rounds of a pass what it would return if it ended now.

    `make` is called if it is ended, or watched, and may read what the pass changes in place.
    """
    best = _PRESENT.get()
    if best is not None:
        best.keep(make)
