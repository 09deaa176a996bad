"""Cuts of up to three or four leaves, with their functions.

A cut of a node is a set of nodes, its leaves, that every path from the inputs to it meets; the node is a
function of them. Cuts are merged from those of the fan-in, bottom up (Cong and Ding, FlowMap, 1994; Mishchenko,
Chatterjee and Brayton, "DAG-aware AIG rewriting", DAC 2006), a fixed number per node. Leaves that the function
does not depend on are dropped. Invariants: no cut of a node has all the leaves of another; the last cut is the
node itself.

A set of leaves is an ascending array of nodes, which may be longer than the set: its size is stored with
it, and elements after the last leaf are ignored. The mapper's cuts also use `union`, `within` and `bits_of`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.gates import AnyNetlist, GateNetlist, is_parity
from btfsynth.netlist.kernels import majority_of

_NO_LEAF = np.int32(2**31 - 1)
"""After every node."""


class Cuts(NamedTuple):
    counts: NDArray[np.int32]  # ``(nodes,)``, cuts of the node
    size: NDArray[np.int8]  # ``(nodes, cuts)``, leaves of each cut
    leaves: NDArray[np.int32]  # ``(nodes, cuts, most leaves)``
    tables: NDArray[np.uint16]
    """``(nodes, cuts)``, the function: bit ``v`` at the vector ``v`` of the leaves, the first leaf least
    significant; it does not depend on leaves past the last."""


class TableMaps(NamedTuple):
    """Tables over some of the leaves as tables over others; a subset is a number, a bit a leaf."""

    spread: NDArray[np.uint16]
    """``(subsets, tables)``: a table over the first leaves as one over the leaves of the subset."""
    gather: NDArray[np.uint16]  # the way back, of a table that depends on no other leaf
    support: NDArray[np.uint8]  # ``(tables,)``, the subset that a table depends on


def find_cuts(netlist: AnyNetlist, most_leaves: int, per_node: int, *, smallest: bool) -> Cuts:
    """Return up to `per_node` (at least 2) cuts of each node, itself included, of up to 3 or 4 leaves.

    If there are more, the smallest ones are kept if `smallest`, else the first ones.
    """
    n_nodes = netlist.n_nodes
    cuts = Cuts(
        np.zeros(n_nodes, dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.int8),
        np.zeros((n_nodes, per_node, most_leaves), dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.uint16),
    )
    fanins = netlist.fanins
    parity = is_parity(fanins) if isinstance(netlist, GateNetlist) else np.zeros(len(fanins), bool)
    _enumerate((fanins, parity), netlist.first_cell, table_maps(most_leaves), cuts, smallest)
    return cuts


@cache
def table_maps(leaves: int) -> TableMaps:
    """Return the maps of tables of this many leaves; computed once per process."""
    vectors = np.arange(1 << leaves)
    tables = np.arange(1 << len(vectors)).astype(np.uint16)
    maps = np.zeros((2, 1 << leaves, len(tables)), dtype=np.uint16)
    for subset in range(1 << leaves):
        places = [place for place in range(leaves) if subset >> place & 1]
        inner, outer = np.zeros_like(vectors), np.zeros_like(vectors)
        for rank, place in enumerate(places):
            inner |= (vectors >> place & 1) << rank
            outer |= (vectors >> rank & 1) << place
        for row, sources in enumerate((inner, outer)):
            for vector, source in enumerate(sources.tolist()):
                maps[row, subset] |= (tables >> source & 1) << vector
    support = np.zeros(len(tables), dtype=np.uint8)
    for place in range(leaves):
        low = sum(1 << vector for vector in vectors.tolist() if not vector >> place & 1)
        support |= ((((tables >> (1 << place)) ^ tables) & low != 0) << place).astype(np.uint8)
    return TableMaps(maps[0], maps[1], support)


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
    """Return the positions of a subset's leaves in a set, as bits."""
    bits, place = 0, 0
    for i in range(n_part):
        while whole[place] != part[i]:
            place += 1
        bits |= 1 << place
    return bits


