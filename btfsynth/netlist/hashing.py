"""A netlist that grows under structural hashing, and the rebuilding of whole netlists.

`majority` makes cells in the normal form of `NetlistBuilder`, each only once: the table finds the node of a
sorted fan-in by linear probing. A new cell is not in use until `hold` is called (see
`btfsynth.netlist.kernels`): a candidate can be made, held, measured by the number of cells that come into use,
dropped and removed with `roll_back`, so a pass knows the exact gain of a change in advance.

`rebuild` is compiled code that does for a whole netlist what `NetlistBuilder` does cell by cell; the result is
identical, literal for literal.

A `Sweep` rebuilds a netlist cell by cell in topological order, each in the form that a pass chooses. Every new
node is held as often as the old one was used, including by cells not rebuilt yet. So the cells in use can be
counted for any form of a cell, including cells shared by hashing and cells that fall out of use. Functions
called for every cell get only the arrays of a sweep that they need, which is faster.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.netlist.kernels import NONE, drop, hold, value_of
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import count_references, levels, mark_cone, order_cells

_OUT_OF_RANGE, _CYCLIC = 1, 2


class Graph(NamedTuple):
    """The arrays of a growing netlist, which the compiled functions share and change.

    Invariants: fan-in is in normal form and of lower numbers than its node; no two nodes have the same; the
    table holds every node made and nothing else.
    """

    fanins: Any
    """int32 ``(capacity, 3)``, the literals of each node; rows below the first cell are not used."""
    table: Any
    """int32 ``(slots,)``, a power of two: node numbers by the hash of their fan-in, 0 where free."""
    references: Any
    """int32 ``(capacity,)``, how often a node is used (see `btfsynth.netlist.kernels`)."""
    level: Any  # int32 ``(capacity,)``, 0 for inputs, else 1 + the deepest fan-in
    made: Any  # int64 ``(1,)``, nodes made so far
    first: Any  # the first cell
    alias: Any = None  # nothing stands for another node


@numba.njit(cache=True, nogil=True)
def new_graph(first_cell: Any, capacity: Any) -> Any:
    """Return a graph of inputs alone with room for this many nodes."""
    slots = 16
    while slots < 2 * capacity:
        slots *= 2
    return Graph(
        np.zeros((capacity, 3), dtype=np.int32),
        np.zeros(slots, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        np.full(1, first_cell, dtype=np.int64),
        np.int64(first_cell),
        None,
    )


@numba.njit(cache=True, nogil=True)
def slot_of(graph: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the slot of a cell in normal form: the one it is in, or the free one it belongs in.

    graph: anything with the fan-in and the table of a `Graph`.
    """
    fanins, table = graph.fanins, graph.table
    key = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ np.uint64(b)) * np.uint64(0xC2B2AE3D27D4EB4F)
    key = (key ^ (key >> np.uint64(29)) ^ np.uint64(c)) * np.uint64(0x165667B19E3779F9)
    mask = np.uint64(table.shape[0] - 1)
    slot = (key ^ (key >> np.uint64(32))) & mask
    while True:
        node = table[slot]
        if node == 0 or (fanins[node, 0] == a and fanins[node, 1] == b and fanins[node, 2] == c):
            return slot
        slot = (slot + np.uint64(1)) & mask


@numba.njit(cache=True, nogil=True)
def folded(a: Any, b: Any, c: Any) -> Any:
    """Return the literal of a trivial majority, or `NONE`."""
    if a == b or a == c:
        return a
    if b == c:
        return b
    if a ^ b == 1:
        return c
    if a ^ c == 1:
        return b
    if b ^ c == 1:
        return a
    return NONE


@numba.njit(cache=True, nogil=True)
def normal(a: Any, b: Any, c: Any) -> Any:
    """Return the sorted literals of the normal form and whether the result is complemented."""
    flip = 1 if (a & 1) + (b & 1) + (c & 1) > 1 else 0
    a, b, c = a ^ flip, b ^ flip, c ^ flip
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    return a, b, c, flip


@numba.njit(cache=True, nogil=True)
def cell_of(graph: Any, x: Any, y: Any, z: Any) -> Any:
    """Return the node of a cell with this fan-in; makes it if needed. Modifies the graph."""
    fanins, table, _, level, made, _, _ = graph
    slot = slot_of(graph, x, y, z)
    node = np.int64(table[slot])
    if node == 0:
        node = made[0]
        made[0] += 1
        table[slot] = node
        fanins[node, 0], fanins[node, 1], fanins[node, 2] = x, y, z
        level[node] = 1 + max(level[x >> 1], level[y >> 1], level[z >> 1])
    return node


