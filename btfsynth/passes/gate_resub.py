"""Resubstitution over any basis: express a cell by signals that exist (see `btfsynth.passes.resubstitution`).

Every input vector is simulated, so `resubstituted` is for netlists of few inputs. `windowed` cuts large
netlists into windows and optimises each as a separate netlist. `btfsynth.passes.gate_replacement` finds
replacements.

A window has few leaves and all cells between these and its outputs. It grows from a root by expanding the leaf
with the highest number, so every leaf precedes every cell of the window and depends on none. A new window can
therefore not cause a cycle, and its cells can be placed where its first one was. Windows of one round are
disjoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.table import GateForms, gate_forms, plain_gate
from btfsynth.netlist.gates import GateNetlist, cell_words, compact_gates, is_parity
from btfsynth.netlist.hashing import new_graph
from btfsynth.netlist.kernels import NONE, next_below, redirect, release, value_of
from btfsynth.netlist.simulation import exhaustive_words, valid_words
from btfsynth.netlist.views import list_users, order_cells
from btfsynth.passes.gate_replacement import GateSearch, GateState, find_gates
from btfsynth.ports import Port
from btfsynth.time_box import seconds_left

_WORDS_OF_DIVISORS = 24_000
"""Maximum words of the divisors of a cell; netlists of many inputs get fewer divisors."""
_DIVISORS = (24, 120)


def resubstituted(
    gates: GateNetlist, k: int, patience: int, random: NDArray[np.uint64], tries: int = 8
) -> GateNetlist:
    """Return a netlist of fewer cells or the same one; the function is kept on every input vector.

    `k` new cells per replacement, 0 to 2. It ends after `patience` cells without a gain; 0 takes gains only,
    else replacements of equal size are taken at random. `tries` outer cells are tried where the size would
    stay.
    """
    walk = _Walk(gates)
    best, idle = gates, 0
    while True:
        walk.round((k, patience > 0, tries), random)
        size = walk.alive()
        if size < best.n_cells:
            made = walk.netlist()
            if made.n_cells < best.n_cells:
                best, idle = made, 0
        else:
            idle += max(1, size)
        if idle > patience or not size:
            return best if patience else min(best, walk.netlist(), key=lambda each: each.n_cells)


class _Walk:
    """The netlist as arrays that replacements change in place."""

    def __init__(self, gates: GateNetlist) -> None:
        self.like = gates
        first, nodes = gates.first_cell, gates.n_nodes
        inputs = exhaustive_words(gates.n_inputs)
        words = inputs.shape[1]
        care = np.broadcast_to(valid_words(1 << gates.n_inputs), (gates.n_outputs, words)).copy()
        self.state = GateState(
            np.zeros((nodes, 3), dtype=np.int32),
            np.zeros(nodes, dtype=np.uint8),
            gates.outputs.copy(),
            np.zeros(nodes, dtype=np.int32),
            np.zeros((nodes, words), dtype=np.uint64),
            care,
            first,
        )
        self.state.fanins[first:] = gates.fanins
        self.state.parity[first:] = is_parity(gates.fanins)
        self.state.values[1:first] = inputs
        np.add.at(self.state.references, gates.fanins.ravel() >> 1, 1)
        np.add.at(self.state.references, gates.outputs >> 1, 1)
        low, high = _DIVISORS
        self.divisors = int(np.clip(_WORDS_OF_DIVISORS // words, low, high))
        self.library = gate_forms(gates.basis)

    def round(self, options: tuple[int, bool, int], random: NDArray[np.uint64]) -> None:
        basis = (self.library.majorities, self.library.parities)
        _round(self.state, basis, (*options, self.divisors), random)

    def alive(self) -> int:
        return int(np.count_nonzero(self.state.references[self.state.first :]))

    def netlist(self) -> GateNetlist:
        made = hashed_gates(
            self.state.fanins, self.state.parity, self.state.outputs, self.state.first, self.library
        )
        return compact_gates(self.like, *made, self.like.basis)


def hashed_gates(
    fanins: NDArray[Any],
    parity: NDArray[Any],
    outputs: NDArray[Any],
    first: int,
    library: GateForms,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return cells in any order as cells in normal form, topologically ordered, and the outputs.

    `fanins` ``(nodes, 3)`` literals and `parity` ``(nodes,)``, rows below `first` not used.
    """
    order = np.zeros(len(fanins), dtype=np.int32)
    count = order_cells(fanins[first:], outputs, first, order)
    found: tuple[NDArray[np.int32], NDArray[np.int32]] = _hashed(
        (fanins, parity, outputs, first), order[:count], library
    )
    return found


