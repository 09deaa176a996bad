"""The netlist's invariants, its figures, and simulation."""

from __future__ import annotations

import naive
import numpy as np
import pytest

from btfsynth.errors import NetlistError
from btfsynth.netlist.netlist import CellKind, Netlist, cell_kind
from btfsynth.netlist.simulation import (
    exhaustive_words,
    output_words,
    pack_bits,
    simulate,
    unpack_bits,
    valid_words,
)
from btfsynth.netlist.views import NetlistStatistics, levels, statistics
from btfsynth.ports import Port

IN, OUT = (Port("x", 2),), (Port("y", 1),)


def test_sizes_follow_from_ports_and_cells() -> None:
    """Nodes are the constant, the input bits and the cells."""
    netlist = Netlist("t", (Port("a", 2), Port("b", 1)), OUT, np.array([[0, 2, 4]]), np.array([8]))
    assert (netlist.n_inputs, netlist.n_outputs, netlist.n_cells) == (3, 1, 1)
    assert (netlist.first_cell, netlist.n_nodes) == (4, 5)


@pytest.mark.parametrize(
    ("fanins", "outputs", "message"),
    [
        ([[0, 2, 6]], [6], "cell 3 does not come after its fan-in"),
        ([[0, 2, 4], [2, 4, 10]], [6], "cell 4 does not come after"),
        ([[0, 2, -2]], [6], "expected fan-in literals from 0 to 2147483647, got -2 to 2"),
        ([[0, 2, 2**32 + 4]], [6], "got 0 to 4294967300"),
        ([[0.0, 2.0, 4.5]], [6], "whole numbers as fan-in literals"),
        ([[0, 2]], [6], r"three literals per cell, got \(1, 2\)"),
        ([0, 2, 4], [6], r"three literals per cell, got \(3,\)"),
        ([[0, 2, 4]], [8], "an output literal is out of range"),
        ([[0, 2, 4]], [-1], "output literals from 0"),
        ([[0, 2, 4]], [6, 6], r"\(2,\) output literals for ports of 1 bits"),
        ([[0, 2, 4]], [], r"\(0,\) output literals for ports of 1 bits"),
    ],
)
def test_what_is_no_netlist_is_refused(fanins: object, outputs: object, message: str) -> None:
    """Every broken invariant is an error that names the netlist."""
    with pytest.raises(NetlistError, match=message) as caught:
        Netlist("thing", IN, OUT, np.array(fanins), np.array(outputs))
    assert str(caught.value).startswith("thing: ")


def test_the_arrays_of_the_caller_stay_their_own() -> None:
    """A netlist freezes copies: writing to the arrays it was made from changes nothing."""
    fanins, outputs = np.array([[0, 2, 4]], dtype=np.int32), np.array([6], dtype=np.int32)
    netlist = Netlist("t", IN, OUT, fanins, outputs)
    fanins[0, 0] = 1
    outputs[0] = 7
    assert (netlist.fanins.tolist(), netlist.outputs.tolist()) == ([[0, 2, 4]], [6])
    for array in (netlist.fanins, netlist.outputs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("fanin", "kind"),
    [([0, 2, 4], CellKind.AND), ([1, 2, 4], CellKind.OR), ([2, 4, 6], CellKind.MAJ)],
)
def test_the_kind_of_a_cell_is_its_constant(fanin: list[int], kind: CellKind) -> None:
    """AND has a false fan-in, OR a true one."""
    assert cell_kind(np.array(fanin, dtype=np.int32)) is kind


def test_statistics_of_a_hand_made_netlist() -> None:
    """Cells by kind, signals used complemented (constants do not count), the longest path."""
    netlist = Netlist(
        "t",
        (Port("x", 3),),
        (Port("y", 3),),
        np.array([[0, 2, 5], [1, 5, 8], [2, 6, 9], [9, 11, 12], [1, 3, 4]]),
        np.array([14, 15, 1]),
    )
    assert statistics(netlist) == NetlistStatistics(
        cells=5,
        and_cells=1,
        or_cells=2,
        maj_cells=2,
        inverters=5,  # of nodes 1, 2, 4, 5 and 7
        depth=3,
    )
    assert levels(netlist).tolist() == [0, 0, 0, 0, 1, 2, 2, 3, 1]


