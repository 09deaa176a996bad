"""The passes that visit every cell once: by structure, by function, dead cells, inverters, detection.

Detection finds majorities, exclusive ors, adders and other small functions. In a netlist of ANDs and inverters
a majority takes four or five of them and a full adder up to a dozen. Every cell is considered as a function of
each of its cuts of up to three leaves, and replaced by the smallest form of that function if this takes fewer
cells than it frees: existing cells cost nothing, and cells with other readers are not freed (Mishchenko,
Chatterjee and Brayton, DAG-aware AIG rewriting, DAC 2006, with three leaves and exact forms). All forms of a
function are tried, so the sum of a full adder finds the carry whatever its complements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np

from btfsynth.errors import NetlistError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.functions import FORM_CELLS, FORM_INPUTS, small_forms
from btfsynth.netlist.hashing import compact, folded, normal, rebuild, rebuild_from, slot_of
from btfsynth.netlist.kernels import NONE, drop, hold, resolve, value_of
from btfsynth.netlist.netlist import TRUE, Netlist
from btfsynth.netlist.netlist import value_of as literal_of
from btfsynth.netlist.simulation import Reference, simulate, valid_words
from btfsynth.netlist.views import statistics
from btfsynth.passes.goal import keep, require_options


@dataclass(frozen=True)
class Strash:
    """Rebuild the netlist under structural hashing, without cells that drive nothing."""

    name: ClassVar[str] = "strash"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return rebuild(netlist)


@dataclass(frozen=True)
class Sweep:
    """Remove the cells that no output depends on; the others stay as they are."""

    name: ClassVar[str] = "sweep"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return compact(netlist, netlist.fanins, netlist.outputs)


@dataclass(frozen=True)
class FunctionalHash:
    """Replace a cell by the first signal, or complement of one, with the same signature.

    Constants and inputs are signals too. Equality is on the vectors of the reference; if these are a sample, it
    proves nothing, and the netlist is only hashed by structure (see `SatSweep`).
    """

    name: ClassVar[str] = "functional_hash"
    structural: ClassVar[bool] = False

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        # Dead cells must not stand in for live ones: what feeds them would come back to life.
        netlist = Strash().apply(netlist, reference)
        if not reference.complete:
            return netlist
        values = simulate(netlist, reference.inputs) & valid_words(reference.vectors)
        # The canonical signature of a signal and its complement is the one that starts with a zero.
        flipped = (values[:, 0] & np.uint64(1)).astype(np.bool_)
        canonical = np.where(flipped[:, None], values ^ valid_words(reference.vectors), values)
        builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
        first: dict[bytes, int] = {}
        literals: list[int] = []
        for node in range(netlist.n_nodes):
            key, flip = canonical[node].tobytes(), int(flipped[node])
            if node < netlist.first_cell:
                literal = 2 * node
            elif key in first:
                literals.append(first[key] ^ flip)
                continue
            else:
                fanin = netlist.fanins[node - netlist.first_cell].tolist()
                a, b, c = (literal_of(literals, lit) for lit in fanin)
                literal = builder.maj(a, b, c)
            literals.append(literal)
            first.setdefault(key, literal ^ flip)
        return builder.build([literal_of(literals, lit) for lit in netlist.outputs.tolist()])


@dataclass(frozen=True)
class Inverters:
    """Flip cells, ``MAJ(!a, !b, !c) = !MAJ(a, b, c)``, while fewer signals need an inverter.

    Greedy and in node order, over single cells; cells and depth stay as they are, an AND may become an
    OR. It runs last: the result is not in the builder's normal form.
    """

    name: ClassVar[str] = "inverters"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        first = netlist.first_cell
        fanins, outputs = netlist.fanins.tolist(), netlist.outputs.tolist()
        users: list[list[tuple[list[int], int]]] = [[] for _ in range(netlist.n_nodes)]
        complemented = [0] * netlist.n_nodes
        for row in (*fanins, outputs):
            for place, literal in enumerate(row):
                users[literal >> 1].append((row, place))
                complemented[literal >> 1] += literal & 1

        def changes(cell: int) -> dict[int, int]:
            """Return the change of the complemented uses of each signal when a cell is flipped."""
            change = {first + cell: len(users[first + cell]) - 2 * complemented[first + cell]}
            for literal in fanins[cell]:
                if literal > TRUE:
                    node = literal >> 1
                    change[node] = change.get(node, 0) + (-1 if literal & 1 else 1)
            return change

        improved = True
        while improved:
            improved = False
            for cell in range(netlist.n_cells):
                change = changes(cell)
                before = sum(1 for node in change if complemented[node])
                after = sum(1 for node, more in change.items() if complemented[node] + more)
                if after < before:
                    improved = True
                    fanins[cell][:] = [literal ^ 1 for literal in fanins[cell]]
                    for row, place in users[first + cell]:
                        row[place] ^= 1
                    for node, more in change.items():
                        complemented[node] += more
        rows = np.array(fanins, dtype=np.int32).reshape(-1, 3), np.array(outputs, dtype=np.int32)
        result = Netlist(netlist.name, netlist.input_ports, netlist.output_ports, *rows)
        better = statistics(result).inverters < statistics(netlist).inverters
        return result if better else netlist


_LOCAL = 1 + FORM_INPUTS + FORM_CELLS
_CUTS = 12
"""Cuts of a cell, the shallow ones first."""


class _Graph(NamedTuple):
    """A netlist in which some cells are replaced by others.

    A replaced cell gets an alias, the literal that replaces it; its readers are not changed.
    """

    fanins: Any  # int32 ``(capacity, 3)``, rows of the cells given, new ones added
    table: Any  # as in `btfsynth.netlist.hashing.Graph`; empty at first
    references: Any  # int32 ``(capacity,)``, zero at first (see `btfsynth.netlist.kernels`)
    alias: Any  # int32 ``(capacity,)``, each its own literal at first
    first: Any  # the first cell
    stack: Any  # int32 ``(3 * capacity + 4,)``, scratch


@dataclass(frozen=True)
class Detect:
    """Replace cones of up to three leaves by their smallest forms; never more cells.

    At most `rounds` sweeps, up to the first one that finds nothing.
    """

    name: ClassVar[str] = "detect"
    structural: ClassVar[bool] = True

    rounds: int = 8

    def __post_init__(self) -> None:
        require_options(self, rounds=0)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        netlist = rebuild(netlist)

        def so_far() -> Netlist:
            return netlist

        for _ in range(self.rounds):
            keep(so_far)
            swept = _sweep(netlist)
            if swept is netlist:
                break
            netlist = swept
        return netlist


def _sweep(netlist: Netlist) -> Netlist:
    """Return the netlist after one sweep, or the netlist itself if there is nothing to replace."""
    if not netlist.n_cells:
        return netlist
    cuts, forms = find_cuts(netlist, FORM_INPUTS, _CUTS, smallest=False), small_forms()
    n_nodes, first = netlist.n_nodes, netlist.first_cell
    # A replacement frees more cells than it makes, but freed ones keep their place.
    capacity = n_nodes + FORM_CELLS * netlist.n_cells
    fanins = np.zeros((capacity, 3), dtype=np.int32)
    fanins[first:n_nodes] = netlist.fanins
    alias = np.arange(0, 2 * capacity, 2, dtype=np.int32)
    graph = _Graph(
        fanins,
        np.zeros(1 << int(2 * capacity).bit_length(), dtype=np.int32),
        np.zeros(capacity, dtype=np.int32),
        alias,
        first,
        np.zeros(3 * capacity + 4, dtype=np.int32),
    )
    replaced, used = _rewrite(graph, n_nodes, netlist.outputs, cuts, forms)
    if not replaced:
        return netlist
    rows, outputs = fanins[first:used], netlist.outputs
    try:
        return rebuild_from(netlist, _aliased(alias, rows), _aliased(alias, outputs))
    except NetlistError:
        return netlist  # a cell that stands for another has come to read itself


@numba.njit(cache=True, nogil=True)
def _aliased(alias: Any, literals: Any) -> Any:
    found = literals.copy()
    for place, literal in enumerate(literals.flat):
        found.flat[place] = resolve(alias, literal)
    return found


@numba.njit(cache=True, nogil=True)
def _place(graph: Any, form: Any, size: int, used: int, make: bool, work: Any) -> Any:
    """Look up or make the cells of a form.

    form: (FORM_CELLS, 3) int8; work: (local, taken), the literals of the constant and the leaves given, those
    of the cells overwritten. With make False new cells get numbers from used on but are not stored. Existing
    cells are referenced and listed in taken. Returns how many cells come into use,
    how many were listed, and the next free node.
    """
    fanins, table = graph.fanins, graph.table
    local, taken = work
    added = listed = 0
    fresh = used
    for cell in range(size):
        a = value_of(local, form[cell, 0])
        b = value_of(local, form[cell, 1])
        c = value_of(local, form[cell, 2])
        result = np.int64(folded(a, b, c))
        if result == NONE:
            x, y, z, flip = normal(a, b, c)
            slot, known = np.uint64(0), np.int64(0)
            if make or z >> 1 < used:
                slot = slot_of(graph, x, y, z)
                known = np.int64(table[slot])
            if known:
                result = resolve(graph.alias, 2 * known ^ flip)
                added += hold(graph, result >> 1, graph.stack)
                taken[listed] = result >> 1
                listed += 1
            else:
                added += 1
                if make:
                    table[slot] = fresh
                    fanins[fresh, 0], fanins[fresh, 1], fanins[fresh, 2] = x, y, z
                result = 2 * fresh ^ flip
                fresh += 1
        local[1 + FORM_INPUTS + cell] = result
    return added, listed, fresh


@numba.njit(cache=True, nogil=True)
def _best_form(
    graph: Any, node: int, cuts: Any, forms: Any, used: int, work: Any
) -> tuple[int, int]:
    """Return the cut of a cell and the form over it that save the most cells, or `NONE` twice.

    The graph is modified temporarily and restored at the end.
    """
    fanins, alias = graph.fanins, graph.alias
    count, sizes, leaves, tables = cuts
    form_sizes, start, cells, outputs = forms
    local, taken = work
    best, best_cut, best_form = 0, NONE, NONE
    hidden = fanins[node, 0] <= 1  # an AND or an OR, whatever it is a function of
    for cut in range(count[node] - 1):
        size, function = sizes[node, cut], tables[node, cut]
        usable = True
        for place in range(size):
            local[1 + place] = resolve(alias, 2 * leaves[node, cut, place])
            usable = usable and local[1 + place] >> 1 != node
        if not usable:
            continue
        woken = 0
        for place in range(size):
            woken += hold(graph, local[1 + place] >> 1, graph.stack)
        freed = 1
        for place in range(3):
            freed += drop(graph, resolve(alias, fanins[node, place]) >> 1, graph.stack)
        if freed - woken > best:
            for form in range(start[function], start[function + 1]):
                added, listed, _ = _place(
                    graph, cells[form], form_sizes[function], used, False, work
                )
                result = local[outputs[form] >> 1] >> 1
                for at in range(listed):
                    drop(graph, taken[at], graph.stack)
                gain = freed - woken - added
                if result != node and (
                    gain > best
                    # A majority that costs nothing lets go of what it shared with a sum.
                    or (
                        gain == 0
                        and best_cut < 0
                        and hidden
                        and size == 3
                        and form_sizes[function] == 1
                    )
                ):
                    best, best_cut, best_form = gain, cut, form
        for place in range(3):
            hold(graph, resolve(alias, fanins[node, place]) >> 1, graph.stack)
        for place in range(size):
            drop(graph, local[1 + place] >> 1, graph.stack)
    return best_cut, best_form


@numba.njit(cache=True, nogil=True)
def _replace(
    graph: Any, node: int, choice: Any, cuts: Any, forms: Any, used: int, work: Any
) -> int:
    """Replace a cell by a form; returns the new number of nodes. Modifies the graph.

    choice: from `_best_form`.
    """
    references, alias = graph.references, graph.alias
    local, taken = work
    cut, form = choice
    for place in range(cuts.size[node, cut]):
        local[1 + place] = resolve(alias, 2 * cuts.leaves[node, cut, place])
    # The new cells are referenced before the old ones are let go.
    size = forms.sizes[cuts.tables[node, cut]]
    _, listed, used = _place(graph, forms.cells[form], size, used, True, work)
    literal = value_of(local, forms.outputs[form])
    hold(graph, literal >> 1, graph.stack)
    for at in range(listed):
        drop(graph, taken[at], graph.stack)
    for place in range(3):
        drop(graph, resolve(alias, graph.fanins[node, place]) >> 1, graph.stack)
    references[literal >> 1] += references[node] - 1
    references[node] = 0
    alias[node] = literal
    return used


@numba.njit(cache=True, nogil=True)
def _rewrite(graph: Any, n_nodes: int, outputs: Any, cuts: Any, forms: Any) -> tuple[int, int]:
    """Replace cells in topological order wherever it saves cells. Modifies the graph.

    Returns how many cells were replaced and how many nodes there are now.
    """
    fanins, table, references, alias, first, _ = graph
    work = (np.zeros(_LOCAL, dtype=np.int64), np.zeros(FORM_CELLS, dtype=np.int64))
    for node in range(first, n_nodes):
        table[slot_of(graph, fanins[node, 0], fanins[node, 1], fanins[node, 2])] = node
    for output in outputs:
        hold(graph, output >> 1, graph.stack)
    used = n_nodes
    replaced = 0
    for node in range(first, n_nodes):
        if references[node] == 0 or alias[node] != 2 * node:
            continue
        choice = _best_form(graph, node, cuts, forms, used, work)
        if choice[0] != NONE:
            used = _replace(graph, node, choice, cuts, forms, used, work)
            replaced += 1
    return replaced, used
