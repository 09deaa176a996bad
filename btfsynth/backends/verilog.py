"""Structural Verilog-2001: one assign a cell."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np

from btfsynth.backends.expressions import cell_expressions, literal_text, port_bits
from btfsynth.backends.identifiers import HdlNames, printable
from btfsynth.backends.templates import render
from btfsynth.dataset.ports import Port
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.statistics import statistics

__all__ = ["emit_verilog"]

_CONSTANTS = ("1'b0", "1'b1")


def emit_verilog(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as a Verilog module that linters have nothing to say about.

    Parameters
    ----------
    netlist
        What to write.
    names
        Its legal names.
    provenance
        Lines of the header comment, in order.
    """
    nets = [f"n{number}" for number in range(1, netlist.n_cells + 1)]
    nodes = ["", *port_bits(names.inputs), *nets]

    def text(literal: int) -> str:
        return literal_text(literal, nodes, _CONSTANTS)

    unused = _unused(netlist)
    bits = port_bits(names.outputs)
    return render(
        "verilog/module.v.j2",
        module=names.module,
        provenance=[(printable(key), printable(value)) for key, value in provenance.items()],
        statistics=statistics(netlist),
        ports=_port_lines(names, unused),
        wires=textwrap.wrap(", ".join(nets), 90, break_long_words=False),
        unused_nets=bool(unused[netlist.first_cell :].any()),
        cells=list(zip(nets, cell_expressions(netlist, text), strict=True)),
        outputs=[
            (bit, text(int(literal))) for bit, literal in zip(bits, netlist.outputs, strict=True)
        ],
    )


def _unused(netlist: Netlist) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell for every node, ``(nodes,)`` bool, whether nothing reads it."""
    unused = np.ones(netlist.n_nodes, dtype=np.bool_)
    unused[netlist.fanins.ravel() >> 1] = False
    unused[netlist.outputs >> 1] = False
    return unused


def _port_lines(
    names: HdlNames, unused: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> list[tuple[str, bool]]:
    """Return the declaration of every port and whether a linter would miss a reader of it."""
    lines = []
    first = 1
    for port in names.inputs:
        lines.append((_declaration("input", port), bool(unused[first : first + port.width].any())))
        first += port.width
    lines.extend((_declaration("output", port), False) for port in names.outputs)
    return [
        (f"{line}{',' if place < len(lines) - 1 else ''}", lint)
        for place, (line, lint) in enumerate(lines)
    ]


def _declaration(direction: str, port: Port) -> str:
    width = "" if port.width == 1 else f"[{port.width - 1}:0] "
    return f"{direction} wire {width}{port.name}"
