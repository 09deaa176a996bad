"""A netlist, or the fan-in cone of some outputs, with readable names: as DOT, or as a schematic in SVG.

Cells stand in a column per level, laid out in layers as by K. Sugiyama, S. Tagawa & M. Toda, IEEE Trans. SMC
11, 109 (1981): a wire that passes a column has a place in it, the places of a column are ordered by the mean
of what they are joined to, and moved as near to it as their order and sizes allow (least squares, by pooling
adjacent violators).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from markupsafe import Markup

from btfsynth.errors import UsageError
from btfsynth.netlist.hashing import compact
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.netlist import CellKind, Netlist, cell_kind
from btfsynth.netlist.views import NetlistStatistics, levels, mark_cone, statistics
from btfsynth.ports import Port, bit_names
from btfsynth.report.svg import element, number

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
    """The shown part of a netlist; nodes keep their numbers."""

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
        """Return the expression of a cell, such as ``a & ~n7`` or ``maj(a, b, ~c)``."""
        words = [self.literal(literal) for literal in cell.fanins]
        if cell.kind is CellKind.MAJ:
            return f"maj({', '.join(words)})"
        return _INFIX[cell.kind].join(words)


def _plain(name: str) -> str:
    """Return a name with unprintable characters escaped."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _operands(fanin: list[int], kind: CellKind) -> tuple[int, ...]:
    """Return the literals of a cell without the constant of an AND or OR."""
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


_DOT_LABELS = {CellKind.AND: "&", CellKind.OR: "&#8805;1", CellKind.MAJ: "M"}


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
        shown = f"{excerpt.name(cell.node)}\\n{_DOT_LABELS[cell.kind]}"
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


_GATE = 34.0
_PIN = 13.0
_CHANNEL = 64.0
_GAP = 16.0
_THIN = 9.0
_MARGIN = 14.0
_LETTER = 6.6
_BUBBLE = 3.0

NIGHT_PAPER = "#1e2129"
"""Ground of a drawing where a browser shows it in dark mode."""
_STYLE = (
    "text{font:11px monospace;fill:#1b2430}.k{text-anchor:middle;font-weight:bold}"
    ".n{text-anchor:middle;font-size:8px;fill:#5a6675}.i{text-anchor:end}.p{fill:#fff}"
    ".g{fill:#f3f6fa;stroke:#1b2430;stroke-width:1.2}.w{fill:none;stroke:#44617f;stroke-width:1}"
    ".b{fill:#fff;stroke:#1b2430;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#dde2ea}.n{fill:#a3adbb}"
    f".g{{fill:#2a2f3a;stroke:#dde2ea}}.w{{stroke:#8aa4c1}}.b{{stroke:#dde2ea}}.p,.b{{fill:{NIGHT_PAPER}}}}}"
)
_SVG_LABELS = {CellKind.AND: "&", CellKind.OR: "\u22651", CellKind.MAJ: "M"}


def format_svg(excerpt: Excerpt) -> str:
    """Return the text of an SVG file: inputs at the left, a column a level, a circle for a complement."""
    if len(excerpt.cells) > MAX_DRAWN:
        raise UsageError(
            f"{excerpt.netlist.name}: expected at most {MAX_DRAWN} cells to draw, got "
            f"{len(excerpt.cells)}; draw the cone of an output"
        )
    return str(_Drawing(excerpt).picture()) + "\n"


@dataclass(frozen=True)
class _Pin:
    """Where a wire ends: in a place of some column, at so much below its middle."""

    place: Place
    column: int
    literal: int
    offset: float


