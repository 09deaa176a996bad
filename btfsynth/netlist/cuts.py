"""Cuts of up to three leaves with their functions.

A cut of a node is a set of nodes that every path from the inputs to it meets; the node is a function of
these leaves. Cuts are merged from those of the fan-in, bottom up (Cong and Ding, FlowMap, 1994; Pan and
Lin, 1998), a fixed number a node, the shallow ones first. Leaves that the function does not depend on
are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import Netlist

__all__ = [
    "CUT_LEAVES",
    "SmallCuts",
    "bits_of",
    "small_cuts",
    "union",
    "within",
]

CUT_LEAVES = 3
"""Most leaves of a cut."""

_PER_NODE = 12


@dataclass(frozen=True, eq=False)
class SmallCuts:
    """The cuts of every node.

    Parameters
    ----------
    count
        ``(nodes,)`` int32, cuts of the node; the last one is the node itself.
    size
        ``(nodes, cuts)`` int8, leaves of each cut.
    leaves
        ``(nodes, cuts, 3)`` int32, ascending nodes, zero past the size.
    tables
        ``(nodes, cuts)`` uint8, the function: bit ``v`` at the vector ``v`` of the leaves, the first
        leaf least significant.
    """

    count: NDArray[np.int32]
    size: NDArray[np.int8]
    leaves: NDArray[np.int32]
    tables: NDArray[np.uint8]


def small_cuts(netlist: Netlist) -> SmallCuts:
    """Return the cuts of all nodes."""
    n_nodes = netlist.n_nodes
    cuts = SmallCuts(
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros((n_nodes, _PER_NODE), dtype=np.int8),
        np.zeros((n_nodes, _PER_NODE, CUT_LEAVES), dtype=np.int32),
        np.zeros((n_nodes, _PER_NODE), dtype=np.uint8),
    )
    spread, gather = _table_maps()
    _enumerate(
        netlist.fanins,
        netlist.first_cell,
        spread,
        gather,
        cuts.count,
        cuts.size,
        cuts.leaves,
        cuts.tables,
    )
    return cuts


@cache
def _table_maps() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the maps of tables from and to a subset of three leaves, each ``(8, 256)`` uint8.

    ``spread[subset, table]`` is a table over the first leaves as one over the leaves of the subset;
    ``gather`` goes back, for a table that depends on no other leaf.
    """
    vectors = np.arange(8)
    tables = np.arange(256)
    spread = np.zeros((8, 256), dtype=np.uint8)
    gather = np.zeros((8, 256), dtype=np.uint8)
    for subset in range(8):
        places = [place for place in range(CUT_LEAVES) if subset >> place & 1]
        inner = sum((vectors >> place & 1) << rank for rank, place in enumerate(places))
        outer = sum((vectors >> rank & 1) << place for rank, place in enumerate(places))
        for vector in vectors:
            at = int(np.broadcast_to(inner, 8)[vector])
            spread[subset] |= ((tables >> at & 1) << vector).astype(np.uint8)
            at = int(np.broadcast_to(outer, 8)[vector])
            gather[subset] |= ((tables >> at & 1) << vector).astype(np.uint8)
    return spread, gather


@numba.njit(cache=True)
def _support(table: int) -> int:
    """Return which leaves a table depends on, as bits."""
    bits = 0
    if (table ^ (table >> 1)) & 0x55:
        bits |= 1
    if (table ^ (table >> 2)) & 0x33:
        bits |= 2
    if (table ^ (table >> 4)) & 0x0F:
        bits |= 4
    return bits


@numba.njit(cache=True)
def _insert(
    leaves: Any, n_leaves: int, table: int, kept: int, size: Any, sets: Any, tables: Any
) -> int:
    """Add a cut to those of a node unless one of them is a subset; returns how many there are.

    One place is left for the node itself. Changes size, sets and tables.
    """
    for cut in range(kept):
        if within(sets[cut], size[cut], leaves, n_leaves):
            return kept
    remaining = 0
    for cut in range(kept):
        if not within(leaves, n_leaves, sets[cut], size[cut]):
            if remaining != cut:
                size[remaining] = size[cut]
                tables[remaining] = tables[cut]
                sets[remaining] = sets[cut]
            remaining += 1
    if remaining == len(size) - 1:
        return remaining
    size[remaining] = n_leaves
    tables[remaining] = table
    sets[remaining] = 0
    for i in range(n_leaves):
        sets[remaining, i] = leaves[i]
    return remaining + 1


