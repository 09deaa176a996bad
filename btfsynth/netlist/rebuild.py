"""Make a netlist anew from arrays: hashed, folded, and without dead cells.

What `NetlistBuilder` does cell by cell in Python, for whole netlists and compiled: the result is the same,
literal for literal.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.netlist.hashing import majority, new_graph
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import levels, mark_cone, topological_order

__all__ = ["compact", "rebuild", "rebuild_from", "sorted_by_level"]


def rebuild(netlist: Netlist, substitution: NDArray[Any] | None = None) -> Netlist:
    """Return the netlist hashed and folded, after a substitution of signals if one is given.

    Parameters
    ----------
    netlist
        What to start from.
    substitution
        ``(nodes,)`` literals: node ``n`` is replaced by ``substitution[n]``, wherever it is used; ``2 * n``
        keeps it. Chains are followed; a node may be replaced by a later one as long as no
        cycle comes of it.

    Raises
    ------
    NetlistError
        If the substitution makes a cycle or does not fit the netlist.
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
        raise NetlistError(f"{netlist.name}: the substitution goes in a circle")
    fanins = resolved[netlist.fanins >> 1] ^ (netlist.fanins & 1)
    outputs = resolved[netlist.outputs >> 1] ^ (netlist.outputs & 1)
    return rebuild_from(netlist, fanins, outputs)


def rebuild_from(like: Netlist, fanins: NDArray[Any], outputs: NDArray[Any]) -> Netlist:
    """Return arrays as a netlist, hashed and folded.

    Parameters
    ----------
    like
        Gives name and ports.
    fanins
        ``(cells, 3)`` integer literals; row ``k`` is node ``like.first_cell + k``. The rows may
        be in any order; those that no output depends on may hold anything.
    outputs
        ``(output bits,)`` literals.

    Raises
    ------
    NetlistError
        If a cell depends on itself or a literal is out of range.
    """
    first = like.first_cell
    rows = np.ascontiguousarray(fanins, dtype=np.int32).reshape(-1, 3)
    driven = np.ascontiguousarray(outputs, dtype=np.int32)
    n_nodes = first + len(rows)
    for literals in (rows, driven):
        if literals.size and (literals.min() < 0 or literals.max() >= 2 * n_nodes):
            raise NetlistError(f"{like.name}: a literal is out of range")
    own = first + np.arange(len(rows))
    if len(rows) == 0 or (rows.max(axis=1) >> 1 < own).all():
        order = own.astype(np.int32)
    else:
        order = topological_order(rows, driven, first)
    made, literals, ordered = _hashed(rows, driven, first, order)
    if not ordered:
        raise NetlistError(f"{like.name}: a cell depends on itself")
    return compact(like, made, literals)


def compact(like: Netlist, fanins: NDArray[Any], outputs: NDArray[Any]) -> Netlist:
    """Return topologically ordered arrays as a netlist without the cells that drive nothing.

    The parameters are those of `rebuild_from`; the cells that stay are as they were.
    """
    used = mark_cone(fanins, outputs, like.first_cell)
    used[: like.first_cell] = True
    number = (np.cumsum(used) - 1).astype(np.int32)
    kept = fanins[used[like.first_cell :]]
    return Netlist(
        like.name,
        like.input_ports,
        like.output_ports,
        2 * number[kept >> 1] + (kept & 1),
        2 * number[outputs >> 1] + (outputs & 1),
    )


def sorted_by_level(netlist: Netlist) -> Netlist:
    """Return the netlist with its cells in the order of their levels."""
    first = netlist.first_cell
    order = np.argsort(levels(netlist)[first:], kind="stable")
    number = np.arange(netlist.n_nodes, dtype=np.int32)
    number[first + order] = first + np.arange(len(order), dtype=np.int32)
    fanins = netlist.fanins[order]
    return Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        2 * number[fanins >> 1] + (fanins & 1),
        2 * number[netlist.outputs >> 1] + (netlist.outputs & 1),
    )


@numba.njit(cache=True, nogil=True)
def _resolve(substitution: Any, resolved: Any) -> Any:
    """Follow the chains of a substitution. Changes resolved; returns whether all of them end."""
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
            resolved[path[k]] = resolved[literal >> 1] ^ (literal & 1)
            state[path[k]] = 2
    return True


@numba.njit(cache=True, nogil=True)
def _hashed(fanins: Any, outputs: Any, first: Any, order: Any) -> Any:
    """Hash and fold the cells in this order.

    Returns the new fan-in and outputs, and whether every cell came after its fan-in.
    """
    graph = new_graph(first, first + order.shape[0] + 1)
    literal = np.full(first + fanins.shape[0], -1, dtype=np.int64)
    for node in range(first):
        literal[node] = 2 * node
    for node in order:
        a, b, c = fanins[node - first, 0], fanins[node - first, 1], fanins[node - first, 2]
        x, y, z = literal[a >> 1], literal[b >> 1], literal[c >> 1]
        if x < 0 or y < 0 or z < 0:
            return graph[0][:0], outputs.copy(), False
        literal[node] = majority(graph, x ^ (a & 1), y ^ (b & 1), z ^ (c & 1))
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = literal[outputs[k] >> 1] ^ (outputs[k] & 1)
    return graph[0][first : graph[2][0]].copy(), driven, True
