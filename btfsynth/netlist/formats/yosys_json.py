"""Yosys JSON: a module of gates of Yosys' internal library and small tables, as ``write_json`` leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.errors import SequentialError
from btfsynth.netlist import functions as gates
from btfsynth.netlist.builder import lower_table
from btfsynth.netlist.formats.cells import library_cell, needed_functions
from btfsynth.netlist.formats.nets import (
    Design,
    Make,
    NetTable,
    net_prefix,
    plain_cells,
    token_names,
)
from btfsynth.netlist.functions import MAX_TABLE_WIDTH, table_gate
from btfsynth.netlist.gates import AnyNetlist, read_cells
from btfsynth.netlist.identifiers import HdlNames, cell_prefix
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.ports import MAX_INDEX, Port, bit_names

_IGNORED = ("$scopeinfo",)
_MAX_WIDTH = 1_000_000


def parse_yosys_json(file: SourceFile, comb: bool = False, widest: int = MAX_TABLE_WIDTH) -> Design:
    """Read the top module, or the only one; flip-flops become ports if `comb` (see `NetTable`).

    A look-up table has at most `widest` inputs.
    """
    try:
        document = json.loads("\n".join(file.lines))
        return Design(_Reader(file, *_top(file, document), comb, widest).read())
    except (ValueError, RecursionError) as error:
        raise file.error(f"expected JSON: {' '.join(str(error).split())}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise file.error(f"expected Yosys JSON: {type(error).__name__} {error}") from None


def _top(file: SourceFile, document: Any) -> tuple[str, Mapping[str, Any]]:
    modules = document["modules"]
    marked = [name for name, module in modules.items() if _is_set(module, "top")]
    named = marked or [name for name, module in modules.items() if not _is_set(module, "blackbox")]
    if len(named) != 1:
        raise file.error(f"expected one module, or one marked as the top, got {len(named)}")
    return named[0], modules[named[0]]


def _is_set(module: Mapping[str, Any], attribute: str) -> bool:
    value = module.get("attributes", {}).get(attribute, "0")
    return str(value).strip("0") != ""


class _Reader:
    def __init__(
        self, file: SourceFile, name: str, module: Mapping[str, Any], comb: bool, widest: int
    ) -> None:
        self.file = file
        self.widest = widest
        self.name = name
        self.module = module
        self.nets = NetTable(file, comb)
        self.registers: set[str] = set()
        self.names = {
            bit: bit_name
            for name, net in sorted(module.get("netnames", {}).items(), key=self.rank)
            if net["bits"]
            for bit_name, bit in zip(self.declared(name, net).bits, net["bits"], strict=True)
        }

    def read(self) -> Netlist:
        drivers: dict[str, str] = {}
        read = set()
        for net, reads, make, who in self.gates():
            if net in drivers:
                raise self.file.error(
                    f"the net {quoted(net)} is driven by {drivers[net]} and by {who}"
                )
            drivers[net] = who
            read.update(reads)
            self.nets.drive(net, reads, make, 1)
        ports: dict[str, list[Port]] = {"input": [], "output": []}
        for port, direction, bits in self.port_list():
            ports[direction].append(port)
            for name, bit in zip(port.bits, bits, strict=True):
                if direction == "input":
                    self.nets.add_input(name, 1)
                    drivers[name] = "a port"
                else:
                    read.add(self.net(bit))
                    self.nets.add_output(name, 1)
                    self.nets.drive(name, [self.net(bit)], gates.buffer_gate, 1)
        missing = sorted(read - drivers.keys() - self.registers)
        if missing:
            raise self.file.error(f"the net {quoted(missing[0])} is not driven")
        return self.nets.build(self.name, ports["input"], ports["output"])

    def rank(self, entry: tuple[str, Mapping[str, Any]]) -> int:
        """Rank the name of a net: made up by Yosys, of a net, of a port."""
        name, net = entry
        return 2 if name in self.module["ports"] else int(not net.get("hide_name"))

    def declared(self, name: str, entry: Mapping[str, Any]) -> Port:
        width, offset = len(entry["bits"]), entry.get("offset", 0)
        if type(offset) is not int or not 0 <= offset <= MAX_INDEX - width:
            raise self.file.error(
                f"{quoted(name)}: expected an offset from 0 to {MAX_INDEX - width}, got "
                f"{quoted(str(offset))}"
            )
        if entry.get("upto", 0):
            return Port(name, width, offset + width - 1, -1)
        return Port(name, width, offset)

    def gates(self) -> Iterator[tuple[str, list[str], Make, str]]:
        """Yield the net, the inputs of its gate, the gate builder, and its description."""
        yield self.net("0"), [], lambda _, __: FALSE, "a constant"
        yield self.net("1"), [], lambda _, __: TRUE, "a constant"
        for port, direction, bits in self.port_list():
            if direction == "input":
                for name, bit in zip(port.bits, bits, strict=True):
                    yield self.net(bit), [name], gates.buffer_gate, f"the input {quoted(name)}"
        for name, cell in self.module.get("cells", {}).items():
            if cell["type"] == "$lut":
                reads, make = self.lookup_table(name, cell)
                yield self.pin(name, cell, "Y"), reads, make, f"the cell {quoted(name)}"
            elif cell["type"] not in _IGNORED:
                yield from self.cell(name, cell)

    def port_list(self) -> Iterator[tuple[Port, str, list[Any]]]:
        for port, entry in self.module["ports"].items():
            direction, bits = entry["direction"], entry["bits"]
            if direction not in ("input", "output"):
                raise self.file.error(f"the port {quoted(port)}: expected an input or an output")
            if not 1 <= len(bits) <= _MAX_WIDTH:
                raise self.file.error(f"the port {quoted(port)}: expected at least one bit")
            yield self.declared(port, entry), direction, bits

    def cell(
        self, name: str, cell: Mapping[str, Any]
    ) -> Iterator[tuple[str, list[str], Make, str]]:
        """Yield the gates of a cell of a library; a flip-flop is added to the registers."""
        kind, who = cell["type"], f"the cell {quoted(name)}"
        pins = {
            pin if len(bits) == 1 else f"{pin}[{place}]": bit
            for pin, bits in cell["connections"].items()
            for place, bit in enumerate(bits)
        }
        ports = [pin for pin, bits in cell["connections"].items() if bits]
        try:
            found = library_cell(kind, ports, cell.get("parameters", {}))
        except ValueError as error:
            raise self.file.error(f"{who}: {error}") from None
        if found is None:
            raise self.file.error(
                f"{who} is {quoted(str(kind))}, expected $lut, a gate such as $_AND_ or a known cell "
                "of an FPGA; take others apart with 'techmap -map +/<vendor>/cells_sim.v' and 'abc'"
            )
        functions, is_flipflop = found
        if not is_flipflop:
            functions = needed_functions(functions, pins)
        elif not self.nets.comb:
            raise SequentialError(
                f"{who} of kind {kind} is sequential, expected a combinational circuit",
                self.file.path,
            )
        elif "Q" not in pins:
            return  # nothing reads it
        made = {} if is_flipflop else {one.output: f"{one.output} of {name}" for one in functions}
        made.update({pin: self.net(pins[pin]) for pin in made if pin in pins})
        for one in functions:
            reads = [made.get(pin) or self.read_pin(who, pins, pin) for pin in one.inputs]
            output = made.get(one.output, f"{one.output} of {name}")
            yield output, reads, table_gate(one.table), who
            if is_flipflop:
                yield self.flipflop(str(kind), self.net(pins["Q"]), output, pins["Q"], who)

    def flipflop(
        self, kind: str, output: str, data: str, bit: Any, who: str
    ) -> tuple[str, list[str], Make, str]:
        """Cut a flip-flop; returns the gate that drives the net of its output."""
        inner = f"{output} of a flip-flop"
        name = self.names.get(bit, f"n{bit}")
        self.nets.add_register(inner, data, kind, 1, name)
        self.registers.add(inner)
        return output, [inner], gates.buffer_gate, who

    def read_pin(self, who: str, pins: Mapping[str, Any], pin: str) -> str:
        if pin not in pins:
            raise self.file.error(f"{who}: the input {pin} is not connected")
        return self.net(pins[pin])

    def lookup_table(self, name: str, cell: Mapping[str, Any]) -> tuple[list[str], Make]:
        reads = [self.net(bit) for bit in cell["connections"]["A"]]
        text = str(cell["parameters"]["LUT"])
        if len(reads) > self.widest:
            raise self.file.error(
                f"the cell {quoted(name)}: expected at most {self.widest} inputs of a $lut, "
                f"got {len(reads)}"
            )
        if len(text) != 1 << len(reads) or set(text) - {"0", "1"}:
            raise self.file.error(
                f"the cell {quoted(name)}: expected a LUT of {1 << len(reads)} bits, got {quoted(text)}"
            )
        if len(reads) <= MAX_TABLE_WIDTH:
            return reads, table_gate(int(text, 2))
        table = np.frombuffer(text[::-1].encode(), dtype=np.uint8) - np.uint8(ord("0"))
        return reads, lambda builder, literals: lower_table(builder, table, literals)

    def pin(self, name: str, cell: Mapping[str, Any], pin: str) -> str:
        bits = cell["connections"][pin]
        if len(bits) != 1:
            raise self.file.error(
                f"the cell {quoted(name)}: expected one bit at {pin}, got {len(bits)}"
            )
        return self.net(bits[0])

    def net(self, bit: Any) -> str:
        """Return the name of a net in messages: a number in the file, or a constant as text."""
        if bit in ("0", "1", "x", "z"):
            return f"constant {bit}"
        if not isinstance(bit, int) or isinstance(bit, bool):
            raise self.file.error(
                f"expected the number of a net, '0' or '1', got {quoted(str(bit))}"
            )
        name = self.names.get(bit)
        return f"net {bit}" if name is None else f"net {bit}, {name}"


# the writer, for ``read_json`` of Yosys and for netlistsvg

_FORBIDDEN = " $\\"
_SHOWN = 60
_FIRST_NET = 2
"""Yosys numbers nets from here on."""
_MAJORITY = "11101000"
"""Outputs of a majority of three, the one for all ones first."""
_PARITY = "10010110"
_TRUE_BITS = f"{1:032b}"


def yosys_names(netlist: AnyNetlist) -> HdlNames:
    """Return names that Yosys treats as public, different from each other and from the bits of other ports."""
    plain = token_names(netlist, _FORBIDDEN, one_space=False)
    taken: set[str] = set()
    found = []
    notices = []
    wanted = (*netlist.input_ports, *netlist.output_ports)
    for port, given in zip((*plain.inputs, *plain.outputs), wanted, strict=True):
        name, number = port.name, 2
        while taken.intersection({name, *replace(port, name=name).bits}):
            name = f"{port.name}_{number}"
            number += 1
        found.append(replace(port, name=name))
        taken.update({name, *found[-1].bits})
        if name != given.name:
            notices.append(f"port {given.name[:_SHOWN]!r} is renamed to {name} in the file")
    split = len(plain.inputs)
    return HdlNames(plain.module, tuple(found[:split]), tuple(found[split:]), tuple(notices))


def emit_yosys_json(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as JSON, a line per cell; ``generator`` of `provenance` is the creator."""
    return _Document(plain_cells(netlist), names).text(provenance.get("generator", "btfsynth"))


