"""A netlist, or the fan-in cone of some of its outputs, under names for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from btfsynth.errors import UsageError
from btfsynth.netlist.hashing import compact
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.netlist import CellKind, Netlist, cell_kind
from btfsynth.netlist.views import NetlistStatistics, levels, mark_cone, statistics
from btfsynth.ports import Port, bit_names

MAX_DRAWN = 2000
"""Cells of the largest circuit that is drawn."""
_INFIX = {CellKind.AND: " & ", CellKind.OR: " | "}


@dataclass(frozen=True)
class Cell:
    node: int
    level: int
    kind: CellKind
    fanins: tuple[int, ...]  # literals without the constant that makes it an AND or an OR


@dataclass(frozen=True, eq=False)
class Excerpt:
    """What is shown of a netlist; nodes keep the numbers that they have in the whole."""

    netlist: Netlist
    # Output bits whose fan-in cones are shown; None shows everything, also cells that drive no output.
    outputs: tuple[int, ...] | None = None

    @cached_property
    def shown_outputs(self) -> tuple[tuple[str, int], ...]:
        names = [_plain(name) for name in bit_names(self.netlist.output_ports)]
        chosen = range(len(names)) if self.outputs is None else self.outputs
        return tuple((names[bit], int(self.netlist.outputs[bit])) for bit in chosen)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        netlist = self.netlist
        level = levels(netlist)
        nodes = np.arange(netlist.first_cell, netlist.n_nodes)
        if self.outputs is not None:
            roots = netlist.outputs[list(self.outputs)]
            nodes = nodes[mark_cone(netlist.fanins, roots, netlist.first_cell)[nodes]]
        found = []
        for node in nodes[np.argsort(level[nodes], kind="stable")].tolist():
            fanin = netlist.fanins[node - netlist.first_cell]
            kind = cell_kind(fanin)
            found.append(Cell(node, int(level[node]), kind, _operands(fanin.tolist(), kind)))
        return tuple(found)

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """The nodes of the inputs that are shown: of a cone, those it reads."""
        n_inputs = self.netlist.n_inputs
        if self.outputs is None:
            return tuple(range(1, 1 + n_inputs))
        read = {literal >> 1 for cell in self.cells for literal in cell.fanins}
        read |= {literal >> 1 for _, literal in self.shown_outputs}
        return tuple(sorted(node for node in read if 1 <= node <= n_inputs))

    @cached_property
    def cost(self) -> NetlistStatistics:
        if self.outputs is None:
            return statistics(self.netlist)
        netlist = self.netlist
        roots = netlist.outputs[list(self.outputs)]
        ports = tuple(Port(name, 1) for name, _ in self.shown_outputs)
        part = Netlist(netlist.name, netlist.input_ports, ports, netlist.fanins, roots)
        return statistics(compact(part, netlist.fanins, roots))

    @cached_property
    def _input_names(self) -> list[str]:
        return [_plain(name) for name in bit_names(self.netlist.input_ports)]

    @cached_property
    def _cell_names(self) -> list[str]:
        return cell_names(self.netlist)

    def name(self, node: int) -> str:
        """Return the name of a node: 0 for the constant, that of an input, or that of a cell in all files."""
        if node == 0:
            return "0"
        if node <= self.netlist.n_inputs:
            return self._input_names[node - 1]
        return self._cell_names[node - self.netlist.first_cell]

    def literal(self, literal: int) -> str:
        """Return a literal in words: a constant, or the name with ``~`` before it if complemented."""
        if literal < 2:
            return str(literal)
        return ("~" if literal & 1 else "") + self.name(literal >> 1)

    def function(self, cell: Cell) -> str:
        """Return what a cell computes, such as ``a & ~n7`` or ``maj(a, b, ~c)``."""
        words = [self.literal(literal) for literal in cell.fanins]
        if cell.kind is CellKind.MAJ:
            return f"maj({', '.join(words)})"
        return _INFIX[cell.kind].join(words)


def _plain(name: str) -> str:
    """Return a name with escapes in place of what is not printable."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _operands(fanin: list[int], kind: CellKind) -> tuple[int, ...]:
    """Return the literals of a cell without the one constant that tells its kind."""
    if kind is CellKind.MAJ:
        return tuple(fanin)
    constant = fanin.index(0 if kind is CellKind.AND else 1)
    return tuple(fanin[:constant] + fanin[constant + 1 :])


def find_outputs(netlist: Netlist, name: str) -> tuple[int, ...]:
    """Return the numbers of the output bits of a name: one bit, or all of a port."""
    names = bit_names(netlist.output_ports)
    if name in names:
        return (names.index(name),)
    start = 0
    for port in netlist.output_ports:
        if port.name == name:
            return tuple(range(start, start + port.width))
        start += port.width
    known = ", ".join(
        port.name if port.width == 1 else f"{port.bits[0]} to {port.bits[-1]}"
        for port in netlist.output_ports[:20]
    )
    raise UsageError(f"no output {name!r:.60}; outputs are: {known}")


_LABELS = {CellKind.AND: "&", CellKind.OR: "&#8805;1", CellKind.MAJ: "M"}


def format_dot(excerpt: Excerpt) -> str:
    """Return a graph from left to right in the DOT language; a complement is an empty circle at the arrow."""
    return "\n".join(_lines(excerpt)) + "\n"


def _lines(excerpt: Excerpt) -> Iterator[str]:
    yield f"digraph {_quoted(excerpt.netlist.name)} {{"
    yield "  rankdir=LR;"
    yield "  node [fontname=Helvetica, fontsize=11, height=0.3, width=0.4];"
    yield "  edge [arrowsize=0.6];"
    yield "  { rank=source; node [shape=plaintext];"
    for node in excerpt.inputs:
        yield f"    v{node} [label={_quoted(excerpt.name(node))}];"
    yield "  }"
    for cell in excerpt.cells:
        shown = f"{excerpt.name(cell.node)}\\n{_LABELS[cell.kind]}"
        yield f'  v{cell.node} [shape=box, label="{shown}"];'
    if any(literal < 2 for _, literal in excerpt.shown_outputs) or any(
        literal < 2 for cell in excerpt.cells for literal in cell.fanins
    ):
        yield '  v0 [shape=plaintext, label="0"];'
    yield "  { rank=sink; node [shape=plaintext];"
    for place, (name, _) in enumerate(excerpt.shown_outputs):
        yield f"    o{place} [label={_quoted(name)}];"
    yield "  }"
    for cell in excerpt.cells:
        for literal in cell.fanins:
            yield _edge(literal, f"v{cell.node}")
    for place, (_, literal) in enumerate(excerpt.shown_outputs):
        yield _edge(literal, f"o{place}")
    yield "}"


def _edge(literal: int, target: str) -> str:
    head = " [arrowhead=odot]" if literal & 1 else ""
    return f"  v{literal >> 1} -> {target}{head};"


def _quoted(name: str) -> str:
    """Return a name as a string of DOT in which nothing has a meaning of its own."""
    plain = name if name.isprintable() else name.encode("unicode_escape").decode()
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'
