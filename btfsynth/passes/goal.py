"""What makes one netlist better than another, and which results of passes are kept for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import size_order
from btfsynth.settings.table import DEPTH_SCRIPT, Objective

if TYPE_CHECKING:
    from btfsynth.passes.base import Pass


@dataclass(frozen=True)
class Goal:
    """An objective and the depth that is allowed, 0 for any.

    Without an objective a script ends with what its last pass left. With one it ends with the best netlist on
    the way; whatever is deeper than allowed comes after all that is not. What the objective leaves equal is
    ordered by cells, depth and the sum of the levels.
    """

    objective: Objective | None = None
    max_depth: int = 0

    @property
    def script(self) -> str | None:
        """The script for it, None if cells or look-up tables are what counts."""
        by_depth = self.objective in (Objective.DEPTH, Objective.CELLS_DEPTH)
        return DEPTH_SCRIPT if by_depth else None

    def rank(self, netlist: Netlist) -> tuple[int, ...]:
        """Return what orders netlists, the best first."""
        order = size_order(netlist)
        cells, depth, _ = order
        late = max(0, depth - self.max_depth) if self.max_depth else 0
        if self.objective is Objective.DEPTH:
            return late, depth, *order
        if self.objective is Objective.CELLS_DEPTH:
            return late, cells * depth, *order
        return late, *order

    def allows(self, before: Netlist, after: Netlist) -> bool:
        """Tell whether a pass may leave this: deeper only where it has saved cells, and as far as allowed."""
        old, new = size_order(before), size_order(after)
        if new[1] <= old[1]:
            return True
        return new[0] < old[0] and (not self.max_depth or new[1] <= self.max_depth)

    def limited(self, step: Pass) -> Pass:
        """Return a pass with the depth allowed as its own limit, where it has one and none is given."""
        if not self.max_depth or getattr(step, "max_depth", None) != 0:
            return step
        return replace(step, max_depth=self.max_depth)  # type: ignore[type-var]


def wanted_goal(objective: str | None, max_depth: int | None) -> Goal:
    """Return what two settings ask for, None for what is not given."""
    return Goal(None if objective is None else Objective(objective), max_depth or 0)
