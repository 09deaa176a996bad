"""Functions of up to six inputs, given by their tables, in few majority cells.

Shannon expansion over the best input at every step: a literal splits off as AND, OR or exclusive or, two
at a time as a parity of three; where one cofactor implies the other a majority joins them, else a
multiplexer. Functions of three inputs take their smallest form. The cost is that of a tree; parts that
come twice are shared on top of it.

A table is a number, bit ``v`` the value at the input vector ``v``, input 0 least significant.
"""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.gates import mux_gate, xor_gate
from btfsynth.netlist.forms import FORM_INPUTS, small_forms
from btfsynth.netlist.literals import FALSE

__all__ = [
    "MAX_TABLE_WIDTH",
    "build_function",
    "variable_table",
]

MAX_TABLE_WIDTH = 6
"""Most inputs of a function that is taken apart by its table."""


def variable_table(variable: int, width: int) -> int:
    """Return the table of an input among so many."""
    block = ((1 << (1 << variable)) - 1) << (1 << variable)
    period = 2 << variable
    return sum(block << start for start in range(0, 1 << width, period))


def build_function(builder: NetlistBuilder, table: int, literals: Sequence[int]) -> int:
    """Build a function and return its literal.

    Parameters
    ----------
    builder
        Gets the cells.
    table
        The function.
    literals
        The literal of every input, at most `MAX_TABLE_WIDTH`.
    """
    return _Decomposition(builder, literals).build(table)


class _Decomposition:
    """The best expansion of every table met, and the literals of those built."""

    def __init__(self, builder: NetlistBuilder, literals: Sequence[int]) -> None:
        self.builder = builder
        self.literals = literals
        self.width = len(literals)
        self.ones = (1 << (1 << self.width)) - 1
        self.variables = [variable_table(place, self.width) for place in range(self.width)]
        self.plans: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.built: dict[int, int] = {}

    def cofactors(self, table: int, place: int) -> tuple[int, int]:
        """Return the table with an input false and true, as tables over all inputs."""
        high = table & self.variables[place]
        low = table & ~self.variables[place]
        return low | low << (1 << place), high | high >> (1 << place)

    def support(self, table: int) -> list[int]:
        """Return the inputs that a table depends on."""
        split = [self.cofactors(table, place) for place in range(self.width)]
        return [place for place, (low, high) in enumerate(split) if low != high]

    def plan(self, table: int) -> tuple[int, tuple[int, ...]]:
        """Return the cost in cells and the inputs to expand, none for a small function."""
        table = min(table, table ^ self.ones)
        known = self.plans.get(table)
        if known is None:
            known = self.plans[table] = self._best(table)
        return known

    def _best(self, table: int) -> tuple[int, tuple[int, ...]]:
        support = self.support(table)
        if len(support) <= FORM_INPUTS:
            return int(small_forms().sizes[self._small(table, support)]), ()
        options: list[tuple[int, tuple[int, ...]]] = []
        parity: list[int] = []
        for place in support:
            low, high = self.cofactors(table, place)
            if low == high ^ self.ones:
                parity.append(place)
                options.append((3 + self.plan(low)[0], (place,)))
            else:
                ordered = not low & ~high or not high & ~low
                cost = (1 if ordered else 3) + self.plan(low)[0] + self.plan(high)[0]
                options.append((cost, (place,)))
        if len(parity) > 1:
            rest = self.cofactors(self.cofactors(table, parity[0])[0], parity[1])[0]
            options.append((3 + self.plan(rest)[0], (parity[0], parity[1])))
        return min(options)

    def build(self, table: int) -> int:
        """Return the literal of a table."""
        flip = int(table > table ^ self.ones)
        table = min(table, table ^ self.ones)
        literal = self.built.get(table)
        if literal is None:
            literal = self.built[table] = self._expand(table)
        return literal ^ flip

    def _expand(self, table: int) -> int:
        places = self.plan(table)[1]
        if not places:
            return self._small_form(table)
        low, high = self.cofactors(table, places[0])
        chosen = [self.literals[place] for place in places]
        if len(places) > 1:
            rest = self.cofactors(low, places[1])[0]
            return xor_gate(self.builder, [*chosen, self.build(rest)])
        if low == high ^ self.ones:
            return self.builder.xor(chosen[0], self.build(low))
        if not low & ~high:
            return self.builder.maj(chosen[0], self.build(high), self.build(low))
        if not high & ~low:
            return self.builder.maj(chosen[0] ^ 1, self.build(high), self.build(low))
        return mux_gate(self.builder, [chosen[0], self.build(high), self.build(low)])

    def _small(self, table: int, support: Sequence[int]) -> int:
        """Return a table over its support alone, as eight bits."""
        small = 0
        for vector in range(8):
            at = sum(1 << place for rank, place in enumerate(support) if vector >> rank & 1)
            small |= (table >> at & 1) << vector
        return small

    def _small_form(self, table: int) -> int:
        """Build the smallest form of a function of up to three inputs."""
        support = self.support(table)
        small, forms = self._small(table, support), small_forms()
        form = int(forms.start[small])
        local = [FALSE] * (1 + FORM_INPUTS)
        for rank, place in enumerate(support):
            local[1 + rank] = self.literals[place]
        for cell in forms.cells[form][: forms.sizes[small]].tolist():
            a, b, c = (local[literal >> 1] ^ (literal & 1) for literal in cell)
            local.append(self.builder.maj(a, b, c))
        output = int(forms.outputs[form])
        return local[output >> 1] ^ (output & 1)
