"""What a netlist costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import levels

__all__ = ["NetlistStatistics", "statistics"]


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

    def dominates(self, other: NetlistStatistics) -> bool:
        """Tell whether this costs less in cells, depth or inverters, and more in none of them."""
        own = (self.cells, self.depth, self.inverters)
        others = (other.cells, other.depth, other.inverters)
        return own != others and all(a <= b for a, b in zip(own, others, strict=True))


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
