"""Structural hashing: equal cells become one, constants and trivial majorities fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference

__all__ = ["Strash"]


@dataclass(frozen=True)
class Strash:
    """Build the netlist anew under structural hashing; cells that drive nothing go too."""

    name: ClassVar[str] = "strash"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        """Return the hashed netlist."""
        return rebuild(netlist)
