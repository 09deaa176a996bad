"""Read structural Verilog back as a circuit, sharing no code with what wrote it.

The subset: one module with ANSI ports, wires, continuous assigns of ``& | ^ ~^ ~ ?:``, bit and
part selects, sized constants and concatenations. Widths must agree exactly, so the extension rules
of Verilog never come in. All else is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError
from btfsynth.frontends.circuit import Circuit, Gate, Op
from btfsynth.frontends.verilog_parser import ast, parse_verilog

__all__ = ["read_verilog"]

_CONSTANT = re.compile(r"^([0-9]+)'([bodhBODH])([0-9a-fA-F_]+)$")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_BINARY = {ast.And: Op.AND, ast.Or: Op.OR, ast.Xor: Op.XOR, ast.Xnor: Op.XNOR}
_MAX_WIDTH = 1_000_000


def read_verilog(path: Path) -> Circuit:
    """Read a file with one module.

    Raises
    ------
    DataError
        If it is outside the subset, or a net is undeclared, undriven, driven twice or in a loop.
    """
    source = parse_verilog(path)
    definitions = source.description.definitions
    modules = [item for item in definitions if isinstance(item, ast.ModuleDef)]
    if len(modules) != 1 or len(definitions) != 1:
        raise DataError(f"expected one module and nothing else, got {len(modules)} modules", path)
    return _Reader(path).read(modules[0])


@dataclass
class _Reader:
    """A circuit while it is being read."""

    path: Path
    gates: list[Gate] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    nets: dict[str, list[int]] = field(default_factory=dict)
    net_of: dict[int, str] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    undriven: set[int] = field(default_factory=set)

    def read(self, module: Any) -> Circuit:
        if module.paramlist is not None and module.paramlist.params:
            raise self.error("parameters are not supported", module)
        for port in module.portlist.ports:
            self.declare_port(port)
        assigns = []
        for item in module.items:
            if isinstance(item, ast.Decl):
                for entry in item.list:
                    if isinstance(entry, ast.Assign):
                        assigns.append(entry)
                    else:
                        self.declare_wire(entry)
            elif isinstance(item, ast.Assign):
                assigns.append(item)
            else:
                raise self.error(f"unknown construct {type(item).__name__}", item)
        for assign in assigns:
            self.connect(assign)
        if self.undriven:
            first = min(self.undriven)
            raise DataError(f"{self.net_of[first]} is not driven", self.path, self.lines[first])
        output_gates = [gate for name in self.outputs for gate in self.nets[name]]
        order = self.topological_order()
        return Circuit(module.name, self.inputs, self.outputs, self.gates, order, output_gates)

    def error(self, message: str, node: Any) -> DataError:
        return DataError(message, self.path, getattr(node, "lineno", 0) or None)

    def gate(self, op: Op, reads: tuple[int, ...], line: int) -> int:
        self.gates.append(Gate(op, reads))
        self.lines.append(line)
        return len(self.gates) - 1

    # declarations

    def declare_port(self, port: Any) -> None:
        if not isinstance(port, ast.Ioport):
            raise self.error("expected ports declared in the module header", port)
        declared = port.first
        if isinstance(port.second, ast.Reg):
            raise self.error(f"{declared.name}: expected a wire", port)
        width = self.width(declared)
        if isinstance(declared, ast.Input):
            first = sum(self.inputs.values())
            self.inputs[declared.name] = width
            gates = [self.gate(Op.INPUT, (first + bit,), declared.lineno) for bit in range(width)]
            self.declare(declared, gates)
        elif isinstance(declared, ast.Output):
            self.outputs[declared.name] = width
            self.declare_net(declared, width)
        else:
            raise self.error(f"{declared.name}: expected an input or an output", port)

    def declare_wire(self, entry: Any) -> None:
        if type(entry) is not ast.Wire:
            raise self.error(f"unknown declaration {type(entry).__name__}", entry)
        self.declare_net(entry, self.width(entry))

    def declare_net(self, entry: Any, width: int) -> None:
        gates = [self.gate(Op.BUFFER, (), entry.lineno) for _ in range(width)]
        self.undriven.update(gates)
        self.declare(entry, gates)

    def declare(self, entry: Any, gates: list[int]) -> None:
        if entry.name in self.nets:
            raise self.error(f"{entry.name} is declared twice", entry)
        self.nets[entry.name] = gates
        for bit, gate in enumerate(gates):
            self.net_of[gate] = entry.name if len(gates) == 1 else f"{entry.name}[{bit}]"

    def width(self, entry: Any) -> int:
        if getattr(entry, "dimensions", None) is not None or getattr(entry, "signed", False):
            raise self.error(f"{entry.name}: expected an unsigned vector", entry)
        if entry.width is None:
            return 1
        high, low = self.number(entry.width.msb), self.number(entry.width.lsb)
        if low or high >= _MAX_WIDTH:
            raise self.error(f"{entry.name}: expected a range [n:0], got [{high}:{low}]", entry)
        return high + 1

    def number(self, node: Any) -> int:
        """Return a plain decimal number, as in a range or a select."""
        if not isinstance(node, ast.IntConst) or not re.fullmatch(r"[0-9]{1,9}", node.value):
            raise self.error("expected a decimal number", node)
        return int(node.value)

    # assigns

    def connect(self, assign: Any) -> None:
        targets = self.target_bits(assign.left.var)
        values = self.expression(assign.right.var)
        if len(targets) != len(values):
            raise self.error(f"{len(values)} bits are assigned to {len(targets)}", assign)
        for target, value in zip(targets, values, strict=True):
            if target not in self.undriven:
                kind = "an input" if self.gates[target].op is Op.INPUT else "driven twice"
                raise self.error(f"{self.net_of[target]} is {kind}", assign)
            self.undriven.remove(target)
            self.gates[target] = Gate(Op.BUFFER, (value,))
            self.lines[target] = assign.lineno

    def target_bits(self, node: Any) -> list[int]:
        if isinstance(node, ast.LConcat):
            return [bit for part in reversed(node.list) for bit in self.select(part)]
        return self.select(node)

    def select(self, node: Any) -> list[int]:
        """Return the bits of a net, a bit select or a part select."""
        if isinstance(node, ast.Identifier):
            if node.scope is not None or node.name not in self.nets:
                raise self.error(f"{node.name} is not declared", node)
            return self.nets[node.name]
        if isinstance(node, ast.Pointer | ast.Partselect) and isinstance(node.var, ast.Identifier):
            bits = self.select(node.var)
            if isinstance(node, ast.Pointer):
                low = high = self.number(node.ptr)
            else:
                high, low = self.number(node.msb), self.number(node.lsb)
            if not low <= high < len(bits):
                raise self.error(f"{node.var.name}: no bits [{high}:{low}]", node)
            return bits[low : high + 1]
        raise self.error(f"unknown construct {type(node).__name__}", node)

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

    # order

    def topological_order(self) -> list[int]:
        """Return the gates so that each comes after those it reads; a depth-first search."""
        done: list[int] = []
        state = bytearray(len(self.gates))  # 0 new, 1 on the path, 2 done
        for root in range(len(self.gates)):
            stack = [] if state[root] else [root]
            while stack:
                gate = stack[-1]
                if state[gate] == 0:
                    state[gate] = 1
                    for read in self.reads(gate):
                        if state[read] == 1:
                            path = [entry for entry in stack if state[entry] == 1]
                            raise self.loop(path[path.index(read) :])
                        if state[read] == 0:
                            stack.append(read)
                else:
                    stack.pop()
                    if state[gate] == 1:
                        state[gate] = 2
                        done.append(gate)
        return done

    def reads(self, gate: int) -> tuple[int, ...]:
        return () if self.gates[gate].op is Op.INPUT else self.gates[gate].reads

    def loop(self, gates: Sequence[int]) -> DataError:
        """Say which net is in a loop; every loop passes through one."""
        net = next(gate for gate in gates if gate in self.net_of)
        return DataError(
            f"{self.net_of[net]} is part of a combinational loop", self.path, self.lines[net]
        )


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
