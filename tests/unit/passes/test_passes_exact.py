"""Each pass on netlists made by hand: what it saves, exactly."""

from __future__ import annotations

from dataclasses import replace

import naive
import numpy as np
import pytest
from circuits import array_multiplier
from strategies import complete_reference

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    care_reference,
    count_wrong,
    output_words,
    pack_bits,
    valid_words,
)
from btfsynth.netlist.text import format_netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.base import Pass
from btfsynth.passes.basic import FunctionalHash, Inverters, Strash, Sweep
from btfsynth.passes.resubstitution import Perturbation, Resubstitution
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve


def raw(inputs: int, fanins: list[list[int]], outputs: list[int]) -> Netlist:
    ports = (Port("x", inputs),), (Port("y", len(outputs)),)
    return Netlist("t", *ports, np.array(fanins).reshape(-1, 3), np.array(outputs))


def make(inputs: int, outputs: int) -> tuple[NetlistBuilder, list[int]]:
    builder = NetlistBuilder("t", [Port("x", inputs)], [Port("y", outputs)])
    return builder, [builder.input(bit) for bit in range(inputs)]


def patterns(rows: list[list[int]], targets: list[list[int]]) -> Reference:
    ports = (Port("x", len(rows[0])),), (Port("y", len(targets[0])),)
    return care_reference(Dataset("d", "d", np.array(rows), np.array(targets), *ports))


def check(step: Pass, netlist: Netlist, cells: tuple[int, int]) -> Netlist:
    """Apply a pass to a netlist's own function; assert cells before and after and the function."""
    result = step.apply(netlist, complete_reference(netlist))
    assert (netlist.n_cells, result.n_cells) == cells
    assert naive.truth_table(result) == naive.truth_table(netlist)
    assert result.name == netlist.name
    assert (result.input_ports, result.output_ports) == (netlist.input_ports, netlist.output_ports)
    return result


def test_strash_joins_equal_cells_and_folds() -> None:
    """AND in two orders and as the complement of an OR is one cell; trivial and dead cells go."""
    netlist = raw(
        2,
        [[0, 2, 4], [4, 0, 2], [5, 1, 3], [6, 8, 11], [2, 2, 5], [0, 2, 12], [1, 2, 4]],
        [12, 14, 10],
    )
    result = check(Strash(), netlist, (7, 1))
    assert result.fanins.tolist() == [[0, 2, 4]]
    assert result.outputs.tolist() == [6, 2, 7]


def test_sweep_drops_dead_cells_and_nothing_else() -> None:
    """Cells that feed no output go, the others keep their form."""
    netlist = raw(2, [[4, 2, 0], [1, 3, 5], [8, 6, 3], [7, 0, 5]], [13, 3])
    result = check(Sweep(), netlist, (4, 2))
    assert result.fanins.tolist() == [[4, 2, 0], [7, 0, 5]]
    assert result.outputs.tolist() == [9, 3]


def test_functional_hash_joins_what_structural_hashing_cannot() -> None:
    """An XOR and an XNOR of different structure become three cells and a complement."""
    builder, (a, b) = make(2, 2)
    xnor = builder.or_(builder.and_(a, b), builder.and_(a ^ 1, b ^ 1))
    other = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    netlist = builder.build([xnor, other])
    assert Strash().apply(netlist, complete_reference(netlist)).n_cells == 6
    result = check(FunctionalHash(), netlist, (6, 3))
    assert result.outputs[0] ^ result.outputs[1] == 1


def test_functional_hash_knows_constants_and_inputs() -> None:
    """A cell that is always an input or a constant is that."""
    builder, (a, b) = make(2, 2)
    netlist = builder.build(
        [
            builder.and_(a, builder.or_(a, b)),
            builder.and_(builder.and_(a, b), builder.or_(a, b) ^ 1),
        ]
    )
    result = check(FunctionalHash(), netlist, (4, 0))
    assert result.outputs.tolist() == [a, 0]


