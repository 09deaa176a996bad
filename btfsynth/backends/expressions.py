"""Cells as text in the operators that Verilog and Python share: ``&``, ``|`` and ``~``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from btfsynth.dataset.ports import Port
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["cell_expressions", "literal_text", "port_bits"]


def port_bits(ports: Sequence[Port]) -> list[str]:
    """Return how each bit is referred to: ``a[0] a[1]``, or the plain name of a scalar."""
    return [
        port.name if port.width == 1 else f"{port.name}[{bit}]"
        for port in ports
        for bit in range(port.width)
    ]


def literal_text(literal: int, nodes: Sequence[str], constants: tuple[str, str]) -> str:
    """Return a literal as text.

    Parameters
    ----------
    literal
        What to write.
    nodes
        Name of every node; node 0, the constant, is not looked at.
    constants
        Text of false and of true.
    """
    if literal in (FALSE, TRUE):
        return constants[literal]
    return f"{'~' if literal & 1 else ''}{nodes[literal >> 1]}"


def cell_expressions(netlist: Netlist, text: Callable[[int], str]) -> list[str]:
    """Return one expression a cell, ``x & y``, ``x | y`` or three ANDs under an OR.

    Parameters
    ----------
    netlist
        Its cells, in topological order.
    text
        Writes a literal.
    """
    return [_expression([int(literal) for literal in fanin], text) for fanin in netlist.fanins]


def _expression(fanin: list[int], text: Callable[[int], str]) -> str:
    for constant, operator in ((FALSE, "&"), (TRUE, "|")):
        if constant in fanin:
            rest = list(fanin)
            rest.remove(constant)
            return f"{text(rest[0])} {operator} {text(rest[1])}"
    x, y, z = (text(literal) for literal in fanin)
    return f"({x} & {y}) | ({x} & {z}) | ({y} & {z})"
