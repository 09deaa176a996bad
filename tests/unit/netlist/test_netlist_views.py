"""Levels, users and cones of a hand-made netlist."""

from __future__ import annotations

import numpy as np

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import (
    count_references,
    heights,
    levels,
    list_users,
    mark_cone,
    topological_order,
)
from btfsynth.ports import Port

# Inputs 1, 2, 3; cells 4 to 8; node 8 is dead, node 5 is used twice.
NETLIST = Netlist(
    "t",
    (Port("x", 3),),
    (Port("y", 2),),
    np.array([[0, 2, 5], [1, 5, 8], [2, 6, 11], [9, 11, 12], [1, 3, 4]]),
    np.array([15, 12]),
)
FIRST = NETLIST.first_cell


def test_heights_are_the_cells_to_the_farthest_output() -> None:
    """A dead cell has none; level and height of a critical node add up to the depth."""
    height = heights(NETLIST.fanins, NETLIST.outputs, FIRST)
    assert height.tolist() == [4, 4, 4, 2, 3, 2, 1, 0, -1]
    assert (levels(NETLIST) + height)[[1, 4, 5, 6, 7]].tolist() == [4] * 5


def test_a_cone_holds_what_its_roots_depend_on() -> None:
    """Roots, their fan-in and no more."""
    cone = mark_cone(NETLIST.fanins, np.array([11], dtype=np.int32), FIRST)
    assert np.flatnonzero(cone).tolist() == [0, 1, 2, 4, 5]


def test_users_and_references_agree() -> None:
    """Users in rising order; outputs count as references only."""
    start, users = list_users(NETLIST.fanins, FIRST)
    listed = [users[start[n] : start[n + 1]].tolist() for n in range(NETLIST.n_nodes)]
    assert listed == [[4, 5, 8], [4, 6, 8], [4, 5, 8], [6], [5, 7], [6, 7], [7], [], []]
    references = count_references(NETLIST.fanins, NETLIST.outputs, FIRST)
    assert references.tolist() == [3, 3, 3, 1, 2, 2, 2, 1, 0]


def test_topological_order_of_rows_in_any_order() -> None:
    """Fan-in first, from the outputs; dead rows are left out."""
    rows = np.array([[0, 2, 10], [0, 4, 6], [1, 2, 4]], dtype=np.int32)
    order = topological_order(rows, np.array([9], dtype=np.int32), FIRST)
    assert order.tolist() == [5, 4]
