"""The smallest netlists of all functions of four inputs over the cells of a basis, for compiled code.

What `form_library` of `btfsynth.exact.table` is to majorities: every class with all of its forms. A graph (see
`btfsynth.netlist.hashing`) holds parities too, as cells whose literals fall (see `btfsynth.netlist.gates`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.table import CLASS_INPUTS, all_forms, load_table, npn_classes, self_dual_classes
from btfsynth.netlist.hashing import cell_of, majority
from btfsynth.netlist.kernels import value_of
from btfsynth.settings.table import Basis

_FIRST = 1 + CLASS_INPUTS


class GateForms(NamedTuple):
    """The forms of every class; the first seven fields are those of `btfsynth.exact.table.FormLibrary`."""

    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    size: NDArray[np.int8]
    start: NDArray[np.int32]
    cells: NDArray[np.int8]
    parity: NDArray[np.uint8]  # ``(forms, most cells)``, 1 for a parity
    output: NDArray[np.int8]
    majorities: bool  # whether the basis has majorities of three signals
    parities: bool  # whether it has parities


@cache
def gate_forms(basis: Basis) -> GateForms:
    """Return the forms of a basis; read and checked once per process."""
    classes, entries = npn_classes(), load_table(basis)
    kept = self_dual_classes() if basis.three else classes
    groups = [all_forms(entry, kept) for entry in entries]
    most = max(entry.cells for entry in entries)
    rows = [
        (cells, output, entry.netlist.fanins)
        for entry, group in zip(entries, groups, strict=True)
        for cells, output in group
    ]
    cells = np.zeros((len(rows), most, 3), dtype=np.int8)
    parity = np.zeros((len(rows), most), dtype=np.uint8)
    for row, (made, _, fanins) in enumerate(rows):
        cells[row, : len(made)] = np.array(made, dtype=np.int8).reshape(-1, 3)
        parity[row, : len(made)] = fanins[:, 0] > fanins[:, 2]
    return GateForms(
        classes.number,
        classes.transformation,
        classes.leaves,
        classes.flips,
        np.array([entry.cells for entry in entries], dtype=np.int8),
        np.cumsum([0, *(len(group) for group in groups)], dtype=np.int32),
        cells,
        parity,
        np.array([output for _, output, _ in rows], dtype=np.int8),
        basis.three,
        basis.parities,
    )


@numba.njit(cache=True, nogil=True)
def parity_cell(graph: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the literal of a parity; a cell is made if it has to be. Changes the graph."""
    flip = (a ^ b ^ c) & 1
    x, y, z = a & ~1, b & ~1, c & ~1
    if x < y:
        x, y = y, x
    if y < z:
        y, z = z, y
    if x < y:
        x, y = y, x
    if x == y:
        return np.int64(z ^ flip)
    if y == z:
        return np.int64(x ^ flip)
    return 2 * cell_of(graph, x, y, z) + flip


@numba.njit(cache=True, nogil=True)
def make_gates(graph: Any, library: Any, table: Any, form: Any, inputs: Any, local: Any) -> Any:
    """Make a smallest netlist of a function in a graph; returns its literal (see `make_form`)."""
    way = library.transformation[table]
    cells, parity, output = library.cells, library.parity, library.output
    for node in range(_FIRST):
        local[node] = inputs[library.leaves[way, node]] ^ library.flips[way, node]
    for cell in range(library.size[library.number[table]]):
        a = value_of(local, cells[form, cell, 0])
        b = value_of(local, cells[form, cell, 1])
        c = value_of(local, cells[form, cell, 2])
        if parity[form, cell]:
            local[_FIRST + cell] = parity_cell(graph, a, b, c)
        else:
            local[_FIRST + cell] = majority(graph, a, b, c)
    return value_of(local, output[form]) ^ library.flips[way, _FIRST]


_MAJORITY, _PARITY = np.int64(0xE8E8), np.int64(0x9696)


@numba.njit(cache=True, nogil=True)
def plain_gate(graph: Any, library: Any, parity: Any, fanin: Any, inputs: Any, local: Any) -> Any:
    """Make a cell as it is, or in the first form of its function where the basis has no such cell.

    parity: whether it is one; fanin: int64 (3,), literals. Returns the literal; changes inputs and local.
    """
    a, b, c = fanin[0], fanin[1], fanin[2]
    constant = a <= 1 or b <= 1 or c <= 1
    if parity:
        if library.parities and (constant or library.majorities):
            return parity_cell(graph, a, b, c)
    elif constant or library.majorities:
        return majority(graph, a, b, c)
    for place in range(3):
        inputs[1 + place] = fanin[place]
    table = _PARITY if parity else _MAJORITY
    form = library.start[library.number[table]]
    return make_gates(graph, library, table, form, inputs, local)
