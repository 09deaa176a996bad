"""The table of the smallest netlists as arrays: every function of four inputs looked up at once.

A representative that stays the same under a transformation has its netlist transformed as well: other cells
for the same function. Which one is best depends on what a neighbour has already (the sum of a full adder reads
whichever majority its carry is), so all of them are listed, those of the self-dual class included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.npn import CLASS_INPUTS, npn_classes, self_dual_classes
from btfsynth.exact.table import TableEntry, load_table
from btfsynth.netlist.hashing import majority

__all__ = ["FormLibrary", "form_library", "make_form"]

_FIRST = 1 + CLASS_INPUTS
_INPUT_TABLES = (0x0000, 0xAAAA, 0xCCCC, 0xF0F0, 0xFF00)
_ALL = 0xFFFF


@dataclass(frozen=True, eq=False)
class FormLibrary:
    """The smallest netlists of every class, and of every function the class and the way to it.

    Parameters
    ----------
    number, transformation, leaves, flips
        As in `btfsynth.exact.npn.FunctionClasses`.
    size
        ``(classes,)`` int8, cells.
    start
        ``(classes + 1,)`` int32: the forms of a class are rows ``start[class]`` to ``start[class + 1]``,
        that of the file first.
    cells
        ``(forms, most cells, 3)`` int8 literals over the local nodes: 0 the constant, 1 to 4 the
        inputs, 5 on the cells.
    output
        ``(forms,)`` int8, the literal of the result.
    """

    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    size: NDArray[np.int8]
    start: NDArray[np.int32]
    cells: NDArray[np.int8]
    output: NDArray[np.int8]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The fields in order, as compiled code takes them."""
        return (
            self.number,
            self.transformation,
            self.leaves,
            self.flips,
            self.size,
            self.start,
            self.cells,
            self.output,
        )


_Cells = list[tuple[int, int, int]]


@cache
def form_library() -> FormLibrary:
    """Return the library, made from the table's file once a process."""
    classes, entries = npn_classes(), load_table()
    forms = [_forms(entry) for entry in entries]
    most = max(entry.cells for entry in entries)
    rows = [form for group in forms for form in group]
    cells = np.zeros((len(rows), most, 3), dtype=np.int8)
    for row, (made, _) in enumerate(rows):
        cells[row, : len(made)] = np.array(made, dtype=np.int8).reshape(-1, 3)
    return FormLibrary(
        classes.number,
        classes.transformation,
        classes.leaves,
        classes.flips,
        np.array([entry.cells for entry in entries], dtype=np.int8),
        np.cumsum([0, *(len(group) for group in forms)], dtype=np.int32),
        cells,
        np.array([output for _, output in rows], dtype=np.int8),
    )


def _forms(entry: TableEntry) -> list[tuple[_Cells, int]]:
    """Return what an entry's netlist becomes by what leaves its function as it is.

    Forms whose cells compute the same signals, up to complements, are one.
    """
    classes = self_dual_classes()
    fanins, output = entry.netlist.fanins.tolist(), int(entry.netlist.outputs[0])
    found: dict[tuple[int, ...], tuple[_Cells, int]] = {}
    for row in [0, *classes.stabiliser(entry.table).tolist()]:  # row 0 changes nothing
        flips = classes.flips[row].tolist()
        names = [
            2 * leaf ^ flip for leaf, flip in zip(classes.leaves[row].tolist(), flips, strict=False)
        ]
        names += [2 * node for node in range(_FIRST, _FIRST + len(fanins))]
        cells, signals = [], list(_INPUT_TABLES)
        for fanin in fanins:
            a, b, c = (names[literal >> 1] ^ (literal & 1) for literal in fanin)
            x, y, z = (signals[lit >> 1] ^ _ALL * (lit & 1) for lit in (a, b, c))
            cells.append((a, b, c))
            signals.append((x & y) | (z & (x | y)))
        key = tuple(sorted(min(signal, signal ^ _ALL) for signal in signals[_FIRST:]))
        result = names[output >> 1] ^ (output & 1) ^ flips[-1]
        found.setdefault(key, (cells, result))
    return list(found.values())


@numba.njit(cache=True, nogil=True)
def make_form(graph: Any, library: Any, table: Any, form: Any, inputs: Any, local: Any) -> Any:
    """Make a smallest netlist of a function in a graph; returns its literal. Changes the graph.

    graph: see `btfsynth.netlist.hashing`; library: `FormLibrary.arrays`; form: a row of the function's class;
    inputs: int64 (5,), literals of the constant false and the inputs, anything for those that the function does
    not depend on; local: int64, at least 5 places and one a cell, changed.
    """
    number, transformation, leaves, flips, size, _, cells, output = library
    way = transformation[table]
    for node in range(_FIRST):
        local[node] = inputs[leaves[way, node]] ^ flips[way, node]
    for cell in range(size[number[table]]):
        a, b, c = cells[form, cell, 0], cells[form, cell, 1], cells[form, cell, 2]
        local[_FIRST + cell] = majority(
            graph, local[a >> 1] ^ (a & 1), local[b >> 1] ^ (b & 1), local[c >> 1] ^ (c & 1)
        )
    return local[output[form] >> 1] ^ (output[form] & 1) ^ flips[way, _FIRST]
