"""Rewriting and mapping: cones of up to four leaves become the smallest netlists of their functions.

Rewriting visits cell after cell and makes every replacement that saves cells locally. Mapping covers the whole
netlist and chooses a cut for every cell at once, like technology mappers: first by *area flow*, the cost of a
cut with a share of the cells below it (Manohararajah, Brown and Vranesic, "Heuristics for area minimization in
LUT-based FPGA technology mapping", IWLS 2004), then by *exact area*, the cells that come into use with a cut
(Mishchenko, Cho, Chatterjee and Brayton, "Combinational and sequential mapping with priority cuts", ICCAD
2007). Adders are matched as pairs: an exclusive or over the leaves of a majority that is used shares a cell
with it, and so does one of two leaves with their AND. Rewriting follows, which sees all other sharing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.table import CLASS_INPUTS, form_library, make_form
from btfsynth.netlist.cuts import Cuts, find_cuts
from btfsynth.netlist.hashing import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    majority,
    new_graph,
    read_fanin,
    rebuild,
    rebuild_from,
    roll_back,
    settle,
    sorted_by_level,
)
from btfsynth.netlist.kernels import next_below, random_state, value_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import heights, size_order, statistics
from btfsynth.passes.goal import best_so_far, keep, require_options

_PLAIN = -1


@dataclass(frozen=True)
class Rewrite:
    """Replace cones by the smallest netlists of their functions of four leaves.

    The netlist is rebuilt in topological order (Mishchenko, Chatterjee and Brayton, "DAG-aware AIG
    rewriting", DAC 2006; Soeken et al., "Exact synthesis of majority-inverter graphs and its applications",
    TCAD 36(11), 2017). Each cut of a cell is matched with the table of `btfsynth.exact`; the cells in use are
    counted exactly with each form in place, including what hashing shares and what falls out of use, and the
    best one is taken. New cells read earlier ones only, so no cycle can arise.

    `z` also accepts forms of equal size at random, so that later sweeps may gain. The pass ends after
    `patience` sweeps without a gain (after the first without `z`) or after `sweeps`, 0 for no limit. `cuts` is
    the maximum per node.

    Of forms of equal size, those that make no output later are preferred; without `z`, the lowest. With
    `max_depth` no form makes the netlist deeper than both this depth and the present one.
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
        require_options(self, patience=0, sweeps=0, seed=0, max_depth=0, cuts=(2, 250))

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


_MAX_FORM = 16
"""More cells than any form has."""

_SUM, _CARRY = 1, 2
"""Roles of a cut in an adder: exclusive or of its leaves, majority or AND of them; 0 for none."""


class _Choices(NamedTuple):
    """The cuts of all nodes as a mapper sees them."""

    count: Any  # int32 ``(nodes,)``
    size: Any  # int8 ``(nodes, cuts)``
    leaves: Any  # int32 ``(nodes, cuts, 4)``
    cost: Any  # int8 ``(nodes, cuts)``, cells of the smallest netlist
    role: Any  # int8 ``(nodes, cuts)``, `_SUM`, `_CARRY` or 0
    group: Any  # int32 ``(nodes, cuts)``, a number for the set of leaves where there is a role
    first: Any  # the first cell


class _Cover(NamedTuple):
    chosen: Any  # int32 ``(nodes,)``, the cut of each node
    uses: Any  # int32 ``(nodes,)``, how often the cover uses it
    sums: Any  # int32 ``(groups,)``, sums used over a set of leaves
    carries: Any  # int32 ``(groups,)``, carries used over it
    stack: Any  # int32, scratch


@dataclass(frozen=True)
class Mapping:
    """Cover a netlist with the smallest netlists of its cuts' functions, then rewrite; never more cells.

    `flow` rounds choose by area flow, `exact` rounds by exact area. It is repeated while cells are saved, at
    most `rounds` times. `cuts` is the maximum per node.
    """

    flow: int = 3
    exact: int = 2
    rounds: int = 4
    cuts: int = 12
    name: ClassVar[str] = "map"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_options(self, flow=1, rounds=1, exact=0, cuts=(2, 250))

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        best = rebuild(netlist)

        def so_far() -> Netlist:
            return best

        for _ in range(self.rounds):
            keep(so_far)
            with best_so_far():
                mapped = Rewrite().apply(self._covered(best), reference)
            if _cost(mapped) >= _cost(best):
                break
            best = mapped
        return best

    def _covered(self, netlist: Netlist) -> Netlist:
        work = sorted_by_level(netlist)
        cuts = find_cuts(work, CLASS_INPUTS, self.cuts, smallest=False)
        choices = _choices(cuts, work.first_cell)
        chosen = _choose(choices, work.fanins, work.outputs, self.flow, self.exact)
        arrays = _build(choices, chosen, cuts.tables, work.outputs, form_library())
        return rebuild_from(netlist, *arrays)


