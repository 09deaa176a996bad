"""What the learners are made of."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from learn_helpers import make_problem, make_samples, number
from strategies import netlists, networks

from btfsynth.learning.base import (
    AND,
    XOR,
    Budget,
    Features,
    Fit,
    Limits,
    count_ands,
    inlined,
    measure_spectrum,
    new_builder,
)
from btfsynth.learning.boosting import vote
from btfsynth.learning.candidates import measured, with_few_ands, within
from btfsynth.learning.closed_forms import count_digits, solve_gf2
from btfsynth.learning.networks import approximate_network, lower_integers
from btfsynth.learning.trees import grow_tree, lower_tree
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits
from btfsynth.ports import Port


def outputs(netlist, inputs):
    """A netlist's outputs on 0/1 rows."""
    return unpack_bits(output_words(netlist, pack_bits(inputs)), len(inputs))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 20))
def test_gf2_solutions_solve(seed, equations, unknowns):
    """Equations made to have a solution get one that satisfies them."""
    random = np.random.default_rng(seed)
    matrix = random.integers(0, 2, (equations, unknowns), dtype=np.uint8)
    right = matrix @ random.integers(0, 2, unknowns, dtype=np.uint8) % 2
    solution = solve_gf2(matrix, right.astype(np.uint8))
    assert solution is not None
    assert np.array_equal(matrix @ solution % 2, right)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 5))
def test_gf2_says_when_there_is_none(seed, equations, unknowns):
    """None exactly where no assignment of the unknowns satisfies all equations."""
    random = np.random.default_rng(seed)
    matrix = random.integers(0, 2, (equations, unknowns), dtype=np.uint8)
    right = random.integers(0, 2, equations, dtype=np.uint8)
    every = naive.all_vectors(unknowns)
    possible = any(np.array_equal(matrix @ np.array(x) % 2, right) for x in every)
    assert (solve_gf2(matrix, right) is not None) == possible


@given(netlists())
def test_few_ands_keep_the_function(netlist):
    """Rewritten full adders compute what they did."""
    assert naive.truth_table(with_few_ands(netlist)) == naive.truth_table(netlist)


@pytest.mark.parametrize("width", [3, 5, 7, 12])
def test_counters_take_seven_ands_a_full_adder(width):
    """A counter of majorities gets smaller in AND nodes, its function the same."""
    builder = NetlistBuilder("count", (Port("x", width),), (Port("y", width.bit_length()),))
    digits = count_digits(builder, [builder.input(i) for i in range(width)])
    netlist = builder.build(digits)
    inputs = np.array(naive.all_vectors(width), dtype=np.uint8)
    assert np.array_equal(number(outputs(netlist, inputs)), inputs.sum(axis=1))
    rewritten = with_few_ands(netlist)
    assert np.array_equal(outputs(rewritten, inputs), outputs(netlist, inputs))
    assert count_ands(rewritten) <= 7 * (width - 1)
    assert count_ands(rewritten) < count_ands(netlist)


def test_within_rewrites_only_what_is_too_large():
    """A netlist within the limits stays, one that can be brought within is, any other is none."""
    builder = NetlistBuilder("count", (Port("x", 7),), (Port("y", 3),))
    netlist = builder.build(count_digits(builder, [builder.input(i) for i in range(7)]))
    ands = count_ands(netlist)
    assert within(netlist, Limits(netlist.n_cells, ands)) is netlist
    smaller = within(netlist, Limits(1000, ands - 1))
    assert smaller is not None
    assert count_ands(smaller) < ands
    assert within(netlist, Limits(netlist.n_cells, ands - 1)) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans())
def test_trees_are_what_their_multiplexers_are(seed, n_inputs, weighted):
    """Prediction, counts of right samples at every size, and netlist agree; a full tree is exact."""
    random = np.random.default_rng(seed)
    inputs = np.unique(random.integers(0, 2, (40, n_inputs), dtype=np.uint8), axis=0)
    on = random.integers(0, 2, len(inputs)).astype(np.bool_)
    weights = random.random(len(on)) + 0.5 if weighted else None
    tree = grow_tree(inputs, on, weights=weights)
    assert np.array_equal(tree.predict(inputs), on)
    staged = tree.staged_right(inputs, on)
    for leaves in range(1, tree.leaves + 1):
        cut = tree.cut(leaves)
        assert cut.leaves == leaves
        builder = NetlistBuilder("t", (Port("x", n_inputs),), (Port("y", 1),))
        literal = lower_tree(builder, cut, [builder.input(i) for i in range(n_inputs)])
        values = outputs(builder.build([literal]), inputs)[:, 0].astype(np.bool_)
        assert np.array_equal(values, cut.predict(inputs))
        assert int((values == on).sum()) == staged[leaves - 1]


