"""The sizes of the table once more, by complete enumeration: no solver, no encoding."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from btfsynth.exact.table import load_table, npn_classes, self_dual_classes

FIRST = 5
"""Local nodes before the cells: the constant and four inputs."""


@numba.njit
def extend(signals: Any, unused: Any, last: Any, n_cells: Any, reached: Any) -> int:
    """Add cells up to a size in every way; mark the functions of the last one; return how many chains.

    signals: uint16, the tables of the nodes, room for those to come; unused: the cells that none reads, as
    bits; last: (nodes so far, key of the last cell). A cell reads the one before it or comes after it in the
    order of the keys, for else the two could be exchanged; a cell that is read by none to the end, or computes
    what a node is already, makes no smallest netlist.
    """
    nodes, last_key = last
    left = FIRST + n_cells - nodes
    if left == 0:
        reached[signals[nodes - 1]] = True
        return 1
    chains = 0
    for c in range(2, nodes):
        for b in range(1, c):
            for a in range(b):
                now = unused & ~((1 << a) | (1 << b) | (1 << c))
                # One more cell reads three at most, so a cell takes two off the unused ones, net.
                count = 0
                rest = now
                while rest:
                    rest &= rest - 1
                    count += 1
                if count > 2 * (left - 1):
                    continue
                for flip in range(4):
                    key = 4 * (256 * c + 16 * b + a) + flip
                    if c != nodes - 1 and key <= last_key:
                        continue
                    x, y, z = signals[a], signals[b], signals[c]
                    if flip == 1:
                        x = ~x
                    elif flip == 2:
                        y = ~y
                    elif flip == 3:
                        z = ~z
                    made = (x & y) | (z & (x | y))
                    known = False
                    for node in range(nodes):
                        known = known or made == signals[node] or made == ~signals[node]
                    if not known:
                        signals[nodes] = made
                        chains += extend(
                            signals, now | (1 << nodes), (nodes + 1, key), n_cells, reached
                        )
    return chains


def functions_of(n_cells: int) -> tuple[np.ndarray, int]:
    """Whether each table is one of so many cells, the first of which is <0 a b>; how many chains."""
    signals = np.zeros(FIRST + n_cells, dtype=np.uint16)
    signals[:FIRST] = 0x0000, 0xAAAA, 0xCCCC, 0xF0F0, 0xFF00
    signals[FIRST] = 0x8888
    reached = np.zeros(1 << 16, dtype=np.bool_)
    chains = extend(signals, 1 << FIRST, (FIRST + 1, -1), n_cells, reached)
    return reached, chains


def sizes_up_to(most: int) -> dict[int, int]:
    """The least cells of the NPN classes' representatives that take so many or fewer.

    Any first cell becomes <0 a b> by exchanges and complements of the constant and the inputs, under which the
    self-dual classes are closed: with this first cell every class is reached that is reached at all.
    """
    number = self_dual_classes().number
    least = dict.fromkeys(number[[0x0000, 0xAAAA]].tolist(), 0)
    for n_cells in range(1, most + 1):
        for row in np.unique(number[functions_of(n_cells)[0]]).tolist():
            least.setdefault(row, n_cells)
    tables = npn_classes().representatives.tolist()
    return {table: least[number[table]] for table in tables if number[table] in least}


@pytest.mark.parametrize(
    "most", [4, pytest.param(6, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_enumeration_finds_the_same_sizes(most: int) -> None:
    """What takes so many cells or fewer, and so what takes more: with six, all but one class."""
    entries = load_table()
    expected = {entry.table: entry.cells for entry in entries if entry.cells <= most}
    assert sizes_up_to(most) == expected
    assert most < 6 or len(entries) - len(expected) == 1
