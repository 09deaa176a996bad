"""Read what Yosys writes as JSON, and count its cells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.errors import ToolError
from btfsynth.fpga.devices import Family

__all__ = ["CellCounts", "count_cells"]

_GENERIC = ("$lut",)
_OUTPUTS = frozenset({"O", "F", "Z", "Y"})
"""What the output of a look-up table or multiplexer is called."""


@dataclass(frozen=True)
class CellCounts:
    """Cells of a mapped module.

    Parameters
    ----------
    luts, muxes, flip_flops, carries
        Cells by kind; a multiplexer joins look-up tables.
    levels
        Look-up tables and such multiplexers on the longest path between inputs, registers and outputs.
    """

    luts: int
    muxes: int
    flip_flops: int
    carries: int
    levels: int


def count_cells(path: Path, module: str, family: Family) -> CellCounts:
    """Count the cells of a module in Yosys' JSON.

    Parameters
    ----------
    path
        The file.
    module
        The module's name.
    family
        Whose primitives it is made of; ``$lut`` counts too.

    Raises
    ------
    ToolError
        If it is not such a file.
    """
    try:
        cells: Mapping[str, Any] = json.loads(path.read_text())["modules"][module]["cells"]
        kinds = {name: _kind(cell["type"], family) for name, cell in cells.items()}
        counts = dict.fromkeys(("lut", "mux", "ff", "carry", ""), 0)
        for kind in kinds.values():
            counts[kind] += 1
        levels = _levels([cells[name] for name, kind in kinds.items() if kind in {"lut", "mux"}])
    except (OSError, ValueError, KeyError, TypeError):
        raise ToolError(f"yosys wrote no netlist of {module}") from None
    return CellCounts(counts["lut"], counts["mux"], counts["ff"], counts["carry"], levels)


def _kind(cell: str, family: Family) -> str:
    for kind, names in (
        ("lut", (*family.lut_cells, *_GENERIC)),
        ("mux", family.mux_cells),
        ("ff", family.ff_cells),
        ("carry", family.carry_cells),
    ):
        if cell.startswith(names):
            return kind
    return ""


def _levels(cells: list[Mapping[str, Any]]) -> int:
    """Return the most cells on a path through combinational cells."""
    drivers: dict[int, list[int]] = {}
    for cell in cells:
        inputs: list[int] = []
        outputs: list[int] = []
        for port, bits in cell["connections"].items():
            nets = [bit for bit in bits if isinstance(bit, int)]
            (outputs if port in _OUTPUTS else inputs).extend(nets)
        drivers |= dict.fromkeys(outputs, inputs)
    level: dict[int, int] = {}
    for root in drivers:
        stack = [root]
        while stack:
            net = stack[-1]
            waiting = [
                source for source in drivers[net] if source in drivers and source not in level
            ]
            if net not in level and waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            sources = [level[source] for source in drivers[net] if source in level]
            level[net] = 1 + max(sources, default=0)
    return max(level.values(), default=0)
