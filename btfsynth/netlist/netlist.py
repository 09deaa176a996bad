"""The netlist: a majority-inverter graph.

Encoding. Node 0 is the constant false, nodes 1 to n are the input bits in port order, the cells
follow in topological order. A cell is the majority of three literals (see `literals`); inversion is a
bit on the literal, never a cell. ``MAJ(0, a, b)`` is an AND and ``MAJ(1, a, b)`` is an OR: the kind of a
cell is read off its constant fan-in, so there is one kind of cell to reason about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.ports import Port, total_width

_LARGEST_LITERAL = 2**31 - 1


class CellKind(str, Enum):
    AND = "and"
    OR = "or"
    MAJ = "maj"


def cell_kind(fanin: NDArray[np.int32]) -> CellKind:
    if FALSE in fanin:
        return CellKind.AND
    if TRUE in fanin:
        return CellKind.OR
    return CellKind.MAJ


@dataclass(frozen=True, eq=False)
class Netlist:
    """An immutable majority-inverter graph with named ports.

    The bits of the ports, in order, are the input nodes and the output literals. `fanins` are ``(cells, 3)``
    and `outputs` ``(output bits,)`` int32 literals, copied and made read-only. A `NetlistError` if shapes do
    not fit the ports, a literal is out of range or a cell comes before its fan-in.
    """

    name: str
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    fanins: NDArray[np.int32]
    outputs: NDArray[np.int32]

    def __post_init__(self) -> None:
        fanins = self._literals("fan-in", self.fanins)
        outputs = self._literals("output", self.outputs)
        if fanins.ndim != 2 or fanins.shape[1] != 3:
            raise NetlistError(f"{self.name}: expected three literals per cell, got {fanins.shape}")
        if outputs.shape != (total_width(self.output_ports),):
            raise NetlistError(
                f"{self.name}: {outputs.shape} output literals for ports of "
                f"{total_width(self.output_ports)} bits"
            )
        first = 1 + total_width(self.input_ports)
        if len(fanins):
            late = fanins.max(axis=1) >> 1 >= first + np.arange(len(fanins))
            if late.any():
                cell = first + int(np.argmax(late))
                raise NetlistError(f"{self.name}: cell {cell} does not come after its fan-in")
        if len(outputs) and outputs.max() >> 1 >= first + len(fanins):
            raise NetlistError(f"{self.name}: an output literal is out of range")
        fanins.setflags(write=False)
        outputs.setflags(write=False)
        object.__setattr__(self, "fanins", fanins)
        object.__setattr__(self, "outputs", outputs)

    def _literals(self, label: str, values: NDArray[Any]) -> NDArray[np.int32]:
        """Copy literals; those that a cast would wrap or cut off are refused first."""
        array = np.asarray(values)
        if array.size and array.dtype.kind not in "iu":
            raise NetlistError(f"{self.name}: expected whole numbers as {label} literals")
        if array.size and (array.min() < 0 or array.max() > _LARGEST_LITERAL):
            raise NetlistError(
                f"{self.name}: expected {label} literals from 0 to {_LARGEST_LITERAL}, "
                f"got {array.min()} to {array.max()}"
            )
        return np.array(array, dtype=np.int32, order="C")

    @property
    def n_inputs(self) -> int:
        return total_width(self.input_ports)

    @property
    def n_outputs(self) -> int:
        return len(self.outputs)

    @property
    def n_cells(self) -> int:
        return len(self.fanins)

    @property
    def n_nodes(self) -> int:
        return 1 + self.n_inputs + self.n_cells

    @property
    def first_cell(self) -> int:
        return 1 + self.n_inputs
