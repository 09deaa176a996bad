"""Netlists with parities: normal form, folding, expansion, refusals."""

from __future__ import annotations

from itertools import product

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.errors import NetlistError
from btfsynth.netlist.gates import (
    GateBuilder,
    GateNetlist,
    cell_words,
    gate_output_words,
    of_netlist,
    read_cells,
)
from btfsynth.netlist.simulation import pack_bits, unpack_bits
from btfsynth.ports import Port
from btfsynth.settings.table import Basis

BASES = list(Basis)


def builder(basis: Basis, inputs: int = 3) -> GateBuilder:
    """A builder over one port of inputs and one output."""
    return GateBuilder("g", [Port("x", inputs)], [Port("y", 1)], basis)


@given(netlists(max_inputs=4, max_cells=8), st.sampled_from(BASES))
def test_a_netlist_cell_by_cell_computes_the_same(netlist, basis):
    """In every basis, by the naive evaluator, and so does its expansion."""
    gates = of_netlist(netlist, basis)
    expected = naive.truth_table(netlist)
    assert naive.gate_table(gates) == expected
    assert naive.truth_table(gates.expanded()) == expected
    vectors = np.array(list(naive.all_vectors(netlist.n_inputs)), dtype=np.uint8)
    vectors = vectors.reshape(len(expected), netlist.n_inputs)
    words = gate_output_words(gates, pack_bits(vectors))
    assert unpack_bits(words, len(vectors)).tolist() == expected


@given(st.lists(st.integers(0, 9), min_size=3, max_size=3), st.sampled_from(BASES), st.booleans())
def test_cells_of_any_literals(literals, basis, parity):
    """Complements, constants and equal signals are folded; the sum of the kinds is the number of cells."""
    made = builder(basis, 4)
    result = made.xor(*literals) if parity else made.maj(*literals)
    gates = made.build([result])
    for vector, (found,) in zip(naive.all_vectors(4), naive.gate_table(gates), strict=True):
        ones = sum((0, *vector)[literal // 2] ^ literal % 2 for literal in literals)
        assert found == (ones % 2 if parity else int(ones >= 2))
    assert sum(gates.kinds.values()) == gates.n_cells
    assert gates.kinds["maj"] + gates.kinds["xor3"] == 0 or basis.three
    assert gates.kinds["xor"] + gates.kinds["xor3"] == 0 or basis.parities


@pytest.mark.parametrize(
    ("basis", "majority", "parity"),
    [(Basis.MAJ, 1, 6), (Basis.XMG, 1, 1), (Basis.AIG, 4, 6), (Basis.XAG, 4, 2)],
)
def test_what_a_cell_costs(basis, majority, parity):
    """Cells of a majority and of a parity of three, put together plainly."""
    made = builder(basis)
    assert made.build([made.maj(2, 4, 6)]).n_cells == majority
    made = builder(basis)
    assert made.build([made.xor(2, 4, 6)]).n_cells == parity


def test_the_signature_of_a_cell_of_any_literals():
    """In any order, two of them equal or each other's complement, as while a signal replaces another."""
    values = np.array([[0], [0b0011], [0b0101]], dtype=np.uint64)
    target = np.zeros((1, 1), dtype=np.uint64)
    for fanin in product(range(6), repeat=3):
        words = [int(values[literal >> 1, 0]) ^ 15 * (literal & 1) for literal in fanin]
        for parity in (0, 1):
            cell_words(fanin, parity, (values, values, values), 0, target)
            x, y, z = words
            assert int(target[0, 0]) & 15 == (x ^ y ^ z if parity else x & y | x & z | y & z)


def test_cells_are_shared():
    """Complements of a parity and the order of its literals make no second cell."""
    made = builder(Basis.XMG)
    assert made.xor(2, 4, 6) == made.xor(7, 2, 5)
    assert made.xor(2, 4) == made.xor(4, 3) ^ 1
    assert made.n_cells == 2
    assert [list(cell) for cell in read_cells(made.build([8, 10][:1]))] == [["xor", [6, 4, 2]]]


@pytest.mark.parametrize(
    ("fanin", "basis", "message"),
    [
        ((2, 4, 4), Basis.XMG, "cell 4 is not in normal form"),
        ((4, 2, 6), Basis.XMG, "cell 4 is not in normal form"),
        ((3, 5, 6), Basis.XMG, "cell 4 is not in normal form"),
        ((6, 4, 3), Basis.XMG, "cell 4 is not in normal form"),
        ((6, 4, 2), Basis.XAG, "cell 4 is not a cell of xag"),
        ((2, 4, 6), Basis.XAG, "cell 4 is not a cell of xag"),
        ((4, 2, 0), Basis.AIG, "cell 4 is not a cell of aig"),
        ((4, 2, 0), Basis.MAJ, "cell 4 is not a cell of maj"),
        ((2, 4, 8), Basis.XMG, "cell 4 does not come after its fan-in"),
    ],
)
def test_what_is_refused(fanin, basis, message):
    """Cells that are not in normal form or not of the basis."""
    with pytest.raises(NetlistError, match=message):
        GateNetlist("g", (Port("x", 3),), (Port("y", 1),), np.array([fanin]), np.array([8]), basis)


def test_parities_are_no_netlist_of_majorities():
    """Where there are none the cells are taken over as they are."""
    made = builder(Basis.XAG)
    with pytest.raises(NetlistError, match="has no parities"):
        made.build([made.xor(2, 4)]).as_netlist()
    made = builder(Basis.AIG)
    gates = made.build([made.maj(0, 2, 4)])
    assert gates.as_netlist().fanins.tolist() == gates.fanins.tolist() == [[0, 2, 4]]