def test_functional_hash_uses_the_vectors_that_come() -> None:
    """If a and b are never both on, an XOR is an OR."""
    builder, (a, b) = make(2, 2)
    netlist = builder.build([builder.xor(a, b), builder.or_(a, b)])
    reference = patterns([[0, 0], [1, 0], [0, 1]], [[0, 0], [1, 1], [1, 1]])
    result = FunctionalHash().apply(netlist, reference)
    assert (netlist.n_cells, result.n_cells) == (3, 1)
    assert count_wrong(result, reference) == 0


def test_functional_hash_sees_nothing_past_the_last_vector() -> None:
    """Where b is on, !a | b is always on and !a & b is !a; what fills the word says nothing."""
    netlist = raw(2, [[1, 3, 4], [0, 3, 4]], [6, 8])  # not in the builder's normal form
    result = FunctionalHash().apply(netlist, patterns([[1, 1], [0, 1]], [[1, 0], [1, 1]]))
    assert (result.n_cells, result.outputs.tolist()) == (0, [1, 3])


def test_resubstitution_by_a_signal_uses_what_cannot_be_seen() -> None:
    """In a & xnor(a, b) the XNOR may as well be b: four cells become one, by no new cell."""
    builder, (a, b) = make(2, 1)
    xor = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    netlist = builder.build([builder.and_(a, xor ^ 1)])
    assert FunctionalHash().apply(netlist, complete_reference(netlist)).n_cells == 4
    check(Resubstitution(k=0, patience=0), netlist, (4, 1))


def test_resubstitution_by_a_cell() -> None:
    """(a & b) | (a & c) is a & (b | c), and two ANDs and two ORs are a majority."""
    builder, (a, b, c) = make(3, 1)
    netlist = builder.build([builder.or_(builder.and_(a, b), builder.and_(a, c))])
    check(Resubstitution(k=0, patience=0), netlist, (3, 3))
    check(Resubstitution(k=1, patience=0), netlist, (3, 2))
    builder, (a, b, c) = make(3, 1)
    carry = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
    netlist = builder.build([carry])
    check(Resubstitution(k=0, patience=0), netlist, (4, 4))
    result = check(Resubstitution(k=1, patience=0), netlist, (4, 1))
    assert result.fanins.tolist() == [[a, b, c]]


def test_resubstitution_uses_vectors_that_never_come() -> None:
    """Without the vector (1, 1) an XOR is one cell."""
    builder, (a, b) = make(2, 1)
    netlist = builder.build([builder.xor(a, b)])
    reference = patterns([[0, 0], [1, 0], [0, 1]], [[0], [1], [1]])
    result = Resubstitution(k=0, patience=0).apply(netlist, reference)
    assert (netlist.n_cells, result.n_cells) == (3, 1)
    assert count_wrong(result, reference) == 0


def test_resubstitution_uses_targets_that_do_not_matter() -> None:
    """Masked targets free an output's cells, those of the other output stay."""
    builder, (a, b) = make(2, 2)
    netlist = builder.build([builder.xor(a, b), builder.and_(a, b)])
    full = complete_reference(netlist)
    care = full.care.copy()
    care[0] = 0b0111  # of the XOR the vector (1, 1) does not matter
    reference = Reference(Preserve.CARE, full.inputs, full.targets, care, 4, True)
    result = Resubstitution(k=0, patience=0).apply(netlist, reference)
    assert (netlist.n_cells, result.n_cells) == (3, 2)
    assert [row[1] for row in naive.truth_table(result)] == [0, 0, 0, 1]
    care[:] = 0
    assert Resubstitution(k=0, patience=0).apply(netlist, reference).n_cells == 0


