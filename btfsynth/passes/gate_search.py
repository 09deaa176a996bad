"""The smallest netlist of a function over a basis that rewriting and resubstitution find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.table import CLASS_INPUTS, gate_forms, make_gates, plain_gate
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.gates import GateNetlist, compact_gates, is_parity, of_netlist
from btfsynth.netlist.hashing import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    read_fanin,
    roll_back,
    settle,
)
from btfsynth.netlist.kernels import next_below, random_state
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.netlist.views import node_levels
from btfsynth.passes.gate_resub import resubstituted, windowed
from btfsynth.settings.table import Basis
from btfsynth.time_box import seconds_left

_MOST_INPUTS = 14
_MOST_WORDS = 60_000
"""Words of all signatures up to which the netlist is resubstituted as a whole."""
_CELLS_TRIED = (60, 300)
"""Cells without a gain after which a walk ends, as a multiple of the netlist's: from the best, and afresh."""
_IDLE_SWEEPS = 4
_SMALLER = {
    Basis.MAJ: (Basis.MAJ, Basis.AIG),
    Basis.AIG: (Basis.AIG,),
    Basis.XAG: (Basis.XAG, Basis.AIG),
    Basis.XMG: (Basis.XMG, Basis.AIG, Basis.MAJ),
}
"""Bases with fewer kinds of cells, in which a first sweep may give a better start."""
_IDLE_ROUNDS = 2
_SHIFT = 17
"""Cells by which the roots of windows move from round to round."""


@dataclass(frozen=True)
class GateEffort:
    """Effort: at most `rounds`; if all vectors can be simulated, every third round starts again."""

    rounds: int = 24
    seed: int = 1
    deadline: float | None = None

    @property
    def is_over(self) -> bool:
        return seconds_left(self.deadline) == 0


