"""Collapsing: tables become what their functions are, exactly, and the function stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import given, settings
from strategies import complete_reference, netlists, netlists_with_references

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import count_wrong
from btfsynth.passes.collapse import Collapse
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port


def table_netlist(function, n_inputs: int, n_outputs: int) -> Netlist:
    """The decision diagrams of a function of the number that the inputs are."""
    builder = NetlistBuilder("t", [Port("x", n_inputs)], [Port("y", n_outputs)])
    inputs = [builder.input(bit) for bit in range(n_inputs)]
    values = np.array([function(vector) for vector in range(1 << n_inputs)])
    tables = (values[None, :] >> np.arange(n_outputs)[:, None] & 1).astype(np.uint8)
    return builder.build([lower_table(builder, table, inputs) for table in tables])


@pytest.mark.parametrize(
    ("function", "n_inputs", "n_outputs", "cells"),
    [
        (lambda v: v.bit_count(), 7, 3, 12),
        (lambda v: v.bit_count(), 9, 4, 21),
        (lambda v: v.bit_count() > 3, 7, 1, 7),
        (lambda v: v.bit_count() > 4, 9, 1, 12),
        (lambda v: v.bit_count() > 5, 11, 1, 17),
        (lambda v: (1 << v.bit_count()) - 1, 7, 7, 17),
        (lambda v: (v & 31) + (v >> 5), 10, 6, 15),
        (lambda v: (v & 31) > (v >> 5), 10, 1, 5),
    ],
)
def test_cells_of_functions_given_as_tables(function, n_inputs, n_outputs, cells):
    netlist = table_netlist(function, n_inputs, n_outputs)
    reference = complete_reference(netlist)
    result = Collapse().apply(netlist, reference)
    assert count_wrong(result, reference) == 0
    assert result.n_cells == cells


def test_a_good_structure_is_walked_as_it_is():
    """Without steps for the starts only the netlist as it is given is walked: the array of 27 cells."""
    array = array_multiplier(3, 3)
    assert Collapse(steps=0).apply(array, complete_reference(array)).n_cells == 23


@settings(max_examples=25)
@given(netlists_with_references(max_inputs=5, max_cells=12))
def test_what_matters_stays(case):
    netlist, reference = case
    result = Collapse(orders=2, keep=1, steps=20).apply(netlist, reference)
    assert count_wrong(result, reference) == 0
    assert (result.input_ports, result.output_ports) == (netlist.input_ports, netlist.output_ports)


@settings(max_examples=10)
@given(netlists(max_inputs=4, max_cells=8))
def test_a_sample_is_left_alone(netlist):
    reference = replace(complete_reference(netlist), complete=False)
    assert Collapse().apply(netlist, reference) is netlist


def test_a_table_that_is_too_large_is_left_alone():
    netlist = array_multiplier(3, 3)
    assert Collapse(entries=383).apply(netlist, complete_reference(netlist)) is netlist
    assert Collapse(entries=384).apply(netlist, complete_reference(netlist)).n_cells < 27


def test_options_are_checked():
    assert parse_script("collapse --keep 1")[0] == Collapse(keep=1)
    with pytest.raises(UsageError, match="keep: expected 1 or more, got 0"):
        Collapse(keep=0)
