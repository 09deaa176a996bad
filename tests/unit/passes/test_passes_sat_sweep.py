"""SAT sweeping: what is merged, how it is proven, and what is left."""

from __future__ import annotations

from dataclasses import replace

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import graph_of, rebuild, sorted_by_level
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    function_reference,
    output_words,
    pack_bits,
    simulate,
    unpack_bits,
)
from btfsynth.netlist.views import statistics
from btfsynth.passes import sat_sweep
from btfsynth.passes.cones import ConeSolver
from btfsynth.passes.sat_sweep import SatSweep, find_equal_signals, random_vectors
from btfsynth.ports import Port


def sample(netlist: Netlist) -> Reference:
    """Its function on vectors that are too few to tell much."""
    return function_reference(
        lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors)),
        netlist.n_inputs,
    )


def full_adder(builder: NetlistBuilder, a: int, b: int, c: int, gates: bool) -> tuple[int, int]:
    if gates:
        either = builder.xor(a, b)
        carry = builder.or_(builder.and_(a, b), builder.and_(c, either))
        return builder.xor(either, c), carry
    carry = builder.maj(a, b, c)
    return builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c), carry


def adders(width: int, *gates: bool) -> Netlist:
    """The same sum several times, of majorities or of gates."""
    builder = NetlistBuilder("t", [Port("a", 2 * width)], [Port("s", len(gates) * (width + 1))])
    outputs = []
    for kind in gates:
        carry = 0
        for bit in range(width):
            x, y = builder.input(bit), builder.input(width + bit)
            total, carry = full_adder(builder, x, y, carry, kind)
            outputs.append(total)
        outputs.append(carry)
    return builder.build(outputs)


@pytest.mark.parametrize("width", [4, 24])
def test_two_adders_of_different_cells_become_one(width: int) -> None:
    """A sum in majorities stands for its twin in gates, every bit; 2 a full adder's cells are gone."""
    netlist = adders(width, False, True)
    result = SatSweep().apply(netlist, sample(netlist))
    alone = adders(width, False)
    assert result.n_cells == alone.n_cells
    assert result.outputs[: width + 1].tolist() == result.outputs[width + 1 :].tolist()
    words = random_vectors(netlist.n_inputs, 40, 9)
    assert np.array_equal(output_words(result, words), output_words(netlist, words))


def test_a_constant_and_a_complement_are_found() -> None:
    """(x y)(!x + z) = x y z; its complement made by De Morgan; x y !(x + y) is false."""
    builder = NetlistBuilder("t", [Port("x", 3)], [Port("y", 4)])
    x, y, z = (builder.input(bit) for bit in range(3))
    outputs = [
        builder.and_(x, builder.and_(y, z)),
        builder.and_(builder.and_(x, y), builder.or_(x ^ 1, z)),
        builder.or_(builder.or_(x ^ 1, z ^ 1), y ^ 1),
        builder.and_(builder.and_(x, y), builder.or_(x, y) ^ 1),
    ]
    netlist = builder.build(outputs)
    result = SatSweep().apply(netlist, complete_reference(netlist))
    first, second, third, fourth = result.outputs.tolist()
    assert (second, third, fourth) == (first, first ^ 1, 0)
    assert result.n_cells == 2


def rare(n_inputs: int) -> Netlist:
    """x1 and x1 except where all inputs are one: told apart by one vector of 2 ** n."""
    builder = NetlistBuilder("t", [Port("x", n_inputs)], [Port("y", 2)])
    every = 1
    for bit in range(n_inputs):
        every = builder.and_(every, builder.input(bit))
    x = builder.input(1)
    return builder.build([builder.and_(x, every ^ 1), builder.and_(x, builder.input(0) ^ 1)])


def test_signals_that_differ_on_one_vector_stay_apart() -> None:
    """Random vectors do not tell them apart; the solver's do."""
    netlist = rare(40)
    hashed = sorted_by_level(rebuild(netlist))
    found = find_equal_signals(hashed, random_vectors(40, 4, 1), 0)
    assert found.substitution.tolist() == (2 * np.arange(hashed.n_nodes)).tolist()
    assert (found.undecided, found.solved > 0) == (0, True)
    assert SatSweep().apply(netlist, sample(netlist)).n_cells == netlist.n_cells


def test_without_vectors_the_solver_decides_alone() -> None:
    """All signals are candidates at first; the same are merged."""
    netlist = sorted_by_level(rebuild(adders(3, False, True)))
    found = find_equal_signals(netlist, np.zeros((6, 0), dtype=np.uint64), 0)
    assert rebuild(netlist, found.substitution).n_cells == adders(3, False).n_cells