@numba.njit(cache=True)
def _enumerate(
    fanins: Any,
    first_cell: int,
    spread: Any,
    gather: Any,
    count: Any,
    size: Any,
    leaves: Any,
    tables: Any,
) -> None:
    """Fill in the cuts of all nodes.

    fanins: (cells, 3) int32; spread, gather: (8, 256) uint8; count, size, leaves, tables: as in
    SmallCuts, zero at first, overwritten.
    """
    count[0] = 1  # the constant: no leaves, table 0
    two = np.zeros(CUT_LEAVES, dtype=np.int32)
    three = np.zeros(CUT_LEAVES, dtype=np.int32)
    reduced = np.zeros(CUT_LEAVES, dtype=np.int32)
    for node in range(1, first_cell + len(fanins)):
        kept = 0
        if node >= first_cell:
            row = fanins[node - first_cell]
            a, b, c = row[0] >> 1, row[1] >> 1, row[2] >> 1
            flip_a = 0xFF * (row[0] & 1)
            flip_b = 0xFF * (row[1] & 1)
            flip_c = 0xFF * (row[2] & 1)
            for i in range(count[a] - 1, -1, -1):
                for j in range(count[b] - 1, -1, -1):
                    n_two = union(
                        leaves[a, i], size[a, i], leaves[b, j], size[b, j], CUT_LEAVES, two
                    )
                    if n_two > CUT_LEAVES:
                        continue
                    for k in range(count[c] - 1, -1, -1):
                        n_three = union(two, n_two, leaves[c, k], size[c, k], CUT_LEAVES, three)
                        if n_three > CUT_LEAVES:
                            continue
                        x = spread[bits_of(leaves[a, i], size[a, i], three), tables[a, i]] ^ flip_a
                        y = spread[bits_of(leaves[b, j], size[b, j], three), tables[b, j]] ^ flip_b
                        z = spread[bits_of(leaves[c, k], size[c, k], three), tables[c, k]] ^ flip_c
                        table = (x & y) | (z & (x | y))
                        support = _support(table)
                        table = gather[support, table]
                        n_reduced = 0
                        for place in range(n_three):
                            if support >> place & 1:
                                reduced[n_reduced] = three[place]
                                n_reduced += 1
                        kept = _insert(
                            reduced, n_reduced, table, kept, size[node], leaves[node], tables[node]
                        )
        size[node, kept] = 1
        leaves[node, kept] = 0
        leaves[node, kept, 0] = node
        tables[node, kept] = 0xAA
        count[node] = kept + 1


# Sets of leaves as ascending arrays of nodes, as all enumerations of cuts hold them.

_NO_LEAF = np.int32(2**31 - 1)
"""After every node."""


@numba.njit(cache=True, nogil=True)
def union(first: Any, n_first: Any, second: Any, n_second: Any, limit: Any, out: Any) -> Any:
    """Merge two sets into out; returns their size, ``limit + 1`` if it is above the limit."""
    i, j, size = 0, 0, 0
    while i < n_first or j < n_second:
        if size == limit:
            return limit + 1
        x = first[i] if i < n_first else _NO_LEAF
        y = second[j] if j < n_second else _NO_LEAF
        # Without a branch but the loop's: which of the two comes first cannot be foreseen.
        out[size] = min(x, y)
        i += x <= y
        j += y <= x
        size += 1
    return size


@numba.njit(cache=True, nogil=True)
def bits_of(part: Any, n_part: Any, whole: Any) -> Any:
    """Return which leaves of a set a subset of it holds, as bits."""
    bits, place = 0, 0
    for i in range(n_part):
        while whole[place] != part[i]:
            place += 1
        bits |= 1 << place
    return bits


@numba.njit(cache=True, nogil=True)
def within(part: Any, n_part: Any, whole: Any, n_whole: Any) -> Any:
    """Tell whether a set is a subset of another."""
    if n_part > n_whole:
        return False
    place = 0
    for i in range(n_part):
        while place < n_whole and whole[place] < part[i]:
            place += 1
        if place == n_whole or whole[place] != part[i]:
            return False
    return True
