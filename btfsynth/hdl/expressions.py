"""Cells as text in the operators that Verilog and Python share: ``&``, ``|`` and ``~``."""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.netlist.literals import read_literals
from btfsynth.ports import Port

__all__ = [
    "cell_expression",
    "place_bits",
    "port_bits",
]


def port_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is referred to where ranges are declared: ``a[0] a[1]``, or the name of a scalar."""
    return [name for port in ports for name in port.bits]


def place_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is referred to where all vectors count from 0, as in Python."""
    return [
        port.name if port.width == 1 else f"{port.name}[{bit}]"
        for port in ports
        for bit in range(port.width)
    ]


def cell_expression(fanin: Sequence[int], texts: Sequence[str]) -> str:
    """Return a cell as ``x & y``, ``x | y`` or three ANDs under an OR (see `read_literals`)."""
    kind, read = read_literals(fanin, texts)
    if kind == "maj":
        x, y, z = read
        return f"({x} & {y}) | ({x} & {z}) | ({y} & {z})"
    return f" {'&' if kind == 'and' else '|'} ".join(read)