@numba.njit(cache=True, nogil=True)
def _hashed(cells: Any, order: Any, library: Any) -> Any:
    """Hash and fold cells in topological order (see `hashed_gates`)."""
    fanins, parity, outputs, first = cells
    graph = new_graph(first, first + order.shape[0] + 1)
    literal = np.zeros(fanins.shape[0], dtype=np.int64)
    fanin, inputs, local = np.zeros(3, np.int64), np.zeros(5, np.int64), np.zeros(32, np.int64)
    for node in range(first):
        literal[node] = 2 * node
    for node in order:
        for place in range(3):
            fanin[place] = value_of(literal, fanins[node, place])
        literal[node] = plain_gate(graph, library, parity[node], fanin, inputs, local)
    driven = np.zeros(outputs.shape[0], dtype=np.int32)
    for k in range(outputs.shape[0]):
        driven[k] = value_of(literal, outputs[k])
    return graph.fanins[first : graph.made[0]].copy(), driven


@numba.njit(cache=True, nogil=True)
def _words(state: Any, node: Any, rows: Any, target: Any) -> None:
    """Compute a cell's signature from three arrays of rows. Modifies target[node].

    The literals are in any order, and two of them may be equal where a signal has replaced another.
    """
    fanin = (state.fanins[node, 0], state.fanins[node, 1], state.fanins[node, 2])
    cell_words(fanin, state.parity[node], rows, node, target)


@numba.njit(cache=True, nogil=True)
def _observability(state: Any, node: Any, order: Any, after: Any, scratch: Any) -> None:
    """Find on which vectors a cell matters and which cells depend on it.

    order: int32, the cells in use; after: (position of the node + 1, their number); scratch: (depends uint8
    (nodes,), flipped uint64 (nodes, words), matters uint64 (words,)), modified.
    """
    outputs, values, care = state.outputs, state.values, state.care
    fanins = state.fanins
    depends, flipped, matters = scratch
    depends[:] = 0
    matters[:] = 0
    depends[node] = 1
    words = values.shape[1]
    for word in range(words):
        flipped[node, word] = ~values[node, word]
    for k in range(after[0], after[1]):
        cell = order[k]
        on_a = depends[fanins[cell, 0] >> 1]
        on_b = depends[fanins[cell, 1] >> 1]
        on_c = depends[fanins[cell, 2] >> 1]
        if on_a or on_b or on_c:
            depends[cell] = 1
            rows_a = flipped if on_a else values
            rows_b = flipped if on_b else values
            rows_c = flipped if on_c else values
            _words(state, cell, (rows_a, rows_b, rows_c), flipped)
    for number in range(outputs.shape[0]):
        driver = outputs[number] >> 1
        if depends[driver]:
            for word in range(words):
                matters[word] |= (flipped[driver, word] ^ values[driver, word]) & care[number, word]


@numba.njit(cache=True, nogil=True)
def _choose_divisors(
    state: Any, order: Any, place: Any, depends: Any, limit: Any, chosen: Any
) -> Any:
    """Choose signals in use that do not depend on a cell: the inputs, then the cells nearest in order.

    place: the cell's position in order. Returns a part of chosen, the constant first.
    """
    chosen[0] = 0
    size = 1
    for node in range(1, state.first):
        if size < limit // 2:
            chosen[size] = node
            size += 1
    for step in range(1, order.shape[0]):
        for k in (place - step, place + step):
            if 0 <= k < order.shape[0] and size < limit and not depends[order[k]]:
                chosen[size] = order[k]
                size += 1
    return chosen[:size]


@numba.njit(cache=True, nogil=True)
def _replace(state: Any, node: Any, choice: Any, stack: Any) -> Any:
    """Carry out a replacement found by `find_gates`. Returns the node of an inner cell, or `NONE`."""
    fanins, parity, references = state.fanins, state.parity, state.references
    if choice[1] != NONE:
        for k in (2, 3, 4, 6, 7, 8):
            if choice[k] >= 0 and (k < 5 or choice[5] != NONE):
                references[choice[k] >> 1] += 1
        release(state, node, stack)
        parity[node] = choice[1]
        for place in range(3):
            fanins[node, place] = choice[2 + place]
        if choice[5] == NONE:
            return NONE
        cell = stack[1]
        parity[cell] = choice[5]
        for place in range(3):
            fanins[cell, place] = choice[6 + place]
        fanins[node, 2] = 2 * cell
        references[cell] = 1
        return cell
    a = choice[2]
    redirect(state, node, a, stack)
    return NONE


