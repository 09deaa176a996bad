"""The builder: folding, normal form, hashing, dead cells."""

from __future__ import annotations

from itertools import product

import naive
import pytest

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.ports import Port


def make(inputs: int = 3, outputs: int = 1) -> NetlistBuilder:
    return NetlistBuilder("t", [Port("x", inputs)], [Port("y", outputs)])


def test_trivial_majorities_make_no_cell() -> None:
    """MAJ(a, a, b) is a and MAJ(a, !a, b) is b, in every order."""
    builder = make()
    a, b = builder.input(0), builder.input(1)
    for order in ((a, a, b), (a, b, a), (b, a, a)):
        assert builder.maj(*order) == a
    for order in ((a, a ^ 1, b), (a, b, a ^ 1), (b, a ^ 1, a)):
        assert builder.maj(*order) == b
    assert builder.maj(FALSE, TRUE, b) == b
    assert builder.and_(a, FALSE) == FALSE
    assert builder.and_(a, TRUE) == a
    assert builder.or_(a, TRUE) == TRUE
    assert builder.or_(a, FALSE) == a
    assert builder.n_cells == 0


def test_a_cell_is_normal_and_made_once() -> None:
    """All eight polarities of three signals in all orders share four cells, complements moved out."""
    builder = make()
    a, b, c = (builder.input(bit) for bit in range(3))
    made = {}
    for flips in product((0, 1), repeat=3):
        x, y, z = (literal ^ flip for literal, flip in zip((a, b, c), flips, strict=True))
        orders = {builder.maj(*order) for order in ((x, y, z), (z, x, y), (y, z, x), (z, y, x))}
        assert len(orders) == 1
        made[flips] = orders.pop()
    assert builder.n_cells == 4
    for flips, literal in made.items():
        opposite = tuple(1 - flip for flip in flips)
        assert made[opposite] == literal ^ 1  # majority is self-dual
    netlist = builder.build([made[1, 1, 0]])
    assert netlist.fanins.tolist() == [[a, b, c ^ 1]]
    assert netlist.outputs.tolist() == [8 + 1]


@pytest.mark.parametrize(
    ("gate", "cells", "table"),
    [("and_", 1, [0, 0, 0, 1]), ("or_", 1, [0, 1, 1, 1]), ("xor", 3, [0, 1, 1, 0])],
)
def test_gates(gate: str, cells: int, table: list[int]) -> None:
    """AND and OR are one cell, XOR three, with the right truth tables."""
    builder = make(2)
    netlist = builder.build([getattr(builder, gate)(builder.input(0), builder.input(1))])
    assert netlist.n_cells == cells
    assert [row[0] for row in naive.truth_table(netlist)] == table


def test_build_leaves_out_what_drives_nothing() -> None:
    """Cells off every path to an output go, the others keep their order and function."""
    builder = make(3, 2)
    a, b, c = (builder.input(bit) for bit in range(3))
    builder.and_(a, c)
    kept = builder.or_(a, b)
    builder.and_(kept, c)
    top = builder.maj(kept, b, c ^ 1)
    assert builder.n_cells == 4
    netlist = builder.build([top ^ 1, kept])
    assert netlist.fanins.tolist() == [[TRUE, a, b], [b, c ^ 1, 8]]
    assert netlist.outputs.tolist() == [11, 8]


def test_build_of_constants_and_inputs_has_no_cells() -> None:
    """Outputs may be constants and complemented inputs."""
    builder = make(2, 3)
    builder.and_(2, 4)
    netlist = builder.build([TRUE, 5, FALSE])
    assert netlist.n_cells == 0
    assert naive.truth_table(netlist)[2] == [1, 0, 0]


def test_cells_are_taken_back_as_if_they_had_never_been_made() -> None:
    """After a roll-back the same cells are made again with the same literals, and none is found twice."""
    builder = NetlistBuilder("t", [Port("x", 3)], [Port("y", 1)])
    a, b, c = (builder.input(bit) for bit in range(3))
    kept = builder.and_(a, b)
    before = builder.n_cells
    made = [builder.or_(kept, c), builder.maj(a, b, c)]
    builder.roll_back(before)
    assert builder.n_cells == before
    assert builder.and_(a, b) == kept
    assert [builder.maj(a, b, c), builder.or_(kept, c)] == made
    assert builder.fanin(made[0]) == (a, b, c)
    assert builder.fanin(a) is None
    assert builder.n_inputs == 3
