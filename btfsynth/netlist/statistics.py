"""What a netlist costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["NetlistStatistics", "levels", "statistics"]


@dataclass(frozen=True)
class NetlistStatistics:
    """Cost figures of a netlist.

    Parameters
    ----------
    cells
        All cells.
    and_cells, or_cells, maj_cells
        Cells by kind.
    inverters
        Distinct signals that are used complemented: the inverters a technology without free
        complements would need.
    depth
        Cells on the longest path from an input to an output.
    """

    cells: int
    and_cells: int
    or_cells: int
    maj_cells: int
    inverters: int
    depth: int


def levels(netlist: Netlist) -> NDArray[np.int32]:
    """Return the level of every node, ``(nodes,)`` int32: 0 for inputs, else 1 + the deepest fan-in."""
    level = np.zeros(netlist.n_nodes, dtype=np.int32)
    _levels(netlist.fanins, netlist.first_cell, level)
    return level


@numba.njit(cache=True)
def _levels(fanins: Any, first_cell: int, level: Any) -> None:
    """Fill in the levels of the cells. Changes level."""
    for cell in range(fanins.shape[0]):
        a, b, c = fanins[cell, 0] >> 1, fanins[cell, 1] >> 1, fanins[cell, 2] >> 1
        level[first_cell + cell] = 1 + max(level[a], level[b], level[c])


def statistics(netlist: Netlist) -> NetlistStatistics:
    """Count cells, inverters and depth."""
    fanins = netlist.fanins
    is_and = (fanins == FALSE).any(axis=1)
    and_cells = int(is_and.sum())
    or_cells = int(((fanins == TRUE).any(axis=1) & ~is_and).sum())
    used = np.concatenate([fanins.ravel(), netlist.outputs])
    inverters = len(np.unique(used[(used & 1 == 1) & (used > TRUE)]))
    level = levels(netlist)
    depth = int(level[netlist.outputs >> 1].max(initial=0))
    return NetlistStatistics(
        cells=netlist.n_cells,
        and_cells=and_cells,
        or_cells=or_cells,
        maj_cells=netlist.n_cells - and_cells - or_cells,
        inverters=inverters,
        depth=depth,
    )
