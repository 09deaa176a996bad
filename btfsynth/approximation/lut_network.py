"""A network of lookup tables of six inputs as arrays that a walk changes in place.

Node 0 is false; the inputs and then the tables follow. Bit ``v`` of a table is its value if the fan-ins, the
first least significant, are the number ``v``. Outputs are literals that are never complemented; an output
that is an inverted input or a second phase of a node has a table of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from btfsynth.fpga.lut_mapper import MAX_LEAVES, map_luts
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import Netlist

_SPARE = 2
"""Tables a network may have more than at first: outputs that are constants."""


class Tables(NamedTuple):
    fanins: Any  # int32 ``(nodes, 6)`` nodes, the first ``sizes`` of a row used
    sizes: Any  # int32 ``(nodes,)``
    tables: Any  # uint64 ``(nodes,)``
    outputs: Any  # int32 literals
    references: Any  # int32 ``(nodes,)``, readers among outputs and tables in use
    values: Any  # uint64 ``(nodes, words)`` signatures
    first: Any  # the first table


class Order(NamedTuple):
    nodes: Any  # int32 ``(nodes,)``, the tables in use, fan-in first
    position: Any  # int32 ``(nodes,)``, the place of each of them
    mark: Any  # uint8 ``(nodes,)``
    stack: Any  # int32 ``(7 * nodes,)``


def tables_of(netlist: Netlist, words: int) -> Tables:
    """Map a netlist; the signatures, of `words` words, are zero."""
    cover = map_luts(netlist, MAX_LEAVES)
    first = netlist.first_cell
    number = {node: first + place for place, node in enumerate(cover.roots.tolist())}
    rows = [
        ([number.get(leaf, leaf) for leaf in leaves if leaf >= 0], table)
        for leaves, table in zip(cover.leaves.tolist(), cover.tables.tolist(), strict=True)
    ]
    drivers = [(number.get(each >> 1, each >> 1), each & 1) for each in netlist.outputs.tolist()]
    plain = {node for node, phase in drivers if not phase}
    plain.update(node for fanin, _ in rows for node in fanin)
    inverted: dict[int, int] = {}
    for node, phase in drivers:
        if phase and node not in inverted:
            if node >= first and node not in plain:  # read by such outputs alone
                fanin, table = rows[node - first]
                rows[node - first] = (fanin, ~table & ((1 << (1 << len(fanin))) - 1))
                inverted[node] = node
            else:
                inverted[node] = first + len(rows)
                rows.append(([node] if node else [], 1))
    nodes = first + len(rows) + _SPARE
    network = Tables(
        np.full((nodes, MAX_LEAVES), -1, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint64),
        np.array([2 * (inverted[n] if phase else n) for n, phase in drivers], dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros((nodes, words), dtype=np.uint64),
        first,
    )
    for node, (fanin, table) in enumerate(rows, start=first):
        network.fanins[node, : len(fanin)] = fanin
        network.sizes[node] = len(fanin)
        network.tables[node] = np.uint64(table)
    return network


def netlist_of(network: Tables, like: Netlist) -> Netlist:
    """Return a netlist with the ports of another, every table as a cone of cells."""
    builder = NetlistBuilder(like.name, like.input_ports, like.output_ports)
    literals = {node: 2 * node for node in range(network.first)}
    order = empty_order(len(network.sizes))
    for node in order.nodes[: sort_tables(network, order)].tolist():
        size = int(network.sizes[node])
        fanin = [literals[each] for each in network.fanins[node, :size].tolist()]
        bits = [int(network.tables[node]) >> place & 1 for place in range(1 << size)]
        literals[node] = lower_table(builder, np.array(bits, dtype=np.uint8), fanin)
    return builder.build([literals[each >> 1] for each in network.outputs.tolist()])


def empty_order(nodes: int) -> Order:
    return Order(
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(7 * nodes, dtype=np.int32),
    )


@numba.njit(cache=True, nogil=True)
def sort_tables(network: Any, order: Any) -> Any:
    """List the tables in use and count references; returns their number. Modifies order and references."""
    fanins, sizes, references = network.fanins, network.sizes, network.references
    nodes, position, mark, stack = order
    mark[:] = 0
    references[:] = 0
    count = 0
    for output in network.outputs:
        references[output >> 1] += 1
        if output >> 1 < network.first or mark[output >> 1]:
            continue
        top = 0
        stack[0] = output >> 1
        while top >= 0:
            node = stack[top]
            if mark[node] == 0:
                mark[node] = 1
                for place in range(sizes[node]):
                    child = fanins[node, place]
                    if child >= network.first and mark[child] == 0:
                        top += 1
                        stack[top] = child
                continue
            top -= 1
            if mark[node] == 1:
                mark[node] = 2
                position[node] = count
                nodes[count] = node
                count += 1
                for place in range(sizes[node]):
                    references[fanins[node, place]] += 1
    return count


@numba.njit(cache=True, nogil=True)
def _mix(half: Any, by: Any, rows: Any) -> None:
    """Halve the rows: of each two, the one that a signal chooses. Modifies rows."""
    for place in range(half):
        zero, one, target = rows[2 * place], rows[2 * place + 1], rows[place]
        for word in range(by.shape[0]):
            target[word] = zero[word] ^ ((zero[word] ^ one[word]) & by[word])


@numba.njit(cache=True, nogil=True)
def look_up(table: Any, reads: Any, rows: Any, target: Any) -> None:
    """Compute the signature of a table. Modifies target, and rows: uint64 (32, words), scratch.

    reads: (size, six signatures), those past the size not looked at.
    """
    size = reads[0]
    words = target.shape[0]
    if size == 0:
        target[:] = ~np.uint64(0) if table & np.uint64(1) else np.uint64(0)
        return
    half = 1 << (size - 1)
    by = reads[1]
    for place in range(half):
        zero = np.uint64(0) - ((table >> np.uint64(2 * place)) & np.uint64(1))
        one = np.uint64(0) - ((table >> np.uint64(2 * place + 1)) & np.uint64(1))
        row = rows[place]
        if zero == one:
            row[:] = zero
        else:
            for word in range(words):
                row[word] = zero ^ by[word]
    if size > 1:
        _mix(half >> 1, reads[2], rows)
    if size > 2:
        _mix(half >> 2, reads[3], rows)
    if size > 3:
        _mix(half >> 3, reads[4], rows)
    if size > 4:
        _mix(half >> 4, reads[5], rows)
    if size > 5:
        _mix(half >> 5, reads[6], rows)
    target[:] = rows[0]


@numba.njit(cache=True, nogil=True)
def compute(network: Any, node: Any, values: Any, rows: Any) -> None:
    """Compute the signature of a node from those of its fan-in. Modifies values[node] and rows."""
    f, size = network.fanins[node], network.sizes[node]
    # Past the size stands -1, the last row, which is not looked at.
    reads = (
        size,
        values[f[0]],
        values[f[1]],
        values[f[2]],
        values[f[3]],
        values[f[4]],
        values[f[5]],
    )
    look_up(network.tables[node], reads, rows, values[node])


@numba.njit(cache=True, nogil=True)
def flip_node(network: Any, node: Any, order: Any, count: Any, flips: Any, rows: Any) -> None:
    """Find which tables depend on one, and their signatures where it is flipped. Modifies flips and rows.

    flips: (depends uint8 (nodes,), flipped uint64 (nodes, words)).
    """
    values, fanins, sizes = network.values, network.fanins, network.sizes
    depends, flipped = flips
    depends[:] = 0
    depends[node] = 1
    for word in range(values.shape[1]):
        flipped[node, word] = ~values[node, word]
    for place in range(order.position[node] + 1, count):
        user = order.nodes[place]
        f, size = fanins[user], sizes[user]
        reached = False
        for k in range(size):
            reached |= depends[f[k]] != 0
        if reached:
            depends[user] = 1
            a = flipped[f[0]] if depends[f[0]] else values[f[0]]
            b = flipped[f[1]] if depends[f[1]] else values[f[1]]
            c = flipped[f[2]] if depends[f[2]] else values[f[2]]
            d = flipped[f[3]] if depends[f[3]] else values[f[3]]
            e = flipped[f[4]] if depends[f[4]] else values[f[4]]
            g = flipped[f[5]] if depends[f[5]] else values[f[5]]
            look_up(network.tables[user], (size, a, b, c, d, e, g), rows, flipped[user])


@numba.njit(cache=True, nogil=True)
def freed_tables(network: Any, node: Any, held: Any, stack: Any) -> Any:
    """Return the number of tables that fall out of use if a node loses a reader and another node is held."""
    fanins, sizes, references = network.fanins, network.sizes, network.references
    if node < network.first:
        return 0
    if held >= 0:
        references[held] += 1
    references[node] -= 1
    top, done = 0, 0
    if references[node] == 0:
        stack[0] = node
        top = 1
    while done < top:
        current = stack[done]
        done += 1
        for place in range(sizes[current]):
            child = fanins[current, place]
            references[child] -= 1
            if references[child] == 0 and child >= network.first:
                stack[top] = child
                top += 1
    for k in range(top):
        for place in range(sizes[stack[k]]):
            references[fanins[stack[k], place]] += 1
    references[node] += 1
    if held >= 0:
        references[held] -= 1
    return top


@numba.njit(cache=True, nogil=True)
def _without(table: Any, size: Any, place: Any, taken: Any) -> Any:
    """Return a table without a fan-in: where it is 0 or 1, or equal to that of another place, ``2 + place``."""
    result = np.uint64(0)
    for vector in range(1 << (size - 1)):
        low, high = vector & ((1 << place) - 1), vector >> place
        one = (vector >> (taken - 2)) & 1 if taken >= 2 else taken
        source = low | (one << place) | (high << (place + 1))
        result |= ((table >> np.uint64(source)) & np.uint64(1)) << np.uint64(vector)
    return result


@numba.njit(cache=True, nogil=True)
def _flip_input(table: Any, size: Any, place: Any) -> Any:
    result = np.uint64(0)
    for vector in range(1 << size):
        one = (table >> np.uint64(vector ^ (1 << place))) & np.uint64(1)
        result |= one << np.uint64(vector)
    return result


@numba.njit(cache=True, nogil=True)
def _superfluous(network: Any, node: Any, place: Any) -> Any:
    """Return the replacement of a fan-in (see `_without`), -1 if it is needed."""
    fanins, sizes, tables = network.fanins, network.sizes, network.tables
    child, size = fanins[node, place], sizes[node]
    if child == 0:
        return 0
    if child >= network.first and sizes[child] == 0:
        return 1 if tables[child] & np.uint64(1) else 0
    for other in range(place):
        if fanins[node, other] == child:
            return 2 + other
    if _flip_input(tables[node], size, place) == tables[node]:
        return 0
    return -1


@numba.njit(cache=True, nogil=True)
def tidy(network: Any, order: Any, count: Any) -> Any:
    """Drop fan-ins that are constant, twice there or not looked at, and buffers. Returns whether any was."""
    fanins, sizes, tables, outputs = network.fanins, network.sizes, network.tables, network.outputs
    changed = False
    for number in range(count):
        node = order.nodes[number]
        place = 0
        while place < sizes[node]:
            taken = _superfluous(network, node, place)
            if taken < 0:
                place += 1
                continue
            tables[node] = _without(tables[node], sizes[node], place, taken)
            for k in range(place, sizes[node] - 1):
                fanins[node, k] = fanins[node, k + 1]
            sizes[node] -= 1
            fanins[node, sizes[node]] = -1
            changed = True
        if sizes[node] == 1:
            inverts = tables[node] == 1
            for k in range(number + 1, count):
                user = order.nodes[k]
                for at in range(sizes[user]):
                    if fanins[user, at] == node:
                        fanins[user, at] = fanins[node, 0]
                        changed = True
                        if inverts:
                            tables[user] = _flip_input(tables[user], sizes[user], at)
        plain = sizes[node] == 1 and tables[node] == 2
        if plain or (sizes[node] == 0 and tables[node] == 0):
            for k in range(outputs.shape[0]):
                if outputs[k] >> 1 == node:
                    outputs[k] = 2 * fanins[node, 0] if plain else 0
                    changed = True
    return changed


@numba.njit(cache=True, nogil=True)
def settle(network: Any, order: Any) -> Any:
    """Tidy up and sort; return the number of nodes in the order. Modifies network and order."""
    count = sort_tables(network, order)
    while tidy(network, order, count):
        count = sort_tables(network, order)
    return count


@numba.njit(cache=True, nogil=True)
def count_tables(network: Any, order: Any, count: Any) -> Any:
    """Return the number of tables with a fan-in."""
    total = 0
    for place in range(count):
        total += network.sizes[order.nodes[place]] > 0
    return total


def copy_of(network: Tables) -> Tables:
    """Return a network with its own fan-ins, sizes, tables and outputs."""
    return network._replace(
        fanins=network.fanins.copy(),
        sizes=network.sizes.copy(),
        tables=network.tables.copy(),
        outputs=network.outputs.copy(),
    )
