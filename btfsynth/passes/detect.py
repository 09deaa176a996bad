"""Detection of majorities, exclusive ors, adders and other small functions in a netlist of any origin.

A netlist that comes as ANDs and inverters hides its majorities in four or five of them and a full adder
in up to a dozen. Every cell is looked at as a function of each of its cuts of up to three leaves, and
replaced by the smallest form of that function where this takes fewer cells than it frees: cells that
exist already cost nothing, those that something else still reads are not freed (Mishchenko, Chatterjee
and Brayton, DAG-aware AIG rewriting, DAC 2006, with three leaves and exact forms). All forms of a
function are tried, so the sum of a full adder finds the carry whatever its complements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np

from btfsynth.errors import NetlistError, UsageError
from btfsynth.netlist.forms import FORM_CELLS, FORM_INPUTS, small_forms
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.rebuild import rebuild, rebuild_from
from btfsynth.netlist.reference import Reference
from btfsynth.netlist.small_cuts import small_cuts

__all__ = ["Detect"]

_LOCAL = 1 + FORM_INPUTS + FORM_CELLS


@dataclass(frozen=True)
class Detect:
    """Replace cones of up to three leaves by their smallest forms; never more cells.

    Parameters
    ----------
    rounds
        Sweeps over the netlist at most; it ends with the first one that finds nothing.
    """

    name: ClassVar[str] = "detect"
    structural: ClassVar[bool] = True

    rounds: int = 8

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise UsageError(f"detect: rounds: expected 0 or more, got {self.rounds}")

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist with the smallest forms of small functions."""
        netlist = rebuild(netlist)
        for _ in range(self.rounds):
            swept = _sweep(netlist)
            if swept is netlist:
                break
            netlist = swept
        return netlist


def _sweep(netlist: Netlist) -> Netlist:
    """Return the netlist after one sweep, or the netlist itself if there is nothing to replace."""
    if not netlist.n_cells:
        return netlist
    cuts, forms = small_cuts(netlist), small_forms()
    n_nodes = netlist.n_nodes
    # A replacement frees more cells than it makes, but freed ones keep their place.
    capacity = n_nodes + FORM_CELLS * netlist.n_cells
    fanins = np.zeros((capacity, 3), dtype=np.int32)
    fanins[netlist.first_cell : n_nodes] = netlist.fanins
    refs = np.zeros(capacity, dtype=np.int32)
    alias = np.arange(0, 2 * capacity, 2, dtype=np.int32)
    table = np.full(1 << int(2 * capacity).bit_length(), -1, dtype=np.int32)
    replaced, used = _rewrite(
        fanins,
        refs,
        alias,
        table,
        netlist.first_cell,
        n_nodes,
        netlist.outputs,
        cuts.count,
        cuts.size,
        cuts.leaves,
        cuts.tables,
        forms.sizes,
        forms.start,
        forms.cells,
        forms.outputs,
    )
    if not replaced:
        return netlist
    rows, outputs = fanins[netlist.first_cell : used], netlist.outputs
    try:
        return rebuild_from(netlist, _aliased(alias, rows), _aliased(alias, outputs))
    except NetlistError:
        return netlist  # a cell that stands for another has come to read itself


@numba.njit(cache=True)
def _resolve(alias: Any, literal: int) -> int:
    """Return the literal that stands for one now."""
    while alias[literal >> 1] >> 1 != literal >> 1:
        literal = alias[literal >> 1] ^ (literal & 1)
    return literal


@numba.njit(cache=True)
def _aliased(alias: Any, literals: Any) -> Any:
    """Return an array of int32 literals with each replaced by what stands for it."""
    found = literals.copy()
    for place, literal in enumerate(literals.flat):
        found.flat[place] = _resolve(alias, literal)
    return found


