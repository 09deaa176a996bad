"""One neuron: weights to a threshold function, a threshold function or a table to cells."""

from __future__ import annotations

from itertools import pairwise, product

import naive
import numpy as np
import pytest

from btfsynth.lower.cheapest import diagram_orders, lower_diagram
from btfsynth.lower.threshold import (
    ThresholdFunction,
    pseudo_boolean,
    reduce_exactly,
    reduce_on_vectors,
)
from btfsynth.netlist.builder import NetlistBuilder, lower_table, make_table
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.ports import Port


def all_signs(inputs: int) -> np.ndarray:
    return np.array(naive.all_vectors(inputs), dtype=np.int8).reshape(-1, inputs) * 2 - 1


def on_all_vectors(weights: list[float], bias: float) -> ThresholdFunction | None:
    values = all_signs(len(weights))
    return reduce_on_vectors(np.array(weights), values, values @ np.array(weights) + bias > 0)


@pytest.mark.parametrize(
    ("weights", "bias", "expected"),
    [
        ([0.1, 3.0, -0.2, 0.05], 0.0, ThresholdFunction((1,), (1,), -1)),  # a wire
        ([0.1, -3.0, 0.2], 0.1, ThresholdFunction((1,), (-1,), -1)),  # an inverter
        ([1.0, 0.04, 1.1], -1.0, ThresholdFunction((0, 2), (1, 1), 0)),  # AND
        ([1.0, 0.04, 1.1], 1.0, ThresholdFunction((0, 2), (1, 1), -2)),  # OR
        ([1.0, 0.9, -1.1], 0.05, ThresholdFunction((0, 1, 2), (1, 1, -1), -1)),  # MAJ
        ([1.0, 0.9, 1.1, 0.95, 1.05], 0.0, ThresholdFunction((0, 1, 2, 3, 4), (1,) * 5, -1)),
        ([2.1, 0.9, 1.0], 1.0, ThresholdFunction((0, 1, 2), (2, 1, 1), -2)),  # a | (b & c)
        ([0.1, 0.2], 5.0, ThresholdFunction((), (), -1)),  # true
        ([0.1, 0.2], -5.0, ThresholdFunction((), (), 0)),  # false
    ],
)
def test_noise_is_dropped_and_small_integers_are_left(
    weights: list[float], bias: float, expected: ThresholdFunction
) -> None:
    """The exact inputs, weights and threshold of functions hidden in real weights."""
    assert on_all_vectors(weights, bias) == expected


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_the_scale_of_the_weights_does_not_matter(scale: float) -> None:
    """Very small and very large weights lose the same inputs."""
    weights = [scale * weight for weight in (1.0, 0.04, 1.1)]
    assert on_all_vectors(weights, -scale) == ThresholdFunction((0, 2), (1, 1), 0)


def test_vectors_that_never_come_do_not_count() -> None:
    """An AND of two inputs that are never apart is a wire; one vector of each kind needs one input."""
    values = np.array([[-1, -1, 1], [1, 1, -1], [1, 1, 1], [-1, -1, -1]], dtype=np.int8)
    found = reduce_on_vectors(np.array([1.0, 1.1, 0.2]), values, values[:, 0] > 0)
    assert found == ThresholdFunction((1,), (1,), -1)


def test_vectors_given_twice_count_once() -> None:
    """Repeating vectors changes nothing."""
    values = np.repeat(all_signs(3), 5, axis=0)
    weights = np.array([1.0, 0.9, 1.1])
    assert reduce_on_vectors(weights, values, values @ weights > 0) == ThresholdFunction(
        (0, 1, 2), (1, 1, 1), -1
    )


def test_weights_that_no_small_integers_replace_are_kept() -> None:
    """A comparison needs powers of two: beyond 8 the weights stay as they are, exactly."""
    weights = [1.0, 2.0, 4.0, 8.0, 16.0]
    found = on_all_vectors(weights, -9.0)
    assert found is not None
    assert found.inputs == (0, 1, 2, 3, 4)
    for bits in naive.all_vectors(5):
        total = sum(w if bit else -w for w, bit in zip(weights, bits, strict=True))
        assert naive.threshold_is_on(found.inputs, found.weights, found.threshold, bits) == (
            total - 9 > 0
        )


