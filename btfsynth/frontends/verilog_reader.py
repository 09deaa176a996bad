"""Read structural Verilog as a circuit, sharing no code with what writes it.

The subset: modules with their ports declared in the header or in the body, wires, continuous assigns of
``& | ^ ~^ ~ ?:``, bit and part selects, sized constants and concatenations, gate primitives, instances of
modules of the same files, flattened, and the registers of a pipeline (see `verilog_registers`). Widths must
agree exactly, so the extension rules of Verilog never come in. All else is an error with its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError
from btfsynth.frontends.circuit import Circuit, Gate, Op
from btfsynth.frontends.order import topological_order
from btfsynth.frontends.verilog_expressions import Expressions
from btfsynth.frontends.verilog_parser import ast, parse_verilog
from btfsynth.frontends.verilog_registers import AlwaysReader, Pipeline, Register
from btfsynth.frontends.verilog_wiring import Port, Scope, Wiring, kind, plain

__all__ = ["read_verilog"]

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
                    f"expected modules and nothing else, got {kind(item)}",
                    file,
                    item.lineno or None,
                )
    return _Reader(modules, Wiring(path, files)).read()


@dataclass
class _Reader:
    """A circuit while it is being read."""

    modules: dict[str, Any]
    wiring: Wiring
    registers: list[Register] = field(default_factory=list)
    pending: list[Scope] = field(default_factory=list)

    @property
    def expressions(self) -> Expressions:
        """What reads expressions in the current scope."""
        return Expressions(self.wiring)

    def read(self) -> Circuit:
        top = self.top()
        self.wiring.scope = Scope(top)
        ports = self.wiring.scope.ports = self.wiring.ports()
        inputs: dict[str, list[int]] = {}
        outputs: dict[str, int] = {}
        for name, port in ports.items():
            net = self.wiring.empty_net(port.node)
            if port.is_input:
                inputs[name] = net.gates
                for gate in net.gates:
                    self.wiring.gates[gate] = Gate(Op.INPUT)
                self.wiring.undriven.difference_update(net.gates)
            else:
                outputs[name] = len(net.gates)
            self.wiring.declare(port.node, net, port.is_register)
        declared = self.wiring.scope.nets
        output_gates = [gate for name in outputs for gate in declared[name].gates]
        self.pending.append(self.wiring.scope)
        while self.pending:
            self.wiring.scope = self.pending.pop()
            self.body()
        self.wiring.require_driven(output_gates)
        pipeline, clocking = None, None
        if self.registers:
            pipeline = Pipeline(
                self.wiring.gates, self.registers, self.wiring.net_of, self.wiring.at
            )
            clocking = pipeline.take_controls(inputs, output_gates)
        for place, gate in enumerate(gate for gates in inputs.values() for gate in gates):
            self.wiring.gates[gate] = Gate(Op.INPUT, (place,))
        reads = [() if gate.op is Op.INPUT else gate.reads for gate in self.wiring.gates]
        order, loop = topological_order(reads)
        if loop:
            raise self.wiring.loop(loop)
        if pipeline and clocking:
            clocking = replace(clocking, latency=pipeline.latency(order, output_gates))
        widths = {name: len(gates) for name, gates in inputs.items()}
        nets = {name: declared[name] for name in (*inputs, *outputs)}
        return Circuit(
            plain(top.name),
            widths,
            outputs,
            self.wiring.gates,
            order,
            output_gates,
            clocking,
            {name: (net.low, net.step) for name, net in nets.items()},
        )

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
            shown = ", ".join(plain(name) for name in tops[:5]) or "none"
            raise DataError(
                f"expected one module that no other one uses, got {shown}", self.wiring.path
            )
        return self.modules[tops[0]]

    # the body of a module

    def body(self) -> None:
        """Read what the module of the current scope holds; instances are read later."""
        assigns, instances, blocks = [], [], []
        for item in self.wiring.scope.module.items:
            if isinstance(item, ast.Decl):
                for entry in item.list:
                    if isinstance(entry, ast.Assign):
                        assigns.append(entry)
                    elif not isinstance(entry, ast.Input | ast.Output):
                        self.wiring.declare_net(entry)
            elif isinstance(item, ast.Assign):
                assigns.append(item)
            elif isinstance(item, ast.InstanceList):
                instances.extend(item.instances)
            elif isinstance(item, ast.Always):
                blocks.append(item)
            else:
                raise self.wiring.unknown(item)
        for instance in instances:
            self.wiring.declare_implicit(instance)
        for assign in assigns:
            values = self.expressions.expression(assign.right.var)
            self.wiring.connect(self.expressions.target_bits(assign.left.var), values, assign)
        for instance in instances:
            if instance.array is not None or instance.parameterlist:
                raise self.wiring.error(f"{instance.module}: no arrays and no parameters", instance)
            if instance.module in _PRIMITIVES:
                self.primitive(instance)
            else:
                self.instance(instance)
        for block in blocks:
            self.always(block)

    def always(self, block: Any) -> None:
        """Read an always block."""
        expressions, wiring = self.expressions, self.wiring
        reader = AlwaysReader(
            expressions.target_bits, expressions.expression, wiring.gates, wiring.error
        )
        for register, value in reader.read(block):
            name = self.wiring.net_of[register.gate]
            if register.gate not in self.wiring.storage:
                raise self.wiring.error(f"{name} is not declared as a register", block)
            if register.gate not in self.wiring.undriven:
                raise self.wiring.error(f"{name} is driven twice", block)
            self.wiring.undriven.remove(register.gate)
            self.wiring.gates[register.gate] = Gate(Op.REGISTER, (value,))
            self.registers.append(register)

    def primitive(self, instance: Any) -> None:
        """Read a gate primitive: its outputs come first."""
        kind = instance.module
        arguments = [argument.argname for argument in instance.portlist]
        if any(argument.portname for argument in instance.portlist) or None in arguments:
            raise self.wiring.error(f"{kind}: expected connections by position", instance)
        n_outputs = len(arguments) - 1 if kind in ("buf", "not") else 1
        if len(arguments) < 2:
            raise self.wiring.error(f"{kind}: expected an output and an input", instance)
        reads = [self.one_bit(argument, instance) for argument in arguments[n_outputs:]]
        op, inverted = _PRIMITIVES[kind]
        value = self.wiring.gate(op, tuple(reads), instance.lineno)
        if inverted:
            value = self.wiring.gate(Op.NOT, (value,), instance.lineno)
        for argument in arguments[:n_outputs]:
            self.wiring.connect(self.expressions.target_bits(argument), [value], instance)

    def one_bit(self, node: Any, instance: Any) -> int:
        bits = self.expressions.expression(node)
        if len(bits) != 1:
            raise self.wiring.error(
                f"{instance.module}: expected one bit, got {len(bits)}", instance
            )
        return bits[0]

    def instance(self, instance: Any) -> None:
        """Make the nets of the ports of an instance and connect them; its body comes later."""
        outer = self.wiring.scope
        module = self.modules.get(instance.module)
        if module is None:
            raise self.wiring.error(
                f"the module {plain(instance.module)} is not defined in this file", instance
            )
        if outer.depth >= len(self.modules):
            raise self.wiring.error(
                f"the module {plain(instance.module)} contains itself", instance
            )
        path, prefix = self.wiring.path, f"{outer.prefix}{plain(instance.name)}."
        # What is wrong with the ports themselves is said of the file that declares them.
        inner = self.wiring.scope = Scope(module, prefix=prefix, depth=outer.depth + 1)
        ports = inner.ports = self.wiring.ports()
        for port in ports.values():
            net = self.wiring.empty_net(port.node, instance.lineno, path)
            self.wiring.declare(port.node, net, port.is_register)
        self.wiring.scope = outer
        for name, node in self.connections(instance, ports).items():
            bits = inner.nets[name].gates
            if ports[name].is_input:
                self.wiring.connect(bits, self.expressions.expression(node), instance)
            else:
                self.wiring.connect(self.expressions.target_bits(node), bits, instance)
        self.pending.append(inner)

    def connections(self, instance: Any, ports: dict[str, Port]) -> dict[str, Any]:
        """Return what each port is connected to; ports that are left open are left out."""
        arguments = instance.portlist
        named = any(argument.portname for argument in arguments)
        if not named and len(arguments) > len(ports):
            raise self.wiring.error(
                f"{plain(instance.module)}: expected {len(ports)} connections, got "
                f"{len(arguments)}",
                instance,
            )
        found: dict[str, Any] = {}
        for place, argument in enumerate(arguments):
            name = plain(argument.portname) if named else list(ports)[place]
            if name not in ports or name in found:
                kind = "is connected twice" if name in found else "is no port"
                raise self.wiring.error(f"{plain(instance.module)}: {name} {kind}", instance)
            found[name] = argument.argname
        return {name: node for name, node in found.items() if node is not None}
