"""Exact resynthesis of windows: what it saves, exactly, and that what matters stays."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from circuits import AND_ADDERS, array_multiplier, full_adder
from hypothesis import given, settings
from strategies import complete_reference, netlists_with_references

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    care_reference,
    count_wrong,
    function_reference,
    output_words,
    pack_bits,
    unpack_bits,
)
from btfsynth.passes.exact import Exact
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port


def make(inputs: int, outputs: int) -> tuple[NetlistBuilder, list[int]]:
    builder = NetlistBuilder("t", [Port("x", inputs)], [Port("y", outputs)])
    return builder, [builder.input(bit) for bit in range(inputs)]


def check(step: Exact, netlist: Netlist, cells: tuple[int, int]) -> Netlist:
    """Apply a pass to a netlist's own function; assert cells before and after and the function."""
    result = step.apply(netlist, complete_reference(netlist))
    assert (netlist.n_cells, result.n_cells) == cells
    assert naive.truth_table(result) == naive.truth_table(netlist)
    assert (result.name, result.input_ports) == (netlist.name, netlist.input_ports)
    return result


@pytest.mark.parametrize("adder", AND_ADDERS)
def test_sum_and_carry_are_found_together(adder) -> None:
    """The whole adder in one window of two outputs: three cells."""
    netlist = full_adder(adder)
    check(Exact(cells=9), netlist, (netlist.n_cells, 3))


def test_two_outputs_are_needed_for_what_they_share() -> None:
    """XOR and AND of the same inputs in four cells: one output at a time sees no gain."""
    builder, (a, b) = make(2, 2)
    netlist = builder.build(
        [
            builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b)),
            builder.and_(a, b),
        ]
    )
    check(Exact(outputs=1), netlist, (4, 4))
    check(Exact(), netlist, (4, 3))


def test_the_multiplier_of_two_bits_becomes_smallest() -> None:
    """Ten cells of the array, eight by windows."""
    check(Exact(), array_multiplier(2, 2), (10, 8))


def test_what_leaves_never_are_is_used() -> None:
    """An XOR of a & b and a + b, which are never 1 and 0: (a + b) & !(a & b)."""
    builder, (a, b) = make(2, 3)
    low, high = builder.and_(a, b), builder.or_(a, b)
    xor = builder.or_(builder.and_(low, high ^ 1), builder.and_(low ^ 1, high))
    netlist = builder.build([low, high, xor])
    check(Exact(leaves=2, cells=3, outputs=1), netlist, (5, 3))


def test_what_cannot_be_seen_is_used() -> None:
    """Below a gate that is off an XOR may be an OR, though all its inputs come up."""
    builder, (a, b, c) = make(3, 1)
    xor = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    netlist = builder.build([builder.and_(xor, builder.or_(a ^ 1, builder.and_(b ^ 1, c)))])
    check(Exact(leaves=2, cells=3, outputs=1, tries=8), netlist, (6, 4))


def patterns(rows: list[list[int]], targets: list[list[int]]) -> Reference:
    ports = (Port("x", len(rows[0])),), (Port("y", len(targets[0])),)
    return care_reference(Dataset("d", "d", np.array(rows), np.array(targets), *ports))


def test_patterns_that_never_come_are_used() -> None:
    """Without the vector (1, 1) an XOR is an OR; a sample of the vectors says nothing."""
    builder, (a, b) = make(2, 1)
    netlist = builder.build([builder.xor(a, b)])
    reference = patterns([[0, 0], [1, 0], [0, 1]], [[0], [1], [1]])
    result = Exact().apply(netlist, reference)
    assert (netlist.n_cells, result.n_cells) == (3, 1)
    assert count_wrong(result, reference) == 0


def test_on_a_sample_everything_matters() -> None:
    """With too many inputs to list, windows keep their function on every vector."""
    builder, x = make(20, 2)
    low = builder.and_(builder.and_(x[0], x[1]), builder.and_(x[2], x[3]))
    majority = builder.or_(builder.and_(x[4], x[5]), builder.and_(x[6], builder.or_(x[4], x[5])))
    netlist = builder.build([low, majority])
    reference = function_reference(
        lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors)), 20
    )
    assert not reference.complete
    result = Exact().apply(netlist, reference)
    assert (netlist.n_cells, result.n_cells) == (7, 4)
    assert count_wrong(result, reference) == 0


@given(case=netlists_with_references(max_inputs=4, max_cells=12))
@settings(max_examples=40, deadline=None)
def test_what_matters_stays_and_nothing_grows(case: tuple[Netlist, Reference]) -> None:
    """On any care set; twice the same."""
    netlist, reference = case
    for step in (Exact(leaves=4, cells=4, conflicts=100), Exact(tries=1, outputs=1, cells=4)):
        result = step.apply(netlist, reference)
        assert count_wrong(result, reference) == 0
        assert result.n_cells <= netlist.n_cells
        again = step.apply(netlist, reference)
        assert (again.fanins == result.fanins).all()
        assert (again.outputs == result.outputs).all()


def test_the_pass_is_known_by_its_name() -> None:
    """In a script, with its options."""
    assert parse_script("exact --cells 7 --leaves 6") == (Exact(cells=7, leaves=6),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leaves": 1}, "exact: leaves: expected 2 to 7, got 1"),
        ({"cells": 10}, "exact: cells: expected 2 to 9, got 10"),
        ({"outputs": 0}, "exact: outputs: expected 1 or more, got 0"),
        ({"tries": 0}, "exact: tries: expected 1 or more, got 0"),
        ({"conflicts": -1}, "exact: conflicts: expected 0 or more, got -1"),
        ({"seed": -1}, "exact: seed: expected 0 or more, got -1"),
    ],
)
def test_options_out_of_range_are_usage_errors(options: dict[str, int], message: str) -> None:
    """What was expected and what came."""
    with pytest.raises(UsageError, match=message):
        Exact(**options)
