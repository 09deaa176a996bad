"""Gate primitives of Verilog, and the ports and parameters of instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from btfsynth.hdl.verilog.circuit import Op
from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.grammar import ast
from btfsynth.hdl.verilog.wiring import Net, Value, Wiring
from btfsynth.hdl.verilog.words import plain

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
