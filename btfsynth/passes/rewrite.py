"""Rewriting: cones of up to four leaves become the smallest netlists of their functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np

from btfsynth.errors import UsageError
from btfsynth.exact.npn import CLASS_INPUTS
from btfsynth.exact.table import form_library, make_form
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.hashing import majority, rebuild, rebuild_from, roll_back, sorted_by_level
from btfsynth.netlist.kernels import next_below, random_state
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.views import heights, size_order
from btfsynth.passes.goal import keep
from btfsynth.passes.remaking import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    read_fanin,
    settle,
)

_PLAIN = -1


@dataclass(frozen=True)
class Rewrite:
    """Replace cones by the smallest netlists of their functions of four leaves.

    The netlist is rebuilt in topological order (Mishchenko, Chatterjee and Brayton, "DAG-aware AIG
    rewriting", DAC 2006; Soeken et al., "Exact synthesis of majority-inverter graphs and its applications",
    TCAD 36(11), 2017). Each cut of a cell is matched with the table of `btfsynth.exact`; the cells in use are
    counted exactly with each form in place, including what hashing shares and what falls out of use, and the
    best one is taken. New cells read earlier ones only, so no cycle can arise.

    `z` takes forms of equal size too, at random: later sweeps may gain what this one does not. It ends after
    `patience` sweeps without a gain (after the first without `z`) or after `sweeps`, 0 for no limit. `cuts`
    is the maximum per node.

    Of forms of equal size those that make no output later come first; without `z` the lowest. With `max_depth`
    no form makes the netlist deeper than that or than it is.
    """

    z: bool = False
    patience: int = 8
    cuts: int = 8
    sweeps: int = 0
    seed: int = 1
    max_depth: int = 0
    name: ClassVar[str] = "rewrite"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if min(self.patience, self.sweeps, self.seed, self.max_depth) < 0:
            raise UsageError("rewrite: patience, sweeps, seed and max_depth must be 0 or more")
        if not 2 <= self.cuts <= 250:
            raise UsageError(f"rewrite: cuts: expected 2 to 250, got {self.cuts}")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        random = random_state(self.seed)
        best = present = rebuild(netlist)
        cost = size_order(best)
        sweep, idle = 0, 0
        most_idle = max(1, self.patience) if self.z else 1

        def so_far() -> Netlist:
            return best

        while (sweep < self.sweeps or not self.sweeps) and idle < most_idle:
            keep(so_far)
            present = self._swept(present, max(cost[1], self.max_depth), random)
            sweep, idle = sweep + 1, idle + 1
            found = size_order(present)
            if found < cost:
                idle = 0 if not self.z or found[0] < cost[0] else idle
                best, cost = present, found
        return best

    def _swept(self, netlist: Netlist, bound: int, random: Any) -> Netlist:
        # By level, so that a cell that could be shared is there before a later one looks for it.
        work = sorted_by_level(netlist)
        cuts = find_cuts(work, CLASS_INPUTS, self.cuts, smallest=True)
        arrays = _sweep(
            (work.fanins, work.outputs, work.first_cell),
            cuts,
            form_library(),
            (bound, self.z, self.max_depth > 0),
            random,
        )
        return rebuild_from(netlist, *arrays)


@numba.njit(cache=True, nogil=True)
def _sweep(netlist: Any, cuts: Any, library: Any, options: Any, random: Any) -> Any:
    """Rebuild the netlist, each cell in its cheapest form; returns fan-in and outputs.

    netlist: (fanins, outputs, first); cuts: as in `Cuts`; options: (the depth it may have, whether equal sizes
    are taken, whether it may not be deeper even where cells are saved).
    """
    fanins, outputs, first = netlist
    bound, walk, strict = options
    n_cells = fanins.shape[0]
    height = heights(fanins, outputs, first)
    sweep = begin_sweep(fanins, outputs, first)
    graph, references, literal, fanin, stack = sweep
    work = (
        fanin,
        np.zeros(1 + CLASS_INPUTS, dtype=np.int64),
        np.zeros(1 + CLASS_INPUTS + library.cells.shape[1], dtype=np.int64),
        stack,
    )
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        made = majority(graph, fanin[0], fanin[1], fanin[2])
        if made >> 1 >= first and has_room(graph, n_cells - cell):
            limits = (bound - height[node], walk, strict)
            made = _cheapest(graph, node, made, literal, cuts, library, limits, random, work)
        literal[node] = made
        settle(graph, made, references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _cheapest(
    graph: Any,
    node: Any,
    plain: Any,
    literal: Any,
    cuts: Any,
    library: Any,
    limits: Any,
    random: Any,
    work: Any,
) -> Any:
    """Make the form of a cell with the fewest cells in use and return its literal.

    Of equal ones the lowest, the plain one first; any of those in time, at random, if walking. limits: (the
    latest level, whether walking, whether no form may be later than that and than the plain one); work:
    (fan-in, inputs, local, stack), the first given, the others changed.
    """
    latest, walk, strict = limits
    count, size, leaves, tables = cuts
    fanin, inputs, local, stack = work
    number, start = library.number, library.start
    level, made_before = graph.level, graph.made[0]
    best_cut, best_form, equal = _PLAIN, 0, 1
    best_cells, best_level = cells_with(graph, plain, fanin, stack), level[plain >> 1]
    latest = max(latest, best_level)
    best_level = max(best_level, latest) if walk else best_level
    for cut in range(count[node] - 1):
        table = tables[node, cut]
        for place in range(size[node, cut]):
            inputs[1 + place] = literal[leaves[node, cut, place]]
        for form in range(start[number[table]], start[number[table] + 1]):
            made = make_form(graph, library, table, form, inputs, local)
            cells, depth = cells_with(graph, made, fanin, stack), level[made >> 1]
            roll_back(graph, made_before)
            if cells > best_cells or (strict and depth > latest):
                continue
            depth = max(depth, latest) if walk else depth
            if cells < best_cells or depth < best_level:
                equal, take = 1, True
            elif walk and depth == best_level:
                equal += 1
                take = next_below(random, equal) == 0
            else:
                take = False
            if take:
                best_cut, best_form, best_cells, best_level = cut, form, cells, depth
    if best_cut == _PLAIN:
        return plain
    for place in range(size[node, best_cut]):
        inputs[1 + place] = literal[leaves[node, best_cut, place]]
    return make_form(graph, library, tables[node, best_cut], best_form, inputs, local)
