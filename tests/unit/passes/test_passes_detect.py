"""Majorities, exclusive ors and adders hidden in ANDs come out; nothing ever gets larger."""

from __future__ import annotations

import numpy as np
import pytest
from circuits import AND_ADDERS, array_multiplier, full_adder
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    count_wrong,
    function_reference,
    output_words,
    pack_bits,
    unpack_bits,
)
from btfsynth.passes.base import run_pass
from btfsynth.passes.basic import Detect
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port


def detect(netlist: Netlist) -> Netlist:
    """The netlist after the pass, checked on the reference."""
    reference = (
        complete_reference(netlist)
        if netlist.n_inputs <= 16
        else function_reference(
            lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors)),
            netlist.n_inputs,
        )
    )
    result = Detect().apply(netlist, reference)
    assert count_wrong(result, reference) == 0
    return result


@pytest.mark.parametrize("adder", AND_ADDERS)
def test_a_full_adder_of_ands_is_three_cells(adder):
    """Whatever the exclusive ors look like and whatever the carry shares with the sum."""
    given = full_adder(adder)
    assert 7 <= given.n_cells <= 11
    assert detect(given).n_cells == 3


@pytest.mark.parametrize("adder", AND_ADDERS)
@pytest.mark.parametrize(("width", "cells"), [(3, 27), (4, 52), (8, 232)])
def test_an_array_multiplier_of_ands_is_the_textbook_one(adder, width, cells):
    """The 27 and 52 cells of full and half adders of three cells each come out of ANDs."""
    assert array_multiplier(width, width).n_cells == cells
    assert detect(array_multiplier(width, width, adder)).n_cells == cells


@pytest.mark.parametrize(
    ("table", "cells"),
    [(0x80, 2), (0xE8, 1), (0x17, 1), (0x66, 3), (0x96, 3), (0xD8, 3), (0xFE, 2), (0x81, 4)],
)
def test_a_sum_of_minterms_takes_its_smallest_form(table, cells):
    """AND3, majorities, exclusive ors, a multiplexer, OR3 and equality of three."""
    builder = NetlistBuilder("f", [Port("x", 3)], [Port("y", 1)])
    inputs = [builder.input(bit) for bit in range(3)]
    total = 0
    for vector in range(8):
        if table >> vector & 1:
            a, b, c = (inputs[bit] ^ int(not vector >> bit & 1) for bit in range(3))
            total = builder.or_(total, builder.and_(builder.and_(a, b), c))
    assert detect(builder.build([total])).n_cells == cells


def test_a_chain_of_exclusive_ors_takes_three_cells_for_two_inputs():
    """A parity of nine inputs is four parities of three."""
    builder = NetlistBuilder("parity", [Port("x", 9)], [Port("y", 1)])
    total = builder.input(0)
    for bit in range(1, 9):
        total = builder.xor(total, builder.input(bit))
    assert detect(builder.build([total])).n_cells == 12


def test_what_others_read_is_not_counted_as_saved():
    """Where every inner cell is an output, nothing can be gained and nothing changes."""
    given = full_adder(AND_ADDERS[1])
    every = np.arange(2 * given.first_cell, 2 * given.n_nodes, 2)
    open_netlist = Netlist("open", (Port("x", 3),), (Port("y", len(every)),), given.fanins, every)
    assert detect(open_netlist).n_cells <= given.n_cells


@given(netlists(max_inputs=6, max_cells=60))
@settings(max_examples=80, deadline=None)
def test_keeps_the_function_and_never_grows(netlist):
    """Random netlists of any form, with dead cells and constant outputs."""
    assert detect(netlist).n_cells <= rebuild(netlist).n_cells


@given(netlists(max_cells=30))
@settings(max_examples=30, deadline=None)
def test_the_same_netlist_comes_out_again(netlist):
    """Same in, same out."""
    first, second = detect(netlist), detect(netlist)
    assert np.array_equal(first.fanins, second.fanins)
    assert np.array_equal(first.outputs, second.outputs)


def test_a_large_netlist_takes_moments():
    """Some 27,000 ANDs, a multiplier of 64 bits, come down to majorities."""
    given = array_multiplier(64, 64, AND_ADDERS[0])
    assert detect(given).n_cells == array_multiplier(64, 64).n_cells == 16192


def test_it_can_be_named_in_a_script():
    """With its option, and its report says what it did."""
    (step,) = parse_script("detect --rounds 3")
    assert step == Detect(rounds=3)
    given = full_adder(AND_ADDERS[3])
    _, report = run_pass(step, given, complete_reference(given))
    assert (report.name, report.after.cells, report.kept) == ("detect", 3, True)