class _Document:
    """The module while it is written; nets are numbers, constants are strings."""

    def __init__(self, netlist: AnyNetlist, names: HdlNames) -> None:
        self.netlist = netlist
        self.names = names
        taken = [*bit_names(names.inputs), *bit_names(names.outputs)]
        self.letters = {letter: net_prefix(taken, letter) for letter in "uix"}
        self.letters["n"] = cell_prefix(netlist)
        self.next_net = _FIRST_NET + netlist.n_nodes - 1
        self.inverted: dict[int, int] = {}
        self.cells: dict[str, Any] = {}
        self.nets: dict[str, Any] = {}

    def text(self, creator: str) -> str:
        netlist, names = self.netlist, self.names
        inputs = range(self.net(1), self.net(netlist.first_cell))
        ports = self.ports(names.inputs, "input", inputs)
        for row, (kind, literals) in enumerate(read_cells(netlist)):
            bits = [self.bit(literal) for literal in literals]
            self.cell(kind, bits, ("u", "n"), row + 1, self.net(netlist.first_cell + row))
        ports |= self.ports(names.outputs, "output", map(self.bit, netlist.outputs.tolist()))
        lines = [
            "{",
            f'  "creator": {json.dumps(creator)},',
            '  "modules": {',
            f"    {json.dumps(names.module)}: {{",
            f'      "attributes": {{"top": "{_TRUE_BITS}"}},',
            *_section("ports", ports, ","),
            *_section("cells", self.cells, ","),
            *_section("netnames", self.nets, ""),
            "    }",
            "  }",
            "}",
        ]
        return "\n".join(lines) + "\n"

    def net(self, node: int) -> int:
        return _FIRST_NET + node - 1

    def ports(self, ports: Sequence[Port], direction: str, bits: Iterable[Any]) -> dict[str, Any]:
        bit = iter(bits)
        return {
            port.name: self.port(port, direction, [next(bit) for _ in range(port.width)])
            for port in ports
        }

    def port(self, port: Port, direction: str, bits: Sequence[Any]) -> dict[str, Any]:
        extent: dict[str, Any] = {"bits": list(bits)}
        if not port.counts_from_zero:
            extent["offset"] = min(port.low, port.high)
            if port.step < 0:
                extent["upto"] = 1
        self.nets[port.name] = {"hide_name": 0, **extent, "attributes": {}}
        return {"direction": direction, **extent}

    def bit(self, literal: int) -> Any:
        if literal <= TRUE:
            return str(literal)
        node = literal >> 1
        if not literal & 1:
            return self.net(node)
        if node not in self.inverted:
            self.inverted[node] = self.next_net
            self.next_net += 1
            number = len(self.inverted)
            self.cell("not", [self.net(node)], ("x", "i"), number, self.inverted[node])
        return self.inverted[node]

    def cell(
        self, kind: str, reads: Sequence[Any], letters: tuple[str, str], number: int, output: int
    ) -> None:
        """Write a cell and its net, whose names must differ."""
        name, net = (f"{self.letters[letter]}{number}" for letter in letters)
        pins: dict[str, list[Any]] = {}
        parameters = {}
        if len(reads) == 3:
            gate, pins = "$lut", {"A": list(reads)}
            table = _MAJORITY if kind == "maj" else _PARITY
            parameters = {"LUT": table, "WIDTH": f"{3:032b}"}
        else:
            gate = f"$_{kind.upper()}_"
            pins = {pin: [bit] for pin, bit in zip("AB", reads, strict=False)}
        self.cells[name] = {
            "hide_name": 0,
            "type": gate,
            "parameters": parameters,
            "attributes": {},
            "port_directions": {**dict.fromkeys(pins, "input"), "Y": "output"},
            "connections": {**pins, "Y": [output]},
        }
        self.nets[net] = {"hide_name": 0, "bits": [output], "attributes": {}}


def _section(title: str, entries: Mapping[str, Any], end: str) -> list[str]:
    lines = [f"        {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
    return [f'      "{title}": {{', *_comma(lines), f"      }}{end}"]


def _comma(lines: Sequence[str]) -> list[str]:
    return [f"{line}," for line in lines[:-1]] + list(lines[-1:])
