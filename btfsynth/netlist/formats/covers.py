"""Covers: sums of products, as in BLIF and PLA files, in majority cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.functions import MAX_TABLE_WIDTH, build_function, variable_table
from btfsynth.netlist.formats.gates import and_gate, or_gate
from btfsynth.ports import Port

__all__ = [
    "build_cover",
    "build_table",
]

_Recipe = tuple[tuple[tuple[int, int, int], ...], int]
"""Cells and output of a small netlist: node 0 the constant, then the inputs, then the cells."""


def build_cover(
    builder: NetlistBuilder, rows: Sequence[str], on: bool, literals: Sequence[int]
) -> int:
    """Build a sum of products and return its literal.

    Up to six inputs the function is also taken apart by its table, and the smaller result is taken;
    wider covers are balanced trees.

    Parameters
    ----------
    builder
        Gets the cells.
    rows
        One product a row, a character an input: ``0``, ``1`` or ``-``.
    on
        Whether the rows say where the function is true; else where it is false.
    literals
        The literal of every input.
    """
    if len(literals) <= MAX_TABLE_WIDTH:
        recipe = _cover_recipe(tuple(rows), on, len(literals))
        return _replay(builder, recipe, literals)
    return _sum_of_products(builder, rows, literals) ^ int(not on)


def build_table(builder: NetlistBuilder, table: int, literals: Sequence[int]) -> int:
    """Build a function of up to six inputs from its table (see `functions`) and return its literal."""
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
    for x, y, z in cells:
        local.append(
            builder.maj(local[x >> 1] ^ (x & 1), local[y >> 1] ^ (y & 1), local[z >> 1] ^ (z & 1))
        )
    return local[output >> 1] ^ (output & 1)


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
    """Return what a builder makes of so many inputs, without what it made in vain."""
    ports = (Port("x", width),) if width else ()
    builder = NetlistBuilder("cover", ports, (Port("y", 1),))
    netlist = builder.build([make(builder, [builder.input(bit) for bit in range(width)])])
    cells = tuple((a, b, c) for a, b, c in netlist.fanins.tolist())
    return cells, int(netlist.outputs[0])
