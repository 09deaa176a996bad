"""Cover a netlist with lookup tables.

A node keeps a fixed number of cuts of up to six leaves, those that rank first by arrival or by area flow
(Mishchenko, Cho, Chatterjee and Brayton, "Combinational and sequential mapping with priority cuts", ICCAD
2007). Leaves that the function does not depend on are dropped, which is why the functions are kept along.

Priority cuts ranked by arrival give the least levels, ranked by area flow (Manohararajah, Brown and Vranesic,
2006) few tables; exact local area (Mishchenko, Chatterjee and Brayton, "Improvements to technology mapping
for LUT-based FPGAs", 2007) then picks, node by node, the cut that costs the fewest tables of its own.

The cuts are a tuple of arrays: count ``(nodes, 1)`` int32, sizes ``(nodes, cuts)`` int8, leaves
``(nodes, cuts, 6)`` int32, tables ``(nodes, cuts)`` uint64, times ``(nodes, cuts)`` int32 and flows
``(nodes, cuts)`` float64; the node itself is the last cut and not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.netlist.cuts import union, within
from btfsynth.netlist.kernels import COUNTING, complement_mask, majority_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import count_references

_FLOW_ROUNDS = 4
_AREA_ROUNDS = 3
_NOISY_ROUNDS = 60
_NOISY_WORK = 10_000
"""Maximum cells of all noisy rounds together; larger netlists get fewer rounds."""
_NOISE = (0.3, 3.0)
_SEED = 1
_WORK = 200_000
"""Approximate number of cuts of all nodes; a node has 8 to 32 of them."""
_NEVER = 2**30


@dataclass(frozen=True, eq=False)
class Cover:
    """Lookup tables that compute a netlist; `luts` includes inverters that outputs need, `roots` does not.

    `roots` ``(tables,)`` int32: the nodes that are tables, ascending. `leaves` ``(tables, 6)`` int32: the
    nodes each reads, ascending, -1 past the last. `tables` ``(tables,)`` uint64: bit ``v`` of a function is
    its value at the vector ``v`` of the leaves.
    """

    luts: int
    levels: int
    roots: NDArray[np.int32]
    leaves: NDArray[np.int32]
    tables: NDArray[np.uint64]


def map_luts(netlist: Netlist, inputs: int, shallow: bool = False) -> Cover:
    """Cover a netlist with tables of 3 to 6 inputs; shallow: the fewest levels first, then few tables."""
    if not 3 <= inputs <= MAX_LEAVES:
        raise NetlistError(f"expected tables of 3 to {MAX_LEAVES} inputs, got {inputs}")
    n_nodes, first = netlist.n_nodes, netlist.first_cell
    per_node = 1 + int(np.clip(_WORK // max(1, n_nodes), 8, 32 if inputs <= 4 else 20))
    cuts = (
        np.zeros((n_nodes, 1), dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.int8),
        np.zeros((n_nodes, per_node, MAX_LEAVES), dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.uint64),
        np.zeros((n_nodes, per_node), dtype=np.int32),
        np.zeros((n_nodes, per_node), dtype=np.float64),
    )
    costs = (np.zeros(n_nodes, dtype=np.int32), np.zeros(n_nodes, dtype=np.float64))
    outputs = np.unique(netlist.outputs >> 1)
    outputs = outputs[outputs >= first]
    references = count_references(netlist.fanins, netlist.outputs, first).astype(np.float64)
    noise = np.random.default_rng(_SEED)
    noisy = min(_NOISY_ROUNDS, _NOISY_WORK // max(1, netlist.n_cells))
    uses = references
    covers: list[Cover] = []
    for number in range(1 if shallow else 1 + _FLOW_ROUNDS + noisy):
        if number > _FLOW_ROUNDS:
            uses = references * noise.uniform(*_NOISE, n_nodes)
        rank_cuts(netlist.fanins, first, inputs, number > 0, uses, cuts, costs)
        best, reads = np.zeros(n_nodes, dtype=np.int32), np.zeros(n_nodes, dtype=np.int32)
        _count_reads(outputs, first, cuts, best, reads)
        deadline = int(costs[0][outputs].max(initial=0)) if shallow else _NEVER
        for _ in range(_AREA_ROUNDS):
            _recover(first, deadline, cuts, best, reads, costs[0])
        covers.append(_cover(netlist, cuts, best, reads))
        uses = (uses + 2.0 * reads) / 3.0
    return min(covers, key=lambda cover: (cover.luts, cover.levels))


@numba.njit(cache=True, nogil=True)
def _reference(node: Any, change: Any, first: Any, cuts: Any, best: Any, reads: Any) -> Any:
    """Add the table of a node to the cover, or remove it; returns the number of tables added or removed.

    change: 1 or -1. reads: (nodes,) int32, the number of reads of each node by the cover, modified.
    """
    sizes, leaves = cuts[1], cuts[2]
    area = 1
    stack = [node]
    while stack:
        root = stack.pop()
        cut = best[root]
        for i in range(sizes[root, cut]):
            leaf = leaves[root, cut, i]
            before = reads[leaf]
            reads[leaf] += change
            fresh = before == 0 if change > 0 else reads[leaf] == 0
            if fresh and leaf >= first:
                area += 1
                stack.append(leaf)
    return area


@numba.njit(cache=True, nogil=True)
def _count_reads(outputs: Any, first: Any, cuts: Any, best: Any, reads: Any) -> None:
    """Count how often the cover reads each node. Modifies reads, zero at first."""
    for output in outputs:
        reads[output] += 1
        if reads[output] == 1:
            _reference(output, 1, first, cuts, best, reads)


@numba.njit(cache=True, nogil=True)
def _recover(first: Any, deadline: Any, cuts: Any, best: Any, reads: Any, arrival: Any) -> None:
    """Give every node of the cover the cut that costs the fewest tables within the deadline.

    deadline: maximum levels. best: (nodes,) int32 and reads, modified. arrival: (nodes,) int32, modified.
    """
    count, sizes, leaves = cuts[0], cuts[1], cuts[2]
    n_nodes = count.shape[0]
    required = np.full(n_nodes, deadline, dtype=np.int32)
    for node in range(n_nodes - 1, first - 1, -1):
        if reads[node]:
            for i in range(sizes[node, best[node]]):
                leaf = leaves[node, best[node], i]
                required[leaf] = min(required[leaf], required[node] - 1)
    for node in range(first, n_nodes):
        used = reads[node] > 0
        if used:
            _reference(node, -1, first, cuts, best, reads)
        chosen, least, soonest, reading = -1, 0, 0, 0
        for cut in range(count[node, 0]):
            time, read = 1, 0
            for i in range(sizes[node, cut]):
                time = max(time, 1 + arrival[leaves[node, cut, i]])
                read += leaves[node, cut, i] >= first
            if used and time > required[node]:
                continue
            best[node] = cut
            area = _reference(node, 1, first, cuts, best, reads)
            _reference(node, -1, first, cuts, best, reads)
            if chosen < 0 or area < least or (area == least and (read, time) < (reading, soonest)):
                chosen, least, soonest, reading = cut, area, time, read
        best[node] = max(0, chosen)
        arrival[node] = soonest
        if used:
            _reference(node, 1, first, cuts, best, reads)


def _cover(netlist: Netlist, cuts: Any, best: NDArray[np.int32], reads: NDArray[np.int32]) -> Cover:
    _, sizes, leaves, tables, _, _ = cuts
    first = netlist.first_cell
    roots = np.flatnonzero(reads[first:]).astype(np.int32) + first
    chosen = best[roots]
    used = np.arange(MAX_LEAVES) < sizes[roots, chosen][:, None]
    read = np.where(used, leaves[roots, chosen], -1).astype(np.int32)
    level = np.zeros(netlist.n_nodes, dtype=np.int64)
    for root, row in zip(roots.tolist(), read.tolist(), strict=True):
        level[root] = 1 + max((int(level[leaf]) for leaf in row if leaf >= 0), default=0)
    inverters = _inverters(netlist)
    levels = int(level[netlist.outputs >> 1].max(initial=0))
    return Cover(
        len(roots) + inverters, max(levels, int(inverters > 0)), roots, read, tables[roots, chosen]
    )


def _inverters(netlist: Netlist) -> int:
    """Count outputs that need a table to be inverted: of inputs, and of cells that are wanted both ways."""
    wanted = np.unique(netlist.outputs)
    nodes = wanted >> 1
    inputs = (nodes > 0) & (nodes < netlist.first_cell) & (wanted & 1 == 1)
    cells = nodes[nodes >= netlist.first_cell]
    return int(inputs.sum()) + len(cells) - len(np.unique(cells))


MAX_LEAVES = 6
"""Maximum leaves of a cut."""

_FLOW_MARGIN = 1e-6


@numba.njit(cache=True, nogil=True)
def _swap_down(table: Any, place: Any, to: Any) -> Any:
    """Move variable ``place`` of a table to the lower place ``to`` by exchanging the two."""
    if place == to:
        return table
    high, low = COUNTING[place], COUNTING[to]
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
    """Drop leaves that a table does not depend on; returns the table and the number left. Modifies leaves."""
    kept = 0
    for place in range(size):
        mask = COUNTING[place]
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
    """Return True if the first of two cuts ranks before the second."""
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
    """Insert a cut by rank among those of a node, unless one of them is a subset of it.

    node: (count, sizes, leaves, tables, times, flows) of the node, modified; the last place stays free.
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
    """Return the arrival time and the area flow of a table of these leaves."""
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

    fanins: (cells, 3) int32. limit: maximum leaves of a cut. by_flow: whether area ranks before arrival.
    uses: (nodes,) float64, the expected number of reads of each node. cuts: count (nodes, 1) int32, sizes
    (nodes, cuts) int8, leaves (nodes, cuts, 6) int32, tables (nodes, cuts) uint64, times (nodes, cuts)
    int32, flows (nodes, cuts) float64, overwritten; the node itself is the last cut and not counted.
    costs: arrival (nodes,) int32 and area (nodes,) float64 by the best cuts, overwritten.
    """
    count, sizes, leaves, tables, times, flows = cuts
    arrival, area = costs
    two = np.zeros(MAX_LEAVES, dtype=np.int32)
    three = np.zeros(MAX_LEAVES, dtype=np.int32)
    for node in range(first_cell + fanins.shape[0]):
        count[node, 0] = 0
        arrival[node], area[node] = 0, 0.0
        last = sizes.shape[1] - 1
        sizes[node, last] = 1 if node else 0
        leaves[node, last, 0] = node
        tables[node, last] = COUNTING[0] if node else np.uint64(0)
        if node < first_cell:
            continue
        row = fanins[node - first_cell]
        a, b, c = row[0] >> 1, row[1] >> 1, row[2] >> 1
        flip_a = complement_mask(row[0])
        flip_b = complement_mask(row[1])
        flip_c = complement_mask(row[2])
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
                    table, n = _reduce(majority_of(x, y, z), three, n)
                    time, flow = _price(three, n, arrival, area)
                    _insert(by_flow, three, n, table, time, flow, own)
        arrival[node] = times[node, 0]
        area[node] = flows[node, 0] / max(1.0, uses[node])


# Estimate what a netlist needs on an FPGA, without any tool.

TABLE_INPUTS = (4, 6)
"""Inputs of a lookup table in common devices."""


@dataclass(frozen=True)
class LutEstimate:
    inputs: int  # of a table
    luts: int  # mapped for few tables
    levels: int
    shallow_luts: int  # mapped for few levels
    least_levels: int


@dataclass(frozen=True)
class Estimate:
    name: str  # of the netlist
    tables: tuple[LutEstimate, ...]  # one per size (`TABLE_INPUTS`)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "tables": [dict(vars(entry)) for entry in self.tables]}


def estimate(netlist: Netlist) -> Estimate:
    """Estimate the lookup tables of a netlist, without registers around it."""
    entries = []
    for inputs in TABLE_INPUTS:
        small, shallow = (map_luts(netlist, inputs, flag) for flag in (False, True))
        entries.append(LutEstimate(inputs, small.luts, small.levels, shallow.luts, shallow.levels))
    return Estimate(netlist.name, tuple(entries))