def _cost(netlist: Netlist) -> tuple[int, int]:
    return netlist.n_cells, statistics(netlist).depth


def _choices(cuts: Cuts, first: int) -> _Choices:
    library = form_library()
    number = library.number[cuts.tables]
    cost = library.size[number]
    sums = np.zeros(1 << (1 << CLASS_INPUTS), dtype=np.int8)
    for table in (0x6666, 0x9999, 0x9696, 0x6969):
        sums[table] = _SUM
    role = sums[cuts.tables]
    role[(cost == 1) & (cuts.size >= 2) & (cuts.size <= 3)] = _CARRY
    # An AND of three leaves is no carry: one cell has two leaves, or is a majority of three.
    role[(cuts.size < 2) | (cuts.size > 3)] = 0
    return _Choices(cuts.counts, cuts.size, cuts.leaves, cost, role, _groups(cuts, role), first)


def _groups(cuts: Cuts, role: NDArray[np.int8]) -> NDArray[np.int32]:
    """Number the sets of leaves of the cuts that have a role in an adder."""
    group = np.zeros(role.shape, dtype=np.int32)
    node, cut = np.nonzero(role)
    if len(node):
        sets = cuts.leaves[node, cut, :3].copy()
        sets[cuts.size[node, cut] == 2, 2] = 0  # what follows the last leaf is anything
        group[node, cut] = np.unique(sets, axis=0, return_inverse=True)[1].ravel()
    return group


@numba.njit(cache=True, nogil=True)
def _choose(choices: Any, fanins: Any, outputs: Any, flow_rounds: Any, exact_rounds: Any) -> Any:
    """Return the cut of every node, int32 ``(nodes,)``, -1 for nodes that the cover does not use."""
    first = choices.first
    n_nodes = first + fanins.shape[0]
    share = np.zeros(n_nodes, dtype=np.float64)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            share[fanins[cell, place] >> 1] += 1
    for output in outputs:
        share[output >> 1] += 1
    groups = 1 + choices.group.max()
    cover = _Cover(
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros(groups, dtype=np.int32),
        np.zeros(groups, dtype=np.int32),
        np.zeros(4 * n_nodes + 8, dtype=np.int32),
    )
    for _ in range(flow_rounds):
        _flow_round(choices, cover, share, outputs)
    for _ in range(exact_rounds):
        _exact_round(choices, cover)
    for node in range(n_nodes):
        if cover.uses[node] == 0:
            cover.chosen[node] = -1
    return cover.chosen


@numba.njit(cache=True, nogil=True)
def _flow_round(choices: Any, cover: Any, share: Any, outputs: Any) -> None:
    """Choose cuts by area flow. Modifies the cover and share, float64 (nodes,), the uses expected of a node."""
    count, size, leaves, cost, role, group, first = choices
    chosen, uses, sums, carries, _ = cover
    n_nodes = chosen.shape[0]
    flow = np.zeros(n_nodes, dtype=np.float64)
    for node in range(first, n_nodes):
        best = np.inf
        for cut in range(count[node] - 1):
            total = np.float64(cost[node, cut])
            if role[node, cut] == _SUM and carries[group[node, cut]] > 0:
                total -= 1
            for place in range(size[node, cut]):
                total += flow[leaves[node, cut, place]]
            if total < best:
                best = total
                chosen[node] = cut
        flow[node] = best / max(1.0, share[node])
    uses[:] = 0
    sums[:] = 0
    carries[:] = 0
    for output in outputs:
        uses[output >> 1] += 1
    for node in range(n_nodes - 1, first - 1, -1):
        if uses[node] > 0:
            cut = chosen[node]
            if role[node, cut] == _SUM:
                sums[group[node, cut]] += 1
            elif role[node, cut] == _CARRY:
                carries[group[node, cut]] += 1
            for place in range(size[node, cut]):
                uses[leaves[node, cut, place]] += 1
    for node in range(n_nodes):
        share[node] = (share[node] + 2 * max(1, uses[node])) / 3


