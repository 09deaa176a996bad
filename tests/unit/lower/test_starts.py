"""Netlists from tables: the function, and the exact cells of functions whose best form is known."""

from __future__ import annotations

import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from btfsynth.lower.adder import lower_sum
from btfsynth.lower.shared_diagram import diagram_cells, lower_diagrams, sifted
from btfsynth.lower.starts import lower_counted, lower_thresholds, table_starts, threshold_function
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, unpack_bits
from btfsynth.ports import Port


def table_of(function, n_inputs: int, n_outputs: int) -> np.ndarray:
    """The outputs of a function of the number that the inputs are."""
    values = [function(vector) for vector in range(1 << n_inputs)]
    return np.array(
        [[value >> bit & 1 for value in values] for bit in range(n_outputs)], dtype=np.uint8
    )


def ones(vector: int) -> int:
    return vector.bit_count()


def build(lower, tables: np.ndarray, *args, **kwargs) -> Netlist | None:
    """What a lowering makes of tables; None if it declines."""
    n_inputs = tables.shape[1].bit_length() - 1
    ports = [Port("x", n_inputs)] if n_inputs else []
    builder = NetlistBuilder("t", ports, [Port("y", len(tables))])
    inputs = [builder.input(bit) for bit in range(n_inputs)]
    outputs = lower(builder, tables, inputs, *args, **kwargs)
    return None if outputs is None else builder.build(outputs)


def tables_of(netlist: Netlist) -> np.ndarray:
    words = output_words(netlist, exhaustive_words(netlist.n_inputs))
    return unpack_bits(words, 1 << netlist.n_inputs).T


@st.composite
def random_tables(draw, most: int = 1) -> np.ndarray:
    """Tables of up to seven inputs, some outputs counting some of the inputs; up to `most` in them."""
    n_inputs, n_outputs = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    tables = draw(hnp.arrays(np.uint8, (n_outputs, 1 << n_inputs), elements=st.integers(0, most)))
    counted = draw(st.integers(0, (1 << n_inputs) - 1))
    for output in range(n_outputs):
        if draw(st.booleans()):
            values = draw(st.lists(st.integers(0, most), min_size=8, max_size=8))
            tables[output] = [values[ones(vector & counted)] for vector in range(1 << n_inputs)]
    return tables


@given(random_tables(), st.randoms(use_true_random=False))
def test_a_diagram_is_its_tables_in_any_order_and_no_larger_than_counted(tables, random):
    order = list(range(tables.shape[1].bit_length() - 1))
    random.shuffle(order)
    netlist = build(lower_diagrams, tables, order)
    np.testing.assert_array_equal(tables_of(netlist), tables)
    assert netlist.n_cells <= diagram_cells(tables, order)


@given(random_tables())
def test_sifting_counts_what_its_order_costs_and_never_loses(tables):
    natural = list(range(tables.shape[1].bit_length() - 1))
    order, cells = sifted(tables, natural)
    assert sorted(order) == natural
    assert cells == diagram_cells(tables, order) <= diagram_cells(tables, natural)


@pytest.mark.parametrize(
    ("function", "n_inputs", "n_outputs", "cells"),
    [
        (lambda v: ones(v) & 1, 8, 1, 21),  # an exclusive or per input but the first
        (lambda v: v == 127, 7, 1, 6),  # an AND
        (lambda v: ones(v) > 2, 5, 1, 8),  # each node a majority
        (lambda v: 5, 3, 4, 0),  # constants
        (lambda v: v ^ 7, 3, 3, 0),  # complements
        (lambda v: v >> 1 + (v & 1) & 1, 3, 1, 3),  # one multiplexer
    ],
)
def test_cells_of_diagrams(function, n_inputs, n_outputs, cells):
    tables = table_of(function, n_inputs, n_outputs)
    assert diagram_cells(tables, range(n_inputs)) == cells
    assert build(lower_diagrams, tables, range(n_inputs)).n_cells == cells


