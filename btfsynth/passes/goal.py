"""Goals that order netlists, results of stopped passes, and ranges of the options of passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from btfsynth.errors import UsageError
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import size_order
from btfsynth.settings.table import DEPTH_SCRIPT, Objective
from btfsynth.time_box import TimeUp

if TYPE_CHECKING:
    from btfsynth.passes.base import Pass


def require_options(step: Any, **ranges: int | tuple[int, int]) -> None:
    """Refuse an option of a pass below its minimum, or outside of its minimum and maximum."""
    for option, limits in ranges.items():
        value = getattr(step, option)
        least, most = limits if isinstance(limits, tuple) else (limits, None)
        if value < least or (most is not None and value > most):
            expected = f"{least} or more" if most is None else f"{least} to {most}"
            raise UsageError(f"{step.name}: {option}: expected {expected}, got {value}")


@dataclass(frozen=True)
class Goal:
    """An objective and the maximum depth, 0 for any.

    Without an objective a script returns its last netlist. With one it returns the best netlist of all passes;
    those within the maximum depth are always better. Ties are ordered by cells and depth.
    """

    objective: Objective | None = None
    max_depth: int = 0

    @property
    def script(self) -> str | None:
        """The script for the objective, None for cells or lookup tables."""
        by_depth = self.objective in (Objective.DEPTH, Objective.CELLS_DEPTH)
        return DEPTH_SCRIPT if by_depth else None

    def rank(self, netlist: Netlist) -> tuple[int, ...]:
        """Return the sort key of netlists, the best first."""
        return self.rank_of(*size_order(netlist)[:2])

    def rank_of(self, cells: int, depth: int) -> tuple[int, ...]:
        late = max(0, depth - self.max_depth) if self.max_depth else 0
        if self.objective is Objective.DEPTH:
            return late, depth, cells
        if self.objective is Objective.CELLS_DEPTH:
            return late, cells * depth, cells, depth
        return late, cells, depth

    def allows(self, before: Netlist, after: Netlist) -> bool:
        """Return whether a result is allowed: deeper only if it saves cells, and within the maximum depth."""
        old, new = size_order(before), size_order(after)
        if new[1] <= old[1]:
            return True
        return new[0] < old[0] and (not self.max_depth or new[1] <= self.max_depth)

    def limited(self, step: Pass) -> Pass:
        """Return a pass with the maximum depth as its limit, if it has such an option and none is given."""
        if not self.max_depth or getattr(step, "max_depth", None) != 0:
            return step
        return replace(step, max_depth=self.max_depth)  # type: ignore[type-var]


def wanted_goal(objective: str | None, max_depth: int | None) -> Goal:
    """Return the goal of two settings, None if not given."""
    return Goal(None if objective is None else Objective(objective), max_depth or 0)


# What a running pass has so far, for whoever ends it or watches it.

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
    """Collect the results that passes in the body `keep`; nested passes keep their own.

    `tell` gets the netlist from time to time. After `deadline`, a `time.monotonic` value, the next `keep`
    raises `TimeUp`: which stops passes if no alarm can (see `time_box`).
    """
    best = BestSoFar(tell, deadline)
    token = _PRESENT.set(best)
    try:
        yield best
    finally:
        _PRESENT.reset(token)


def keep_time() -> None:
    """Stop the running pass at its deadline if no alarm can."""
    best = _PRESENT.get()
    if best is not None:
        best.keep_time()


def keep(make: Callable[[], Netlist]) -> None:
    """Register the result that a pass would return if it were stopped now, between two rounds.

    `make` is called if the pass is stopped or watched, and may read its working state.
    """
    best = _PRESENT.get()
    if best is not None:
        best.keep(make)
