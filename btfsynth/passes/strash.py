"""Structural hashing: equal cells become one, constants and trivial majorities fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference

__all__ = ["Strash"]


@dataclass(frozen=True)
class Strash:
    """Build the netlist anew through the hashing builder; cells that drive nothing go too."""

    name: ClassVar[str] = "strash"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the hashed netlist."""
        builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
        literals = list(range(0, 2 * netlist.first_cell, 2))
        for fanin in netlist.fanins.tolist():
            a, b, c = (literals[literal >> 1] ^ (literal & 1) for literal in fanin)
            literals.append(builder.maj(a, b, c))
        return builder.build(
            [literals[literal >> 1] ^ (literal & 1) for literal in netlist.outputs.tolist()]
        )