def full_adder() -> Netlist:
    """Sum and carry by the textbook, from ANDs and ORs alone."""
    builder, (a, b, c) = make(3, 2)

    def xor(x: int, y: int) -> int:
        return builder.or_(builder.and_(x, y ^ 1), builder.and_(x ^ 1, y))

    pairs = [builder.and_(a, b), builder.and_(a, c), builder.and_(b, c)]
    triple = builder.and_(builder.or_(a, b), pairs[1])
    carry = builder.or_(builder.or_(pairs[0], triple), pairs[2])
    return builder.build([xor(xor(a, b), c), carry])


def test_the_full_adder_becomes_three_cells() -> None:
    """From thirteen cells to the three that are known to be enough."""
    check(Resubstitution(), full_adder(), (13, 3))


def test_parity_of_three_bits_becomes_three_cells() -> None:
    """Two XORs of three cells each share a majority."""
    builder, (a, b, c) = make(3, 1)
    check(Resubstitution(), builder.build([builder.xor(builder.xor(a, b), c)]), (6, 3))


def test_a_walk_is_the_same_for_a_seed() -> None:
    """Same seed, same netlist; equal-size moves differ between some seeds."""
    netlist = full_adder()
    reference = complete_reference(netlist)
    found = {}
    for seed in (*range(6), *range(6)):
        result = Resubstitution(patience=30, seed=seed).apply(netlist, reference)
        text = result.fanins.tolist(), result.outputs.tolist()
        assert found.setdefault(seed, text) == text
    assert len({str(text) for text in found.values()}) > 1


@pytest.mark.parametrize("seed", [-1, 0, 2**32 + 5, 2**63, 2**64, -(2**70)])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    """Negative and huge seeds are no error."""
    result = Resubstitution(patience=5, seed=seed).apply(
        full_adder(), complete_reference(full_adder())
    )
    assert naive.truth_table(result) == naive.truth_table(full_adder())


def random_netlist(cells: int, inputs: int, seed: int) -> Netlist:
    """A netlist in which each cell takes its fan-in from the forty nodes before it."""
    random = np.random.default_rng(seed)
    fanins = [
        (
            2 * (first + random.choice(node - first, 3, replace=False)) + random.integers(0, 2, 3)
        ).tolist()
        for node in range(1 + inputs, 1 + inputs + cells)
        for first in [max(0, node - 40)]
    ]
    last = 2 * (inputs + cells)
    return raw(inputs, fanins, [last - 2 * output for output in range(12)])


def sampled(netlist: Netlist, vectors: int) -> Reference:
    bits = np.random.default_rng(0).integers(0, 2, (vectors, netlist.n_inputs))
    inputs = pack_bits(bits)
    targets = output_words(netlist, inputs)
    care = np.broadcast_to(valid_words(vectors), targets.shape).copy()
    return Reference(Preserve.CARE, inputs, targets, care, vectors, True)


@pytest.mark.parametrize(("k", "sizes"), [(0, (186, 177, 177, 177)), (1, (186, 177, 176, 176))])
def test_a_netlist_larger_than_the_divisor_limit(k: int, sizes: tuple[int, ...]) -> None:
    """Of 200 cells 186 differ; the more divisors are tried the fewer are left, exactly."""
    netlist = random_netlist(200, 14, 2)
    reference = sampled(netlist, 200)
    assert Strash().apply(netlist, reference).n_cells == 186
    for divisors, size in zip((1, 5, 50, 10**12), sizes, strict=True):
        result = Resubstitution(k=k, patience=0, divisors=divisors).apply(netlist, reference)
        assert count_wrong(result, reference) == 0
        assert result.n_cells == size


def test_the_nearest_divisors_are_enough_for_what_is_near() -> None:
    """In a long chain of links of four cells eight divisors save at least one of each."""
    builder, inputs = make(15, 1)
    at = inputs[0]
    for link in range(60):
        x, y = inputs[1 + link % 14], inputs[1 + (3 * link + 1) % 14]
        at = builder.maj(at, x, builder.or_(builder.and_(at ^ 1, y), builder.and_(at ^ 1, x ^ 1)))
    netlist = builder.build([at])
    reference = sampled(netlist, 4096)
    result = Resubstitution(patience=0, divisors=8).apply(netlist, reference)
    assert count_wrong(result, reference) == 0
    assert netlist.n_cells - result.n_cells >= 60


