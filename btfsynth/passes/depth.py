"""Depth by majority algebra: the latest signals of every cell are brought towards its output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba

from btfsynth.errors import UsageError
from btfsynth.netlist.hashing import (
    NONE,
    majority,
    rebuild,
    rebuild_from,
    roll_back,
    sorted_by_level,
)
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import heights, node_levels, statistics
from btfsynth.passes.algebra import Algebra
from btfsynth.passes.majority_moves import MOVES, PLAIN, make_move
from btfsynth.passes.remaking import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    read_fanin,
    settle,
)

__all__ = ["Depth"]

_MARGINS = (8, 1 << 30)
"""Cells may be added where the slack is at most the depth divided by this; tried in turn."""


@dataclass(frozen=True)
class Depth:
    """Apply the moves of `majority_moves` wherever they lower a cell's level.

    The netlist is made anew in topological order, each cell in its form of the lowest level and, of these,
    of the fewest cells in use; AND, OR and majority trees are balanced as a whole. Forms that add cells are
    taken only on paths that are critical or nearly so, within the growth allowed, and a sweep of `Algebra`
    at the depth reached takes back what it can. Sweeps go on until one lowers neither the depth nor, at the
    same depth, the cells.

    Parameters
    ----------
    cells
        1 if it may add cells, 0 if not.
    growth
        Most cells added, in per cent of the cells it starts from.
    sweeps
        Most sweeps; 0 for no limit.
    """

    cells: int = 1
    growth: int = 20
    sweeps: int = 0
    name: ClassVar[str] = "depth"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.cells not in (0, 1):
            raise UsageError(f"depth: cells: expected 0 or 1, got {self.cells}")
        if self.growth < 0 or self.sweeps < 0:
            raise UsageError("depth: growth and sweeps must be 0 or more")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist with at most its depth, and at that depth with at most its cells."""
        best = rebuild(netlist)
        most = best.n_cells + (best.n_cells * self.growth // 100 if self.cells else 0)
        recover = Algebra(keep_depth=1, sweeps=1)
        sweep, improved = 0, True
        while improved and (sweep < self.sweeps or not self.sweeps):
            improved = False
            sweep += 1
            for margin in (*_MARGINS, 0) if self.cells else (0,):
                after = recover.apply(_swept(best, margin, most - best.n_cells), reference)
                if after.n_cells <= most and _cost(after) < _cost(best):
                    best, improved = after, True
                    break
        return best


def _cost(netlist: Netlist) -> tuple[int, int]:
    return statistics(netlist).depth, netlist.n_cells


def _swept(netlist: Netlist, margin: int, room: int) -> Netlist:
    """Return the netlist after one sweep that may add so many cells; margin 0: none."""
    work = sorted_by_level(netlist)
    arrays = _sweep(work.fanins, work.outputs, work.first_cell, margin, room if margin else 0)
    return rebuild_from(netlist, *arrays)


@numba.njit(cache=True, nogil=True)
def _sweep(fanins: Any, outputs: Any, first: Any, margin: Any, room: Any) -> Any:
    """Make the netlist anew, each cell in its lowest form; returns fan-in and outputs."""
    n_cells = fanins.shape[0]
    level = node_levels(fanins, first)
    height = heights(fanins, outputs, first)
    depth = height[:first].max()
    sweep = begin_sweep(fanins, outputs, first)
    graph, references, literal, fanin, stack = sweep
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        slack = depth - level[node] - height[node]
        spare = room if margin > 0 and slack <= depth // margin else 0
        literal[node], added = _lowest(graph, fanin, spare, n_cells - cell, stack)
        room -= max(0, added)
        settle(graph, literal[node], references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _lowest(graph: Any, fanin: Any, spare: Any, cells_left: Any, stack: Any) -> Any:
    """Make the form of ``MAJ(fanin)`` of the lowest level, with the fewest cells of these.

    Returns its literal and how many cells more than the plain form it takes, at most ``spare``.
    """
    head, level = graph[2], graph[4]
    plain = majority(graph, fanin[0], fanin[1], fanin[2])
    if not has_room(graph, cells_left) or plain >> 1 < head[2]:
        return plain, 0
    plain_cells = cells_with(graph, plain, fanin, stack)
    best_move, best_cells, best_level = PLAIN, plain_cells, level[plain >> 1]
    count = head[0]
    for move in range(PLAIN + 1, MOVES):
        made = make_move(graph, move, fanin)
        if made == NONE:
            continue
        if level[made >> 1] <= best_level:
            cells = cells_with(graph, made, fanin, stack)
            lower = level[made >> 1] < best_level
            if (lower or cells < best_cells) and cells <= plain_cells + spare:
                best_move, best_cells, best_level = move, cells, level[made >> 1]
        roll_back(graph, count)
    return make_move(graph, best_move, fanin), best_cells - plain_cells
