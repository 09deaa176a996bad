"""Ensembles of trees equal their integer model on every vector, and cost what they should."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.lower.adder import add_columns
from btfsynth.lower.class_sums import greater_in_pairs
from btfsynth.lower.trees import (
    LEAF,
    Comparison,
    IntegerTree,
    RealTree,
    TreeEnsemble,
    at_least,
    fixed_point,
    lower_comparisons,
    lower_ensemble,
    lower_leaves,
    lower_sums,
    multiplexer,
    values_of,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port


def vectors(n: int) -> NDArray[np.uint8]:
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(np.uint8)


def numbers(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    return bits.astype(np.int64) @ (1 << np.arange(bits.shape[1]))


def builder_of(n: int, outputs: int) -> tuple[NetlistBuilder, list[int]]:
    builder = NetlistBuilder("t", (Port("x", n),), (Port("y", outputs),))
    return builder, [builder.input(bit) for bit in range(n)]


def random_tree(
    random: np.random.Generator, n_tests: int, splits: int, largest: int, output: int
) -> IntegerTree:
    nodes = 2 * splits + 1
    test = np.full(nodes, LEAF, dtype=np.int64)
    low, high = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    for split in range(splits):
        node = int(random.choice(np.flatnonzero(test[: 2 * split + 1] == LEAF)))
        test[node] = random.integers(n_tests)
        low[node], high[node] = 2 * split + 1, 2 * split + 2
    value = random.integers(-largest, largest + 1, nodes)
    return IntegerTree(test, low, high, value, output)


def naive_sum(tree: IntegerTree, row: NDArray[np.uint8]) -> int:
    node = 0
    while tree.test[node] != LEAF:
        node = int(tree.high[node] if row[tree.test[node]] else tree.low[node])
    return int(tree.value[node])


@st.composite
def ensembles(draw: st.DrawFn) -> tuple[TreeEnsemble, int]:
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 6))
    outputs = draw(st.integers(1, 5))
    largest = draw(st.sampled_from([0, 1, 3, 20]))
    trees = tuple(
        random_tree(random, n, int(random.integers(0, 8)), largest, int(random.integers(outputs)))
        for _ in range(draw(st.integers(0, 8)))
    )
    bias = tuple(int(each) for each in random.integers(-4, 5, outputs))
    return TreeEnsemble(trees, bias), n


@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_ensemble_equals_its_model(case: tuple[TreeEnsemble, int]) -> None:
    """On every vector: sums against a plain walk, labels against the first of the largest, both in cells."""
    ensemble, n = case
    rows = vectors(n)
    expected = np.array(
        [
            [
                bias + sum(naive_sum(t, row) for t in ensemble.trees if t.output == output)
                for output, bias in enumerate(ensemble.bias)
            ]
            for row in rows
        ]
    )
    assert np.array_equal(ensemble.sums(rows), expected)
    labels = [
        int(each[0] > 0) if len(each) == 1 else each.tolist().index(max(each)) for each in expected
    ]
    assert ensemble.labels(rows).tolist() == labels
    width = max(1, (ensemble.n_classes - 1).bit_length())
    builder, inputs = builder_of(n, width)
    netlist = builder.build(lower_ensemble(builder, ensemble, inputs))
    assert numbers(evaluate(netlist, rows)).tolist() == labels
    builder, inputs = builder_of(n, 1)
    sums = lower_sums(builder, ensemble, inputs)
    width = len(sums[0])
    for output, bits in enumerate(sums):
        own = NetlistBuilder("t", (Port("x", n),), (Port("y", width),))
        inputs = [own.input(bit) for bit in range(n)]
        netlist = own.build(lower_sums(own, ensemble, inputs)[output])
        found = numbers(evaluate(netlist, rows))
        assert len(bits) == width
        assert np.array_equal(
            (found + (1 << width - 1)) % (1 << width) - (1 << width - 1), expected[:, output]
        )


def test_first_of_equals() -> None:
    """With equal sums the class is the first one."""
    ensemble = TreeEnsemble((), (2, 5, 5, 1))
    builder, inputs = builder_of(1, 2)
    assert lower_ensemble(builder, ensemble, inputs) == [TRUE, FALSE]


def stump(low: int, high: int) -> IntegerTree:
    return IntegerTree(
        np.array([0, LEAF, LEAF]),
        np.array([1, 0, 0]),
        np.array([2, 0, 0]),
        np.array([0, low, high]),
    )


@pytest.mark.parametrize(
    ("low", "high", "terms"),
    [(3, 3, []), (-1, 1, [(2, 0)]), (7, -9, [(16, 1)]), (0, 5, [(1, 0), (4, 0)])],
)
def test_leaves_cost_their_bits(low: int, high: int, terms: list[tuple[int, int]]) -> None:
    """The smallest leaf and a common factor are constants; a leaf bit that is the test costs no cell."""
    builder, inputs = builder_of(1, 1)
    found = lower_leaves(builder, stump(low, high), inputs)
    wanted = (
        [(5, inputs[0])] if (low, high) == (0, 5) else [(w, inputs[0] ^ flip) for w, flip in terms]
    )
    assert found == wanted
    assert builder.n_cells == 0


def test_two_stumps_are_one_cell() -> None:
    """``x + y > 1`` is an AND."""
    ensemble = TreeEnsemble(
        (
            stump(0, 1),
            IntegerTree(
                np.array([1, LEAF, LEAF]), *(stump(0, 1).low, stump(0, 1).high), np.array([0, 0, 1])
            ),
        ),
        (-1,),
    )
    builder, inputs = builder_of(2, 1)
    netlist = builder.build(lower_ensemble(builder, ensemble, inputs))
    assert netlist.n_cells == 1


@pytest.mark.parametrize("high", range(6))
@pytest.mark.parametrize("low", range(6))
def test_multiplexer(low: int, high: int) -> None:
    """Constants, the select itself and its complement on either side."""
    builder, (x, a) = builder_of(2, 1)
    choices = [FALSE, TRUE, x, x ^ 1, a, a ^ 1]
    netlist = builder.build([multiplexer(builder, x, choices[high], choices[low])])
    rows = vectors(2)
    values = [np.zeros(4), np.ones(4), rows[:, 0], 1 - rows[:, 0], rows[:, 1], 1 - rows[:, 1]]
    assert np.array_equal(
        evaluate(netlist, rows)[:, 0], np.where(rows[:, 0], values[high], values[low])
    )


@pytest.mark.parametrize("bound", range(-1, 18))
def test_at_least(bound: int) -> None:
    builder, inputs = builder_of(4, 1)
    netlist = builder.build([at_least(builder, inputs, bound)])
    assert np.array_equal(evaluate(netlist, vectors(4))[:, 0], np.arange(16) >= bound)
    assert netlist.n_cells <= 3


def test_comparisons() -> None:
    """Of some bits in any order; bounds that end alike share cells."""
    comparisons = [
        Comparison((2, 0, 1), 3),
        Comparison((1,), 1),
        Comparison((0, 1, 2), 5),
        Comparison((0, 1, 2), 1),
    ]
    rows = vectors(3)
    builder, inputs = builder_of(3, 4)
    netlist = builder.build(lower_comparisons(builder, comparisons, inputs))
    assert np.array_equal(evaluate(netlist, rows), values_of(comparisons, rows))
    assert values_of([], rows).shape == (8, 0)


def test_fixed_point_states_its_error() -> None:
    """No sum is further from the exact one than said, and one is as far."""
    random = np.random.default_rng(3)
    plain = [random_tree(random, 4, 5, 9, output) for output in (0, 1, 1)]
    trees = [
        RealTree(t.test, t.low, t.high, random.normal(size=len(t.test)), t.output) for t in plain
    ]
    bias = [0.3, -0.7]
    scale = Fraction(8)
    ensemble, bound = fixed_point(trees, bias, scale)
    rows = vectors(4)
    exact = np.tile(bias, (16, 1))
    for tree, shape in zip(trees, plain, strict=True):
        leaves = IntegerTree(shape.test, shape.low, shape.high, np.arange(len(shape.test))).values(
            rows
        )
        exact[:, tree.output] += tree.value[leaves]
    error = np.abs(ensemble.sums(rows) / 8 - exact).max()
    assert 0 < error <= float(bound) + 1e-12
    assert float(bound) <= 0.5 / 8 * 3
    halves = [RealTree(t.test, t.low, t.high, t.value / 2, t.output) for t in plain]
    assert fixed_point(halves, [0.5, 1.0], Fraction(2))[1] == 0


@pytest.mark.parametrize("weights", [[1] * 13, [1, 2, 4, 4, 3, 3, 3, 7], [5], [6, 6, 6, 1, 1, 1]])
@pytest.mark.parametrize("constant", [0, 3])
def test_sums_by_sixes_are_the_sums(weights: list[int], constant: int) -> None:
    """Six literals become three; the sum is the same, also of weights whose digits are negative."""
    n = len(weights)
    builder, inputs = builder_of(n, max(1, (sum(weights) + constant).bit_length()))
    bits = add_columns(builder, list(zip(weights, inputs, strict=True)), constant, by_sixes=True)
    rows = vectors(n)
    assert (
        numbers(evaluate(builder.build(bits), rows)) == rows @ np.array(weights) + constant
    ).all()


def test_a_sum_of_nothing_by_sixes() -> None:
    """It has no bits."""
    builder, _ = builder_of(1, 1)
    assert add_columns(builder, [], 0, by_sixes=True) == []
    assert add_columns(builder, [], 2, by_sixes=True) == [FALSE, TRUE]


def test_six_literals_are_three_tables_of_six() -> None:
    """Where full adders alone take four pairs of tables."""
    builder, inputs = builder_of(6, 3)
    netlist = builder.build(
        add_columns(builder, [(1, each) for each in inputs], 0, by_sixes=True)[:3]
    )
    assert map_luts(netlist, 6).luts == 3


def test_five_literals_and_one_of_the_next_column_are_three_tables_of_six() -> None:
    """They count to seven, which is all that three bits can hold."""
    builder, inputs = builder_of(6, 3)
    weights = [1, 1, 1, 1, 1, 2]
    bits = add_columns(builder, list(zip(weights, inputs, strict=True)), 0, by_sixes=True)
    assert map_luts(builder.build(bits), 6).luts == 3


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_comparison_by_halves(width: int) -> None:
    """It is that of the numbers."""
    builder, inputs = builder_of(2 * width, 1)
    netlist = builder.build([greater_in_pairs(builder, inputs[:width], inputs[width:])])
    rows = vectors(2 * width)
    wanted = numbers(rows[:, :width]) > numbers(rows[:, width:])
    assert (evaluate(netlist, rows)[:, 0] == wanted).all()


def test_a_rounding_by_cost_stays_within_its_slack() -> None:
    """No more cells than the nearest integers take, no leaf farther than the slack, and the bound is stated."""
    random = np.random.default_rng(5)
    plain = [random_tree(random, 4, 6, 9, 0) for _ in range(6)]
    trees = [
        RealTree(t.test, t.low, t.high, random.normal(size=len(t.test)), t.output) for t in plain
    ]
    near, close = fixed_point(trees, [0.1], Fraction(2))
    cheap, bound = fixed_point(trees, [0.1], Fraction(2), 0.7)
    assert close <= bound <= Fraction(7, 20) * 6 + Fraction(1, 4)
    cells = []
    for ensemble in (near, cheap):
        builder, inputs = builder_of(4, 8)
        lower_sums(builder, ensemble, inputs)
        cells.append(builder.n_cells)
    assert cells[1] < cells[0]
    rows = vectors(4)
    assert np.abs(cheap.sums(rows) - near.sums(rows)).max() <= 2 * (close + bound)
