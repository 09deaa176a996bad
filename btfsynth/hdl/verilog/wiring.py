"""The wiring of Verilog: declared nets, their names, and their driving gates.

Every bit of a net is a gate, a buffer until it is driven. Scopes distinguish the nets of instances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError, SequentialError, UnreadError
from btfsynth.hdl.verilog.circuit import Bits, Gate, Op
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.words import describe, plain

MAX_WIDTH = 1_000_000
"""Maximum width of a vector or a constant."""

_MAX_GATES = 20_000_000


Value = tuple[list[int], bool]
"""Bits of a constant, and whether it is signed."""


@dataclass
class Net:
    """Bits of a vector, least significant first, under its own indices."""

    gates: list[int]
    low: int = 0  # index of the least significant bit
    step: int = 1  # -1 where the most significant bit has the lowest index
    signed: bool = False  # whether it is in two's complement


@dataclass
class Port:
    """The declaration of a net that is a port, or that an expression among the ports has."""

    node: Any
    is_input: bool
    in_body: bool
    is_register: bool = False


@dataclass
class Scope:
    """An instance of a module; the nets of the top have no prefix."""

    module: Any
    ports: dict[str, Port] = field(default_factory=dict)
    prefix: str = ""
    depth: int = 0
    values: dict[str, Value] = field(default_factory=dict)  # what an instance gives for parameters
    nets: dict[str, Net] = field(default_factory=dict)
    rewired: set[str] = field(default_factory=set)


@dataclass
class Wiring:
    """All gates and nets of a design while it is being read, and the scope that names are looked up in."""

    first: Path
    files: dict[str, Path]
    comb: bool = False  # whether registers become ports
    gates: list[Gate] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    net_of: dict[int, str] = field(default_factory=dict)
    undriven: set[int] = field(default_factory=set)
    storage: set[int] = field(default_factory=set)
    scope: Scope = field(default_factory=lambda: Scope(None))
    line: int = 1  # where the gates come from that operators make
    bits: Bits = field(init=False)
    number: Callable[[Any], int] = field(init=False)  # returns what a constant expression is
    first_values: dict[int, int] = field(default_factory=dict)
    """Initial values of registers."""
    unknown_constants: dict[int, str] = field(default_factory=dict)
    """Bits that constants leave undefined, as the file has them."""
    cut: list[tuple[int, int]] = field(default_factory=list)
    """Bits of registers that have become ports, and their next values."""

    def __post_init__(self) -> None:
        self.bits = Bits(lambda op, reads: self.gate(op, reads, self.line))

    @property
    def path(self) -> Path:
        module = self.scope.module
        return self.first if module is None else self.files[module.name]

    def at(self, message: str, gate: int) -> DataError:
        return DataError(message, self.places[gate], self.lines[gate])

    def error(self, message: str, node: Any) -> DataError:
        return DataError(message, self.path, getattr(node, "lineno", 0) or None)

    def unread(self, message: str, node: Any) -> UnreadError:
        return UnreadError(message, self.path, getattr(node, "lineno", 0) or None)

    def sequential(self, message: str, node: Any) -> SequentialError:
        return SequentialError(message, self.path, getattr(node, "lineno", 0) or None)

    def sequential_at(self, message: str, gate: int) -> SequentialError:
        return SequentialError(message, self.places[gate], self.lines[gate])

    def unknown(self, node: Any) -> UnreadError:
        return self.unread(
            f"expected wires, registers, assigns, gates and instances, got {describe(node)}", node
        )

    def gate(self, op: Op, reads: tuple[int, ...], line: int, path: Path | None = None) -> int:
        """Add a gate and return its index; `path` is the file of the line if it is another one."""
        path = path or self.path
        if len(self.gates) >= _MAX_GATES:
            raise DataError(f"expected at most {_MAX_GATES} gates when flattened", path, line)
        self.gates.append(Gate(op, reads))
        self.lines.append(line)
        self.places.append(path)
        return len(self.gates) - 1

    def ports(self) -> dict[str, Port]:
        """Return the nets of the scope's module that are declared as ports, in its header or its body."""
        module = self.scope.module
        found: dict[str, Port] = {}
        for port in module.portlist.ports:
            if isinstance(port, ast.Ioport):
                is_register = isinstance(port.second, ast.Reg)
                self.add_port(found, port.first, False, is_register)
        for item in module.items:
            for entry in item.list if isinstance(item, ast.Decl) else ():
                if isinstance(entry, ast.Input | ast.Output | ast.Inout):
                    self.add_port(found, entry, True, False)
        named = {name: None for _, node in self.header() for name in _names(node)}
        for name in named:
            if name not in found:
                raise self.error(f"the port {name} is not declared", module.portlist)
        for name, port in found.items():
            if name not in named:
                raise self.error(f"{name} is not among the ports", port.node)
        return found

    def add_port(self, found: dict[str, Port], node: Any, in_body: bool, is_register: bool) -> None:
        name = plain(node.name)
        if name in found:
            raise self.error(f"{name} is declared twice", node)
        if not isinstance(node, ast.Input | ast.Output):
            raise self.unread(f"{name}: expected an input or an output, got {describe(node)}", node)
        found[name] = Port(node, isinstance(node, ast.Input), in_body, is_register)

    def header(self) -> Iterator[tuple[str, Any]]:
        """Yield the name of every port of the scope's module and the expression that it is connected to.

        A port without a name gets a blank and its position, which no file can contain.
        """
        module = self.scope.module
        found = set()
        for place, port in enumerate(module.portlist.ports):
            node = port.first if isinstance(port, ast.Ioport) else port
            name = plain(node.name) or f" {place}"
            if name in found:
                raise self.error(f"{name} is declared twice", node)
            found.add(name)
            if isinstance(port, ast.Port) and port.type is not None:
                yield name, port.type
            else:
                yield name, ast.Identifier(node.name, lineno=node.lineno)

    def declare_net(self, entry: Any) -> None:
        if type(entry) not in (ast.Wire, ast.Reg, ast.Tri, ast.Supply):
            raise self.unknown(entry)
        name, is_register = plain(entry.name), type(entry) is ast.Reg
        port = self.scope.ports.get(name)
        if port is not None and port.in_body and name not in self.scope.rewired:
            # 'output y; wire y;' says the same net twice
            if self.range(entry) != self.range(port.node):
                raise self.error(f"{name} is declared with two widths", entry)
            net = self.scope.nets[name]
            net.signed = net.signed or bool(getattr(entry, "signed", False))
            if is_register:
                self.store(name, net, entry)
            self.scope.rewired.add(name)
        else:
            net = self.empty_net(entry)
            self.declare(entry, net, is_register)
        if type(entry) is ast.Supply:
            value = self.bits.true if entry.value.value == "1" else self.bits.false
            self.connect(net.gates, [value] * len(net.gates), entry)

    def empty_net(self, entry: Any, line: int = 0, path: Path | None = None) -> Net:
        high, low = self.range(entry)
        step = 1 if high >= low else -1
        line = line or entry.lineno
        gates = [self.gate(Op.BUFFER, (), line, path) for _ in range(abs(high - low) + 1)]
        self.undriven.update(gates)
        return Net(gates, low, step, bool(getattr(entry, "signed", False)))

    def undefined(self, node: Any) -> int:
        """Return a bit that must not be read, for a constant of x or z."""
        gate = self.gate(Op.BUFFER, (), node.lineno)
        self.undriven.add(gate)
        self.unknown_constants[gate] = node.value
        return gate

    def store(self, name: str, net: Net, entry: Any) -> None:
        if not self.undriven.issuperset(net.gates):
            raise self.error(f"{name} is an input, expected a wire", entry)
        self.storage.update(net.gates)

    def declare(self, entry: Any, net: Net, is_register: bool = False) -> None:
        """Give a net its name in the scope, and its bits theirs in messages."""
        name = plain(entry.name)
        if name in self.scope.nets:
            raise self.error(f"{name} is declared twice", entry)
        if is_register:
            self.store(name, net, entry)
        self.scope.nets[name] = net
        shown = self.scope.prefix + name
        for bit, gate in enumerate(net.gates):
            index = net.low + net.step * bit
            self.net_of[gate] = shown if len(net.gates) == 1 else f"{shown}[{index}]"

    def range(self, entry: Any) -> tuple[int, int]:
        name = plain(entry.name)
        if getattr(entry, "dimensions", None) is not None:
            raise self.unread(f"{name}: expected a vector, got a memory", entry)
        if entry.width is None:
            return 0, 0
        high, low = self.number(entry.width.msb), self.number(entry.width.lsb)
        if min(high, low) < 0:
            raise self.error(f"{name}: expected indices from 0 on, got [{high}:{low}]", entry)
        if abs(high - low) >= MAX_WIDTH:
            raise self.error(f"{name}: expected at most {MAX_WIDTH} bits", entry)
        return high, low

    def declare_implicit(self, node: Any) -> None:
        """Declare a name that is only connected or assigned to: a wire of one bit."""
        if isinstance(node, ast.Identifier) and plain(node.name) not in self.scope.nets:
            node.width = None
            self.declare(node, self.empty_net(node))

    def connect(self, targets: list[int], values: list[int], node: Any) -> None:
        """Drive nets; the widths must agree."""
        if len(targets) != len(values):
            raise self.error(f"{len(values)} bits are assigned to {len(targets)}", node)
        for target, value in zip(targets, values, strict=True):
            self.require_free(target, node)
            if target in self.storage:
                raise self.error(f"{self.net_of[target]} is a register, not a wire", node)
            self.undriven.remove(target)
            self.gates[target] = Gate(Op.BUFFER, (value,))
            self.lines[target], self.places[target] = node.lineno, self.path

    def require_free(self, target: int, node: Any) -> None:
        if target not in self.undriven:
            if target not in self.net_of:
                raise self.error("a parameter cannot be assigned to", node)
            kind = "an input" if self.gates[target].op is Op.INPUT else "driven twice"
            raise self.error(f"{self.net_of[target]} is {kind}", node)

    def cut_register(self, target: int, following: int, node: Any) -> None:
        self.require_free(target, node)
        self.undriven.remove(target)
        self.gates[target] = Gate(Op.INPUT)
        self.cut.append((target, following))

    def require_driven(self, outputs: Sequence[int]) -> None:
        """Refuse undriven nets that an output depends on; unused logic may be undefined.

        Yosys leaves such logic behind, and names it with constants of x.
        """
        for gate, value in self.first_values.items():
            if gate in self.undriven:  # it always keeps this value
                self.undriven.remove(gate)
                self.gates[gate] = Gate(Op.BUFFER, (value,))
        if not self.undriven:
            return
        needed, waiting = set(outputs), list(outputs)
        while waiting:
            reader = self.gates[waiting.pop()]
            new = set() if reader.op is Op.INPUT else set(reader.reads) - needed
            needed |= new
            waiting.extend(new)
        missing = self.undriven & needed
        if missing:
            first = min(missing)
            if first in self.unknown_constants:
                raise self.at(
                    f"expected a constant of 0 and 1, got {self.unknown_constants[first]}", first
                )
            raise self.at(f"{self.net_of[first]} is not driven", first)
        for gate in self.undriven:
            self.gates[gate] = Gate(Op.FALSE)

    def loop(self, gates: Sequence[int]) -> DataError:
        net = next(gate for gate in gates if gate in self.net_of)
        for gate in gates:
            if self.gates[gate].op is Op.REGISTER:
                return self.sequential_at(
                    f"{self.net_of[gate]} is a register whose next value depends on itself", gate
                )
        return self.at(f"{self.net_of[net]} is part of a combinational loop", net)


def _names(node: Any) -> Iterator[str]:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Identifier):
            yield plain(node.name)
        elif isinstance(node, ast.LConcat):
            stack.extend(node.list)
        else:
            stack.append(node.var)
