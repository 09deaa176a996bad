"""Parameters of Verilog modules: constants that an instance may give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from btfsynth.hdl.verilog.expressions import Expressions
from btfsynth.hdl.verilog.parser import ast
from btfsynth.hdl.verilog.wiring import Net, Value, Wiring
from btfsynth.hdl.verilog.words import plain

__all__ = [
    "declare_parameters",
    "given_values",
]


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
    """Return the values that an instance gives for the parameters of its module."""
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
            raise wiring.error(f"{plain(instance.module)}: {name} is no parameter", instance)
        if node is not None:
            values[name] = Expressions(wiring).evaluate(node, 0)
    return values


def _parameters(module: Any) -> Iterator[Any]:
    """Yield the declarations of parameters in order."""
    header = module.paramlist.params if module.paramlist is not None else ()
    for item in (*header, *module.items):
        for entry in item.list if isinstance(item, ast.Decl) else ():
            if isinstance(entry, ast.Parameter) and not isinstance(entry, ast.Supply):
                yield entry