def test_sifting_finds_the_order_of_a_sum_of_pairs():
    tables = table_of(lambda v: (v & v >> 4 & 15) != 0, 8, 1)
    order, cells = sifted(tables, range(8))
    assert diagram_cells(tables, range(8)) > cells == 7
    assert all(abs(order.index(k) - order.index(k + 4)) == 1 for k in range(4))


@given(random_tables(most=2), st.booleans())
def test_counted_inputs_keep_what_matters(tables, pairs):
    netlist = build(lower_counted, tables, pairs=pairs)
    if netlist is not None:
        assert (tables_of(netlist) == tables)[tables < 2].all()


@pytest.mark.parametrize(
    ("function", "n_inputs", "n_outputs", "cells"),
    [
        (ones, 3, 2, 3),
        (ones, 7, 3, 12),
        (ones, 9, 4, 21),  # five full and two half adders
        (lambda v: ones(v ^ 5), 7, 3, 12),
        (lambda v: (v & 7) + (v >> 3), 6, 4, 9),
        (lambda v: (v & 7) < (v >> 3), 6, 1, 3),  # the carries alone
        (lambda v: ones(v) & 1, 9, 1, 12),
    ],
)
def test_cells_of_counted_inputs(function, n_inputs, n_outputs, cells):
    tables = table_of(function, n_inputs, n_outputs)
    netlist = build(lower_counted, tables, pairs=True)
    np.testing.assert_array_equal(tables_of(netlist), tables)
    assert netlist.n_cells == cells


def test_inputs_that_outputs_tell_apart_are_not_counted():
    choice = table_of(lambda v: v >> 1 + (v & 1) & 1, 3, 1)
    assert build(lower_counted, choice, pairs=True) is None
    pair = table_of(lambda v: (v & v >> 1 & 1) | (v >> 2 & 1) << 1, 3, 2)
    assert build(lower_counted, pair, pairs=False) is None


@given(random_tables())
def test_sums_are_their_tables(tables):
    netlist = build(lower_sum, tables, 40)
    if netlist is not None:
        np.testing.assert_array_equal(tables_of(netlist), tables)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_the_table_of_a_multiplier_becomes_the_array(width):
    array = array_multiplier(width, width)
    netlist = build(lower_sum, tables_of(array), 100)
    assert netlist.n_cells == array.n_cells


def test_differences_are_sums_too():
    tables = table_of(lambda v: (v & 15) - (v >> 4) & 15, 8, 4)
    assert build(lower_sum, tables, 40).n_cells == 12
    assert build(lower_sum, tables, 7) is None  # eight digits


@pytest.mark.parametrize(
    ("weights", "bound"), [((1,) * 5, 3), ((3, 2, 2, 1), 4), ((1, 1, -1), 1), ((2, 0, 1, 1), 2)]
)
def test_threshold_functions_are_recognised(weights, bound):
    def function(vector):
        return sum(weight for place, weight in enumerate(weights) if vector >> place & 1) >= bound

    table = table_of(function, len(weights), 1)
    found = threshold_function(table[0])
    assert [weights[place] != 0 for place in found.inputs] == [True] * len(found.inputs)
    netlist = build(lower_thresholds, table)
    np.testing.assert_array_equal(tables_of(netlist), table)


def test_what_is_no_threshold_function():
    assert threshold_function(table_of(lambda v: ones(v) & 1, 3, 1)[0]) is None  # not unate
    two = table_of(lambda v: v & 3 == 3 or v & 12 == 12, 4, 1)  # unate
    assert threshold_function(two[0]) is None
    assert threshold_function(np.ones(8, dtype=np.uint8)) is None
    assert build(lower_thresholds, two) is None


def test_a_majority_of_nine_starts_from_the_known_form():
    tables = table_of(lambda v: ones(v) > 4, 9, 1)
    like = build(lower_diagrams, tables, range(9))
    starts = {start.form: start.netlist for start in table_starts(like, tables, tables)}
    assert starts["threshold functions"].n_cells == 12
    assert "sum" not in starts
    for netlist in starts.values():
        np.testing.assert_array_equal(tables_of(netlist), tables)
