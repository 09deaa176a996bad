"""Size and depth by majority algebra: every cell in its form of the fewest cells, or of the lowest level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba

from btfsynth.errors import UsageError
from btfsynth.netlist.hashing import majority, rebuild, rebuild_from, roll_back, sorted_by_level
from btfsynth.netlist.kernels import NONE
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import heights, node_levels, size_order, statistics
from btfsynth.passes.goal import best_so_far, keep
from btfsynth.passes.majority_moves import BALANCE_THROUGH, MOVES, PLAIN, make_move
from btfsynth.passes.remaking import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    read_fanin,
    settle,
)

_ANY = 1 << 29
"""More than any depth."""


@dataclass(frozen=True)
class Algebra:
    """Apply the moves of `majority_moves` wherever they remove cells.

    The netlist is rebuilt in topological order; for every cell each form is made as a candidate and the cells
    in use are counted exactly, including what hashing shares and what falls out of use. Up to `sweeps` sweeps
    (0 for no limit), each linear in the cells, until one gains nothing. `keep_depth` refuses forms that would
    make the netlist deeper, `max_depth` those that would make it deeper than that and than it is.
    """

    keep_depth: bool = False
    sweeps: int = 0
    max_depth: int = 0
    name: ClassVar[str] = "algebra"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.sweeps, self.max_depth) < 0:
            raise UsageError("algebra: sweeps and max_depth must be 0 or more")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        best = rebuild(netlist)
        sweep = 0

        def so_far() -> Netlist:
            return best

        while sweep < self.sweeps or not self.sweeps:
            keep(so_far)
            # By level, so that a cell that could be shared is there before a later one looks for it.
            work = sorted_by_level(best)
            bound = 0 if self.keep_depth else self.max_depth or _ANY
            arrays = _sweep(work.fanins, work.outputs, work.first_cell, bound)
            smaller = rebuild_from(best, *arrays)
            if size_order(smaller) >= size_order(best):
                break
            saved = smaller.n_cells < best.n_cells
            best = smaller
            sweep += 1
            if not saved:
                break
        return best


@numba.njit(cache=True, nogil=True)
def _sweep(fanins: Any, outputs: Any, first: Any, bound: Any) -> Any:
    """Rebuild the netlist, each cell in its cheapest form; returns fan-in and outputs.

    bound: the depth that it may have, where that is above its own.
    """
    n_cells = fanins.shape[0]
    height = heights(fanins, outputs, first)
    depth = max(bound, height[:first].max())  # what no input reaches has been folded
    sweep = begin_sweep(fanins, outputs, first)
    graph, references, literal, fanin, stack = sweep
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        latest = depth - height[node]
        literal[node] = _cheapest(graph, fanin, latest, n_cells - cell, stack)
        settle(graph, literal[node], references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _cheapest(graph: Any, fanin: Any, latest: Any, cells_left: Any, stack: Any) -> Any:
    """Make the form of ``MAJ(fanin)`` with the fewest cells in use, the lowest of these; return it."""
    level = graph.level
    plain = majority(graph, fanin[0], fanin[1], fanin[2])
    if not has_room(graph, cells_left) or plain >> 1 < graph.first:
        return plain
    best_move = PLAIN
    best_cells, best_level = cells_with(graph, plain, fanin, stack), level[plain >> 1]
    count = graph.made[0]
    for move in range(PLAIN + 1, BALANCE_THROUGH):
        made = make_move(graph, move, fanin)
        if made == NONE:
            continue
        if level[made >> 1] <= latest:
            cells = cells_with(graph, made, fanin, stack)
            if cells < best_cells or (cells == best_cells and level[made >> 1] < best_level):
                best_move, best_cells, best_level = move, cells, level[made >> 1]
        roll_back(graph, count)
    return make_move(graph, best_move, fanin)


_MARGINS = (8, 1 << 30)
"""Cells may be added where the slack is at most the depth divided by this; tried in turn."""


@dataclass(frozen=True)
class Depth:
    """Apply the moves of `majority_moves` wherever they lower a cell's level.

    The netlist is rebuilt in topological order, each cell in its form of the lowest level and, of these, of
    the fewest cells in use; AND, OR and majority trees are balanced as a whole. With `cells`, forms that add
    cells are taken on paths that are critical or nearly so, up to `growth` per cent of the original cells,
    and a sweep of `Algebra` at the depth reached takes back what it can. Up to `sweeps` sweeps (0 for no
    limit), until one lowers neither the depth nor, at the same depth, the cells, or until the depth is at most
    `target`.
    """

    cells: bool = True
    growth: int = 20
    sweeps: int = 0
    target: int = 0
    name: ClassVar[str] = "depth"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.growth, self.sweeps, self.target) < 0:
            raise UsageError("depth: growth, sweeps and target must be 0 or more")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        best = rebuild(netlist)
        most = best.n_cells + (best.n_cells * self.growth // 100 if self.cells else 0)
        recover = Algebra(keep_depth=True, sweeps=1)
        sweep, improved = 0, True

        def so_far() -> Netlist:
            return best

        while improved and (sweep < self.sweeps or not self.sweeps):
            if self.target and _cost(best)[0] <= self.target:
                break
            keep(so_far)
            improved = False
            sweep += 1
            for margin in (*_MARGINS, 0) if self.cells else (0,):
                with best_so_far():
                    after = recover.apply(_swept(best, margin, most - best.n_cells), reference)
                if after.n_cells <= most and _cost(after) < _cost(best):
                    best, improved = after, True
                    break
        return best


def _cost(netlist: Netlist) -> tuple[int, int]:
    return statistics(netlist).depth, netlist.n_cells


def _swept(netlist: Netlist, margin: int, room: int) -> Netlist:
    """Return the netlist after one sweep that may add up to `room` cells; margin 0: none."""
    work = sorted_by_level(netlist)
    arrays = _swept_deep(work.fanins, work.outputs, work.first_cell, margin, room if margin else 0)
    return rebuild_from(netlist, *arrays)


@numba.njit(cache=True, nogil=True)
def _swept_deep(fanins: Any, outputs: Any, first: Any, margin: Any, room: Any) -> Any:
    """Rebuild the netlist, each cell in its lowest form; returns fan-in and outputs."""
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
    level = graph.level
    plain = majority(graph, fanin[0], fanin[1], fanin[2])
    if not has_room(graph, cells_left) or plain >> 1 < graph.first:
        return plain, 0
    plain_cells = cells_with(graph, plain, fanin, stack)
    best_move, best_cells, best_level = PLAIN, plain_cells, level[plain >> 1]
    count = graph.made[0]
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
