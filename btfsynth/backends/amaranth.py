"""An Amaranth component: one statement a cell."""

from __future__ import annotations

from collections.abc import Mapping

from btfsynth.backends.expressions import cell_expressions, literal_text, port_bits
from btfsynth.backends.identifiers import HdlNames, printable
from btfsynth.backends.templates import render
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.statistics import statistics

__all__ = ["emit_amaranth"]

_CONSTANTS = ("Const(0, 1)", "Const(1, 1)")


def emit_amaranth(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as a Python module with one ``wiring.Component``.

    Parameters
    ----------
    netlist
        What to write.
    names
        Its legal names.
    provenance
        Lines of the header comment, in order.
    """
    nets = [f"net[{number}]" for number in range(1, netlist.n_cells + 1)]
    nodes = ["", *(f"self.{bit}" for bit in port_bits(names.inputs)), *nets]

    def text(literal: int) -> str:
        return literal_text(literal, nodes, _CONSTANTS)

    bits = [f"self.{bit}" for bit in port_bits(names.outputs)]
    cells = list(zip(nets, cell_expressions(netlist, text), strict=True))
    outputs = [
        (bit, text(int(literal))) for bit, literal in zip(bits, netlist.outputs, strict=True)
    ]
    return render(
        "amaranth/component.py.j2",
        module=names.module,
        component=_class_name(names.module),
        provenance=[(printable(key), printable(value)) for key, value in provenance.items()],
        statistics=statistics(netlist),
        inputs=names.inputs,
        outputs=names.outputs,
        cells=cells,
        drivers=outputs,
        constants=any("Const(" in expression for _, expression in (*cells, *outputs)),
    )


def _class_name(module: str) -> str:
    """Return a class name that no imported name can be equal to."""
    return "".join(word[:1].upper() + word[1:] for word in module.split("_")) + "Component"
