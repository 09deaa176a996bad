"""Cuts of up to six leaves by priority, with their functions.

A node keeps a fixed number of cuts, those that rank first by arrival or by area flow (Mishchenko, Cho,
Chatterjee and Brayton, "Combinational and sequential mapping with priority cuts", ICCAD 2007). Leaves that
the function does not depend on are dropped, which is why the functions are kept along.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from btfsynth.netlist.cuts import union, within

__all__ = ["MAX_LEAVES", "rank_cuts"]

MAX_LEAVES = 6
"""Most leaves of a cut."""

_MASKS = (
    0xAAAAAAAAAAAAAAAA,
    0xCCCCCCCCCCCCCCCC,
    0xF0F0F0F0F0F0F0F0,
    0xFF00FF00FF00FF00,
    0xFFFF0000FFFF0000,
    0xFFFFFFFF00000000,
)
_VARIABLES = np.array(_MASKS, dtype=np.uint64)
_FLOW_MARGIN = 1e-6


@numba.njit(cache=True, nogil=True)
def _swap_down(table: Any, place: Any, to: Any) -> Any:
    """Move variable ``place`` of a table to the lower place ``to`` by exchanging the two."""
    if place == to:
        return table
    high, low = _VARIABLES[place], _VARIABLES[to]
    shift = np.uint64((1 << place) - (1 << to))
    up = low & ~high
    down = high & ~low
    kept = table & ~(up | down)
    return kept | ((table & up) << shift) | ((table & down) >> shift)


@numba.njit(cache=True, nogil=True)
def _spread(table: Any, part: Any, n_part: Any, whole: Any) -> Any:
    """Return a table over the leaves of a subset as one over the whole set."""
    place = n_part - 1
    at = 0
    while n_part and whole[at] != part[n_part - 1]:
        at += 1
    while place >= 0:
        while whole[at] != part[place]:
            at -= 1
        table = _swap_down(table, at, place)
        place -= 1
    return table


@numba.njit(cache=True, nogil=True)
def _reduce(table: Any, leaves: Any, size: Any) -> Any:
    """Drop leaves that a table does not depend on; returns the table and the number left. Changes leaves."""
    kept = 0
    for place in range(size):
        mask = _VARIABLES[place]
        shift = np.uint64(1 << place)
        if ((table & mask) >> shift) != (table & ~mask):
            if kept != place:
                leaves[kept] = leaves[place]
                table = _swap_down(table, place, kept)
            kept += 1
    return table, kept


@numba.njit(cache=True, nogil=True)
def _before(
    by_flow: Any, time: Any, flow: Any, size: Any, time2: Any, flow2: Any, size2: Any
) -> Any:
    """Tell whether the first of two cuts ranks before the second."""
    if by_flow:
        if abs(flow - flow2) > _FLOW_MARGIN:
            return flow < flow2
        if time != time2:
            return time < time2
        return size < size2
    if time != time2:
        return time < time2
    if abs(flow - flow2) > _FLOW_MARGIN:
        return flow < flow2
    return size < size2


@numba.njit(cache=True, nogil=True)
def _insert(by_flow: Any, cut: Any, size: Any, table: Any, time: Any, flow: Any, node: Any) -> None:
    """Put a cut at its rank among those of a node, unless one of them is a subset of it.

    node: (count, sizes, leaves, tables, times, flows) of the node, changed; the last place stays free.
    """
    count, sizes, leaves, tables, times, flows = node
    kept = 0
    for k in range(count[0]):
        if within(leaves[k], sizes[k], cut, size):
            return
    for k in range(count[0]):
        if not within(cut, size, leaves[k], sizes[k]):
            if kept != k:
                sizes[kept], tables[kept] = sizes[k], tables[k]
                times[kept], flows[kept] = times[k], flows[k]
                leaves[kept] = leaves[k]
            kept += 1
    place = kept
    while place and _before(
        by_flow, time, flow, size, times[place - 1], flows[place - 1], sizes[place - 1]
    ):
        place -= 1
    room = len(sizes) - 1
    if place < room:
        for k in range(min(kept, room - 1), place, -1):
            sizes[k], tables[k] = sizes[k - 1], tables[k - 1]
            times[k], flows[k] = times[k - 1], flows[k - 1]
            leaves[k] = leaves[k - 1]
        sizes[place], tables[place] = size, table
        times[place], flows[place] = time, flow
        for i in range(size):
            leaves[place, i] = cut[i]
        kept = min(kept + 1, room)
    count[0] = kept


@numba.njit(cache=True, nogil=True)
def _price(cut: Any, size: Any, arrival: Any, area: Any) -> Any:
    """Return when a table of these leaves has its value, and what area flows into it."""
    time, flow = 0, 1.0
    for i in range(size):
        time = max(time, arrival[cut[i]])
        flow += area[cut[i]]
    return time + 1, flow


@numba.njit(cache=True, nogil=True)
def rank_cuts(
    fanins: Any, first_cell: Any, limit: Any, by_flow: Any, uses: Any, cuts: Any, costs: Any
) -> None:
    """Fill in the cuts of all nodes, the best one first.

    fanins: (cells, 3) int32. limit: leaves of a cut at most. by_flow: whether area comes before arrival.
    uses: (nodes,) float64, how often each node is going to be read. cuts: count (nodes, 1) int32, sizes
    (nodes, cuts) int8, leaves (nodes, cuts, 6) int32, tables (nodes, cuts) uint64, times (nodes, cuts)
    int32, flows (nodes, cuts) float64, overwritten; the node itself is the last cut and not counted.
    costs: arrival (nodes,) int32 and area (nodes,) float64 by the best cuts, overwritten.
    """
    count, sizes, leaves, tables, times, flows = cuts
    arrival, area = costs
    ones = ~np.uint64(0)
    two = np.zeros(MAX_LEAVES, dtype=np.int32)
    three = np.zeros(MAX_LEAVES, dtype=np.int32)
    for node in range(first_cell + fanins.shape[0]):
        count[node, 0] = 0
        arrival[node], area[node] = 0, 0.0
        last = sizes.shape[1] - 1
        sizes[node, last] = 1 if node else 0
        leaves[node, last, 0] = node
        tables[node, last] = _VARIABLES[0] if node else np.uint64(0)
        if node < first_cell:
            continue
        row = fanins[node - first_cell]
        a, b, c = row[0] >> 1, row[1] >> 1, row[2] >> 1
        flip_a = ones if row[0] & 1 else np.uint64(0)
        flip_b = ones if row[1] & 1 else np.uint64(0)
        flip_c = ones if row[2] & 1 else np.uint64(0)
        own = (count[node], sizes[node], leaves[node], tables[node], times[node], flows[node])
        for i in range(-1, count[a, 0]):
            for j in range(-1, count[b, 0]):
                n_two = union(leaves[a, i], sizes[a, i], leaves[b, j], sizes[b, j], limit, two)
                if n_two > limit:
                    continue
                for k in range(-1, count[c, 0]):
                    n = union(two, n_two, leaves[c, k], sizes[c, k], limit, three)
                    if n > limit:
                        continue
                    x = _spread(tables[a, i], leaves[a, i], sizes[a, i], three) ^ flip_a
                    y = _spread(tables[b, j], leaves[b, j], sizes[b, j], three) ^ flip_b
                    z = _spread(tables[c, k], leaves[c, k], sizes[c, k], three) ^ flip_c
                    table, n = _reduce((x & y) | (z & (x | y)), three, n)
                    time, flow = _price(three, n, arrival, area)
                    _insert(by_flow, three, n, table, time, flow, own)
        arrival[node] = times[node, 0]
        area[node] = flows[node, 0] / max(1.0, uses[node])
