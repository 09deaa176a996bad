"""Verilog as instances of four cells, for readers that know modules but no operators.

The cells are called after the module: two designs in one project, read together or apart, have cells of
their own.

Netlist readers as ABC's and those of placers take instances of a library with one net a pin. Inverters are
therefore instances too, one for every signal that is read complemented, and no port is connected to an
expression. Registers stay in an ``always`` block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.expressions import port_bits
from btfsynth.hdl.registers import RegisterNames
from btfsynth.hdl.templates import render
from btfsynth.hdl.verilog.emit import VERILOG_CONSTANTS, VerilogBody, verilog_nets, write_verilog
from btfsynth.netlist.formats.tokens import net_prefix
from btfsynth.netlist.literals import read_literals

__all__ = [
    "emit_cell_library",
    "emit_verilog_cells",
]

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
    """Return the netlist as a Verilog module of instances (see `emit_cell_library`)."""
    return _Instances(module).text()


def emit_cell_library(module: HardwareModule) -> str:
    """Return the modules of which a netlist has instances; no cell that it does not need is among them."""
    instances = _Instances(module)
    instances.text()
    prefix = _prefix(module)
    return render(
        "verilog/cells.v.j2",
        module=module.names.module,
        provenance=module.header,
        cells=[
            (prefix + name, inputs, expression)
            for kind, (name, inputs, expression) in _CELLS.items()
            if kind in instances.kinds
        ],
    )


def _prefix(module: HardwareModule) -> str:
    """Return the prefix of the cells; none is called as a port is, in any case."""
    names = module.names
    taken = {name.name.lower() for name in (*names.inputs, *names.outputs)}
    prefix = f"{names.module}_"
    while taken.intersection((prefix + name).lower() for name, _, _ in _CELLS.values()):
        prefix = f"X{prefix}"
    return prefix


class _Instances:
    """The instances of a module while they are written."""

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
        """Return the module."""
        nets = verilog_nets(self.module)
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
