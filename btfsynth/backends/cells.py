"""Cells that every netlist file can hold."""

from __future__ import annotations

import numpy as np

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.rebuild import rebuild

__all__ = ["plain_cells"]


def plain_cells(netlist: Netlist) -> Netlist:
    """Return the netlist if every cell reads three different nodes, else one where they do.

    A netlist that the passes have left as it should be keeps its complements where they are.
    """
    nodes = np.sort(netlist.fanins >> 1, axis=1)
    folds = (nodes[:, 0] == nodes[:, 1]) | (nodes[:, 1] == nodes[:, 2])
    return rebuild(netlist) if folds.any() else netlist
