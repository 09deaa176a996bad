"""Cut sweeping: signals that are the same function of the same few signals become one.

Een, "Cut sweeping", Cadence Berkeley Labs, 2007. The netlist is rebuilt in topological order; a cell whose
function over one of its cuts is that of an earlier signal becomes that signal, so that cells above find their
leaves shared. No vectors and no solver: what local replacements have made of a netlist is found by this alone.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.cuts import Cuts, begin_cuts, cuts_of_cell, table_maps
from btfsynth.netlist.hashing import majority, new_graph, roll_back
from btfsynth.netlist.kernels import value_of
from btfsynth.netlist.netlist import Netlist

_LEAVES = 4
_PER_NODE = 12
_ONES = (1 << (1 << _LEAVES)) - 1


def equal_over_cuts(netlist: Netlist) -> NDArray[np.int32]:
    """Return a literal of the first signal equal to each node, int32, as far as small cuts tell."""
    n_nodes, first = netlist.n_nodes, netlist.first_cell
    cuts = Cuts(
        np.zeros(n_nodes + 1, dtype=np.int32),
        np.zeros((n_nodes + 1, _PER_NODE), dtype=np.int8),
        np.zeros((n_nodes + 1, _PER_NODE, _LEAVES), dtype=np.int32),
        np.zeros((n_nodes + 1, _PER_NODE), dtype=np.uint16),
    )
    slots = 1 << int(2 * _PER_NODE * n_nodes).bit_length()
    known = np.zeros(slots, dtype=np.int32)
    result = np.arange(n_nodes, dtype=np.int32) * 2
    _sweep(netlist.fanins, first, table_maps(_LEAVES), cuts, known, result)
    return result


@numba.njit(cache=True, nogil=True)
def _sweep(fanins: Any, first: Any, maps: Any, cuts: Any, known: Any, result: Any) -> None:
    """Rebuild the cells one by one. Changes cuts, known and result.

    known: int32 ``(slots,)``, ``cuts per node * node + cut + 1`` by the hash of the cut; result: int32
    ``(nodes,)``, as `equal_over_cuts` returns it.
    """
    n_nodes = result.shape[0]
    graph = new_graph(first, n_nodes + 1)
    literal = np.arange(n_nodes, dtype=np.int64) * 2
    origin = np.arange(n_nodes + 1, dtype=np.int64) * 2  # of each node of the graph, in the netlist
    scratch = np.zeros((2, _LEAVES), dtype=np.int32)
    begin_cuts(first, maps, cuts)
    for node in range(first):
        _remember(cuts, node, known)
    for node in range(first, n_nodes):
        row = fanins[node - first]
        before = graph.made[0]
        made = majority(
            graph, value_of(literal, row[0]), value_of(literal, row[1]), value_of(literal, row[2])
        )
        if graph.made[0] > before:
            cuts_of_cell(graph.fanins[before], False, before, maps, cuts, True, scratch)
            equal = _find(cuts, before, known)
            if equal >= 0:
                roll_back(graph, before)
                made = equal ^ (made & 1)
            else:
                origin[before] = 2 * node ^ (made & 1)
                _remember(cuts, before, known)
        literal[node] = made
        result[node] = origin[made >> 1] ^ (made & 1)


@numba.njit(cache=True, nogil=True)
def _slot(cuts: Any, node: Any, cut: Any, known: Any) -> Any:
    """Return where a cut is among those known, or where there is room for it."""
    size, leaves, tables = cuts.size[node, cut], cuts.leaves[node, cut], cuts.tables[node, cut]
    table = tables ^ (_ONES if tables & 1 else 0)
    key = np.uint64(table)
    for place in range(size):
        key = (key ^ np.uint64(leaves[place])) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    mask = np.uint64(known.shape[0] - 1)
    slot = key & mask
    while known[slot]:
        other, which = divmod(known[slot] - 1, _PER_NODE)
        there = cuts.tables[other, which]
        same = cuts.size[other, which] == size and there ^ (_ONES if there & 1 else 0) == table
        for place in range(size):
            same = same and cuts.leaves[other, which, place] == leaves[place]
        if same:
            return slot
        slot = (slot + np.uint64(1)) & mask
    return slot


@numba.njit(cache=True, nogil=True)
def _find(cuts: Any, node: Any, known: Any) -> Any:
    """Return the literal of an earlier node with a cut of this one and its function, -1 if there is none."""
    for cut in range(cuts.counts[node] - 1):
        slot = _slot(cuts, node, cut, known)
        if known[slot]:
            other, which = divmod(known[slot] - 1, _PER_NODE)
            return 2 * np.int64(other) ^ ((cuts.tables[node, cut] ^ cuts.tables[other, which]) & 1)
    return -1


@numba.njit(cache=True, nogil=True)
def _remember(cuts: Any, node: Any, known: Any) -> None:
    """Add the cuts of a node to those known. Changes known."""
    for cut in range(cuts.counts[node]):
        slot = _slot(cuts, node, cut, known)
        if not known[slot]:
            known[slot] = _PER_NODE * node + cut + 1
