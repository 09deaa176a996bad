"""Signals that are one function of the same few signals become one."""

from __future__ import annotations

import numpy as np
from circuits import AND_ADDERS, array_multiplier
from hypothesis import given
from strategies import complete_reference, netlists

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.simulation import count_wrong
from btfsynth.passes.basic import Detect
from btfsynth.passes.sat_sweep import equal_over_cuts
from btfsynth.ports import Port
from btfsynth.verify.equivalence import joined


@given(netlists())
def test_what_becomes_one_is_equal(netlist):
    """On all vectors, whatever is merged; each node becomes an earlier one or stays."""
    netlist = rebuild(netlist)
    literals = equal_over_cuts(netlist)
    assert (literals >> 1 <= np.arange(netlist.n_nodes)).all()
    assert count_wrong(rebuild(netlist, literals), complete_reference(netlist)) == 0


def test_an_exclusive_or_in_two_forms_is_one():
    """Its complement, too, though not a cell is the same."""
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 2)])
    a, b = builder.input(0), builder.input(1)
    other = builder.or_(builder.and_(a, b), builder.and_(a ^ 1, b ^ 1))
    netlist = builder.build([builder.xor(a, b), other])
    merged = rebuild(netlist, equal_over_cuts(netlist))
    assert merged.outputs[0] == merged.outputs[1] ^ 1


def test_local_replacements_are_found_again():
    """A multiplier of AND gates and that of its majorities become one, without a vector or a solver."""
    gates = array_multiplier(10, 10, AND_ADDERS[0])
    majorities = Detect().apply(gates, complete_reference(array_multiplier(2, 2)))
    both = rebuild(joined(gates, majorities))
    merged = rebuild(both, equal_over_cuts(both))
    half = merged.n_outputs // 2
    assert (merged.outputs[:half] == merged.outputs[half:]).all()
