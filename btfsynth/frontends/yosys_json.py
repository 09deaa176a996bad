"""Yosys JSON: a module of gates of Yosys' internal library and small tables, as ``write_json`` leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.dataset.ports import MAX_INDEX, Port
from btfsynth.frontends import gates
from btfsynth.frontends.covers import build_table
from btfsynth.frontends.functions import MAX_TABLE_WIDTH
from btfsynth.frontends.nets import Make, NetTable
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["parse_yosys_json"]

_GATES: Mapping[str, tuple[str, Make]] = MappingProxyType(
    {
        "$_BUF_": ("A", gates.buffer_gate),
        "$_NOT_": ("A", gates.not_gate),
        "$_AND_": ("AB", gates.and_gate),
        "$_NAND_": ("AB", gates.nand_gate),
        "$_OR_": ("AB", gates.or_gate),
        "$_NOR_": ("AB", gates.nor_gate),
        "$_XOR_": ("AB", gates.xor_gate),
        "$_XNOR_": ("AB", gates.xnor_gate),
        "$_ANDNOT_": ("AB", lambda builder, x: builder.and_(x[0], x[1] ^ 1)),
        "$_ORNOT_": ("AB", lambda builder, x: builder.or_(x[0], x[1] ^ 1)),
        "$_MUX_": ("SBA", gates.mux_gate),
        "$_NMUX_": ("SBA", lambda builder, x: gates.mux_gate(builder, x) ^ 1),
        "$_AOI3_": ("ABC", lambda builder, x: builder.or_(builder.and_(x[0], x[1]), x[2]) ^ 1),
        "$_OAI3_": ("ABC", lambda builder, x: builder.and_(builder.or_(x[0], x[1]), x[2]) ^ 1),
        "$_AOI4_": (
            "ABCD",
            lambda builder, x: builder.or_(builder.and_(x[0], x[1]), builder.and_(x[2], x[3])) ^ 1,
        ),
        "$_OAI4_": (
            "ABCD",
            lambda builder, x: builder.and_(builder.or_(x[0], x[1]), builder.or_(x[2], x[3])) ^ 1,
        ),
    }
)
"""Pins of each gate in the order in which it is built, and what builds it."""

_IGNORED = ("$scopeinfo",)
_MAX_WIDTH = 1_000_000


def parse_yosys_json(file: SourceFile) -> Netlist:
    """Read the module that is marked as the top, or the only one.

    Raises
    ------
    DataError
        Naming the cell or the net, if it is no such file, a cell is unknown or sequential, or a net is
        undriven, driven twice or in a loop.
    """
    try:
        document = json.loads("\n".join(file.lines))
        return _Reader(file, *_top(file, document)).read()
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
    """A module while it is being read."""

    def __init__(self, file: SourceFile, name: str, module: Mapping[str, Any]) -> None:
        self.file = file
        self.name = name
        self.module = module
        self.nets = NetTable(file)
        self.names = {
            bit: bit_name
            for name, net in module.get("netnames", {}).items()
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
        missing = sorted(read - drivers.keys())
        if missing:
            raise self.file.error(f"the net {quoted(missing[0])} is not driven")
        return self.nets.build(self.name, ports["input"], ports["output"])

    def declared(self, name: str, entry: Mapping[str, Any]) -> Port:
        """Return a port or a net with the range that it is declared with."""
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
        """Yield net, what its gate reads, what builds that, and what it is in words."""
        yield self.net("0"), [], lambda _, __: FALSE, "a constant"
        yield self.net("1"), [], lambda _, __: TRUE, "a constant"
        for port, direction, bits in self.port_list():
            if direction == "input":
                for name, bit in zip(port.bits, bits, strict=True):
                    yield self.net(bit), [name], gates.buffer_gate, f"the input {quoted(name)}"
        for name, cell in self.module.get("cells", {}).items():
            if cell["type"] not in _IGNORED:
                reads, make = self.gate(name, cell)
                yield self.pin(name, cell, "Y"), reads, make, f"the cell {quoted(name)}"

    def port_list(self) -> Iterator[tuple[Port, str, list[Any]]]:
        for port, entry in self.module["ports"].items():
            direction, bits = entry["direction"], entry["bits"]
            if direction not in ("input", "output"):
                raise self.file.error(f"the port {quoted(port)}: expected an input or an output")
            if not 1 <= len(bits) <= _MAX_WIDTH:
                raise self.file.error(f"the port {quoted(port)}: expected at least one bit")
            yield self.declared(port, entry), direction, bits

    def gate(self, name: str, cell: Mapping[str, Any]) -> tuple[list[str], Make]:
        kind = cell["type"]
        if kind in _GATES:
            pins, make = _GATES[kind]
            return [self.pin(name, cell, pin) for pin in pins], make
        if kind != "$lut":
            known = ", ".join((*_GATES, "$lut"))
            raise self.file.error(
                f"the cell {quoted(name)} is {quoted(str(kind))}, expected one of {known}"
            )
        reads = [self.net(bit) for bit in cell["connections"]["A"]]
        text = str(cell["parameters"]["LUT"])
        if len(reads) > MAX_TABLE_WIDTH:
            raise self.file.error(
                f"the cell {quoted(name)}: expected at most {MAX_TABLE_WIDTH} inputs of a $lut, "
                f"got {len(reads)}"
            )
        if len(text) != 1 << len(reads) or set(text) - {"0", "1"}:
            raise self.file.error(
                f"the cell {quoted(name)}: expected a LUT of {1 << len(reads)} bits, got {quoted(text)}"
            )
        table = int(text, 2)
        return reads, lambda builder, literals: build_table(builder, table, literals)

    def pin(self, name: str, cell: Mapping[str, Any], pin: str) -> str:
        bits = cell["connections"][pin]
        if len(bits) != 1:
            raise self.file.error(
                f"the cell {quoted(name)}: expected one bit at {pin}, got {len(bits)}"
            )
        return self.net(bits[0])

    def net(self, bit: Any) -> str:
        """Return how a net is called in messages: a number in the file, or a constant as text."""
        if bit in ("0", "1"):
            return f"constant {bit}"
        if not isinstance(bit, int) or isinstance(bit, bool):
            raise self.file.error(
                f"expected the number of a net, '0' or '1', got {quoted(str(bit))}"
            )
        name = self.names.get(bit)
        return f"net {bit}" if name is None else f"net {bit}, {name}"
