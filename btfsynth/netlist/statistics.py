"""What a netlist costs."""

from __future__ import annotations

from dataclasses import dataclass

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
    for cell, fanin in enumerate(netlist.fanins):
        level[netlist.first_cell + cell] = 1 + level[fanin >> 1].max()
    return level


def statistics(netlist: Netlist) -> NetlistStatistics:
    """Count cells, inverters and depth."""
    fanins = netlist.fanins
    and_cells = int((fanins == FALSE).any(axis=1).sum())
    or_cells = int((fanins == TRUE).any(axis=1).sum())
    used = np.concatenate([fanins.ravel(), netlist.outputs])
    inverters = len(np.unique(used[(used & 1 == 1) & (used > TRUE)]))
    level = levels(netlist)
    depth = int(level[netlist.outputs >> 1].max()) if netlist.n_outputs else 0
    return NetlistStatistics(
        cells=netlist.n_cells,
        and_cells=and_cells,
        or_cells=or_cells,
        maj_cells=netlist.n_cells - and_cells - or_cells,
        inverters=inverters,
        depth=depth,
    )
