"""Make a netlist anew, cell by cell in topological order, each in the form that a pass chooses.

The new netlist is a growing graph (see `btfsynth.netlist.hashing`). Every node made so far is held as often as
its old one was used, by cells still to come too. So the cells in use can be counted with any form of a cell in
place, what hashing shares and what falls out of use included.

A *sweep* is a tuple of arrays: the graph; references, int32 ``(nodes,)``, the uses of each old node; literal,
int64 ``(nodes,)``, the new literal of each; fanin, int64 ``(3,)``, the new literals that the present cell
reads; stack, scratch of `hold` and `drop`. What is called for every cell takes only those it needs, which is
faster.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from btfsynth.netlist.hashing import drop, hold, new_graph
from btfsynth.netlist.views import count_references

__all__ = ["begin_sweep", "cells_with", "end_sweep", "has_room", "read_fanin", "settle"]

_ROOM = 256
"""More nodes than any form of a cell takes."""


@numba.njit(cache=True, nogil=True)
def begin_sweep(fanins: Any, outputs: Any, first: Any) -> Any:
    """Return a sweep over the cells of a netlist, none of them made, with room for forms of each."""
    n_cells = fanins.shape[0]
    graph = new_graph(first, first + 4 * n_cells + 4 * _ROOM)
    references = count_references(fanins, outputs, first)
    literal = np.zeros(first + n_cells, dtype=np.int64)
    for node in range(first):
        literal[node] = 2 * node
        graph[3][node] = references[node]
    stack = np.zeros(3 * graph[0].shape[0] + 4, dtype=np.int64)
    return graph, references, literal, np.zeros(3, dtype=np.int64), stack


@numba.njit(cache=True, nogil=True)
def read_fanin(literal: Any, row: Any, fanin: Any) -> None:
    """Find what a cell with these old literals reads now. Changes fanin."""
    for place in range(3):
        source = row[place]
        fanin[place] = literal[source >> 1] ^ (source & 1)


@numba.njit(cache=True, nogil=True)
def has_room(graph: Any, cells_left: Any) -> Any:
    """Tell whether forms may be tried while so many cells are still to come."""
    return graph[2][0] + cells_left + _ROOM < graph[0].shape[0]


@numba.njit(cache=True, nogil=True)
def cells_with(graph: Any, literal: Any, fanin: Any, stack: Any) -> Any:
    """Return how many cells would be in use if a literal took the place of ``MAJ(fanin)``."""
    hold(graph, literal, stack)
    for k in range(3):
        drop(graph, fanin[k], stack)
    cells = graph[2][1]
    for k in range(3):
        hold(graph, fanin[k], stack)
    drop(graph, literal, stack)
    return cells


@numba.njit(cache=True, nogil=True)
def settle(graph: Any, made: Any, uses: Any, fanin: Any, stack: Any) -> None:
    """Hold the literal made for a cell as often as the cell was used, and drop its fan-in."""
    for _ in range(uses):
        hold(graph, made, stack)
    for place in range(3):
        drop(graph, fanin[place], stack)


@numba.njit(cache=True, nogil=True)
def end_sweep(sweep: Any, outputs: Any) -> Any:
    """Return fan-in and outputs of the new netlist, as `rebuild_from` takes them."""
    graph, _, literal, _, _ = sweep
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = literal[outputs[k] >> 1] ^ (outputs[k] & 1)
    return graph[0][graph[2][2] : graph[2][0]].copy(), driven
