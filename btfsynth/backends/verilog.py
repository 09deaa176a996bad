"""Structural Verilog-2001: one assign a cell, one register a line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from btfsynth.backends.base import HardwareModule
from btfsynth.backends.expressions import cell_expression, port_bits
from btfsynth.backends.registers import RegisterNames
from btfsynth.backends.templates import render
from btfsynth.dataset.ports import Port
from btfsynth.netlist.statistics import statistics

__all__ = ["VERILOG_CONSTANTS", "VerilogBody", "emit_verilog", "verilog_nets", "write_verilog"]

VERILOG_CONSTANTS = ("1'b0", "1'b1")


@dataclass(frozen=True)
class VerilogBody:
    """What is inside a module.

    Parameters
    ----------
    wires
        Names of the nets.
    cells
        A statement a cell.
    registers
        Registers in the chains by name, and what each takes over.
    outputs
        What each output bit is, or takes over if there are registers.
    """

    wires: Sequence[str]
    cells: Sequence[str]
    registers: Sequence[tuple[str, str]]
    outputs: Sequence[str]


def emit_verilog(module: HardwareModule) -> str:
    """Return the netlist as a Verilog module that linters have nothing to say about."""
    nets = verilog_nets(module)
    nodes = ["", *port_bits(module.names.inputs), *nets]
    read = RegisterNames(module, nodes, VERILOG_CONSTANTS)
    cells = [
        f"assign {net} = {cell_expression(fanin, read.cell(row))};"
        for row, (net, fanin) in enumerate(zip(nets, module.netlist.fanins.tolist(), strict=True))
    ]
    return write_verilog(module, VerilogBody(nets, cells, read.chains(), read.outputs()))


def verilog_nets(module: HardwareModule) -> list[str]:
    """Return the name of the net of every cell."""
    return [f"n{number}" for number in range(1, module.netlist.n_cells + 1)]


def write_verilog(module: HardwareModule, body: VerilogBody) -> str:
    """Return a module with this inside."""
    unused = _unused(module)
    return render(
        "verilog/module.v.j2",
        module=module.names.module,
        summary=module.summary,
        provenance=module.header,
        statistics=statistics(module.netlist),
        timing=module.timing,
        ports=_port_lines(module, unused),
        wires=_listed(body.wires),
        unused_nets=bool(unused[module.netlist.first_cell :].any()),
        cells=body.cells,
        registers=body.registers,
        register_names=_listed([name for name, _ in body.registers]),
        outputs=list(zip(port_bits(module.names.outputs), body.outputs, strict=True)),
    )


def _listed(names: Sequence[str]) -> list[str]:
    return textwrap.wrap(", ".join(names), 90, break_long_words=False)


def _unused(module: HardwareModule) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell for every node, ``(nodes,)`` bool, whether nothing reads it."""
    netlist = module.netlist
    unused = np.ones(netlist.n_nodes, dtype=np.bool_)
    unused[netlist.fanins.ravel() >> 1] = False
    unused[netlist.outputs >> 1] = False
    return unused


def _port_lines(
    module: HardwareModule, unused: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> list[tuple[str, bool]]:
    """Return the declaration of every port and whether a linter would miss a reader of it."""
    controls = () if module.timing is None else module.timing.controls
    lines = [(_declaration("input wire", Port(name, 1)), False) for name in controls]
    first = 1
    for port in module.names.inputs:
        lint = bool(unused[first : first + port.width].any())
        lines.append((_declaration("input wire", port), lint))
        first += port.width
    kind = "output wire" if module.timing is None else "output reg"
    lines.extend((_declaration(kind, port), False) for port in module.names.outputs)
    return [
        (f"{line}{',' if place < len(lines) - 1 else ''}", lint)
        for place, (line, lint) in enumerate(lines)
    ]


def _declaration(kind: str, port: Port) -> str:
    width = "" if port.width == 1 else f"[{port.width - 1}:0] "
    return f"{kind} {width}{port.name}"
