"""Structural Verilog-2001: one assign per cell, or an instance, and one register per line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from btfsynth.hdl.module import (
    HardwareModule,
    RegisterNames,
    cell_expression,
    kind_expression,
    listed,
    port_bits,
)
from btfsynth.hdl.templates import render
from btfsynth.netlist.formats.nets import net_prefix
from btfsynth.netlist.gates import GateNetlist, read_cells
from btfsynth.netlist.identifiers import HdlNames, cell_names, printable
from btfsynth.netlist.netlist import TRUE, read_literals
from btfsynth.ports import Port

_UNUSED = "UNUSEDSIGNAL"
_ASCENDING = "LITENDIAN"
"""Later versions of Verilator call the rule ASCRANGE and know it by this name as well."""

VERILOG_CONSTANTS = ("1'b0", "1'b1")


@dataclass(frozen=True)
class VerilogBody:
    """The content of a module: wires, a statement per cell, registers with their inputs, output bits."""

    wires: Sequence[str]
    cells: Sequence[str]
    registers: Sequence[tuple[str, str]]
    outputs: Sequence[str]


def emit_verilog(module: HardwareModule) -> str:
    """Return the netlist as a Verilog module without a warning of any linter."""
    return write_verilog(module, _body(module))


def emit_plain_verilog(module: HardwareModule) -> str:
    """Return a combinational netlist as Verilog that the readers of ABC and mockturtle accept.

    Names in the header and declarations in the body, no directive and no block comment; of operators ``~``
    before a name, ``&``, ``|``, and the three ANDs under an OR that a majority is.
    """
    body = _body(module)
    names = module.names
    return render(
        "verilog/plain.v.j2",
        **module.context(),
        ports=listed([port.name for port in (*names.inputs, *names.outputs)]),
        declarations=[
            *(_declaration("input", port) for port in names.inputs),
            *(_declaration("output", port) for port in names.outputs),
        ],
        wires=listed(body.wires),
        cells=body.cells,
        outputs=list(zip(port_bits(names.outputs), body.outputs, strict=True)),
    )


def emit_gates(netlist: GateNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return a combinational netlist with parities in the same few words, ``^`` added."""
    nets = cell_names(netlist)
    nodes = ["", *port_bits(names.inputs), *nets]

    def text(literal: int) -> str:
        if literal <= TRUE:
            return VERILOG_CONSTANTS[literal]
        return f"{'~' * (literal & 1)}{nodes[literal >> 1]}"

    counts = ", ".join(f"{kind.upper()} {count}" for kind, count in netlist.kinds.items())
    ports = listed([port.name for port in (*names.inputs, *names.outputs)])
    lines = [f"// {names.module}: combinational, made by machine."]
    lines += [f"// {printable(key)}: {printable(value)}" for key, value in provenance.items()]
    lines += [f"// cells: {netlist.n_cells} ({counts}), depth: {netlist.depth}"]
    lines += [f"module {names.module} (", *(f"    {row}" for row in ports), ");"]
    lines += [f"    {_declaration('input', port)};" for port in names.inputs]
    lines += [f"    {_declaration('output', port)};" for port in names.outputs]
    if nets:
        wires = "\n         ".join(listed(nets))
        lines.append(f"    wire {wires};")
    for net, (kind, read) in zip(nets, read_cells(netlist), strict=True):
        lines.append(f"    assign {net} = {kind_expression(kind, list(map(text, read)))};")
    for bit, literal in zip(port_bits(names.outputs), netlist.outputs.tolist(), strict=True):
        lines.append(f"    assign {bit} = {text(literal)};")
    return "\n".join([*lines, "endmodule"]) + "\n"


def _body(module: HardwareModule) -> VerilogBody:
    nets = cell_names(module.netlist)
    nodes = ["", *port_bits(module.names.inputs), *nets]
    read = RegisterNames(module, nodes, VERILOG_CONSTANTS)
    cells = [
        f"assign {net} = {cell_expression(fanin, read.cell(row))};"
        for row, (net, fanin) in enumerate(zip(nets, module.netlist.fanins.tolist(), strict=True))
    ]
    return VerilogBody(nets, cells, read.chains(), read.outputs())


def write_verilog(module: HardwareModule, body: VerilogBody) -> str:
    unused = _unused(module)
    return render(
        "verilog/module.v.j2",
        **module.context(),
        ports=_port_lines(module, unused),
        wires=listed(body.wires),
        unused_nets=bool(unused[module.netlist.first_cell :].any()),
        cells=body.cells,
        registers=body.registers,
        register_names=listed([name for name, _ in body.registers]),
        outputs=list(zip(port_bits(module.names.outputs), body.outputs, strict=True)),
    )