def find_smallest(
    starts: Sequence[Netlist], basis: Basis, effort: GateEffort | None = None
) -> GateNetlist:
    """Return a small netlist over a basis, equivalent to several given netlists.

    Of results of equal size, the shallowest.
    """
    effort = effort or GateEffort()
    given = [of_netlist(start, Basis.MAJ) for start in starts]
    ways = [(start, each) for start in given for each in _SMALLER[basis]]
    best = min(
        (_mapped(_mapped(start, each, effort), basis, effort) for start, each in ways), key=_cost
    )
    words = 1 << max(0, best.n_inputs - 6)
    if best.n_inputs > _MOST_INPUTS or best.n_nodes * words > _MOST_WORDS:
        return _through_windows(best, basis, effort)
    for number in range(effort.rounds):
        if effort.is_over or not best.n_cells:
            break
        random = random_state(effort.seed + number)
        afresh = number % 3 == 0
        made = given[number // 3 % len(given)] if afresh else best
        made = rewritten(made, basis, number > 0, random)
        if afresh:
            made = rewritten(resubstituted(made, 1, 0, random), basis, False, random)
        made = resubstituted(made, 2, _CELLS_TRIED[afresh] * made.n_cells, random)
        made = rewritten(made, basis, False, random)
        best = min(best, made, key=_cost)
    return best


def find_swept(start: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Return a netlist over a basis after sweeps of rewriting and rounds of windows alone."""
    return _through_windows(_mapped(start, basis, effort), basis, effort)


def _mapped(start: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Sweep until nothing is gained, in the end with forms of equal size at random."""
    random = random_state(effort.seed)
    best = present = rewritten(start, basis, False, random)
    idle, walk = 0, False
    while idle <= _IDLE_SWEEPS and not effort.is_over:
        present = rewritten(present, basis, walk, random)
        if _cost(present) < _cost(best):
            best, idle = present, 0
        else:
            idle, walk = idle + 1, True
    return best


def _through_windows(best: GateNetlist, basis: Basis, effort: GateEffort) -> GateNetlist:
    """Resubstitute in windows and rewrite in turns, until rounds gain next to nothing."""
    random = random_state(effort.seed)
    idle = 0
    for number in range(effort.rounds):
        if effort.is_over or idle >= _IDLE_ROUNDS:
            break
        made = windowed(best, random, number * _SHIFT, effort.deadline)
        made = rewritten(made, basis, False, random)
        idle = 0 if best.n_cells - made.n_cells > best.n_cells // 500 else idle + 1
        best = min(best, made, key=_cost)
    return best


def _cost(gates: GateNetlist) -> tuple[int, int]:
    return gates.n_cells, gates.depth


# Rewriting over any basis: cones of up to four leaves become the smallest netlists of their functions.
#
# What `btfsynth.passes.mapping` is to majorities, for `GateNetlist`; the netlist that is read may be over
# another basis than the one that is written, so that it maps as well. The cells in use are counted exactly
# with each form in place, what hashing shares and what falls out of use included.

_PLAIN = -1
_MOST_PLAIN = 6
"""Cells of a majority or a parity in the basis that needs most: a parity of three in ANDs."""


def rewritten(
    gates: GateNetlist, basis: Basis, walk: bool, random: NDArray[np.uint64], cuts: int = 12
) -> GateNetlist:
    """Return a netlist over a basis, each cell in its cheapest form in one sweep from the inputs.

    `walk` takes forms of equal size at random; `cuts` is the maximum per cell.
    """
    work = _by_level(gates)
    found = find_cuts(work, CLASS_INPUTS, cuts, smallest=True)
    arrays = (work.fanins, work.outputs, work.first_cell, is_parity(work.fanins))
    fanins, outputs = _sweep(arrays, found, gate_forms(basis), walk, random)
    return compact_gates(gates, fanins, outputs, basis)


def _by_level(gates: GateNetlist) -> GateNetlist:
    """Sort cells by level: one that could be shared is then there before a later one looks for it."""
    first = gates.first_cell
    order = np.argsort(node_levels(gates.fanins, first)[first:], kind="stable")
    literal = 2 * np.arange(gates.n_nodes, dtype=np.int32)
    literal[first + order] = 2 * np.arange(first, gates.n_nodes, dtype=np.int32)
    rows = np.sort(value_of(literal, gates.fanins[order]), axis=1)
    parity = is_parity(gates.fanins)[order]
    rows[parity] = rows[parity, ::-1]
    return compact_gates(gates, rows, value_of(literal, gates.outputs), gates.basis)


@numba.njit(cache=True, nogil=True)
def _sweep(netlist: Any, cuts: Any, library: Any, walk: Any, random: Any) -> Any:
    """Rebuild the netlist, each cell in its cheapest form; returns fan-in and outputs.

    netlist: (fanins, outputs, first, parity); cuts: as in `Cuts`; library: `GateForms`; walk: whether equal
    sizes are taken.
    """
    fanins, outputs, first, parity = netlist
    n_cells = fanins.shape[0]
    sweep = begin_sweep(fanins, outputs, first, 2 * _MOST_PLAIN)
    graph, references, literal, fanin, stack = sweep
    work = (
        np.zeros(1 + CLASS_INPUTS, dtype=np.int64),
        np.zeros(1 + CLASS_INPUTS + library.cells.shape[1], dtype=np.int64),
        stack,
    )
    for cell in range(n_cells):
        node = first + cell
        read_fanin(literal, fanins[cell], fanin)
        made = plain_gate(graph, library, parity[cell], fanin, work[0], work[1])
        if made >> 1 >= first and has_room(graph, _MOST_PLAIN * (n_cells - cell)):
            old = (node, made, literal, fanin)
            made = _cheapest(graph, old, cuts, library, (walk, random), work)
        literal[node] = made
        settle(graph, made, references[node], fanin, stack)
    return end_sweep(sweep, outputs)


@numba.njit(cache=True, nogil=True)
def _cheapest(graph: Any, old: Any, cuts: Any, library: Any, choice: Any, work: Any) -> Any:
    """Make the form of a cell with the fewest cells in use and return its literal.

    old: (node, its plain literal, the literals of all old nodes, fan-in). Of equal forms the one of the lowest
    level, the plain one first; any of them, at random, if walking. choice: (walk, random). work: (inputs,
    local, stack), modified.
    """
    count, size, leaves, tables = cuts
    node, plain, literal, fanin = old
    walk, random = choice
    inputs, local, stack = work
    number, start = library.number, library.start
    level, made_before = graph.level, graph.made[0]
    best_cut, best_form, equal = _PLAIN, 0, 1
    best_cells, best_level = cells_with(graph, plain, fanin, stack), level[plain >> 1]
    for cut in range(count[node] - 1):
        table = tables[node, cut]
        for place in range(size[node, cut]):
            inputs[1 + place] = literal[leaves[node, cut, place]]
        for form in range(start[number[table]], start[number[table] + 1]):
            made = make_gates(graph, library, table, form, inputs, local)
            cells, depth = cells_with(graph, made, fanin, stack), level[made >> 1]
            roll_back(graph, made_before)
            if cells > best_cells:
                continue
            if cells < best_cells:
                equal, take = 1, True
            else:
                equal += 1
                take = next_below(random, equal) == 0 if walk else depth < best_level
            if take:
                best_cut, best_form, best_cells, best_level = cut, form, cells, depth
    if best_cut == _PLAIN:
        return plain
    for place in range(size[node, best_cut]):
        inputs[1 + place] = literal[leaves[node, best_cut, place]]
    return make_gates(graph, library, tables[node, best_cut], best_form, inputs, local)
