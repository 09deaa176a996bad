"""Dead cells go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference

__all__ = ["Sweep"]


@dataclass(frozen=True)
class Sweep:
    """Remove the cells that no output depends on; the others stay as they are."""

    name: ClassVar[str] = "sweep"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the netlist without dead cells."""
        used = np.zeros(netlist.n_nodes, dtype=np.bool_)
        used[: netlist.first_cell] = True
        used[netlist.outputs >> 1] = True
        for cell in range(netlist.n_cells - 1, -1, -1):
            if used[netlist.first_cell + cell]:
                used[netlist.fanins[cell] >> 1] = True
        number = (np.cumsum(used) - 1).astype(np.int32)
        fanins = netlist.fanins[used[netlist.first_cell :]]
        return Netlist(
            netlist.name,
            netlist.input_ports,
            netlist.output_ports,
            2 * number[fanins >> 1] + (fanins & 1),
            2 * number[netlist.outputs >> 1] + (netlist.outputs & 1),
        )