def test_a_cell_with_both_constants_counts_once() -> None:
    """The kinds add up to the cells even where a cell is not folded."""
    netlist = Netlist("t", IN, OUT, np.array([[0, 1, 2]]), np.array([6]))
    found = statistics(netlist)
    assert (found.and_cells, found.or_cells, found.maj_cells, found.cells) == (1, 0, 0, 1)


def test_statistics_without_cells_and_outputs() -> None:
    """The empty netlist costs nothing."""
    netlist = Netlist("t", (), (), np.zeros((0, 3), dtype=np.int32), np.zeros(0, dtype=np.int32))
    assert statistics(netlist) == NetlistStatistics(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("vectors", [1, 63, 64, 65, 130])
def test_packing_puts_vector_v_at_bit_v_of_its_words(vectors: int) -> None:
    """Bit v % 64 of word v // 64 is vector v, the padding is zero, and unpacking undoes it."""
    bits = np.random.default_rng(0).integers(0, 2, (vectors, 3), dtype=np.uint8)
    words = pack_bits(bits)
    assert words.shape == (3, -(-vectors // 64))
    for signal in range(3):
        for vector in range(64 * words.shape[1]):
            bit = int(words[signal, vector // 64]) >> (vector % 64) & 1
            assert bit == (bits[vector, signal] if vector < vectors else 0)
    assert np.array_equal(unpack_bits(words, vectors), bits)


@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (0, 0)])
def test_packing_of_nothing(shape: tuple[int, int]) -> None:
    """No vectors or no signals are packed and unpacked too."""
    words = pack_bits(np.zeros(shape, dtype=np.uint8))
    assert words.shape == (shape[1], -(-shape[0] // 64))
    assert unpack_bits(words, shape[0]).shape == shape


@pytest.mark.parametrize("vectors", [0, 1, 63, 64, 65, 128])
def test_valid_words_have_a_one_a_vector(vectors: int) -> None:
    """As many ones as vectors, the lowest bits."""
    number = sum(int(word) << 64 * place for place, word in enumerate(valid_words(vectors)))
    assert number == (1 << vectors) - 1


@pytest.mark.parametrize("n_inputs", [0, 1, 3, 6, 7, 9])
def test_exhaustive_words_count_with_input_0_fastest(n_inputs: int) -> None:
    """Vector v is the number v, least significant bit first; nothing past the last vector."""
    words = exhaustive_words(n_inputs)
    listed = unpack_bits(words, 1 << n_inputs)
    assert listed.tolist() == naive.all_vectors(n_inputs)
    assert not (words & ~valid_words(1 << n_inputs)).any()


def test_exhaustive_words_have_a_limit() -> None:
    """More vectors than fit in memory are refused."""
    with pytest.raises(NetlistError, match="25 inputs are too many"):
        exhaustive_words(25)


def test_simulation_wants_the_inputs_of_the_netlist() -> None:
    """Another number of signatures is an error with both numbers."""
    netlist = Netlist("t", IN, OUT, np.array([[0, 2, 4]]), np.array([6]))
    with pytest.raises(NetlistError, match="t: expected 2 input signatures, got 3"):
        simulate(netlist, exhaustive_words(3))


def test_simulation_gives_every_node() -> None:
    """Row 0 is false, then the inputs, then the cells, uncomplemented."""
    netlist = Netlist("t", IN, OUT, np.array([[0, 2, 5], [1, 4, 7]]), np.array([9]))
    values = unpack_bits(simulate(netlist, exhaustive_words(2)), 4)
    assert values.T.tolist() == [
        [0, 0, 0, 0],
        [0, 1, 0, 1],
        [0, 0, 1, 1],
        [0, 1, 0, 0],
        [1, 0, 1, 1],
    ]
    assert unpack_bits(output_words(netlist, exhaustive_words(2)), 4).T.tolist() == [[0, 1, 0, 0]]