def test_sets_that_the_weights_do_not_tell_apart_give_none() -> None:
    """Where rounding or worse decides there is no threshold to build."""
    values = all_signs(2)
    assert reduce_on_vectors(np.ones(2), values, np.array([0, 1, 1, 0], dtype=bool)) is None
    near = np.array([1.0, 1.0 + 1e-13])
    assert reduce_on_vectors(near, values, values @ near > 0) is None


@pytest.mark.parametrize(
    ("weights", "bias", "expected"),
    [
        ([1.02, 0.98], -1.01, ThresholdFunction((0, 1), (1, 1), 1)),  # AND
        ([1.02, 0.98], 0.97, ThresholdFunction((0, 1), (1, 1), -1)),  # OR
        ([1.02, -0.98, 1.1], 0.03, ThresholdFunction((0, 1, 2), (1, -1, 1), 0)),  # MAJ
        ([0.02, 0.98, 0.03], 0.03, ThresholdFunction((1,), (1,), 0)),  # a wire
        ([0.02, 0.01], 1.0, ThresholdFunction((), (), -1)),  # true
        ([0.938], 1.0, ThresholdFunction((), (), -1)),  # true by a hair: the bias alone decides
        ([-0.938], -1.0, ThresholdFunction((), (), 0)),  # false likewise
        ([0.02, 0.01], -1.0, ThresholdFunction((), (), 1)),  # false
        ([0.0, 0.0], 0.0, ThresholdFunction((), (), 0)),  # false: zero is not above zero
        ([2.0, 1.0, 1.0], 1.0, ThresholdFunction((0, 1, 2), (2, 1, 1), -1)),
        ([0.5, 0.5], 0.0, ThresholdFunction((0, 1), (1, 1), 0)),  # ties: kept as they are
        ([1.5, -0.75], 0.75, ThresholdFunction((0, 1), (6, -3), -3)),  # a tie again
    ],
)
def test_weights_are_rounded_only_where_no_sign_can_change(
    weights: list[float], bias: float, expected: ThresholdFunction
) -> None:
    """AND, OR and MAJ come out of noise; what cannot be rounded is scaled exactly."""
    assert reduce_exactly(np.array(weights), bias) == expected


def falling_diagram(
    builder: NetlistBuilder, function: ThresholdFunction, literals: list[int], max_cells: int
) -> int | None:
    constraint = pseudo_boolean(function, literals)
    if constraint.constant is not None:
        return constraint.constant
    return lower_diagram(builder, constraint, next(diagram_orders(constraint)), max_cells)


def lowered(weights: list[int], threshold: int, max_cells: int = 10_000) -> Netlist | None:
    builder = NetlistBuilder("t", [Port("x", max(1, len(weights)))], [Port("y", 1)])
    function = ThresholdFunction(tuple(range(len(weights))), tuple(weights), threshold)
    inputs = [builder.input(bit) for bit in range(len(weights))]
    literal = falling_diagram(builder, function, inputs, max_cells)
    return None if literal is None else builder.build([literal])


@pytest.mark.parametrize(
    ("weights", "threshold", "cells"),
    [
        ([], -1, 0),
        ([], 0, 0),
        ([1], 0, 0),
        ([1, 1], 0, 1),
        ([1, 1], -2, 1),
        ([1, -1], 0, 1),
        ([1, 1, 1], 0, 1),
        ([-5, 5, 5], 2, 1),
        ([1, 1, 1, 1], 3, 3),
        ([2, 1, 1], 0, 2),
        ([2, 1, 1], -2, 2),
        ([1, 1, 1, 1], 0, 4),
        ([1] * 5, 0, 8),
        ([1] * 7, 0, 15),
        ([4, 2, 1], 0, 0),
        ([16, 8, 4, 2, 1], 0, 0),
    ],
)
def test_thresholds_take_so_many_cells(weights: list[int], threshold: int, cells: int) -> None:
    """Exact cell counts: AND, OR and MAJ are one cell, a wire none."""
    netlist = lowered(weights, threshold)
    assert netlist is not None
    assert netlist.n_cells == cells
    for vector in naive.all_vectors(len(weights)):
        padded = vector or [0]
        expected = naive.threshold_is_on(range(len(weights)), weights, threshold, vector)
        assert naive.netlist_bits(netlist, padded) == [expected]


