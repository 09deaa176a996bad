"""Structural Verilog-2001: one assign a cell, one register a line."""

from __future__ import annotations

import textwrap

import numpy as np

from btfsynth.backends.base import HardwareModule
from btfsynth.backends.expressions import cell_expression, port_bits
from btfsynth.backends.registers import RegisterNames
from btfsynth.backends.templates import render
from btfsynth.dataset.ports import Port
from btfsynth.netlist.statistics import statistics

__all__ = ["emit_verilog"]

_CONSTANTS = ("1'b0", "1'b1")


def emit_verilog(module: HardwareModule) -> str:
    """Return the netlist as a Verilog module that linters have nothing to say about."""
    netlist, names = module.netlist, module.names
    nets = [f"n{number}" for number in range(1, netlist.n_cells + 1)]
    read = RegisterNames(module, ["", *port_bits(names.inputs), *nets], _CONSTANTS)
    unused = _unused(module)
    registers = read.chains()
    return render(
        "verilog/module.v.j2",
        module=names.module,
        summary=module.summary,
        provenance=module.header,
        statistics=statistics(netlist),
        timing=module.timing,
        ports=_port_lines(module, unused),
        wires=_listed(nets),
        unused_nets=bool(unused[netlist.first_cell :].any()),
        cells=[
            (net, cell_expression(fanin, read.cell(row)))
            for row, (net, fanin) in enumerate(zip(nets, netlist.fanins.tolist(), strict=True))
        ],
        registers=registers,
        register_names=_listed([name for name, _ in registers]),
        outputs=list(zip(port_bits(names.outputs), read.outputs(), strict=True)),
    )


def _listed(names: list[str]) -> list[str]:
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
