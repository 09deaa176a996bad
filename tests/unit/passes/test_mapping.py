"""Mapping: adders found in any structure, exactly, and never more cells."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from circuits import AND_ADDERS, array_multiplier, full_adder
from hypothesis import given, settings
from strategies import complete_reference, netlists

from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.passes.mapping import Mapping, _choices, _choose
from btfsynth.ports import Port


def mapped(netlist: Netlist) -> Netlist:
    result = Mapping().apply(netlist, complete_reference(netlist))
    assert naive.truth_table(result) == naive.truth_table(netlist)
    return result


@pytest.mark.parametrize("adder", AND_ADDERS)
def test_a_full_adder_of_ands_takes_three_cells(adder):
    assert mapped(full_adder(adder)).n_cells == 3


@pytest.mark.parametrize("adder", AND_ADDERS)
def test_a_multiplier_of_ands_takes_what_it_takes_in_majorities(adder):
    netlist = array_multiplier(4, 4, adder)
    assert Mapping().apply(netlist, complete_reference(netlist)).n_cells <= 52


def test_a_half_adder_takes_three_cells():
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 2)])
    a, b = builder.input(0), builder.input(1)
    total = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    assert mapped(builder.build([total, builder.and_(a, b)])).n_cells == 3


@settings(max_examples=60, deadline=None)
@given(netlists(max_inputs=5, max_cells=20))
def test_never_more_cells(netlist):
    assert mapped(netlist).n_cells <= rebuild(netlist).n_cells


@settings(max_examples=60, deadline=None)
@given(netlists(max_inputs=5, max_cells=20))
def test_a_cover_uses_the_leaves_of_what_it_uses_and_nothing_else(netlist):
    netlist = rebuild(netlist)
    cuts = find_cuts(netlist, 4, 8, smallest=False)
    choices = _choices(cuts, netlist.first_cell)
    chosen = _choose(choices, netlist.fanins, netlist.outputs, 2, 2)
    wanted = {literal >> 1 for literal in netlist.outputs.tolist()}
    for node in range(netlist.n_nodes - 1, netlist.first_cell - 1, -1):
        assert (chosen[node] >= 0) == (node in wanted)
        if node in wanted:
            size = cuts.size[node, chosen[node]]
            wanted.update(cuts.leaves[node, chosen[node], :size].tolist())


def test_the_same_leaves_are_one_group():
    netlist = full_adder(AND_ADDERS[0])
    cuts = find_cuts(netlist, 4, 12, smallest=False)
    choices = _choices(cuts, netlist.first_cell)
    groups = {}
    for node, cut in zip(*np.nonzero(choices.role), strict=True):
        leaves = tuple(cuts.leaves[node, cut, : cuts.size[node, cut]].tolist())
        groups.setdefault(leaves, set()).add(int(choices.group[node, cut]))
    assert all(len(found) == 1 for found in groups.values())
    assert len({min(found) for found in groups.values()}) == len(groups) > 1
    assert (1, 2, 3) in groups


def test_options_are_checked():
    with pytest.raises(UsageError, match="cuts: expected 2 to 250, got 1"):
        Mapping(cuts=1)
    with pytest.raises(UsageError, match="rounds: expected 1 or more, got 0"):
        Mapping(rounds=0)
