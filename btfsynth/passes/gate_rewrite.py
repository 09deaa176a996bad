"""Rewriting over any basis: cones of up to four leaves become the smallest netlists of their functions.

What `btfsynth.passes.rewrite` is to majorities, for `GateNetlist`; the netlist that is read may be over another
basis than the one that is written, so that it maps as well. The cells in use are counted exactly with each form
in place, what hashing shares and what falls out of use included.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.gate_forms import gate_forms, make_gates, plain_gate
from btfsynth.exact.npn import CLASS_INPUTS
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.gates import GateNetlist, compact_gates, is_parity
from btfsynth.netlist.hashing import roll_back
from btfsynth.netlist.kernels import next_below
from btfsynth.netlist.netlist import value_of
from btfsynth.netlist.views import node_levels
from btfsynth.passes.remaking import (
    begin_sweep,
    cells_with,
    end_sweep,
    has_room,
    read_fanin,
    settle,
)
from btfsynth.settings.table import Basis

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
    local, stack), changed.
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