def multipliers(width: int) -> Netlist:
    """a b + 0 and b a, whose inner signals have little in common."""
    builder = NetlistBuilder("t", [Port("a", width), Port("b", width)], [Port("p", 4 * width)])
    a = [builder.input(bit) for bit in range(width)]
    b = [builder.input(width + bit) for bit in range(width)]
    outputs = []
    for left, right in ((a, b), (b, a)):
        row = [builder.and_(x, right[0]) for x in left] + [0]
        outputs.append(row[0])
        for y in right[1:]:
            carry, total = 0, []
            for x, known in zip(left, row[1:], strict=True):
                bit, carry = full_adder(builder, builder.and_(x, y), known, carry, False)
                total.append(bit)
            row = [*total, carry]
            outputs.append(row[0])
        outputs += row[1:]
    return builder.build(outputs)


def test_the_conflict_limit_gives_up_and_keeps_the_function() -> None:
    """One conflict decides too little of a product with its operands exchanged; more decide all."""
    netlist = sorted_by_level(rebuild(multipliers(8)))
    words = random_vectors(netlist.n_inputs, 16, 1)
    short = find_equal_signals(netlist, words, 1)
    assert short.undecided > 0
    long = find_equal_signals(netlist, words, 0)
    assert long.undecided == 0
    for found in (short, long):
        result = rebuild(netlist, found.substitution)
        assert np.array_equal(output_words(result, words), output_words(netlist, words))
    assert (
        rebuild(netlist, long.substitution).n_cells < rebuild(netlist, short.substitution).n_cells
    )


@given(netlist=netlists(max_inputs=5, max_cells=30))
@settings(max_examples=100, deadline=None)
def test_no_two_signals_of_the_result_are_equal(netlist: Netlist) -> None:
    """The function is kept, cells and depth do not grow, and every signature occurs once."""
    reference = complete_reference(netlist)
    result = SatSweep(words=1).apply(netlist, reference)
    assert naive.truth_table(result) == naive.truth_table(netlist)
    old, new = statistics(rebuild(netlist)), statistics(result)
    assert new.cells <= old.cells
    assert new.depth <= old.depth
    values = unpack_bits(simulate(result, reference.inputs), reference.vectors).T
    keys = {bytes(row ^ row[0]) for row in values}
    assert len(keys) == result.n_nodes
    again = SatSweep(words=1).apply(netlist, reference)
    assert np.array_equal(again.fanins, result.fanins)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sat_sweep, "_FEW", 0)  # goes through the classes even if all signals differ
        again = SatSweep(words=1).apply(netlist, reference)
    assert np.array_equal(again.fanins, result.fanins)


def test_where_all_signals_differ_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither equal nor complemented signals: no class, no kernel."""
    ports = (Port("x", 4),), (Port("y", 2),)
    rows = np.array([[0, 2, 4], [2, 6, 8], [1, 10, 13]])
    netlist = Netlist("t", *ports, rows, np.array([14, 11]))

    def search(*_: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(sat_sweep, "find_equal_signals", search)
    result = SatSweep().apply(netlist, complete_reference(netlist))
    assert result.fanins.tolist() == sorted_by_level(rebuild(netlist)).fanins.tolist()
    rows = np.array([[0, 2, 4], [0, 6, 10], [0, 4, 6], [0, 2, 14]])
    twice = Netlist("t", *ports, rows, np.array([12, 16]))
    with pytest.raises(AssertionError, match="searched"):
        SatSweep().apply(twice, complete_reference(twice))


@given(netlist=netlists(max_inputs=4, max_cells=20))
@settings(max_examples=60, deadline=None)
def test_the_solver_compares_as_the_truth_tables_do(netlist: Netlist) -> None:
    """Every pair of signals, constants and inputs among them; a vector tells a pair apart."""
    hashed = rebuild(netlist)
    reference = complete_reference(hashed)
    values = unpack_bits(simulate(hashed, reference.inputs), reference.vectors).T
    solver = ConeSolver(graph_of(hashed.fanins, hashed.first_cell), 0)
    for a in range(hashed.n_nodes):
        for b in range(max(0, a - 4), hashed.n_nodes):
            equal, vector = solver.compare(2 * a, 2 * b + 1)
            assert equal == (values[a] != values[b]).all()
            if vector is not None:
                place = int(np.dot(vector, 1 << np.arange(len(vector))))
                assert values[a][place] == values[b][place]
    solver.close()


def test_a_complete_reference_is_not_needed() -> None:
    """It keeps the whole function even where the reference lists one vector."""
    netlist = adders(3, False, True)
    full = complete_reference(netlist)
    one = replace(
        full, inputs=full.inputs[:, :1] & np.uint64(1), care=full.care & np.uint64(1), vectors=1
    )
    result = SatSweep().apply(netlist, one)
    assert naive.truth_table(result) == naive.truth_table(netlist)


@pytest.mark.parametrize("options", [{"conflicts": -1}, {"words": 0}, {"seed": -1}])
def test_options_out_of_range_are_usage_errors(options: dict[str, int]) -> None:
    """What would be right."""
    ((name, value),) = options.items()
    with pytest.raises(
        UsageError, match=f"sat_sweep: {name}: expected {value + 1} or more, got {value}"
    ):
        SatSweep(**options)
