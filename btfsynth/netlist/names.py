"""What cells are called, in listings, drawings and every file that names them."""

from __future__ import annotations

import re

from btfsynth.dataset.ports import bit_names
from btfsynth.netlist.netlist import Netlist

__all__ = ["cell_names", "cell_prefix"]


def cell_prefix(netlist: Netlist) -> str:
    """Return what stands before the number of a cell: ``n``, or more of them where a port is called so.

    Cells are numbered from 1, in the order in which the netlist has them.
    """
    ports = (*netlist.input_ports, *netlist.output_ports)
    taken = {name.strip().lower() for name in (*bit_names(ports), *(port.name for port in ports))}
    prefix = "n"
    while any(re.fullmatch(f"{prefix}[0-9]+", name) for name in taken):
        prefix += "n"
    return prefix


def cell_names(netlist: Netlist) -> list[str]:
    """Return the name of every cell, in order."""
    prefix = cell_prefix(netlist)
    return [f"{prefix}{number}" for number in range(1, netlist.n_cells + 1)]
