"""Netlists with parities: the form of a majority-inverter graph for other tools and for FPGAs.

The arrays are those of `Netlist`, except that a parity is a cell with descending literals. ``(8, 4, 2)`` is the
exclusive or of the nodes 4, 2 and 1, ``(8, 4, 0)`` that of 4 and 2, and ``(2, 4, 8)`` is a majority. Code that
reads only the structure (levels, cones, references, hashing) works for both.

Normal form: the three literals are those of different nodes; a majority has at most one complement, a parity
none. A `Basis` defines the allowed cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.kernels import complement_mask, majority_of
from btfsynth.netlist.netlist import FALSE, TRUE, CellArrays, Netlist, read_literals, value_of
from btfsynth.netlist.views import depth_of, mark_cone
from btfsynth.ports import Port, total_width
from btfsynth.settings.table import Basis

KINDS = ("and", "or", "maj", "xor", "xor3")
"""The cells by kind."""


@dataclass(frozen=True, eq=False)
class GateNetlist(CellArrays):
    """An immutable netlist over the cells of a basis, with named ports.

    A `NetlistError` if the arrays are no `Netlist` or a cell is not in normal form or not in the basis.
    """

    name: str
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    fanins: NDArray[np.int32]  # ``(cells, 3)`` literals
    outputs: NDArray[np.int32]
    basis: Basis

    def __post_init__(self) -> None:
        shape = Netlist(self.name, self.input_ports, self.output_ports, self.fanins, self.outputs)
        rows, basis = shape.fanins, self.basis
        nodes, parity = rows >> 1, is_parity(rows)
        steps = np.diff(nodes, axis=1)
        ordered = np.where(parity[:, None], steps < 0, steps > 0).all(axis=1)
        complements = (rows & 1).sum(axis=1)
        normal = ordered & (complements <= np.where(parity, 0, 1))
        constant = (nodes == 0).any(axis=1)
        allowed = (basis.three | constant) & (basis.parities | ~parity)
        for right, what in ((normal, "in normal form"), (allowed, f"a cell of {basis.value}")):
            if not right.all():
                cell = shape.first_cell + int(np.argmin(right))
                raise NetlistError(f"{self.name}: cell {cell} is not {what}")
        object.__setattr__(self, "fanins", shape.fanins)
        object.__setattr__(self, "outputs", shape.outputs)

    @property
    def depth(self) -> int:
        return depth_of(self)

    @property
    def kinds(self) -> dict[str, int]:
        """Cells by kind, in the order of `KINDS`."""
        found = dict.fromkeys(KINDS, 0)
        for fanin in self.fanins.tolist():
            found[gate_kind(fanin)] += 1
        return found

    def as_netlist(self) -> Netlist:
        """Return a netlist of the same cells, literal for literal; a `NetlistError` if there are parities."""
        if is_parity(self.fanins).any():
            raise NetlistError(f"{self.name}: a netlist of majorities has no parities")
        return Netlist(self.name, self.input_ports, self.output_ports, self.fanins, self.outputs)

    def expanded(self) -> Netlist:
        """Return the netlist of majorities in which each parity is three cells."""
        builder = NetlistBuilder(self.name, self.input_ports, self.output_ports)
        literals = list(range(0, 2 * self.first_cell, 2))
        for a, b, c in self.fanins.tolist():
            x, y, z = (value_of(literals, literal) for literal in (a, b, c))
            literals.append(_majority_parity(builder, x, y, z) if a > c else builder.maj(x, y, z))
        return builder.build([value_of(literals, literal) for literal in self.outputs.tolist()])


AnyNetlist = Netlist | GateNetlist


def is_parity(fanins: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which cells are parities, ``(cells,)``."""
    falling: NDArray[np.bool_] = fanins[:, 0] > fanins[:, 2]
    return falling


