"""Rewriting and resubstitution over every basis: functions kept, exact sizes of small circuits."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from circuits import AND_ADDERS, array_multiplier, majority_adder
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.exact.table import load_table, npn_classes
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.functions import build_table, xor_gate
from btfsynth.netlist.gates import gate_output_words, of_netlist
from btfsynth.netlist.kernels import random_state
from btfsynth.netlist.simulation import exhaustive_words, function_reference, output_words
from btfsynth.passes.collapse import Detour
from btfsynth.passes.gate_resub import find_windows, resubstituted, windowed
from btfsynth.passes.gate_search import GateEffort, find_smallest, rewritten
from btfsynth.ports import Port
from btfsynth.settings.table import Basis

BASES = [Basis.XMG, Basis.AIG, Basis.XAG, Basis.MAJ]
FEW = GateEffort(rounds=3)


def same(gates, netlist) -> bool:
    """Whether both give the same outputs on every input vector."""
    words = exhaustive_words(netlist.n_inputs)
    mask = np.uint64((1 << (1 << min(netlist.n_inputs, 6))) - 1)
    return bool(
        (((gate_output_words(gates, words) ^ output_words(netlist, words)) & mask) == 0).all()
    )


@settings(max_examples=40)
@given(netlists(), st.sampled_from(BASES), st.booleans(), st.integers(0, 9))
def test_sweeps_keep_the_function(netlist, basis, walk, seed):
    """By the naive evaluator, with forms of equal size as well; a sweep without them never adds a cell."""
    gates = of_netlist(netlist, basis)
    made = rewritten(of_netlist(netlist, Basis.MAJ), basis, walk, random_state(seed))
    assert naive.gate_table(made) == naive.truth_table(netlist)
    again = rewritten(gates, basis, False, random_state(seed))
    assert again.n_cells <= gates.n_cells
    assert naive.gate_table(again) == naive.truth_table(netlist)


@settings(max_examples=40)
@given(netlists(), st.sampled_from(BASES), st.integers(0, 2), st.sampled_from([0, 200]))
def test_resubstitution_keeps_the_function(netlist, basis, k, patience):
    """With any number of new cells, walking or not, and never more cells."""
    gates = of_netlist(netlist, basis)
    made = resubstituted(gates, k, patience, random_state(1))
    assert naive.gate_table(made) == naive.truth_table(netlist)
    assert made.n_cells <= gates.n_cells


@pytest.mark.parametrize("basis", [Basis.XAG, Basis.XMG])
def test_walks_keep_the_function(basis):
    """Many replacements in a row, by signals among others, so that a parity may read one twice."""
    netlist = array_multiplier(3, 3, AND_ADDERS[0])
    for seed in range(12):
        random = random_state(seed)
        gates = rewritten(of_netlist(netlist, Basis.MAJ), basis, True, random)
        made = resubstituted(gates, 1, 60 * gates.n_cells, random)
        assert same(made, netlist)


def popcount(inputs: int):
    """A population count of full adders, the carries rippled."""
    width = inputs.bit_length()
    builder = NetlistBuilder("popcount", [Port("x", inputs)], [Port("y", width)])
    columns = [[builder.input(bit) for bit in range(inputs)]] + [[] for _ in range(width)]
    for place in range(width):
        column = columns[place]
        while len(column) > 1:
            a, b, c = (*column[:3], 0)[:3]
            del column[:3]
            total, carry = majority_adder(builder, a, b, c)
            column.append(total)
            columns[place + 1].append(carry)
    return builder.build([column[0] if column else 0 for column in columns[:width]])


def parity(inputs: int):
    """The parity of some inputs."""
    builder = NetlistBuilder("parity", [Port("x", inputs)], [Port("y", 1)])
    return builder.build([xor_gate(builder, [builder.input(bit) for bit in range(inputs)])])


@pytest.mark.parametrize(
    ("netlist", "sizes"),
    [
        (popcount(3), (2, 7, 5)),
        (popcount(7), (8, 28, 20)),
        (parity(5), (2, 12, 4)),
        (array_multiplier(2, 2, AND_ADDERS[0]), (7, 8, 7)),
    ],
    ids=["full adder", "popcount of 7", "parity of 5", "multiplier of 2 bits"],
)
def test_sizes_of_known_circuits(netlist, sizes):
    """XMG, AIG and XAG: the smallest known ones."""
    for basis, size in zip((Basis.XMG, Basis.AIG, Basis.XAG), sizes, strict=True):
        made = find_smallest([netlist], basis, FEW)
        assert same(made, netlist)
        assert made.n_cells == size


def test_a_multiplier_of_three_bits():
    """From the textbook array; the best and-inverter graph of the contests has 33 nodes."""
    netlist = array_multiplier(3, 3, AND_ADDERS[0])
    for basis, size in ((Basis.XMG, 22), (Basis.AIG, 35), (Basis.XAG, 26)):
        made = find_smallest([netlist], basis, FEW)
        assert same(made, netlist)
        assert made.n_cells <= size


def test_large_netlists_are_swept():
    """More inputs than can be simulated: forms alone, and a seed gives one result."""
    netlist = array_multiplier(9, 9, AND_ADDERS[0])
    assert netlist.n_inputs == 18
    made = find_smallest([netlist], Basis.XMG, FEW)
    assert made.n_cells < netlist.n_cells // 2
    assert made.fanins.tolist() == find_smallest([netlist], Basis.XMG, FEW).fanins.tolist()
    vectors = np.random.default_rng(0).integers(0, 2**63, (18, 4)).astype(np.uint64)
    assert (gate_output_words(made, vectors) == output_words(netlist, vectors)).all()


@pytest.mark.parametrize("shift", [0, 5])
def test_windows_keep_the_function(shift):
    """Every window reads what comes before it, none has a cell of another, and fewer cells compute the same."""
    netlist = array_multiplier(5, 5, AND_ADDERS[1])
    gates = of_netlist(netlist, Basis.AIG)
    windows = find_windows(gates, shift)
    cells = [cell for window in windows for cell in window.cells]
    assert len(cells) == len(set(cells)) > gates.n_cells // 2
    for window in windows:
        assert window.leaves[-1] < window.cells[0]
        assert set(window.outputs) <= set(window.cells)
        read = set((gates.fanins[np.array(window.cells) - gates.first_cell] >> 1).ravel().tolist())
        assert read <= {0, *window.leaves, *window.cells}
    made = windowed(gates, random_state(1), shift)
    assert same(made, netlist)
    assert made.n_cells < gates.n_cells


@settings(max_examples=30)
@given(netlists(max_inputs=6, max_cells=40), st.sampled_from(BASES), st.integers(0, 50))
def test_windows_of_random_netlists(netlist, basis, shift):
    """By the naive evaluator."""
    gates = of_netlist(netlist, basis)
    made = windowed(gates, random_state(1), shift)
    assert naive.gate_table(made) == naive.truth_table(netlist)
    assert made.n_cells <= gates.n_cells


def test_a_detour_finds_what_majorities_do_not():
    """A priority circuit whose grants are given as separate products, and never a larger netlist."""
    builder = NetlistBuilder("grant", [Port("x", 8)], [Port("y", 8)])
    inputs = [builder.input(bit) for bit in range(8)]
    grants = []
    for place in range(8):
        grant = inputs[place]
        for other in range(place):
            grant = builder.and_(grant, inputs[other] ^ 1)
        grants.append(grant)
    netlist = builder.build(grants)
    reference = function_reference(lambda vectors: naive_rows(netlist, vectors), 8)
    made = Detour().apply(netlist, reference)
    assert netlist.n_cells == 28
    assert made.n_cells == 13
    assert naive.truth_table(made) == naive.truth_table(netlist)


def naive_rows(netlist, vectors):
    """The outputs for rows of bits."""
    return np.array([naive.netlist_bits(netlist, row) for row in vectors], dtype=np.uint8)


def test_no_inputs_and_no_cells():
    """Constants and wires have nothing to search."""
    builder = NetlistBuilder("wire", [Port("x", 1)], [Port("y", 2)])
    made = find_smallest([builder.build([1, 3])], Basis.XAG)
    assert made.outputs.tolist() == [1, 3]


@pytest.mark.parametrize("basis", [Basis.AIG, Basis.XAG, Basis.MAJ])
@pytest.mark.parametrize(
    "table", [0x8888, 0xF888, 0x6666, 0x9696, 0xE8E8, 0x7888, 0x8778, 0x17E8, 0xCACA]
)
def test_what_two_cells_can_do_is_found(basis, table):
    """A function that is built far too large comes down to its smallest size if that is one or two."""
    size = load_table(basis)[npn_classes().number[table]].cells
    builder = NetlistBuilder("f", [Port("x", 4)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(4)]
    gates = of_netlist(builder.build([build_table(builder, table, inputs)]), basis)
    made = resubstituted(gates, 2, 0, random_state(1), tries=1000)
    assert naive.gate_table(made) == naive.gate_table(gates)
    if size <= 2:
        assert made.n_cells == size
