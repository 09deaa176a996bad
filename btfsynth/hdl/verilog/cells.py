"""Instances of primitives and library cells in Verilog, and parameters of instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from btfsynth.hdl.verilog.circuit import Op
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.wiring import Net, Value, Wiring
from btfsynth.hdl.verilog.words import plain
from btfsynth.netlist.formats.cells import CellFunction, library_cell, needed_functions

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
"""Operation of a gate primitive, and whether its output is inverted."""

_MAX_PINS = 8
"""Maximum number of bits of a port of a cell."""


@dataclass(frozen=True)
class CellReader:
    wiring: Wiring

    @property
    def expressions(self) -> Expressions:
        return Expressions(self.wiring)

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
        expressions = self.expressions
        if isinstance(node, ast.IntConst) and not expressions.constant(node).sized:
            return expressions.expression(node, 1)[0]
        bits = expressions.expression(node)
        if len(bits) != 1:
            raise self.wiring.error(
                f"{instance.module}: expected one bit, got {len(bits)}", instance
            )
        return bits[0]

    def connections(self, instance: Any, names: Sequence[str]) -> dict[str, Any]:
        arguments = instance.portlist
        named = any(argument.portname for argument in arguments)
        module = plain(instance.module)
        if not named and len(arguments) > len(names):
            raise self.wiring.error(
                f"{module}: expected {len(names)} connections, got {len(arguments)}", instance
            )
        found: dict[str, Any] = {}
        for place, argument in enumerate(arguments):
            name = plain(argument.portname) if named else names[place]
            if name not in names or name in found:
                kind = "is connected twice" if name in found else "is no port"
                raise self.wiring.error(f"{module}: {name} {kind}", instance)
            found[name] = argument.argname
        return {name: node for name, node in found.items() if node is not None}

    def cell(self, instance: Any, defparams: Mapping[str, Any]) -> None:
        names = [argument.portname for argument in instance.portlist]
        ports = [plain(name) for name in names if name is not None]
        module = plain(instance.module)
        parameters = self.parameters(instance, defparams)
        try:
            found = library_cell(module, ports, parameters)
        except ValueError as error:
            raise self.wiring.error(f"{module} {plain(instance.name)}: {error}", instance) from None
        if found is None:
            raise self.wiring.unread(
                f"the module {module} is not defined in this file; add the file of its library, or "
                "expand cells with Yosys' 'techmap -map +/<vendor>/cells_sim.v'",
                instance,
            )
        functions, is_flipflop = found
        if None in names and not is_flipflop:
            raise self.wiring.error(f"{module}: expected connections by name", instance)
        nodes = self.connections(instance, list(dict.fromkeys(ports)))
        if is_flipflop:
            self.flipflop(instance, functions[0], nodes)
        else:
            self.connect(instance, functions, nodes)

    def flipflop(self, instance: Any, function: CellFunction, nodes: Mapping[str, Any]) -> None:
        module = plain(instance.module)
        if not self.wiring.comb:
            raise self.wiring.sequential(
                f"{module} is sequential, expected a combinational circuit", instance
            )
        if "Q" not in nodes:
            return
        targets = self.expressions.target_bits(nodes["Q"])
        values = {
            name: self.one_bit(nodes[name], instance)
            for name in function.inputs
            if name in nodes and name != "Q"
        }
        values["Q"] = targets[0]
        if len(targets) != 1 or set(function.inputs) - values.keys():
            raise self.wiring.error(f"{module}: expected one net at every pin", instance)
        bits = self.wiring.bits
        self.wiring.line = instance.lineno
        leaves = bits.constant(function.table, 1 << len(function.inputs))
        following = bits.table(leaves, [values[name] for name in function.inputs])
        self.wiring.cut_register(targets[0], following, instance)

    def parameters(self, instance: Any, defparams: Mapping[str, Any]) -> dict[str, int | str]:
        found: dict[str, Any] = {}
        for argument in instance.parameterlist:
            name = plain(argument.paramname or "")
            if name in found:
                raise self.wiring.error(
                    f"{plain(instance.module)}: {name} is given twice", instance
                )
            found[name] = argument.argname
        found.update({name: entry.value for name, entry in defparams.items()})
        return {
            name: self.parameter(node)
            for name, node in found.items()
            if node is not None and not isinstance(node, ast.FloatConst)
        }

    def parameter(self, node: Any) -> int | str:
        """Return the value of a parameter; one of x, such as an initial value, as its text."""
        if isinstance(node, ast.StringConst) or (
            isinstance(node, ast.IntConst) and set(node.value.lower()) & set("xz?")
        ):
            return str(node.value)
        return self.expressions.number(node)

    def connect(
        self, instance: Any, functions: Sequence[CellFunction], nodes: Mapping[str, Any]
    ) -> None:
        bits = self.wiring.bits
        outputs = {one.output for one in functions}
        reads = {name for one in functions for name in one.inputs} - outputs
        connected = [
            pin
            for name in nodes
            for pin in (name, *(f"{name}[{place}]" for place in range(_MAX_PINS)))
        ]
        functions = needed_functions(functions, connected)
        values: dict[str, int] = {}
        for name, node in nodes.items():
            if name in reads or f"{name}[0]" in reads:
                values.update(self.pins(name, self.expressions.expression(node), reads, instance))
        for one in functions:
            missing = [name for name in one.inputs if name not in values]
            if missing:
                raise self.wiring.error(
                    f"{plain(instance.module)}: the input {missing[0]} is not connected", instance
                )
            self.wiring.line = instance.lineno
            leaves = bits.constant(one.table, 1 << len(one.inputs))
            values[one.output] = bits.table(leaves, [values[name] for name in one.inputs])
        for name, node in nodes.items():
            if name in outputs or f"{name}[0]" in outputs:
                targets = self.expressions.target_bits(node)
                pins = self.pins(name, targets, outputs, instance)
                self.wiring.connect(list(pins.values()), [values[pin] for pin in pins], instance)

    def pins(
        self, name: str, bits: Sequence[int], known: set[str], instance: Any
    ) -> dict[str, int]:
        places = [f"{name}[{place}]" for place in range(_MAX_PINS)]
        pins = [name] if name in known else [pin for pin in places if pin in known]
        if len(pins) != len(bits):
            raise self.wiring.error(
                f"{plain(instance.module)}: expected {len(pins)} bits at {name}, got {len(bits)}",
                instance,
            )
        return dict(zip(pins, bits, strict=True))


def declare_parameters(wiring: Wiring) -> None:
    """Declare the parameters of the scope's module, with the values that its instance gives."""
    scope = wiring.scope
    for entry in _parameters(scope.module):
        name = plain(entry.name)
        if name in scope.nets:
            raise wiring.error(f"{name} is declared twice", entry)
        own = Expressions(wiring).evaluate(entry.value.var, 0)
        bits, signed = scope.values.get(name, own)
        if wiring.bits.value_of(bits) is None:
            raise wiring.error(f"{name}: expected a constant", entry)
        if entry.width is not None:
            high, low = wiring.range(entry)
            bits = wiring.bits.extend(bits, abs(high - low) + 1, signed)
            scope.nets[name] = Net(bits, low, 1 if high >= low else -1, bool(entry.signed))
        else:
            scope.nets[name] = Net(bits, signed=signed or bool(entry.signed))


