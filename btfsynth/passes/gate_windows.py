"""Resubstitution over any basis for large netlists: cut into windows, each optimised as a netlist of its own.

A window has few leaves and all that lies between them and its cells. It grows from a root by the leaf with the
highest number, so every leaf comes before every cell of the window and depends on none: whatever the window
becomes, no cycle can arise, and its new cells can stand where its first one stood. Windows of one round have no
cell in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.gate_forms import gate_forms
from btfsynth.netlist.gates import GateNetlist, compact_gates, is_parity
from btfsynth.netlist.views import list_users
from btfsynth.passes.gate_resub import hashed_gates, resubstituted
from btfsynth.ports import Port
from btfsynth.time_box import seconds_left

_LEAVES = 10
_CELLS = 60
_MOST_USERS = 20
_LEAST_CELLS = 4


@dataclass(frozen=True)
class Window:
    """Nodes that a window reads, its cells, and those of them that are read outside; each ascending."""

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
    """Add cells that read the window alone and come after its leaves. Changes cells."""
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