def test_features_are_what_their_gates_are():
    """Columns and literals of composite signals agree."""
    features = Features(3).extended([(AND, 0, 3), (XOR, 2, 6), (AND, 0, 3), (XOR, 8, 4)])
    assert features.count == 6  # the repeated gate counts once
    inputs = np.array(naive.all_vectors(3), dtype=np.uint8)
    builder = NetlistBuilder("f", (Port("x", 3),), (Port("y", 6),))
    netlist = builder.build(features.literals(builder))
    assert np.array_equal(outputs(netlist, inputs), features.columns(inputs))


def test_the_spectrum_finds_inputs_and_their_parity():
    """Only the inputs of the function are significant; what all sets share is told."""
    samples = make_samples(lambda x: x[:, 2] ^ x[:, 5] ^ (x[:, 0] & x[:, 7]), 20, 2000, 1)
    spectrum = measure_spectrum(samples)
    assert spectrum.common() == (2, 5)
    assert sorted(spectrum.relevant()) == [0, 2, 5, 7]


@settings(deadline=None, max_examples=30)
@given(networks())
def test_rounded_networks_are_lowered_as_they_are(network):
    """The netlist computes what the integer neurons say, vector by vector."""
    assume(network.topology.n_inputs > 0)
    inputs = np.array(naive.all_vectors(network.topology.n_inputs), dtype=np.uint8)
    on = network.outputs(inputs)[:, -1].astype(np.bool_)
    rounded = approximate_network(network, inputs, on, 0.0)
    n_inputs = network.topology.n_inputs
    builder = NetlistBuilder("n", (Port("x", n_inputs),), (Port("y", 1),))
    literal = lower_integers(builder, rounded, [builder.input(i) for i in range(n_inputs)])
    values = outputs(builder.build([literal]), inputs)[:, 0]
    for bits, value in zip(inputs.tolist(), values.tolist(), strict=True):
        nodes = [-1, *(2 * bit - 1 for bit in bits)]
        for neuron in rounded.neurons:
            total = sum(w * nodes[i] for i, w in zip(neuron.inputs, neuron.weights, strict=True))
            nodes.append(1 if total > neuron.threshold else -1)
        assert value == (nodes[-1] + 1) // 2


def test_a_vote_is_better_than_its_members():
    """Three circuits wrong in different places make one that is right, within the limits or not at all."""
    problem = make_problem(lambda x: x.sum(axis=1) >= 5, 9, 500)

    def member(left_out):
        builder = new_builder(problem)
        literals = [builder.input(i) for i in range(9) if i not in left_out]
        value = literals[0]
        for a, b in zip(literals[1::2], literals[2::2], strict=True):
            value = builder.maj(value, a, b)
        found = measured(problem, Fit("m", str(left_out), builder.build([value])))
        assert found is not None
        return found

    members = [member(out) for out in ((0, 1), (3, 4), (6, 7), (2, 5), (8, 0))]
    chosen = vote(problem, members)
    assert chosen is not None
    candidate = measured(problem, chosen)
    assert candidate is not None
    assert candidate.valid_right > max(each.valid_right for each in members)
    tight = make_problem(lambda x: x.sum(axis=1) >= 5, 9, 500, Limits(1, 1))
    assert vote(tight, members) is None


def test_the_parity_taken_off_is_added_again():
    """A candidate fitted without a parity is measured with it."""
    problem = make_problem(lambda x: x[:, 0] ^ x[:, 1] ^ x[:, 2], 4)
    builder = new_builder(problem)
    rest = Fit("r", "the rest", builder.build([builder.input(2)]))
    candidate = measured(problem, rest, (0, 1))
    assert candidate is not None
    assert candidate.valid_right == problem.valid.count


def test_inlined_netlists_keep_their_function():
    """A netlist built into another on swapped inputs is the function of the swapped inputs."""
    builder = NetlistBuilder("a", (Port("x", 3),), (Port("y", 1),))
    x, y, z = (builder.input(i) for i in range(3))
    inner = builder.build([builder.or_(builder.and_(x, y ^ 1), z)])
    outer = NetlistBuilder("b", (Port("x", 3),), (Port("y", 1),))
    (literal,) = inlined(outer, inner, [outer.input(i) for i in (2, 1, 0)])
    inputs = np.array(naive.all_vectors(3), dtype=np.uint8)
    assert np.array_equal(outputs(outer.build([literal]), inputs), outputs(inner, inputs[:, ::-1]))


def test_budgets_end():
    """A budget is over at its time; a share ends no later than the whole."""
    assert not Budget().over()
    assert Budget(0.0).over()
    assert Budget(0.0).share(0.5).over()