def full_adder_of_xors() -> Netlist:
    """Sum as two XORs of three cells each, carry as one majority."""
    builder, (a, b, c) = make(3, 2)
    return builder.build([builder.xor(builder.xor(a, b), c), builder.maj(a, b, c)])


@pytest.mark.parametrize(("k", "cells"), [(0, 7), (1, 5), (2, 3)])
def test_two_new_cells_do_what_one_cannot(k: int, cells: int) -> None:
    """sum = MAJ(!carry, c, MAJ(a, b, !c)): the full adder's optimum takes two new cells at once."""
    check(Resubstitution(k=k, patience=0, tries=100), full_adder_of_xors(), (7, cells))


def test_a_spoilt_array_multiplier_comes_down_further() -> None:
    """The 4-bit array of 52 majorities, ANDs and ORs is a dead end of resubstitution, but not the end."""
    array = array_multiplier(4, 4)
    reference = complete_reference(array)
    assert Resubstitution().apply(array, reference).n_cells == 52
    check(Perturbation(), array, (52, 50))


def test_perturbation_leaves_large_netlists_and_samples_alone() -> None:
    """It would take too long, or prove nothing."""
    array = array_multiplier(3, 3)
    assert Perturbation(max_cells=20).apply(array, complete_reference(array)) is array
    assert Perturbation().apply(array, replace(complete_reference(array), complete=False)) is array


def test_perturbation_ends_after_its_work() -> None:
    """A billion rounds are not made; those that fit are made as without the limit."""
    array = array_multiplier(3, 3)
    reference = complete_reference(array)
    ended = Perturbation(rounds=10**9, work=1).apply(array, reference)
    assert ended.n_cells < array.n_cells
    few, all_fit = (Perturbation(rounds=3, work=work).apply(array, reference) for work in (0, 1))
    assert format_netlist(few) == format_netlist(all_fit)


def test_options_out_of_range_are_refused() -> None:
    """k, patience, divisors and tries say what they may be."""
    with pytest.raises(UsageError, match="k: expected 0 to 2, got 3"):
        Resubstitution(k=3)
    for options in ({"patience": -1}, {"divisors": 0}, {"tries": 0}):
        ((name, value),) = options.items()
        with pytest.raises(UsageError, match=f"{name}: expected {value + 1} or more, got {value}"):
            Resubstitution(**options)


@pytest.mark.parametrize(
    ("fanins", "outputs", "before", "after"),
    [
        ([[0, 3, 5]], [9], 3, 0),  # !(!a & !b) is a | b
        ([[0, 3, 4]], [8], 1, 1),  # one is needed
        ([[2, 4, 6], [2, 9, 4]], [11, 8], 2, 2),
        ([[0, 2, 4], [0, 9, 6], [1, 11, 3]], [13], 4, 1),
        ([[3, 5, 7]], [9, 9], 4, 0),
        ([], [3, 3, 5], 2, 2),  # inputs have no cell to flip
    ],
)
def test_inverters_become_so_many(
    fanins: list[list[int]], outputs: list[int], before: int, after: int
) -> None:
    """Exact numbers of inverters; cells, depth and function stay."""
    netlist = raw(3, fanins, outputs)
    result = check(Inverters(), netlist, (len(fanins), len(fanins)))
    old, new = statistics(netlist), statistics(result)
    assert (old.inverters, new.inverters) == (before, after)
    assert (old.cells, old.depth) == (new.cells, new.depth)


def test_inverters_leave_a_netlist_they_cannot_better_alone() -> None:
    """Nothing is flipped without a gain."""
    netlist = raw(2, [[0, 2, 5]], [6])
    assert Inverters().apply(netlist, complete_reference(netlist)) is netlist