class _Drawing:
    """One drawing: places are ``("v", node)``, ``("o", number)``, and ``("w", node, column)`` on the way."""

    def __init__(self, excerpt: Excerpt) -> None:
        self._excerpt = excerpt
        self._column: dict[int, int] = dict.fromkeys(excerpt.inputs, 0)
        self._column.update((cell.node, cell.level) for cell in excerpt.cells)
        used = [literal for cell in excerpt.cells for literal in cell.fanins]
        used += [literal for _, literal in excerpt.shown_outputs]
        if any(literal < 2 for literal in used):
            self._column[0] = 0
        self._last = 1 + max(self._column.values(), default=0)
        self._targets = self._list_targets()
        self._layers = self._arrange()
        widest = max((len(excerpt.name(node)) for node in self._sources(0)), default=0)
        self._left = _MARGIN + widest * _LETTER

    def _sources(self, column: int) -> list[int]:
        return [node for node, place in self._column.items() if place == column]

    def _list_targets(self) -> dict[int, list[tuple[Place, int, int]]]:
        """Return by node the place, the column and the literal of all that read it."""
        targets: dict[int, list[tuple[Place, int, int]]] = {node: [] for node in self._column}
        for cell in self._excerpt.cells:
            for literal in cell.fanins:
                targets[literal >> 1].append((("v", cell.node), cell.level, literal))
        for place, (_, literal) in enumerate(self._excerpt.shown_outputs):
            targets[literal >> 1].append((("o", place), self._last, literal))
        return targets

    def _arrange(self) -> Layers:
        columns: list[list[Place]] = [[] for _ in range(self._last + 1)]
        sizes: dict[Place, float] = {}
        for node, column in self._column.items():
            columns[column].append(("v", node))
            sizes["v", node] = _PIN + 4
        for cell in self._excerpt.cells:
            sizes["v", cell.node] = _height(cell) + _GAP
        for place in range(len(self._excerpt.shown_outputs)):
            columns[self._last].append(("o", place))
            sizes["o", place] = _PIN + 4
        wires: list[tuple[Place, Place]] = []
        for node, targets in self._targets.items():
            first = self._column[node]
            for column in range(first + 1, max((at for _, at, _ in targets), default=0)):
                columns[column].append(("w", node, column))
                sizes["w", node, column] = _THIN
                wires.append((self._carrier(node, column - 1), ("w", node, column)))
            wires += [(self._carrier(node, at - 1), place) for place, at, _ in targets]
        return arrange(columns, wires, sizes)

    def _carrier(self, node: int, column: int) -> Place:
        """Return the place that has a node's signal in a column: its own, or one on the way."""
        return ("v", node) if self._column[node] == column else ("w", node, column)

    def _x(self, column: int) -> float:
        """Return where a column begins; inputs end there and outputs begin there."""
        return self._left if column == 0 else self._left + column * (_GATE + _CHANNEL) - _GATE

    def _y(self, place: Place) -> float:
        return _MARGIN + self._layers.at[place]

    def picture(self) -> Markup:
        excerpt = self._excerpt
        names = [name for name, _ in excerpt.shown_outputs]
        longest = max((len(name) for name in names), default=0)
        width = self._x(self._last) + 8 + longest * _LETTER + _MARGIN
        height = self._layers.height + 2 * _MARGIN
        pins = self._pins()
        parts = [
            element(
                "title", excerpt.netlist.name if excerpt.netlist.name.isprintable() else "netlist"
            ),
            element("style", _STYLE),
            element("rect", width=width, height=height, fill="#fff", class_="p"),
            *(self._net(node, pins[node]) for node in self._column if pins[node]),
        ]
        for node in self._sources(0):
            name = excerpt.name(node)
            y = self._y(("v", node)) + 3.5
            parts.append(element("text", name, x=self._left - 4, y=y, class_="i"))
        parts += [self._gate(cell) for cell in excerpt.cells]
        for place, name in enumerate(names):
            y = self._y(("o", place)) + 3.5
            parts.append(element("text", name, x=self._x(self._last) + 4, y=y))
        parts += [self._bubble(pin) for ends in pins.values() for pin in ends if pin.literal & 1]
        return element(
            "svg", *parts, xmlns="http://www.w3.org/2000/svg", width=width, height=height,
            viewBox=f"0 0 {number(width)} {number(height)}", role="img",
        )  # fmt: skip

    def _pins(self) -> dict[int, list[_Pin]]:
        """Return by node where its wire ends; the pins of a cell are in the order of what comes in."""
        pins: dict[int, list[_Pin]] = {node: [] for node in self._column}
        for cell in self._excerpt.cells:
            came = sorted(
                cell.fanins,
                key=lambda literal: self._y(self._carrier(literal >> 1, cell.level - 1)),
            )
            for place, literal in enumerate(came):
                offset = (place - (len(came) - 1) / 2) * _PIN
                pins[literal >> 1].append(_Pin(("v", cell.node), cell.level, literal, offset))
        for place, (_, literal) in enumerate(self._excerpt.shown_outputs):
            pins[literal >> 1].append(_Pin(("o", place), self._last, literal, 0.0))
        return pins

    def _net(self, node: int, pins: list[_Pin]) -> Markup:
        """Return the wire of a node: through the columns it passes, to each of its pins."""
        steps = []
        for column in range(self._column[node] + 1, max(pin.column for pin in pins)):
            passed = ("w", node, column)
            steps.append(self._curve(node, column, self._y(passed)))
            steps.append(f"H{number(self._x(column) + _GATE)}")
        for pin in pins:
            room = 2 * _BUBBLE if pin.literal & 1 else 0.0
            steps.append(self._curve(node, pin.column, self._y(pin.place) + pin.offset, room))
        title = element("title", self._excerpt.name(node))
        return element("path", title, d="".join(steps), class_="w")

    def _curve(self, node: int, column: int, y: float, room: float = 0.0) -> str:
        """Return the way from the column before to one; it ends so much before it."""
        start = self._x(column - 1) + (_GATE if column > 1 else 0.0)
        end = self._x(column)
        from_y, middle = self._y(self._carrier(node, column - 1)), (start + end) / 2
        return (
            f"M{number(start)} {number(from_y)}C{number(middle)} {number(from_y)} {number(middle)} "
            f"{number(y)} {number(end - room)} {number(y)}"
        )

    def _gate(self, cell: Cell) -> Markup:
        x, y, half = self._x(cell.level), self._y(("v", cell.node)), _height(cell) / 2
        top, bottom, right = number(y - half), number(y + half), number(x + _GATE)
        flat = x + _GATE - min(half, _GATE / 2)
        if cell.kind is CellKind.AND:
            outline = (
                f"M{number(x)} {top}H{number(flat)}A{number(x + _GATE - flat)} {number(half)} 0 0 1 "
                f"{number(flat)} {bottom}H{number(x)}Z"
            )
        elif cell.kind is CellKind.OR:
            outline = (
                f"M{number(x - 4)} {top}Q{number(flat + 4)} {top} {right} {number(y)}"
                f"Q{number(flat + 4)} {bottom} {number(x - 4)} {bottom}Q{number(x + 4)} {number(y)} "
                f"{number(x - 4)} {top}Z"
            )
        else:
            outline = f"M{number(x)} {top}H{right}V{bottom}H{number(x)}Z"
        name = self._excerpt.name(cell.node)
        return element(
            "g",
            element("title", f"{name} = {self._excerpt.function(cell)}"),
            element("path", d=outline, class_="g"),
            element("text", _SVG_LABELS[cell.kind], x=x + _GATE / 2 - 1, y=y + 4, class_="k"),
            element("text", name, x=x + _GATE / 2, y=y + half + 8, class_="n"),
        )

    def _bubble(self, pin: _Pin) -> Markup:
        x, y = self._x(pin.column) - _BUBBLE, self._y(pin.place) + pin.offset
        return element("circle", cx=x, cy=y, r=_BUBBLE, class_="b")


