"""Rebuild a netlist, cell by cell in topological order, each in the form that a pass chooses.

The new netlist is a growing graph (see `btfsynth.netlist.hashing`). Every node made so far is held as often as
its old one was used, by cells still to come too. So the cells in use can be counted with any form of a cell in
place, what hashing shares and what falls out of use included.

What is called for every cell takes only those arrays of a `Sweep` that it needs, which is faster.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.hashing import new_graph
from btfsynth.netlist.kernels import drop, hold, value_of
from btfsynth.netlist.views import count_references

_ROOM = 256
"""More nodes than any form of a cell takes."""


class Sweep(NamedTuple):
    graph: Any  # the new netlist, a `btfsynth.netlist.hashing.Graph`
    references: Any  # int32 ``(nodes,)``, the uses of each old node
    literal: Any  # int64 ``(nodes,)``, the new literal of each old node
    fanin: Any  # int64 ``(3,)``, the new literals that the present cell reads
    stack: Any  # int64, scratch


@numba.njit(cache=True, nogil=True)
def begin_sweep(fanins: Any, outputs: Any, first: Any, per_cell: Any = 4) -> Any:
    """Return a sweep over the cells of a netlist, none of them made, with room for this many new ones each."""
    n_cells = fanins.shape[0]
    graph = new_graph(first, first + per_cell * n_cells + 4 * _ROOM)
    references = count_references(fanins, outputs, first)
    literal = np.zeros(first + n_cells, dtype=np.int64)
    for node in range(first):
        literal[node] = 2 * node
        graph.references[node] = references[node]
    stack = np.zeros(3 * graph.fanins.shape[0] + 4, dtype=np.int64)
    return Sweep(graph, references, literal, np.zeros(3, dtype=np.int64), stack)


@numba.njit(cache=True, nogil=True)
def read_fanin(literal: Any, row: Any, fanin: Any) -> None:
    """Find what a cell with these old literals reads now. Changes fanin."""
    for place in range(3):
        fanin[place] = value_of(literal, row[place])


@numba.njit(cache=True, nogil=True)
def has_room(graph: Any, cells_left: Any) -> Any:
    """Tell whether forms may be tried while this many cells at most are still to be made."""
    return graph.made[0] + cells_left + _ROOM < graph.fanins.shape[0]


@numba.njit(cache=True, nogil=True)
def cells_with(graph: Any, literal: Any, fanin: Any, stack: Any) -> Any:
    """Return how many cells more would be in use if a literal took the place of ``MAJ(fanin)``."""
    cells = hold(graph, literal >> 1, stack)
    for k in range(3):
        cells -= drop(graph, fanin[k] >> 1, stack)
    for k in range(3):
        hold(graph, fanin[k] >> 1, stack)
    drop(graph, literal >> 1, stack)
    return cells


@numba.njit(cache=True, nogil=True)
def settle(graph: Any, made: Any, uses: Any, fanin: Any, stack: Any) -> None:
    """Hold the literal made for a cell as often as the cell was used, and drop its fan-in."""
    for _ in range(uses):
        hold(graph, made >> 1, stack)
    for place in range(3):
        drop(graph, fanin[place] >> 1, stack)


@numba.njit(cache=True, nogil=True)
def end_sweep(sweep: Any, outputs: Any) -> Any:
    """Return fan-in and outputs of the new netlist, as `rebuild_from` takes them."""
    graph = sweep.graph
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = value_of(sweep.literal, outputs[k])
    return graph.fanins[graph.first : graph.made[0]].copy(), driven
