"""Properties of a netlist from its arrays: levels, users, cones, cost.

The functions take the fan-in as int32 ``(cells, 3)`` literals with ``first_cell`` the node number of row 0,
as in `Netlist`, and are compiled: passes call them from compiled code and from Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import FALSE, TRUE, Netlist

if TYPE_CHECKING:
    from btfsynth.netlist.gates import GateNetlist


def levels(netlist: Netlist) -> NDArray[np.int32]:
    """Return the level of every node, ``(nodes,)`` int32: 0 for inputs, else 1 + the deepest fan-in."""
    level: NDArray[np.int32] = node_levels(netlist.fanins, netlist.first_cell)
    return level


def size_order(netlist: Netlist) -> tuple[int, int, int]:
    """Return cells, depth and the sum of all levels, for comparison: fewer cells first, then less depth."""
    level = levels(netlist)
    depth = int(level[netlist.outputs >> 1].max(initial=0))
    return netlist.n_cells, depth, int(level.sum(dtype=np.int64))


@numba.njit(cache=True, nogil=True)
def node_levels(fanins: Any, first_cell: Any) -> Any:
    """Return the level of every node, int32 ``(nodes,)`` (see `levels`)."""
    level = np.zeros(first_cell + fanins.shape[0], dtype=np.int32)
    for cell in range(fanins.shape[0]):
        a, b, c = fanins[cell, 0] >> 1, fanins[cell, 1] >> 1, fanins[cell, 2] >> 1
        level[first_cell + cell] = 1 + max(level[a], level[b], level[c])
    return level


def depth_of(netlist: Netlist | GateNetlist) -> int:
    """Return the number of cells on the longest path."""
    level = node_levels(netlist.fanins, netlist.first_cell)
    return int(level[netlist.outputs >> 1].max(initial=0))


@numba.njit(cache=True, nogil=True)
def heights(fanins: Any, outputs: Any, first_cell: Any) -> Any:
    """Return the cells on the longest path from every node to an output, int32 ``(nodes,)``.

    -1 for nodes that drive no output. A node is critical if level plus height is the depth.
    """
    height = np.full(first_cell + fanins.shape[0], -1, dtype=np.int32)
    for output in outputs:
        height[output >> 1] = 0
    for cell in range(fanins.shape[0] - 1, -1, -1):
        own = height[first_cell + cell]
        if own >= 0:
            for place in range(3):
                source = fanins[cell, place] >> 1
                height[source] = max(height[source], own + 1)
    return height


@numba.njit(cache=True, nogil=True)
def mark_cone(fanins: Any, roots: Any, first_cell: Any) -> Any:
    """Return which nodes the root literals depend on, roots included, bool ``(nodes,)``."""
    marked = np.zeros(first_cell + fanins.shape[0], dtype=np.bool_)
    for root in roots:
        marked[root >> 1] = True
    for cell in range(fanins.shape[0] - 1, -1, -1):
        if marked[first_cell + cell]:
            for place in range(3):
                marked[fanins[cell, place] >> 1] = True
    return marked


@numba.njit(cache=True, nogil=True)
def count_references(fanins: Any, outputs: Any, first_cell: Any) -> Any:
    """Return how often each node is used by cells and outputs, int32 ``(nodes,)``."""
    references = np.zeros(first_cell + fanins.shape[0], dtype=np.int32)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            references[fanins[cell, place] >> 1] += 1
    for output in outputs:
        references[output >> 1] += 1
    return references


@numba.njit(cache=True, nogil=True)
def list_users(fanins: Any, first_cell: Any) -> Any:
    """Return the cells that use each node, in rising order.

    Two int32 arrays, start ``(nodes + 1,)`` and users ``(3 * cells,)``: node ``n`` is used by
    ``users[start[n] : start[n + 1]]``, node numbers; a cell that reads a node twice is listed twice.
    """
    n_nodes = first_cell + fanins.shape[0]
    start = np.zeros(n_nodes + 2, dtype=np.int32)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            start[(fanins[cell, place] >> 1) + 2] += 1
    for node in range(n_nodes):
        start[node + 2] += start[node + 1]
    users = np.zeros(3 * fanins.shape[0], dtype=np.int32)
    for cell in range(fanins.shape[0]):
        for place in range(3):
            source = (fanins[cell, place] >> 1) + 1
            users[start[source]] = first_cell + cell
            start[source] += 1
    return start[: n_nodes + 1], users


@numba.njit(cache=True, nogil=True)
def topological_order(fanins: Any, outputs: Any, first_cell: Any) -> Any:
    """Return the cells that drive an output, fan-in first, int32 node numbers.

    The rows of the fan-in may be in any order, without cycles.
    """
    order = np.zeros(fanins.shape[0], dtype=np.int32)
    return order[: order_cells(fanins, outputs, first_cell, order)]


@numba.njit(cache=True, nogil=True)
def order_cells(fanins: Any, outputs: Any, first_cell: Any, order: Any) -> Any:
    """Write the `topological_order` to the beginning of an array; returns the number of cells.

    order: int32, at least one element per row, modified. Avoids allocation in repeated calls.
    """
    seen = np.zeros(first_cell + fanins.shape[0], dtype=np.uint8)
    count = 0
    stack = np.zeros(3 * fanins.shape[0] + 1, dtype=np.int32)
    for output in outputs:
        top = 0
        stack[0] = output >> 1
        while top >= 0:
            node = stack[top]
            if node < first_cell or seen[node] == 2:
                top -= 1
            elif seen[node] == 1:
                seen[node] = 2
                order[count] = node
                count += 1
                top -= 1
            else:
                seen[node] = 1
                for place in range(3):
                    source = fanins[node - first_cell, place] >> 1
                    if source >= first_cell and seen[source] == 0:
                        top += 1
                        stack[top] = source
    return count


@dataclass(frozen=True)
class NetlistStatistics:
    """Cost figures of a netlist; `depth` is the number of cells on the longest path.

    `inverters` counts distinct signals that are used complemented: the inverters that a technology without
    free complements would need.
    """

    cells: int
    and_cells: int
    or_cells: int
    maj_cells: int
    inverters: int
    depth: int

    def dominates(self, other: NetlistStatistics) -> bool:
        """Return whether this cost is lower in cells, depth or inverters, and higher in none."""
        own = (self.cells, self.depth, self.inverters)
        others = (other.cells, other.depth, other.inverters)
        return own != others and all(a <= b for a, b in zip(own, others, strict=True))

    def record(self) -> dict[str, int]:
        return {
            "cells": self.cells,
            "and": self.and_cells,
            "or": self.or_cells,
            "maj": self.maj_cells,
            "inverters": self.inverters,
            "depth": self.depth,
        }


def statistics(netlist: Netlist) -> NetlistStatistics:
    fanins = netlist.fanins
    is_and = (fanins == FALSE).any(axis=1)
    and_cells = int(is_and.sum())
    or_cells = int(((fanins == TRUE).any(axis=1) & ~is_and).sum())
    used = np.concatenate([fanins.ravel(), netlist.outputs])
    inverters = len(np.unique(used[(used & 1 == 1) & (used > TRUE)]))
    level = levels(netlist)
    depth = int(level[netlist.outputs >> 1].max(initial=0))
    return NetlistStatistics(
        cells=netlist.n_cells,
        and_cells=and_cells,
        or_cells=or_cells,
        maj_cells=netlist.n_cells - and_cells - or_cells,
        inverters=inverters,
        depth=depth,
    )
