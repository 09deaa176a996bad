"""AIGER, ASCII and binary: an AND or an OR is one AND, a majority four."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from btfsynth.backends.cells import plain_cells
from btfsynth.backends.identifiers import HdlNames, printable
from btfsynth.backends.tokens import token_names
from btfsynth.dataset.ports import bit_names, pin_order
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["aiger_names", "emit_aag", "emit_aig"]


def aiger_names(netlist: Netlist) -> HdlNames:
    """Return names that a symbol table can hold."""
    return token_names(netlist, "", one_space=False)


def emit_aag(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as ASCII AIGER with symbol table and comment, pins in their order.

    There are no symbols where none of the ports was given a name.

    Parameters
    ----------
    netlist
        What to write.
    names
        Names of its ports (see `aiger_names`).
    provenance
        Lines of the comment, in order.
    """
    graph = _and_graph(netlist)
    lines = [f"aag {_counts(graph)}"]
    lines.extend(str(literal) for literal in range(2, 2 * graph.first, 2))
    lines.extend(map(str, graph.outputs))
    lines.extend(
        f"{2 * (graph.first + row)} {high} {low}" for row, (high, low) in enumerate(graph.ands)
    )
    return "\n".join([*lines, *_tail(names, provenance)]) + "\n"


def emit_aig(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> bytes:
    """Return the netlist as binary AIGER (see `emit_aag`)."""
    graph = _and_graph(netlist)
    text = "\n".join([f"aig {_counts(graph)}", *map(str, graph.outputs)]) + "\n"
    octets = bytearray(text.encode())
    for row, (high, low) in enumerate(graph.ands):
        for difference in (2 * (graph.first + row) - high, high - low):
            rest = difference
            while rest > 0x7F:
                octets.append(0x80 | rest & 0x7F)
                rest >>= 7
            octets.append(rest)
    return bytes(octets) + ("\n".join(_tail(names, provenance)) + "\n").encode()


@dataclass
class _AndGraph:
    """ANDs with their greater literal first, hashed; variables from ``first`` on."""

    first: int
    ands: list[tuple[int, int]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    known: dict[tuple[int, int], int] = field(default_factory=dict)

    def join(self, a: int, b: int) -> int:
        """Return the literal of an AND."""
        key = (a, b) if a > b else (b, a)
        literal = self.known.get(key)
        if literal is None:
            literal = self.known[key] = 2 * (self.first + len(self.ands))
            self.ands.append(key)
        return literal


def _and_graph(netlist: Netlist) -> _AndGraph:
    netlist = plain_cells(netlist)
    graph = _AndGraph(netlist.first_cell)
    literals = [0] * netlist.first_cell
    for pin, bit in enumerate(pin_order(netlist.input_ports)):
        literals[1 + bit] = 2 * (1 + pin)
    for fanin in netlist.fanins.tolist():
        constant, *_ = sorted(fanin)
        a, b, c = (literals[literal >> 1] ^ (literal & 1) for literal in sorted(fanin))
        if constant == FALSE:
            literals.append(graph.join(b, c))
        elif constant == TRUE:
            literals.append(graph.join(b ^ 1, c ^ 1) ^ 1)
        else:
            both, neither = graph.join(a, b), graph.join(a ^ 1, b ^ 1)
            literals.append(graph.join(both ^ 1, graph.join(c, neither ^ 1) ^ 1) ^ 1)
    driven = [literals[literal >> 1] ^ (literal & 1) for literal in netlist.outputs.tolist()]
    graph.outputs = [driven[bit] for bit in pin_order(netlist.output_ports)]
    return graph


def _counts(graph: _AndGraph) -> str:
    inputs, ands = graph.first - 1, len(graph.ands)
    return f"{inputs + ands} {inputs} 0 {len(graph.outputs)} {ands}"


def _tail(names: HdlNames, provenance: Mapping[str, str]) -> Sequence[str]:
    """Return the symbol table and the comment."""
    lines = []
    for letter, ports in (("i", names.inputs), ("o", names.outputs)):
        if any(port.named for port in ports):
            bits = bit_names(ports)
            lines += [f"{letter}{pin} {bits[bit]}" for pin, bit in enumerate(pin_order(ports))]
    lines.append("c")
    lines.append(printable(names.module))
    lines.extend(f"{printable(key)}: {printable(value)}" for key, value in provenance.items())
    return lines
