"""An and-inverter graph as arrays that a walk changes in place.

Node 0 is false; the inputs and then ANDs of two literals follow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.kernels import NONE, complement_mask
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist, value_of

_SPARE = 64
"""Nodes a graph may have more than at first."""


class Graph(NamedTuple):
    fanins: Any  # int32 ``(nodes, 2)`` literals
    outputs: Any  # int32 literals
    references: Any  # int32 ``(nodes,)``, readers among outputs and ANDs in use
    values: Any  # uint64 ``(nodes, words)`` signatures
    first: Any  # the first AND


class Order(NamedTuple):
    nodes: Any  # int32 ``(nodes,)``, the ANDs in use, fan-in first
    position: Any  # int32 ``(nodes,)``, the place of each of them
    mark: Any  # uint8 ``(nodes,)``
    stack: Any  # int32 ``(3 * nodes,)``
    alias: Any  # int32 ``(nodes,)``, the literal that a node is


def graph_of(netlist: Netlist, words: int) -> Graph:
    """Return a netlist as ANDs, a majority as ``ab | (a | b) c``; its signatures are zero."""
    first = netlist.first_cell
    rows: list[tuple[int, int]] = []
    known: dict[tuple[int, int], int] = {}

    def both(a: int, b: int) -> int:
        a, b = min(a, b), max(a, b)
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        if (a, b) not in known:
            known[a, b] = 2 * (first + len(rows))
            rows.append((a, b))
        return known[a, b]

    literals = list(range(0, 2 * first, 2))
    for fanin in netlist.fanins.tolist():
        a, b, c = sorted(value_of(literals, literal) for literal in fanin)
        if a == FALSE:
            literals.append(both(b, c))
        elif a == TRUE:
            literals.append(both(b ^ 1, c ^ 1) ^ 1)
        else:
            some = both(both(a ^ 1, b ^ 1) ^ 1, c)
            literals.append(both(both(a, b) ^ 1, some ^ 1) ^ 1)
    nodes = first + len(rows) + _SPARE
    graph = Graph(
        np.zeros((nodes, 2), dtype=np.int32),
        np.array([value_of(literals, each) for each in netlist.outputs.tolist()], dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros((nodes, words), dtype=np.uint64),
        first,
    )
    if rows:
        graph.fanins[first : first + len(rows)] = rows
    return graph


def netlist_of(graph: Graph, like: Netlist) -> Netlist:
    builder = NetlistBuilder(like.name, like.input_ports, like.output_ports)
    literals = {node: 2 * node for node in range(graph.first)}
    order = empty_order(len(graph.fanins))
    for node in order.nodes[: sort_graph(graph, order)].tolist():
        a, b = graph.fanins[node].tolist()
        literals[node] = builder.and_(literals[a >> 1] ^ (a & 1), literals[b >> 1] ^ (b & 1))
    return builder.build([literals[each >> 1] ^ (each & 1) for each in graph.outputs.tolist()])


def copy_of(graph: Graph) -> Graph:
    """Return a graph with its own fan-ins and outputs."""
    return graph._replace(fanins=graph.fanins.copy(), outputs=graph.outputs.copy())


def empty_order(nodes: int) -> Order:
    return Order(
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(3 * nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
    )


@numba.njit(cache=True, nogil=True)
def sort_graph(graph: Any, order: Any) -> Any:
    """List the ANDs in use and count references; returns the number of ANDs. Modifies order and references."""
    fanins, references = graph.fanins, graph.references
    nodes, position, mark, stack, _ = order
    mark[:] = 0
    references[:] = 0
    count = 0
    for output in graph.outputs:
        references[output >> 1] += 1
        if output >> 1 < graph.first or mark[output >> 1]:
            continue
        top = 0
        stack[0] = output >> 1
        while top >= 0:
            node = stack[top]
            if mark[node] == 0:
                mark[node] = 1
                for place in range(2):
                    child = fanins[node, place] >> 1
                    if child >= graph.first and mark[child] == 0:
                        top += 1
                        stack[top] = child
                continue
            top -= 1
            if mark[node] == 1:
                mark[node] = 2
                position[node] = count
                nodes[count] = node
                count += 1
                references[fanins[node, 0] >> 1] += 1
                references[fanins[node, 1] >> 1] += 1
    return count


@numba.njit(cache=True, nogil=True)
def settle(graph: Any, order: Any) -> Any:
    """Fold ANDs of constants and of equal literals; return the number of ANDs. Modifies graph and order."""
    fanins, outputs, alias = graph.fanins, graph.outputs, order.alias
    while True:
        count = sort_graph(graph, order)
        changed = False
        for node in range(graph.first):
            alias[node] = 2 * node
        for k in range(count):
            node = order.nodes[k]
            for place in range(2):
                literal = fanins[node, place]
                fanins[node, place] = alias[literal >> 1] ^ (literal & 1)
            a, b = min(fanins[node, 0], fanins[node, 1]), max(fanins[node, 0], fanins[node, 1])
            if a == 0 or a ^ 1 == b:
                alias[node] = 0
            elif a == 1 or a == b:
                alias[node] = b
            else:
                alias[node] = 2 * node
            changed |= alias[node] != 2 * node
        if not changed:
            return count
        for k in range(outputs.shape[0]):
            outputs[k] = alias[outputs[k] >> 1] ^ (outputs[k] & 1)


@numba.njit(cache=True, nogil=True)
def compute(graph: Any, node: Any, values: Any) -> None:
    """Compute the signature of an AND. Modifies values[node]."""
    a, b = graph.fanins[node, 0], graph.fanins[node, 1]
    flip_a, flip_b = complement_mask(a), complement_mask(b)
    row_a, row_b, target = values[a >> 1], values[b >> 1], values[node]
    for word in range(target.shape[0]):
        target[word] = (row_a[word] ^ flip_a) & (row_b[word] ^ flip_b)


@numba.njit(cache=True, nogil=True)
def flip_node(graph: Any, node: Any, order: Any, count: Any, flips: Any) -> None:
    """Find which ANDs depend on one, and their signatures where it is flipped. Modifies flips.

    flips: (depends uint8 (nodes,), flipped uint64 (nodes, words)).
    """
    values, fanins = graph.values, graph.fanins
    depends, flipped = flips
    depends[:] = 0
    depends[node] = 1
    for word in range(values.shape[1]):
        flipped[node, word] = ~values[node, word]
    for place in range(order.position[node] + 1, count):
        user = order.nodes[place]
        a, b = fanins[user, 0], fanins[user, 1]
        if not (depends[a >> 1] or depends[b >> 1]):
            continue
        depends[user] = 1
        flip_a, flip_b = complement_mask(a), complement_mask(b)
        row_a = flipped[a >> 1] if depends[a >> 1] else values[a >> 1]
        row_b = flipped[b >> 1] if depends[b >> 1] else values[b >> 1]
        target = flipped[user]
        for word in range(target.shape[0]):
            target[word] = (row_a[word] ^ flip_a) & (row_b[word] ^ flip_b)


@numba.njit(cache=True, nogil=True)
def freed_ands(graph: Any, node: Any, a: Any, b: Any, stack: Any) -> Any:
    """Return the number of ANDs, including the node, that fall out of use with a node if two literals are held.

    The literals may be `NONE`. The ANDs are left in the stack.
    """
    fanins, references = graph.fanins, graph.references
    if a != NONE:
        references[a >> 1] += 1
    if b != NONE:
        references[b >> 1] += 1
    stack[0] = node
    top, done = 1, 0
    while done < top:
        current = stack[done]
        done += 1
        for place in range(2):
            child = fanins[current, place] >> 1
            references[child] -= 1
            if references[child] == 0 and child >= graph.first:
                stack[top] = child
                top += 1
    for k in range(top):
        references[fanins[stack[k], 0] >> 1] += 1
        references[fanins[stack[k], 1] >> 1] += 1
    if a != NONE:
        references[a >> 1] -= 1
    if b != NONE:
        references[b >> 1] -= 1
    return top


@numba.njit(cache=True, nogil=True)
def free_node(graph: Any, after: Any) -> Any:
    """Return an unused node after a given one, or `NONE`."""
    for node in range(max(after + 1, graph.first), graph.fanins.shape[0]):
        if graph.references[node] == 0:
            return node
    return NONE


@numba.njit(cache=True, nogil=True)
def put_in_place(graph: Any, node: Any, literal: Any) -> None:
    """Let all readers of a node read a literal, which may be its own complement. Modifies graph."""
    for user in range(graph.first, graph.fanins.shape[0]):
        if user == node:
            continue
        for place in range(2):
            if graph.fanins[user, place] >> 1 == node:
                graph.fanins[user, place] = literal ^ (graph.fanins[user, place] & 1)
    for k in range(graph.outputs.shape[0]):
        if graph.outputs[k] >> 1 == node:
            graph.outputs[k] = literal ^ (graph.outputs[k] & 1)