@numba.njit(cache=True, nogil=True)
def within(part: Any, n_part: Any, whole: Any, n_whole: Any) -> Any:
    """Return whether a set is a subset of another."""
    if n_part > n_whole:
        return False
    place = 0
    for i in range(n_part):
        while place < n_whole and whole[place] < part[i]:
            place += 1
        if place == n_whole or whole[place] != part[i]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _insert(cut: Any, n_leaves: Any, table: Any, kept: Any, rows: Any, smallest: Any) -> Any:
    """Add a cut to those of a node unless one of them is a subset; returns the number of cuts.

    rows: (size, leaves, tables) of the node, modified. One row is reserved for the node itself.
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
        for k in range(remaining if smallest else 0):
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
def _enumerate(cells: Any, first_cell: Any, maps: Any, cuts: Any, smallest: Any) -> None:
    """Fill in the cuts of all nodes. Modifies cuts, zero at first.

    cells: (fanins int32 ``(cells, 3)``, parity bool ``(cells,)``: the others are majorities).
    """
    fanins, parity = cells
    begin_cuts(first_cell, maps, cuts)
    scratch = np.zeros((2, cuts.leaves.shape[2]), dtype=np.int32)
    for cell in range(fanins.shape[0]):
        cuts_of_cell(fanins[cell], parity[cell], first_cell + cell, maps, cuts, smallest, scratch)


@numba.njit(cache=True, nogil=True)
def begin_cuts(first_cell: Any, maps: Any, cuts: Any) -> None:
    """Fill in the cuts of the constant, which has no leaves and table 0, and of the inputs. Modifies cuts."""
    cuts.counts[0] = 1
    for node in range(1, first_cell):
        _add_itself(node, 0, maps, cuts)


@numba.njit(cache=True, nogil=True)
def _add_itself(node: Any, kept: Any, maps: Any, cuts: Any) -> None:
    cuts.size[node, kept] = 1
    cuts.leaves[node, kept, 0] = node
    cuts.tables[node, kept] = (maps.spread.shape[1] - 1) // 3 * 2  # 0xAAAA or 0xAA
    cuts.counts[node] = kept + 1


@numba.njit(cache=True, nogil=True)
def cuts_of_cell(
    row: Any, parity: Any, node: Any, maps: Any, cuts: Any, smallest: Any, scratch: Any
) -> None:
    """Fill in the cuts of a cell from those of its fan-in. Modifies cuts.

    row: int32 ``(3,)``, its literals; scratch: int32 ``(2, maximum leaves)``.
    """
    count, size, leaves, tables = cuts
    spread = maps.spread
    most = leaves.shape[2]
    ones = np.int64(spread.shape[1] - 1)
    two, three = scratch[0], scratch[1]
    a, b, c = row[0] >> 1, row[1] >> 1, row[2] >> 1
    rows = (size[node], leaves[node], tables[node])
    flip_a, flip_b, flip_c = ones * (row[0] & 1), ones * (row[1] & 1), ones * (row[2] & 1)
    kept = 0
    for i in range(count[a] - 1, -1, -1):
        for j in range(count[b] - 1, -1, -1):
            n_two = union(leaves[a, i], size[a, i], leaves[b, j], size[b, j], most, two)
            if n_two > most:
                continue
            for k in range(count[c] - 1, -1, -1):
                n_all = union(two, n_two, leaves[c, k], size[c, k], most, three)
                if n_all > most:
                    continue
                x = spread[bits_of(leaves[a, i], size[a, i], three), tables[a, i]] ^ flip_a
                y = spread[bits_of(leaves[b, j], size[b, j], three), tables[b, j]] ^ flip_b
                z = spread[bits_of(leaves[c, k], size[c, k], three), tables[c, k]] ^ flip_c
                table = majority_of(x, y, z)
                if parity:
                    table = x ^ y ^ z
                support = maps.support[table]
                n_kept = 0
                for place in range(n_all):
                    if support >> place & 1:
                        three[n_kept] = three[place]
                        n_kept += 1
                table = maps.gather[support, table]
                kept = _insert(three, n_kept, table, kept, rows, smallest)
    _add_itself(node, kept, maps, cuts)