@numba.njit(cache=True, nogil=True)
def _round(state: Any, basis: Any, options: Any, random: Any) -> None:
    """Try every cell once. Modifies the state.

    basis: see `find_gates`; options: (most new cells, walk, outer cells tried, most divisors).
    """
    fanins, outputs, references = state.fanins, state.outputs, state.references
    values, first = state.values, state.first
    k_most, walk, tries, limit = options
    n_nodes, words = values.shape
    order = np.zeros(n_nodes, dtype=np.int32)
    position = np.zeros(n_nodes, dtype=np.int32)
    stack = np.zeros(3 * n_nodes + 8, dtype=np.int32)
    depends = np.zeros(n_nodes, dtype=np.uint8)
    flipped = np.zeros((n_nodes, words), dtype=np.uint64)
    matters = np.zeros(words, dtype=np.uint64)
    rows = (values, values, values)
    most = min(limit, n_nodes)
    slots = 16
    while slots < 4 * most:
        slots *= 2
    chosen = np.zeros(n_nodes, dtype=np.int32)
    scratch = (
        np.zeros((2 * most, words), dtype=np.uint64),
        np.zeros(n_nodes, dtype=np.uint8),
        np.full(slots, -1, dtype=np.int32),
        np.zeros((3, 2 * most + 1), dtype=np.int32),
    )
    count = order_cells(fanins[first:], outputs, first, order)
    for i in range(count):
        position[order[i]] = i
        _words(state, order[i], rows, values)
    queue = order[:count].copy()
    if walk:
        for i in range(count - 1, 0, -1):
            j = next_below(random, i + 1)
            queue[i], queue[j] = queue[j], queue[i]
    for node in queue:
        if references[node] == 0:
            continue
        work = (depends, flipped, matters)
        _observability(state, node, order, (position[node] + 1, count), work)
        divisors = _choose_divisors(state, order[:count], position[node], depends, most, chosen)
        errors, inside, slot, lists = scratch
        search = GateSearch(divisors, matters, stack, errors, inside, slot, lists)
        choice = find_gates(state, node, basis, (k_most, walk, tries), search, random)
        if choice[0] >= 0:
            added = _replace(state, node, choice, stack)
            if added != NONE:
                depends[added] = 1
            count = order_cells(fanins[first:], outputs, first, order)
            for i in range(count):
                position[order[i]] = i
                if depends[order[i]]:  # nothing else has changed
                    _words(state, order[i], rows, values)


_LEAVES = 10
_CELLS = 60
_MOST_USERS = 20
_LEAST_CELLS = 4


@dataclass(frozen=True)
class Window:
    """Leaves of a window, its cells, and its outputs, each in ascending order."""

    leaves: list[int]
    cells: list[int]
    outputs: list[int]


def windowed(
    gates: GateNetlist, random: NDArray[np.uint64], shift: int, deadline: float | None = None
) -> GateNetlist:
    """Return a netlist that has become smaller window by window, or the same one.

    `shift` turns the order of the roots, so that rounds have other windows.
    """
    replaced: list[tuple[Window, GateNetlist]] = []
    for window in find_windows(gates, shift):
        if seconds_left(deadline) == 0:
            break
        part = _extracted(gates, window)
        made = resubstituted(part, 2, 0, random)
        if made.n_cells < part.n_cells:
            replaced.append((window, made))
    return _spliced(gates, replaced) if replaced else gates


def find_windows(gates: GateNetlist, shift: int) -> list[Window]:
    """Return windows that have no cell in common, from the outputs on."""
    first, n_nodes = gates.first_cell, gates.n_nodes
    fanins = [(), *[()] * (first - 1), *((gates.fanins >> 1).tolist())]
    start, users = list_users(gates.fanins, first)
    driving = np.zeros(n_nodes, dtype=bool)
    driving[gates.outputs >> 1] = True
    taken = [False] * n_nodes
    found = []
    roots = list(range(n_nodes - 1, first - 1, -1))
    for root in roots[shift % max(1, len(roots)) :] + roots[: shift % max(1, len(roots))]:
        if taken[root]:
            continue
        leaves, cells = _grown(fanins, root, first, taken)
        _add_beside(fanins, (start, users), leaves, cells, taken)
        if len(cells) < _LEAST_CELLS:
            continue
        for cell in cells:
            taken[cell] = True
        outputs = [
            cell
            for cell in sorted(cells)
            if driving[cell]
            or any(user not in cells for user in users[start[cell] : start[cell + 1]].tolist())
        ]
        found.append(Window(sorted(leaves), sorted(cells), outputs))
    return found