@numba.njit(cache=True, nogil=True)
def majority(graph: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the literal of a majority; makes a cell if needed. Modifies the graph."""
    literal = np.int64(folded(a, b, c))
    if literal != NONE:
        return literal
    x, y, z, flip = normal(a, b, c)
    return 2 * cell_of(graph, x, y, z) + flip


@numba.njit(cache=True, nogil=True)
def graph_of(fanins: Any, first_cell: Any) -> Any:
    """Return the graph of cells in normal form, all different: its nodes are numbered as theirs."""
    graph = new_graph(first_cell, first_cell + fanins.shape[0] + 1)
    for cell in range(fanins.shape[0]):
        majority(
            graph, np.int64(fanins[cell, 0]), np.int64(fanins[cell, 1]), np.int64(fanins[cell, 2])
        )
    return graph


@numba.njit(cache=True, nogil=True)
def fanin_of(graph: Any, literal: Any) -> Any:
    """Return the three literals that a cell's literal is the majority of."""
    fanins, flip = graph.fanins, literal & 1
    row = literal >> 1
    return (
        np.int64(fanins[row, 0] ^ flip),
        np.int64(fanins[row, 1] ^ flip),
        np.int64(fanins[row, 2] ^ flip),
    )


@numba.njit(cache=True, nogil=True)
def roll_back(graph: Any, count: Any) -> None:
    """Remove the nodes from this number on; none may be in use. Modifies the graph.

    Latest first: with linear probing, no other node's probe sequence passes the slot of the latest node.
    """
    fanins, table, made = graph.fanins, graph.table, graph.made
    while made[0] > count:
        node = made[0] - 1
        slot = slot_of(graph, fanins[node, 0], fanins[node, 1], fanins[node, 2])
        table[slot] = 0
        made[0] = node


def rebuild(netlist: Netlist, substitution: NDArray[Any] | None = None) -> Netlist:
    """Return the netlist hashed and folded, after a substitution of signals if one is given.

    Node ``n`` is replaced by the literal ``substitution[n]`` wherever it is used; ``2 * n`` keeps it. Chains
    are followed; a node may be replaced by a later one if no cycle arises (else a `NetlistError`).
    """
    if substitution is None:
        return rebuild_from(netlist, netlist.fanins, netlist.outputs)
    wanted = np.asarray(substitution, dtype=np.int64)
    if wanted.shape != (netlist.n_nodes,):
        raise NetlistError(
            f"{netlist.name}: expected a substitution of {netlist.n_nodes} nodes, got {wanted.shape}"
        )
    if len(wanted) and (wanted.min() < 0 or wanted.max() >= 2 * netlist.n_nodes):
        raise NetlistError(f"{netlist.name}: a literal of the substitution is out of range")
    resolved = np.zeros(netlist.n_nodes, dtype=np.int32)
    if not _resolve(wanted, resolved):
        raise NetlistError(f"{netlist.name}: the substitution is cyclic")
    fanins, outputs = value_of(resolved, netlist.fanins), value_of(resolved, netlist.outputs)
    return rebuild_from(netlist, fanins, outputs)


def rebuild_from(like: Netlist, fanins: NDArray[Any], outputs: NDArray[Any]) -> Netlist:
    """Return arrays as a netlist, hashed and folded.

    `fanins` are ``(cells, 3)`` literals in any order; row ``k`` is node ``like.first_cell + k``; rows that no
    output depends on may hold anything. `outputs` are ``(output bits,)`` literals. A `NetlistError` if a cell
    depends on itself or a literal is out of range.
    """
    # Copied, as a kernel is loaded once more for arrays that must not be written.
    rows = np.array(fanins, dtype=np.int32, order="C").reshape(-1, 3)
    driven = np.array(outputs, dtype=np.int32)
    made, literals, fault = _rebuilt(rows, driven, like.first_cell)
    if fault == _OUT_OF_RANGE:
        raise NetlistError(f"{like.name}: a literal is out of range")
    if fault == _CYCLIC:
        raise NetlistError(f"{like.name}: a cell depends on itself")
    return replace(like, fanins=made, outputs=literals)


def compact(like: Netlist, fanins: NDArray[Any], outputs: NDArray[Any]) -> Netlist:
    """Return topologically ordered arrays as a netlist without the cells that drive nothing.

    The parameters are those of `rebuild_from`; the cells that stay are as they were.
    """
    used = mark_cone(fanins, outputs, like.first_cell)
    used[: like.first_cell] = True
    literal = 2 * (np.cumsum(used) - 1).astype(np.int32)
    kept = fanins[used[like.first_cell :]]
    return replace(like, fanins=value_of(literal, kept), outputs=value_of(literal, outputs))


def sorted_by_level(netlist: Netlist) -> Netlist:
    first = netlist.first_cell
    order = np.argsort(levels(netlist)[first:], kind="stable")
    literal = 2 * np.arange(netlist.n_nodes, dtype=np.int32)
    literal[first + order] = 2 * np.arange(first, netlist.n_nodes, dtype=np.int32)
    fanins, outputs = value_of(literal, netlist.fanins[order]), value_of(literal, netlist.outputs)
    return replace(netlist, fanins=fanins, outputs=outputs)


@numba.njit(cache=True, nogil=True)
def _resolve(substitution: Any, resolved: Any) -> Any:
    """Follow the chains of a substitution. Modifies resolved; returns False if a chain is cyclic."""
    n_nodes = substitution.shape[0]
    state = np.zeros(n_nodes, dtype=np.uint8)
    path = np.zeros(n_nodes + 1, dtype=np.int64)
    for start in range(n_nodes):
        node, length = start, 0
        while state[node] == 0 and substitution[node] >> 1 != node:
            state[node] = 1
            path[length] = node
            length += 1
            node = substitution[node] >> 1
        if state[node] == 0:
            if substitution[node] & 1:
                return False
            resolved[node] = 2 * node
            state[node] = 2
        if state[node] == 1:
            return False
        for k in range(length - 1, -1, -1):
            literal = substitution[path[k]]
            resolved[path[k]] = value_of(resolved, literal)
            state[path[k]] = 2
    return True


@numba.njit(cache=True, nogil=True)
def _in_range(literals: Any, n_nodes: Any) -> Any:
    for literal in literals.flat:
        if literal < 0 or literal >> 1 >= n_nodes:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _rebuilt(fanins: Any, outputs: Any, first: Any) -> Any:
    """Do what `rebuild_from` does, for arrays of int32.

    Returns the new fan-in and outputs, and an error code: 0, `_OUT_OF_RANGE` or `_CYCLIC`.
    """
    cells = fanins.shape[0]
    if not (_in_range(fanins, first + cells) and _in_range(outputs, first + cells)):
        return fanins, outputs, _OUT_OF_RANGE
    order = np.arange(first, first + cells).astype(np.int32)
    count = cells
    for cell in range(cells):
        if max(fanins[cell, 0], fanins[cell, 1], fanins[cell, 2]) >> 1 >= first + cell:
            count = order_cells(fanins, outputs, first, order)
            break
    graph = new_graph(first, first + count + 1)
    literal = np.full(first + cells, -1, dtype=np.int64)
    for node in range(first):
        literal[node] = 2 * node
    for node in order[:count]:
        a, b, c = fanins[node - first, 0], fanins[node - first, 1], fanins[node - first, 2]
        x, y, z = literal[a >> 1], literal[b >> 1], literal[c >> 1]
        if x < 0 or y < 0 or z < 0:
            return fanins, outputs, _CYCLIC
        literal[node] = majority(graph, x ^ (a & 1), y ^ (b & 1), z ^ (c & 1))
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = value_of(literal, outputs[k])
    kept = _keep_driving(graph, driven)
    return graph.fanins[first : first + kept].copy(), driven, 0


@numba.njit(cache=True, nogil=True)
def _keep_driving(graph: Any, outputs: Any) -> Any:
    """Remove the cells that drive no output; returns the number kept. Modifies fanins and outputs."""
    fanins, first, made = graph.fanins, graph.first, graph.made[0]
    number = np.zeros(made, dtype=np.int32)  # 1 for nodes in use, later their new numbers
    for output in outputs:
        number[output >> 1] = 1
    for node in range(made - 1, first - 1, -1):
        if number[node]:
            for place in range(3):
                number[fanins[node, place] >> 1] = 1
    free = first
    for node in range(made):
        if node < first:
            number[node] = node
        elif number[node]:
            for place in range(3):
                source = fanins[node, place]
                fanins[free, place] = 2 * number[source >> 1] | (source & 1)
            number[node] = free
            free += 1
    for k in range(outputs.shape[0]):
        outputs[k] = 2 * number[outputs[k] >> 1] | (outputs[k] & 1)
    return free - first


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
    """Return a sweep over the cells of a netlist, with room for this many new cells per old cell."""
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
    """Convert the old fan-in of a cell to new literals. Modifies fanin."""
    for place in range(3):
        fanin[place] = value_of(literal, row[place])


@numba.njit(cache=True, nogil=True)
def has_room(graph: Any, cells_left: Any) -> Any:
    """Return whether there is room to try forms if at most this many cells are still to be made."""
    return graph.made[0] + cells_left + _ROOM < graph.fanins.shape[0]


@numba.njit(cache=True, nogil=True)
def cells_with(graph: Any, literal: Any, fanin: Any, stack: Any) -> Any:
    """Return the change in cells in use if a literal replaced ``MAJ(fanin)``."""
    cells = hold(graph, literal >> 1, stack)
    for k in range(3):
        cells -= drop(graph, fanin[k] >> 1, stack)
    for k in range(3):
        hold(graph, fanin[k] >> 1, stack)
    drop(graph, literal >> 1, stack)
    return cells


@numba.njit(cache=True, nogil=True)
def settle(graph: Any, made: Any, uses: Any, fanin: Any, stack: Any) -> None:
    """Hold the literal of a rebuilt cell as often as the cell was used, and drop its fan-in."""
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
