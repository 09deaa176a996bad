"""The table of the smallest netlists as arrays: every function of four inputs looked up at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.exact.npn import CLASS_INPUTS, npn_classes
from btfsynth.exact.table import load_table
from btfsynth.netlist.hashing import majority

__all__ = ["FormLibrary", "form_library", "make_form"]

_FIRST = 1 + CLASS_INPUTS


@dataclass(frozen=True, eq=False)
class FormLibrary:
    """The smallest netlist of every class, and of every function the class and the way to it.

    Parameters
    ----------
    number, transformation, leaves, flips
        As in `btfsynth.exact.npn.FunctionClasses`.
    size
        ``(classes,)`` int8, cells.
    cells
        ``(classes, most cells, 3)`` int8 literals over the local nodes: 0 the constant, 1 to 4 the
        inputs, 5 on the cells.
    output
        ``(classes,)`` int8, the literal of the result.
    """

    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    size: NDArray[np.int8]
    cells: NDArray[np.int8]
    output: NDArray[np.int8]

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The fields in order, as `make_form` takes them."""
        return (
            self.number,
            self.transformation,
            self.leaves,
            self.flips,
            self.size,
            self.cells,
            self.output,
        )


@cache
def form_library() -> FormLibrary:
    """Return the library, made from the table's file once a process."""
    classes, entries = npn_classes(), load_table()
    most = max(entry.cells for entry in entries)
    cells = np.zeros((len(entries), most, 3), dtype=np.int8)
    for row, entry in enumerate(entries):
        cells[row, : entry.cells] = entry.netlist.fanins
    return FormLibrary(
        classes.number,
        classes.transformation,
        classes.leaves,
        classes.flips,
        np.array([entry.cells for entry in entries], dtype=np.int8),
        cells,
        np.array([entry.netlist.outputs[0] for entry in entries], dtype=np.int8),
    )


@numba.njit(cache=True, nogil=True)
def make_form(graph: Any, library: Any, table: Any, inputs: Any, local: Any) -> Any:
    """Make the smallest netlist of a function in a graph; returns its literal. Changes the graph.

    graph: see `btfsynth.netlist.hashing`; library: `FormLibrary.arrays`; inputs: int64 (5,), literals of the
    constant false and the inputs, anything for those that the function does not depend on; local: int64, at
    least 5 places and one a cell, changed.
    """
    number, transformation, leaves, flips, size, cells, output = library
    row, way = number[table], transformation[table]
    for node in range(_FIRST):
        local[node] = inputs[leaves[way, node]] ^ flips[way, node]
    for cell in range(size[row]):
        a, b, c = cells[row, cell, 0], cells[row, cell, 1], cells[row, cell, 2]
        local[_FIRST + cell] = majority(
            graph, local[a >> 1] ^ (a & 1), local[b >> 1] ^ (b & 1), local[c >> 1] ^ (c & 1)
        )
    return local[output[row] >> 1] ^ (output[row] & 1) ^ flips[way, _FIRST]
