"""Gates and functions of a few inputs in few majority cells.

The smallest majority forms of every function of three inputs are found by exhaustive search. A form is a chain
of cells over the local nodes 0 (the constant false), 1 to 3 (the inputs) and 4, 5, ... (its own cells in
order), in literals of these. All chains of one, two and three cells are listed; the few other functions need
four. Alternative forms of a function matter if part of one exists already: the sum of a full adder reads
whichever majority is its carry.

A table is a number of eight bits, bit ``v`` the value at the input vector ``v``, input 0 least significant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE, majority_of, value_of
from btfsynth.ports import Port

FORM_INPUTS = 3
"""Inputs of a form; a function of fewer leaves the last ones out."""

FORM_CELLS = 4
"""Cells of the largest form."""

_FIRST = 1 + FORM_INPUTS
_INPUT_TABLES = (0x00, 0xAA, 0xCC, 0xF0)
_FLIPS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
"""Majority is self-dual: other complements of the fan-in are equivalent to these plus an inverter."""


class SmallForms(NamedTuple):
    sizes: NDArray[np.int8]  # ``(256,)``, cells of the smallest forms
    start: NDArray[np.int32]
    """``(257,)``: the forms of table ``t`` are rows ``start[t]`` to ``start[t + 1]``, the shallowest first."""
    cells: NDArray[np.int8]
    """``(forms, FORM_CELLS, 3)``, the literals of each cell; rows past the size are zero."""
    outputs: NDArray[np.int8]  # ``(forms,)``, the literal of the result


_Cells = tuple[tuple[int, int, int], ...]
_Found = dict[int, dict[int, tuple[int, _Cells, int]]]
"""By table and shape: depth, cells and output literal of the first form found, smallest sizes alone."""


class _Shapes:
    """Numbers for chains, the same for those that differ in the order of their cells alone."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, ...], int] = {}
        self._depths = [0] * _FIRST

    def of(self, chain: _Cells) -> tuple[int, int]:
        """Return the number of a chain and its depth."""
        numbers = list(range(_FIRST))
        for cell in chain:
            key = tuple(sorted([2 * numbers[literal >> 1] + (literal & 1) for literal in cell]))
            number = self._numbers.get(key)
            if number is None:
                number = self._numbers[key] = len(self._depths)
                self._depths.append(1 + max([self._depths[part >> 1] for part in key]))
            numbers.append(number)
        return numbers[-1], self._depths[numbers[-1]]


@cache
def small_forms() -> SmallForms:
    """Return the forms; the search takes a fraction of a second, once a process."""
    found: _Found = {}
    shapes = _Shapes()
    for node, table in enumerate(_INPUT_TABLES):
        found[table] = {0: (0, (), 2 * node)}
        found[0xFF ^ table] = {0: (0, (), 2 * node + 1)}
    tables = np.array([_INPUT_TABLES], dtype=np.uint8)
    cells = np.zeros((1, 0, 3), dtype=np.int8)
    for _ in range(1, FORM_CELLS):
        open_ = _open(found)
        tables, cells = _extend(tables, cells)
        for chain in np.flatnonzero(open_[tables[:, -1]]).tolist():
            _record(found, shapes, int(tables[chain, -1]), cells[chain])
    _finish(found, shapes, tables, cells)
    return _pack(found)


def _open(found: _Found) -> NDArray[np.bool_]:
    open_ = np.ones(256, dtype=np.bool_)
    open_[list(found)] = False
    return open_