def _unused(module: HardwareModule) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    netlist = module.netlist
    unused = np.ones(netlist.n_nodes, dtype=np.bool_)
    unused[netlist.fanins.ravel() >> 1] = False
    unused[netlist.outputs >> 1] = False
    return unused


def _port_lines(
    module: HardwareModule, unused: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> list[tuple[str, list[str]]]:
    """Return the declaration of every port, and the linters' rules that it breaks."""
    controls = () if module.timing is None else module.timing.controls
    lines: list[tuple[str, list[str]]] = [
        (_declaration("input wire", Port(name, 1)), []) for name in controls
    ]
    first = 1
    for port in module.names.inputs:
        lint = bool(unused[first : first + port.width].any())
        lines.append((_declaration("input wire", port), [*[_UNUSED] * lint, *_lint_of(port)]))
        first += port.width
    kind = "output wire" if module.timing is None else "output reg"
    lines.extend((_declaration(kind, port), _lint_of(port)) for port in module.names.outputs)
    return [
        (f"{line}{',' if place < len(lines) - 1 else ''}", rules)
        for place, (line, rules) in enumerate(lines)
    ]


def _lint_of(port: Port) -> list[str]:
    return [_ASCENDING] if port.step < 0 else []


def _declaration(kind: str, port: Port) -> str:
    width = "" if port.width == 1 else f"{port.range} "
    return f"{kind} {width}{port.name}"


# instances of four cells, for readers that know modules but no operators

_CELLS = MappingProxyType(
    {
        "inv": ("INV", ("a",), "~a"),
        "and": ("AND2", ("a", "b"), "a & b"),
        "or": ("OR2", ("a", "b"), "a | b"),
        "maj": ("MAJ3", ("a", "b", "c"), "(a & b) | (a & c) | (b & c)"),
    }
)
"""Name without prefix, inputs and function of each kind of cell."""


def emit_verilog_cells(module: HardwareModule) -> str:
    return _Instances(module).text()


def emit_cell_library(module: HardwareModule) -> str:
    """Return the modules of which a netlist has instances, and no others."""
    instances = _Instances(module)
    instances.text()
    prefix = _prefix(module)
    return render(
        "verilog/cells.v.j2",
        module=module.names.module,
        header=module.header_lines,
        cells=[
            (prefix + name, inputs, expression)
            for kind, (name, inputs, expression) in _CELLS.items()
            if kind in instances.kinds
        ],
    )


def _prefix(module: HardwareModule) -> str:
    """Return the prefix of the cells, which no port name has in any case."""
    names = module.names
    taken = {name.name.lower() for name in (*names.inputs, *names.outputs)}
    prefix = f"{names.module}_"
    while taken.intersection((prefix + name).lower() for name, _, _ in _CELLS.values()):
        prefix = f"X{prefix}"
    return prefix


class _Instances:
    def __init__(self, module: HardwareModule) -> None:
        names = module.names
        taken = [port.name for port in (*names.inputs, *names.outputs)]
        self.module = module
        self.prefix = _prefix(module)
        self.letters: Mapping[str, str] = {letter: net_prefix(taken, letter) for letter in "uix"}
        self.kinds: set[str] = set()
        self.inverted: dict[str, str] = {}
        self.cells: list[str] = []

    def text(self) -> str:
        nets = cell_names(self.module.netlist)
        nodes = ["", *port_bits(self.module.names.inputs), *nets]
        read = RegisterNames(self.module, nodes, VERILOG_CONSTANTS)
        for row, fanin in enumerate(self.module.netlist.fanins.tolist()):
            kind, texts = read_literals(fanin, read.cell(row))
            self.cell(kind, f"{self.letters['u']}{row + 1}", self.nets(texts), nets[row])
        outputs = self.nets(read.outputs())
        wires = [*nets, *self.inverted.values()]
        return write_verilog(self.module, VerilogBody(wires, self.cells, read.chains(), outputs))

    def nets(self, texts: Sequence[str]) -> list[str]:
        """Return the nets that carry literals; each complement gets one where it is first read."""
        found = []
        for text in texts:
            if text.startswith("~") and text not in self.inverted:
                number = len(self.inverted) + 1
                self.inverted[text] = net = f"{self.letters['i']}{number}"
                self.cell("inv", f"{self.letters['x']}{number}", [text[1:]], net)
            found.append(self.inverted.get(text, text))
        return found

    def cell(self, kind: str, instance: str, reads: Sequence[str], output: str) -> None:
        self.kinds.add(kind)
        name, inputs, _ = _CELLS[kind]
        pins = [f".{pin}({net})" for pin, net in zip(inputs, reads, strict=True)]
        pins.append(f".y({output})")
        self.cells.append(f"{self.prefix}{name} {instance} ({', '.join(pins)});")
