"""Dead cells go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from btfsynth.netlist.hashing import compact
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
        return compact(netlist, netlist.fanins, netlist.outputs)