def gate_kind(fanin: Sequence[int]) -> str:
    """Return which of `KINDS` a cell is."""
    if fanin[0] > fanin[2]:
        return "xor" if fanin[2] == FALSE else "xor3"
    return {FALSE: "and", TRUE: "or"}.get(fanin[0], "maj")


def read_cells(netlist: AnyNetlist) -> Iterator[tuple[str, list[int]]]:
    """Yield of each cell ``and``, ``or``, ``maj`` or ``xor``, and the literals it reads.

    The constant that makes the kind is omitted; a parity reads two or three.
    """
    gates = isinstance(netlist, GateNetlist)
    for fanin in netlist.fanins.tolist():
        if gates and fanin[0] > fanin[2]:
            yield "xor", [literal for literal in fanin if literal > TRUE]
        else:
            yield read_literals(fanin, fanin)


def _majority_parity(builder: NetlistBuilder, a: int, b: int, c: int) -> int:
    if c <= TRUE:
        return builder.xor(a, b) ^ c
    return builder.maj(builder.maj(a, b, c) ^ 1, builder.maj(a, b, c ^ 1), c)


class GateBuilder:
    """Makes a `GateNetlist` cell by cell, hashed, folded and in normal form, of the cells of its basis."""

    def __init__(
        self, name: str, input_ports: Sequence[Port], output_ports: Sequence[Port], basis: Basis
    ) -> None:
        self.name = name
        self.input_ports = tuple(input_ports)
        self.output_ports = tuple(output_ports)
        self.basis = basis
        self._first = 1 + total_width(input_ports)
        self._fanins: list[tuple[int, int, int]] = []
        self._known: dict[tuple[int, int, int], int] = {}

    @property
    def n_cells(self) -> int:
        return len(self._fanins)

    def input(self, bit: int) -> int:
        return 2 * (1 + bit)

    def maj(self, a: int, b: int, c: int) -> int:
        """Return the majority, made of four cells if the basis has no majorities."""
        a, b, c = sorted((a, b, c))
        if a == b or b ^ c == 1:
            return a
        if b == c:
            return b
        if a ^ b == 1:
            return c
        if a > TRUE and not self.basis.three:
            if self.basis.parities:
                differs = self.xor(a, b)
                return self.xor(self.maj(FALSE, differs, self.xor(a, c)), a)
            both, either = self.maj(FALSE, a, b), self.maj(TRUE, a, b)
            return self.maj(TRUE, both, self.maj(FALSE, c, either))
        flip = int((a & 1) + (b & 1) + (c & 1) > 1)
        rows = sorted((a ^ flip, b ^ flip, c ^ flip))
        return self._cell(rows[0], rows[1], rows[2]) ^ flip

    def xor(self, a: int, b: int, c: int = FALSE) -> int:
        """Return the parity, made of AND and OR cells if the basis has no parities."""
        flip = (a ^ b ^ c) & 1
        x, y, z = sorted((a & ~1, b & ~1, c & ~1), reverse=True)
        if y == z:
            return x ^ flip
        if x == y:
            return z ^ flip
        if not self.basis.parities:
            return self._ands(self._ands(x, y), z) ^ flip
        if z and not self.basis.three:
            return self.xor(self.xor(x, y), z) ^ flip
        return self._cell(x, y, z) ^ flip

    def extend(self, literals: list[int], cells: Iterable[Sequence[int]]) -> None:
        """Append the literals of cells to those of nodes; the cells' fan-in is numbered by these nodes."""
        for fanin in cells:
            a, b, c = (value_of(literals, literal) for literal in fanin)
            literals.append(self.xor(a, b, c) if fanin[0] > fanin[2] else self.maj(a, b, c))

    def build(self, outputs: Sequence[int]) -> GateNetlist:
        """Return the netlist of these literals, one per output bit, without cells that drive nothing."""
        fanins = np.array(self._fanins, dtype=np.int32).reshape(-1, 3)
        return compact_gates(self, fanins, np.array(outputs, dtype=np.int32), self.basis)

    def _ands(self, a: int, b: int) -> int:
        if a <= TRUE or b <= TRUE:
            return a ^ b
        return self.maj(FALSE, self.maj(TRUE, a, b), self.maj(FALSE, a, b) ^ 1)

    def _cell(self, a: int, b: int, c: int) -> int:
        key = (a, b, c)
        literal = self._known.get(key)
        if literal is None:
            literal = self._known[key] = 2 * (self._first + len(self._fanins))
            self._fanins.append(key)
        return literal


