"""Cuts of up to four leaves with their functions.

Like `btfsynth.netlist.cuts`, with one leaf more: cuts are merged from those of the fan-in, bottom up, a
fixed number a node (Mishchenko, Chatterjee and Brayton, "DAG-aware AIG rewriting", DAC 2006). Leaves that the
function does not depend on are dropped. Where there are more cuts than places, those of fewer leaves stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.cuts import bits_of, union, within
from btfsynth.netlist.netlist import Netlist

__all__ = ["CUT_LEAVES", "Cuts", "find_cuts"]

CUT_LEAVES = 4
"""Most leaves of a cut."""

_SUBSETS = 1 << CUT_LEAVES
_VECTORS = 1 << CUT_LEAVES


@dataclass(frozen=True, eq=False)
class Cuts:
    """The cuts of every node.

    Parameters
    ----------
    count
        ``(nodes,)`` int32, cuts of the node; the last one is the node itself.
    size
        ``(nodes, cuts)`` int8, leaves of each cut.
    leaves
        ``(nodes, cuts, 4)`` int32, ascending nodes; what follows the last leaf is not significant.
    tables
        ``(nodes, cuts)`` uint16, the function: bit ``v`` at the vector ``v`` of the leaves, the first
        leaf least significant; it does not depend on leaves past the last.
    """

    count: NDArray[np.int32]
    size: NDArray[np.int8]
    leaves: NDArray[np.int32]
    tables: NDArray[np.uint16]


def find_cuts(netlist: Netlist, per_node: int) -> Cuts:
    """Return cuts of all nodes.

    Parameters
    ----------
    netlist
        The netlist.
    per_node
        Most cuts of a node, itself included; at least 2.
    """
    n_nodes = netlist.n_nodes
    cuts = Cuts(
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.int8),
        np.zeros((n_nodes, per_node, CUT_LEAVES), dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.uint16),
    )
    spread, gather = _table_maps()
    arrays = (cuts.count, cuts.size, cuts.leaves, cuts.tables)
    _enumerate(netlist.fanins, netlist.first_cell, spread, gather, arrays)
    return cuts


@cache
def _table_maps() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the maps of tables from and to a subset of four leaves, each ``(16, 65536)`` uint16.

    ``spread[subset, table]`` is a table over the first leaves as one over the leaves of the subset;
    ``gather`` goes back, for a table that depends on no other leaf.
    """
    vectors = np.arange(_VECTORS)
    tables = np.arange(1 << _VECTORS, dtype=np.uint16)
    maps = np.zeros((2, _SUBSETS, len(tables)), dtype=np.uint16)
    for subset in range(_SUBSETS):
        places = [place for place in range(CUT_LEAVES) if subset >> place & 1]
        inner, outer = np.zeros_like(vectors), np.zeros_like(vectors)
        for rank, place in enumerate(places):
            inner |= (vectors >> place & 1) << rank
            outer |= (vectors >> rank & 1) << place
        for row, sources in enumerate((inner, outer)):
            for vector, source in enumerate(sources.tolist()):
                maps[row, subset] |= (tables >> source & 1) << vector
    return maps[0], maps[1]


@numba.njit(cache=True, nogil=True)
def _support(table: Any) -> Any:
    """Return which leaves a table depends on, as bits."""
    bits = 0
    if (table ^ (table >> 1)) & 0x5555:
        bits |= 1
    if (table ^ (table >> 2)) & 0x3333:
        bits |= 2
    if (table ^ (table >> 4)) & 0x0F0F:
        bits |= 4
    if (table ^ (table >> 8)) & 0x00FF:
        bits |= 8
    return bits


@numba.njit(cache=True, nogil=True)
def _insert(cut: Any, n_leaves: Any, table: Any, kept: Any, rows: Any) -> Any:
    """Add a cut to those of a node unless one of them is a subset; returns how many there are.

    rows: (size, leaves, tables) of the node, changed. One place is left for the node itself.
    """
    size, leaves, tables = rows
    for k in range(kept):
        if within(leaves[k], size[k], cut, n_leaves):
            return kept
    remaining = 0
    for k in range(kept):
        if not within(cut, n_leaves, leaves[k], size[k]):
            if remaining != k:
                size[remaining] = size[k]
                tables[remaining] = tables[k]
                for i in range(size[k]):
                    leaves[remaining, i] = leaves[k, i]
            remaining += 1
    place = remaining
    if remaining == size.shape[0] - 1:
        place = -1
        for k in range(remaining):
            if size[k] > n_leaves and (place < 0 or size[k] >= size[place]):
                place = k
        if place < 0:
            return remaining
    else:
        remaining += 1
    size[place] = n_leaves
    tables[place] = table
    for i in range(n_leaves):
        leaves[place, i] = cut[i]
    return remaining


@numba.njit(cache=True, nogil=True)
def _enumerate(fanins: Any, first_cell: Any, spread: Any, gather: Any, cuts: Any) -> None:
    """Fill in the cuts of all nodes.

    fanins: (cells, 3) int32; spread, gather: from `_table_maps`; cuts: (count, size, leaves, tables) as in
    `Cuts`, counts zero at first, changed.
    """
    count, size, leaves, tables = cuts
    count[0] = 1  # the constant: no leaves, table 0
    two = np.zeros(CUT_LEAVES, dtype=np.int32)
    three = np.zeros(CUT_LEAVES, dtype=np.int32)
    for node in range(1, first_cell + fanins.shape[0]):
        kept = 0
        if node >= first_cell:
            row = fanins[node - first_cell]
            a, b, c = row[0] >> 1, row[1] >> 1, row[2] >> 1
            rows = (size[node], leaves[node], tables[node])
            flips = (
                0xFFFF * np.int64(row[0] & 1),
                0xFFFF * np.int64(row[1] & 1),
                0xFFFF * np.int64(row[2] & 1),
            )
            for i in range(count[a] - 1, -1, -1):
                for j in range(count[b] - 1, -1, -1):
                    n_two = union(
                        leaves[a, i], size[a, i], leaves[b, j], size[b, j], CUT_LEAVES, two
                    )
                    if n_two > CUT_LEAVES:
                        continue
                    for k in range(count[c] - 1, -1, -1):
                        n_all = union(two, n_two, leaves[c, k], size[c, k], CUT_LEAVES, three)
                        if n_all > CUT_LEAVES:
                            continue
                        x = spread[bits_of(leaves[a, i], size[a, i], three), tables[a, i]]
                        y = spread[bits_of(leaves[b, j], size[b, j], three), tables[b, j]]
                        z = spread[bits_of(leaves[c, k], size[c, k], three), tables[c, k]]
                        x, y, z = x ^ flips[0], y ^ flips[1], z ^ flips[2]
                        table = (x & y) | (z & (x | y))
                        support = _support(table)
                        n_kept = 0
                        for place in range(n_all):
                            if support >> place & 1:
                                three[n_kept] = three[place]
                                n_kept += 1
                        kept = _insert(three, n_kept, gather[support, table], kept, rows)
        size[node, kept] = 1
        leaves[node, kept, 0] = node
        tables[node, kept] = 0xAAAA
        count[node] = kept + 1