@pytest.mark.parametrize(("limit", "given_up"), [(3, True), (12, False)])
def test_lowering_gives_up_at_the_limit(limit: int, given_up: bool) -> None:
    """More cells than allowed give None."""
    assert (lowered([1] * 5, 0, limit) is None) is given_up


def test_the_limit_does_not_count_what_was_there() -> None:
    """Cells in the builder before do not bring the limit nearer."""
    builder = NetlistBuilder("t", [Port("x", 40)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(40)]
    for left, right in pairwise(inputs):
        builder.and_(left, right)
    function = ThresholdFunction((0, 1, 2), (1, 1, 1), 0)
    assert falling_diagram(builder, function, inputs, 5) is not None


def test_wide_neurons_are_not_limited_by_recursion() -> None:
    """An AND of 3,000 inputs is 2,999 cells."""
    netlist = lowered([1] * 3000, 2999)
    assert netlist is not None
    assert netlist.n_cells == 2999


def test_constant_inputs_take_no_cells() -> None:
    """A majority with inputs known to be constant is what is left of it."""
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 1)])
    a, b = builder.input(0), builder.input(1)
    function = ThresholdFunction((0, 1, 2, 3), (1, 1, 1, -2), -2)
    assert falling_diagram(builder, function, [a, b, TRUE, TRUE], 9) == builder.or_(a, b)
    assert falling_diagram(builder, function, [a, FALSE, FALSE, FALSE], 9) == TRUE
    assert builder.n_cells == 1


def test_many_constant_inputs_do_not_explode() -> None:
    """A neuron of which all inputs are constant is decided at once, whatever its weights."""
    builder = NetlistBuilder("t", [Port("x", 1)], [Port("y", 1)])
    weights = np.random.default_rng(0).integers(1, 2**40, 60).tolist()
    function = ThresholdFunction(tuple(range(60)), tuple(weights), sum(weights) - 2)
    assert falling_diagram(builder, function, [TRUE] * 60, 100) == TRUE
    assert builder.n_cells == 0


def test_a_table_knows_what_the_vectors_tell() -> None:
    """The first input is the lowest bit of the index, unlisted entries are 2."""
    inputs = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    assert make_table(inputs, np.array([True, False, True])).tolist() == [2, 1, 0, 1]


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ([0, 0, 0, 0], 0),
        ([1, 1, 1, 1], 0),
        ([2, 2, 2, 2], 0),
        ([0, 1, 0, 1], 0),
        ([0, 0, 0, 1], 1),
        ([1, 1, 0, 1], 1),
        ([0, 1, 1, 0], 3),
        ([0, 1, 1, 2], 1),
        ([2, 1, 0, 2], 0),
        ([0, 0, 0, 1, 0, 1, 1, 1], 3),
        ([1, 1, 0, 1, 0, 1, 0, 0], 3),
        ([0, 1, 0, 1, 0, 0, 1, 1], 3),
        ([0, 1, 1, 0, 1, 0, 0, 1], 9),
    ],
)
def test_tables_take_so_many_cells(table: list[int], cells: int) -> None:
    """One cell where a cofactor implies the other, three for a multiplexer; right where known."""
    width = len(table).bit_length() - 1
    builder = NetlistBuilder("t", [Port("x", width)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(width)]
    netlist = builder.build([lower_table(builder, np.array(table, dtype=np.uint8), inputs)])
    assert netlist.n_cells == cells
    for index, vector in enumerate(naive.all_vectors(width)):
        if table[index] != 2:
            assert naive.netlist_bits(netlist, vector) == [table[index]]


@pytest.mark.parametrize("width", [0, 1, 2, 3])
def test_every_table_is_built_right_where_known(width: int) -> None:
    """All tables of up to three inputs, whatever is unknown in them."""
    builder = NetlistBuilder("t", [Port("x", max(1, width))], [Port("y", 3 ** (1 << width))])
    inputs = [builder.input(bit) for bit in range(width)]
    tables = list(product((0, 1, 2), repeat=1 << width))
    netlist = builder.build(
        [lower_table(builder, np.array(table, dtype=np.uint8), inputs) for table in tables]
    )
    for index, vector in enumerate(naive.all_vectors(width)):
        found = naive.netlist_bits(netlist, vector or [0])
        assert all(table[index] in (2, bit) for table, bit in zip(tables, found, strict=True))
