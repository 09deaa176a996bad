"""The netlist: a majority-inverter graph.

Encoding. Node 0 is the constant false, nodes 1 to n are the input bits in port order, the cells
follow in topological order. A cell is the majority of three literals; inversion is a bit on the literal,
never a cell. ``MAJ(0, a, b)`` is an AND and ``MAJ(1, a, b)`` is an OR: a constant in the fan-in
determines the kind, so all code handles one type of cell.

A literal is one integer for a node and its complement bit: ``literal = 2 * node + complement``, so
``literal >> 1`` is the node, ``literal & 1`` whether it is complemented and ``literal ^ 1`` the complement, of
integers and of integer arrays alike. Literal 0 is false and literal 1 is true.

Compiled code calls `value_of` and `majority_of` too; `btfsynth.netlist.kernels` makes them known to it, so
this module does not need Numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.ports import Port, total_width

Text = TypeVar("Text")

FALSE = 0
TRUE = 1


@overload
def value_of(values: Sequence[int], literal: int) -> int: ...
@overload
def value_of(values: NDArray[Any], literal: Any) -> Any: ...
def value_of(values: Any, literal: Any) -> Any:
    """Return the value of a literal: that of its node, with the lowest bit flipped by a complement.

    Values are bits, or literals of another netlist.
    """
    return values[literal >> 1] ^ (literal & 1)


def majority_of(x: Any, y: Any, z: Any) -> Any:
    """Return the majority bit by bit, of integers, words and arrays."""
    return (x & y) | (z & (x | y))


def read_literals(fanin: Sequence[int], texts: Sequence[Text]) -> tuple[str, list[Text]]:
    """Return the kind of a cell, ``and``, ``or`` or ``maj``, and the texts of the literals it reads.

    The constant that determines the kind is omitted.
    """
    for constant, kind in ((FALSE, "and"), (TRUE, "or")):
        if constant in fanin:
            place = list(fanin).index(constant)
            return kind, [text for at, text in enumerate(texts) if at != place]
    return "maj", list(texts)


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


class CellArrays:
    """The sizes of a netlist that is held as an array of cells with three literals each."""

    input_ports: tuple[Port, ...]
    fanins: NDArray[np.int32]
    outputs: NDArray[np.int32]

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


@dataclass(frozen=True, eq=False)
class Netlist(CellArrays):
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
