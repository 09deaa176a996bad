"""Cuts of three and four leaves: their functions and what is kept of them."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import netlists

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.cuts import find_cuts
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, simulate, unpack_bits
from btfsynth.ports import Port


@given(netlist=netlists(max_inputs=5, max_cells=20))
@settings(max_examples=60, deadline=None)
def test_a_node_is_the_function_of_its_leaves(netlist: Netlist) -> None:
    """On every vector, for every cut; the last one is the node itself."""
    words = simulate(netlist, exhaustive_words(netlist.n_inputs))
    values = unpack_bits(words, 1 << netlist.n_inputs).astype(int)
    for most, per_node, smallest in ((4, 2, True), (4, 5, True), (4, 40, True), (3, 12, False)):
        cuts = find_cuts(netlist, most, per_node, smallest=smallest)
        assert (cuts.size <= most).all()
        assert (cuts.counts <= per_node).all()
        for node in range(1, netlist.n_nodes):
            for cut in range(cuts.counts[node]):
                leaves = cuts.leaves[node, cut, : cuts.size[node, cut]].tolist()
                assert leaves == sorted(set(leaves))
                assert all(leaf < node or leaves == [node] for leaf in leaves)
                index = sum(values[:, leaf] << place for place, leaf in enumerate(leaves))
                table = int(cuts.tables[node, cut])
                index = np.broadcast_to(index, len(values))
                assert (values[:, node] == [table >> int(v) & 1 for v in index]).all()
            assert cuts.leaves[node, cuts.counts[node] - 1, 0] == node


def test_no_cut_holds_another() -> None:
    """All cuts of four leaves of a small tree, none a superset of one that is there."""
    builder = NetlistBuilder("t", [Port("x", 4)], [Port("y", 1)])
    a, b, c, d = (builder.input(bit) for bit in range(4))
    netlist = builder.build([builder.or_(builder.and_(a, b), builder.and_(c, d))])
    cuts = find_cuts(netlist, 4, 16, smallest=True)
    root = netlist.n_nodes - 1
    sets = [
        frozenset(cuts.leaves[root, cut, : cuts.size[root, cut]].tolist())
        for cut in range(cuts.counts[root])
    ]
    assert set(sets) == {
        frozenset(leaves) for leaves in ((5, 6), (1, 2, 6), (3, 4, 5), (1, 2, 3, 4), (7,))
    }
    assert len(sets) == 5


def test_leaves_that_do_not_matter_are_dropped() -> None:
    """a (a + b) is a."""
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 1)])
    a, b = builder.input(0), builder.input(1)
    netlist = builder.build([builder.and_(a, builder.or_(a, b))])
    cuts = find_cuts(netlist, 4, 8, smallest=True)
    assert [1] in [
        cuts.leaves[4, cut, : cuts.size[4, cut]].tolist() for cut in range(cuts.counts[4])
    ]


@pytest.mark.parametrize("per_node", [3, 4])
def test_small_cuts_stay_where_places_are_few(per_node: int) -> None:
    """Of the cuts of an AND tree the one of its two fan-ins is always kept."""
    builder = NetlistBuilder("t", [Port("x", 8)], [Port("y", 1)])
    level = [builder.input(bit) for bit in range(8)]
    while len(level) > 1:
        level = [builder.and_(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    netlist = builder.build(level)
    cuts = find_cuts(netlist, 4, per_node, smallest=True)
    root = netlist.n_nodes - 1
    assert 2 in cuts.size[root, : cuts.counts[root] - 1]
    assert naive.truth_table(netlist)[-1] == [1]