def _extend(
    tables: NDArray[np.uint8], cells: NDArray[np.int8]
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Add one cell in every way to every chain."""
    more_tables, more_cells = [], []
    for literals, made in _next_cells(tables):
        more_tables.append(np.concatenate([tables, made[:, None]], axis=1))
        column = np.broadcast_to(np.array(literals, dtype=np.int8), (len(cells), 1, 3))
        more_cells.append(np.concatenate([cells, column], axis=1))
    return np.concatenate(more_tables), np.concatenate(more_cells)


def _next_cells(tables: NDArray[np.uint8]) -> Any:
    """Yield every cell over the nodes of the chains, with its tables."""
    for nodes in combinations(range(tables.shape[1]), 3):
        for flips in _FLIPS:
            a, b, c = (
                tables[:, node] ^ np.uint8(0xFF * flip)
                for node, flip in zip(nodes, flips, strict=True)
            )
            literals = tuple(2 * node + flip for node, flip in zip(nodes, flips, strict=True))
            yield literals, majority_of(a, b, c)


def _finish(
    found: _Found, shapes: _Shapes, tables: NDArray[np.uint8], cells: NDArray[np.int8]
) -> None:
    """Find one form of four cells for every table without a form."""
    # Of chains with the same tables the first will do.
    keys = np.zeros((len(tables), 8), dtype=np.uint8)
    keys[:, : tables.shape[1]] = tables
    first = np.sort(np.unique(keys.view(np.uint64), return_index=True)[1])
    tables, cells = np.ascontiguousarray(tables[first].T).T, cells[first]
    for literals, made in _next_cells(tables):
        open_ = _open(found)
        if not open_.any():
            return
        for chain in np.flatnonzero(open_[made]).tolist():
            if int(made[chain]) not in found:
                added = np.array([literals], dtype=np.int8)
                _record(found, shapes, int(made[chain]), np.concatenate([cells[chain], added]))


def _record(found: _Found, shapes: _Shapes, table: int, cells: NDArray[np.int8]) -> None:
    chain: _Cells = tuple(map(tuple, cells.tolist()))
    output = 2 * (_FIRST + len(chain) - 1)
    shape, depth = shapes.of(chain)
    for flip in (0, 1):
        forms = found.setdefault(table ^ 0xFF * flip, {})
        forms.setdefault(shape, (depth, chain, output + flip))


def _pack(found: _Found) -> SmallForms:
    sizes, start, rows, outputs = [], [0], [], []
    for table in range(256):
        chosen = sorted(found[table].values())
        sizes.append(len(chosen[0][1]))
        for _, chain, output in chosen:
            rows.append((*chain, *((0, 0, 0),) * (FORM_CELLS - len(chain))))
            outputs.append(output)
        start.append(len(rows))
    return SmallForms(
        np.array(sizes, dtype=np.int8),
        np.array(start, dtype=np.int32),
        np.array(rows, dtype=np.int8),
        np.array(outputs, dtype=np.int8),
    )


# Gates of any number of inputs, covers, and functions given by their tables, in few majority cells.
#
# Gates are balanced trees. A function of up to six inputs is taken apart by Shannon expansion over the best
# input at every step: a literal splits off as AND, OR or exclusive or, two at a time as a parity of three;
# where one cofactor implies the other a majority joins them, else a multiplexer. Functions of three inputs take
# their smallest form. The cost is that of a tree; parts that occur twice are shared on top of it. A cover of up
# to six inputs is built both by its products and by its table, and the smaller result is kept.
#
# A table is a number, bit ``v`` the value at the input vector ``v``, input 0 least significant.

MAX_TABLE_WIDTH = 6
"""Maximum number of inputs of a function given by its table."""


def and_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the AND of any number of literals, true if there are none."""
    return _tree(builder.and_, literals, TRUE)


def or_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the OR of any number of literals, false if there are none."""
    return _tree(builder.or_, literals, FALSE)


def xor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the parity of any number of literals: three cells for every two more literals."""
    # Three at a time where they are left over: MAJ(!MAJ(a, b, c), MAJ(a, b, !c), c).
    level = list(literals)
    while len(level) > 2:
        level = [_parity(builder, level[start : start + 3]) for start in range(0, len(level), 3)]
    return _parity(builder, level)


def nand_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    return and_gate(builder, literals) ^ 1


def nor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    return or_gate(builder, literals) ^ 1


def xnor_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    return xor_gate(builder, literals) ^ 1


def not_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    return literals[0] ^ 1


def buffer_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    return literals[0]


def majority_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    a, b, c = literals
    return builder.maj(a, b, c)


def mux_gate(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the second literal where the first is true, else the third."""
    choice, high, low = literals
    if high ^ low == 1:
        return builder.xor(choice, low)
    return builder.or_(builder.and_(choice, high), builder.and_(choice ^ 1, low))


def _parity(builder: NetlistBuilder, literals: Sequence[int]) -> int:
    """Return the parity of up to three literals; complements are moved to the result."""
    flip = sum(literal & 1 for literal in literals) & 1
    plain = sorted(literal & ~1 for literal in literals)
    if len(plain) == 3 and FALSE not in plain:
        a, b, c = plain
        return builder.maj(builder.maj(a, b, c) ^ 1, builder.maj(a, b, c ^ 1), c) ^ flip
    result = FALSE
    for literal in plain:
        result = builder.xor(result, literal)
    return result ^ flip


def _tree(join: Callable[[int, int], int], literals: Sequence[int], neutral: int) -> int:
    level = list(literals)
    if not level:
        return neutral
    while len(level) > 1:
        joined = [join(a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = joined + level[2 * len(joined) :]
    return level[0]


def variable_table(variable: int, width: int) -> int:
    """Return the table of one input of a function of `width` inputs."""
    block = ((1 << (1 << variable)) - 1) << (1 << variable)
    period = 2 << variable
    return sum(block << start for start in range(0, 1 << width, period))


def build_function(builder: NetlistBuilder, table: int, literals: Sequence[int]) -> int:
    """Build a function of at most `MAX_TABLE_WIDTH` inputs from its table and return its literal."""
    return _Decomposition(builder, literals).build(table)


class _Decomposition:
    """The best expansion of every table found, and the literals of those built."""

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
        support = self.support(table)
        small, forms = self._small(table, support), small_forms()
        form = int(forms.start[small])
        local = [FALSE] * (1 + FORM_INPUTS)
        for rank, place in enumerate(support):
            local[1 + rank] = self.literals[place]
        self.builder.extend(local, forms.cells[form][: forms.sizes[small]].tolist())
        return value_of(local, int(forms.outputs[form]))


_Recipe = tuple[tuple[tuple[int, int, int], ...], int]
"""Cells and output of a small netlist: node 0 the constant, then the inputs, then the cells."""


def build_cover(
    builder: NetlistBuilder, rows: Sequence[str], on: bool, literals: Sequence[int]
) -> int:
    """Build a sum of products and return its literal.

    A row is one product with a character per input, ``0``, ``1`` or ``-``; `on` is False if the rows are the
    off-set.
    """
    if len(literals) <= MAX_TABLE_WIDTH:
        recipe = _cover_recipe(tuple(rows), on, len(literals))
        return _replay(builder, recipe, literals)
    return _sum_of_products(builder, rows, literals) ^ int(not on)


def table_gate(table: int) -> Callable[[NetlistBuilder, Sequence[int]], int]:
    """Return a gate builder for a function given by its table."""
    return lambda builder, literals: build_table(builder, table, literals)


def build_table(builder: NetlistBuilder, table: int, literals: Sequence[int]) -> int:
    """Build a function of up to six inputs from its table and return its literal; results are cached."""
    return _replay(builder, _table_recipe(table, len(literals)), literals)


def _sum_of_products(builder: NetlistBuilder, rows: Sequence[str], literals: Sequence[int]) -> int:
    products = [
        and_gate(
            builder,
            [
                literal ^ int(mark == "0")
                for mark, literal in zip(row, literals, strict=True)
                if mark != "-"
            ],
        )
        for row in rows
    ]
    return or_gate(builder, products)


def _replay(builder: NetlistBuilder, recipe: _Recipe, literals: Sequence[int]) -> int:
    cells, output = recipe
    local = [0, *literals]
    builder.extend(local, cells)
    return value_of(local, output)


@lru_cache(maxsize=1 << 16)
def _cover_recipe(rows: tuple[str, ...], on: bool, width: int) -> _Recipe:
    ones = (1 << (1 << width)) - 1
    table = 0
    for row in rows:
        product = ones
        for place, mark in enumerate(row):
            if mark != "-":
                variable = variable_table(place, width)
                product &= variable if mark == "1" else ones ^ variable
        table |= product
    by_table = _table_recipe(table if on else table ^ ones, width)
    by_rows = _recipe(
        lambda builder, inputs: _sum_of_products(builder, rows, inputs) ^ int(not on), width
    )
    return min(by_table, by_rows, key=lambda recipe: len(recipe[0]))


@lru_cache(maxsize=1 << 16)
def _table_recipe(table: int, width: int) -> _Recipe:
    return _recipe(lambda builder, inputs: build_function(builder, table, inputs), width)


def _recipe(make: Callable[[NetlistBuilder, Sequence[int]], int], width: int) -> _Recipe:
    """Return the cells and the output that a gate builder makes from `width` inputs, without unused cells."""
    ports = (Port("x", width),) if width else ()
    builder = NetlistBuilder("cover", ports, (Port("y", 1),))
    netlist = builder.build([make(builder, [builder.input(bit) for bit in range(width)])])
    cells = tuple((a, b, c) for a, b, c in netlist.fanins.tolist())
    return cells, int(netlist.outputs[0])