def compact_gates(
    like: GateNetlist | GateBuilder, fanins: NDArray[Any], outputs: NDArray[Any], basis: Basis
) -> GateNetlist:
    """Return topologically ordered cells in normal form as a netlist without those that drive nothing.

    It has name and ports of another one.
    """
    first = 1 + total_width(like.input_ports)
    used = mark_cone(fanins, outputs, first)
    used[:first] = True
    literal = 2 * (np.cumsum(used) - 1).astype(np.int32)
    return GateNetlist(
        like.name,
        like.input_ports,
        like.output_ports,
        value_of(literal, fanins[used[first:]]),
        value_of(literal, outputs),
        basis,
    )


def of_netlist(netlist: Netlist, basis: Basis) -> GateNetlist:
    """Return a netlist cell by cell in another basis, without looking for anything better."""
    builder = GateBuilder(netlist.name, netlist.input_ports, netlist.output_ports, basis)
    literals = list(range(0, 2 * netlist.first_cell, 2))
    for fanin in netlist.fanins.tolist():
        a, b, c = (value_of(literals, literal) for literal in fanin)
        literals.append(builder.maj(a, b, c))
    return builder.build([value_of(literals, literal) for literal in netlist.outputs.tolist()])


@numba.njit(cache=True, nogil=True)
def cell_words(fanin: Any, parity: Any, rows: Any, row: Any, target: Any) -> None:
    """Compute the signature of a cell, of literals in any order. Modifies target[row].

    fanin: three literals, int; parity: whether it is one, else a majority; rows: three arrays uint64 ``(nodes,
    words)``, the values for each literal, often the same array; target: the array for the result.
    """
    a, b, c = fanin
    flip_a, flip_b, flip_c = complement_mask(a), complement_mask(b), complement_mask(c)
    rows_a, rows_b, rows_c = rows
    for word in range(target.shape[1]):
        x = rows_a[a >> 1, word] ^ flip_a
        y = rows_b[b >> 1, word] ^ flip_b
        z = rows_c[c >> 1, word] ^ flip_c
        target[row, word] = x ^ y ^ z if parity else majority_of(x, y, z)


@numba.njit(cache=True, nogil=True)
def simulate_gates(fanins: Any, first: Any, values: Any) -> None:
    """Compute the signatures of all cells, topologically ordered. Modifies values, the inputs' rows given.

    fanins: int32 ``(cells, 3)``; values: uint64 ``(nodes, words)``.
    """
    for cell in range(fanins.shape[0]):
        fanin = (fanins[cell, 0], fanins[cell, 1], fanins[cell, 2])
        cell_words(fanin, fanin[0] > fanin[2], (values, values, values), first + cell, values)


def gate_output_words(gates: AnyNetlist, inputs: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the signature of every output bit, ``(output bits, words)`` uint64, for those of the inputs."""
    if len(inputs) != gates.n_inputs:
        raise NetlistError(
            f"{gates.name}: expected {gates.n_inputs} input signatures, got {len(inputs)}"
        )
    values = np.zeros((gates.n_nodes, inputs.shape[1]), dtype=np.uint64)
    values[1 : gates.first_cell] = inputs
    simulate_gates(gates.fanins, gates.first_cell, values)
    flips = np.where(gates.outputs & 1, ~np.uint64(0), np.uint64(0))[:, None]
    found: NDArray[np.uint64] = values[gates.outputs >> 1] ^ flips
    return found
