"""Build a netlist cell by cell with hashing and folding, or from truth tables.

A table is built as a decision diagram, whose size is bounded for any function. If one cofactor can imply the
other, a majority joins them, and their don't-cares are set so that the implication holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.netlist import FALSE, TRUE, Netlist, value_of
from btfsynth.ports import Port, total_width


class NetlistBuilder:
    """Builder through which all netlists are made.

    Every cell is brought to a normal form (sorted fan-in, at most one complemented literal: majority is
    self-dual, so two or three complements become one or none on the fan-in and one on the result), ``MAJ(a,
    a, b) = a`` and ``MAJ(a, !a, b) = b`` are folded, and an existing cell is reused.
    """

    def __init__(
        self, name: str, input_ports: Sequence[Port], output_ports: Sequence[Port]
    ) -> None:
        self.name = name
        self.input_ports = tuple(input_ports)
        self.output_ports = tuple(output_ports)
        self._first_cell = 1 + total_width(input_ports)
        self._fanins: list[tuple[int, int, int]] = []
        self._hash: dict[tuple[int, int, int], int] = {}

    @property
    def n_inputs(self) -> int:
        return self._first_cell - 1

    @property
    def n_cells(self) -> int:
        return len(self._fanins)

    def input(self, bit: int) -> int:
        return 2 * (1 + bit)

    def maj(self, a: int, b: int, c: int) -> int:
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
        flip = (a & 1) + (b & 1) + (c & 1) > 1
        if flip:
            a, b, c = a ^ 1, b ^ 1, c ^ 1
        first, second, third = sorted((a, b, c))
        key = (first, second, third)
        literal = self._hash.get(key)
        if literal is None:
            literal = 2 * (self._first_cell + len(self._fanins))
            self._fanins.append(key)
            self._hash[key] = literal
        return literal ^ int(flip)

    def extend(self, literals: list[int], cells: Iterable[Sequence[int]]) -> None:
        """Append the literals of cells to those of nodes; the cells' fan-in is numbered by these nodes."""
        for cell in cells:
            a, b, c = (value_of(literals, literal) for literal in cell)
            literals.append(self.maj(a, b, c))

    def and_(self, a: int, b: int) -> int:
        return self.maj(FALSE, a, b)

    def or_(self, a: int, b: int) -> int:
        return self.maj(TRUE, a, b)

    def xor(self, a: int, b: int) -> int:
        return self.and_(self.or_(a, b), self.and_(a, b) ^ 1)

    def fanin(self, literal: int) -> tuple[int, int, int] | None:
        """Return the three literals that the cell of a literal reads, None for an input or a constant."""
        cell = (literal >> 1) - self._first_cell
        return self._fanins[cell] if cell >= 0 else None

    def roll_back(self, n_cells: int) -> None:
        """Forget the cells from number `n_cells` on; literals of them become invalid."""
        for key in self._fanins[n_cells:]:
            del self._hash[key]
        del self._fanins[n_cells:]

    def build(self, outputs: Sequence[int]) -> Netlist:
        """Return the netlist of these literals, one per output bit, without cells that drive nothing."""
        first = self._first_cell
        used = [False] * len(self._fanins)
        for literal in outputs:
            if literal >> 1 >= first:
                used[(literal >> 1) - first] = True
        for cell in range(len(self._fanins) - 1, -1, -1):
            if used[cell]:
                for literal in self._fanins[cell]:
                    if literal >> 1 >= first:
                        used[(literal >> 1) - first] = True
        renumber = list(range(first))
        kept: list[tuple[int, int, int]] = []
        for cell, fanin in enumerate(self._fanins):
            renumber.append(first + len(kept))
            if used[cell]:
                a, b, c = (2 * renumber[literal >> 1] + (literal & 1) for literal in fanin)
                kept.append((a, b, c))
        return Netlist(
            self.name,
            self.input_ports,
            self.output_ports,
            np.array(kept, dtype=np.int32).reshape(-1, 3),
            np.array(
                [2 * renumber[literal >> 1] + (literal & 1) for literal in outputs], dtype=np.int32
            ),
        )


_UNKNOWN = 2


def make_table(inputs: NDArray[np.uint8], on: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return ``(2 ** inputs,)`` uint8: 0, 1, or 2 without a vector.

    `inputs` is ``(vectors, inputs)`` 0/1, the first input least significant in the index; `on`
    ``(vectors,)``.
    """
    width = inputs.shape[1]
    table = np.full(1 << width, _UNKNOWN, dtype=np.uint8)
    table[inputs.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))] = on
    return table


def lower_table(builder: NetlistBuilder, table: NDArray[np.uint8], literals: Sequence[int]) -> int:
    """Build a table and return its literal: one cell per ordered cofactor pair, three per multiplexer."""
    known: dict[bytes, int] = {}

    def lower(table: NDArray[np.uint8]) -> int:
        if not np.any(table == 0):
            return TRUE
        if not np.any(table == 1):
            return FALSE
        key = table.tobytes()
        if key in known:
            return known[key]
        half = len(table) // 2
        x = literals[half.bit_length() - 1]
        low, high = table[:half], table[half:]
        if np.all((low == high) | (low == _UNKNOWN) | (high == _UNKNOWN)):
            literal = lower(np.minimum(low, high))
        elif not np.any((low == 1) & (high == 0)):
            f0, f1 = lower(np.where(high == 0, high, low)), lower(np.where(low == 1, low, high))
            literal = builder.maj(x, f1, f0)
        elif not np.any((high == 1) & (low == 0)):
            f0, f1 = lower(np.where(high == 1, high, low)), lower(np.where(low == 0, low, high))
            literal = builder.maj(x ^ 1, f1, f0)
        else:
            f0, f1 = lower(low), lower(high)
            literal = builder.or_(builder.and_(x, f1), builder.and_(x ^ 1, f0))
        known[key] = literal
        return literal

    return lower(table)
