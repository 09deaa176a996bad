"""Covers of look-up tables compute their netlists, and are small and shallow where that is known."""

from __future__ import annotations

import numpy as np
import pytest
from circuits import array_multiplier, full_adder, majority_adder
from hypothesis import given, settings
from naive import all_vectors, truth_table
from strategies import netlists

from btfsynth.errors import NetlistError
from btfsynth.fpga.lut_mapper import estimate, map_luts
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port


def cover_outputs(netlist: Netlist, inputs: int, shallow: bool) -> tuple[list[list[int]], int]:
    """Evaluate a cover vector by vector; also the most tables on a path."""
    cover = map_luts(netlist, inputs, shallow)
    rows, deepest = [], 0
    for vector in all_vectors(netlist.n_inputs):
        value = {0: 0} | {1 + place: int(bit) for place, bit in enumerate(vector)}
        level = dict.fromkeys(value, 0)
        for root, leaves, table in zip(
            cover.roots.tolist(), cover.leaves.tolist(), cover.tables.tolist(), strict=True
        ):
            read = [leaf for leaf in leaves if leaf >= 0]
            assert len(read) <= inputs
            place = sum(value[leaf] << at for at, leaf in enumerate(read))
            value[root] = table >> place & 1
            level[root] = 1 + max((level[leaf] for leaf in read), default=0)
        outputs = netlist.outputs.tolist()
        rows.append([value[literal >> 1] ^ literal & 1 for literal in outputs])
        deepest = max((level[literal >> 1] for literal in outputs), default=0)
    assert cover.luts >= len(cover.roots)
    return rows, deepest


@settings(deadline=None, max_examples=20)
@given(netlist=netlists(max_inputs=5, max_cells=12))
@pytest.mark.parametrize("inputs", [4, 6])
@pytest.mark.parametrize("shallow", [False, True])
def test_cover_computes_the_netlist(netlist, inputs, shallow):
    """Every cover of any netlist has the outputs of the netlist."""
    rows, deepest = cover_outputs(netlist, inputs, shallow)
    assert np.array_equal(np.array(rows).reshape(-1, netlist.n_outputs), truth_table(netlist))
    assert deepest <= map_luts(netlist, inputs, shallow).levels


@pytest.mark.parametrize(
    ("netlist", "inputs", "luts"),
    [
        (full_adder(majority_adder), 4, 2),
        (array_multiplier(2, 2), 4, 4),
        (array_multiplier(3, 3), 6, 6),
    ],
    ids=["full adder", "multiplier 2", "multiplier 3 in tables of 6"],
)
def test_least_tables(netlist, inputs, luts):
    """A function of as many inputs as a table takes one table an output."""
    cover = map_luts(netlist, inputs)
    assert (cover.luts, cover.levels) == (luts, 1)


def test_estimates_do_not_change():
    """The same netlist has the same estimate, and fewer levels never mean fewer tables."""
    netlist = array_multiplier(4, 4)
    found = estimate(netlist)
    assert found == estimate(netlist)
    four, six = found.tables
    assert 24 <= four.luts <= 36
    assert six.luts < four.luts
    for entry in found.tables:
        assert entry.least_levels <= entry.levels
        assert entry.luts <= entry.shallow_luts


def test_inverted_outputs_take_tables():
    """An input that is inverted takes a table, and so does a cell that is wanted both ways."""
    builder = NetlistBuilder("inverted", [Port("a", 2)], [Port("y", 4)])
    a, b = builder.input(0), builder.input(1)
    both = builder.and_(a, b)
    cover = map_luts(builder.build([a, a ^ 1, both, both ^ 1]), 4)
    assert (cover.luts, len(cover.roots)) == (3, 1)


def test_no_cells():
    """Wires and constants take no tables."""
    builder = NetlistBuilder("wires", [Port("a", 1)], [Port("y", 2)])
    cover = map_luts(builder.build([builder.input(0), 1]), 4)
    assert (cover.luts, cover.levels) == (0, 0)


@pytest.mark.parametrize("inputs", [2, 7])
def test_table_size_is_checked(inputs):
    """Tables have from 3 to 6 inputs."""
    with pytest.raises(NetlistError, match="3 to 6 inputs"):
        map_luts(array_multiplier(2, 2), inputs)