def _grown(
    fanins: Sequence[Sequence[int]], root: int, first: int, taken: Sequence[bool]
) -> tuple[set[int], set[int]]:
    """Return leaves and cells of the largest window that has few enough of both."""
    leaves, cells = {node for node in fanins[root] if node}, {root}
    best = (leaves.copy(), cells.copy())
    while len(cells) < _CELLS and len(leaves) <= _LEAVES + 3:
        leaf = max(leaves, default=0)
        if leaf < first or taken[leaf]:
            break
        leaves.remove(leaf)
        cells.add(leaf)
        leaves.update(node for node in fanins[leaf] if node)
        if len(leaves) <= _LEAVES:
            best = (leaves.copy(), cells.copy())
    return best


def _add_beside(
    fanins: Sequence[Sequence[int]],
    links: tuple[NDArray[np.int32], NDArray[np.int32]],
    leaves: set[int],
    cells: set[int],
    taken: Sequence[bool],
) -> None:
    """Add cells that read the window alone and come after its leaves. Modifies cells."""
    start, users = links
    last = max(leaves, default=0)
    queue = sorted(leaves | cells)
    for node in queue:
        listed = users[start[node] : start[node + 1]]
        if len(listed) > _MOST_USERS:
            continue
        for user in listed.tolist():
            inside = all(not each or each in leaves or each in cells for each in fanins[user])
            if user > last and user not in cells and not taken[user] and inside:
                cells.add(user)
                queue.append(user)
        if len(cells) >= _CELLS:
            return


def _extracted(gates: GateNetlist, window: Window) -> GateNetlist:
    """Return a window as a netlist: its leaves are the inputs."""
    literal = np.zeros(gates.n_nodes, dtype=np.int32)
    literal[window.leaves] = 2 * np.arange(1, 1 + len(window.leaves))
    first = 1 + len(window.leaves)
    literal[window.cells] = 2 * np.arange(first, first + len(window.cells))
    rows = gates.fanins[np.array(window.cells) - gates.first_cell]
    ports = Port("x", len(window.leaves)), Port("y", len(window.outputs))
    return GateNetlist(
        gates.name,
        ports[:1] if window.leaves else (),
        ports[1:],
        literal[rows >> 1] | (rows & 1),
        literal[window.outputs],
        gates.basis,
    )


def _spliced(gates: GateNetlist, replaced: list[tuple[Window, GateNetlist]]) -> GateNetlist:
    """Return a netlist with windows replaced; the new cells are numbered after the old ones."""
    first, n_nodes = gates.first_cell, gates.n_nodes
    stands = 2 * np.arange(n_nodes, dtype=np.int32)
    fanins, parities = [gates.fanins], [is_parity(gates.fanins)]
    count = n_nodes
    for window, made in replaced:
        literal = np.zeros(made.n_nodes, dtype=np.int32)
        literal[1 : made.first_cell] = 2 * np.array(window.leaves, dtype=np.int32)
        literal[made.first_cell :] = 2 * np.arange(count, count + made.n_cells)
        count += made.n_cells
        fanins.append(literal[made.fanins >> 1] ^ (made.fanins & 1))
        parities.append(is_parity(made.fanins))
        stands[window.outputs] = literal[made.outputs >> 1] ^ (made.outputs & 1)
    rows = np.concatenate(fanins)
    # What stands for an output of a window may be a leaf that another window replaces: never in a circle.
    resolved = np.concatenate([stands, 2 * np.arange(n_nodes, count, dtype=np.int32)])
    for node in np.flatnonzero(stands != 2 * np.arange(n_nodes)).tolist():
        at = int(resolved[node])
        if at >> 1 < n_nodes:
            resolved[node] = resolved[at >> 1] ^ (at & 1)
    rows = resolved[rows >> 1] ^ (rows & 1)
    whole = np.zeros((count, 3), dtype=np.int32)
    whole[first:] = rows
    parity = np.zeros(count, dtype=np.uint8)
    parity[first:] = np.concatenate(parities)
    outputs = resolved[gates.outputs >> 1] ^ (gates.outputs & 1)
    made_arrays = hashed_gates(whole, parity, outputs, first, gate_forms(gates.basis))
    return compact_gates(gates, *made_arrays, gates.basis)
