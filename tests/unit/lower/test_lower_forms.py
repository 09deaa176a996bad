"""The forms of threshold functions: known ones, counters, the cheapest, and candidates taken back."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import product

import naive
import numpy as np
import pytest

from btfsynth.lower.adder import lower_counter
from btfsynth.lower.cheapest import cheapest_form, lower_known, make, take_back, with_least_weights
from btfsynth.lower.threshold import PseudoBoolean, ThresholdFunction, least_weights, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.netlist.simulation import exhaustive_words, output_words, unpack_bits
from btfsynth.ports import Port

TABLE = json.loads(files("btfsynth.lower").joinpath("threshold_forms.json").read_text("utf-8"))


def new_builder(width: int) -> tuple[NetlistBuilder, list[int]]:
    builder = NetlistBuilder("t", [Port("x", max(1, width))], [Port("y", 1)])
    return builder, [builder.input(bit) for bit in range(width)]


def constraint_of(weights: list[int], bound: int, literals: list[int]) -> PseudoBoolean:
    """At least ``bound`` among 0/1 literals with these weights."""
    function = ThresholdFunction(
        tuple(range(len(weights))), tuple(weights), 2 * bound - 1 - sum(weights)
    )
    return pseudo_boolean(function, literals)


def is_right(builder: NetlistBuilder, literal: int, weights: list[int], bound: int) -> bool:
    words = exhaustive_words(len(weights))
    vectors = unpack_bits(words, 1 << len(weights))
    found = unpack_bits(output_words(builder.build([literal]), words), len(vectors))[:, 0]
    return bool(np.array_equal(found > 0, vectors @ np.array(weights) >= bound))


@pytest.mark.parametrize("form", TABLE, ids=lambda form: ",".join(map(str, form["weights"])))
def test_every_known_form_computes_its_class(form: dict[str, list[int]]) -> None:
    """The table's cells, evaluated on all vectors, are the weighted majority they stand for."""
    weights = form["weights"]
    builder, inputs = new_builder(len(weights))
    constraint = constraint_of(weights, (sum(weights) + 1) // 2, inputs)
    literal = lower_known(builder, constraint) if len(weights) <= 6 else None
    values = [FALSE, *inputs]
    for a, b, c in form["cells"]:
        values.append(builder.maj(*(values[lit >> 1] ^ (lit & 1) for lit in (a, b, c))))
    assert is_right(builder, values[-1], weights, (sum(weights) + 1) // 2)
    assert literal in (None, values[-1])
    assert builder.n_cells == len(form["cells"])


def test_all_classes_of_up_to_seven_variables_are_known() -> None:
    """Muroga's count: 1, 1, 4, 14 and 114 self-dual threshold functions of 3, 4, 5, 6 and 7 variables."""
    widths = [len(form["weights"]) for form in TABLE]
    assert [widths.count(width) for width in range(3, 8)] == [1, 1, 4, 14, 114]


@pytest.mark.parametrize(("inputs", "cells"), [(3, 1), (5, 4), (7, 7), (9, 12), (11, 17)])
def test_majorities_take_so_many_cells(inputs: int, cells: int) -> None:
    """Four for five inputs, which is optimal, and seven for seven."""
    builder, literals = new_builder(inputs)
    bound = (inputs + 1) // 2
    candidate = cheapest_form(builder, constraint_of([1] * inputs, bound, literals))
    assert len(candidate.cells) == cells
    assert is_right(builder, make(builder, candidate), [1] * inputs, bound)


@pytest.mark.parametrize(
    ("weights", "bound", "cells"),
    [
        ([1, 1, 1, 1], 2, 4),
        ([1, 1, 1, 1], 4, 3),
        ([1] * 8, 4, 12),  # a majority of nine with a constant
        ([2, 1, 1], 2, 2),
        ([5, 5, 5, 1], 10, 1),
        ([2, 2, 1, 1], 3, 2),
    ],
)
def test_functions_with_a_constant_are_known_too(
    weights: list[int], bound: int, cells: int
) -> None:
    """The constant takes the place of a variable; whatever the weights that are given, and complements."""
    builder, inputs = new_builder(len(weights))
    candidate = cheapest_form(builder, constraint_of(weights, bound, inputs))
    assert len(candidate.cells) == cells
    assert is_right(builder, make(builder, candidate), weights, bound)
    builder, inputs = new_builder(len(weights))
    complements = [literal ^ 1 for literal in inputs]
    dual = constraint_of(weights, sum(weights) + 1 - bound, complements)
    assert len(cheapest_form(builder, dual).cells) == cells


def test_unknown_classes_are_left_to_others() -> None:
    """Ten different weights are in no table."""
    builder, inputs = new_builder(10)
    constraint = constraint_of(list(range(1, 11)), 20, inputs)
    assert lower_known(builder, constraint) is None
    assert builder.n_cells == 0
    assert is_right(builder, make(builder, cheapest_form(builder, constraint)), [*range(1, 11)], 20)


def test_seven_weights_are_split_down_to_known_forms() -> None:
    """Thirteen cells where the counter takes sixteen and the best diagram eighteen."""
    weights = [5, 4, 3, 3, 2, 2, 1]
    builder, inputs = new_builder(7)
    candidate = cheapest_form(builder, constraint_of(weights, 9, inputs))
    assert (candidate.form, len(candidate.cells)) == ("split", 13)
    assert is_right(builder, make(builder, candidate), weights, 9)


@pytest.mark.parametrize("inputs", [3, 6, 9, 12])
@pytest.mark.parametrize("bound", [1, 2, 3])
def test_counters_count(inputs: int, bound: int) -> None:
    """At least one, two or three of many."""
    builder, literals = new_builder(inputs)
    literal = lower_counter(builder, constraint_of([1] * inputs, bound, literals))
    assert is_right(builder, literal, [1] * inputs, bound)


def test_counters_are_linear_in_the_inputs() -> None:
    """A majority of 201 inputs: under three cells a full adder, and the adders are fewer than the inputs."""
    builder, literals = new_builder(201)
    candidate = cheapest_form(builder, constraint_of([1] * 201, 101, literals))
    assert candidate.form == "counter"
    assert len(candidate.cells) <= 3 * 201
    make(builder, candidate)
    netlist = builder.build([candidate.output])
    rows = np.random.default_rng(0).integers(0, 2, (40, 201)).tolist()
    rows += [[1] * 100 + [0] * 101, [1] * 101 + [0] * 100, [0] * 201, [1] * 201]
    for row in rows:
        assert naive.netlist_bits(netlist, row) == [int(sum(row) > 100)]


def test_what_the_builder_has_costs_nothing() -> None:
    """A full adder's sum is two more cells once its carry is there."""
    builder, (a, b, c) = new_builder(3)
    carry = builder.maj(a, b, c)
    constraint = constraint_of([1, 1, 1, 2], 3, [a, b, c, carry ^ 1])
    assert len(cheapest_form(builder, constraint).cells) == 2
    again = constraint_of([1, 1, 1], 2, [a, b, c])
    assert cheapest_form(builder, again).cells == ()


def test_a_candidate_is_only_the_cells_it_needs() -> None:
    """Cells that were made and are not needed are gone, the others are renumbered."""
    builder, (a, b, c) = new_builder(3)
    kept = builder.and_(a, b)
    builder.or_(a, c)
    wanted = builder.maj(kept, builder.and_(b, c), a)
    candidate = take_back(builder, "form", 1, wanted ^ 1)
    assert (builder.n_cells, len(candidate.cells)) == (1, 2)
    literal = make(builder, candidate)
    assert builder.n_cells == 3
    assert literal == builder.maj(kept, builder.and_(b, c), a) ^ 1


@pytest.mark.parametrize(
    ("weights", "bound", "expected"),
    [
        ([3, 3, 3], 5, PseudoBoolean((2, 4, 6), (1, 1, 1), 2)),
        ([9, 2, 2], 2, PseudoBoolean((2, 4, 6), (1, 1, 1), 1)),
        ([9, 2, 2], 10, PseudoBoolean((2, 4, 6), (2, 1, 1), 3)),
        ([1, 5], 0, PseudoBoolean((), (), 0)),
        ([1, 5], 7, PseudoBoolean((), (), 1)),
    ],
)
def test_the_normal_form_cuts_off_what_cannot_count(
    weights: list[int], bound: int, expected: PseudoBoolean
) -> None:
    """Common divisors, weights beyond the bound or beyond what the others can do, constants."""
    _, inputs = new_builder(len(weights))
    assert constraint_of(weights, bound, inputs) == expected


def test_literals_of_one_node_are_joined() -> None:
    """x and its complement cancel, x twice counts double, constants fold."""
    _, (a, b) = new_builder(2)
    function = ThresholdFunction((0, 1, 2, 3), (2, 1, 1, 1), 0)
    assert pseudo_boolean(function, [a, a ^ 1, b, TRUE]) == PseudoBoolean((a, b), (1, 1), 1)
    assert pseudo_boolean(ThresholdFunction((0, 1), (1, 1), 0), [a, a ^ 1]).constant == FALSE
    assert pseudo_boolean(ThresholdFunction((0, 1), (1, 1), -1), [a, a ^ 1]).constant == TRUE


def test_least_weights_are_found() -> None:
    """The same function on all vectors, with weights of a few units in the place of about a hundred."""
    _, inputs = new_builder(7)
    constraint = constraint_of([101, 99, 98, 97, 51, 50, 49], 272, inputs)
    least = with_least_weights(constraint)
    assert sum(least.weights) < 20
    for bits in product((0, 1), repeat=7):
        given = sum(w * b for w, b in zip([101, 99, 98, 97, 51, 50, 49], bits, strict=True))
        found = sum(
            w * bits[(lit >> 1) - 1] for w, lit in zip(least.weights, least.literals, strict=True)
        )
        assert (given >= 272) == (found >= least.bound)


def test_what_no_weights_tell_apart_has_none(capfd: pytest.CaptureFixture[str]) -> None:
    """An exclusive or; and the solver is quiet."""
    values = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=np.int8)
    assert least_weights(values, np.array([False, True, True, False])) is None
    assert least_weights(values, np.array([False, True, True, True])) == ThresholdFunction(
        (0, 1), (1, 1), -1
    )
    assert capfd.readouterr() == ("", "")
