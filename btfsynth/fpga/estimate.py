"""Estimate what a netlist needs on an FPGA, without any tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.netlist.netlist import Netlist

TABLE_INPUTS = (4, 6)
"""Inputs of a look-up table in common devices."""


@dataclass(frozen=True)
class LutEstimate:
    inputs: int  # of a table
    luts: int  # mapped for few tables
    levels: int
    shallow_luts: int  # mapped for few levels
    least_levels: int


@dataclass(frozen=True)
class Estimate:
    name: str  # of the netlist
    tables: tuple[LutEstimate, ...]  # one per size (`TABLE_INPUTS`)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "tables": [dict(vars(entry)) for entry in self.tables]}


def estimate(netlist: Netlist) -> Estimate:
    """Estimate the look-up tables of a netlist, without registers around it."""
    entries = []
    for inputs in TABLE_INPUTS:
        small, shallow = (map_luts(netlist, inputs, flag) for flag in (False, True))
        entries.append(LutEstimate(inputs, small.luts, small.levels, shallow.luts, shallow.levels))
    return Estimate(netlist.name, tuple(entries))