def given_values(
    wiring: Wiring, instance: Any, defparams: Mapping[str, Any], module: Any
) -> dict[str, Value]:
    names = [
        plain(entry.name) for entry in _parameters(module) if not isinstance(entry, ast.Localparam)
    ]
    found: dict[str, Any] = {}
    for place, argument in enumerate(instance.parameterlist):
        if argument.paramname is None and place >= len(names):
            raise wiring.error(
                f"{plain(instance.module)}: expected at most {len(names)} parameters", instance
            )
        name = names[place] if argument.paramname is None else plain(argument.paramname)
        if name in found:
            raise wiring.error(f"{plain(instance.module)}: {name} is given twice", instance)
        found[name] = argument.argname
    found.update({name: entry.value for name, entry in defparams.items()})
    values = {}
    for name, node in found.items():
        if name not in names:
            raise wiring.error(f"{plain(instance.module)}: {name} is not a parameter", instance)
        if node is not None:
            values[name] = Expressions(wiring).evaluate(node, 0)
    return values


def _parameters(module: Any) -> Iterator[Any]:
    header = module.paramlist.params if module.paramlist is not None else ()
    for item in (*header, *module.items):
        for entry in item.list if isinstance(item, ast.Decl) else ():
            if isinstance(entry, ast.Parameter) and not isinstance(entry, ast.Supply):
                yield entry
