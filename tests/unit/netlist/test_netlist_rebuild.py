"""Rebuilding from arrays against the builder, and substitution."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.errors import NetlistError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.hashing import (
    compact,
    majority,
    new_graph,
    rebuild,
    rebuild_from,
    roll_back,
)
from btfsynth.netlist.kernels import drop, hold
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

# y = (x0 x1)(x1 x2), then an unused cell.
NETLIST = Netlist(
    "t",
    (Port("x", 3),),
    (Port("y", 1),),
    np.array([[0, 2, 4], [0, 4, 6], [0, 8, 10], [1, 2, 6]]),
    np.array([12]),
)


@given(netlist=netlists(max_cells=30))
@settings(max_examples=150, deadline=None)
def test_it_is_what_the_builder_makes(netlist: Netlist) -> None:
    """Literal for literal."""
    builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
    literals = list(range(0, 2 * netlist.first_cell, 2))
    for fanin in netlist.fanins.tolist():
        literals.append(builder.maj(*(literals[lit >> 1] ^ (lit & 1) for lit in fanin)))
    expected = builder.build([literals[lit >> 1] ^ (lit & 1) for lit in netlist.outputs.tolist()])
    found = rebuild(netlist)
    assert np.array_equal(found.fanins, expected.fanins)
    assert np.array_equal(found.outputs, expected.outputs)


@given(netlist=netlists(), data=st.data())
@settings(max_examples=80, deadline=None)
def test_rows_may_come_in_any_order(netlist: Netlist, data: st.DataObject) -> None:
    """The function does not depend on the order; dead rows may hold anything."""
    order = data.draw(st.permutations(range(netlist.n_cells)))
    number = np.arange(netlist.n_nodes + 1)
    number[[netlist.first_cell + cell for cell in order]] = netlist.first_cell + np.arange(
        netlist.n_cells
    )
    own = number[netlist.fanins[list(order)] >> 1] * 2 + (netlist.fanins[list(order)] & 1)
    # One more row, dead, that depends on itself.
    rows = np.concatenate([own.reshape(-1, 3), [[2 * netlist.n_nodes] * 3]])
    outputs = number[netlist.outputs >> 1] * 2 + (netlist.outputs & 1)
    found = rebuild_from(netlist, rows, outputs)
    assert naive.truth_table(found) == naive.truth_table(netlist)
    assert found.n_cells == rebuild(netlist).n_cells


def test_a_substitution_reaches_every_use_and_follows_chains() -> None:
    """Node 5 becomes !4 by way of 7, a later node: the product is false."""
    substitution = 2 * np.arange(NETLIST.n_nodes)
    substitution[5] = 2 * 7
    substitution[7] = 2 * 4 + 1
    result = rebuild(NETLIST, substitution)
    assert (result.n_cells, result.outputs.tolist()) == (0, [0])


def test_a_node_may_be_replaced_by_a_later_one() -> None:
    """Node 4 by 5: one cell is left."""
    substitution = 2 * np.arange(NETLIST.n_nodes)
    substitution[4] = 2 * 5
    result = rebuild(NETLIST, substitution)
    assert (result.fanins.tolist(), result.outputs.tolist()) == ([[0, 4, 6]], [8])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({4: 10, 5: 8}, "is cyclic"),
        ({4: 9}, "is cyclic"),
        ({4: 12}, "a cell depends on itself"),
        ({4: -2}, "out of range"),
        ({4: 16}, "out of range"),
    ],
)
def test_a_substitution_that_is_none_is_an_error(changes: dict[int, int], message: str) -> None:
    """Circles among the literals, through cells, and what is no literal."""
    substitution = 2 * np.arange(NETLIST.n_nodes)
    for node, literal in changes.items():
        substitution[node] = literal
    with pytest.raises(NetlistError, match=f"t: .*{message}"):
        rebuild(NETLIST, substitution)


def test_sizes_must_fit() -> None:
    """A substitution of another netlist and literals of no node are errors."""
    with pytest.raises(NetlistError, match="expected a substitution of 8 nodes, got"):
        rebuild(NETLIST, np.arange(3))
    with pytest.raises(NetlistError, match="a literal is out of range"):
        rebuild_from(NETLIST, np.array([[0, 2, 40]]), np.array([8]))


def test_compacting_keeps_live_cells_as_they_are() -> None:
    """The dead cell goes; nothing is folded or sorted."""
    rows = np.array([[2, 2, 0], [1, 2, 6], [11, 8, 8]], dtype=np.int32)
    result = compact(NETLIST, rows, np.array([12], dtype=np.int32))
    assert (result.fanins.tolist(), result.outputs.tolist()) == (
        [[2, 2, 0], [1, 2, 6], [11, 8, 8]],
        [12],
    )
    result = compact(NETLIST, rows, np.array([8], dtype=np.int32))
    assert (result.fanins.tolist(), result.outputs.tolist()) == ([[2, 2, 0]], [8])


def test_a_graph_counts_the_cells_in_use() -> None:
    """Made, held, dropped and taken back; a cell that exists is found, one taken back is not."""
    graph, stack = new_graph(4, 10), np.zeros(30, dtype=np.int64)
    low = majority(graph, 0, 2, 4)
    high = majority(graph, 0, low, 6)
    assert (low, high, graph.made[0], graph.first) == (8, 10, 6, 4)
    assert hold(graph, high >> 1, stack) == 2
    assert hold(graph, low >> 1, stack) == 0
    assert drop(graph, high >> 1, stack) == 1
    assert majority(graph, 6, 0, low) == high
    assert majority(graph, 1, low ^ 1, 7) == high ^ 1
    roll_back(graph, 5)
    assert graph.made[0] == 5
    assert majority(graph, 4, 0, 2) == low
    assert majority(graph, 4, 5, 2) == 2
    assert graph.made[0] == 5
    assert majority(graph, 6, 0, 2) == high