@numba.njit(cache=True)
def _take(node: int, fanins: Any, refs: Any, alias: Any, first_cell: int, stack: Any) -> int:
    """Add a reference to a node; returns how many cells come to life. Changes refs, uses stack."""
    woken = 0
    stack[0] = node
    depth = 1
    while depth:
        depth -= 1
        node = stack[depth]
        refs[node] += 1
        if refs[node] == 1 and node >= first_cell:
            woken += 1
            for place in range(3):
                stack[depth] = _resolve(alias, fanins[node, place]) >> 1
                depth += 1
    return woken


@numba.njit(cache=True)
def _drop(node: int, fanins: Any, refs: Any, alias: Any, first_cell: int, stack: Any) -> int:
    """Take a reference from a node; returns how many cells die. Changes refs, uses stack."""
    freed = 0
    stack[0] = node
    depth = 1
    while depth:
        depth -= 1
        node = stack[depth]
        refs[node] -= 1
        if refs[node] == 0 and node >= first_cell:
            freed += 1
            for place in range(3):
                stack[depth] = _resolve(alias, fanins[node, place]) >> 1
                depth += 1
    return freed


@numba.njit(cache=True)
def _slot(a: int, b: int, c: int, fanins: Any, table: Any) -> int:
    """Return the place of a cell in the hash table, or the free place where it belongs."""
    mask = len(table) - 1
    mixed = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(c) * np.uint64(0x165667B19E3779F9)
    slot = np.int64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(mask))
    while table[slot] >= 0:
        row = fanins[table[slot]]
        if row[0] == a and row[1] == b and row[2] == c:
            break
        slot = (slot + 1) & mask
    return int(slot)


@numba.njit(cache=True)
def _normal(a: int, b: int, c: int, out: Any) -> int:
    """Bring a cell to its normal form in out, (3,) int64.

    Returns -1 or -2 for a cell, -2 if its output is complemented; a literal if it folds.
    """
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
    flip = 1 if (a & 1) + (b & 1) + (c & 1) > 1 else 0
    a, b, c = a ^ flip, b ^ flip, c ^ flip
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    out[0], out[1], out[2] = a, b, c
    return -1 - flip


@numba.njit(cache=True)
def _place(
    form: Any,
    size: int,
    local: Any,
    used: int,
    make: bool,
    taken: Any,
    row: Any,
    fanins: Any,
    refs: Any,
    alias: Any,
    table: Any,
    first_cell: int,
    stack: Any,
) -> tuple[int, int, int]:
    """Look up or make the cells of a form.

    form: (FORM_CELLS, 3) int8; local: (_LOCAL,) int64, literals of the constant and the leaves given,
    those of the cells overwritten. With make False new cells get numbers from used on but are not
    stored. Existing cells are referenced and listed in taken. Returns how many cells came to life,
    how many were listed, and the next free node.
    """
    added = listed = 0
    fresh = used
    for cell in range(size):
        a = local[form[cell, 0] >> 1] ^ (form[cell, 0] & 1)
        b = local[form[cell, 1] >> 1] ^ (form[cell, 1] & 1)
        c = local[form[cell, 2] >> 1] ^ (form[cell, 2] & 1)
        result = _normal(a, b, c, row)
        if result < 0:
            flip = -1 - result
            slot = -1
            known = -1
            if row[2] >> 1 < used or make:
                slot = _slot(row[0], row[1], row[2], fanins, table)
                known = table[slot]
            if known >= 0:
                result = _resolve(alias, 2 * known ^ flip)
                added += _take(result >> 1, fanins, refs, alias, first_cell, stack)
                taken[listed] = result >> 1
                listed += 1
            else:
                added += 1
                if make:
                    table[slot] = fresh
                    for place in range(3):
                        fanins[fresh, place] = row[place]
                result = 2 * fresh ^ flip
                fresh += 1
        local[1 + FORM_INPUTS + cell] = result
    return added, listed, fresh