@numba.njit(cache=True, nogil=True)
def _exact_round(choices: Any, cover: Any) -> None:
    """Give each used node the cut with which the fewest cells are in use. Modifies the cover."""
    count, first = choices.count, choices.first
    chosen, uses = cover.chosen, cover.uses
    for node in range(first, chosen.shape[0]):
        if uses[node] == 0:
            continue
        best = chosen[node]
        least = _counted(choices, cover, node, -1)
        for cut in range(count[node] - 1):
            if cut != best:
                chosen[node] = cut
                cells = _counted(choices, cover, node, 1)
                _counted(choices, cover, node, -1)
                if cells < least:
                    least, best = cells, cut
        chosen[node] = best
        _counted(choices, cover, node, 1)


@numba.njit(cache=True, nogil=True)
def _enter(choices: Any, cover: Any, node: Any, step: Any) -> Any:
    """Count a node's cut into the cover (step 1) or out of it (-1); returns the cells added or freed."""
    cut = cover.chosen[node]
    cells = np.int64(choices.cost[node, cut])
    role, group = choices.role[node, cut], choices.group[node, cut]
    if role == 0:
        return cells
    sums, carries = cover.sums, cover.carries
    mine = sums if role == _SUM else carries
    others = carries if role == _SUM else sums
    before = min(sums[group], 1) * min(carries[group], 1)
    mine[group] += step
    after = min(sums[group], 1) * min(carries[group], 1)
    if role == _SUM:  # each sum shares a cell with a carry
        return cells - min(others[group], 1)
    # The first carry comes with what every sum has already.
    return cells - (sums[group] > 0 and before != after)


@numba.njit(cache=True, nogil=True)
def _counted(choices: Any, cover: Any, root: Any, step: Any) -> Any:
    """Put a node's cut in use (step 1) or out of use (-1), with the nodes below that only it uses.

    Returns the cells that come into use or are freed.
    """
    size, leaves, first = choices.size, choices.leaves, choices.first
    chosen, uses, stack = cover.chosen, cover.uses, cover.stack
    turning = 1 if step > 0 else 0
    cells, top = 0, 0
    stack[0] = root
    while top >= 0:
        node = stack[top]
        top -= 1
        cells += _enter(choices, cover, node, step)
        for place in range(size[node, chosen[node]]):
            leaf = leaves[node, chosen[node], place]
            uses[leaf] += step
            if uses[leaf] == turning and leaf >= first:
                top += 1
                stack[top] = leaf
    return cells


@numba.njit(cache=True, nogil=True)
def _build(choices: Any, chosen: Any, tables: Any, outputs: Any, library: Any) -> Any:
    """Make the cover, each function in the form with the fewest new cells; returns fan-in and outputs."""
    size, leaves, first = choices.size, choices.leaves, choices.first
    number, start = library.number, library.start
    n_nodes = chosen.shape[0]
    graph = new_graph(first, first + _MAX_FORM * (n_nodes - first + 2))
    literal = 2 * np.arange(n_nodes)
    inputs = np.zeros(1 + CLASS_INPUTS, dtype=np.int64)
    local = np.zeros(1 + CLASS_INPUTS + library.cells.shape[1], dtype=np.int64)
    for node in range(first, n_nodes):
        cut = chosen[node]
        if cut < 0:
            continue
        for place in range(size[node, cut]):
            inputs[1 + place] = literal[leaves[node, cut, place]]
        table = tables[node, cut]
        made_before = graph.made[0]
        best, fewest, lowest = start[number[table]], _MAX_FORM, 0
        for form in range(start[number[table]], start[number[table] + 1]):
            made = make_form(graph, library, table, form, inputs, local)
            added, level = graph.made[0] - made_before, graph.level[made >> 1]
            roll_back(graph, made_before)
            if added < fewest or (added == fewest and level < lowest):
                best, fewest, lowest = form, added, level
        literal[node] = make_form(graph, library, table, best, inputs, local)
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = value_of(literal, outputs[k])
    return graph.fanins[first : graph.made[0]].copy(), driven
