"""Read structural Verilog as a circuit, sharing no code with what writes it.

The subset: modules with their ports declared in the header or in the body, wires, continuous assigns of
``& | ^ ~^ ~ ?:``, bit and part selects, sized constants and concatenations, gate primitives, instances of
modules of the same files, flattened, and the registers of a pipeline (see `verilog_registers`). Widths must
agree exactly, so the extension rules of Verilog never come in. All else is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError
from btfsynth.frontends.circuit import Circuit, Gate, Op
from btfsynth.frontends.order import topological_order
from btfsynth.frontends.verilog_parser import ast, parse_verilog
from btfsynth.frontends.verilog_registers import AlwaysReader, Pipeline, Register

__all__ = ["read_verilog"]

_CONSTANT = re.compile(r"^([0-9]+)'([bodhBODH])([0-9a-fA-F_]+)$")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_BINARY = {ast.And: Op.AND, ast.Or: Op.OR, ast.Xor: Op.XOR, ast.Xnor: Op.XNOR}
_PRIMITIVES = {
    "and": (Op.AND, False),
    "nand": (Op.AND, True),
    "or": (Op.OR, False),
    "nor": (Op.OR, True),
    "xor": (Op.XOR, False),
    "xnor": (Op.XNOR, False),
    "buf": (Op.BUFFER, False),
    "not": (Op.NOT, False),
}
"""What a gate primitive does, and whether its output is inverted on top of that."""

_MAX_WIDTH = 1_000_000
_MAX_GATES = 20_000_000


def read_verilog(path: Path, *libraries: Path) -> Circuit:
    """Read a file with one module that no other one contains.

    Parameters
    ----------
    path
        The file.
    libraries
        Files with more modules, of which it may have instances.

    Raises
    ------
    DataError
        If it is outside the subset, or a net is undeclared, undriven, driven twice or in a loop, or the paths
        to a net go through different numbers of registers.
    """
    modules: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for file in (path, *libraries):
        for item in parse_verilog(file).description.definitions:
            if isinstance(item, ast.ModuleDef):
                if item.name in modules:
                    raise DataError(f"the module {item.name} is defined twice", file, item.lineno)
                modules[item.name], files[item.name] = item, file
            else:
                raise DataError(
                    f"expected modules and nothing else, got {_kind(item)}",
                    file,
                    item.lineno or None,
                )
    return _Reader(path, modules, files).read()


@dataclass
class _Net:
    """Bits of a vector, least significant first, under its own indices."""

    gates: list[int]
    low: int = 0
    """Index of the least significant bit."""
    step: int = 1
    """-1 where the most significant bit has the lowest index."""


@dataclass
class _Port:
    """A port as it is declared."""

    node: Any
    is_input: bool
    in_body: bool
    is_register: bool = False


@dataclass
class _Scope:
    """An instance of a module; the nets of the top have no prefix."""

    module: Any
    ports: dict[str, _Port]
    prefix: str = ""
    depth: int = 0
    nets: dict[str, _Net] = field(default_factory=dict)
    rewired: set[str] = field(default_factory=set)


@dataclass
class _Reader:
    """A circuit while it is being read."""

    first: Path
    modules: dict[str, Any]
    files: dict[str, Path]
    gates: list[Gate] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    net_of: dict[int, str] = field(default_factory=dict)
    undriven: set[int] = field(default_factory=set)
    storage: set[int] = field(default_factory=set)
    registers: list[Register] = field(default_factory=list)
    pending: list[_Scope] = field(default_factory=list)
    scope: _Scope = field(default_factory=lambda: _Scope(None, {}))

    def read(self) -> Circuit:
        top = self.top()
        ports = self.ports(top)
        self.scope = _Scope(top, ports)
        inputs: dict[str, list[int]] = {}
        outputs: dict[str, int] = {}
        for name, port in ports.items():
            net = self.empty_net(port.node)
            if port.is_input:
                inputs[name] = net.gates
                for gate in net.gates:
                    self.gates[gate] = Gate(Op.INPUT)
                self.undriven.difference_update(net.gates)
            else:
                outputs[name] = len(net.gates)
            self.declare(port.node, net, port.is_register)
        output_gates = [gate for name in outputs for gate in self.scope.nets[name].gates]
        self.pending.append(self.scope)
        while self.pending:
            self.scope = self.pending.pop()
            self.body()
        self.require_driven(output_gates)
        pipeline, clocking = None, None
        if self.registers:
            pipeline = Pipeline(self.gates, self.registers, self.net_of, self.at)
            clocking = pipeline.take_controls(inputs, output_gates)
        for place, gate in enumerate(gate for gates in inputs.values() for gate in gates):
            self.gates[gate] = Gate(Op.INPUT, (place,))
        reads = [() if gate.op is Op.INPUT else gate.reads for gate in self.gates]
        order, loop = topological_order(reads)
        if loop:
            raise self.loop(loop)
        if pipeline and clocking:
            clocking = replace(clocking, latency=pipeline.latency(order, output_gates))
        widths = {name: len(gates) for name, gates in inputs.items()}
        return Circuit(_plain(top.name), widths, outputs, self.gates, order, output_gates, clocking)

    @property
    def path(self) -> Path:
        """The file that is being read."""
        module = self.scope.module
        return self.first if module is None else self.files[module.name]

    def at(self, message: str, gate: int) -> DataError:
        return DataError(message, self.places[gate], self.lines[gate])

    def top(self) -> Any:
        """Return the module that no other one uses; beside unused cells, the one that uses others."""
        uses = {
            name: {item.module for item in module.items if isinstance(item, ast.InstanceList)}
            for name, module in self.modules.items()
        }
        used = set().union(*uses.values())
        tops = [name for name in self.modules if name not in used]
        if len(tops) > 1:
            tops = [name for name in tops if uses[name] & self.modules.keys()] or tops
        if len(tops) != 1:
            shown = ", ".join(_plain(name) for name in tops[:5]) or "none"
            raise DataError(f"expected one module that no other one uses, got {shown}", self.path)
        return self.modules[tops[0]]

    def require_driven(self, outputs: Sequence[int]) -> None:
        """Refuse nets that something reads and nothing drives."""
        read = {number for gate in self.gates if gate.op is not Op.INPUT for number in gate.reads}
        missing = self.undriven.intersection(read.union(outputs))
        if missing:
            first = min(missing)
            raise self.at(f"{self.net_of[first]} is not driven", first)
        for gate in self.undriven:
            self.gates[gate] = Gate(Op.FALSE)

    def error(self, message: str, node: Any) -> DataError:
        return DataError(message, self.path, getattr(node, "lineno", 0) or None)

    def unknown(self, node: Any) -> DataError:
        return self.error(
            f"expected wires, registers, assigns, gates and instances, got {_kind(node)}", node
        )

    def gate(self, op: Op, reads: tuple[int, ...], line: int) -> int:
        if len(self.gates) >= _MAX_GATES:
            raise DataError(f"expected at most {_MAX_GATES} gates when flattened", self.path, line)
        self.gates.append(Gate(op, reads))
        self.lines.append(line)
        self.places.append(self.path)
        return len(self.gates) - 1

    # declarations

    def ports(self, module: Any) -> dict[str, _Port]:
        """Return the ports of a module in order, declared in its header or in its body."""
        if module.paramlist is not None and module.paramlist.params:
            raise self.error("parameters are not supported", module)
        declared = {}
        for item in module.items:
            for entry in item.list if isinstance(item, ast.Decl) else ():
                if isinstance(entry, ast.Input | ast.Output | ast.Inout):
                    if entry.name in declared:
                        raise self.error(f"{_plain(entry.name)} is declared twice", entry)
                    declared[entry.name] = entry
        found: dict[str, _Port] = {}
        for port in module.portlist.ports:
            is_register = isinstance(port, ast.Ioport) and isinstance(port.second, ast.Reg)
            if isinstance(port, ast.Ioport):
                node = port.first
            else:
                node = declared.pop(port.name, None)
                if node is None:
                    raise self.error(f"the port {_plain(port.name)} is not declared", port)
            if not isinstance(node, ast.Input | ast.Output):
                raise self.error(f"{_plain(node.name)}: expected an input or an output", port)
            if _plain(node.name) in found:
                raise self.error(f"{_plain(node.name)} is declared twice", port)
            in_body = not isinstance(port, ast.Ioport)
            found[_plain(node.name)] = _Port(
                node, isinstance(node, ast.Input), in_body, is_register
            )
        for entry in declared.values():
            raise self.error(f"{_plain(entry.name)} is not among the ports", entry)
        return found

    def declare_net(self, entry: Any) -> None:
        if type(entry) not in (ast.Wire, ast.Reg):
            raise self.unknown(entry)
        name, is_register = _plain(entry.name), type(entry) is ast.Reg
        port = self.scope.ports.get(name)
        if port is not None and port.in_body and name not in self.scope.rewired:
            # 'output y; wire y;' says the same net twice
            if self.range(entry) != self.range(port.node):
                raise self.error(f"{name} is declared with two widths", entry)
            if is_register:
                self.store(name, self.scope.nets[name], entry)
            self.scope.rewired.add(name)
            return
        self.declare(entry, self.empty_net(entry), is_register)

    def empty_net(self, entry: Any, line: int = 0) -> _Net:
        """Return a net of buffers that nothing drives yet."""
        high, low = self.range(entry)
        step = 1 if high >= low else -1
        line = line or entry.lineno
        gates = [self.gate(Op.BUFFER, (), line) for _ in range(abs(high - low) + 1)]
        self.undriven.update(gates)
        return _Net(gates, low, step)

    def store(self, name: str, net: _Net, entry: Any) -> None:
        """Take a net for registers."""
        if not self.undriven.issuperset(net.gates):
            raise self.error(f"{name} is an input, expected a wire", entry)
        self.storage.update(net.gates)

    def declare(self, entry: Any, net: _Net, is_register: bool = False) -> None:
        name = _plain(entry.name)
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
        """Return the indices of the most and of the least significant bit."""
        name = _plain(entry.name)
        if getattr(entry, "dimensions", None) is not None or getattr(entry, "signed", False):
            raise self.error(f"{name}: expected an unsigned vector", entry)
        if entry.width is None:
            return 0, 0
        high, low = self.number(entry.width.msb), self.number(entry.width.lsb)
        if abs(high - low) >= _MAX_WIDTH:
            raise self.error(f"{name}: expected at most {_MAX_WIDTH} bits", entry)
        return high, low

    def number(self, node: Any) -> int:
        """Return a plain decimal number, as in a range or a select."""
        if not isinstance(node, ast.IntConst) or not re.fullmatch(r"[0-9]{1,9}", node.value):
            raise self.error("expected a decimal number", node)
        return int(node.value)

    # the body of a module

    def body(self) -> None:
        """Read what the module of the current scope holds; instances are read later."""
        assigns, instances, blocks = [], [], []
        for item in self.scope.module.items:
            if isinstance(item, ast.Decl):
                for entry in item.list:
                    if isinstance(entry, ast.Assign):
                        assigns.append(entry)
                    elif not isinstance(entry, ast.Input | ast.Output):
                        self.declare_net(entry)
            elif isinstance(item, ast.Assign):
                assigns.append(item)
            elif isinstance(item, ast.InstanceList):
                instances.extend(item.instances)
            elif isinstance(item, ast.Always):
                blocks.append(item)
            else:
                raise self.unknown(item)
        for instance in instances:
            self.declare_implicit(instance)
        for assign in assigns:
            values = self.expression(assign.right.var)
            self.connect(self.target_bits(assign.left.var), values, assign)
        for instance in instances:
            if instance.array is not None or instance.parameterlist:
                raise self.error(f"{instance.module}: no arrays and no parameters", instance)
            if instance.module in _PRIMITIVES:
                self.primitive(instance)
            else:
                self.instance(instance)
        for block in blocks:
            self.always(block)

    def always(self, block: Any) -> None:
        """Read an always block."""
        reader = AlwaysReader(self.target_bits, self.expression, self.gates, self.error)
        for register, value in reader.read(block):
            name = self.net_of[register.gate]
            if register.gate not in self.storage:
                raise self.error(f"{name} is not declared as a register", block)
            if register.gate not in self.undriven:
                raise self.error(f"{name} is driven twice", block)
            self.undriven.remove(register.gate)
            self.gates[register.gate] = Gate(Op.REGISTER, (value,))
            self.registers.append(register)

    def declare_implicit(self, instance: Any) -> None:
        """Declare the names that are only used as a connection: wires of one bit."""
        for argument in instance.portlist:
            node = argument.argname
            if isinstance(node, ast.Identifier) and _plain(node.name) not in self.scope.nets:
                node.width = None
                self.declare(node, self.empty_net(node))

    def connect(self, targets: list[int], values: list[int], node: Any) -> None:
        """Drive nets; the widths must agree."""
        if len(targets) != len(values):
            raise self.error(f"{len(values)} bits are assigned to {len(targets)}", node)
        for target, value in zip(targets, values, strict=True):
            if target in self.storage:
                raise self.error(f"{self.net_of[target]} is a register, not a wire", node)
            if target not in self.undriven:
                kind = "an input" if self.gates[target].op is Op.INPUT else "driven twice"
                raise self.error(f"{self.net_of[target]} is {kind}", node)
            self.undriven.remove(target)
            self.gates[target] = Gate(Op.BUFFER, (value,))
            self.lines[target] = node.lineno

    def primitive(self, instance: Any) -> None:
        """Read a gate primitive: its outputs come first."""
        kind = instance.module
        arguments = [argument.argname for argument in instance.portlist]
        if any(argument.portname for argument in instance.portlist) or None in arguments:
            raise self.error(f"{kind}: expected connections by position", instance)
        n_outputs = len(arguments) - 1 if kind in ("buf", "not") else 1
        if len(arguments) < 2:
            raise self.error(f"{kind}: expected an output and an input", instance)
        reads = [self.one_bit(argument, instance) for argument in arguments[n_outputs:]]
        op, inverted = _PRIMITIVES[kind]
        value = self.gate(op, tuple(reads), instance.lineno)
        if inverted:
            value = self.gate(Op.NOT, (value,), instance.lineno)
        for argument in arguments[:n_outputs]:
            self.connect(self.target_bits(argument), [value], instance)

    def one_bit(self, node: Any, instance: Any) -> int:
        bits = self.expression(node)
        if len(bits) != 1:
            raise self.error(f"{instance.module}: expected one bit, got {len(bits)}", instance)
        return bits[0]

    def instance(self, instance: Any) -> None:
        """Make the nets of the ports of an instance and connect them; its body comes later."""
        outer = self.scope
        module = self.modules.get(instance.module)
        if module is None:
            raise self.error(
                f"the module {_plain(instance.module)} is not defined in this file", instance
            )
        if outer.depth >= len(self.modules):
            raise self.error(f"the module {_plain(instance.module)} contains itself", instance)
        ports = self.ports(module)
        prefix = f"{outer.prefix}{_plain(instance.name)}."
        inner = _Scope(module, ports, prefix, outer.depth + 1)
        self.scope = inner
        for port in ports.values():
            net = self.empty_net(port.node, instance.lineno)
            self.declare(port.node, net, port.is_register)
        self.scope = outer
        for name, node in self.connections(instance, ports).items():
            bits = inner.nets[name].gates
            if ports[name].is_input:
                self.connect(bits, self.expression(node), instance)
            else:
                self.connect(self.target_bits(node), bits, instance)
        self.pending.append(inner)

    def connections(self, instance: Any, ports: dict[str, _Port]) -> dict[str, Any]:
        """Return what each port is connected to; ports that are left open are left out."""
        arguments = instance.portlist
        named = any(argument.portname for argument in arguments)
        if not named and len(arguments) > len(ports):
            raise self.error(
                f"{_plain(instance.module)}: expected {len(ports)} connections, got "
                f"{len(arguments)}",
                instance,
            )
        found: dict[str, Any] = {}
        for place, argument in enumerate(arguments):
            name = _plain(argument.portname) if named else list(ports)[place]
            if name not in ports or name in found:
                kind = "is connected twice" if name in found else "is no port"
                raise self.error(f"{_plain(instance.module)}: {name} {kind}", instance)
            found[name] = argument.argname
        return {name: node for name, node in found.items() if node is not None}

    # expressions

    def target_bits(self, root: Any) -> list[int]:
        """Return the bits of what is assigned to."""
        bits: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.LConcat | ast.Concat):
                stack.extend(node.list)  # the last one, least significant, comes off first
            else:
                bits.extend(self.select(node))
        return bits

    def select(self, node: Any) -> list[int]:
        """Return the bits of a net, a bit select or a part select."""
        if isinstance(node, ast.Identifier):
            return self.net(node).gates
        if isinstance(node, ast.Pointer | ast.Partselect) and isinstance(node.var, ast.Identifier):
            net = self.net(node.var)
            if isinstance(node, ast.Pointer):
                low = high = self.number(node.ptr)
            else:
                high, low = self.number(node.msb), self.number(node.lsb)
            first, last = net.step * (low - net.low), net.step * (high - net.low)
            if not 0 <= first <= last < len(net.gates):
                raise self.error(f"{_plain(node.var.name)}: no bits [{high}:{low}]", node)
            return net.gates[first : last + 1]
        raise self.unknown(node)

    def net(self, node: Any) -> _Net:
        net = self.scope.nets.get(_plain(node.name))
        if node.scope is not None or net is None:
            raise self.error(f"{_plain(node.name)} is not declared", node)
        return net

    def expression(self, root: Any) -> list[int]:
        """Return the gates of an expression, least significant first, without recursion."""
        values: list[list[int]] = []
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            parts = _operands(node)
            if not parts:
                values.append(self.leaf(node))
            elif ready:
                operands = values[-len(parts) :]
                del values[-len(parts) :]
                values.append(self.operation(node, operands))
            else:
                stack.append((node, True))
                stack.extend((part, False) for part in reversed(parts))
        return values[0]

    def leaf(self, node: Any) -> list[int]:
        if not isinstance(node, ast.IntConst):
            return self.select(node)
        match = _CONSTANT.match(node.value)
        if match is None:
            raise self.error(f"expected a sized constant of 0 and 1, got {node.value}", node)
        width = int(match[1]) if len(match[1]) < 8 else _MAX_WIDTH + 1
        try:
            value = int(match[3].replace("_", ""), _RADIX[match[2].lower()])
        except ValueError:
            raise self.error(f"expected a constant, got {node.value}", node) from None
        if not 1 <= width <= _MAX_WIDTH or value >> width:
            raise self.error(f"the constant {node.value} does not fit its width", node)
        return [
            self.gate(Op.TRUE if value >> bit & 1 else Op.FALSE, (), node.lineno)
            for bit in range(width)
        ]

    def operation(self, node: Any, operands: Sequence[list[int]]) -> list[int]:
        if isinstance(node, ast.Concat):
            return [bit for part in reversed(operands) for bit in part]
        if isinstance(node, ast.Unot):
            return [self.gate(Op.NOT, (bit,), node.lineno) for bit in operands[0]]
        if isinstance(node, ast.Cond):
            condition, *operands = operands
            if len(condition) != 1:
                raise self.error("expected a condition of one bit", node)
        if len(operands[0]) != len(operands[1]):
            raise self.error(f"operands of {len(operands[0])} and {len(operands[1])} bits", node)
        pairs = zip(*operands, strict=True)
        if isinstance(node, ast.Cond):
            return [self.gate(Op.MUX, (condition[0], x, y), node.lineno) for x, y in pairs]
        return [self.gate(_BINARY[type(node)], (x, y), node.lineno) for x, y in pairs]

    def loop(self, gates: Sequence[int]) -> DataError:
        """Say which net is in a loop; every loop passes through one."""
        net = next(gate for gate in gates if gate in self.net_of)
        for gate in gates:
            if self.gates[gate].op is Op.REGISTER:
                return self.at(f"{self.net_of[gate]} takes over what it makes itself", gate)
        return self.at(f"{self.net_of[net]} is part of a combinational loop", net)


_KINDS = {
    "Initial": "an 'initial' block",
    "Function": "a 'function'",
    "Inout": "an 'inout' port",
}


def _kind(node: Any) -> str:
    """Name a construct for a message."""
    name = type(node).__name__
    return _KINDS.get(name, f"the unknown construct {name}")


def _plain(name: str) -> str:
    """Return a name without the backslash of an escaped identifier, which is not part of it."""
    return name.removeprefix("\\")


def _operands(node: Any) -> tuple[Any, ...]:
    """Return what an operator reads; nothing for a leaf or an unknown construct."""
    if type(node) in _BINARY:
        return (node.left, node.right)
    if isinstance(node, ast.Unot):
        return (node.right,)
    if isinstance(node, ast.Cond):
        return (node.cond, node.true_value, node.false_value)
    if isinstance(node, ast.Concat):
        return tuple(node.list)
    return ()