def _height(cell: Cell) -> float:
    return len(cell.fanins) * _PIN + 4


Place = Hashable
"""What stands in a column; the caller gives it a meaning."""

_SWEEPS = 8


@dataclass(frozen=True)
class Layers:
    columns: tuple[tuple[Place, ...], ...]  # the places of every column from top to bottom
    height: float  # of the drawing
    at: Mapping[Place, float]  # ordinate of the middle of every place


def arrange(
    columns: Sequence[Sequence[Place]],
    wires: Sequence[tuple[Place, Place]],
    sizes: Mapping[Place, float],
) -> Layers:
    """Order the places of every column and give them room."""
    before: dict[Place, list[Place]] = defaultdict(list)
    after: dict[Place, list[Place]] = defaultdict(list)
    for source, target in wires:
        before[target].append(source)
        after[source].append(target)
    order = [list(column) for column in columns]
    rank = {place: float(i) for column in order for i, place in enumerate(column)}
    for _ in range(_SWEEPS):
        for column in order[1:]:
            _reorder(column, before, rank)
        for column in order[-2::-1]:
            _reorder(column, after, rank)
    at: dict[Place, float] = {}
    for column in order:
        _settle(column, {place: rank[place] for place in column}, sizes, at)
    for _ in range(_SWEEPS):
        for neighbours, swept in ((before, order[1:]), (after, order[-2::-1]), (before, order[1:])):
            for column in swept:
                wanted = {place: _mean(neighbours[place], at, at[place]) for place in column}
                _settle(column, wanted, sizes, at)
    top = min((at[place] - sizes[place] / 2 for place in at), default=0.0)
    bottom = max((at[place] + sizes[place] / 2 for place in at), default=0.0)
    return Layers(
        tuple(tuple(column) for column in order),
        bottom - top,
        {place: y - top for place, y in at.items()},
    )


def _mean(places: Sequence[Place], values: Mapping[Place, float], otherwise: float) -> float:
    return sum(values[place] for place in places) / len(places) if places else otherwise


def _reorder(
    column: list[Place], neighbours: Mapping[Place, list[Place]], rank: dict[Place, float]
) -> None:
    """Sort a column by the mean rank of what its places are joined to; the rest keep their rank."""
    wanted = {place: _mean(neighbours.get(place, ()), rank, rank[place]) for place in column}
    column.sort(key=wanted.__getitem__)
    rank.update((place, float(i)) for i, place in enumerate(column))


def _settle(
    column: Sequence[Place],
    wanted: Mapping[Place, float],
    sizes: Mapping[Place, float],
    at: dict[Place, float],
) -> None:
    """Move a column as close to the desired positions as its order and sizes allow. Modifies at."""
    offsets, offset = [], 0.0
    for place in column:
        offsets.append(offset + sizes[place] / 2)
        offset += sizes[place]
    pools: list[list[float]] = []  # sum and number of those that move as one
    for place, start in zip(column, offsets, strict=True):
        pools.append([wanted[place] - start, 1.0])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    shifts = [total / count for total, count in pools for _ in range(int(count))]
    for place, start, shift in zip(column, offsets, shifts, strict=True):
        at[place] = start + shift