@numba.njit(cache=True)
def _rewrite(
    fanins: Any,
    refs: Any,
    alias: Any,
    table: Any,
    first_cell: int,
    n_nodes: int,
    outputs: Any,
    cut_count: Any,
    cut_size: Any,
    cut_leaves: Any,
    cut_tables: Any,
    form_sizes: Any,
    form_start: Any,
    form_cells: Any,
    form_outputs: Any,
) -> tuple[int, int]:
    """Replace cells in topological order wherever it saves cells.

    A cell that is replaced gets an alias, the literal that stands for it; its readers are not touched.
    fanins: (capacity, 3) int32, rows of the cells given, new ones added; refs: (capacity,) int32 of
    zeros; alias: (capacity,) int32, each its own literal; table: hash table of -1; the rest as in
    SmallCuts and SmallForms. Changes fanins, refs, alias and table. Returns how many cells were replaced
    and how many nodes there are now.
    """
    stack = np.zeros(3 * len(refs) + 4, dtype=np.int32)
    row = np.zeros(3, dtype=np.int64)
    local = np.zeros(_LOCAL, dtype=np.int64)
    taken = np.zeros(FORM_CELLS, dtype=np.int64)
    for node in range(first_cell, n_nodes):
        table[_slot(fanins[node, 0], fanins[node, 1], fanins[node, 2], fanins, table)] = node
    for output in outputs:
        _take(output >> 1, fanins, refs, alias, first_cell, stack)
    used = n_nodes
    replaced = 0
    for node in range(first_cell, n_nodes):
        if refs[node] == 0 or alias[node] != 2 * node:
            continue
        best, best_cut, best_form = 0, -1, -1
        hidden = fanins[node, 0] <= 1  # an AND or an OR, whatever it is a function of
        for cut in range(cut_count[node] - 1):
            size = cut_size[node, cut]
            function = cut_tables[node, cut]
            usable = True
            for place in range(size):
                local[1 + place] = _resolve(alias, 2 * cut_leaves[node, cut, place])
                usable = usable and local[1 + place] >> 1 != node
            if not usable:
                continue
            woken = 0
            for place in range(size):
                woken += _take(local[1 + place] >> 1, fanins, refs, alias, first_cell, stack)
            freed = 1
            for place in range(3):
                child = _resolve(alias, fanins[node, place]) >> 1
                freed += _drop(child, fanins, refs, alias, first_cell, stack)
            if freed - woken > best:
                for form in range(form_start[function], form_start[function + 1]):
                    added, listed, _ = _place(
                        form_cells[form],
                        form_sizes[function],
                        local,
                        used,
                        False,
                        taken,
                        row,
                        fanins,
                        refs,
                        alias,
                        table,
                        first_cell,
                        stack,
                    )
                    result = local[form_outputs[form] >> 1] >> 1
                    for at in range(listed):
                        _drop(taken[at], fanins, refs, alias, first_cell, stack)
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
                child = _resolve(alias, fanins[node, place]) >> 1
                _take(child, fanins, refs, alias, first_cell, stack)
            for place in range(size):
                _drop(local[1 + place] >> 1, fanins, refs, alias, first_cell, stack)
        if best_cut < 0:
            continue
        size = cut_size[node, best_cut]
        for place in range(size):
            local[1 + place] = _resolve(alias, 2 * cut_leaves[node, best_cut, place])
        # The new cells are referenced before the old ones are let go.
        _, listed, fresh = _place(
            form_cells[best_form],
            form_sizes[cut_tables[node, best_cut]],
            local,
            used,
            True,
            taken,
            row,
            fanins,
            refs,
            alias,
            table,
            first_cell,
            stack,
        )
        used = fresh
        literal = local[form_outputs[best_form] >> 1] ^ (form_outputs[best_form] & 1)
        _take(literal >> 1, fanins, refs, alias, first_cell, stack)
        for at in range(listed):
            _drop(taken[at], fanins, refs, alias, first_cell, stack)
        for place in range(3):
            child = _resolve(alias, fanins[node, place]) >> 1
            _drop(child, fanins, refs, alias, first_cell, stack)
        refs[literal >> 1] += refs[node] - 1
        refs[node] = 0
        alias[node] = literal
        replaced += 1
    return replaced, used
